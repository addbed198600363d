"""Reading a variable in parts: lazy chunks of dask, or blocks for statistics in constant memory.

Both follow the chunks of the file, since HDF5 decompresses whole chunks only. Imports dask only for lazy chunks.
"""

from __future__ import annotations

import ast
import importlib.util
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from brainio.errors import AssemblyFormatError, MissingExtraError
from brainio.installation import install_command
from brainio.xarray_compat import is_in_memory, replace_parts

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    import xarray as xr

    Slices: TypeAlias = tuple[slice, ...]

BRAINIO_CHUNKS = "BRAINIO_CHUNKS"
Chunks: TypeAlias = "str | int | Mapping[Any, Any]"
_AUTO = "auto"
_AUTO_BYTES = 64 << 20


def resolve_chunks(chunks: Chunks | None) -> Chunks | None:
    """Return the chunk sizes from the argument, or else from `BRAINIO_CHUNKS`; None if values should be loaded.

    Raises
    ------
    AssemblyFormatError
        The chunks are neither `'auto'`, nor -1, nor a dict of sizes.
    MissingExtraError
        dask, which lazy values need, is not installed.
    """
    source = "chunks"
    if chunks is None:
        text = os.environ.get(BRAINIO_CHUNKS, "").strip()
        if text.lower() in ("", "none"):
            return None
        source, chunks = BRAINIO_CHUNKS, _parse_literal(text)
    is_sizes = isinstance(chunks, Mapping) and all(_is_size(size) for size in chunks.values())
    if not (is_sizes or (isinstance(chunks, str) and chunks == _AUTO) or (isinstance(chunks, int) and chunks == -1)):
        raise AssemblyFormatError(
            f"{source}={chunks!r} is not valid; expected 'auto', -1 (one chunk), a dict of sizes (-1: the whole "
            f"dimension) such as {{'presentation': 10000}}, or None (load the values)"
        )
    if importlib.util.find_spec("dask") is None:
        raise MissingExtraError(
            f"{source}={chunks!r} asks for a lazy assembly, which needs dask: {install_command('dask')}"
        )
    return chunks


def _parse_literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _is_size(size: Any) -> bool:
    if isinstance(size, tuple):
        return all(isinstance(part, int) and part > 0 for part in size)
    return size is None or size == _AUTO or (isinstance(size, int) and (size == -1 or size > 0))


def chunk_array(array: xr.DataArray, chunks: Chunks) -> xr.DataArray:
    """Convert the values of an opened array to a lazy dask array.

    Parameters
    ----------
    array : xarray.DataArray
        An array whose values have not been read.
    chunks : 'auto', -1 or dict
        Chunk sizes, see `AssemblyLoader`. Dimensions that a dict does not name get the size that `'auto'` gives them;
        dimensions that the array does not have are ignored.
    """
    sizes: dict[Hashable, Any]
    if isinstance(chunks, Mapping):
        named = {dim: size for dim, size in chunks.items() if dim in array.dims and size != _AUTO}
        fixed = {dim: array.sizes[dim] if size in (-1, None) else size for dim, size in named.items()}
        sizes = {**_auto_chunk_sizes(array.variable, fixed), **fixed}
    else:
        sizes = dict(array.sizes) if chunks == -1 else _auto_chunk_sizes(array.variable, {})
    return replace_parts(array, array.variable.chunk(sizes))


def _auto_chunk_sizes(
    variable: xr.Variable, fixed: Mapping[Hashable, Any], target_bytes: int = _AUTO_BYTES
) -> dict[Hashable, int]:
    """Return chunk sizes of about `target_bytes`: multiples of the chunks of the file, grown along the last dimensions.

    A variable without chunks is cut along its first dimensions, so that each part is contiguous in the file.

    >>> import xarray as xr
    >>> variable = xr.Variable(("a", "b"), [[0]], encoding={"preferred_chunks": {"a": 1, "b": 1}})
    >>> _auto_chunk_sizes(variable, {})
    {'a': 1, 'b': 1}
    """
    own = variable.encoding.get("preferred_chunks") or {}
    sizes: dict[Hashable, int] = {}
    for dim, size in variable.sizes.items():
        whole = max(size, 1)
        if dim in fixed:
            cut = fixed[dim]
            sizes[dim] = max(cut) if isinstance(cut, tuple) else min(cut, whole)
        else:
            sizes[dim] = min(own.get(dim, 1), whole)
    for dim in reversed(variable.dims):
        if dim not in fixed:
            room = target_bytes // max(1, math.prod(sizes.values()) * variable.dtype.itemsize)
            sizes[dim] = min(sizes[dim] * max(1, room), max(variable.sizes[dim], 1))
    return {dim: size for dim, size in sizes.items() if dim not in fixed}


BLOCK_BYTES = 16 << 20


def iter_blocks(variable: xr.Variable) -> Iterator[tuple[Slices, np.ndarray]]:
    """Yield all values of a variable in blocks of about 16 MiB, or of one larger chunk.

    Parameters
    ----------
    variable : xarray.Variable
        Values in memory, lazy chunks of dask (each chunk is a block), or values in a file.

    Yields
    ------
    tuple of slice, numpy.ndarray
        Slices of the block in the variable, and its values.

    Raises
    ------
    AssemblyFormatError
        A block of the file cannot be read.

    Examples
    --------
    >>> import xarray as xr
    >>> [(slices, values.sum().item()) for slices, values in iter_blocks(xr.Variable(("x",), [1, 2, 3]))]
    [((slice(0, 3, None),), 6)]
    """
    if variable.chunks is not None:
        ends = [np.cumsum((0, *sizes)).tolist() for sizes in variable.chunks]
        for number in np.ndindex(*variable.data.numblocks):
            slices = tuple(slice(edges[at], edges[at + 1]) for edges, at in zip(ends, number, strict=True))
            yield slices, np.asarray(variable.data.blocks[number])
        return
    if not variable.dims or variable.size == 0:
        yield (slice(None),) * variable.ndim, np.asarray(variable.values)
        return
    for slices in block_slices(variable.shape, _block_sizes(variable)):
        yield slices, np.asarray(variable[slices].values)


def _block_sizes(variable: xr.Variable) -> tuple[int, ...]:
    """Return the size of a block along each dimension of a variable, in memory or in a file."""
    if is_in_memory(variable):  # cut along the longest dimension
        dim, length = max(variable.sizes.items(), key=lambda item: item[1])
        step = max(1, BLOCK_BYTES // max(1, variable.nbytes // length))
        return tuple(min(step, size) if name == dim else size for name, size in variable.sizes.items())
    sizes = _auto_chunk_sizes(variable, {}, BLOCK_BYTES)
    return tuple(sizes[dim] for dim in variable.dims)


def block_slices(shape: Sequence[int], sizes: Sequence[int]) -> Iterator[Slices]:
    """Yield the slices of blocks of given sizes, the last dimension fastest.

    Examples
    --------
    >>> list(block_slices((3, 2), (2, 2)))
    [(slice(0, 2, None), slice(0, 2, None)), (slice(2, 3, None), slice(0, 2, None))]
    """
    counts = [-(-length // size) for length, size in zip(shape, sizes, strict=True)]
    for number in np.ndindex(*counts):
        starts = [at * size for at, size in zip(number, sizes, strict=True)]
        ends = [min(start + size, length) for start, size, length in zip(starts, sizes, shape, strict=True)]
        yield tuple(slice(start, end) for start, end in zip(starts, ends, strict=True))
