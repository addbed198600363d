"""The schema of the tables of catalogs: its definition, the check of its revision, and its upgrade with Alembic.

`migrations/` creates the newest schema step by step; a test keeps it equal to the tables that are defined here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    column,
    func,
    inspect,
    select,
    table,
)

from brainio.catalogs.backends.sql.connections import changing
from brainio.catalogs.backends.sql.location import DatabaseLocation
from brainio.catalogs.entries import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from brainio.errors import CatalogError, MissingDriverError
from brainio.installation import install_command

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = ("0001",)
"""All revisions of the schema, the oldest first."""
VERSION_TABLE = "brainio_version"

metadata = MetaData()

# `form` is the header and line ending of the CSV form; `state` is the version token.
catalogs = Table(
    "brainio_catalogs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("state", String(32), nullable=False),
    Column("form", JSON, nullable=False),
    Column("publications_form", JSON),  # NULL: no publications table
)

FORMAT_COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)


def _belongs() -> Column[int]:
    return Column("catalog", ForeignKey(catalogs.c.id, ondelete="CASCADE"), primary_key=True)


def _position() -> Column[int]:
    return Column("position", Integer, primary_key=True, autoincrement=False)


# One row per file of an entry, as in the CSV form; `further` contains the cells of unknown columns.
rows = Table(
    "brainio_rows",
    metadata,
    _belongs(),
    _position(),
    *(Column(name, Text, nullable=False) for name in FORMAT_COLUMNS),
    Column("further", JSON(none_as_null=True)),
    Index("brainio_rows_of_entry", "catalog", "identifier"),
)

publications = Table(
    "brainio_publications",
    metadata,
    _belongs(),
    _position(),
    Column("cells", JSON, nullable=False),
)

cards = Table(
    "brainio_cards",
    metadata,
    _belongs(),
    Column("place", String(500), primary_key=True),  # as in the column `card` of the rows
    Column("body", Text, nullable=False),
)

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x627261696E696F  # of PostgreSQL's locks with numbers: "brainio"


@dataclass(frozen=True)
class Schema:
    """A group of tables, of which a database may contain several, with the migrations that create it.

    Attributes
    ----------
    revisions : tuple of str
        All revisions of the schema, the oldest first.
    version_table : str
        The table in which a database stores its revision.
    metadata : MetaData
        The tables of the newest revision.
    versions : Path
        The folder of the migrations, one module each.
    command : str
        The command that upgrades a database, for messages.
    """

    revisions: tuple[str, ...]
    version_table: str
    metadata: MetaData
    versions: Path
    command: str

    def revision_of(self, connection: Connection) -> str | None:
        """Return the revision of a database; None if it has no such tables yet."""
        if not inspect(connection).has_table(self.version_table):
            return None
        revision: str | None = connection.scalar(select(column("version_num")).select_from(table(self.version_table)))
        return revision

    def problem(self, revision: str | None, place: DatabaseLocation) -> str:
        """Return why this release cannot use a revision, and the next step; empty if it can."""
        if revision in (None, self.revisions[-1]):
            return ""
        if revision in self.revisions:
            return (
                f"the database of {place} has the older schema {revision}; this release of brainio uses "
                f"{self.revisions[-1]}. Make a backup, and then run: {self.command}"
            )
        return (
            f"the database of {place} has the newer schema {revision}; this release of brainio knows "
            f"{self.revisions[-1]}. Install a newer release of brainio-data"
        )

    def upgrade(self, place: DatabaseLocation) -> tuple[str | None, str]:
        """Upgrade a database to the newest revision in one transaction, one process at a time.

        Returns
        -------
        tuple of str
            The revisions before (None: there were no tables) and after.

        Raises
        ------
        CatalogError
            The schema is newer than this release, or the database cannot be changed. It is unchanged.
        MissingDriverError
            Alembic is not installed.
        """
        with changing(place) as connection:
            if place.path is None:
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            before = self.revision_of(connection)
            if before is not None and before not in self.revisions:
                raise CatalogError(self.problem(before, place))
            if before != self.revisions[-1]:
                self._run(place, connection)
        return before, self.revisions[-1]

    def config(self, connection: Connection, empty: "Config") -> "Config":
        """Return the Alembic configuration for a connection."""
        for name, folder in (("script_location", MIGRATIONS), ("version_locations", self.versions)):
            empty.set_main_option(name, str(folder).replace("%", "%%"))
        empty.set_main_option("path_separator", "newline")
        empty.attributes |= {"connection": connection, "schema": self}
        return empty

    def _run(self, place: DatabaseLocation, connection: Connection) -> None:
        try:
            from alembic import command
            from alembic.config import Config
        except ImportError:
            raise MissingDriverError(
                f"the tables of {place} must be created or changed, which requires Alembic: {install_command('sql')}"
            ) from None
        command.upgrade(self.config(connection, Config()), self.revisions[-1])


CATALOGS = Schema(REVISIONS, VERSION_TABLE, metadata, MIGRATIONS / "versions", "brainio catalog upgrade URL")


def require_schema(connection: Connection, place: DatabaseLocation) -> bool:
    """Check that this release can read the tables of a database; return False before the tables are created.

    Raises
    ------
    CatalogError
        The schema is older or newer; the message names the next step.
    """
    found = CATALOGS.revision_of(connection)
    if problem := CATALOGS.problem(found, place):
        raise CatalogError(problem)
    return found is not None


def upgrade(place: DatabaseLocation) -> tuple[str | None, str]:
    """Upgrade the tables of catalogs; see `Schema.upgrade`."""
    return CATALOGS.upgrade(place)
