"""Bringing the schema of a database up to date with Alembic, and refusing databases of another schema."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, func, inspect, select, table

from brainio.catalogs.sql_connection import changing
from brainio.catalogs.sql_names import DatabasePlace
from brainio.catalogs.sql_schema import REVISIONS, VERSION_TABLE
from brainio.errors import CatalogError, MissingDriverError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x627261696E696F  # of PostgreSQL's locks with numbers: "brainio"


def schema_of(connection: Connection) -> str | None:
    """Return the revision of the schema that a database has; None where it has none yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))
    return revision


def require_schema(connection: Connection, place: DatabasePlace) -> bool:
    """Refuse a database of another schema than this release reads and writes; False where it has none yet.

    Raises
    ------
    CatalogError
        The schema is older or newer; the message says what to do.
    """
    found = schema_of(connection)
    if found not in (None, REVISIONS[-1]):
        raise CatalogError(
            f"the database of {place} has the older schema {found}; this release of brainio uses {REVISIONS[-1]}. "
            f"Make a backup, and then: brainio catalog upgrade URL"
            if found in REVISIONS
            else f"the database of {place} has the newer schema {found}; this release of brainio knows "
            f"{REVISIONS[-1]}. Install a newer one: pip install --upgrade brainio"
        )
    return found is not None


def upgrade(place: DatabasePlace) -> tuple[str | None, str]:
    """Bring the schema of a database up to date, in one transaction; one process at a time does.

    Returns
    -------
    tuple of str
        The revisions before (None: there was none) and now.

    Raises
    ------
    CatalogError
        The schema is newer than this release, or the database cannot be changed. It is as it was.
    MissingDriverError
        Alembic is not installed.
    """
    with changing(place) as connection:
        if place.path is None:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        before = schema_of(connection)
        if before not in REVISIONS:
            require_schema(connection, place)
        if before != REVISIONS[-1]:
            _run(place, connection)
    return before, REVISIONS[-1]


def _run(place: DatabasePlace, connection: Connection) -> None:
    try:
        from alembic import command
        from alembic.config import Config
    except ImportError:
        raise MissingDriverError(
            f"the tables of {place} have to be made or changed, which needs Alembic: pip install 'brainio[sql]'"
        ) from None
    command.upgrade(config(connection, Config()), REVISIONS[-1])


def config(connection: Connection, empty: "Config") -> "Config":
    """Return what Alembic has to know to work on a connection."""
    empty.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    empty.set_main_option("path_separator", "newline")
    empty.attributes["connection"] = connection
    return empty
