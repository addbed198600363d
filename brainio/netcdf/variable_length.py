"""Stated lengths of values of variable length, checked before HDF5 allocates memory for them.

HDF5 stores a text or sequence of variable length in a global heap. Variables, attributes and fill values hold a
descriptor of it: its length, the address of the heap and its number in the heap. HDF5 allocates the stated length, up
to 4 GB for each value, and fills it with zeros before it compares it with the heap.

`ObjectHeader` parses the messages of an object header without HDF5, and finds the longest stated length of an attribute
or fill value. `TextLengths` sums the lengths of all texts of whole variables: writers store each text of its own, so
that all texts together are shorter than the file, but a hostile file refers to one long text many times. Neither reads
a value from a heap.
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

_OLD_FILL_VALUE, _FILL_VALUE, _ATTRIBUTE, _CONTINUATION = 0x04, 0x05, 0x0C, 0x10  # message types
_FRACTAL_HEAP = b"FRHP"
_SHARED = 2  # flag of a message that is stored elsewhere
_MAX_BLOCKS = 4096
_MAX_SEARCHED_BYTES = 1 << 30  # for the attributes of one object

_LENGTH_BYTES, _ADDRESS_BYTES, _NUMBER_BYTES = 4, 8, 4  # the parts of a descriptor
_DESCRIPTOR_BYTES = _LENGTH_BYTES + _ADDRESS_BYTES + _NUMBER_BYTES

_UNCOUNTED_BYTES = 64 << 20  # of attribute texts, estimated from above
_DESCRIPTORS_PER_READ = 1 << 16
_MAX_CHUNK_BYTES = 256 << 20  # of descriptors
_CHECKSUM_BYTES = 4
_DECODED_FILTERS = frozenset({h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32})


class _Message(NamedTuple):
    """One message of an object header."""

    kind: int
    is_shared: bool
    data: bytes


class ObjectHeader:
    """Lengths that the descriptors in one HDF5 object header state.

    Parameters
    ----------
    read : callable
        Returns bytes of the file, given their address and count.
    address : int
        Address of the object.
    size : int
        Size of the file in bytes.
    reads : list of (int, bytes)
        Bytes that HDF5 read while it listed the attributes of the object: objects with many attributes store them in
        separate blocks.

    Raises
    ------
    ValueError
        netCDF-4 writes no such header.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], address: int, size: int, reads: Sequence[tuple[int, bytes]] = ()
    ) -> None:
        self._read = read
        self._size = size
        self._messages = list(self._read_messages(address))
        self._blocks = _join_adjoining(reads)
        self._remaining_bytes = _MAX_SEARCHED_BYTES

    def longest_in_attribute(self, name: bytes, count: int) -> int | None:
        """Return the greatest length stated by an attribute of `count` values; None if the attribute is not found."""
        messages = [message for message in self._messages if message.kind == _ATTRIBUTE]
        if any(message.is_shared for message in messages) or any(map(_has_filtered_heap, self._blocks)):
            return None
        lengths = [_longest_in_attribute(message.data, 0, name, count) for message in messages]
        for block in self._blocks:
            offset = block.find(name + b"\0")
            while offset >= 0:
                lengths += [_longest_in_attribute(block, offset - head, name, count) for head in (8, 9)]
                self._remaining_bytes -= _MAX_BLOCKS
                offset = block.find(name + b"\0", offset + 1)
            self._remaining_bytes -= len(block)
            if self._remaining_bytes < 0:
                return None
        return max((length for length in lengths if length is not None), default=None)

    def longest_fill_value(self) -> int | None:
        """Return the length of the text that unwritten elements have; None if the fill value is stored elsewhere."""
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
        remaining = self._size
        for number, (offset, size) in enumerate(blocks):  # continuation messages append blocks
            remaining -= size
            if remaining < 0 or number > _MAX_BLOCKS:
                raise ValueError("its header is larger than the file")
            skipped = prefix_size if number else 0
            block = self._read(offset, size)[skipped : size - (tail if number else 0)]
            for message in _split_messages(block, head_size):
                if message.kind == _CONTINUATION:
                    if len(message.data) < 16:
                        raise ValueError("its header has a damaged continuation")
                    offset, size = struct.unpack_from("<QQ", message.data)
                    blocks.append((offset, size))
                yield message


