"""The database of the service: what has to outlive its processes and be shared by them.

That is an SQLite file below `BRAINIO_HOME`, or PostgreSQL for services on several machines. Connections, time-outs and
their failures are those of catalogs that live in a database (`brainio.catalogs.backends.sql.connections`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, func, select

from brainio.catalogs.backends.sql import connections
from brainio.catalogs.backends.sql.location import place_of
from brainio.errors import CatalogError, DatabaseAwayError, MissingDriverError, ServiceError
from brainio.home import home_folder
from brainio.service.tables import SCHEMA

FOLDER, NAME = "service", "service.sqlite"
_LOCK = 0x627261696E73  # of PostgreSQL's locks with numbers: "brains"


class Database:
    """Transactions on the database of a service, whose tables are made when it is used first.

    Parameters
    ----------
    url : str, default ''
        `sqlite:////PATH` or `postgresql://USER@HOST/NAME`; empty: `service/service.sqlite` below `BRAINIO_HOME`.

    Raises
    ------
    ServiceError
        It is no such URL.
    """

    def __init__(self, url: str = "") -> None:
        try:
            self._place = replace(place_of(url or f"sqlite:///{home_folder() / FOLDER / NAME}"), name="")
        except CatalogError:
            raise ServiceError(
                "the setting database names no database; expected sqlite:////PATH/service.sqlite or "
                "postgresql://USER@HOST/NAME"
            ) from None
        self._is_prepared = False

    def __str__(self) -> str:
        """Return its URL without secrets."""
        return str(self._place)

    @property
    def is_on_server(self) -> bool:
        """Whether it is one that several machines can ask."""
        return self._place.path is None

    def prepare(self) -> None:
        """Make the tables where there are none; done before anything else, and once in a process.

        An SQLite file that goes away later is not made anew: what it held, embargoes above all, would be forgotten.

        Raises
        ------
        ServiceError
            The tables are those of another release.
        DatabaseAwayError
            The database cannot be read or changed.
        """
        if self._is_prepared:
            return
        revision = self._revision()
        if problem := SCHEMA.problem(revision, self._place):
            raise ServiceError(problem)
        if revision is None:
            self.upgrade()
        self._is_prepared = True

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the tables up to date, and return the schemas before (None: there was none) and now.

        Raises
        ------
        DatabaseAwayError
            It cannot be changed, or its schema is newer than this release; it is as it was.
        """
        try:
            if self._place.path is not None:
                self._place.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseAwayError(f"{self._place.path} cannot be made: {error}. Check its folder.") from None
        with _told():
            return SCHEMA.upgrade(self._place)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection on which nothing changes.

        Raises
        ------
        ServiceError, DatabaseAwayError
            As of `prepare`.
        """
        self.prepare()
        with _told(), connections.reading(self._place) as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """Give a connection of whom nobody else changes anything; all is kept at the end, or nothing.

        Raises
        ------
        ServiceError, DatabaseAwayError
            As of `prepare`.
        """
        self.prepare()
        if self._place.path is not None and not self._place.path.is_file():
            raise DatabaseAwayError(f"{self._place.path} is gone. Restore it, or start the service again without it.")
        with _told(), connections.changing(self._place) as connection:
            if self._place.path is None:
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    def _revision(self) -> str | None:
        if self._place.path is not None and not self._place.path.is_file():
            return None
        with _told(), connections.reading(self._place) as connection:
            return SCHEMA.revision_of(connection)


@contextmanager
def _told() -> Iterator[None]:
    """Tell failures of the database as such, not as those of a catalog."""
    try:
        yield
    except MissingDriverError:
        raise
    except CatalogError as error:
        raise DatabaseAwayError(str(error)) from None
