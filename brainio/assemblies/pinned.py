"""A file whose parts never change once they were inspected, whatever its server sends later.

HDF5 reads the metadata of a stream twice: for the inspection, and when h5netcdf opens it. A server could send other
bytes the second time, with external storage or links to files of this machine.
"""

from __future__ import annotations

from typing import IO

from brainio.assemblies.python_file import PythonFile

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
