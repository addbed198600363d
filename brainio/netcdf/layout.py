"""Chunk layout of written netCDF files: chunk sizes, and the order in which chunks are written.

Depends on the names and sizes of dimensions only. Touches no file.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from brainio.netcdf.chunks import block_slices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NEUROIDS = 8
_PRESENTATIONS = 2048
_MIN_PRESENTATIONS = 64
_MIN_CHUNK_BYTES = 32 << 10
MAX_CHUNK_BYTES = 1 << 20


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
    return _equalize(sizes, shape)


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
    return _equalize(sizes, shape)


def _shrink(sizes: list[int], axes: Iterable[int], itemsize: int, least: int = 1) -> None:
    """Reduce the sizes along some axes in place, one axis after the other, until a chunk is small enough."""
    for axis in axes:
        room = MAX_CHUNK_BYTES * sizes[axis] // (math.prod(sizes) * itemsize)
        sizes[axis] = min(sizes[axis], max(least, room))


def _equalize(sizes: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    counts = [-(-whole // size) for size, whole in zip(sizes, shape, strict=True)]
    return tuple(-(-whole // count) for count, whole in zip(counts, shape, strict=True))


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


def split_slab(
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
    >>> list(split_slab((slice(0, 4), slice(None)), (3, 3), (4, 2), max_elements=8))
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
