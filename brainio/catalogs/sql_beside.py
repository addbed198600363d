"""What lies beside a catalog, where that lives in a database: the cards of its entries and its table of publications.

Carries texts; what stands in them is the business of `cards` and `publications`.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterator

from sqlalchemy import Connection, Row, delete, insert, select

from brainio.catalogs.backends.sql.connections import reading
from brainio.catalogs.backends.sql.location import DatabasePlace, place_of
from brainio.catalogs.backends.sql.schema import cards, catalogs, publications, require_schema
from brainio.catalogs.csv_format import newline_of, read_table
from brainio.catalogs.sql_form import Form, publications_text
from brainio.catalogs.sql_writing import Locked, locked
from brainio.errors import CatalogError, TransferError

_LONGEST_PLACE = 500  # characters


def read_card(base: str, place: str) -> str:
    """Return a card as it is now.

    Parameters
    ----------
    base : str
        The location of the catalog: what its entries have as `base`.
    place : str
        What the column `card` of the entry's rows says.

    Raises
    ------
    TransferError
        The database does not answer, or has no such card.
    """
    database = place_of(base)
    try:
        with reading(database) as connection:
            body = _card(connection, database, place)
    except CatalogError as error:
        raise TransferError(str(error)) from error
    if body is None:
        raise TransferError(f"{database} has no card {place}. Make it: brainio card build")
    return body


def has_card(base: str, place: str) -> bool:
    """Whether the database of a catalog has a card; raises CatalogError where it does not answer."""
    with reading(place_of(base)) as connection:
        return _card(connection, place_of(base), place) is not None


def write_card(database: DatabasePlace, place: str, body: bytes) -> None:
    """Write a card; one that is there already is replaced.

    Raises
    ------
    CatalogError
        Its place is no path below the catalog, it is no UTF-8, or the database cannot be changed.
    """
    with locked(database) as catalog:
        put_card(catalog, place, body)
        catalog.note_change()


def put_card(catalog: Locked, place: str, body: bytes) -> None:
    """Write a card into a catalog that is locked; the caller notes the change."""
    if "://" in place or ".." in place or place.startswith(("/", "~")) or not 0 < len(place) <= _LONGEST_PLACE:
        raise CatalogError(f"{place!r} does not lie below the catalog, so that it cannot be the place of a card")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CatalogError(f"the card {place} is no JSON: {error}") from error
    catalog.connection.execute(delete(cards).where(cards.c.catalog == catalog.number, cards.c.place == place))
    catalog.connection.execute(insert(cards).values(catalog=catalog.number, place=place, body=text))


def all_cards(database: DatabasePlace) -> dict[str, bytes]:
    """Return all cards of a catalog, by their place."""
    with reading(database) as connection:
        of_catalog = cards.join(catalogs).select().where(catalogs.c.name == database.name).order_by(cards.c.place)
        found = connection.execute(of_catalog.with_only_columns(cards.c.place, cards.c.body))
        return {place: body.encode() for place, body in found}


def cards_at(database: DatabasePlace, places: Collection[str]) -> dict[str, str]:
    """Return the cards of a catalog that lie at some places, by place, with one question.

    Raises
    ------
    CatalogError
        The database does not answer.
    """
    with reading(database) as connection:
        query = select(cards.c.place, cards.c.body).join(catalogs)
        found = connection.execute(query.where(catalogs.c.name == database.name, cards.c.place.in_(places)))
        return {row.place: row.body for row in found}


def read_publications(base: str) -> str | None:
    """Return the table of publications of a catalog as CSV; None where it has none.

    Raises
    ------
    CatalogError
        The database does not answer.
    """
    database = place_of(base)
    with reading(database) as connection:
        if not require_schema(connection, database):
            return None
        found = _catalog(connection, database)
        if found is None or found.publications_form is None:
            return None
        return publications_text(connection, found.id, Form.of(found.publications_form))


def rewrite_publications(database: DatabasePlace, change: Callable[[str], str], new: str) -> None:
    """Replace the table of publications by what `change` makes of its CSV form; `new` is that of one without rows.

    Raises
    ------
    CatalogError
        The database cannot be changed, or `change` raised it. It is as it was.
    """
    with locked(database) as catalog:
        form = catalog.publications_form
        before = None if form is None else publications_text(catalog.connection, catalog.number, form)
        after = change(new if before is None else before)
        if after != before:
            put_publications(catalog, after)


def put_publications(catalog: Locked, text: str) -> None:
    """Replace the table of publications of a catalog that is locked; raises CatalogError where the text is no table."""
    read_table(text, "the table of publications", "publication")
    records = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    form = Form(tuple(next(records)), newline_of(text))
    cells = [dict(zip(form.columns, record, strict=True)) for record in _whole(records, len(form.columns)) if record]
    catalog.connection.execute(delete(publications).where(publications.c.catalog == catalog.number))
    values = [{"catalog": catalog.number, "position": number, "cells": row} for number, row in enumerate(cells)]
    if values:
        catalog.connection.execute(insert(publications), values)
    catalog.note_change(publications_form=form.stored())


def _catalog(connection: Connection, database: DatabasePlace) -> "Row[tuple[int, str, str, object, object]] | None":
    return connection.execute(select(catalogs).where(catalogs.c.name == database.name)).first()


def _card(connection: Connection, database: DatabasePlace, place: str) -> str | None:
    query = select(cards.c.body).join(catalogs)
    body: str | None = connection.scalar(query.where(catalogs.c.name == database.name, cards.c.place == place))
    return body


def _whole(records: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    for number, record in enumerate(records, start=2):
        if record and len(record) != width:
            raise CatalogError(
                f"record {number} of the table of publications has {len(record)} fields; the header has {width}. "
                f"Correct it, and try again; nothing was changed"
            )
        yield record
