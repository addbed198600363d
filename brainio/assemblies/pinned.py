"""A file whose parts never change once they were inspected, whatever its server sends later.

HDF5 reads the metadata of a stream twice: for the inspection, and when h5netcdf opens it. A server could send other
bytes the second time, with external storage or links to files of this machine.
"""

from __future__ import annotations

import os
from typing import IO, Any

PAGE = 4096  # bytes; the blocks of streams consist of whole pages, so that pages cause no further requests
MOST_PAGES = 1 << 14  # 64 MiB of metadata


class PinnedFile:
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
        self._file = file
        self._size = size
        self._position = 0
        self._pins = pages is None
        self.pages: dict[int, bytes] = {} if pages is None else pages
        self.exceeds_limit = False

    def __repr__(self) -> str:
        return repr(self._file)

    def __str__(self) -> str:
        return str(getattr(self._file, "name", None) or self._file)

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
        start = self._position
        stop = self._size if count < 0 else min(start + count, self._size)
        first, end = start // PAGE, -(-stop // PAGE)
        if self._pins:
            data = self._fetch_and_pin(first, end)[start - first * PAGE : stop - first * PAGE]
        else:
            data = self._with_pinned(bytearray(self._fetch(start, stop)), start, range(first, end))
        self._position += len(data)
        return bytes(data)

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