class TextLengths:
    """Total length of all texts of variable length that were added, which may not exceed the size of the file.

    Parameters
    ----------
    file : pathlib.Path or binary file
        The file.
    size : int
        Size of the file in bytes.
    address_bytes : int
        Size of an address in this file.
    check_heap : callable
        Receives the address of each global heap to which a dataset refers; returns whether to continue.
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
    def exceeds_file(self) -> bool:
        """Whether the texts are longer than the file that should contain them."""
        return self.total > self._size

    def add_attribute(self, attribute: Any) -> None:
        """Add the texts of an attribute (`h5py.h5a.AttrID`), unless all attributes together have few texts."""
        self._attribute_texts += max(1, attribute.get_space().get_simple_extent_npoints())
        texts = np.empty(attribute.shape or (), attribute.dtype)
        if attribute.shape is not None:
            attribute.read(texts)  # always: `HeapCheckedFile` must check the heap before netCDF4 reads it
        if self._attribute_texts * self._size > _UNCOUNTED_BYTES:
            self.total += sum(len(text) for text in texts.ravel().tolist() if text)

    def add_dataset(self, dataset: Any, properties: Any) -> str:
        """Add the texts of a dataset (`h5py.h5d.DatasetID`), given its creation property list.

        Returns
        -------
        str
            Reason why the descriptors cannot be read; empty if they were read.
        """
        layout = properties.get_layout()
        if layout == h5d.COMPACT:
            return "has texts of variable length in compact storage"
        if layout == h5d.CONTIGUOUS:
            blocks = self._read_contiguous(dataset)
        else:
            filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
            chunk_bytes = math.prod(properties.get_chunk()) * self._width
            if not _DECODED_FILTERS.issuperset(filters):
                return "has texts of variable length with a filter other than deflate, shuffle and fletcher32"
            if chunk_bytes > _MAX_CHUNK_BYTES:
                return f"has texts of variable length in chunks of {chunk_bytes:,} bytes"
            blocks = self._read_chunks(dataset, filters, chunk_bytes)
        for block in blocks:
            rows = np.frombuffer(block, np.uint8)[: len(block) // self._width * self._width].reshape(-1, self._width)
            lengths = np.ascontiguousarray(rows[:, :_LENGTH_BYTES]).view("<u4").ravel()
            self.total += int(lengths.sum(dtype=np.uint64))
            if self.exceeds_file or not self._check_heaps(rows[lengths > 0, _LENGTH_BYTES:-_NUMBER_BYTES]):
                break
        return ""

    def _check_heaps(self, addresses: np.ndarray) -> bool:
        heaps = np.ascontiguousarray(addresses).view("<u8").ravel()
        changes = heaps[np.append(True, heaps[1:] != heaps[:-1])[: len(heaps)]]  # texts are usually stored in order
        return all(map(self._check_heap, changes.tolist()))

    def _read_contiguous(self, dataset: Any) -> Iterator[bytes]:
        offset, remaining = dataset.get_offset(), dataset.get_storage_size()
        if offset is None:
            return
        with self._file.open("rb") if isinstance(self._file, Path) else nullcontext(self._file) as file:
            file.seek(offset)
            while remaining > 0 and (block := file.read(min(remaining, _DESCRIPTORS_PER_READ * self._width))):
                remaining -= len(block)
                yield block

    def _read_chunks(self, dataset: Any, filters: list[int], chunk_bytes: int) -> Iterator[bytes]:
        positions: list[tuple[int, ...]] = []
        dataset.chunk_iter(lambda chunk: positions.append(chunk.chunk_offset))
        for position in positions:
            filter_mask, data = dataset.read_direct_chunk(position)
            for number in reversed(range(len(filters))):
                if not filter_mask >> number & 1:  # a set bit: the filter was skipped for this chunk
                    data = self._decode(data, filters[number], chunk_bytes)
            yield data

    def _decode(self, data: bytes, filter_code: int, chunk_bytes: int) -> bytes:
        if filter_code == h5z.FILTER_FLETCHER32:
            return data[:-_CHECKSUM_BYTES]
        if filter_code == h5z.FILTER_DEFLATE:
            return zlib.decompressobj().decompress(data, chunk_bytes + _CHECKSUM_BYTES)
        return np.frombuffer(data, np.uint8).reshape(self._width, -1).T.tobytes()


def _split_messages(block: bytes, head_size: int) -> Iterator[_Message]:
    offset = 0
    while offset + head_size <= len(block):
        if head_size == 8:
            kind, size, flags = struct.unpack_from("<HHB", block, offset)
        else:
            kind, size, flags = struct.unpack_from("<BHB", block, offset)
        offset += head_size
        yield _Message(kind, bool(flags & _SHARED), block[offset : offset + size])
        offset += size


def _longest_in_attribute(data: bytes, start: int, name: bytes, count: int) -> int | None:
    """Return the greatest length stated by the attribute message at `start`; None if it is of another attribute."""
    if start < 0 or len(data) < start + 8 or data[start] not in (1, 2, 3):
        return None
    version, sizes = data[start], struct.unpack_from("<HHH", data, start + 2)
    start += 9 if version == 3 else 8
    if data[start : start + min(sizes[0], len(name) + 1)].split(b"\0")[0] != name:
        return None
    for size in sizes:  # of the name, the datatype and the dataspace
        start += -(-size // 8) * 8 if version == 1 else size
    if start + count * _DESCRIPTOR_BYTES > len(data) or not count:
        return None if count else 0
    return int(np.frombuffer(data, "<u4", count * _DESCRIPTOR_BYTES // 4, start)[:: _DESCRIPTOR_BYTES // 4].max())


def _has_filtered_heap(block: bytes) -> bool:
    """Return whether a block has the header of a fractal heap with a filter pipeline, which netCDF-4 never writes."""
    offset = block.find(_FRACTAL_HEAP)
    return offset >= 0 and block[offset + 7 : offset + 9] != b"\0\0"


def _join_adjoining(reads: Sequence[tuple[int, bytes]]) -> list[bytes]:
    """Join the bytes of adjoining reads: HDF5 often reads the beginning of a block first."""
    blocks: list[tuple[int, bytearray]] = []
    for start, data in sorted(reads):
        if blocks and start <= blocks[-1][0] + len(blocks[-1][1]):
            first, block = blocks[-1]
            block[start - first : start - first + len(data)] = data
        else:
            blocks.append((start, bytearray(data)))
    return [bytes(block) for _, block in blocks]
