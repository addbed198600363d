"""The filters of a variable, and chunks that expand beyond the size that the variable states.

Such chunks are found in constant memory before HDF5 expands them. HDF5 gives a filter room for all that a chunk holds,
and compares sizes afterwards: 1 MB of deflate may take 1 GB. The filters zstd, blosc and szip allocate the size that
the chunk itself states.
"""

from __future__ import annotations

import bz2
import zlib
from functools import cache, cached_property
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import netCDF4
from h5py import h5z  # type: ignore[import-untyped, unused-ignore]

from brainio.netcdf.hdf5_lock import hdf5_access
from brainio.netcdf.memory import free_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# A chunk of up to this many bytes in the file is not looked through for deflate. Those of `write_netcdf` have 1 MiB
# decoded, so that loading a file which it wrote takes no longer; HDF5 may take 1.16 GB for a hostile one.
SPARE_STORED_BYTES = 1_125_000
_MOST_EXPANSION = 1032  # of deflate
_SHARE_OF_FREE_MEMORY = 4  # larger chunks are not looked through where they fit this many times into free memory
_OVERHEAD_BYTES = 4096  # that filters may add to a chunk that does not compress, and a sixteenth of it
_BLOCK = 1 << 18

_BZIP2, _BLOSC, _ZSTD = 307, 32001, 32015
_BUILT_IN = {
    h5z.FILTER_DEFLATE: "deflate",
    h5z.FILTER_SHUFFLE: "shuffle",
    h5z.FILTER_FLETCHER32: "fletcher32",
    h5z.FILTER_NBIT: "nbit",
    h5z.FILTER_SCALEOFFSET: "scaleoffset",
}
# Filters that a build of netCDF4 may have: number -> (name, the method that knows).
_OPTIONAL = {
    h5z.FILTER_SZIP: ("szip", "has_szip_filter"),
    _BZIP2: ("bzip2", "has_bzip2_filter"),
    _BLOSC: ("blosc", "has_blosc_filter"),
    _ZSTD: ("zstd", "has_zstd_filter"),
}
_COMPRESSORS = frozenset({h5z.FILTER_DEFLATE, *_OPTIONAL})
_ELEMENTS, _ITEMSIZE = 2, 4  # places of what nbit and scaleoffset allocate in their parameters
_HEADER_BYTES = 18  # of a compressed chunk: the most that is read for a stated size


@cache
def allowed_filters() -> dict[int, str]:
    """Return the numbers and names of the filters that the installed netCDF4 can decode."""
    with hdf5_access(), netCDF4.Dataset("filters.nc", "w", diskless=True) as dataset:
        return _BUILT_IN | {
            code: name for code, (name, method) in _OPTIONAL.items() if getattr(dataset, method, lambda: False)()
        }


class FilterPipeline:
    """The filters of one variable, in the order in which they are applied to write a chunk.

    Parameters
    ----------
    created : h5py.h5p.PropDCID
        The properties with which the variable was created.

    Attributes
    ----------
    codes : tuple of int
        The numbers of the filters.
    names : tuple of str
        Their names; empty for filters that netCDF4 cannot decode.
    """

    def __init__(self, created: Any) -> None:
        filters = [created.get_filter(number) for number in range(created.get_nfilters())]
        self._parameters = [values for _, _, values, _ in filters]
        self._own_names = [name.decode(errors="backslashreplace") for *_, name in filters]
        self.codes: tuple[int, ...] = tuple(code for code, *_ in filters)
        self.names = tuple(allowed_filters().get(code, "") for code in self.codes)

    def fault(self) -> tuple[str, str] | None:
        """Return why no chunk may pass through these filters, and which filters may be used; None: it may."""
        compressor = ""
        once = f"each of {', '.join(sorted(allowed_filters().values()))} once: netCDF4 can decode these"
        for number, (code, name) in enumerate(zip(self.codes, self.names, strict=True)):
            if not name:
                return f"has the filter {self._own_names[number]!r} (number {code})", once
            if name in self.names[:number]:
                return f"applies {name} twice", once
            if compressor and code != h5z.FILTER_FLETCHER32:
                return f"applies {name} after {compressor}", "one compression, and fletcher32 at most after it"
            compressor = name if code in _COMPRESSORS else compressor
        return None

    def fault_of_sizes(self, elements: int, itemsize: int) -> tuple[str, str] | None:
        """Return which filter states another size of a decoded chunk, which it would allocate; None: none does."""
        for code, name, values in zip(self.codes, self.names, self._parameters, strict=True):
            if code in (h5z.FILTER_NBIT, h5z.FILTER_SCALEOFFSET):
                stated = (*values[_ELEMENTS : _ELEMENTS + 1], *values[_ITEMSIZE : _ITEMSIZE + 1])
                if stated != (elements, itemsize):
                    found = " x ".join(f"{number:,}" for number in stated)
                    return f"has the filter {name} for chunks of {found} bytes", f"{elements:,} x {itemsize} bytes"
        return None


