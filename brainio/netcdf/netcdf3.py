"""The structure of a netCDF-3 file (classic, 64-bit offset or 64-bit data), from its header.

The library reads bytes beyond the end of such a file as zeros, as many as the header declares. Here, a file that
declares more than it holds is refused.
"""

from __future__ import annotations

import math
import os
from typing import IO, TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

import numpy as np

from brainio.errors import AssemblyFormatError
from brainio.netcdf.structure import FileStructure, VariableStructure

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_TYPES = {1: "i1", 2: "S1", 3: "i2", 4: "i4", 5: "f4", 6: "f8", 7: "u1", 8: "u2", 9: "u4", 10: "i8", 11: "u8"}
_LONGEST_NAME = 1 << 16
_PADDING = 4


class _Declared(NamedTuple):
    """A variable as the header declares it."""

    name: str
    dims: tuple[int, ...]
    attributes: frozenset[str]
    dtype: np.dtype
    begin: int


def read_header(file: IO[bytes], size: int, where: str) -> FileStructure:
    """Return the structure of an open netCDF-3 file.

    Parameters
    ----------
    file : binary file
        The file; its position changes.
    size : int
        Its size in bytes.
    where : str
        Its name in messages.

    Raises
    ------
    AssemblyFormatError
        The header is damaged, or declares more values than the file holds.
    """
    header = _Header(file, size, where)
    return FileStructure("netCDF-3", size, header.variables(), ())


class _Header:
    """Reads the parts of a header in their order."""

    def __init__(self, file: IO[bytes], size: int, where: str) -> None:
        file.seek(3)
        self._file = file
        self._size = size
        self._where = where
        version = file.read(1)[0]
        self._count_bytes = 8 if version == 5 else 4
        self._offset_bytes = 4 if version == 1 else 8

    def variables(self) -> tuple[VariableStructure, ...]:
        records: int | None = self._number(self._count_bytes)
        if records == 256**self._count_bytes - 1:  # still being written: as many as the file holds
            records = None
        sizes = self._list(_DIMENSIONS, lambda: (self._name(), self._count())[1])
        self._attributes()
        declared = self._list(_VARIABLES, self._variable)
        for variable in declared:
            if any(dim >= len(sizes) for dim in variable.dims):
                self._damaged(f"the variable {variable.name!r} has a dimension that is not declared")
        return self._sized(declared, sizes, records)

    def _sized(self, declared: list[_Declared], sizes: list[int], records: int | None) -> tuple[VariableStructure, ...]:
        """Return the variables with their shapes; a dimension of size 0 is that of records."""
        fixed = [math.prod(sizes[dim] or 1 for dim in each.dims) * each.dtype.itemsize for each in declared]
        in_records = [any(not sizes[dim] for dim in each.dims) for each in declared]
        record = sum(
            -(-part // _PADDING) * _PADDING for part, is_part in zip(fixed, in_records, strict=True) if is_part
        )
        if in_records.count(True) == 1:
            record = fixed[in_records.index(True)]  # without padding
        if records is None:
            begin = min((each.begin for each, is_part in zip(declared, in_records, strict=True) if is_part), default=0)
            records = max(self._size - begin, 0) // max(record, 1)
        result = []
        for variable, part, is_part in zip(declared, fixed, in_records, strict=True):
            stored = part if not is_part else records * part
            end = variable.begin + (part if not is_part else max(records - 1, 0) * record + (part if records else 0))
            if end > self._size:
                raise AssemblyFormatError(
                    f"{self._where} has {self._size:,} bytes; its variable {variable.name!r} ends at byte {end:,}. The "
                    f"file is cut short or damaged; fetch or write it again."
                )
            shape = tuple(sizes[dim] or records for dim in variable.dims)
            path = f"/{variable.name}"
            result.append(VariableStructure(path, variable.dtype, shape, None, stored, (), variable.attributes))
        return tuple(result)

    def _variable(self) -> _Declared:
        name = self._name()
        dims = tuple(self._count() for _ in range(self._limited(self._count())))
        attributes = self._attributes()
        kind = self._number(4)
        if kind not in _TYPES:
            self._damaged(f"the variable {name!r} has the unknown type {kind}")
        self._count()  # its size, which readers compute: it overflows for large variables
        return _Declared(name, dims, attributes, np.dtype(_TYPES[kind]), self._number(self._offset_bytes))

    def _attributes(self) -> frozenset[str]:
        return frozenset(self._list(_ATTRIBUTES, self._attribute))

    def _attribute(self) -> str:
        name, kind, count = self._name(), self._number(4), self._count()
        if kind not in _TYPES:
            self._damaged(f"the attribute {name!r} has the unknown type {kind}")
        self._skip(count * np.dtype(_TYPES[kind]).itemsize)
        return name

    def _list(self, tag: int, read: Callable[[], _T]) -> list[_T]:
        found, count = self._number(4), self._count()
        if found not in (tag, 0) or (not found and count):
            self._damaged(f"a list has the tag {found}")
        return [read() for _ in range(self._limited(count))]

    def _name(self) -> str:
        length = self._count()
        if length > _LONGEST_NAME:
            self._damaged(f"a name has {length:,} bytes")
        name = self._bytes(length)
        self._skip(-length % _PADDING, padded=False)
        return name.decode(errors="backslashreplace")

    def _skip(self, count: int, *, padded: bool = True) -> None:
        count += -count % _PADDING if padded else 0
        if count > self._size - self._file.tell():
            self._damaged("its header ends early")
        self._file.seek(count, os.SEEK_CUR)

    def _limited(self, count: int) -> int:
        """Return a number of list items, each of which takes bytes of the header."""
        if count > (self._size - self._file.tell()) // _PADDING:
            self._damaged(f"a list has {count:,} items")
        return count

    def _count(self) -> int:
        return self._number(self._count_bytes)

    def _number(self, width: int) -> int:
        return int.from_bytes(self._bytes(width), "big")

    def _bytes(self, count: int) -> bytes:
        read = self._file.read(count)
        if len(read) < count:
            self._damaged("its header ends early")
        return read

    def _damaged(self, found: str) -> NoReturn:
        raise AssemblyFormatError(
            f"{self._where} cannot be read as netCDF-3: {found}. The file is damaged or cut short; fetch or write it "
            f"again."
        )
