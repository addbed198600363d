"""Locks between processes: who holds one is in its file, and nothing is taken from a process that may still write.

`acquire` is for work that is merely done twice without a lock: a holder that makes no progress is passed over, and
where locks do not work there is none. `acquire_exclusive` is for writes that must not overlap: the lock is taken over
only when its holder is proven gone, and otherwise waiting ends with an error. Both wait as long as there is progress,
which is any change of the files that begin with the name of the lock, and log after 5 s whom they wait for. `Wait` is
the same for locks of databases.

The lock is the operating system's (`flock`), which dies with its process. Where it does not work, a file that only one
process can create replaces it. Locks of a forked process's parent stay with the parent.
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
from brainio.logs import get_logger
from brainio.processes import ProcessIdentity, this_process

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"  # ends the name of a lock
STALLED = 30.0  # seconds without progress after which a holder is not waited for any longer
_LOG_AFTER = 5.0  # seconds
_POLL = 0.05  # seconds
_BEAT_EVERY = 1.0  # seconds
_MOST_SUCCESSORS = 4  # locks that are tried after that of a holder without progress
_CREATED = ".held"  # ends the name of the file that replaces a lock of the system

_log = get_logger("brainio.locks")


class Holder(NamedTuple):
    """Who holds a lock, as far as its file tells, and since when (seconds since 1970)."""

    process: ProcessIdentity | None
    since: float

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.process or 'an unknown process'} since {since}"


@dataclass(eq=False, slots=True, weakref_slot=True)
class Lock:
    """A lock that this process holds; its files tell others so, and go away when it is released."""

    path: Path
    pid: int
    inode: int
    descriptor: int | None
    created: Path | None = None

    def release(self) -> None:
        """Let the next one in; does nothing in a forked child."""
        if self.pid != os.getpid():
            return
        with suppress(OSError):
            if self.is_held():  # else somebody removed it, and others may have made a new one
                (self.created or self.path).unlink()
        self.leave()

    def is_held(self) -> bool:
        """Whether its file is still the one that this process made or locked."""
        try:
            return self.pid == os.getpid() and (self.created or self.path).stat().st_ino == self.inode
        except OSError:
            return False

    def leave(self) -> None:
        """Close the descriptor, which a forked child shares with its parent."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


_held: WeakSet[Lock] = WeakSet()


def _leave_all() -> None:
    for lock in list(_held):
        lock.leave()
    _held.clear()


renew_in_child(_leave_all)


class Heartbeat:
    """Shows those who wait that work on a file or folder goes on which takes long to look any different."""

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, time.monotonic()

    def beat(self) -> None:
        """Touch the file, at most once a second; from any thread, also when it has gone."""
        if time.monotonic() - self._last > _BEAT_EVERY:
            self._last = time.monotonic()
            with suppress(OSError):
                os.utime(self._path)


def acquire(folder: Path, key: str, check: Callable[[], object] = lambda: None) -> Lock | None:
    """Wait until no other process works on ``KEY.*`` in a folder; None where locks do not work.

    A holder that makes no progress for `STALLED` seconds keeps its lock; those who wait acquire another one instead.

    Parameters
    ----------
    folder : Path
        Where the files are.
    key : str
        What their names begin with, up to the first dot.
    check : callable
        Called while this waits; an exception of it ends the waiting.
    """
    for number in range(1, _MOST_SUCCESSORS + 1):
        name = key if number == 1 else f"{key}.{number}"
        wait = _FileWait(folder, name, key)
        while not wait.is_stalled():
            with suppress(BlockingIOError):
                return try_acquire(folder, name)
            wait.pause(check)
        _log.warning("%s made no progress for %g s; going on without it", wait, STALLED)
    return None


def try_acquire(folder: Path, key: str) -> Lock | None:
    """Acquire a lock if nobody holds it; None where locks do not work.

    Raises
    ------
    BlockingIOError
        Somebody holds it.
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
    """Hold a lock that no two processes ever hold, whatever the file system can do.

    Parameters
    ----------
    folder, key, check
        As of `acquire`.
    subject : str
        What is to be written, for the error.

    Raises
    ------
    LockHeldError
        The holder makes no progress, and may go on later: it is stopped, or on another machine.
    OSError
        The lock file cannot be made.
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
    """A wait for another process: log the holder after 5 s, and notice when nothing changed for `STALLED` seconds.

    Parameters
    ----------
    lock : str
        The lock, for messages.
    holder : callable
        Returns the holder, whose text is part of messages.
    progress : callable
        Returns a value that changes while the holder makes progress, or hands the lock on.
    """

    def __init__(self, lock: str, holder: Callable[[], object], progress: Callable[[], object]) -> None:
        self.lock, self._holder, self._get_progress = lock, holder, progress
        self._began = self._since = time.monotonic()
        self._progress: object = None
        self._is_logged = False

    def __str__(self) -> str:
        return f"the holder of the lock {self.lock}, {self._holder()},"

    def is_stalled(self) -> bool:
        """Whether nothing changed for too long."""
        progress = self._get_progress()
        if progress != self._progress:
            self._progress, self._since = progress, time.monotonic()
        return time.monotonic() - self._since > STALLED

    def log(self) -> None:
        """Log the holder, once, after the first 5 s."""
        if not self._is_logged and time.monotonic() - self._began > _LOG_AFTER:
            self._is_logged = True
            _log.warning("waiting for the lock %s, which %s holds", self.lock, self._holder())

    def pause(self, check: Callable[[], object] = lambda: None) -> None:
        """Sleep until the next attempt, and log the holder."""
        self.log()
        check()
        time.sleep(_POLL * random.uniform(0.5, 1.5))  # noqa: S311 (spreads those who wait)

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
            f"{failure}: {self._holder()} holds the lock {self.lock}, made no progress for {STALLED:g} s{state}, and "
            f"may continue later. {remedy}. Then run the same again."
        )


