"""Writing of encoded groups to netCDF-4 files, so that equal arrays give equal bytes.

The names and sizes of dimensions determine the chunks of a variable. The order of writes decides where HDF5 puts chunks
and their index: coordinates first, then the chunk index, then the values slab by slab. Lazy values are read and written
block by block. Reads no netCDF file.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Literal

import netCDF4
import numpy as np

from brainio.errors import PackagingError
from brainio.forks import Activity, guard
from brainio.netcdf.chunks import BLOCK_BYTES, block_slices
from brainio.netcdf.hdf5_lock import hdf5_access
from brainio.netcdf.structure import DATA_NAME
from brainio.progress import TransferBar
from brainio.xarray_compat import is_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import xarray as xr

    from brainio.netcdf.encoding import EncodedGroup

# HDF5 locks a file that it writes. A child that is forked meanwhile would inherit that lock and keep readers out.
_WRITING = guard(Activity(), "netCDF files that are written")
_DEFLATE_LEVEL: Literal[4] = 4
_NEUROIDS = 8
_PRESENTATIONS = 2048
_MIN_PRESENTATIONS = 64
_MIN_CHUNK_BYTES = 32 << 10
_MAX_CHUNK_BYTES = 1 << 20

# The metadata of a smaller compressed variable takes more space than compression saves.
_MIN_COMPRESSED_BYTES = 4096

# HDF5 cannot close a file that does not fit onto the disk, so free space is checked before each write. Headers and
# chunks that HDF5 buffers and writes later take up to `_BUFFERED_BYTES`, an empty compressed chunk up to the other.
_BUFFERED_BYTES = 2 * _MAX_CHUNK_BYTES
_EMPTY_CHUNK_BYTES = 2048
_PROBE_BYTES = 1 << 16  # written to find out why the library failed
_CHUNKS_PER_WRITE = 4096  # HDF5 allocates 7 kB for each chunk of one write


def write_groups_to(
    path: Path,
    groups: Mapping[str, EncodedGroup],
    file_attributes: Mapping[str, str],
    *,
    target: Path,
    compress: bool,
) -> None:
    """Write encoded groups to a new file, or add them to an existing one.

    Parameters
    ----------
    path : pathlib.Path
        Temporary file; not open anywhere.
    groups : mapping of str to EncodedGroup
        Contents by path of the group; `''` is the root.
    file_attributes : mapping of str to str
        Further global attributes.
    target : pathlib.Path
        The file that `path` will replace, for messages.
    compress : bool
        Compress large variables with deflate behind a byte shuffle.

    Raises
    ------
    PackagingError
        The file has one of the groups already, or the netCDF library cannot write it.
    OSError
        The disk is full, or the file cannot be created.
    """
    with _WRITING, _open(path, "a" if path.exists() else "w") as dataset:
        created: list[tuple[netCDF4.Variable, xr.Variable]] = []
        with hdf5_access():
            dataset.setncatts(file_attributes)
            for name, (attributes, variables) in groups.items():
                group = _create_group(dataset, name, target)
                group.setncatts(attributes)
                created += [(_create_variable(group, *item, compress), item[1]) for item in variables.items()]
        _write_variables(dataset, created, target.parent)


@contextmanager
def _open(path: Path, mode: Literal["a", "w"]) -> Iterator[netCDF4.Dataset]:
    """Open a file that nobody uses yet; truncate it if the library cannot write it, so that it takes no space."""
    path.open("ab").close()  # fails in a read-only folder, which is reported before a lack of space
    _require_space(path.parent, _BUFFERED_BYTES)
    try:
        with hdf5_access():
            dataset = netCDF4.Dataset(path, mode, format="NETCDF4")
    except PermissionError:  # the library raises this whenever it cannot create a file, also if the disk is full
        _raise_cause(path)
        raise
    try:
        try:
            yield dataset
        finally:
            with hdf5_access():
                dataset.close()
    except RuntimeError as error:
        os.truncate(path, 0)
        with suppress(RuntimeError), hdf5_access():
            dataset.close()  # the truncated file left space for the buffered bytes
        _raise_cause(path)
        raise PackagingError(
            f"the netCDF library could not write in {path.parent} ({error}). Nothing was stored. Check whether the "
            f"disk is full or broken, or a quota used up; make room and try again, or write to another disk (set "
            f"TMPDIR to a folder of it: packages are built there)."
        ) from error


def _require_space(folder: Path, count: int) -> None:
    """Raise OSError unless a disk has `count` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < count:
        raise OSError(errno.ENOSPC, f"{free:,} bytes are free, {count:,} are needed to go on", str(folder))


