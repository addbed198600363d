"""Python file objects through which h5py reads a file, so that HDF5 sees only bytes that are safe to parse.

`PinnedFile` serves the inspected pages of a stream from memory. HDF5 reads the metadata of a stream twice, during the
inspection and when h5netcdf opens it; a server could send other bytes the second time, with external storage or links
to files of this machine.

`HeapCheckedFile` checks each global heap before HDF5 parses it. netCDF-4 stores texts of variable length and references
to dimension scales in global heaps: blocks of objects, each of which states its size. HDF5 steps from object to object,
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

PAGE_BYTES = 4096  # the blocks of streams consist of whole pages, so that pinning causes no further requests
MAX_PAGES = 1 << 14  # 64 MiB of metadata

_HEAP_SIGNATURE = b"GCOL"
_HEADER_BYTES = 16  # of a heap (signature, version, size), and of each object in it
_SIZE = slice(8, 16)  # the size in a header, where lengths take 8 bytes, as in every netCDF-4 file
_WORD_BYTES = 8
_DOUBLINGS = 4
_SPARE_HEAP_BYTES = 1 << 20  # stored text may look like a heap


class FileObject(ABC):
    """A readable, seekable binary file for h5py whose subclass decides which bytes are returned.

    Parameters
    ----------
    file : binary file
        The file to read; must be seekable.
    size : int
        Size of the file in bytes.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size
        self._position = 0

    @abstractmethod
    def read_at(self, start: int, count: int) -> bytes:
        """Return up to `count` bytes from the offset `start` on."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position; h5py calls this with `os.SEEK_END` to find out the size."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def read(self, count: int = -1) -> bytes:
        """Read up to `count` bytes from the position on; -1 reads to the end."""
        data = self.read_at(self._position, max(self._size - self._position, 0) if count < 0 else count)
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position on, and return the number of bytes read."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _read_range(self, start: int, stop: int) -> bytes:
        if stop <= start:
            return b""
        self._file.seek(start)
        return self._file.read(stop - start)


class PinnedFile(FileObject):
    """A file object that serves pinned pages from memory.

    Parameters
    ----------
    file : binary file
        The file to read; must be seekable.
    size : int
        Size of the file in bytes.
    pages : dict of int to bytes, optional
        Pinned pages by page number. By default, each page is pinned when it is first read.

    Attributes
    ----------
    pages : dict of int to bytes
        The pinned pages.
    exceeds_limit : bool
        Whether more than `MAX_PAGES` pages were read; those beyond the limit are not pinned.
    """

    def __init__(self, file: IO[bytes], size: int, pages: dict[int, bytes] | None = None) -> None:
        super().__init__(file, size)
        self._pins_new_pages = pages is None
        self.pages: dict[int, bytes] = {} if pages is None else pages
        self.exceeds_limit = False

    def __repr__(self) -> str:
        return repr(self._file)

    def __str__(self) -> str:
        return str(getattr(self._file, "name", None) or self._file)

    def read_at(self, start: int, count: int) -> bytes:
        """Return up to `count` bytes from the offset `start` on, those of pinned pages from memory."""
        stop = min(start + count, self._size)
        first, end = start // PAGE_BYTES, -(-stop // PAGE_BYTES)
        if self._pins_new_pages:
            return bytes(self._read_and_pin(first, end)[start - first * PAGE_BYTES : stop - first * PAGE_BYTES])
        return bytes(self._overlay_pages(bytearray(self._read_range(start, stop)), start, range(first, end)))

    def _read_and_pin(self, first: int, end: int) -> bytearray:
        numbers = range(first, end)
        start, stop = first * PAGE_BYTES, min(end * PAGE_BYTES, self._size)
        if all(number in self.pages for number in numbers):
            return bytearray(b"".join(self.pages[number] for number in numbers))
        data = self._overlay_pages(bytearray(self._read_range(start, stop)), start, numbers)
        for number in numbers:
            offset = number * PAGE_BYTES - start
            page = bytes(data[offset : offset + PAGE_BYTES])
            if len(page) == min(PAGE_BYTES, self._size - number * PAGE_BYTES) and number not in self.pages:
                self._pin(number, page)
        return data

    def _pin(self, number: int, page: bytes) -> None:
        if len(self.pages) < MAX_PAGES:
            self.pages[number] = page
        else:
            self.exceeds_limit = True

    def _overlay_pages(self, data: bytearray, start: int, numbers: range) -> bytearray:
        """Overwrite the bytes of pinned pages in place."""
        for number in numbers:
            page = self.pages.get(number)
            if page is None:
                continue
            offset = number * PAGE_BYTES - start
            skipped = max(-offset, 0)
            offset = max(offset, 0)
            part = page[skipped : skipped + len(data) - offset] if len(data) > offset else b""
            data[offset : offset + len(part)] = part
        return data


class HeapCheckedFile(FileObject):
    """A file object for `h5py.h5fd.fileobj_driver` that returns nothing once HDF5 reaches an unsafe global heap.

    Parameters
    ----------
    file : binary file
        The file to read; must be seekable.
    size : int
        Size of the file in bytes.

    Attributes
    ----------
    fault : str
        Description of the first unsafe heap: one that HDF5 would parse for ever, or one that overlaps others. Empty so
        far; once it is set, calls of HDF5 fail.
    checked_bytes : int
        Total size of all checked heaps.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(file, size)
        self._checked_addresses: set[int] = set()
        self.checked_bytes = 0
        self.fault = ""
        self._reads: list[tuple[int, bytes]] | None = None

    @contextmanager
    def record_reads(self) -> Iterator[list[tuple[int, bytes]]]:
        """Yield a list that collects the offset and the bytes of each read within the block."""
        reads: list[tuple[int, bytes]] = []
        self._reads = reads
        try:
            yield reads
        finally:
            self._reads = None

    def read_at(self, start: int, count: int) -> bytes:
        """Return up to `count` bytes from the offset `start` on; no bytes after a fault was found."""
        data = self.read_unchecked(start, count)
        if self._reads is not None:
            self._reads.append((start, data))
        offset = data.find(_HEAP_SIGNATURE)
        while offset >= 0:
            self.check_heap(start + offset)
            offset = data.find(_HEAP_SIGNATURE, offset + 1)
        return b"" if self.fault else data

    def read_unchecked(self, start: int, count: int) -> bytes:
        """Return up to `count` bytes from the offset `start` on, without checking heaps."""
        return self._read_range(start, start + count)

    def check_heap(self, address: int) -> bool:
        """Check the global heap at an address, once per address.

        Returns
        -------
        bool
            Whether no heap so far is unsafe. Otherwise `fault` describes the heap.
        """
        if address not in self._checked_addresses:
            self._check_new_heap(address)
        return not self.fault

    def _check_new_heap(self, address: int) -> None:
        self._checked_addresses.add(address)
        header = self.read_unchecked(address, _HEADER_BYTES)
        stated_bytes = int.from_bytes(header[_SIZE], "little")
        if not header.startswith(_HEAP_SIGNATURE) or stated_bytes > self._size:  # HDF5 refuses it
            return
        self.checked_bytes += stated_bytes
        if self.checked_bytes > self._size + _SPARE_HEAP_BYTES:  # checking would take time quadratic in the file size
            self.fault = f"its global heaps overlap, for example at byte {address:,}"
        elif _is_endless(self.read_unchecked(address, stated_bytes)):
            self.fault = (
                f"its global heap at byte {address:,} has a free object of 0 bytes, which HDF5 would parse for ever"
            )


