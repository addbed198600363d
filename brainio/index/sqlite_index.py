"""Full text in SQLite: the virtual table FTS5 of words and names, and what is asked of it.

All words come folded from `brainio.index.words`, so its tokenizer has nothing to decide.
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
from brainio.home import home_folder
from brainio.index.builder import build
from brainio.index.freshness import Origin, are_as_they_were, key_in_force, read_origins
from brainio.index.index_store import MADE, PATIENCE, Index, origins_in, write_origins
from brainio.index.schema import GROUPS, numbers_in
from brainio.index.words import PREFIX_FROM
from brainio.local_files import Fingerprint, atomic_path
from brainio.locks import Heartbeat, acquire, try_acquire
from brainio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine
    from sqlalchemy.engine import Connection

    from brainio.index.freshness import Names
    from brainio.index.index_store import Answer
    from brainio.index.schema import Numbers
    from brainio.locks import Lock


_COLUMNS = (*GROUPS, "called")
# A virtual table is no part of the other tables: it is not created from a description, but inserted into like one.
_words = Table("words", MetaData(), Column("rowid", Integer), *(Column(name, Text) for name in _COLUMNS))
_rowid = _words.c.rowid
_matches = literal_column("words").op("MATCH")
# Of each group in one value: after each row a thread may have to wait for others that run Python.
_having = select(
    *[select(func.group_concat(_rowid)).where(_matches(bindparam(group))).scalar_subquery() for group in GROUPS]
)
_called: Select[int] = select(_rowid).where(_matches(bindparam("called"))).limit(bindparam("most"))


class Fts5:
    """The full text of an index in SQLite; see `FullText`."""

    def create(self, connection: Connection) -> Table:
        """Make the empty table, which keeps neither the text nor where in a column a word is."""
        options = "content='', columnsize=0, detail=column, tokenize='ascii'"
        connection.execute(text(f"CREATE VIRTUAL TABLE words USING fts5({', '.join(_COLUMNS)}, {options})"))
        return _words

    def finish(self, connection: Connection) -> None:
        """Do nothing: rows are indexed as they come."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert tuples: five times as fast as mappings, each of which SQLAlchemy would look through."""
        if rows:
            connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))

    def row(self, number: int, groups: Sequence[str], called: Sequence[str]) -> tuple[object, ...]:
        """Return the row of a document."""
        return (number, *groups, " ".join(called))

    def having(self, connection: Connection, word: str) -> list[Numbers]:
        """Return the documents that have a word, group by group."""
        end = " *" if len(word) >= PREFIX_FROM else ""
        asked = {group: f'{group} : "{word}"{end}' for group in GROUPS}
        return list(map(numbers_in, connection.execute(_having, asked).one()))

    def called(self, connection: Connection, folded: str, most: int) -> Numbers:
        """Return the documents that are called so."""
        asked = {"called": f'called : "{folded}"', "most": most}
        return np.fromiter(connection.scalars(_called, asked), np.int32)


FOLDER = "index"
_AT_ONCE = 8  # threads that ask one index; others wait
_LONGEST_WAIT = 3600.0  # seconds, for one of those
_POLL = 0.05  # seconds
_UNUSED = 30 * 86_400.0  # seconds after which an index of other catalogs goes
_LEFT = 3600.0  # seconds after which a file in the making was left by a process that died

_log = get_logger("brainio.index")


class Files:
    """The indexes below `BRAINIO_HOME`; see `Shelf`."""

    def is_current(self, index: Index, names: Names) -> bool:
        """Whether an index is that of catalogs as they are now."""
        assert isinstance(index, FileIndex)  # noqa: S101 - so it was given
        return index.place == _place(names) and index.is_there() and are_as_they_were(index.origins, names)

    def found(self, names: Names) -> Index | None:
        """Open the index of catalogs as they are now, if it is there."""
        return _current(_place(names), names)

    def opened(self, name: str) -> Index | None:
        """Open a file."""
        return _open(Path(name))

    def found_or_made(self, names: Names, before: Index | None) -> Index:  # noqa: ARG002 - the file tells that
        """Open an index if it is there and up to date; else make it, unless another process is about to."""
        place = _place(names)
        found = _open(place)
        if found is not None and are_as_they_were(found.origins, names):
            return found
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = _acquire(place.parent, place.stem, wait=found is None)
        except BlockingIOError:
            _log.info("another process makes the index %s; the one before is used meanwhile", place)
            assert found is not None  # noqa: S101 - else it is waited for
            return found
        except OSError as error:
            made = _in_memory(place, names, error)
        else:
            made = _made_under_lock(place, names, lock)
        if found is not None:
            found.close()
        return made


