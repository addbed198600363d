"""Filter pipelines of HDF5, and limits on the size of decompressed chunks.

HDF5 allocates memory for everything that a chunk decompresses to, and only then compares sizes: 1 MB of deflate may
take 1 GB. The filters zstd, blosc and szip allocate the size that the chunk itself states. `ChunkLimits` measures
chunks in constant memory before HDF5 decompresses them.
"""

from __future__ import annotations

import bz2
import zlib
from functools import cache, cached_property
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import netCDF4
from h5py import h5z  # type: ignore[import-untyped, unused-ignore]

from brainio.memory import free_memory
from brainio.netcdf.hdf5_lock import hdf5_access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Deflate chunks of up to this stored size are not measured. Those of `write_netcdf` have 1 MiB decompressed, so that
# loading its files takes no longer; a hostile chunk of this size makes HDF5 allocate up to 1.16 GB.
UNMEASURED_CHUNK_BYTES = 1_125_000
_MAX_DEFLATE_RATIO = 1032
_SHARE_OF_FREE_MEMORY = 4  # larger chunks are not measured either if this many of them, expanded, fit into free memory
_OVERHEAD_BYTES = 4096  # filters may add this and a sixteenth to a chunk that does not compress
_BLOCK_BYTES = 1 << 18

_BZIP2, _BLOSC, _ZSTD = 307, 32001, 32015
_BUILT_IN = {
    h5z.FILTER_DEFLATE: "deflate",
    h5z.FILTER_SHUFFLE: "shuffle",
    h5z.FILTER_FLETCHER32: "fletcher32",
    h5z.FILTER_NBIT: "nbit",
    h5z.FILTER_SCALEOFFSET: "scaleoffset",
}
# Filters that only some builds of netCDF4 have: code -> (name, method of a dataset that returns whether it is there).
_OPTIONAL = {
    h5z.FILTER_SZIP: ("szip", "has_szip_filter"),
    _BZIP2: ("bzip2", "has_bzip2_filter"),
    _BLOSC: ("blosc", "has_blosc_filter"),
    _ZSTD: ("zstd", "has_zstd_filter"),
}
_COMPRESSORS = frozenset({h5z.FILTER_DEFLATE, *_OPTIONAL})
_ELEMENTS, _ITEMSIZE = 2, 4  # positions, in the parameters of nbit and scaleoffset, of the sizes that these allocate
_HEADER_BYTES = 18  # of a compressed chunk; contain its stated size


@cache
def allowed_filters() -> dict[int, str]:
    """Return the codes and names of the filters that the installed netCDF4 can decode."""
    with hdf5_access(), netCDF4.Dataset("filters.nc", "w", diskless=True) as dataset:
        return _BUILT_IN | {
            code: name for code, (name, method) in _OPTIONAL.items() if getattr(dataset, method, lambda: False)()
        }


class FilterPipeline:
    """Filters of one variable, in the order in which they are applied when a chunk is written.

    Parameters
    ----------
    properties : h5py.h5p.PropDCID
        Creation property list of the variable.

    Attributes
    ----------
    codes : tuple of int
        Registered codes of the filters.
    names : tuple of str
        Names of the filters; empty for those that netCDF4 cannot decode.
    """

    def __init__(self, properties: Any) -> None:
        filters = [properties.get_filter(number) for number in range(properties.get_nfilters())]
        self._parameters = [values for _, _, values, _ in filters]
        self._stored_names = [name.decode(errors="backslashreplace") for *_, name in filters]
        self.codes: tuple[int, ...] = tuple(code for code, *_ in filters)
        self.names = tuple(allowed_filters().get(code, "") for code in self.codes)

    def find_fault(self) -> tuple[str, str] | None:
        """Return why these filters are refused and which ones are allowed; None if they are allowed."""
        compressor = ""
        once = f"each of {', '.join(sorted(allowed_filters().values()))} once: netCDF4 can decode these"
        for number, (code, name) in enumerate(zip(self.codes, self.names, strict=True)):
            if not name:
                return f"has the filter {self._stored_names[number]!r} (number {code})", once
            if name in self.names[:number]:
                return f"applies {name} twice", once
            if compressor and code != h5z.FILTER_FLETCHER32:
                return f"applies {name} after {compressor}", "one compression, and fletcher32 at most after it"
            compressor = name if code in _COMPRESSORS else compressor
        return None

    def find_wrong_size(self, elements: int, itemsize: int) -> tuple[str, str] | None:
        """Return the filter that states, and would allocate, a wrong chunk size, and the right size; else None."""
        for code, name, values in zip(self.codes, self.names, self._parameters, strict=True):
            if code in (h5z.FILTER_NBIT, h5z.FILTER_SCALEOFFSET):
                stated = (*values[_ELEMENTS : _ELEMENTS + 1], *values[_ITEMSIZE : _ITEMSIZE + 1])
                if stated != (elements, itemsize):
                    size = " x ".join(f"{number:,}" for number in stated)
                    return f"has the filter {name} for chunks of {size} bytes", f"{elements:,} x {itemsize} bytes"
        return None


