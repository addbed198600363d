"""The index of the catalogs in force: an SQLite file below `BRAINIO_HOME`, made again when what it was made of changes.

The CSV files stay the truth, and the index may be deleted at any time. A file is made under a name of its own, by one
process as far as locks work, and gets its final name when it is finished. Nothing writes to it afterwards, so whoever
reads the one before goes on with that. A file that is damaged or of another make is as good as none. Where nothing can
be written the index is in memory.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
import warnings
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import create_engine, insert, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool, StaticPool

from brainio.cache.locks import Sign, take_turn, try_turn
from brainio.cache.records import fingerprint
from brainio.cache.sqlite_files import ENDING, Opened, clear_up, note_use, read_only, stamp_of_now, writable
from brainio.errors import CatalogWarning
from brainio.home import home_folder
from brainio.index.building import build
from brainio.index.origins import Origin, are_as_they_were, key_in_force, read_origins
from brainio.index.schema import source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlalchemy.engine import Connection

    from brainio.cache.locks import Turn
    from brainio.cache.records import Fingerprint

FOLDER = "index"
_PATIENCE = 2.0  # seconds that an index in the making is waited for by whoever has the one before
_POLL = 0.05  # seconds
_UNUSED = 30 * 86_400.0  # seconds after which an index of other catalogs goes
_LEFT = 3600.0  # seconds after which a file in the making was left by a process that died
_MADE = "made"

_log = logging.getLogger("brainio.index")
_opened: dict[str, Index] = {}
_lock = threading.RLock()
Answer = TypeVar("Answer")


class Index(Opened):
    """An open index; many threads may ask it."""

    def __init__(self, engine: Engine, path: Path | None = None, print_: Fingerprint | None = None) -> None:
        super().__init__(engine, path, print_)
        rows = self.run(lambda connection: connection.execute(select(source)).all())
        self.origins = [Origin(*row) for row in rows if row.kind != _MADE]
        self.made = next((int(row.state) for row in rows if row.kind == _MADE), 0)

    def discard(self) -> None:
        """Close it, and have it made again, since it is damaged; unless another thread replaced it meanwhile."""
        self.close()
        with _lock:
            keys = [key for key, index in _opened.items() if index is self]
            for key in keys:
                del _opened[key]
        if not keys:
            return
        _log.warning("the index %s is damaged; it is made again", self.path)
        if self.path is not None and self.is_there():
            with suppress(OSError):
                self.path.unlink()


def with_index(work: Callable[[Connection], Answer]) -> Answer:
    """Return what some work gives on the index of the catalogs in force, which is made if need be.

    A catalog that cannot be read is left out with a `CatalogWarning`.
    """
    index = _in_force()
    for origin in index.origins:
        if origin.problem:
            warnings.warn(f"{origin.problem}; this catalog is left out", CatalogWarning, stacklevel=3)
    try:
        return index.run(work)
    except DatabaseError:
        index.discard()
    return _in_force().run(work)


def _in_force() -> Index:
    with _lock:
        key = key_in_force()
        path = home_folder() / FOLDER / f"{key}{ENDING}"
        known = _opened.get(str(path))
        if known is not None and known.is_there() and are_as_they_were(known.origins):
            return known
        made = _opened[str(path)] = _found_or_made(path, key)
        if known is not None:
            known.close()
        return made


def _found_or_made(path: Path, key: str) -> Index:
    """Open the index if it is there and up to date; else make it, unless another process is about to."""
    found = _open(path)
    if found is not None and are_as_they_were(found.origins):
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        turn = _turn(path.parent, key, wait=found is None)
    except BlockingIOError:
        _log.info("another process makes the index %s; the one before is used meanwhile", path)
        assert found is not None  # noqa: S101 - else it is waited for
        return found
    except OSError as error:
        made = _in_memory(error)
    else:
        made = _made_in_turn(path, key, turn)
    if found is not None:
        found.close()
    return made


def _made_in_turn(path: Path, key: str, turn: Turn | None) -> Index:
    """Make the index, unless another process made it just before."""
    try:
        other = _open(path)
        if other is not None and are_as_they_were(other.origins):
            return other
        if other is not None:
            other.close()
        return _made(path, key)
    finally:
        if turn is not None:
            turn.end()


def _turn(folder: Path, key: str, *, wait: bool) -> Turn | None:
    if wait:
        return take_turn(folder, key)
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return try_turn(folder, key)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
        time.sleep(_POLL)


def _open(path: Path) -> Index | None:
    """Open an index; None where there is none, or not one that was finished and is as it was then."""
    try:
        print_ = fingerprint(path)
        # Not the pool that is made for databases in memory: it closes connections that other threads use.
        pool = {"poolclass": QueuePool, "max_overflow": -1, "pool_reset_on_return": None}
        engine = create_engine("sqlite://", creator=partial(read_only, path), **pool)
    except OSError:
        return None
    try:
        index = Index(engine, path, print_)
    except (DatabaseError, ValueError):
        engine.dispose()
        return None
    if index.made != print_.mtime_ns:
        _log.warning("the index %s was changed since it was made; it is made again", path)
        index.close()
        return None
    note_use(path)
    return index


def _made(path: Path, key: str) -> Index:
    unfinished = path.with_name(f"{key}.{secrets.token_hex(8)}")
    try:
        clear_up(path.parent, _UNUSED, _LEFT)
        stamp = _write(unfinished)
        os.utime(unfinished, ns=(time.time_ns(), stamp))
        unfinished.replace(path)
    except (OSError, DatabaseError) as error:
        return _in_memory(error)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return _open(path) or _in_memory(f"{path} cannot be read")


def _write(path: Path) -> int:
    """Write an index to a new file, bring it to the disk, and return the time of change that it is to have."""
    stamp = stamp_of_now()
    engine = create_engine("sqlite://", creator=partial(writable, path), poolclass=StaticPool)
    try:
        _fill(engine, Sign(path).show, stamp)
    finally:
        engine.dispose()
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return stamp


def _fill(engine: Engine, progress: Callable[[], None], stamp: int = 0) -> None:
    listings, origins = read_origins()
    with engine.begin() as connection:
        build(connection, listings, progress)
        rows = [*(origin._asdict() for origin in origins), Origin(_MADE, "", str(stamp))._asdict()]
        connection.execute(insert(source), rows)


def _in_memory(reason: object) -> Index:
    _log.warning("the index is made in memory, and again by every process: %s", reason)
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    _fill(engine, lambda: None)
    return Index(engine)


def _forget() -> None:
    """Open indexes anew in a forked process: connections stay with the one that made them."""
    global _lock
    _lock = threading.RLock()
    _opened.clear()


os.register_at_fork(after_in_child=_forget)