def _raise_cause(path: Path) -> None:
    """Write to a file as the library did, whose own errors state no cause.

    Raises
    ------
    OSError
        This write failed as well, and states the cause.
    """
    with path.open("r+b", buffering=0) as file:
        file.write(bytes(_PROBE_BYTES))
        os.fsync(file.fileno())
    os.truncate(path, 0)


def _create_group(dataset: netCDF4.Dataset, path: str, target: Path) -> netCDF4.Dataset:
    """Create a group that does not exist yet; the root may exist without an array."""
    parents, _, name = path.strip("/").rpartition("/")
    parent = dataset.createGroup(parents) if parents else dataset
    if not name and not dataset.variables:
        return dataset
    if name and name not in {*parent.groups, *parent.variables, *parent.dimensions}:
        return parent.createGroup(name)
    existing = f"something named {path!r}" if name else "an array at its root"
    raise PackagingError(f"{target} has {existing} already and was not changed; name another group or write a new file")


def _create_variable(group: netCDF4.Dataset, name: str, variable: xr.Variable, compress: bool) -> netCDF4.Variable:
    dims = tuple(str(dim) for dim in variable.dims)
    for dim, size in zip(dims, variable.shape, strict=True):
        if dim not in group.dimensions:
            group.createDimension(dim, size)
    dtype = np.dtype(np.int8) if variable.dtype.kind == "b" else variable.dtype  # lazy booleans are not encoded yet
    attributes = dict(variable.attrs)
    fill_value = attributes.pop("_FillValue", False)
    is_long_text = variable.dtype.kind == "O"
    is_large = variable.nbytes >= _MIN_COMPRESSED_BYTES and not is_long_text
    compression: Literal["zlib"] | None = "zlib" if compress and is_large else None
    is_chunked = is_large if name == DATA_NAME else compression is not None
    stored = group.createVariable(
        name,
        str if is_long_text else dtype.newbyteorder("="),
        dims,
        compression=compression,
        complevel=_DEFLATE_LEVEL,
        shuffle=True,
        fill_value=None if is_long_text else fill_value,
        chunksizes=_chunk_sizes_of(name, variable) if is_chunked else None,
    )
    stored.set_auto_maskandscale(False)
    # Set text as it is, not as characters that the library would join again.
    stored.set_auto_chartostring(False)
    stored.setncatts(attributes)
    return stored


def _chunk_sizes_of(name: str, variable: xr.Variable) -> tuple[int, ...]:
    if name == DATA_NAME:
        return data_chunk_sizes([str(dim) for dim in variable.dims], variable.shape, variable.dtype.itemsize)
    return coordinate_chunk_sizes(variable.shape, variable.dtype.itemsize)