class _FileWait(Wait):
    """A wait for the lock in a file."""

    def __init__(self, folder: Path, name: str, key: str) -> None:
        self._path = folder / f"{name}{LOCK}"
        super().__init__(str(self._path), self._find_holder, lambda: _progress(folder, key))

    def error_for(self, subject: str) -> LockHeldError:
        process = self._find_holder().process
        state = ""
        if process is not None and process.is_stopped:
            state, remedy = " and is stopped", continue_or_end(process)
        elif process is not None and not process.is_on_this_kernel:
            remedy = f"Check that machine; if the process does not run there, delete {self._path}*"
        else:
            remedy = f"Wait for it or end it; if there is no such process, delete {self._path}*"
        return self.error(f"{subject} was not written", remedy, state)

    def _find_holder(self) -> Holder:
        return find_holder(self._path.parent, self._path.name.removesuffix(LOCK)) or Holder(None, time.time())


def find_holder(folder: Path, key: str) -> Holder | None:
    """Return who holds a lock, or held it last and did not release it; None where nobody does."""
    path = folder / f"{key}{LOCK}"
    return _holder_in(_created(path)) or _holder_in(path)


def continue_or_end(process: ProcessIdentity) -> str:
    """Return the remedy for a stopped holder, as of `Wait.error`."""
    return f"Continue it (kill -CONT {process.pid}) or end it"


def _lock_exclusively(path: Path) -> Lock:
    """Acquire a lock so that neither a lock of the system nor a created file of others is there as well."""
    before = _holder_in(path)
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
    other = _holder_in(_created(path))
    if other is not None:
        if not (other.process and other.process.is_gone):
            lock.release()
            raise BlockingIOError(f"{path} is held by {other}")
        _created(path).unlink(missing_ok=True)
    return lock


def _may_write(process: ProcessIdentity | None) -> bool:
    """Whether a process that left its record may still write, although the system says that its lock is free."""
    if process is None or not process.is_on_this_kernel:
        return process is None or not process.is_gone
    same_namespace = process.namespace == this_process().namespace
    return same_namespace and not process.is_gone  # of other containers on this kernel, the system's lock tells


def _lock(path: Path) -> Lock:
    """Acquire the lock of the operating system on a file, and write into it who holds it."""
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
    _held.add(lock)
    return lock


def _write_record(descriptor: int, path: Path) -> None:
    """Write into a locked file who holds it; remove the file if the disk is full."""
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
    """Create the file that replaces a lock where the system has none; take that of a process over that is gone."""
    created, own = _created(path), path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    holder = _holder_in(created)
    if created.exists() and not (holder and holder.process and holder.process.is_gone):
        raise BlockingIOError(f"{created} is held by {holder}")
    own.write_bytes(_record())
    try:
        try:
            os.link(own, created)  # complete from the first moment on
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
    other = _holder_in(path)
    if other is not None and not (other.process and other.process.is_gone):
        lock.release()
        raise BlockingIOError(f"{path} is held by {other}")
    return lock


def _take_over(own: Path, created: Path) -> None:
    """Replace the file of a process that is gone; of several that try at once, one succeeds."""
    status, holder = created.stat(), _holder_in(created)
    if holder is None or holder.process is None or not holder.process.is_gone:
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


def _created(path: Path) -> Path:
    return path.with_name(f"{path.name}{_CREATED}")


def _is_unsupported(error: Exception) -> bool:
    numbers = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
    return isinstance(error, NotImplementedError) or getattr(error, "errno", None) in numbers


def _record() -> bytes:
    return json.dumps(this_process().record | {"acquired": time.time()}).encode()


def _holder_in(path: Path) -> Holder | None:
    """Return who holds a lock according to its file; None where there is none, or nothing is in it."""
    try:
        text, changed = path.read_text(encoding="utf-8", errors="replace"), path.stat().st_mtime
    except OSError:
        return None
    if not text.strip():
        return None
    try:
        record = json.loads(text)
        return Holder(ProcessIdentity.from_record(record), float(record["acquired"]))
    except (ValueError, TypeError, KeyError):
        return Holder(_from_soft_lock(text), changed)


def _from_soft_lock(text: str) -> ProcessIdentity | None:
    """Return the holder that earlier versions wrote by the package filelock: a line of its pid, and one of its host."""
    lines, here = text.split("\n"), this_process()
    if len(lines) < 2 or not lines[0].strip().isdecimal():
        return None
    host, is_here = lines[1].strip(), lines[1].strip() == here.host
    places = (here.machine, here.boot, here.namespace) if is_here else ("?", "?", "?")
    return ProcessIdentity(int(lines[0]), 0, host, *places)


def _progress(folder: Path, key: str) -> list[tuple[str, Fingerprint]]:
    """Return what changes while somebody works on a key, or hands its lock on."""
    signs = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            is_attempt = entry.name.startswith(f"{key}{LOCK}.") and not entry.name.endswith(_CREATED)
            if entry.name.startswith(f"{key}.") and not is_attempt:
                with suppress(OSError):
                    signs.append((entry.name, Fingerprint.from_status(entry.stat())))
    return sorted(signs)