class StoredChunk(NamedTuple):
    """Offset of a chunk in the file, and its stored size in bytes."""

    offset: int
    size: int


class ChunkLimits:
    """Limits on the sizes of the chunks of one variable.

    Parameters
    ----------
    filters : iterable of int
        Codes of its filters, in the order in which they are applied when a chunk is written.
    decoded_bytes : int
        Size of a chunk in memory, from the shape and datatype of the variable.

    Attributes
    ----------
    decoded_bytes : int
        As given.
    max_bytes : int
        Maximum size of a chunk in the file, and after decompression, before the other filters are undone.
    """

    def __init__(self, filters: Iterable[int], decoded_bytes: int) -> None:
        self.decoded_bytes = decoded_bytes
        self.max_bytes = decoded_bytes + decoded_bytes // 16 + _OVERHEAD_BYTES
        self._compressor, self._compressor_bit = 0, 0
        for number, code in enumerate(filters):
            if code in _COMPRESSORS:
                self._compressor, self._compressor_bit = code, 1 << number

    def must_measure(self, filter_mask: int, stored_bytes: int) -> bool:
        """Return whether a chunk may exceed the limit, given its filter mask and stored size."""
        if not self._compressor or filter_mask & self._compressor_bit:
            return False
        if self._compressor != h5z.FILTER_DEFLATE:
            return True
        return stored_bytes > UNMEASURED_CHUNK_BYTES and stored_bytes > self._harmless_bytes

    @cached_property
    def _harmless_bytes(self) -> int:
        return (free_memory() or 0) // (_SHARE_OF_FREE_MEMORY * _MAX_DEFLATE_RATIO)

    def measure(self, chunk: StoredChunk, file: IO[bytes]) -> int:
        """Return the size that HDF5 would allocate for a chunk; counting stops beyond `max_bytes`."""
        file.seek(chunk.offset)
        if self._compressor in _STATED_SIZES:
            return _STATED_SIZES[self._compressor](file.read(min(chunk.size, _HEADER_BYTES)))
        decoder = zlib.decompressobj() if self._compressor == h5z.FILTER_DEFLATE else bz2.BZ2Decompressor()
        return _count_decompressed(decoder, file, chunk.size, self.max_bytes)


def _count_decompressed(decoder: Any, file: IO[bytes], stored_bytes: int, max_bytes: int) -> int:
    """Return how many bytes a decoder yields; damaged data end where HDF5 stops, too."""
    count, is_full = 0, False
    while count <= max_bytes and not decoder.eof:
        data = getattr(decoder, "unconsumed_tail", b"")
        if not data and not is_full:
            data = file.read(min(stored_bytes, _BLOCK_BYTES))
            stored_bytes -= len(data)
            if not data:
                break
        try:
            decoded = decoder.decompress(data, _BLOCK_BYTES)
        except (zlib.error, OSError):
            break
        is_full = len(decoded) == _BLOCK_BYTES
        count += len(decoded)
    return count


def _size_stated_by_szip(header: bytes) -> int:
    return int.from_bytes(header[:4], "little")


def _size_stated_by_blosc(header: bytes) -> int:
    return int.from_bytes(header[4:8], "little")


def _size_stated_by_zstd(header: bytes) -> int:
    """Return the content size of a frame (RFC 8878); 0 if it states none, which the filter refuses."""
    if len(header) < 5 or header[:4] != b"\x28\xb5\x2f\xfd":
        return 0
    descriptor = header[4]
    width = {0: descriptor >> 5 & 1, 1: 2, 2: 4, 3: 8}[descriptor >> 6]
    start = 5 + (not descriptor >> 5 & 1) + (0, 1, 2, 4)[descriptor & 3]
    return int.from_bytes(header[start : start + width], "little") + (256 if width == 2 else 0)


_STATED_SIZES: dict[int, Callable[[bytes], int]] = {
    h5z.FILTER_SZIP: _size_stated_by_szip,
    _BLOSC: _size_stated_by_blosc,
    _ZSTD: _size_stated_by_zstd,
}
