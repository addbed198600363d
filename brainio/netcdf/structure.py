"""The structure of a netCDF file: its groups and variables, without any value.

`brainio.netcdf.inspection` creates these. Imports neither netCDF4 nor h5py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from brainio.local_files import Fingerprint

# A text of variable length is a Python object: its header, its characters and a pointer to it.
TEXT_BYTES = 64
DATA_NAME = "data"  # the data variable in files of this package; other files use any name
_PACKING = frozenset({"scale_factor", "add_offset", "_FillValue", "missing_value"})
_FLOAT_BYTES = 8


@dataclass(frozen=True)
class VariableStructure:
    """One variable, or HDF5 dataset, of a file.

    Parameters
    ----------
    path : str
        Its groups and name, such as `'/data'` or `'/extra/region'`.
    dtype : numpy.dtype
        The type of one stored element; `object` for text of variable length.
    shape : tuple of int
        Elements along each dimension.
    chunks : tuple of int or None
        Elements of one chunk along each dimension; None where the variable is not chunked.
    stored_bytes : int or None
        Bytes in the file, compressed, without metadata. 0: nothing was written yet. None: unknown, since counting the
        chunks of a stream would transfer their index.
    filters : tuple of str
        The filters that each chunk passes through, in the order in which they were applied.
    attributes : frozenset of str
        The names of its attributes.
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
        """The name within its group."""
        return self.path.rpartition("/")[2]

    @property
    def group(self) -> str:
        """The path of its group without the first slash; empty for the root, as xarray expects it."""
        return self.path.rpartition("/")[0].strip("/")

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory, after xarray has decoded it by the variable's attributes."""
        if self.dtype.kind == "O":
            return TEXT_BYTES
        if self.dtype.kind in "iu" and not _PACKING.isdisjoint(self.attributes):
            return max(self.dtype.itemsize, _FLOAT_BYTES)
        return self.dtype.itemsize

    @property
    def decoded_bytes(self) -> int:
        """Bytes of all elements in memory."""
        return math.prod(self.shape) * self.itemsize

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one chunk in memory: the least that HDF5 decompresses at once; 0 where there are no chunks."""
        return 0 if self.chunks is None else math.prod(self.chunks) * self.itemsize

    @property
    def chunk_count(self) -> int:
        """Chunks of the whole variable, also those that were never written."""
        if self.chunks is None:
            return 1
        return math.prod(-(-size // chunk) for size, chunk in zip(self.shape, self.chunks, strict=True))


@dataclass(frozen=True)
class FileStructure:
    """The groups and variables of one netCDF file.

    Parameters
    ----------
    kind : 'netCDF-4' or 'netCDF-3'
        The format of the file.
    file_bytes : int
        The size of the file.
    variables : tuple of VariableStructure
        The variables of all groups. The placeholders that netCDF-4 writes for dimensions without values are not among
        them.
    groups : tuple of str
        The paths of all groups but the root, without the first slash.
    stimulus_set_hashes : str
        The global attribute `brainio_set_hashes`: the version of its stimulus set that the assembly was packaged with.
        Empty where the file has none.
    fingerprint : Fingerprint or None
        The state of the file that was inspected; None for a stream.
    pages : dict of int to bytes
        The pages of a stream that were inspected (see `file_objects.PinnedFile`); empty for a file.

    Examples
    --------
    >>> import numpy as np
    >>> data = VariableStructure("/data", np.dtype("f4"), (1000, 50), (100, 50), 31_000, ("shuffle", "deflate"))
    >>> names = VariableStructure("/region", np.dtype(object), (50,), None, 800, ())
    >>> structure = FileStructure("netCDF-4", 40_000, (data, names), ())
    >>> [variable.name for variable in structure.in_group(None)]
    ['data', 'region']
    >>> data.decoded_bytes, data.chunk_bytes, data.chunk_count, names.decoded_bytes
    (200000, 20000, 10, 3200)
    >>> structure.data(None).name
    'data'
    """

    kind: str
    file_bytes: int
    variables: tuple[VariableStructure, ...]
    groups: tuple[str, ...]
    stimulus_set_hashes: str = ""
    fingerprint: Fingerprint | None = None
    pages: dict[int, bytes] = field(default_factory=dict, compare=False, repr=False)

    def in_group(self, group: str | None) -> tuple[VariableStructure, ...]:
        """Return the variables of one group; None or an empty text is the root."""
        path = (group or "").strip("/")
        return tuple(variable for variable in self.variables if variable.group == path)

    def data(self, group: str | None) -> VariableStructure | None:
        """Return the variable with the data: `data`, or else that with the most dimensions, or else the largest."""
        return max(
            self.in_group(group),
            key=lambda each: (each.name == DATA_NAME, len(each.shape), each.decoded_bytes),
            default=None,
        )
