"""Fork safety: a fork waits until no thread is inside HDF5 or holds a lock that the child will need.

A forked child has a copy of every lock, but only the thread that forked. A lock that another thread held stays locked
there for ever, and the data that it protects may be half changed: replacing the lock alone would let the child crash in
a half-changed HDF5. So the fork acquires the locks first, and parent and child both release them.

No order of locks has to be observed elsewhere: a fork that waits for a lock releases all others after a short time, so
that a thread which waits for one of those can proceed, and tries again with more patience. This module knows neither
HDF5 nor dask beyond the names of their locks, and imports nothing: it looks at modules that are loaded already.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from brainio.errors import ForkError
from brainio.text import get_logger

LONGEST_WAIT = 600.0  # seconds: a thread may read a large recording in one call
_LONGEST_IMPORT = 60.0  # seconds
_LOG_AFTER = 5.0  # seconds
_FIRST_PATIENCE = 0.05  # seconds to wait for a busy lock while holding others; doubled at each attempt
_POLL = 0.002  # seconds, for locks without a timeout

_log = get_logger("brainio")


class Lock(Protocol):
    """Any lock of `threading`, or one that is acquired and released like those."""

    def acquire(self, blocking: bool = ..., /) -> bool:
        """Acquire the lock, and return whether that succeeded."""

    def release(self) -> None:
        """Release the lock."""


AnyLock = TypeVar("AnyLock", bound=Lock)

_guarded: "WeakKeyDictionary[Any, str]" = WeakKeyDictionary()  # lock -> the protected subject, for messages
_renewals: list[Callable[[], object]] = []
_acquired: dict[int, list[Lock]] = {}  # forking thread -> the locks that it acquired
_properties: tuple[int, list[Lock]] = (0, [])  # number of modules when these locks were collected
lost_locks: set[int] = set()
"""The ids of the locks that a fork could not acquire; empty except in the child. See `require_intact`."""

# Locks of other packages under which threads of this one work, as (module, path of the attribute). h5py also acquires
# its own before a fork, but waits for it while the fork holds others.
_FOREIGN = (
    ("h5py._objects", "phil"),
    ("xarray.backends.file_manager", "FILE_CACHE._lock"),
    ("dask.threaded", "pools_lock"),
    ("dask.config", "config_lock"),
    ("dask.tokenize", "tokenize_lock"),
    ("_strptime", "_cache_lock"),
    ("pandas._libs.tslibs.strptime", "_cache_lock"),
)
# The hooks of a fork run last to first: those of modules that were imported later have acquired these already, which a
# thread that holds another lock may wait for.
_HOOKED = (("h5py._objects", "phil"), ("logging", "_lock"))
# A module that another thread is importing can never be imported in the child: nobody releases its lock there.
_IMPORTED = frozenset(
    (
        *("brainio", "brainio_catalogs", "numpy", "pandas", "xarray", "netCDF4", "cftime", "h5py", "h5netcdf", "dask"),
        *("distributed", "boto3", "botocore", "s3transfer", "requests", "urllib3", "fsspec", "sqlalchemy", "psycopg"),
        *("PIL", "matplotlib", "tenacity", "tqdm", "click", "jinja2"),
    )
)


class Activity:
    """Concurrent work of threads, such as calls of a library whose own locks cannot be acquired here.

    Threads enter and leave it with `with`. Acquiring it as a lock waits until all other threads have left, and keeps
    them out.

    Examples
    --------
    >>> activity = Activity()
    >>> with activity, activity:
    ...     activity.acquire()
    True
    >>> activity.release()
    """

    def __init__(self) -> None:
        self._entrance = threading.RLock()
        self._depths: dict[int, int] = {}  # thread -> the number of times that it entered

    def __enter__(self) -> None:
        thread = threading.get_ident()
        if not self._depths.get(thread):
            with self._entrance:
                self._depths[thread] = 1
        else:
            self._depths[thread] += 1

    def __exit__(self, *_error: object) -> None:
        thread = threading.get_ident()
        self._depths[thread] -= 1
        if not self._depths[thread]:
            del self._depths[thread]

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait until only this thread is inside, and return whether that happened in time."""
        if not self._entrance.acquire(blocking, timeout):
            return False
        end = time.monotonic() + timeout
        while any(thread != threading.get_ident() for thread in list(self._depths)):
            if not blocking or (timeout >= 0 and time.monotonic() > end):
                self._entrance.release()
                return False
            time.sleep(_POLL)
        return True

    def release(self) -> None:
        """Let other threads enter again."""
        self._entrance.release()


def guard(lock: AnyLock, subject: str) -> AnyLock:
    """Make forks wait for a lock, and return it.

    Parameters
    ----------
    lock : Lock
        Re-entrant, since a thread may fork while it holds the lock, for example in a callback.
    subject : str
        The subject that the lock protects, for the log: "HDF5".

    Examples
    --------
    >>> lock = guard(threading.RLock(), 'an example')
    >>> with lock:
    ...     child = os.fork()
    ...     if not child:
    ...         os._exit(0 if lock.acquire(False) else 1)
    >>> os.waitpid(child, 0)[1]
    0
    """
    _guarded[lock] = subject
    return lock


def renew_in_child(renew: Callable[[], object]) -> None:
    """Call a function in every forked child, once its locks are free: to drop connections, pools and threads."""
    _renewals.append(renew)


