"""Indexes in SQLite files below `BRAINIO_HOME`, with full text by FTS5.

One process builds a file under a temporary name, as far as locks work, and renames it when it is finished. Nothing
writes to it afterwards, so readers of the previous file can continue. A file that is damaged or has another version is
rebuilt. If the folder is not writable, the index is in memory. All words come normalized from
`brainio.index.vocabulary`, so the tokenizer of FTS5 has nothing to decide.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    create_engine,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool, StaticPool

from brainio.cache.sqlite_files import (
    IN_SQLITE,
    SUFFIX,
    SQLiteFile,
    create_database,
    is_same_file,
    new_mtime_ns,
    open_read_only,
    record_access,
    remove_stale,
)
from brainio.index.builder import build
from brainio.index.freshness import (
    FINISHED,
    Dependency,
    are_current,
    catalogs_key,
    read_dependencies,
    read_stored_dependencies,
    write_dependencies,
)
from brainio.index.index_store import MAX_WAIT_SECONDS
from brainio.index.open_index import Index
from brainio.index.schema import FIELD_WEIGHTS, numbers_in
from brainio.index.vocabulary import PREFIX_FROM
from brainio.local_files import Fingerprint, atomic_path, home_folder
from brainio.locks import Heartbeat, acquire, try_acquire
from brainio.text import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine
    from sqlalchemy.engine import Connection

    from brainio.index.freshness import Names
    from brainio.index.open_index import Result
    from brainio.index.schema import IntArray
    from brainio.locks import Lock


_COLUMNS = (*FIELD_WEIGHTS, "called")
# A virtual table is not created from a description like the other tables, but rows are inserted in the same way.
_words = Table("words", MetaData(), Column("rowid", Integer), *(Column(name, Text) for name in _COLUMNS))
_rowid = _words.c.rowid
_matches = literal_column("words").op("MATCH")
# One value per group: after each row, a thread might have to wait for the interpreter lock.
_postings = select(
    *[select(func.group_concat(_rowid)).where(_matches(bindparam(group))).scalar_subquery() for group in FIELD_WEIGHTS]
)
_documents_by_name: Select[int] = select(_rowid).where(_matches(bindparam("called"))).limit(bindparam("most"))


class Fts5:
    """The full text of an index in SQLite; see `FullText`."""

    def create(self, connection: Connection) -> Table:
        """Create the empty table, which stores neither the text nor the positions of words."""
        options = "content='', columnsize=0, detail=column, tokenize='ascii'"
        connection.execute(text(f"CREATE VIRTUAL TABLE words USING fts5({', '.join(_COLUMNS)}, {options})"))
        return _words

    def finish(self, connection: Connection) -> None:
        """Do nothing: inserting a row also indexes it."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert tuples: five times as fast as mappings, each of which SQLAlchemy would process."""
        if rows:
            connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))

    def row(self, number: int, groups: Sequence[str], names: Sequence[str]) -> tuple[object, ...]:
        """Return the row of a document in the table of words."""
        return (number, *groups, " ".join(names))

    def postings(self, connection: Connection, word: str) -> list[IntArray]:
        """Return the documents that contain a word, for each group."""
        end = " *" if len(word) >= PREFIX_FROM else ""
        parameters = {group: f'{group} : "{word}"{end}' for group in FIELD_WEIGHTS}
        return list(map(numbers_in, connection.execute(_postings, parameters).one()))

    def find_by_name(self, connection: Connection, name: str, limit: int) -> IntArray:
        """Return the documents with an identifier or alias."""
        parameters = {"called": f'called : "{name}"', "most": limit}
        return np.fromiter(connection.scalars(_documents_by_name, parameters), np.int32)


FOLDER = "index"
_CONNECTIONS = 8  # threads that query one index at the same time; others wait
_CONNECTION_TIMEOUT = 3600.0  # seconds to wait for a connection
_POLL = 0.05  # seconds
_UNUSED_SECONDS = 30 * 86_400.0  # after which an index of other catalogs is removed
_ABANDONED_SECONDS = 3600.0  # after which a temporary file was left behind by a killed process

_log = get_logger("brainio.index")


class SqliteIndexStore:
    """The indexes below `BRAINIO_HOME`; see `IndexStore`."""

    def is_current(self, index: Index, names: Names) -> bool:
        """Return whether an index has the present state of some catalogs."""
        assert isinstance(index, SqliteIndex)  # noqa: S101 - for the type checker
        return index.place == _place(names) and index.is_there() and are_current(index.dependencies, names)

    def find(self, names: Names) -> Index | None:
        """Open the index of the present state of catalogs, or return None."""
        return _open_current(_place(names), names)

    def open(self, name: str) -> Index | None:
        """Open the index in a file, or return None."""
        return _open(Path(name))

    def open_or_build(self, names: Names, previous: Index | None) -> Index:  # noqa: ARG002 - the file shows it
        """Open the current index, or build it unless another process is building it."""
        place = _place(names)
        existing = _open(place)
        if existing is not None and are_current(existing.dependencies, names):
            return existing
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = _acquire(place.parent, place.stem, wait=existing is None)
        except BlockingIOError:
            _log.info("Another process is building the index %s; the previous one is used", place)
            assert existing is not None  # noqa: S101 - otherwise `_acquire` waits
            return existing
        except OSError as error:
            index = _build_in_memory(place, names, error)
        else:
            index = _build_under_lock(place, names, lock)
        if existing is not None:
            existing.close()
        return index


