"""Catalogs in SQL databases: an SQLite file of this machine, or a PostgreSQL server."""

import os
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from sqlalchemy import Connection, Row, select

from brainio.catalogs.backends.base import (
    CatalogBackend,
    CatalogContents,
    CellsOf,
    ChangeText,
    Sidecars,
    check_writable_file,
)
from brainio.catalogs.backends.fallback_copies import read_or_fall_back
from brainio.catalogs.backends.sql.connections import reading, why_away
from brainio.catalogs.backends.sql.location import DatabaseLocation, parse_database_location
from brainio.catalogs.backends.sql.schema import cards, catalogs, require_schema, upgrade
from brainio.catalogs.backends.sql.tables import (
    CsvLayout,
    lock_catalog,
    read_publications_as_csv,
    read_rows_as_csv,
)
from brainio.catalogs.csv_format import read_rows, require_header
from brainio.errors import CatalogError, CatalogWarning, OfflineError, TransferError
from brainio.local_files import Fingerprint

_TIME_RESOLUTION = 2 * 10**9  # nanoseconds: changes of a file that are further apart get different times


class SqlSidecars(Sidecars):
    """The cards and the publications table of a catalog in a database."""

    def __init__(self, location: DatabaseLocation, version_token: Callable[[], str | None]) -> None:
        self.base = location.catalog_url
        self._location = location
        self._version_token = version_token

    def __str__(self) -> str:
        return str(self._location)

    def publications_token(self) -> str | None:
        """Return the version token of the catalog, which changes with its publications table."""
        return self._version_token()

    def read_publications(self) -> str | None:
        """Return the publications table as CSV; None if the catalog has none."""
        with reading(self._location) as connection:
            if not require_schema(connection, self._location):
                return None
            found = _find_catalog(connection, self._location)
            if found is None or found.publications_form is None:
                return None
            return read_publications_as_csv(connection, found.id, CsvLayout.from_json(found.publications_form))

    def rewrite_publications(self, change: ChangeText, empty: str) -> None:
        """Rewrite the publications table in one transaction."""
        with lock_catalog(self._location) as catalog:
            catalog.rewrite_publications(change, empty)

    def read_card(self, place: str) -> bytes:
        """Return a card by one query."""
        try:
            body = self._select_cards([place]).get(place)
        except CatalogError as error:
            raise TransferError(str(error)) from error
        if body is None:
            raise TransferError(f"{self} has no card {place}. Create it: brainio card build")
        return body

    def has_card(self, place: str) -> bool:
        """Whether the database has a card."""
        return place in self._select_cards([place])

    def write_card(self, place: str, data: bytes) -> None:
        """Write a card in one transaction."""
        with lock_catalog(self._location) as catalog:
            catalog.put_card(place, data)
            catalog.record_change()

    def read_cards(self, places: Collection[str]) -> dict[str, bytes] | None:
        """Return several cards by one query; None if the server failed to respond within the last minute."""
        return None if why_away(self._location) else self._select_cards(places)

    def list_cards(self) -> list[str]:
        """Return the paths of all cards of the catalog."""
        with reading(self._location) as connection:
            query = select(cards.c.place).join(catalogs).where(catalogs.c.name == self._location.name)
            return list(connection.scalars(query.order_by(cards.c.place)))

    def _select_cards(self, places: Collection[str]) -> dict[str, bytes]:
        with reading(self._location) as connection:
            query = select(cards.c.place, cards.c.body).join(catalogs)
            own = query.where(catalogs.c.name == self._location.name, cards.c.place.in_(places))
            return {row.place: row.body.encode() for row in connection.execute(own)}


