"""The lengths of texts of variable length in an HDF5 file, summed without reading the texts.

HDF5 stores each such text once in a heap and in the variable a descriptor: the length of the text and its place in the
heap. A writer gives each element a text of its own, so that all texts together are shorter than the file. A hostile
file lets many descriptors refer to one long text, or states a length of GB, which HDF5 allocates before it looks.
"""

from __future__ import annotations

import math
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from h5py import h5d, h5z  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SMALL = 64 << 20  # bytes of texts that need no look
_BLOCK = 1 << 16  # descriptors read at once
_LARGEST_CHUNK = 256 << 20  # bytes of descriptors
_LENGTH_BYTES, _NUMBER_BYTES = 4, 4  # of a descriptor; between them the address of a heap collection
_CHECKSUM_BYTES = 4
_DECODED_FILTERS = frozenset({h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32})


class TextLengths:
    """The sum of the lengths of all texts of variable length that were added, which may not exceed the file's size.

    Parameters
    ----------
    file : pathlib.Path or binary file
        The file.
    size : int
        Its size in bytes.
    address_bytes : int
        The size of an address in this file.
    check_heap : callable
        Is given the address of each heap to which a dataset refers; returns whether the next one may be checked.
    """

    def __init__(
        self, file: Path | IO[bytes], size: int, address_bytes: int, check_heap: Callable[[int], bool]
    ) -> None:
        self._file = file
        self._size = size
        self._width = _LENGTH_BYTES + address_bytes + _NUMBER_BYTES
        self._check_heap = check_heap
        self._attribute_texts = 0
        self.total = 0

    @property
    def exceed_file(self) -> bool:
        """Whether the texts are longer than the file that they are said to be in."""
        return self.total > self._size

    def add_attribute(self, attribute: Any) -> None:
        """Add the texts of an attribute (`h5py.h5a.AttrID`), unless those of all attributes are few enough."""
        self._attribute_texts += max(1, attribute.get_space().get_simple_extent_npoints())
        texts = np.empty(attribute.shape or (), attribute.dtype)
        if attribute.shape is not None:
            attribute.read(texts)  # also few: through `GuardedFile`, before netCDF4 does
        if self._attribute_texts * self._size > _SMALL:
            self.total += sum(len(text) for text in texts.ravel().tolist() if text)

    def add_dataset(self, dataset: Any, created: Any) -> str:
        """Add the texts of a dataset (`h5py.h5d.DatasetID`), given its creation properties.

        Returns
        -------
        str
            What keeps its descriptors from being read; empty if they were.
        """
        layout = created.get_layout()
        if layout == h5d.COMPACT:
            return "has texts of variable length in compact storage"
        if layout == h5d.CONTIGUOUS:
            blocks = self._contiguous(dataset)
        else:
            filters = [created.get_filter(number)[0] for number in range(created.get_nfilters())]
            chunk_bytes = math.prod(created.get_chunk()) * self._width
            if not _DECODED_FILTERS.issuperset(filters):
                return "has texts of variable length with a filter other than deflate, shuffle and fletcher32"
            if chunk_bytes > _LARGEST_CHUNK:
                return f"has texts of variable length in chunks of {chunk_bytes:,} bytes"
            blocks = self._chunks(dataset, filters, chunk_bytes)
        for block in blocks:
            rows = np.frombuffer(block, np.uint8)[: len(block) // self._width * self._width].reshape(-1, self._width)
            lengths = np.ascontiguousarray(rows[:, :_LENGTH_BYTES]).view("<u4").ravel()
            self.total += int(lengths.sum(dtype=np.uint64))
            if self.exceed_file or not self._check_heaps(rows[lengths > 0, _LENGTH_BYTES:-_NUMBER_BYTES]):
                break
        return ""

    def _check_heaps(self, addresses: np.ndarray) -> bool:
        heaps = np.ascontiguousarray(addresses).view("<u8").ravel()
        changes = heaps[np.append(True, heaps[1:] != heaps[:-1])[: len(heaps)]]  # texts were mostly written in order
        return all(map(self._check_heap, changes.tolist()))

    def _contiguous(self, dataset: Any) -> Iterator[bytes]:
        offset, left = dataset.get_offset(), dataset.get_storage_size()
        if offset is None:
            return
        with self._file.open("rb") if isinstance(self._file, Path) else nullcontext(self._file) as file:
            file.seek(offset)
            while left > 0 and (block := file.read(min(left, _BLOCK * self._width))):
                left -= len(block)
                yield block

    def _chunks(self, dataset: Any, filters: list[int], chunk_bytes: int) -> Iterator[bytes]:
        places: list[tuple[int, ...]] = []
        dataset.chunk_iter(lambda chunk: places.append(chunk.chunk_offset))
        for place in places:
            mask, data = dataset.read_direct_chunk(place)
            for number in reversed(range(len(filters))):
                if not mask >> number & 1:  # else this filter was not applied to this chunk
                    data = self._decoded(data, filters[number], chunk_bytes)
            yield data

    def _decoded(self, data: bytes, code: int, chunk_bytes: int) -> bytes:
        if code == h5z.FILTER_FLETCHER32:
            return data[:-_CHECKSUM_BYTES]
        if code == h5z.FILTER_DEFLATE:
            return zlib.decompressobj().decompress(data, chunk_bytes + _CHECKSUM_BYTES)
        return np.frombuffer(data, np.uint8).reshape(self._width, -1).T.tobytes()
