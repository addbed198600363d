"""Rows, cards and publications of one catalog in the tables of a database, within a transaction of the caller.

The tables keep the header and the line ending of the CSV form, so that a catalog is read back as it was written.
"""

import csv
import io
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from brainio.catalogs.backends.base import CellsOf
from brainio.catalogs.backends.sql.connections import changing, reading
from brainio.catalogs.backends.sql.location import DatabaseLocation
from brainio.catalogs.backends.sql.schema import (
    FORMAT_COLUMNS,
    cards,
    catalogs,
    publications,
    require_schema,
    rows,
    upgrade,
)
from brainio.catalogs.csv_format import Row, line_of, newline_of, read_table, rows_to_add
from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.errors import CatalogError, CatalogRowError
from brainio.stores.location import is_url

_MAX_IDENTIFIERS = 500  # in one query; for more, all rows are read
_LONGEST_CARD_PATH = 500  # characters
_FORMAT_COLUMNS = frozenset(FORMAT_COLUMNS)
_NEWLINES = {"\n": "\n", "\r\n": "\r\n"}


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """The header and the line ending of a table's CSV form."""

    columns: tuple[str, ...]
    newline: str = "\n"

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Parse the JSON value that a database stores; raises CatalogError if it is damaged."""
        try:
            return cls(tuple(map(str, stored["columns"])), _NEWLINES[stored["newline"]])
        except (TypeError, KeyError) as error:
            raise CatalogError(
                f"a catalog of the database has the damaged form {stored!r:.200}; restore it from a backup"
            ) from error

    @classmethod
    def from_text(cls, text: str, header: Iterable[str]) -> Self:
        """Return the layout of a CSV text with a known header."""
        return cls(tuple(header), newline_of(text))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value that a database stores."""
        return {"columns": list(self.columns), "newline": self.newline}

    def with_columns(self, changed: Iterable[Mapping[str, str]]) -> Self:
        """Return the layout extended by the columns of rows that it lacks."""
        names = dict.fromkeys((*self.columns, *(name for row in changed for name in row)))
        return type(self)(tuple(names), self.newline)

    def format(self, cells: Iterable[Sequence[str]]) -> str:
        """Return rows of cells, in the order of the columns, as CSV with the header."""
        return "".join(line_of(row, self.newline) for row in (self.columns, *cells))


@dataclass(frozen=True, slots=True)
class LockedCatalog:
    """A catalog that no other process can change until the transaction ends.

    Attributes
    ----------
    connection : Connection
        The connection of the transaction.
    number : int
        Primary key of the catalog.
    layout : CsvLayout
        Header and line ending of its rows.
    publications_layout : CsvLayout or None
        The same of its publications table; None if the catalog has no such table.
    is_new : bool
        Whether this transaction created the catalog.
    """

    connection: Connection
    number: int
    layout: CsvLayout
    publications_layout: CsvLayout | None
    is_new: bool

    def record_change(self, **values: Any) -> None:
        """Give the catalog a new version token, and store other values of its own row."""
        change = update(catalogs).where(catalogs.c.id == self.number)
        self.connection.execute(change.values(state=secrets.token_hex(16), **values))

    def read_text(self) -> str:
        """Return the rows as CSV."""
        return read_rows_as_csv(self.connection, self.number, self.layout)

    def add_rows(self, added: Sequence[Mapping[str, str]], name: str, cells_of: CellsOf | None) -> None:
        """Add rows as `CatalogBackend.add_rows`; `name` is the catalog in messages."""
        same_entries = self._rows_of_entries(added)
        missing = rows_to_add((row for _, row in self._read_rows(same_entries)), added, name)
        if not missing:
            return
        layout = self.layout.with_columns(missing)
        last = self.connection.scalar(select(func.max(rows.c.position)).where(rows.c.catalog == self.number))
        self.insert_rows(missing, 0 if last is None else last + 1)
        extended = replace(self, layout=layout)
        if cells_of is not None:
            layout = extended.set_cells(cells_of, same_entries) or layout
        extended.record_change(form=layout.to_json())

    def replace_rows(self, added: Iterable[Mapping[str, str]]) -> None:
        """Replace all rows; the caller records the change."""
        self.connection.execute(delete(rows).where(rows.c.catalog == self.number))
        self.insert_rows(added, 0)

    def insert_rows(self, added: Iterable[Mapping[str, str]], position: int) -> None:
        """Insert rows from a position; the caller records the change."""
        values = [
            {"catalog": self.number, "position": number} | _values_of(row) for number, row in enumerate(added, position)
        ]
        if values:
            self.connection.execute(insert(rows), values)

    def set_cells(self, cells_of: CellsOf, condition: ColumnElement[bool] | None = None) -> CsvLayout | None:
        """Set cells, and return the new layout; None if no cell changed. The caller records the change."""
        changed: dict[int, Row] = {}
        for position, row in self._read_rows(rows.c.catalog == self.number if condition is None else condition):
            after = {**row, **cells_of(row)}
            if any(after[name] != row.get(name, "") for name in after):
                changed[position] = after
        if not changed:
            return None
        at_position = (rows.c.catalog == self.number) & (rows.c.position == bindparam("at"))
        values = [{"at": position} | _values_of(row) for position, row in changed.items()]
        self.connection.execute(update(rows).where(at_position), values)
        return self.layout.with_columns(changed.values())

    def put_card(self, place: str, body: bytes) -> None:
        """Write a card, replacing an existing one; the caller records the change."""
        if is_url(place) or ".." in place or place.startswith(("/", "~")) or not 0 < len(place) <= _LONGEST_CARD_PATH:
            raise CatalogError(f"{place!r} is not a path below the catalog; the card was not written")
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CatalogError(f"the card {place} is not JSON in UTF-8: {error}") from error
        self.connection.execute(delete(cards).where(cards.c.catalog == self.number, cards.c.place == place))
        self.connection.execute(insert(cards).values(catalog=self.number, place=place, body=text))

    def rewrite_publications(self, change: Callable[[str], str], empty: str) -> None:
        """Replace the publications table by the result of `change`, which gets its CSV form or `empty`."""
        layout = self.publications_layout
        before = None if layout is None else read_publications_as_csv(self.connection, self.number, layout)
        after = change(empty if before is None else before)
        if after != before:
            self.put_publications(after)

    def put_publications(self, text: str) -> None:
        """Replace the publications table, and record the change; raises CatalogError if the text is malformed."""
        read_table(text, "the table of publications", "publication")
        records = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
        layout = CsvLayout.from_text(text, next(records))
        complete = _check_widths(records, len(layout.columns))
        cells = [dict(zip(layout.columns, record, strict=True)) for record in complete if record]
        self.connection.execute(delete(publications).where(publications.c.catalog == self.number))
        values = [{"catalog": self.number, "position": number, "cells": row} for number, row in enumerate(cells)]
        if values:
            self.connection.execute(insert(publications), values)
        self.record_change(publications_form=layout.to_json())

    def _rows_of_entries(self, added: Sequence[Mapping[str, str]]) -> ColumnElement[bool]:
        own = rows.c.catalog == self.number
        identifiers = {row["identifier"] for row in added}
        return own & rows.c.identifier.in_(identifiers) if len(identifiers) <= _MAX_IDENTIFIERS else own

    def _read_rows(self, condition: ColumnElement[bool]) -> list[tuple[int, Row]]:
        found = self.connection.execute(select(rows).where(condition).order_by(rows.c.position))
        return [(row.position, {name: _cell(row._mapping, name) for name in self.layout.columns}) for row in found]


