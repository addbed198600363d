"""A file that h5py reads through Python, so that a global heap that HDF5 would read forever is found before.

netCDF-4 keeps texts of variable length and references to dimensions in global heaps: blocks of objects, each of which
states its size. HDF5 steps from object to object, and stays where a free one states a size of 0.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import numpy as np

from brainio.assemblies.python_file import PythonFile

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE = b"GCOL"
_HEADER = 16  # bytes: the signature, the version and the size of the heap; also those before each object
_WORD = 8  # bytes
_DOUBLINGS = 4
_SPARE_BYTES = 1 << 20  # bytes of texts may look like a heap
_SIZE = slice(8, 16)  # of a header, where addresses and sizes take 8 bytes, as in each file of netCDF-4


class GuardedFile(PythonFile):
    """A binary file for `h5py.h5fd.fileobj_driver` that ends where a global heap begins that HDF5 cannot leave.

    Parameters
    ----------
    file : binary file
        The file; it must allow to seek.
    size : int
        Its size in bytes.

    Attributes
    ----------
    fault : str
        Why HDF5 may not read the file, once it came to such a heap, or to heaps that overlap; its calls then fail.
    checked_bytes : int
        The size of all heaps that were checked.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(file, size)
        self._checked: set[int] = set()
        self.checked_bytes = 0
        self.fault = ""
        self._reads: list[tuple[int, bytes]] | None = None

    @contextmanager
    def recorded(self) -> Iterator[list[tuple[int, bytes]]]:
        """Yield a list of what is read from the file meanwhile: where, and the bytes."""
        reads: list[tuple[int, bytes]] = []
        self._reads = reads
        try:
            yield reads
        finally:
            self._reads = None

    def bytes_from(self, start: int, count: int) -> bytes:
        """Return up to that many bytes from a place; none once there is a fault."""
        data = self.read_at(start, count)
        if self._reads is not None:
            self._reads.append((start, data))
        place = data.find(_SIGNATURE)
        while place >= 0:
            self.check_heap(start + place)
            place = data.find(_SIGNATURE, place + 1)
        return b"" if self.fault else data

    def check_heap(self, address: int) -> bool:
        """Set `fault` where HDF5 would never end reading the heap at an address, and return whether there is none.

        Each heap is read once.
        """
        if address not in self._checked:
            self._check_new_heap(address)
        return not self.fault

    def _check_new_heap(self, address: int) -> None:
        self._checked.add(address)
        header = self.read_at(address, _HEADER)
        stated = int.from_bytes(header[_SIZE], "little")
        if not header.startswith(_SIGNATURE) or stated > self._size:  # refused by HDF5
            return
        self.checked_bytes += stated
        if self.checked_bytes > self._size + _SPARE_BYTES:  # the time would grow with the square of the size
            self.fault = f"its global heaps overlap, such as that at byte {address:,}"
        elif _is_endless(self.read_at(address, stated)):
            self.fault = (
                f"its global heap at byte {address:,} has a free object of 0 bytes, at which HDF5 would never end"
            )

    def read_at(self, start: int, count: int) -> bytes:
        """Return up to that many bytes from a place, without a check."""
        return self._fetch(start, start + count)


def _is_endless(heap: bytes) -> bool:
    """Whether HDF5, which steps from object to object, comes to a free one (number 0) of 0 bytes.

    Objects begin at whole words, unless a free one has an odd size. The steps from all words are computed at once and
    joined to longer ones: there are some 3,000 objects in a heap of 64 kB.
    """
    words = np.frombuffer(heap, "<u8", len(heap) // _WORD)
    count = len(words)
    is_free = words[:-1] & 0xFFFF == 0
    sizes = np.minimum(words[1:], len(heap)).astype(np.int64)
    steps = np.where(is_free, np.where(sizes % _WORD, 0, sizes // _WORD), 2 - -sizes // _WORD)
    following = (
        np.append(np.minimum(np.arange(count - 1) + steps, count), [count, count]) if count else np.zeros(1, int)
    )
    for _ in range(_DOUBLINGS):
        following = following[following]
    place, steps_view = min(_HEADER // _WORD, count), following.data
    while steps_view[place] != place:
        place = steps_view[place]
    return _is_endless_from(heap, place * _WORD)


def _is_endless_from(heap: bytes, place: int) -> bool:
    while place + _HEADER <= len(heap):
        size = int.from_bytes(heap[place + _SIZE.start : place + _SIZE.stop], "little")
        if heap[place : place + 2] != b"\0\0":
            place += _HEADER + -(-size // _WORD) * _WORD
        elif size:
            place += size
        else:
            return True
    return False