class SqliteIndex(Index):
    """An index in a file or in memory, which many threads may query."""

    def __init__(self, engine: Engine, place: Path, fingerprint: Fingerprint | None = None) -> None:
        super().__init__()
        self.place = place
        self._file = SQLiteFile(engine, None if fingerprint is None else place, fingerprint)
        self.name = "" if self.path is None else str(self.path)
        self.text = Fts5()
        self.dependencies, self.finished = self.run(read_stored_dependencies)

    @property
    def path(self) -> Path | None:
        """The file; None if the index is in memory."""
        return self._file.path

    def run(self, function: Callable[[Connection], Result]) -> Result:
        """Call a function with a connection and return its result."""
        return self._file.run(function)

    def is_there(self) -> bool:
        """Return whether its file still has its name, and was not replaced or deleted."""
        return self._file.is_current()

    def close(self) -> None:
        """Close its connections, those in use when they are returned."""
        self._file.close()

    def discard(self) -> None:
        """Close the damaged index and remove its file, unless the file was replaced."""
        self.close()
        if self.path is not None and self.is_there():
            _log.warning("The index %s is damaged and will be rebuilt", self.path)
            with suppress(OSError):
                self.path.unlink()


def _place(names: Names) -> Path:
    return home_folder() / FOLDER / f"{catalogs_key(names)}{SUFFIX}"


def _build_under_lock(path: Path, names: Names, lock: Lock | None) -> SqliteIndex:
    """Build the index, unless another process has just built it."""
    try:
        return _open_current(path, names) or _build(path, names)
    finally:
        if lock is not None:
            lock.release()


def _acquire(folder: Path, key: str, *, wait: bool) -> Lock | None:
    """Acquire the lock on an index; raise BlockingIOError if another process holds it and `wait` is False."""
    if wait:
        return acquire(folder, key)
    end = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        try:
            return try_acquire(folder, key)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
        time.sleep(_POLL)


def _open_current(path: Path, names: Names) -> SqliteIndex | None:
    """Open the index of the present state of catalogs; return None if it is missing or outdated."""
    index = _open(path)
    if index is None or are_current(index.dependencies, names):
        return index
    index.close()
    return None


def _open(path: Path) -> SqliteIndex | None:
    """Open an index; return None if it is missing, unfinished, or was changed afterwards."""
    try:
        fingerprint = Fingerprint.of(path)
        # The default pool, for databases in memory, closes connections that other threads use.
        pool = {"poolclass": QueuePool, "pool_reset_on_return": None, "pool_use_lifo": True}
        sizes = {"pool_size": _CONNECTIONS, "max_overflow": 0, "pool_timeout": _CONNECTION_TIMEOUT}
        engine = create_engine("sqlite://", creator=partial(_open_unchanged, path, fingerprint), **pool, **sizes)
    except OSError:
        return None
    try:
        # All connections at once: after a replacement nobody could open this file any more.
        with IN_SQLITE:
            for connection in [engine.connect() for _ in range(_CONNECTIONS)]:
                connection.close()
        index = SqliteIndex(engine, path, fingerprint)
    except (DatabaseError, ValueError):
        with IN_SQLITE:
            engine.dispose()
        return None
    if index.finished != str(fingerprint.mtime_ns):
        _log.warning("The index %s was modified and will be rebuilt", path)
        index.close()
        return None
    record_access(path)
    return index


def _open_unchanged(path: Path, fingerprint: Fingerprint) -> sqlite3.Connection:
    opened = open_read_only(path)
    if not is_same_file(path, fingerprint):  # cached data of the previous file, such as facet values, would be wrong
        opened.close()
        raise sqlite3.DatabaseError(f"{path} was replaced")
    return opened


def _build(path: Path, names: Names) -> SqliteIndex:
    unfinished = path.with_name(f"{path.stem}.{secrets.token_hex(8)}")
    try:
        remove_stale(path.parent, _UNUSED_SECONDS, _ABANDONED_SECONDS)
        with atomic_path(path, temporary=unfinished):
            stamp = _write(unfinished, names)
            os.utime(unfinished, ns=(time.time_ns(), stamp))
    except (OSError, DatabaseError) as error:
        return _build_in_memory(path, names, error)
    return _open(path) or _build_in_memory(path, names, f"{path} cannot be read")


def _write(path: Path, names: Names) -> int:
    """Write an index to a new file, and return the modification time that the caller must set.

    The file stores this time, so that later modifications are detected.
    """
    stamp = new_mtime_ns()
    engine = create_engine("sqlite://", creator=partial(create_database, path), poolclass=StaticPool)
    try:
        _fill(engine, names, Heartbeat(path).beat, stamp)
    finally:
        with IN_SQLITE:
            engine.dispose()
    return stamp


def _fill(engine: Engine, names: Names, progress: Callable[[], None], stamp: int = 0) -> None:
    listings, dependencies = read_dependencies(names)
    with IN_SQLITE, engine.begin() as connection:
        build(connection, Fts5(), listings, progress)
        write_dependencies(connection, [*dependencies, Dependency(FINISHED, "", str(stamp))])


def _build_in_memory(place: Path, names: Names, reason: object) -> SqliteIndex:
    _log.warning("Every process builds its index in memory: %s", reason)
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    _fill(engine, names, lambda: None)
    return SqliteIndex(engine, place)
