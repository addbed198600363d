"""Changes catalogs that live in a database: each in one transaction, under the lock of the catalog.

What may be added, and what an added entry does to others, is what the CSV form says (`csv_form`, `writing`).
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from brainio.catalogs.backends.sql.connections import changing, reading
from brainio.catalogs.backends.sql.location import DatabasePlace
from brainio.catalogs.backends.sql.schema import FORMAT_COLUMNS, catalogs, require_schema, rows, upgrade
from brainio.catalogs.csv_format import Row, rows_to_add
from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.catalogs.sql_form import Form, cell_of
from brainio.errors import CatalogError, CatalogRowError

CellsOf = Callable[[Row], Mapping[str, str]]

_MOST_NAMES = 500  # that a query asks for
_OF_FORMAT = frozenset(FORMAT_COLUMNS)


@dataclass(frozen=True, slots=True)
class Locked:
    """A catalog that nobody else changes until the transaction ends."""

    connection: Connection
    number: int
    form: Form
    publications_form: Form | None
    is_new: bool

    def note_change(self, **values: Any) -> None:
        """Give the catalog another state, and other values of its own row."""
        changed = update(catalogs).where(catalogs.c.id == self.number)
        self.connection.execute(changed.values(state=secrets.token_hex(16), **values))


@contextmanager
def locked(place: DatabasePlace) -> Iterator[Locked]:
    """Begin to change a catalog; tables and catalog are made where there are none. All is kept at the end, or nothing.

    Raises
    ------
    CatalogError
        The database has another schema, does not answer, or may not be written.
    """
    _make_tables(place)
    with changing(place) as connection:
        dialect = postgresql if place.path is None else sqlite
        blank = {"name": place.name, "state": secrets.token_hex(16), "form": Form(REQUIRED_COLUMNS).stored()}
        connection.execute(dialect.insert(catalogs).values(blank).on_conflict_do_nothing())
        # On a server this waits for whoever holds the row; SQLite let nobody else begin.
        found = connection.execute(select(catalogs).where(catalogs.c.name == place.name).with_for_update()).one()
        papers = found.publications_form
        is_new = found.state == blank["state"]
        yield Locked(connection, found.id, Form.of(found.form), Form.of(papers) if papers else None, is_new)


def _make_tables(place: DatabasePlace) -> None:
    if place.path is None or place.path.exists():
        with reading(place) as connection:
            if require_schema(connection, place):
                return
    upgrade(place)


def add_rows(place: DatabasePlace, new: Sequence[Mapping[str, str]], cells_of: CellsOf | None = None) -> None:
    """Add rows that are not there yet; and where there were any, set cells of other rows of their identifiers.

    Raises
    ------
    CatalogError, CatalogRowError
        As `csv_form.with_rows_added`, or the database cannot be changed. Nothing is changed.
    """
    with locked(place) as catalog:
        own = _of_entries(catalog, new)
        wanted = rows_to_add((row for _, row in _read(catalog, own)), new, str(place))
        if not wanted:
            return
        form = catalog.form.with_columns(wanted)
        last = catalog.connection.scalar(select(func.max(rows.c.position)).where(rows.c.catalog == catalog.number))
        insert_rows(catalog, wanted, 0 if last is None else last + 1)
        catalog = replace(catalog, form=form)
        if cells_of is not None:
            form = _set_cells(catalog, own, cells_of) or form
        catalog.note_change(form=form.stored())


def set_cells(place: DatabasePlace, cells_of: CellsOf) -> None:
    """Set cells of rows that are there; see `writing.amend_rows`.

    Raises
    ------
    CatalogError
        There is no such catalog, or the database cannot be changed. It is as it was.
    """
    with reading(place):
        pass  # an SQLite file is not made for this
    with locked(place) as catalog:
        if catalog.is_new:
            raise CatalogError(f"there is no catalog {place}; nothing was changed. Check the location")
        form = _set_cells(catalog, rows.c.catalog == catalog.number, cells_of)
        if form is not None:
            catalog.note_change(form=form.stored())


def insert_rows(catalog: Locked, wanted: Iterable[Mapping[str, str]], position: int) -> None:
    """Write rows behind others, the first at a position; the caller notes the change."""
    values = [
        {"catalog": catalog.number, "position": number} | _stored(row) for number, row in enumerate(wanted, position)
    ]
    if values:
        catalog.connection.execute(insert(rows), values)


def _set_cells(catalog: Locked, which: ColumnElement[bool], cells_of: CellsOf) -> Form | None:
    """Set cells, and return the form that the catalog has then; None: none changed. The caller notes the change."""
    changed: dict[int, Row] = {}
    for position, row in _read(catalog, which):
        after = {**row, **cells_of(row)}
        if any(after[name] != row.get(name, "") for name in after):
            changed[position] = after
    if not changed:
        return None
    here = (rows.c.catalog == catalog.number) & (rows.c.position == bindparam("at"))
    values = [{"at": position} | _stored(row) for position, row in changed.items()]
    catalog.connection.execute(update(rows).where(here), values)
    return catalog.form.with_columns(changed.values())


def _of_entries(catalog: Locked, new: Sequence[Mapping[str, str]]) -> ColumnElement[bool]:
    own = rows.c.catalog == catalog.number
    names = {row["identifier"] for row in new}
    return own & rows.c.identifier.in_(names) if len(names) <= _MOST_NAMES else own


def _read(catalog: Locked, which: ColumnElement[bool]) -> list[tuple[int, Row]]:
    """Read rows as the CSV form has them, with their positions."""
    found = catalog.connection.execute(select(rows).where(which).order_by(rows.c.position))
    return [(row.position, {name: cell_of(row._mapping, name) for name in catalog.form.columns}) for row in found]


def _stored(row: Mapping[str, str]) -> dict[str, Any]:
    text = "".join(row.values())
    if "\0" in text or not _is_unicode(text):
        raise CatalogRowError(
            f"a cell of the row of {row['identifier']!r} has a NUL character or half of a character, which no database "
            f"keeps; nothing was changed"
        )
    further = {name: cell for name, cell in row.items() if cell and name not in _OF_FORMAT}
    return {name: row.get(name, "") for name in FORMAT_COLUMNS} | {"further": further or None}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