def data_chunk_sizes(dims: Sequence[str], shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return chunk sizes with which a selection of few neuroids or few presentations reads at most ten times its size.

    A selection reads whole chunks, so a chunk should have few neuroids and few presentations; but small chunks in both
    directions are too many.

    - 8 neuroids: any 16 of them, even scattered ones, read at most 8 times their values.
    - 2048 presentations: 600 adjacent ones are in at most two chunks, 6.8 times their values. The remainder up to ten
      times is for the chunk index, and for requests that are rounded up to blocks.
    - Every other dimension, such as `time_bin`, as a whole: neither selection cuts it.
    - At most 1 MiB, the default chunk cache of readers: a larger chunk is decompressed again for each part of it that
      is read. Presentations are reduced first, down to 64, then other dimensions.
    - At least 32 KiB if neuroids or presentations are few: then a chunk has more of the other. The index entry and the
      compression of a smaller chunk cost more than they save, and a remote read is larger anyway: a selection of less
      than 12.8 KiB may read 128 KiB.

    Chunks along a dimension have about equal sizes, so that the last one is not nearly empty.

    Parameters
    ----------
    dims : sequence of str
        Names of the dimensions, in any order.
    shape : sequence of int
        Sizes of the dimensions, each at least 1.
    itemsize : int
        Bytes of one value.

    Returns
    -------
    tuple of int
        Chunk size along each dimension.

    Examples
    --------
    >>> data_chunk_sizes(("neuroid", "presentation", "time_bin"), (256, 147200, 1), itemsize=4)
    (8, 2045, 1)
    >>> data_chunk_sizes(("presentation", "neuroid", "time_bin"), (147200, 256, 300), itemsize=4)
    (109, 8, 300)
    """
    limits = {"presentation": _PRESENTATIONS, "neuroid": _NEUROIDS}
    sizes = [min(size, limits.get(dim, size)) for dim, size in zip(dims, shape, strict=True)]
    presentations, neuroids = ([axis for axis, dim in enumerate(dims) if dim == name] for name in limits)
    others = [axis for axis, dim in enumerate(dims) if dim not in limits]
    _shrink(sizes, presentations, itemsize, least=_MIN_PRESENTATIONS)
    _shrink(sizes, others, itemsize)
    for axis in presentations + neuroids:
        others = sizes[:axis] + sizes[axis + 1 :]
        if others == [*shape[:axis], *shape[axis + 1 :]]:
            room = -(-_MIN_CHUNK_BYTES // (math.prod(others) * itemsize))
            sizes[axis] = min(shape[axis], max(sizes[axis], room))
    return _equalize_chunks(sizes, shape)


def coordinate_chunk_sizes(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return chunk sizes of a variable that is always read as a whole, as coordinates are: up to 1 MiB.

    Parameters
    ----------
    shape : sequence of int
        Sizes of the dimensions, each at least 1.
    itemsize : int
        Bytes of one value.

    Returns
    -------
    tuple of int
        Chunk size along each dimension.

    Examples
    --------
    >>> coordinate_chunk_sizes((147200, 40), itemsize=1)  # texts of 40 bytes
    (24534, 40)
    """
    sizes = list(shape)
    _shrink(sizes, range(len(sizes)), itemsize)
    return _equalize_chunks(sizes, shape)


def _shrink(sizes: list[int], axes: Iterable[int], itemsize: int, least: int = 1) -> None:
    """Reduce the sizes along some axes in place, one axis after the other, until a chunk is small enough."""
    for axis in axes:
        room = _MAX_CHUNK_BYTES * sizes[axis] // (math.prod(sizes) * itemsize)
        sizes[axis] = min(sizes[axis], max(least, room))


def _equalize_chunks(sizes: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    counts = [-(-whole // size) for size, whole in zip(sizes, shape, strict=True)]
    return tuple(-(-whole // count) for count, whole in zip(counts, shape, strict=True))


def _write_variables(
    dataset: netCDF4.Dataset, created: Sequence[tuple[netCDF4.Variable, xr.Variable]], folder: Path
) -> None:
    """Write all coordinates, then the data: opening a file reads headers and coordinates, so these should be first."""
    with hdf5_access():
        coordinates = [pair for pair in created if pair[0].name != DATA_NAME]
        _require_space(folder, _BUFFERED_BYTES + sum(_count_bytes(variable) for _, variable in coordinates))
        for stored, variable in coordinates:
            stored[...] = variable.values
        dataset.sync()
        data = [pair for pair in created if pair[0].name == DATA_NAME]
    for stored, variable in data:
        _write_values(stored, variable, folder)
    with hdf5_access():
        dataset.sync()


def _count_bytes(variable: xr.Variable) -> int:
    is_long_text = variable.dtype.kind == "O"
    return sum(len(text.encode()) for text in variable.values.ravel()) if is_long_text else variable.nbytes


def _write_values(stored: netCDF4.Variable, variable: xr.Variable, folder: Path) -> None:
    """Write values, lazy ones block by block; these are read without `hdf5_access`, for which dask's threads wait."""
    with hdf5_access():
        sizes = stored.chunking()
        if not isinstance(sizes, list):
            _require_space(folder, _BUFFERED_BYTES + variable.nbytes)
            stored[...] = variable.values
            return
        # A small chunk cache: HDF5 then stores each chunk once it is complete, in the order of writing.
        stored.set_var_chunk_cache(size=_MAX_CHUNK_BYTES)
        if stored.filters()["zlib"]:
            _allocate_chunk_index(stored, sizes, variable.dtype, folder)
        dims, shape = stored.dimensions, stored.shape
    most = BLOCK_BYTES // variable.dtype.itemsize
    whole = is_in_memory(variable)
    parts = ([slab] if whole else _split_slab(slab, shape, sizes, most) for slab in slabs(dims, shape, sizes))
    with TransferBar(f"writing {stored.name}", variable.nbytes) as bar:
        for part in chain.from_iterable(parts):
            values = _read_part(variable, part)
            padded = [-(-size // chunk) * chunk for size, chunk in zip(values.shape, sizes, strict=True)]
            _require_space(folder, _BUFFERED_BYTES + math.prod(padded) * values.itemsize)
            with hdf5_access():
                stored[part] = values
            bar.add(values.nbytes)


def _allocate_chunk_index(stored: netCDF4.Variable, sizes: list[int], dtype: np.dtype, folder: Path) -> None:
    """Store each chunk empty, in a few bytes, so that the chunk index is contiguous in the file.

    HDF5 adds a chunk to the index when it is first stored. Otherwise the index would be scattered over the file, and a
    remote reader would fetch little else.
    """
    counts = [-(-size // chunk) for size, chunk in zip(stored.shape, sizes, strict=True)]
    _require_space(folder, _BUFFERED_BYTES + math.prod(counts) * _EMPTY_CHUNK_BYTES)
    for part in _split_slab([slice(None)] * len(counts), counts, [1] * len(counts), _CHUNKS_PER_WRITE):
        bounds = zip(part, sizes, strict=True)
        first_elements = tuple(slice(chunks.start * size, chunks.stop * size, size) for chunks, size in bounds)
        stored[first_elements] = np.zeros((), dtype)


def _read_part(variable: xr.Variable, part: tuple[slice, ...]) -> np.ndarray:
    try:
        return np.asarray(variable[part].values)
    except (RuntimeError, OSError) as error:
        raise PackagingError(
            f"the values of the assembly cannot be read ({error}). Nothing was stored. Check whether the file that "
            f"contains them is damaged or was removed, and try again."
        ) from error


def slabs(dims: Sequence[str], shape: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Yield the slabs of an array in the order in which they should be written, each of whole chunks.

    A file has its chunks in the order of writing. All chunks of the same presentations should be adjacent: then 600
    presentations of all neuroids are contiguous, rather than a small piece for every 8 neuroids, each of which a remote
    read would round up to a block. This rounding matters less for all presentations of some neuroids, which are many
    values.

    Parameters
    ----------
    dims : sequence of str
        Names of the dimensions.
    shape : sequence of int
        Sizes of the dimensions.
    sizes : sequence of int
        Chunk sizes.

    Examples
    --------
    >>> list(slabs(("neuroid", "presentation"), (3, 5), (2, 4)))
    [(slice(None, None, None), slice(0, 4, None)), (slice(None, None, None), slice(4, 8, None))]
    """
    cut = dims.index("presentation") if "presentation" in dims else 0
    for start in range(0, shape[cut], sizes[cut]):
        part = slice(start, start + sizes[cut])
        yield tuple(part if axis == cut else slice(None) for axis in range(len(shape)))


def _split_slab(
    slab: Sequence[slice], shape: Sequence[int], sizes: Sequence[int], max_elements: int
) -> Iterator[tuple[slice, ...]]:
    """Yield the parts of a slab, each of whole chunks, in the order in which HDF5 writes the chunks of the slab.

    Parameters
    ----------
    slab : sequence of slice
        From `slabs`.
    shape, sizes : sequence of int
        Shape of the array, and chunk sizes.
    max_elements : int
        Maximum number of elements of a part, which has at least one chunk.

    Examples
    --------
    >>> list(_split_slab((slice(0, 4), slice(None)), (3, 3), (4, 2), max_elements=8))
    [(slice(0, 3, None), slice(0, 2, None)), (slice(0, 3, None), slice(2, 3, None))]
    """
    bounds = [part.indices(size) for part, size in zip(slab, shape, strict=True)]
    lengths = [stop - start for start, stop, _ in bounds]
    steps = [min(length, size) for length, size in zip(lengths, sizes, strict=True)]
    for axis in reversed(range(len(steps))):
        steps[axis] = min(lengths[axis], steps[axis] * max(1, max_elements // math.prod(steps)))
    for block in block_slices(lengths, steps):
        yield tuple(
            slice(start + part.start, start + part.stop) for (start, _, _), part in zip(bounds, block, strict=True)
        )
