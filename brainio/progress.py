"""Progress bars for transferred bytes and for counted items, shown on a terminal only.

`readable_size` formats a number of bytes for people.
"""

import threading
from collections.abc import Iterable, Iterator
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from brainio.forks import guard
from brainio.text import printable_line
from brainio.threads import Stop

if TYPE_CHECKING:
    from tqdm import tqdm


_Item = TypeVar("_Item")


class FileProgress(Protocol):
    """The progress of one transfer, and the signal that ends it."""

    @property
    def stop(self) -> Stop:
        """The signal that ends the transfer."""

    def set_size(self, size: int) -> None:
        """Set the size of the file in bytes; called again for each connection."""

    def reach(self, position: int) -> None:
        """Set the number of bytes received so far; a smaller number than before means that some are received again."""


class TransferBar:
    """A progress bar of transfers: a context manager that removes the bar at its end. Threads may share it.

    Parameters
    ----------
    name : str
        The label of the bar.
    size : int or None
        Total bytes of all files of known size; None if no size is known.

    Attributes
    ----------
    stop : Stop
        The signal that ends all transfers of this bar.

    Examples
    --------
    >>> with TransferBar("assy_lab_Doe2026.nc", 3) as bar:
    ...     file = bar.file(3)
    ...     file.reach(3)
    """

    def __init__(self, name: str, size: int | None) -> None:
        self._lock = threading.Lock()
        self._name = printable_line(name)
        self._size = size
        self.stop = Stop()
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        self._bar = _bar_class()(
            desc=self._name, total=self._size, unit="B", unit_scale=True, disable=None, leave=False
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def file(self, size: int | None) -> FileProgress:
        """Return the progress of one file; a size of None is unknown and not yet part of the total."""
        return _Share(self, size)

    def grow(self, size: int) -> None:
        """Add the size of a file to the total when it becomes known."""
        with self._lock:
            if self._bar is not None:
                self._bar.total = (self._bar.total or 0) + size
                self._bar.refresh()

    def add(self, count: int) -> None:
        """Add received bytes (negative: to be received again). Raises CancelledError if the transfers must end."""
        self.stop.check()
        with self._lock:
            if self._bar is not None:
                self._bar.update(count)


@cache
def _bar_class() -> "type[tqdm[Any]]":
    """Return tqdm with a separate lock: the default lock is shared with forked processes, which can block it."""
    from tqdm import tqdm

    class Bar(tqdm):
        """A progress bar of this package."""

    Bar.set_lock(guard(threading.RLock(), "progress bars"))
    return Bar


class _Share:
    """The progress of one file within a bar."""

    def __init__(self, bar: TransferBar, size: int | None) -> None:
        self._bar = bar
        self._size = size
        self._reached = 0
        self.stop = bar.stop

    def set_size(self, size: int) -> None:
        if self._size is None:
            self._size = size
            self._bar.grow(size)

    def reach(self, position: int) -> None:
        self._bar.add(position - self._reached)
        self._reached = position


def show_progress(items: Iterable[_Item], name: str, count: int) -> Iterator[_Item]:
    """Yield items, and show their number in a bar that is removed after the last one.

    Examples
    --------
    >>> list(show_progress("ab", "checking files", 2))
    ['a', 'b']
    """
    yield from _bar_class()(items, desc=printable_line(name), total=count, disable=None, leave=False)


def readable_size(size: float) -> str:
    """Format a number of bytes in units of powers of 1000.

    Examples
    --------
    >>> readable_size(0), readable_size(1500), readable_size(999_999), readable_size(2e18)
    ('0 B', '1.5 kB', '1.0 MB', '2.0 EB')
    """
    if size < 1000:
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        size /= 1000
        if round(size, 1) < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} EB"
