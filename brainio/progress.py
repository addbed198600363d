"""The one progress bar: bytes of one file or of many, on a terminal; silence elsewhere. And bytes in words."""

import threading
from concurrent.futures import CancelledError
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from tqdm import tqdm


class FileProgress(Protocol):
    """What a transfer tells of itself."""

    def announce(self, size: int) -> None:
        """Say how many bytes the file has; again for each connection."""

    def add(self, count: int) -> None:
        """Count bytes that came; negative: that are to come again."""


class TransferBar:
    """A bar for transfers, a context manager; it goes away when they are done. May be used from many threads.

    Parameters
    ----------
    name : str
        Shown before the bar.
    size : int or None
        Bytes of all files whose size is known; None where none is.

    Examples
    --------
    >>> with TransferBar("assy_lab_Doe2026.nc", 3) as bar:
    ...     file = bar.file(3)
    ...     file.add(3)
    """

    def __init__(self, name: str, size: int | None) -> None:
        self._lock = threading.Lock()
        self._name = name
        self._size = size
        self._cancelled = False
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        from tqdm import tqdm

        self._bar = tqdm(desc=self._name, total=self._size, unit="B", unit_scale=True, disable=None, leave=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def file(self, size: int | None) -> FileProgress:
        """Return what counts the bytes of one file of that size (None: unknown, and not part of the whole yet)."""
        return _Share(self, size)

    def cancel(self) -> None:
        """Make all transfers that report here end with a CancelledError at their next block."""
        self._cancelled = True

    def grow(self, size: int) -> None:
        """Add the size of a file that was not known before."""
        with self._lock:
            if self._bar is not None:
                self._bar.total = (self._bar.total or 0) + size
                self._bar.refresh()

    def add(self, count: int) -> None:
        """Count bytes."""
        if self._cancelled:
            raise CancelledError
        with self._lock:
            if self._bar is not None:
                self._bar.update(count)


class _Share:
    """One file's share of a bar."""

    def __init__(self, bar: TransferBar, size: int | None) -> None:
        self._bar = bar
        self._size = size

    def announce(self, size: int) -> None:
        if self._size is None:
            self._size = size
            self._bar.grow(size)

    def add(self, count: int) -> None:
        self._bar.add(count)


def readable_size(size: float) -> str:
    """Say bytes in words, in powers of 1000.

    Examples
    --------
    >>> readable_size(0), readable_size(1500), readable_size(999_999), readable_size(2e12)
    ('0 B', '1.5 kB', '1.0 MB', '2.0 TB')
    """
    if size < 1000:
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if round(size, 1) < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"