class SqlBackend(CatalogBackend):
    """A catalog in a database.

    Parameters
    ----------
    location : DatabaseLocation
        The database, and the name of the catalog in it.
    """

    has_shared_token: ClassVar[bool] = True

    def __init__(self, location: DatabaseLocation) -> None:
        self._database = location
        self.location = self.base = location.catalog_url
        self.identifier = location.name
        self.folder = None if location.path is None else location.path.parent
        self._token: str | None = None  # that was last read
        self._fingerprint: Fingerprint | None = None  # of the file when the token was read, if no later write shares it

    @classmethod
    def from_location(cls, location: str) -> Self:
        """Return the backend of a catalog's URL."""
        return cls(parse_database_location(location))

    @classmethod
    def sidecars_at(cls, base: str) -> SqlSidecars:
        """Return the sidecars of the catalog at a URL."""
        backend = cls.from_location(base)
        return backend.sidecars

    @staticmethod
    def format_location(location: str) -> str:
        """Return the URL of a catalog without the secrets that it may contain."""
        return str(parse_database_location(location))

    @property
    def sidecars(self) -> SqlSidecars:
        """The cards and publications in the same database."""
        return SqlSidecars(self._database, self.version_token)

    @property
    def is_away(self) -> bool:
        """Whether the server failed to respond within the last minute."""
        return bool(why_away(self._database))

    def version_token(self) -> str | None:
        """Return the token that the database stores with the catalog; None if the catalog cannot be read.

        While a server is away, the token is that of the last read, so that the rows of the last read stay in use.
        """
        if self.is_away:
            return self._token
        path = self._database.path
        fingerprint = None if path is None else _stable_fingerprint(path)
        if fingerprint is not None and self._fingerprint == fingerprint:
            return self._token
        token = self._token
        try:
            with reading(self._database) as connection:
                token = connection.scalar(select(catalogs.c.state).where(catalogs.c.name == self._database.name))
        except OfflineError:
            return token
        except CatalogError as error:
            if not self.is_away:
                token = None
            elif token is not None:
                warnings.warn(f"{error} brainio uses the rows of the last read.", CatalogWarning, stacklevel=2)
        self._token, self._fingerprint = token, fingerprint
        return token

    def persistent_token(self) -> str:
        """Return the version token."""
        return repr(self.version_token())

    def read(self) -> str:
        """Return the rows as CSV; those of a server, or a fallback copy."""
        if self._database.path is not None:
            return self._read()
        # The driver limits the time that connecting may take.
        return read_or_fall_back(self.location, str(self), self._read, is_patient=True)

    def read_current(self) -> str | None:
        """Return the rows as CSV; None if the database has no such catalog."""
        if self._database.path is not None and not self._database.path.exists():
            return None
        return self._read_as_csv()

    def check_writable(self) -> None:
        """Check the permissions of an SQLite file; a server decides when it receives the write."""
        if self._database.path is not None:
            check_writable_file(self._database.path)

    def add_rows(self, rows: Sequence[Mapping[str, str]], cells_of: CellsOf | None = None) -> None:
        """Add rows in one transaction."""
        with lock_catalog(self._database) as catalog:
            catalog.add_rows(rows, str(self), cells_of)

    def set_cells(self, cells_of: CellsOf) -> None:
        """Set cells in one transaction."""
        with reading(self._database):
            pass  # raises an error if the file does not exist; locking would create it
        with lock_catalog(self._database) as catalog:
            if catalog.is_new:
                raise self.missing_error()
            layout = catalog.set_cells(cells_of)
            if layout is not None:
                catalog.record_change(form=layout.to_json())

    def write_contents(self, contents: CatalogContents) -> None:
        """Write a copied catalog with its sidecars in one transaction."""
        layout = CsvLayout.from_text(contents.text, require_header(contents.text, str(self)))
        with lock_catalog(self._database) as catalog:
            self.check_listed([row for _, row in read_rows(catalog.read_text(), str(self))], contents)
            catalog.replace_rows(contents.rows)
            for place, body in contents.cards.items():
                catalog.put_card(place, body)
            if contents.publications is not None:
                catalog.put_publications(contents.publications)
            catalog.record_change(form=layout.to_json())

    def upgrade(self) -> tuple[str | None, str]:
        """Create or upgrade the tables in one transaction."""
        return upgrade(self._database)

    def _read(self) -> str:
        if reason := why_away(self._database):
            raise CatalogError(f"the catalog {self} could not be read a moment ago: {reason}")
        text = self._read_as_csv()
        if text is None:
            with reading(self._database) as connection:
                query = select(catalogs.c.name).order_by(catalogs.c.name)
                names = connection.scalars(query).all() if require_schema(connection, self._database) else []
            listed = ", ".join(f"#{name}" for name in names) or "none"
            raise CatalogError(
                f"the database of {self} has no catalog of that name (it has: {listed}); name one of these"
            )
        return text

    def _read_as_csv(self) -> str | None:
        """Return all rows of the catalog as CSV; None if the database does not contain it."""
        with reading(self._database) as connection:
            if not require_schema(connection, self._database):
                return None
            found = _find_catalog(connection, self._database)
            return None if found is None else read_rows_as_csv(connection, found.id, CsvLayout.from_json(found.form))


def _stable_fingerprint(path: Path) -> Fingerprint | None:
    """Return the fingerprint of an SQLite file; None if a later write could leave it unchanged."""
    file = Fingerprint.find(path)
    is_recent = file is None or time.time_ns() - file.mtime_ns <= _TIME_RESOLUTION
    return None if is_recent or os.path.exists(f"{path}-wal") else file  # noqa: PTH110 - on every lookup


def _find_catalog(
    connection: Connection, location: DatabaseLocation
) -> "Row[tuple[int, str, str, object, object]] | None":
    return connection.execute(select(catalogs).where(catalogs.c.name == location.name)).first()
