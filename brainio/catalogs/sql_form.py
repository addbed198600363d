"""The SQL form of a catalog: reading it as the text that its CSV form has, and telling whether it changed.

So all that is known of the CSV form holds here: columns and their order, unknown ones, malformed rows. What is written
is the business of `sql_writing`.
"""

import os
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, select

from brainio.catalogs.backends.sql.connections import reading, why_away
from brainio.catalogs.backends.sql.location import DatabasePlace, place_of
from brainio.catalogs.backends.sql.schema import FORMAT_COLUMNS, catalogs, publications, require_schema, rows
from brainio.catalogs.csv_format import line_of
from brainio.errors import CatalogError, CatalogWarning, OfflineError
from brainio.local_files import Fingerprint

_states: dict[str, str | None] = {}  # location -> what `state_of` last found
_files: dict[str, object] = {}  # location -> what its file was then, where that tells whether it was written since
_TICK = 2 * 10**9  # nanoseconds: two changes that are further apart never get the same time
_OF_FORMAT = frozenset(FORMAT_COLUMNS)
_NEWLINES = {"\n": "\n", "\r\n": "\r\n"}


@dataclass(frozen=True, slots=True)
class Form:
    """What the CSV form of a table has besides its cells."""

    columns: tuple[str, ...]
    newline: str = "\n"

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read the form as the database has it; raises CatalogError where somebody damaged it."""
        try:
            return cls(tuple(map(str, stored["columns"])), _NEWLINES[stored["newline"]])
        except (TypeError, KeyError) as error:
            raise CatalogError(
                f"a catalog of the database has the damaged form {stored!r:.200}; restore it from a backup"
            ) from error

    def stored(self) -> dict[str, Any]:
        """Return the form as the database has it."""
        return {"columns": list(self.columns), "newline": self.newline}

    def with_columns(self, changed: Iterable[Mapping[str, str]]) -> Self:
        """Return the form with the columns behind its own that rows have besides."""
        names = dict.fromkeys((*self.columns, *(name for row in changed for name in row)))
        return type(self)(tuple(names), self.newline)

    def text(self, cells: Iterable[Sequence[str]]) -> str:
        """Write rows of cells, which have the order of the columns, as CSV."""
        return "".join(line_of(row, self.newline) for row in (self.columns, *cells))


def state_of(location: str) -> str | None:
    """Return a text that is another after every change of a catalog; None where nothing can be read.

    Of a server that went away, that is what was found last, with one warning: what was read then still serves.
    """
    place = place_of(location)
    known = _states.get(location)
    if why_away(place):
        return known
    file = None if place.path is None else _settled(place.path)
    if file is not None and _files.get(location) == file:
        return known
    try:
        with reading(place) as connection:
            known = connection.scalar(select(catalogs.c.state).where(catalogs.c.name == place.name))
    except OfflineError:
        return known
    except CatalogError as error:
        if not why_away(place):
            known = None
        elif known is not None:
            warnings.warn(f"{error} What was last read of it is used.", CatalogWarning, stacklevel=2)
    _states[location], _files[location] = known, file
    return known


def _settled(path: Path) -> Fingerprint | None:
    """Return what is another after every change of an SQLite file; None where that cannot be known without asking."""
    file = Fingerprint.find(path)
    if file is None or time.time_ns() - file.mtime_ns <= _TICK or os.path.exists(f"{path}-wal"):  # noqa: PTH110
        return None
    return file


def read_text(location: str) -> str:
    """Return the CSV form of a catalog.

    Raises
    ------
    CatalogError
        It is not there, its database has another schema, or does not answer.
    """
    place = place_of(location)
    if reason := why_away(place):
        raise CatalogError(f"the catalog {place} could not be read a moment ago: {reason}")
    text = current_text(place)
    if text is None:
        with reading(place) as connection:
            names = select(catalogs.c.name).order_by(catalogs.c.name)
            held = connection.scalars(names).all() if require_schema(connection, place) else []
        listed = ", ".join(f"#{name}" for name in held) or "none"
        raise CatalogError(f"the database of {place} has no catalog of that name (it has: {listed}); name one of these")
    return text


def current_text(place: DatabasePlace) -> str | None:
    """Return the CSV form of a catalog as it is at this moment; None where there is none in its database.

    Raises
    ------
    CatalogError
        The database is not there, has another schema, or does not answer.
    """
    with reading(place) as connection:
        if not require_schema(connection, place):
            return None
        found = connection.execute(select(catalogs.c.id, catalogs.c.form).where(catalogs.c.name == place.name)).first()
        return None if found is None else text_in(connection, found.id, Form.of(found.form))


def text_in(connection: Connection, catalog: int, form: Form) -> str:
    """Return the CSV form of the rows of a catalog, whose number is known."""
    own = [name for name in form.columns if name in _OF_FORMAT]
    query = select(*(rows.c[name] for name in own)).where(rows.c.catalog == catalog).order_by(rows.c.position)
    if len(own) == len(form.columns):
        return form.text(connection.execute(query))
    found = connection.execute(query.add_columns(rows.c.further))
    return form.text([cell_of(row._mapping, name) for name in form.columns] for row in found)


def cell_of(row: Mapping[Any, Any], name: str) -> str:
    """Return a cell of a row of the table of rows, also of a column that the format does not know."""
    if name in _OF_FORMAT:
        return str(row[name])
    further = row["further"]
    return str(further.get(name, "")) if isinstance(further, dict) else ""


def publications_text(connection: Connection, catalog: int, form: Form) -> str:
    """Return the CSV form of the table of publications of a catalog, whose number is known."""
    of_catalog = publications.c.catalog == catalog
    found = connection.scalars(select(publications.c.cells).where(of_catalog).order_by(publications.c.position))
    return form.text([str(cells.get(name, "")) for name in form.columns] for cells in found if isinstance(cells, dict))
