"""What files that h5py reads through Python have in common."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import IO, Any


class PythonFile(ABC):
    """A binary file for h5py whose subclass decides which bytes it returns.

    Parameters
    ----------
    file : binary file
        The file; it must allow to seek.
    size : int
        Its size in bytes.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size
        self._position = 0

    @abstractmethod
    def bytes_from(self, start: int, count: int) -> bytes:
        """Return up to that many bytes from a place."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position; h5py asks for the size in this way."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def read(self, count: int = -1) -> bytes:
        """Read up to that many bytes from the position; -1: to the end."""
        data = self.bytes_from(self._position, max(self._size - self._position, 0) if count < 0 else count)
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _fetch(self, start: int, stop: int) -> bytes:
        if stop <= start:
            return b""
        self._file.seek(start)
        return self._file.read(stop - start)