class FileIndex(Index):
    """An open file, or an index in memory; many threads may ask it."""

    def __init__(self, engine: Engine, place: Path, print_: Fingerprint | None = None) -> None:
        super().__init__()
        self.place = place
        self._file = SQLiteFile(engine, None if print_ is None else place, print_)
        self.name = "" if self.path is None else str(self.path)
        self.text = Fts5()
        self.origins, self.made = self.run(origins_in)

    @property
    def path(self) -> Path | None:
        """The file; None where it is in memory."""
        return self._file.path

    def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Return what some work on a connection gives."""
        return self._file.run(work)

    def is_there(self) -> bool:
        """Whether its file still has its name: another one may have been published, or it was deleted."""
        return self._file.is_there()

    def close(self) -> None:
        """Close its connections, those in use when they are given back."""
        self._file.close()

    def discard(self) -> None:
        """Close it and remove the file, since it is damaged; unless another one has its name by now."""
        self.close()
        if self.path is not None and self.is_there():
            _log.warning("the index %s is damaged; it is made again", self.path)
            with suppress(OSError):
                self.path.unlink()


def _place(names: Names) -> Path:
    return home_folder() / FOLDER / f"{key_in_force(names)}{SUFFIX}"


def _made_under_lock(path: Path, names: Names, lock: Lock | None) -> FileIndex:
    """Make the index, unless another process made it just before."""
    try:
        return _current(path, names) or _made(path, names)
    finally:
        if lock is not None:
            lock.release()


def _acquire(folder: Path, key: str, *, wait: bool) -> Lock | None:
    """Acquire the lock on an index; raises BlockingIOError if another process keeps it and this does not wait."""
    if wait:
        return acquire(folder, key)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return try_acquire(folder, key)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
        time.sleep(_POLL)


def _current(path: Path, names: Names) -> FileIndex | None:
    """Open the index of catalogs as they are now; None where there is none, or one of how they were."""
    found = _open(path)
    if found is None or are_as_they_were(found.origins, names):
        return found
    found.close()
    return None


def _open(path: Path) -> FileIndex | None:
    """Open an index; None where there is none, or not one that was finished and is as it was then."""
    try:
        print_ = Fingerprint.of(path)
        # Not the pool that is made for databases in memory: it closes connections that other threads use.
        pool = {"poolclass": QueuePool, "pool_reset_on_return": None, "pool_use_lifo": True}
        sizes = {"pool_size": _AT_ONCE, "max_overflow": 0, "pool_timeout": _LONGEST_WAIT}
        engine = create_engine("sqlite://", creator=partial(_as_it_was, path, print_), **pool, **sizes)
    except OSError:
        return None
    try:
        # All at once: when another file has the name, nobody could open this one any more.
        with IN_SQLITE:
            for connection in [engine.connect() for _ in range(_AT_ONCE)]:
                connection.close()
        index = FileIndex(engine, path, print_)
    except (DatabaseError, ValueError):
        with IN_SQLITE:
            engine.dispose()
        return None
    if index.made != str(print_.mtime_ns):
        _log.warning("the index %s was changed since it was made; it is made again", path)
        index.close()
        return None
    record_access(path)
    return index


def _as_it_was(path: Path, print_: Fingerprint) -> sqlite3.Connection:
    opened = open_read_only(path)
    if not is_same_file(path, print_):  # what is remembered of the one before, such as its labels, is wrong of this one
        opened.close()
        raise sqlite3.DatabaseError(f"{path} is another file than before")
    return opened


def _made(path: Path, names: Names) -> FileIndex:
    unfinished = path.with_name(f"{path.stem}.{secrets.token_hex(8)}")
    try:
        remove_stale(path.parent, _UNUSED, _LEFT)
        with atomic_path(path, temporary=unfinished):
            stamp = _write(unfinished, names)
            os.utime(unfinished, ns=(time.time_ns(), stamp))
    except (OSError, DatabaseError) as error:
        return _in_memory(path, names, error)
    return _open(path) or _in_memory(path, names, f"{path} cannot be read")


def _write(path: Path, names: Names) -> int:
    """Write an index to a new file, and return the modification time that it must get.

    That time is in the file, so that whatever writes to it later is noticed.
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
    listings, origins = read_origins(names)
    with IN_SQLITE, engine.begin() as connection:
        build(connection, Fts5(), listings, progress)
        write_origins(connection, [*origins, Origin(MADE, "", str(stamp))])


def _in_memory(place: Path, names: Names, reason: object) -> FileIndex:
    _log.warning("the index is made in memory, and again by every process: %s", reason)
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    _fill(engine, names, lambda: None)
    return FileIndex(engine, place)
