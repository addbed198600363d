"""The URLs of catalogs in databases. This module opens no connection and imports no driver.

`sqlite:////path/lab.db` is a file of this machine, `postgresql://user@host/lab` a server. A database may contain
several catalogs: `#name` at the end of the URL selects one; the default is the name of the database.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from brainio.errors import CatalogError
from brainio.local_files import absolute_path
from brainio.stores.redaction import redact

SCHEMES = ("sqlite", "postgresql")
_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql://"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class DatabaseLocation:
    """The location of a catalog in a database.

    Attributes
    ----------
    url : str
        URL of the database, with the secrets that it may contain.
    name : str
        Name of the catalog; empty for the database itself.
    path : Path or None
        The file of an SQLite database; None for a server.
    """

    url: str
    name: str
    path: Path | None

    def __str__(self) -> str:
        """Return the URL without secrets, for messages."""
        return f"{redact(self.url)}#{self.name}" if self.name else redact(self.url)

    @property
    def catalog_url(self) -> str:
        """The URL of the catalog, with its secrets."""
        return f"{self.url}#{self.name}"


@lru_cache(maxsize=256)
def parse_database_location(location: str) -> DatabaseLocation:
    """Parse the URL of a catalog in a database.

    Raises
    ------
    CatalogError
        The URL does not name a database, or no catalog in it.

    Examples
    --------
    >>> location = parse_database_location('postgresql://me:secret@db.lab.org/neuro#lab')
    >>> location.name, str(location)
    ('lab', 'postgresql://db.lab.org/neuro#lab')
    >>> parse_database_location('sqlite:////data/lab.db').name
    'lab'
    """
    url, mark, name = location.rpartition("#")
    if not mark:
        url, name = location, ""
    path = absolute_path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None
    stem = path.stem if path is not None else _database_name(url)
    if not stem or (mark and not _NAME.fullmatch(name)):
        raise CatalogError(
            f"{redact(location)!r} does not name a catalog in a database; expected sqlite:////PATH/lab.db or "
            f"postgresql://USER@HOST/lab, followed by #NAME if the catalog has another name (letters, digits, dots, "
            f"underscores, hyphens)"
        )
    return DatabaseLocation(url if path is None else f"sqlite:///{path}", name or stem, path)


def folder_of(catalog_url: str) -> str | None:
    """Return the folder of the file of an SQLite database; None for a server.

    Examples
    --------
    >>> folder_of("sqlite:////data/lab.db#lab"), folder_of("postgresql://db.lab.org/neuro#lab")
    ('/data', None)
    """
    path = parse_database_location(catalog_url).path
    return None if path is None else str(path.parent)


def _database_name(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return PurePosixPath(unquote(parts.path)).name if url.startswith(_POSTGRESQL) else ""
