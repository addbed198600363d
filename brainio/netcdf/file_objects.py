"""Python file objects through which h5py reads a file, so that HDF5 sees only bytes that are safe to parse.

`PinnedFile` serves the inspected pages of a stream from memory: HDF5 reads metadata twice, during the inspection and
when h5netcdf opens the stream, and a server could send other bytes the second time, with external storage or links to
files of this machine.

`GuardedFile` checks each global heap before HDF5 parses it. netCDF-4 stores texts of variable length and references to
dimension scales in global heaps: blocks of objects, each of which states its size. HDF5 steps from object to object,
and loops for ever at a free object of size 0.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


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


PAGE = 4096  # bytes; the blocks of streams consist of whole pages, so that pages cause no further requests
MOST_PAGES = 1 << 14  # 64 MiB of metadata


class PinnedFile(PythonFile):
    """A binary file for h5py whose pinned pages are served from memory.

    Parameters
    ----------
    file : binary file
        The file; it must allow to seek.
    size : int
        Its size in bytes.
    pages : dict of int to bytes, optional
        The pinned pages by their number; default: every page is pinned when it is first read.

    Attributes
    ----------
    pages : dict of int to bytes
        The pinned pages.
    exceeds_limit : bool
        More pages were read than may be pinned.
    """

    def __init__(self, file: IO[bytes], size: int, pages: dict[int, bytes] | None = None) -> None:
        super().__init__(file, size)
        self._pins = pages is None
        self.pages: dict[int, bytes] = {} if pages is None else pages
        self.exceeds_limit = False

    def __repr__(self) -> str:
        return repr(self._file)

    def __str__(self) -> str:
        return str(getattr(self._file, "name", None) or self._file)

    def bytes_from(self, start: int, count: int) -> bytes:
        """Return up to that many bytes from a place, pinned ones as they were inspected."""
        stop = min(start + count, self._size)
        first, end = start // PAGE, -(-stop // PAGE)
        if self._pins:
            return bytes(self._fetch_and_pin(first, end)[start - first * PAGE : stop - first * PAGE])
        return bytes(self._with_pinned(bytearray(self._fetch(start, stop)), start, range(first, end)))

    def _fetch_and_pin(self, first: int, end: int) -> bytearray:
        numbers = range(first, end)
        start, stop = first * PAGE, min(end * PAGE, self._size)
        if all(number in self.pages for number in numbers):
            return bytearray(b"".join(self.pages[number] for number in numbers))
        data = self._with_pinned(bytearray(self._fetch(start, stop)), start, numbers)
        for number in numbers:
            place = number * PAGE - start
            page = bytes(data[place : place + PAGE])
            if len(page) == min(PAGE, self._size - number * PAGE) and number not in self.pages:
                self._pin(number, page)
        return data

    def _pin(self, number: int, page: bytes) -> None:
        if len(self.pages) < MOST_PAGES:
            self.pages[number] = page
        else:
            self.exceeds_limit = True

    def _with_pinned(self, data: bytearray, start: int, numbers: range) -> bytearray:
        """Replace bytes by those of pinned pages, in place."""
        for number in numbers:
            page = self.pages.get(number)
            if page is None:
                continue
            place = number * PAGE - start
            skipped = max(-place, 0)
            place = max(place, 0)
            part = page[skipped : skipped + len(data) - place] if len(data) > place else b""
            data[place : place + len(part)] = part
        return data


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