@contextmanager
def lock_catalog(location: DatabaseLocation) -> Iterator[LockedCatalog]:
    """Begin to change a catalog in a transaction that commits at the end; create tables and catalog if necessary.

    Raises
    ------
    CatalogError
        The database has another schema, does not respond, or may not be written.
    """
    _create_tables(location)
    with changing(location) as connection:
        dialect = postgresql if location.path is None else sqlite
        blank = {"name": location.name, "state": secrets.token_hex(16), "form": CsvLayout(REQUIRED_COLUMNS).to_json()}
        connection.execute(dialect.insert(catalogs).values(blank).on_conflict_do_nothing())
        # A server waits here for the transaction that holds the row; SQLite allows one writing transaction at a time.
        found = connection.execute(select(catalogs).where(catalogs.c.name == location.name).with_for_update()).one()
        stored = found.publications_form
        publications_layout = CsvLayout.from_json(stored) if stored else None
        is_new = found.state == blank["state"]
        yield LockedCatalog(connection, found.id, CsvLayout.from_json(found.form), publications_layout, is_new)


def _create_tables(location: DatabaseLocation) -> None:
    if location.path is None or location.path.exists():
        with reading(location) as connection:
            if require_schema(connection, location):
                return
    upgrade(location)


def read_rows_as_csv(connection: Connection, catalog: int, layout: CsvLayout) -> str:
    """Return the rows of the catalog with a primary key as CSV."""
    own = [name for name in layout.columns if name in _FORMAT_COLUMNS]
    query = select(*(rows.c[name] for name in own)).where(rows.c.catalog == catalog).order_by(rows.c.position)
    if len(own) == len(layout.columns):
        return layout.format(connection.execute(query))
    found = connection.execute(query.add_columns(rows.c.further))
    return layout.format([_cell(row._mapping, name) for name in layout.columns] for row in found)


def read_publications_as_csv(connection: Connection, catalog: int, layout: CsvLayout) -> str:
    """Return the publications table of the catalog with a primary key as CSV."""
    own = publications.c.catalog == catalog
    found = connection.scalars(select(publications.c.cells).where(own).order_by(publications.c.position))
    return layout.format(
        [str(cells.get(name, "")) for name in layout.columns] for cells in found if isinstance(cells, dict)
    )


def _cell(row: Mapping[Any, Any], name: str) -> str:
    """Return a cell of a stored row; columns outside the format are in `further`."""
    if name in _FORMAT_COLUMNS:
        return str(row[name])
    further = row["further"]
    return str(further.get(name, "")) if isinstance(further, dict) else ""


def _values_of(row: Mapping[str, str]) -> dict[str, Any]:
    text = "".join(row.values())
    if "\0" in text or not _is_unicode(text):
        raise CatalogRowError(
            f"a cell of the row of {row['identifier']!r} contains a NUL character or half of a surrogate pair, which "
            f"databases cannot store; nothing was changed"
        )
    further = {name: cell for name, cell in row.items() if cell and name not in _FORMAT_COLUMNS}
    return {name: row.get(name, "") for name in FORMAT_COLUMNS} | {"further": further or None}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_widths(records: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    for number, record in enumerate(records, start=2):
        if record and len(record) != width:
            raise CatalogError(
                f"record {number} of the table of publications has {len(record)} fields; the header has {width}. "
                f"Correct it, and try again; nothing was changed"
            )
        yield record
