"""The database of the service: tokens, embargoes and the change log, shared by its processes.

The database is an SQLite file below `BRAINIO_HOME`, or PostgreSQL for services on several machines. Connections,
timeouts and their errors are those of catalogs in a database (`brainio.catalogs.backends.sql.connections`). The tables
describe the newest schema; `migrations/` creates it step by step, and a test keeps both equal. Times are seconds since
1970, UTC.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    select,
)

from brainio.catalogs.backends.sql import connections
from brainio.catalogs.backends.sql.location import parse_database_location
from brainio.catalogs.backends.sql.schema import Schema
from brainio.errors import CatalogError, DatabaseAwayError, MissingDriverError, ServiceError
from brainio.local_files import home_folder

FOLDER, NAME = "service", "service.sqlite"
_LOCK = 0x627261696E73  # PostgreSQL's advisory locks have numbers: "brains"

metadata = MetaData()

# One row, `rights`, whose value changes with every change of tokens or embargoes.
state_table = Table(
    "brainio_service_state",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", String(32), nullable=False),
)

tokens_table = Table(
    "brainio_service_tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),  # SHA-256 of the token, in hexadecimal digits
    Column("scopes", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("expires", BigInteger),  # NULL: never
    Column("last_used", BigInteger),
    Column("revoked", BigInteger),
)

embargoes_table = Table(
    "brainio_service_embargoes",
    metadata,
    Column("catalog", Text, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("identifier", Text, primary_key=True),
    Column("until", String(10), nullable=False),  # the last day, in ISO 8601
    Column("note", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)

histories_table = Table(
    "brainio_service_histories",
    metadata,
    Column("catalog", Text, primary_key=True),
    Column("epoch", String(32), nullable=False),
    Column("number", Integer, nullable=False),
)

changes_table = Table(
    "brainio_service_changes",
    metadata,
    Column("catalog", Text, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("identifier", Text, primary_key=True),
    Column("digest", String(32), nullable=False),  # empty: the entry was removed
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Index("brainio_service_changes_last", "catalog", "last"),
)

SCHEMA = Schema(
    ("0001",), "brainio_service_version", metadata, Path(__file__).parent / "migrations", "brainio service upgrade"
)


class Database:
    """Transactions on the database of a service, whose tables are created on first use.

    Parameters
    ----------
    url : str, default ''
        `sqlite:////PATH` or `postgresql://USER@HOST/NAME`; empty: `service/service.sqlite` below `BRAINIO_HOME`.

    Raises
    ------
    ServiceError
        The URL does not name a database.
    """

    def __init__(self, url: str = "") -> None:
        try:
            self._place = replace(parse_database_location(url or f"sqlite:///{home_folder() / FOLDER / NAME}"), name="")
        except CatalogError:
            raise ServiceError(
                "the setting database is invalid; expected sqlite:////PATH/service.sqlite or "
                "postgresql://USER@HOST/NAME"
            ) from None
        self._is_prepared = False

    def __str__(self) -> str:
        """Return the URL without secrets."""
        return str(self._place)

    @property
    def is_on_server(self) -> bool:
        """Whether several machines can connect to it."""
        return self._place.path is None

    def prepare(self) -> None:
        """Create missing tables; every transaction does this once per process.

        A missing SQLite file is never recreated later: a new one would forget the embargoes.

        Raises
        ------
        ServiceError
            The tables belong to another release.
        DatabaseAwayError
            The database cannot be read or written.
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
        """Upgrade the tables, and return the schema before (None if there were no tables) and after.

        Raises
        ------
        DatabaseAwayError
            The database cannot be written, or its schema is newer than this release; it remains unchanged.
        """
        try:
            if self._place.path is not None:
                self._place.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseAwayError(f"cannot create {self._place.path}: {error}. Check its folder.") from None
        with _database_errors():
            return SCHEMA.upgrade(self._place)

    @contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        """Open a connection for reading.

        Raises
        ------
        ServiceError, DatabaseAwayError
            See `prepare`.
        """
        self.prepare()
        with _database_errors(), connections.reading(self._place) as connection:
            yield connection

    @contextmanager
    def write_transaction(self) -> Iterator[Connection]:
        """Open a connection for an exclusive transaction, which is committed at the end, or rolled back.

        Raises
        ------
        ServiceError, DatabaseAwayError
            See `prepare`.
        """
        self.prepare()
        if self._place.path is not None and not self._place.path.is_file():
            raise DatabaseAwayError(f"{self._place.path} was removed. Restore it, or restart the service without it.")
        with _database_errors(), connections.changing(self._place) as connection:
            if self._place.path is None:
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    def _revision(self) -> str | None:
        if self._place.path is not None and not self._place.path.is_file():
            return None
        with _database_errors(), connections.reading(self._place) as connection:
            return SCHEMA.revision_of(connection)


@contextmanager
def _database_errors() -> Iterator[None]:
    """Turn errors of the database into `DatabaseAwayError`; the layer below reports them as errors of a catalog."""
    try:
        yield
    except MissingDriverError:
        raise
    except CatalogError as error:
        raise DatabaseAwayError(str(error)) from None
