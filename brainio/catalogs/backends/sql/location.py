"""What the URL of a catalog that lives in a database names. Opens nothing, and imports no driver.

`sqlite:////path/lab.db` is a file of this machine, `postgresql://user@host/lab` a server. A database may hold several
catalogs; `#name` behind the URL says which, by default the one that is called as the database.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from brainio.errors import CatalogError
from brainio.home import absolute_path
from brainio.stores.redaction import redacted

_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql://"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """Where a catalog lives: the URL of a database, and the name of the catalog in it (empty: the database alone).

    `path` is the file of an SQLite database, None for a server.
    """

    url: str
    name: str
    path: Path | None

    def __str__(self) -> str:
        """Return the URL without the secrets that it may hold: this is what messages show."""
        return f"{redacted(self.url)}#{self.name}" if self.name else redacted(self.url)

    @property
    def location(self) -> str:
        """The URL of the catalog, with its secrets."""
        return f"{self.url}#{self.name}"


def is_database(location: str) -> bool:
    """Whether a location of a catalog, or the base of its entries, is the URL of a database.

    Examples
    --------
    >>> is_database('sqlite:////data/lab.db'), is_database('https://lab.org/lab.csv')
    (True, False)
    """
    return location.startswith(("sqlite:", "postgresql:"))


@lru_cache(maxsize=256)
def place_of(location: str) -> DatabasePlace:
    """Read the URL of a catalog that lives in a database.

    Raises
    ------
    CatalogError
        It names no database, or no catalog in one.

    Examples
    --------
    >>> place = place_of('postgresql://me:secret@db.lab.org/neuro#lab')
    >>> place.name, str(place)
    ('lab', 'postgresql://db.lab.org/neuro#lab')
    >>> place_of('sqlite:////data/lab.db').name
    'lab'
    """
    url, mark, name = location.rpartition("#")
    if not mark:
        url, name = location, ""
    path = absolute_path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None
    stem = path.stem if path is not None else _database_of(url)
    if not stem or (mark and not _NAME.fullmatch(name)):
        raise CatalogError(
            f"{redacted(location)!r} names no catalog in a database; expected sqlite:////PATH/lab.db or "
            f"postgresql://USER@HOST/lab, with #NAME behind it where the catalog has another name (letters, digits, "
            f"dots, underscores, hyphens)"
        )
    return DatabasePlace(url if path is None else f"sqlite:///{path}", name or stem, path)


def _database_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return PurePosixPath(unquote(parts.path)).name if url.startswith(_POSTGRESQL) else ""