class StoredChunk(NamedTuple):
    """Where a chunk begins in the file, and its size there in bytes."""

    offset: int
    size: int


class ChunkLimits:
    """The sizes that the chunks of one variable may have.

    Parameters
    ----------
    filters : iterable of int
        The numbers of its filters, in the order in which they are applied to write a chunk.
    decoded_bytes : int
        The size of a chunk in memory, as the variable states it.

    Attributes
    ----------
    decoded_bytes : int
        As given.
    most_bytes : int
        The most that a chunk may have, in the file and before the filters that follow the compression are undone.
    """

    def __init__(self, filters: Iterable[int], decoded_bytes: int) -> None:
        self.decoded_bytes = decoded_bytes
        self.most_bytes = decoded_bytes + decoded_bytes // 16 + _OVERHEAD_BYTES
        self._code, self._bit = 0, 0
        for number, code in enumerate(filters):
            if code in _COMPRESSORS:
                self._code, self._bit = code, 1 << number

    def needs_look(self, filter_mask: int, size: int) -> bool:
        """Whether a chunk of a size in the file may expand so far that it has to be looked through."""
        if not self._code or filter_mask & self._bit:
            return False
        return self._code != h5z.FILTER_DEFLATE or (size > SPARE_STORED_BYTES and size > self._share_of_memory)

    @cached_property
    def _share_of_memory(self) -> int:
        return (free_memory() or 0) // (_SHARE_OF_FREE_MEMORY * _MOST_EXPANSION)

    def expanded_bytes(self, chunk: StoredChunk, file: IO[bytes]) -> int:
        """Return the size that HDF5 would allocate for a chunk; counting ends beyond `most_bytes`."""
        file.seek(chunk.offset)
        if self._code in _STATED_BYTES:
            return _STATED_BYTES[self._code](file.read(min(chunk.size, _HEADER_BYTES)))
        decoder = zlib.decompressobj() if self._code == h5z.FILTER_DEFLATE else bz2.BZ2Decompressor()
        return _count(decoder, file, chunk.size, self.most_bytes)


def _count(decoder: Any, file: IO[bytes], left: int, most: int) -> int:
    """Return how many bytes come out of a decoder; what is damaged ends where HDF5 ends, too."""
    count, is_full = 0, False
    while count <= most and not decoder.eof:
        data = getattr(decoder, "unconsumed_tail", b"")
        if not data and not is_full:
            data = file.read(min(left, _BLOCK))
            left -= len(data)
            if not data:
                break
        try:
            decoded = decoder.decompress(data, _BLOCK)
        except (zlib.error, OSError):
            break
        is_full = len(decoded) == _BLOCK
        count += len(decoded)
    return count


def _stated_by_szip(header: bytes) -> int:
    return int.from_bytes(header[:4], "little")


def _stated_by_blosc(header: bytes) -> int:
    return int.from_bytes(header[4:8], "little")


def _stated_by_zstd(header: bytes) -> int:
    """Return the content size of a frame (RFC 8878); 0 where it states none, which the filter refuses."""
    if len(header) < 5 or header[:4] != b"\x28\xb5\x2f\xfd":
        return 0
    descriptor = header[4]
    width = {0: descriptor >> 5 & 1, 1: 2, 2: 4, 3: 8}[descriptor >> 6]
    start = 5 + (not descriptor >> 5 & 1) + (0, 1, 2, 4)[descriptor & 3]
    return int.from_bytes(header[start : start + width], "little") + (256 if width == 2 else 0)


_STATED_BYTES: dict[int, Callable[[bytes], int]] = {
    h5z.FILTER_SZIP: _stated_by_szip,
    _BLOSC: _stated_by_blosc,
    _ZSTD: _stated_by_zstd,
}
