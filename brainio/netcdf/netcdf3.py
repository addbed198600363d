"""Structure of netCDF-3 files (classic, 64-bit offset and 64-bit data), read from their headers.

The netCDF library returns zeros for values beyond the end of such a file. `read_structure` refuses a file whose header
declares more values than the file has room for.
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
_MAX_NAME_BYTES = 1 << 16
_ALIGNMENT = 4


class _DeclaredVariable(NamedTuple):
    """Declaration of a variable in the header."""

    name: str
    dims: tuple[int, ...]
    attributes: frozenset[str]
    dtype: np.dtype
    begin: int


def read_structure(file: IO[bytes], size: int, name: str) -> FileStructure:
    """Return the structure of an open netCDF-3 file.

    Parameters
    ----------
    file : binary file
        The file; its position changes.
    size : int
        Size of the file in bytes.
    name : str
        Name of the file in messages.

    Raises
    ------
    AssemblyFormatError
        The header is damaged, or declares more values than the file contains.
    """
    reader = _HeaderReader(file, size, name)
    return FileStructure("netCDF-3", size, reader.read_variables(), ())


class _HeaderReader:
    """Parser of a netCDF-3 header; each method reads the next part."""

    def __init__(self, file: IO[bytes], size: int, name: str) -> None:
        file.seek(3)
        self._file = file
        self._size = size
        self._file_name = name
        version = file.read(1)[0]
        self._count_bytes = 8 if version == 5 else 4
        self._offset_bytes = 4 if version == 1 else 8

    def read_variables(self) -> tuple[VariableStructure, ...]:
        records: int | None = self._read_number(self._count_bytes)
        if records == 256**self._count_bytes - 1:  # still being written: as many records as the file has room for
            records = None
        sizes = self._read_list(_DIMENSIONS, lambda: (self._read_name(), self._read_count())[1])
        self._read_attributes()
        declared = self._read_list(_VARIABLES, self._read_variable)
        for variable in declared:
            if any(dim >= len(sizes) for dim in variable.dims):
                self._fail(f"the variable {variable.name!r} has a dimension that is not declared")
        return self._with_shapes(declared, sizes, records)

    def _with_shapes(
        self, declared: list[_DeclaredVariable], sizes: list[int], records: int | None
    ) -> tuple[VariableStructure, ...]:
        """Return the variables with their shapes; the dimension of size 0 is the record dimension."""
        # Bytes of a variable without the record dimension, or of its part of one record.
        part_bytes = [math.prod(sizes[dim] or 1 for dim in each.dims) * each.dtype.itemsize for each in declared]
        have_records = [any(not sizes[dim] for dim in each.dims) for each in declared]
        record_parts = [part for part, has_records in zip(part_bytes, have_records, strict=True) if has_records]
        record_bytes = sum(-(-part // _ALIGNMENT) * _ALIGNMENT for part in record_parts)
        if len(record_parts) == 1:
            record_bytes = record_parts[0]  # without padding
        if records is None:
            begins = [each.begin for each, has_records in zip(declared, have_records, strict=True) if has_records]
            records = max(self._size - min(begins, default=0), 0) // max(record_bytes, 1)
        variables = []
        for variable, part, has_records in zip(declared, part_bytes, have_records, strict=True):
            stored = records * part if has_records else part
            spanned = max(records - 1, 0) * record_bytes + (part if records else 0) if has_records else part
            if (end := variable.begin + spanned) > self._size:
                raise AssemblyFormatError(
                    f"{self._file_name} has {self._size:,} bytes; its variable {variable.name!r} ends at byte {end:,}. "
                    f"The file is cut short or damaged; fetch or write it again."
                )
            shape = tuple(sizes[dim] or records for dim in variable.dims)
            path = f"/{variable.name}"
            variables.append(VariableStructure(path, variable.dtype, shape, None, stored, (), variable.attributes))
        return tuple(variables)

    def _read_variable(self) -> _DeclaredVariable:
        name = self._read_name()
        dims = tuple(self._read_count() for _ in range(self._check_count(self._read_count())))
        attributes = self._read_attributes()
        kind = self._read_number(4)
        if kind not in _TYPES:
            self._fail(f"the variable {name!r} has the unknown type {kind}")
        self._read_count()  # the stored size, which overflows for large variables; readers compute it
        return _DeclaredVariable(name, dims, attributes, np.dtype(_TYPES[kind]), self._read_number(self._offset_bytes))

    def _read_attributes(self) -> frozenset[str]:
        return frozenset(self._read_list(_ATTRIBUTES, self._read_attribute))

    def _read_attribute(self) -> str:
        name, kind, count = self._read_name(), self._read_number(4), self._read_count()
        if kind not in _TYPES:
            self._fail(f"the attribute {name!r} has the unknown type {kind}")
        self._skip(count * np.dtype(_TYPES[kind]).itemsize)
        return name

    def _read_list(self, tag: int, read: Callable[[], _T]) -> list[_T]:
        stored_tag, count = self._read_number(4), self._read_count()
        if stored_tag not in (tag, 0) or (not stored_tag and count):
            self._fail(f"a list has the tag {stored_tag}")
        return [read() for _ in range(self._check_count(count))]

    def _read_name(self) -> str:
        length = self._read_count()
        if length > _MAX_NAME_BYTES:
            self._fail(f"a name has {length:,} bytes")
        name = self._read_bytes(length)
        self._skip(-length % _ALIGNMENT, padded=False)
        return name.decode(errors="backslashreplace")

    def _skip(self, count: int, *, padded: bool = True) -> None:
        count += -count % _ALIGNMENT if padded else 0
        if count > self._size - self._file.tell():
            self._fail("its header ends early")
        self._file.seek(count, os.SEEK_CUR)

    def _check_count(self, count: int) -> int:
        """Return a count of list items, unless the rest of the file has no room for them."""
        if count > (self._size - self._file.tell()) // _ALIGNMENT:
            self._fail(f"a list has {count:,} items")
        return count

    def _read_count(self) -> int:
        return self._read_number(self._count_bytes)

    def _read_number(self, width: int) -> int:
        return int.from_bytes(self._read_bytes(width), "big")

    def _read_bytes(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            self._fail("its header ends early")
        return data

    def _fail(self, fault: str) -> NoReturn:
        raise AssemblyFormatError(
            f"{self._file_name} cannot be read as netCDF-3: {fault}. The file is damaged or cut short; fetch or write "
            f"it again."
        )
