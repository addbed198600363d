"""Blocks of an array that is left in its file, so that a statistic of all values takes the memory of one block.

Needs no dask. Blocks follow the chunks of the file, since HDF5 decompresses whole chunks only. Computes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from brainio.assemblies.chunks import auto_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import xarray as xr

    Place: TypeAlias = tuple[slice, ...]

BLOCK_BYTES = 16 << 20


def blocks(variable: xr.Variable) -> Iterator[tuple[Place, np.ndarray]]:
    """Yield all values of a variable in blocks of about 16 MiB, or of one larger chunk, each with its place.

    Parameters
    ----------
    variable : xarray.Variable
        Values in memory, lazy chunks of dask (each is a block), or values that are left in a file.

    Yields
    ------
    tuple of slice, numpy.ndarray
        Where the block is in the array, and its values.

    Raises
    ------
    AssemblyFormatError
        A block of the file cannot be read.

    Examples
    --------
    >>> import xarray as xr
    >>> [(place, values.sum().item()) for place, values in blocks(xr.Variable(("x",), [1, 2, 3]))]
    [((slice(0, 3, None),), 6)]
    """
    if variable.chunks is not None:
        ends = [np.cumsum((0, *sizes)).tolist() for sizes in variable.chunks]
        for number in np.ndindex(*variable.data.numblocks):
            place = tuple(slice(edges[at], edges[at + 1]) for edges, at in zip(ends, number, strict=True))
            yield place, np.asarray(variable.data.blocks[number])
        return
    if not variable.dims or variable.size == 0:
        yield (slice(None),) * variable.ndim, np.asarray(variable.values)
        return
    for place in places(variable.shape, block_sizes(variable)):
        yield place, np.asarray(variable[place].values)


def block_sizes(variable: xr.Variable) -> tuple[int, ...]:
    """Return the sizes of the blocks of a variable, in memory or in a file, along its dimensions."""
    if variable._in_memory:  # slices along the longest side
        dim, length = max(variable.sizes.items(), key=lambda item: item[1])
        step = max(1, BLOCK_BYTES // max(1, variable.nbytes // length))
        return tuple(min(step, size) if name == dim else size for name, size in variable.sizes.items())
    sizes = auto_sizes(variable, {}, BLOCK_BYTES)
    return tuple(sizes[dim] for dim in variable.dims)


def places(shape: Sequence[int], sizes: Sequence[int]) -> Iterator[Place]:
    """Yield the places of blocks of given sizes, the last dimension first.

    Examples
    --------
    >>> list(places((3, 2), (2, 2)))
    [(slice(0, 2, None), slice(0, 2, None)), (slice(2, 3, None), slice(0, 2, None))]
    """
    counts = [-(-length // size) for length, size in zip(shape, sizes, strict=True)]
    for number in np.ndindex(*counts):
        starts = [at * size for at, size in zip(number, sizes, strict=True)]
        ends = [min(start + size, length) for start, size, length in zip(starts, sizes, shape, strict=True)]
        yield tuple(slice(start, end) for start, end in zip(starts, ends, strict=True))
