"""Locks between processes, which record their owner and are never taken from a process that may still write.

`acquire` is for work that two processes may do twice: a waiter stops waiting for an owner without progress, and works
without a lock if the file system supports none. `acquire_exclusive` is for writes that must not overlap: a waiter takes
the lock over only if its owner is proven gone; otherwise the wait ends with an error. A wait lasts while the owner
makes progress, which is any change of the files whose names begin with that of the lock (see `Heartbeat`), and logs the
owner after 5 s. `Wait` is the base class for waits, also for locks of databases.

The lock is an `flock` of the operating system, which ends with its process. If the file system does not support it, a
file that only one process can create replaces it. A forked child owns no lock of its parent.
"""

import errno
import json
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

from brainio.errors import LockHeldError
from brainio.forks import renew_in_child
from brainio.local_files import Fingerprint
from brainio.processes import ProcessIdentity, this_process
from brainio.text import get_logger

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"  # suffix of a lock file
STALLED = 30.0  # seconds without progress after which a wait ends
_LOG_AFTER = 5.0  # seconds
_POLL = 0.05  # seconds
_BEAT_EVERY = 1.0  # seconds
_MOST_SUCCESSORS = 4  # further locks to try if an owner makes no progress
_CREATED = ".held"  # suffix of the file that replaces an flock

_log = get_logger("brainio.locks")


class Owner(NamedTuple):
    """The process that owns a lock according to the lock file, and the time of acquisition (seconds since 1970)."""

    process: ProcessIdentity | None
    since: float

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.process or 'an unknown process'} since {since}"


