"""Copies a catalog with its publications and cards to another place: from CSV to a database, back, or between two.

The rows stay what they are: no data file is copied, and no location is changed.
"""

import warnings
from dataclasses import dataclass

from sqlalchemy import delete

from brainio.catalogs.backends.sql.location import DatabasePlace, place_of
from brainio.catalogs.backends.sql.schema import rows
from brainio.catalogs.cards import LARGEST_CARD
from brainio.catalogs.csv_format import EMPTY, Row, newline_of, read_rows, read_table, require_header, with_rows_behind
from brainio.catalogs.listing import folder_of, shown
from brainio.catalogs.publications import FILE_NAME, publications_text
from brainio.catalogs.sources import CatalogSource, source_from
from brainio.catalogs.sql_beside import all_cards, put_card, put_publications
from brainio.catalogs.sql_form import Form, text_in
from brainio.catalogs.sql_writing import insert_rows, locked
from brainio.catalogs.writing import AnyCatalog, current_text, require_writable, rewrite, source_of, write_beside
from brainio.errors import BrainioError, CatalogError, CatalogWarning


@dataclass(frozen=True, slots=True)
class CatalogContents:
    """All that a catalog consists of: its CSV form, its rows, its publications as CSV, and its cards by their place."""

    text: str
    rows: tuple[Row, ...]
    publications: str | None
    cards: dict[str, bytes]


def copy_catalog(catalog: AnyCatalog, target: AnyCatalog) -> CatalogContents:
    """Copy a catalog to another place, as a CSV file or into a database.

    All rows and columns are copied, also what the format does not know, with the publications table and the cards. A
    CSV file that brainio wrote comes back from a database with the same bytes, any other with the same rows. A copy
    that was broken off is made whole by copying again.

    Parameters
    ----------
    catalog, target : CatalogSource, path or str
        Path or URL of a CSV file, or URL of a database. At the target nothing may be listed yet.

    Returns
    -------
    CatalogContents
        What was copied.

    Raises
    ------
    CatalogError
        The catalog has a line that cannot be read, which would be lost; or cannot be read at all. Or the target lists
        something else, or cannot be written. A database is then as it was.

    Examples
    --------
    >>> from brainio_catalogs import brainscore
    >>> copied = copy_catalog(brainscore, "sqlite:///copied.db")
    >>> copied == copy_catalog("sqlite:///copied.db", "copied/brainscore.csv")
    True
    """
    source, goal = source_of(catalog), source_of(target)
    contents = contents_of(source)
    _warn_of_relative(contents, source, goal)
    require_writable(goal)
    if goal.is_database:
        _into_database(contents, place_of(goal.location))
    else:
        _into_folder(contents, goal)
    return contents


def contents_of(source: CatalogSource) -> CatalogContents:
    """Read all that a catalog consists of.

    Raises
    ------
    CatalogError
        It, its publications or one of its lines cannot be read. A card that cannot be read is a `CatalogWarning`.
    """
    text = source.text()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CatalogWarning)
        found = tuple(row for _, row in read_rows(text, shown(source.location)))
    if caught:
        raise CatalogError(
            f"{caught[0].message} and would be lost ({len(caught)} such lines). Correct it, and copy again"
        )
    if source.is_database:
        cards = all_cards(place_of(source.location))
    else:
        named = dict.fromkeys(row.get("card", "") for row in found)
        cards = dict(filter(None, (_card(source, place) for place in named if place and _is_relative(place))))
    return CatalogContents(text, found, publications_text(folder_of(source.location)), cards)


def _card(source: CatalogSource, place: str) -> tuple[str, bytes] | None:
    from brainio.stores import parse_location, read_whole

    try:
        return place, read_whole(parse_location(place, base=folder_of(source.location)), LARGEST_CARD)
    except BrainioError as error:
        warnings.warn(f"the card {place} is not copied: {error}", CatalogWarning, stacklevel=4)
        return None


def _is_relative(place: str) -> bool:
    return "://" not in place and ".." not in place and not place.startswith(("/", "~"))


def _warn_of_relative(contents: CatalogContents, source: CatalogSource, target: CatalogSource) -> None:
    here, there = _folder(source), _folder(target)
    strayed = [
        row["location"]
        for row in contents.rows
        if row["location"] and row["location_type"].upper() != "S3" and _is_relative(row["location"])
    ]
    if strayed and here != there:
        warnings.warn(
            f"{len(strayed)} rows name files by a path from {here or 'a server'}, such as {strayed[0]}; they are "
            f"copied as they are, and from {there or 'a server'} lead elsewhere. Copy the files to the same path there",
            CatalogWarning,
            stacklevel=3,
        )


def _folder(source: CatalogSource) -> str:
    """Return where relative locations begin, empty for a server."""
    if not source.is_database:
        return folder_of(source.location)
    path = place_of(source.location).path
    return "" if path is None else str(path.parent)


def _into_database(contents: CatalogContents, place: DatabasePlace) -> None:
    form = Form(tuple(require_header(contents.text, str(place))), newline_of(contents.text))
    with locked(place) as catalog:
        _require_free(text_in(catalog.connection, catalog.number, catalog.form), contents, str(place))
        catalog.connection.execute(delete(rows).where(rows.c.catalog == catalog.number))
        insert_rows(catalog, contents.rows, 0)
        for name, body in contents.cards.items():
            put_card(catalog, name, body)
        if contents.publications is not None:
            put_publications(catalog, contents.publications)
        catalog.note_change(form=form.stored())


def _into_folder(contents: CatalogContents, target: CatalogSource) -> None:
    def replaced(before: str) -> str:
        _require_free(before, contents, shown(target.location))
        return contents.text

    _require_free(current_text(target) or EMPTY, contents, shown(target.location))
    for name, body in contents.cards.items():
        write_beside(target, name, body)
    if contents.publications is not None:
        wanted = contents.publications
        table = source_from(f"{folder_of(target.location)}/{FILE_NAME}")
        rewrite(table, lambda before: _with_publications(before, wanted), new="")
    rewrite(target, replaced)


def _require_free(before: str, contents: CatalogContents, place: str) -> None:
    """Refuse a target that lists something, unless that is what is copied."""
    listed = tuple(row for _, row in read_rows(before, place))
    if listed and listed != contents.rows:
        raise CatalogError(
            f"{place} lists {len(listed)} files already; nothing was copied. Choose another place, or remove that "
            f"catalog"
        )


def _with_publications(before: str, wanted: str) -> str:
    """Return a table of publications, which several catalogs of a folder may share, with the rows of another one."""
    if not before:
        return wanted
    known = {frozenset(row.items()) for row in _records(before)}
    lacking = [row for row in _records(wanted) if frozenset(row.items()) not in known]
    return with_rows_behind(before, lacking) if lacking else before


def _records(text: str) -> list[Row]:
    return read_table(text, FILE_NAME, "publication")
