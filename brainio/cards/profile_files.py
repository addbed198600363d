"""Profile files: their location `BRAINIO_HOME/profiles/<key>.sqlite`, their SQL schema, and opening them.

The builder renames a finished file to its final name, and it never changes afterwards. A file that is damaged or was
modified is deleted, as if it had never been built. Names from the data are never names in the database: columns are
numbered. Increase `VERSION` with every change of the schema or of the computed values: profiles of other versions are
ignored. Queries are in `profiles`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import suppress
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    insert,
    select,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from brainio.cache.sqlite_files import SUFFIX, ClosingCache, SQLiteFile, open_read_only, record_access
from brainio.catalogs.entries import TYPE_STIMULUS_SET
from brainio.errors import CacheError, LocationError
from brainio.fetch.cache_access import get_local_data_path
from brainio.fetch.entry_files import ExpectedFile
from brainio.forks import guard, renew_in_child
from brainio.local_files import Fingerprint
from brainio.text import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from sqlite3 import Connection as SQLite

    from sqlalchemy.engine import Connection
    from sqlalchemy.types import TypeEngine

    from brainio.catalogs import Entry

_FOLDER = "profiles"
_MAX_OPEN = 32  # files of a process
VERSION = 1

# Names in the table `about`
MTIME = "made"  # the mtime in ns that the builder gave the file
STIMULUS_COUNT = "count"
STATISTICS = "card"  # the computed fields of a card
COLUMNS = "columns"  # name and kind of each column of the stimulus table
THUMBNAIL_COUNT = "looked_at"  # the number of stimuli, from the first, whose thumbnails were rendered
metadata = MetaData()

properties_table = Table(
    "about", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False)
)

thumbnail_table = Table(
    "thumbnail",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),  # empty if there is no picture; the note states the reason
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("note", Text, nullable=False),
)

response_table = Table(
    "response",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("stimulus_id", Text, nullable=False, index=True),
    Column("presentations", Integer, nullable=False),
    Column("mean", Float),
    Column("rank", Integer, index=True),  # 1 is the strongest
)

Kind = Literal["text", "integer", "number"]
_TYPES: dict[Kind, type[TypeEngine[Any]]] = {"text": Text, "integer": BigInteger, "number": Float}
INTEGER_LIMIT = 2**63  # SQLite's integers are smaller
_MAX_INDEXED = 64  # columns; filters of others scan the table
_BATCH_ROWS = 2000
Result = TypeVar("Result")
_log = get_logger("brainio.cards")
_open_files: ClosingCache[Path, ProfileFile] = ClosingCache(_MAX_OPEN)
_lock = guard(threading.RLock(), "open profiles")


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
    return Path(get_local_data_path()) / _FOLDER


def profile_path(key: str) -> Path:
    """Return the path of the profile with a key; the file may not exist."""
    return profile_folder() / f"{key}{SUFFIX}"


class StimulusColumn(NamedTuple):
    """A column of the stimulus table; `kind` determines how its values are stored and compared."""

    name: str
    kind: Kind


def define_stimulus_table(columns: Sequence[StimulusColumn]) -> Table:
    """Return the stimulus table: `number` (from 0), `thumbnail` (its id), and `c0`, `c1`, ... for the columns."""
    own = [Column(f"c{position}", _TYPES[column.kind]) for position, column in enumerate(columns)]
    indexes = [Index(f"by_{column.name}", column) for column in own[:_MAX_INDEXED]]
    number = Column("number", Integer, primary_key=True, autoincrement=False)
    return Table("stimulus", MetaData(), number, Column("thumbnail", Integer), *own, *indexes)


def insert_rows(connection: Connection, table: Table, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert rows in batches of tuples, several times faster than mappings, which SQLAlchemy inspects one by one."""
    statement = str(insert(table).compile(dialect=connection.dialect))
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH_ROWS)):
        connection.exec_driver_sql(statement, batch)


def to_stored_text(text: str) -> str:
    """Return a text in the form in which profiles store it: encodable as UTF-8, without NUL, which SQLite truncates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


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
    def sql_table(self) -> Table:
        """The table of stimuli in the database, for queries."""
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
            _delete_damaged(self)
            raise CacheError(
                f"the profile {self.path} was damaged and has been deleted: {error.orig}. Build it again: "
                f"brainio profile build"
            ) from error


def open_profile_file(path: Path) -> ProfileFile | None:
    """Return an open profile file, shared by all threads; None if it is missing, damaged or modified."""
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
        _delete_damaged(file)
        return None
    record_access(path)
    return file


def _connect(path: Path) -> SQLite:
    connection = open_read_only(path)
    connection.execute("PRAGMA cache_size=-512")  # kB; the operating system caches the file, too
    return connection


def _delete_damaged(file: ProfileFile) -> None:
    """Close a damaged file and delete it, unless a new file has replaced it."""
    with _lock:
        if file.path is not None and _open_files.get(file.path) is file:
            del _open_files[file.path]
    file.close()
    _log.warning("the profile %s is damaged and will be deleted", file.path)
    if file.path is not None and file.is_current():
        with suppress(OSError):
            file.path.unlink()


# A forked process must not use the connections of its parent.
renew_in_child(_open_files.clear)