@dataclass(eq=False, slots=True, weakref_slot=True)
class Lock:
    """A lock that this process owns; releasing it removes its file."""

    path: Path
    pid: int
    inode: int
    descriptor: int | None
    created: Path | None = None

    def release(self) -> None:
        """Release the lock; in a forked child, do nothing."""
        if self.pid != os.getpid():
            return
        with suppress(OSError):
            if self.is_held():  # else it was removed, and another process may have created a new one
                (self.created or self.path).unlink()
        self.close()

    def is_held(self) -> bool:
        """Whether the lock file is still the file that this process created or locked."""
        try:
            return self.pid == os.getpid() and (self.created or self.path).stat().st_ino == self.inode
        except OSError:
            return False

    def close(self) -> None:
        """Close the descriptor, which a forked child shares with its parent."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


_locks: WeakSet[Lock] = WeakSet()


def _close_all() -> None:
    for lock in list(_locks):
        lock.close()
    _locks.clear()


renew_in_child(_close_all)


class Heartbeat:
    """A sign of progress for waiters during work that does not change a file or folder for a while."""

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, time.monotonic()

    def beat(self) -> None:
        """Touch the file, at most once a second; may be called from any thread, and ignores a missing file."""
        if time.monotonic() - self._last > _BEAT_EVERY:
            self._last = time.monotonic()
            with suppress(OSError):
                os.utime(self._path)


def acquire(folder: Path, key: str, check: Callable[[], object] = lambda: None) -> Lock | None:
    """Acquire the lock for the files ``KEY.*`` in a folder; return None if the file system supports no locks.

    An owner that makes no progress for `STALLED` seconds keeps its lock; waiters acquire a further lock instead.

    Parameters
    ----------
    folder : Path
        The folder of the files.
    key : str
        Their names up to the first dot.
    check : callable
        Called during the wait; an exception ends the wait.
    """
    for number in range(1, _MOST_SUCCESSORS + 1):
        name = key if number == 1 else f"{key}.{number}"
        wait = _FileWait(folder, name, key)
        while not wait.is_stalled():
            with suppress(BlockingIOError):
                return try_acquire(folder, name)
            wait.pause(check)
        _log.warning("%s made no progress for %g s; continuing without waiting for it", wait, STALLED)
    return None


def try_acquire(folder: Path, key: str) -> Lock | None:
    """Acquire a lock without waiting; return None if the file system supports no locks.

    Raises
    ------
    BlockingIOError
        Another process owns the lock.
    """
    path = folder / f"{key}{LOCK}"
    try:
        return _lock(path)
    except BlockingIOError:
        raise
    except (OSError, NotImplementedError) as error:
        _log.debug("no lock on %s: %s", path, error)
        return None


@contextmanager
def acquire_exclusive(
    folder: Path, key: str, subject: str, check: Callable[[], object] = lambda: None
) -> Iterator[Lock]:
    """Acquire a lock that two processes never own at the same time, on every file system.

    Parameters
    ----------
    folder, key, check
        As for `acquire`.
    subject : str
        The file to be written, for messages.

    Raises
    ------
    LockHeldError
        The owner makes no progress, and may continue later: it is stopped, or on another machine.
    OSError
        The lock file cannot be created.
    """
    wait = _FileWait(folder, key, key)
    while True:
        try:
            lock = _lock_exclusively(folder / f"{key}{LOCK}")
            break
        except BlockingIOError:
            if wait.is_stalled():
                raise wait.error_for(subject) from None
            wait.pause(check)
    try:
        yield lock
    finally:
        lock.release()


class Wait:
    """A wait for another process, which logs the owner after 5 s and detects `STALLED` seconds without progress.

    Parameters
    ----------
    lock : str
        The lock, for messages.
    owner : callable
        Returns the owner, for messages.
    progress : callable
        Returns a value that changes while the owner makes progress, or when the owner changes.
    """

    def __init__(self, lock: str, owner: Callable[[], object], progress: Callable[[], object]) -> None:
        self.lock, self._owner, self._get_progress = lock, owner, progress
        self._began = self._since = time.monotonic()
        self._progress: object = None
        self._is_logged = False

    def __str__(self) -> str:
        return f"the owner of the lock {self.lock}, {self._owner()},"

    def is_stalled(self) -> bool:
        """Whether there was no progress for `STALLED` seconds."""
        progress = self._get_progress()
        if progress != self._progress:
            self._progress, self._since = progress, time.monotonic()
        return time.monotonic() - self._since > STALLED

    def log(self) -> None:
        """Log the owner, once, after the first 5 s."""
        if not self._is_logged and time.monotonic() - self._began > _LOG_AFTER:
            self._is_logged = True
            _log.warning("waiting for the lock %s, which %s holds", self.lock, self._owner())

    def pause(self, check: Callable[[], object] = lambda: None) -> None:
        """Log the owner, and sleep until the next attempt."""
        self.log()
        check()
        time.sleep(_POLL * random.uniform(0.5, 1.5))  # noqa: S311 (spreads waiting processes over time)

    def error(self, failure: str, remedy: str, state: str = "") -> LockHeldError:
        """Return the error for a wait without progress.

        Parameters
        ----------
        failure : str
            The start of the sentence: "lab.csv was not written".
        remedy : str
            A sentence without its full stop.
        state : str, optional
            Follows the time: " and is stopped".
        """
        return LockHeldError(
            f"{failure}: {self._owner()} holds the lock {self.lock}, made no progress for {STALLED:g} s{state}, and "
            f"may continue later. {remedy}. Then run the same again."
        )


class _FileWait(Wait):
    """A wait for the lock in a file."""

    def __init__(self, folder: Path, name: str, key: str) -> None:
        self._path = folder / f"{name}{LOCK}"
        super().__init__(str(self._path), self._find_owner, lambda: _progress(folder, key))

    def error_for(self, subject: str) -> LockHeldError:
        process = self._find_owner().process
        state = ""
        if process is not None and process.is_stopped:
            state, remedy = " and is stopped", continue_or_end(process)
        elif process is not None and not process.is_on_this_kernel:
            remedy = f"Check that machine; if the process does not run there, delete {self._path}*"
        else:
            remedy = f"Wait for it or end it; if there is no such process, delete {self._path}*"
        return self.error(f"{subject} was not written", remedy, state)

    def _find_owner(self) -> Owner:
        return find_owner(self._path.parent, self._path.name.removesuffix(LOCK)) or Owner(None, time.time())


def find_owner(folder: Path, key: str) -> Owner | None:
    """Return the owner of a lock, or the last owner if it did not release the lock; None if the lock is free."""
    path = folder / f"{key}{LOCK}"
    return _owner_in(_created_path(path)) or _owner_in(path)


def continue_or_end(process: ProcessIdentity) -> str:
    """Return the remedy for a stopped owner; see `Wait.error`."""
    return f"Continue it (kill -CONT {process.pid}) or end it"


def _lock_exclusively(path: Path) -> Lock:
    """Acquire a lock after checking that no other process owns it by an flock or by a created file."""
    before = _owner_in(path)
    if before is not None and _may_write(before.process):
        raise BlockingIOError(f"{path} is held by {before}")
    try:
        lock = _lock(path)
    except BlockingIOError:
        raise
    except (OSError, NotImplementedError) as error:
        if not _is_unsupported(error):
            raise
        return _create(path)
    other = _owner_in(_created_path(path))
    if other is not None:
        if not (other.process and other.process.is_gone):
            lock.release()
            raise BlockingIOError(f"{path} is held by {other}")
        _created_path(path).unlink(missing_ok=True)
    return lock


def _may_write(process: ProcessIdentity | None) -> bool:
    """Whether the recorded owner may still write, although its flock is free."""
    if process is None or not process.is_on_this_kernel:
        return process is None or not process.is_gone
    same_namespace = process.namespace == this_process().namespace
    return same_namespace and not process.is_gone  # for other containers on this kernel, the flock is proof enough


def _lock(path: Path) -> Lock:
    """Acquire an flock on a file, and write the owner into the file."""
    if fcntl is None:
        raise NotImplementedError("this system has no flock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise BlockingIOError(f"{path} is held") from error
            raise
        inode = os.fstat(descriptor).st_ino
        _require_same(path, inode)
        _write_record(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    lock = Lock(path, os.getpid(), inode, descriptor)
    _locks.add(lock)
    return lock


def _write_record(descriptor: int, path: Path) -> None:
    """Write the owner into a locked file; remove the file if the disk is full."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _record(), 0)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _require_same(path: Path, inode: int) -> None:
    """Raise BlockingIOError if a lock file was removed, or replaced by another, before it could be locked."""
    try:
        is_same = path.stat().st_ino == inode
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise BlockingIOError(f"{path} was removed")


