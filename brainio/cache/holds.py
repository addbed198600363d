"""Holds: time-limited leases that keep other processes from removing cached files.

A load takes a hold only after it lost a file to pruning, so it normally costs nothing. Operations that read many files,
and would report a missing one as a problem, hold the cache from the start.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brainio.cache.files import new_partial
from brainio.processes import owner_of

HOLD = ".hold"
_MAX_AGE = 3600.0  # seconds after which a hold expires: its process may be stopped, or on another machine
PATIENCE = 30.0  # seconds for which `remove` waits for holds
_POLL = 0.02  # seconds
_SETTLING = 0.01  # seconds: a removal that began before the hold ends within this time


@contextmanager
def hold(root: Path) -> Iterator[None]:
    """Prevent other processes from removing content of a cache, if this process can write there.

    Parameters
    ----------
    root : Path
        The cache.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> with hold(root):
    ...     is_held(root)
    True
    >>> is_held(root)
    False
    """
    path = None
    with suppress(OSError):
        path = new_partial(root)
        path = path.with_name(f"{path.name}{HOLD}")
        path.touch(exist_ok=False)
        time.sleep(_SETTLING)
    try:
        yield
    finally:
        if path is not None:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def is_held(root: Path) -> bool:
    """Return whether a running process holds the content of a cache."""
    return any(_is_valid(path) for path in root.glob(f"partial/*{HOLD}"))


def wait_for_holds(root: Path, seconds: float) -> bool:
    """Wait until no process holds the content of a cache; return False if one still does at the timeout."""
    end = time.monotonic() + seconds
    while is_held(root):
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL)
    return True


def remove_dead_holds(root: Path) -> None:
    """Remove expired holds and those of processes that ended."""
    for path in root.glob(f"partial/*{HOLD}"):
        if not _is_valid(path):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _is_valid(path: Path) -> bool:
    owner = owner_of(path)
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:  # released, or removed as a leftover
        return False
    return age < _MAX_AGE and not (owner is not None and owner.is_gone)
