"""The messages of an HDF5 object header, read without HDF5: it allocates what a message states before it looks.

A text or sequence of variable length in an attribute, or as the fill value of a variable, is a descriptor in a message:
its length, and its place in a heap. HDF5 fills memory of that length with zeros, up to 4 GB for each, and only then
compares it with the heap.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

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
