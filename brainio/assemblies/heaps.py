"""A file that h5py reads through Python, so that a global heap that HDF5 would read forever is found before.

netCDF-4 keeps texts of variable length and references to dimensions in global heaps: blocks of objects, each of which
states its size. HDF5 steps from object to object, and stays where a free one states a size of 0.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE = b"GCOL"
_HEADER = 16  # bytes: the signature, the version and the size of the heap; also those before each object
_SIZE = slice(8, 16)  # of a header, where addresses and sizes take 8 bytes, as in each file of netCDF-4


class GuardedFile:
    """A binary file for `h5py.h5fd.fileobj_driver` that ends where a global heap begins that HDF5 cannot leave.

    Parameters
    ----------
    file : binary file
        The file; it must allow to seek.
    size : int
        Its size in bytes.

    Attributes
    ----------
    endless_heap : int or None
        The address of such a heap, once HDF5 came to it. Its calls then fail.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size
        self._position = 0
        self._checked: set[int] = set()
        self.endless_heap: int | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position; h5py asks for the size in this way."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position."""
        start, view = self._position, memoryview(buffer).cast("B")
        data = self._read(start, len(view))
        for heap in self._heaps_in(start, data):
            if self._is_endless(heap):
                self.endless_heap = heap
        if self.endless_heap is not None:
            return 0
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _heaps_in(self, start: int, data: bytes) -> Iterator[int]:
        place = data.find(_SIGNATURE)
        while place >= 0:
            if start + place not in self._checked:
                self._checked.add(start + place)
                yield start + place
            place = data.find(_SIGNATURE, place + 1)

    def _is_endless(self, address: int) -> bool:
        stated = int.from_bytes(self._read(address, _HEADER)[_SIZE], "little")
        if stated > self._size:  # refused by HDF5
            return False
        heap = self._read(address, stated)
        place = _HEADER
        while place + _HEADER <= len(heap):
            number, size = (
                heap[place : place + 2],
                int.from_bytes(heap[place + _SIZE.start : place + _SIZE.stop], "little"),
            )
            if number != b"\0\0":
                place += _HEADER + -(-size // 8) * 8
            elif size:
                place += size
            else:
                return True
        return False

    def _read(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        return self._file.read(count)