def _create(path: Path) -> Lock:
    """Create the file that replaces an flock, or take over the file of a process that is gone."""
    created, own = _created_path(path), path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    owner = _owner_in(created)
    if created.exists() and not (owner and owner.process and owner.process.is_gone):
        raise BlockingIOError(f"{created} is held by {owner}")
    own.write_bytes(_record())
    try:
        try:
            os.link(own, created)  # the file is complete when it appears
        except FileExistsError:
            _take_over(own, created)
        except OSError:  # no hard links
            with created.open("xb") as file:
                file.write(_record())
        lock = Lock(path, os.getpid(), created.stat().st_ino, None, created)
    except FileExistsError as error:
        raise BlockingIOError(f"{created} is held") from error
    finally:
        own.unlink(missing_ok=True)
    other = _owner_in(path)
    if other is not None and not (other.process and other.process.is_gone):
        lock.release()
        raise BlockingIOError(f"{path} is held by {other}")
    return lock


def _take_over(own: Path, created: Path) -> None:
    """Replace the file of a process that is gone; if several processes try at once, one succeeds."""
    status, owner = created.stat(), _owner_in(created)
    if owner is None or owner.process is None or not owner.process.is_gone:
        raise FileExistsError(created)
    claim = created.with_name(f"{created.name}.{status.st_ino}-{status.st_mtime_ns}")
    claim.mkdir()  # FileExistsError: another process takes it over
    try:
        now = created.stat()
        if (now.st_ino, now.st_mtime_ns) != (status.st_ino, status.st_mtime_ns):
            raise FileExistsError(created)
        own.replace(created)
    finally:
        claim.rmdir()


def _created_path(path: Path) -> Path:
    return path.with_name(f"{path.name}{_CREATED}")


def _is_unsupported(error: Exception) -> bool:
    numbers = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
    return isinstance(error, NotImplementedError) or getattr(error, "errno", None) in numbers


def _record() -> bytes:
    return json.dumps(this_process().record | {"acquired": time.time()}).encode()


def _owner_in(path: Path) -> Owner | None:
    """Return the owner in a lock file; None if the file is missing or empty."""
    try:
        text, changed = path.read_text(encoding="utf-8", errors="replace"), path.stat().st_mtime
    except OSError:
        return None
    if not text.strip():
        return None
    try:
        record = json.loads(text)
        return Owner(ProcessIdentity.from_record(record), float(record["acquired"]))
    except (ValueError, TypeError, KeyError):
        return Owner(_from_soft_lock(text), changed)


def _from_soft_lock(text: str) -> ProcessIdentity | None:
    """Return the owner in a lock file of the package filelock, used by earlier versions: its pid and its host."""
    lines, here = text.split("\n"), this_process()
    if len(lines) < 2 or not lines[0].strip().isdecimal():
        return None
    host, is_here = lines[1].strip(), lines[1].strip() == here.host
    places = (here.machine, here.boot, here.namespace) if is_here else ("?", "?", "?")
    return ProcessIdentity(int(lines[0]), 0, host, *places)


def _progress(folder: Path, key: str) -> list[tuple[str, Fingerprint]]:
    """Return the fingerprints of the files of a key, which change while a process works on it or hands its lock on."""
    fingerprints = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            is_attempt = entry.name.startswith(f"{key}{LOCK}.") and not entry.name.endswith(_CREATED)
            if entry.name.startswith(f"{key}.") and not is_attempt:
                with suppress(OSError):
                    fingerprints.append((entry.name, Fingerprint.from_status(entry.stat())))
    return sorted(fingerprints)
