"""Structure of a netCDF file: its groups and variables, with the memory that reading them takes, without values.

`brainio.netcdf.inspection` creates these objects. Imports neither netCDF4 nor h5py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from brainio.local_files import Fingerprint

DATA_NAME = "data"  # the data variable in files of this package; other files use any name
_TEXT_BYTES = 64  # of one text of variable length: a Python object with header and characters, and a pointer to it
_PACKING = frozenset({"scale_factor", "add_offset", "_FillValue", "missing_value"})
_FLOAT_BYTES = 8
_CODE_BYTES = 8  # per row of a coordinate, in its index
_FACTORIZE_BYTES_PER_ROW = 56  # of one coordinate at a time: distinct values and counts
_BOOKKEEPING_BYTES_PER_CHUNK = 512  # in HDF5, for each chunk of one read


@dataclass(frozen=True)
class VariableStructure:
    """One variable of a netCDF file (a dataset of HDF5).

    Parameters
    ----------
    path : str
        Path of its groups and its name, such as `'/data'` or `'/extra/region'`.
    dtype : numpy.dtype
        Type of a stored element; `object` for text of variable length.
    shape : tuple of int
        Size of each dimension.
    chunks : tuple of int or None
        Chunk size along each dimension; None if the variable is not chunked.
    stored_bytes : int or None
        Size in the file, compressed, without metadata; 0 if no value was written yet. None for a stream, since counting
        chunks would transfer the chunk index.
    filters : tuple of str
        Filters of each chunk, in the order in which they were applied.
    attributes : frozenset of str
        Names of the attributes.
    """

    path: str
    dtype: np.dtype
    shape: tuple[int, ...]
    chunks: tuple[int, ...] | None
    stored_bytes: int | None
    filters: tuple[str, ...]
    attributes: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Name within its group."""
        return self.path.rpartition("/")[2]

    @property
    def group(self) -> str:
        """Path of its group without the leading slash, as xarray expects it; empty for the root."""
        return self.path.rpartition("/")[0].strip("/")

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory, after xarray has decoded it by the variable's attributes."""
        if self.dtype.kind == "O":
            return _TEXT_BYTES
        if self.dtype.kind in "iu" and not _PACKING.isdisjoint(self.attributes):
            return max(self.dtype.itemsize, _FLOAT_BYTES)
        return self.dtype.itemsize

    @property
    def decoded_bytes(self) -> int:
        """Bytes of all elements in memory."""
        return math.prod(self.shape) * self.itemsize

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one chunk in memory, the unit in which HDF5 decompresses; 0 if the variable is not chunked."""
        return 0 if self.chunks is None else math.prod(self.chunks) * self.itemsize

    @property
    def chunk_count(self) -> int:
        """Number of chunks, including those that were never written."""
        if self.chunks is None:
            return 1
        return math.prod(-(-size // chunk) for size, chunk in zip(self.shape, self.chunks, strict=True))

    @property
    def read_bytes(self) -> int:
        """Bytes that reading all elements at once takes."""
        return self.decoded_bytes + _BOOKKEEPING_BYTES_PER_CHUNK * self.chunk_count

    @property
    def value_count(self) -> int:
        """Number of values; a text that is stored as an array of characters counts as one."""
        is_characters = self.dtype.kind == "S" and len(self.shape) > 1
        return math.prod(self.shape[:-1] if is_characters else self.shape)


class MemoryNeed(NamedTuple):
    """The memory in bytes that reading the variables of one group takes.

    Attributes
    ----------
    data_path : str
        Path of the data variable.
    values : int
        All values of the data variable.
    coordinates : int
        All coordinates: values and codes of all, and the factorization of one at a time.
    largest_chunk : int
        The largest decompressed chunk; 0 if no variable has chunks.
    """

    data_path: str
    values: int
    coordinates: int
    largest_chunk: int


@dataclass(frozen=True)
class FileStructure:
    """Groups and variables of one netCDF file.

    Parameters
    ----------
    kind : 'netCDF-4' or 'netCDF-3'
        Format of the file.
    file_bytes : int
        Size of the file.
    variables : tuple of VariableStructure
        Variables of all groups, without the placeholders of netCDF-4 for dimensions that have no coordinate variable.
    groups : tuple of str
        Paths of all groups except the root, without the leading slash.
    stimulus_set_hashes : str
        Global attribute `brainio_set_hashes`: the version of the stimulus set with which the assembly was packaged.
        Empty if the file has none.
    fingerprint : Fingerprint or None
        Fingerprint of the inspected file; None for a stream.
    pages : dict of int to bytes
        Inspected pages of a stream (see `file_objects.PinnedFile`); empty for a file.

    Examples
    --------
    >>> import numpy as np
    >>> data = VariableStructure("/data", np.dtype("f4"), (1000, 50), (100, 50), 31_000, ("shuffle", "deflate"))
    >>> names = VariableStructure("/region", np.dtype(object), (50,), None, 800, ())
    >>> structure = FileStructure("netCDF-4", 40_000, (data, names), ())
    >>> [variable.name for variable in structure.variables_of(None)]
    ['data', 'region']
    >>> data.decoded_bytes, data.chunk_bytes, data.chunk_count, names.decoded_bytes
    (200000, 20000, 10, 3200)
    >>> structure.data_variable(None).name
    'data'
    """

    kind: str
    file_bytes: int
    variables: tuple[VariableStructure, ...]
    groups: tuple[str, ...]
    stimulus_set_hashes: str = ""
    fingerprint: Fingerprint | None = None
    pages: dict[int, bytes] = field(default_factory=dict, compare=False, repr=False)

    def variables_of(self, group: str | None) -> tuple[VariableStructure, ...]:
        """Return the variables of one group; None or an empty text is the root."""
        path = (group or "").strip("/")
        return tuple(variable for variable in self.variables if variable.group == path)

    @cached_property
    def memory_needs(self) -> dict[str, MemoryNeed]:
        """Path of a group with variables, '' for the root -> memory that reading it takes; computed once."""
        return {group: self._memory_need(group) for group in {variable.group for variable in self.variables}}

    def _memory_need(self, group: str) -> MemoryNeed:
        variables = self.variables_of(group)
        data = max(variables, key=_data_rank)
        coordinates = [variable for variable in variables if variable is not data]
        rows = [variable.value_count for variable in coordinates]
        stored = sum(variable.read_bytes for variable in coordinates)
        return MemoryNeed(
            data.path,
            data.read_bytes,
            stored + _CODE_BYTES * sum(rows) + _FACTORIZE_BYTES_PER_ROW * max(rows, default=0),
            max(variable.chunk_bytes for variable in variables),
        )

    def data_variable(self, group: str | None) -> VariableStructure | None:
        """Return the variable named `data`, or else the one with the most dimensions, or else the largest one."""
        return max(self.variables_of(group), key=_data_rank, default=None)


def _data_rank(variable: VariableStructure) -> tuple[bool, int, int]:
    return variable.name == DATA_NAME, len(variable.shape), variable.decoded_bytes
