"""Profile files: their names, their location `BRAINIO_HOME/profiles/<key>.sqlite`, and opening them.

The builder renames a finished file to its final name, and it never changes afterwards. A file that is damaged or was
modified is deleted, as if it had never been built.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from brainio.cache.sqlite_files import SUFFIX, ClosingCache, SQLiteFile, open_read_only, record_access
from brainio.cards.profile_schema import (
    COLUMNS,
    MTIME,
    VERSION,
    StimulusColumn,
    define_stimulus_table,
    properties_table,
)
from brainio.catalogs.entries import TYPE_STIMULUS_SET
from brainio.errors import CacheError, LocationError
from brainio.fetch.cache_access import get_local_data_path
from brainio.fetch.entry_files import ExpectedFile
from brainio.forks import guard, renew_in_child
from brainio.local_files import Fingerprint
from brainio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection as SQLite

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from brainio.catalogs import Entry

FOLDER = "profiles"
_MAX_OPEN = 32  # files of a process
_log = get_logger("brainio.cards")
_open_files: ClosingCache[Path, ProfileFile] = ClosingCache(_MAX_OPEN)
_lock = guard(threading.RLock(), "open profiles")
Result = TypeVar("Result")


class ProfileFile(SQLiteFile):
    """An open profile file, which several entries may share."""

    @cached_property
    def properties(self) -> dict[str, Any]:
        """The properties of the profile by name, such as `STATISTICS`."""
        rows = self.query(lambda connection: connection.execute(select(properties_table)).all())
        return {row.name: json.loads(row.value) for row in rows}

    @cached_property
    def columns(self) -> list[StimulusColumn]:
        """The columns of the stimulus table."""
        return [StimulusColumn(*column) for column in self.properties[COLUMNS]]

    @cached_property
    def table(self) -> Table:
        """The stimulus table."""
        return define_stimulus_table(self.columns)

    def query(self, run_query: Callable[[Connection], Result]) -> Result:
        """Return the result of a query on a connection to the file.

        Raises
        ------
        CacheError
            The file is damaged. It was deleted, so that the profile can be built again.
        """
        try:
            return self.run(run_query)
        except DatabaseError as error:
            delete_damaged(self)
            raise CacheError(
                f"the profile {self.path} was damaged and has been deleted: {error.orig}. Build it again: "
                f"brainio profile build"
            ) from error


def has_profile(entry: Entry) -> bool:
    """Return whether a profile of the entry's bytes exists, without opening it."""
    return find_profile_path(entry) is not None


def find_profile_path(entry: Entry) -> Path | None:
    """Return the path of an entry's profile, without opening it; None if it does not exist."""
    key = profile_key(entry)
    path = None if key is None else profile_path(key)
    return path if path is not None and path.is_file() else None


def profile_key(entry: Entry) -> str | None:
    """Return the name of an entry's profile: the SHA-1 of its main file, and a digest of all its files.

    Entries that list the same bytes have the same key. It is None if a hash is unknown: the catalog gives no hash for
    a file that was never fetched.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> entry = resolve('assembly', 'modelfest.Carney1999')
    >>> profile_key(entry).startswith(entry.file('nc').sha1)
    True
    """
    hashes = {}
    for file in entry.files:
        try:
            sha1 = file.sha1 or ExpectedFile.from_entry(entry, file).known_sha1
        except LocationError:
            return None
        if sha1 is None:
            return None
        hashes[file.part] = sha1
    main = hashes.get("csv" if entry.lookup_type == TYPE_STIMULUS_SET else "nc")
    digest = hashlib.sha256(json.dumps([VERSION, entry.lookup_type, sorted(hashes.items())]).encode())
    return f"{main}-{digest.hexdigest()[:16]}" if main else None


def profile_folder_version() -> object:
    """Return a token that changes when a profile is added or removed."""
    return Fingerprint.find(profile_folder())


def profile_folder() -> Path:
    """Return the folder of all profiles; it may not exist yet."""
    return Path(get_local_data_path()) / FOLDER


def profile_path(key: str) -> Path:
    """Return the path of the profile with a key; the file may not exist."""
    return profile_folder() / f"{key}{SUFFIX}"


def delete_damaged(file: ProfileFile) -> None:
    """Close a damaged file and delete it, unless a new file has replaced it."""
    with _lock:
        if file.path is not None and _open_files.get(file.path) is file:
            del _open_files[file.path]
    file.close()
    _log.warning("the profile %s is damaged and will be deleted", file.path)
    if file.path is not None and file.is_current():
        with suppress(OSError):
            file.path.unlink()


def open_profile_file(path: Path) -> ProfileFile | None:
    """Return an open profile file, shared by all threads; None if there is none, or if it is damaged or modified."""
    with _lock:
        known = _open_files.get(path)
        if known is not None and known.is_current():
            return known
    opened = _open(path)
    with _lock:
        other = _open_files.pop(path, None)
        if other is not None and other is not known and other.is_current():  # another thread has opened it meanwhile
            opened, other = other, opened
        if opened is not None:
            _open_files[path] = opened
    if other is not None:
        other.close()
    return opened


def _open(path: Path) -> ProfileFile | None:
    try:
        print_ = Fingerprint.of(path)
    except OSError:
        return None
    pool = {"poolclass": QueuePool, "pool_size": 2, "max_overflow": -1, "pool_reset_on_return": None}
    file = ProfileFile(create_engine("sqlite://", creator=partial(_connect, path), **pool), path, print_)
    try:
        mtime_ns = file.properties.get(MTIME)
    except (CacheError, ValueError):
        file.close()
        return None
    if mtime_ns != print_.mtime_ns:
        delete_damaged(file)
        return None
    record_access(path)
    return file


def _connect(path: Path) -> SQLite:
    connection = open_read_only(path)
    connection.execute("PRAGMA cache_size=-512")  # kB; the operating system caches the file, too
    return connection


# A forked process must not use the connections of its parent.
renew_in_child(_open_files.clear)