def _is_endless(heap: bytes) -> bool:
    """Return whether HDF5, which steps from object to object, reaches a free object (number 0) of 0 bytes.

    Objects start at whole words, unless a free one has an odd size. A heap of 64 kB has about 3,000 objects, so the
    steps from all words are computed at once and doubled a few times before they are followed.
    """
    words = np.frombuffer(heap, "<u8", len(heap) // _WORD_BYTES)
    count = len(words)
    is_free = words[:-1] & 0xFFFF == 0
    sizes = np.minimum(words[1:], len(heap)).astype(np.int64)
    steps = np.where(is_free, np.where(sizes % _WORD_BYTES, 0, sizes // _WORD_BYTES), 2 - -sizes // _WORD_BYTES)
    following = (
        np.append(np.minimum(np.arange(count - 1) + steps, count), [count, count]) if count else np.zeros(1, int)
    )
    for _ in range(_DOUBLINGS):
        following = following[following]
    word, following_view = min(_HEADER_BYTES // _WORD_BYTES, count), following.data
    while following_view[word] != word:
        word = following_view[word]
    return _is_endless_from(heap, word * _WORD_BYTES)


def _is_endless_from(heap: bytes, offset: int) -> bool:
    while offset + _HEADER_BYTES <= len(heap):
        size = int.from_bytes(heap[offset + _SIZE.start : offset + _SIZE.stop], "little")
        if heap[offset : offset + 2] != b"\0\0":
            offset += _HEADER_BYTES + -(-size // _WORD_BYTES) * _WORD_BYTES
        elif size:
            offset += size
        else:
            return True
    return False
