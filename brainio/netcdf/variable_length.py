"""Stated lengths of values of variable length, checked before HDF5 allocates memory for them.

HDF5 stores a text or sequence of variable length once, in a global heap. A variable, an attribute or a fill value holds
a descriptor of it: its length, the address of the heap and its number in the heap. HDF5 allocates the stated length, up
to 4 GB for each value, before it compares it with the heap. `ObjectHeader` reads the descriptors of attributes and fill
values from the messages of an object header; `TextLengths` sums the lengths of the texts of whole variables. A writer
gives each element a text of its own, so that all texts together are shorter than the file; a hostile file lets many
descriptors refer to one long text. Neither reads a value.
"""

from __future__ import annotations

import math
import struct
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from h5py import h5d, h5z  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_OLD_FILL_VALUE, _FILL_VALUE, _ATTRIBUTE, _CONTINUATION = 0x04, 0x05, 0x0C, 0x10
_FRACTAL_HEAP = b"FRHP"
_SHARED = 2  # flag of a message that is in another place
_MOST_BLOCKS = 4096
_MOST_SEARCHED = 1 << 30  # bytes, for the attributes of one object
_DESCRIPTOR_BYTES = 16  # the length (4), the address of a heap (8) and the number in it (4)


class _Message(NamedTuple):
    """One message of an object header."""

    kind: int
    is_shared: bool
    data: bytes


class ObjectHeader:
    """The lengths that the descriptors of one object state.

    Parameters
    ----------
    read : callable
        Returns the bytes of the file from an address on, given how many.
    address : int
        The address of the object.
    size : int
        The size of the file.
    reads : list of (int, bytes)
        What HDF5 read when it listed the attributes of the object: many are in blocks of their own.

    Raises
    ------
    ValueError
        The header is not one that netCDF-4 writes.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], address: int, size: int, reads: Sequence[tuple[int, bytes]] = ()
    ) -> None:
        self._read = read
        self._size = size
        self._messages = list(self._read_messages(address))
        self._blocks = _joined(reads)
        self._left = _MOST_SEARCHED

    def longest_in_attribute(self, name: bytes, count: int) -> int | None:
        """Return the greatest length in an attribute of `count` values; None where the attribute is not found."""
        messages = [message for message in self._messages if message.kind == _ATTRIBUTE]
        if any(message.is_shared for message in messages) or any(map(_is_filtered, self._blocks)):
            return None
        found = [_longest_in_attribute(message.data, 0, name, count) for message in messages]
        for block in self._blocks:
            place = block.find(name + b"\0")
            while place >= 0:
                found += [_longest_in_attribute(block, place - head, name, count) for head in (8, 9)]
                self._left -= _MOST_BLOCKS
                place = block.find(name + b"\0", place + 1)
            self._left -= len(block)
            if self._left < 0:
                return None
        return max((length for length in found if length is not None), default=None)

    def longest_fill_value(self) -> int | None:
        """Return the length of the text that variables have where none was written; None where it is not found."""
        longest = 0
        for message in self._messages:
            if message.kind not in (_OLD_FILL_VALUE, _FILL_VALUE):
                continue
            if message.is_shared:
                return None
            data = message.data
            start = 4 if message.kind == _OLD_FILL_VALUE else {1: 8, 2: 8, 3: 6}.get(data[0] if data else 0)
            if start is None:
                return None
            longest = max(longest, int.from_bytes(data[start : start + 4], "little"))
        return longest

    def _read_messages(self, address: int) -> Iterator[_Message]:
        prefix = self._read(address, 16)
        if len(prefix) == 16 and prefix[:4] == b"OHDR":
            flags = prefix[5]
            start = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            size = int.from_bytes(self._read(address + start, width), "little")
            blocks = [(address + start + width, size)]
            prefix_size, head_size, tail = 4, 4 + (2 if flags & 4 else 0), 4
        elif prefix[:1] == b"\1":
            blocks = [(address + 16, int.from_bytes(prefix[8:12], "little"))]
            prefix_size, head_size, tail = 0, 8, 0
        else:
            raise ValueError("its header has an unknown version")
        left = self._size
        for number, (place, size) in enumerate(blocks):  # grows
            left -= size
            if left < 0 or number > _MOST_BLOCKS:
                raise ValueError("its header is larger than the file")
            skipped = prefix_size if number else 0
            block = self._read(place, size)[skipped : size - (tail if number else 0)]
            for message in _split(block, head_size):
                if message.kind == _CONTINUATION:
                    if len(message.data) < 16:
                        raise ValueError("its header has a damaged continuation")
                    place, size = struct.unpack_from("<QQ", message.data)
                    blocks.append((place, size))
                yield message


def _split(block: bytes, head_size: int) -> Iterator[_Message]:
    place = 0
    while place + head_size <= len(block):
        if head_size == 8:
            kind, size, flags = struct.unpack_from("<HHB", block, place)
        else:
            kind, size, flags = struct.unpack_from("<BHB", block, place)
        place += head_size
        yield _Message(kind, bool(flags & _SHARED), block[place : place + size])
        place += size


def _longest_in_attribute(data: bytes, start: int, name: bytes, count: int) -> int | None:
    """Return the greatest length in an attribute message that begins at a place; None where it is another one."""
    if start < 0 or len(data) < start + 8 or data[start] not in (1, 2, 3):
        return None
    version, sizes = data[start], struct.unpack_from("<HHH", data, start + 2)
    start += 9 if version == 3 else 8
    if data[start : start + min(sizes[0], len(name) + 1)].split(b"\0")[0] != name:
        return None
    for size in sizes:  # of the name, the type and the space
        start += -(-size // 8) * 8 if version == 1 else size
    if start + count * _DESCRIPTOR_BYTES > len(data) or not count:
        return None if count else 0
    return int(np.frombuffer(data, "<u4", count * _DESCRIPTOR_BYTES // 4, start)[:: _DESCRIPTOR_BYTES // 4].max())


def _is_filtered(block: bytes) -> bool:
    """Whether a block has the header of a fractal heap whose blocks pass through filters; netCDF-4 writes none."""
    place = block.find(_FRACTAL_HEAP)
    return place >= 0 and block[place + 7 : place + 9] != b"\0\0"


def _joined(reads: Sequence[tuple[int, bytes]]) -> list[bytes]:
    """Return the bytes of adjoining reads as one: HDF5 reads the beginning of a block first."""
    blocks: list[tuple[int, bytearray]] = []
    for start, data in sorted(reads):
        if blocks and start <= blocks[-1][0] + len(blocks[-1][1]):
            first, block = blocks[-1]
            block[start - first : start - first + len(data)] = data
        else:
            blocks.append((start, bytearray(data)))
    return [bytes(block) for _, block in blocks]


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
