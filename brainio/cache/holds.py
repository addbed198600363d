"""Holds: a process that must not lose cached files for a while keeps others from removing any.

Loading takes a hold only after it lost a file to pruning, so that it normally costs nothing. Operations that read many
files, and would report a missing one as a finding, hold the cache from the start.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brainio.cache.files import new_partial
from brainio.processes import owner_of

HOLD = ".hold"
LONGEST = 3600.0  # seconds after which a hold no longer counts: its process may be stopped, or on another machine
PATIENCE = 30.0  # seconds that the removal of named contents waits for holds
_POLL = 0.02  # seconds
_SETTLING = 0.01  # seconds in which a removal ends that began before the hold


@contextmanager
def hold(root: Path) -> Iterator[None]:
    """Keep other processes from removing contents of a cache, as far as this process can write there.

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
    """Return whether a living process holds the contents of a cache."""
    return any(_counts(path) for path in root.glob(f"partial/*{HOLD}"))


def wait_for_holds(root: Path, seconds: float) -> bool:
    """Wait until no process holds the contents of a cache; return False if one still does after so many seconds."""
    end = time.monotonic() + seconds
    while is_held(root):
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL)
    return True


def remove_dead_holds(root: Path) -> None:
    """Remove the holds that no longer count, such as those of processes that were killed."""
    for path in root.glob(f"partial/*{HOLD}"):
        if not _counts(path):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _counts(path: Path) -> bool:
    owner = owner_of(path)
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:  # released, or removed as a leftover
        return False
    return age < LONGEST and not (owner is not None and owner.is_gone)