def require_intact(lock: Lock) -> None:
    """Raise an error if a lock could not be acquired before this process was forked.

    Raises
    ------
    ForkError
        A thread of the parent held the lock all the time that the fork waited; it will never be free here.
    """
    if id(lock) in lost_locks:
        raise ForkError(
            f"{_guarded.get(lock, lock)} cannot be used in this forked process (pid {os.getpid()}): the fork waited "
            f"{LONGEST_WAIT:g} s for a thread of the parent to leave it, in vain. Fork before such threads start, or "
            f"start workers with the 'spawn' or 'forkserver' method of multiprocessing."
        )


def _acquire_all() -> None:
    """Acquire every lock before a fork; one that stays busy for `LONGEST_WAIT` is lost to the child."""
    start, patience, is_logged = time.monotonic(), _FIRST_PATIENCE, False
    lost: set[int] = set()
    while True:
        acquired, busy = _try_all(patience, lost)
        waited = time.monotonic() - start
        if busy is None and (waited > _LONGEST_IMPORT or not _is_importing()):
            break
        _release(acquired)
        if waited > _LOG_AFTER and not is_logged:
            is_logged = True
            subject = "the import of a module" if busy is None else _guarded.get(busy, busy)
            _log.warning("a fork waits until another thread of this process is done with %s", subject)
        if busy is None:
            time.sleep(_POLL)
            continue
        if waited > LONGEST_WAIT:
            lost.add(id(busy))
        _let_others_proceed(busy, patience)
        patience = min(2 * patience, _LOG_AFTER)
    _acquired[threading.get_ident()] = acquired
    lost_locks.update(lost)


def _try_all(patience: float, lost: set[int]) -> tuple[list[Lock], Lock | None]:
    """Acquire all locks but the lost ones; else return those acquired so far, and one that stayed busy."""
    acquired: list[Lock] = []
    for lock in _locks():
        if id(lock) not in lost:
            if not _acquire_in_time(lock, patience):
                return acquired, lock
            acquired.append(lock)
    return acquired, None


def _let_others_proceed(busy: Lock, seconds: float) -> None:
    """Release all locks until a busy one is free, even those that hooks of other modules acquired before."""
    released: list[Any] = []
    for module, name in _HOOKED:
        lock: Any = getattr(sys.modules.get(module), name, None)
        if lock is not None:
            with suppress(RuntimeError):  # this thread does not hold it
                lock.release()
                released.append(lock)
    if _acquire_in_time(busy, seconds):
        busy.release()
    for lock in reversed(released):
        lock.acquire()


def _acquire_in_time(lock: Any, seconds: float) -> bool:
    try:
        return bool(lock.acquire(True, timeout=seconds))
    except TypeError:  # h5py's lock has no timeout
        end = time.monotonic() + seconds
        while not lock.acquire(False):
            if time.monotonic() > end:
                return False
            time.sleep(_POLL)
        return True


def _locks() -> Iterator[Lock]:
    while True:
        try:
            own = list(_guarded)
        except RuntimeError:  # another thread is adding a lock
            continue
        break
    yield from own
    for module, path in _FOREIGN:
        found: Any = sys.modules.get(module)
        for name in path.split("."):
            found = getattr(found, name, None)
        if found is not None:
            yield found
    if sys.version_info < (3, 12):
        yield from _locks_of_properties()


def _locks_of_properties() -> list[Lock]:
    """Return the locks of each `functools.cached_property`: before Python 3.12 all objects of a class share one."""
    global _properties
    if _properties[0] != len(sys.modules):
        modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in _IMPORTED]
        classes = {thing for module in modules for thing in list(vars(module).values()) if isinstance(thing, type)}
        members = [member for cls in classes for member in list(vars(cls).values())]
        locks: list[Any] = [getattr(member, "lock", None) for member in members if type(member) is cached_property]
        _properties = len(sys.modules), list(filter(None, locks))
    return _properties[1]


def _is_importing() -> bool:
    """Whether another thread is importing a module that the child may need."""
    bootstrap: Any = sys.modules.get("_frozen_importlib")
    known: dict[str, Any] = dict(getattr(bootstrap, "_module_locks", {}))
    for name, reference in known.items():
        owner = getattr(reference(), "owner", None)
        if owner not in (None, threading.get_ident()) and name.partition(".")[0] in _IMPORTED:
            return True
    return False


def _release(locks: list[Lock]) -> None:
    for lock in reversed(locks):
        lock.release()


def _release_in_parent() -> None:
    _release(_acquired.pop(threading.get_ident(), []))
    lost_locks.clear()


def _release_in_child() -> None:
    _release(_acquired.pop(threading.get_ident(), []))
    _acquired.clear()
    _renew_dask()
    for renew in _renewals:
        renew()


def _renew_dask() -> None:
    """Let dask start new threads in the child: its pools refer to threads of the parent, which do not exist here."""
    threaded: Any = sys.modules.get("dask.threaded")
    if threaded is None:
        return
    from dask import config

    threaded.default_pool = None
    threaded.pools.clear()
    pool = config.get("pool", None)
    if pool is not None:
        count = getattr(pool, "_max_workers", None)  # as dask itself finds out
        config.set(pool=threaded.ThreadPoolExecutor(count) if count else None)
    distributed: Any = sys.modules.get("distributed")
    with suppress(Exception):  # ValueError: it has no client
        distributed.Client.current(allow_global=True)
        config.set(scheduler=_refuse_to_compute)


def _refuse_to_compute(*_args: object, **_kwargs: object) -> None:
    raise ForkError(
        f"this process (pid {os.getpid()}) was forked from one with a dask.distributed client, whose connections and "
        f"threads do not exist here. Connect a new client (distributed.Client(ADDRESS)), compute with the threads of "
        f"this process (dask.config.set(scheduler='threads')), or start workers with the 'spawn' method."
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_acquire_all, after_in_parent=_release_in_parent, after_in_child=_release_in_child)
