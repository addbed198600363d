"""How the values of a netCDF file are cut into chunks, and in which order the chunks are written.

Decides by names of dimensions and sizes alone. Does not touch a file.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from brainio.netcdf.chunks import places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NEUROIDS = 8
_PRESENTATIONS = 2048
_FEWEST_PRESENTATIONS = 64
_LEAST_BYTES = 32 << 10
MOST_BYTES = 1 << 20


def chunk_sizes(dims: Sequence[str], shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Give the chunk sizes with which both a few neuroids and a few presentations can be read without the rest.

    A selection reads whole chunks, so a chunk has few neuroids and few presentations, and the two pull in opposite
    directions: what is small one way must be large the other way, or there are too many chunks.

    - 8 neuroids: any 16 of them, scattered ones too, read at most 8 times their values.
    - 2048 presentations: 600 in a row lie in two chunks at worst, which are 6.8 times their values. The limit that is
      aimed at is ten times; what is left pays for the index of the chunks and for requests that are rounded up to
      blocks.
    - All of every other dimension, such as `time_bin`: neither selection cuts it.
    - At most 1 MiB, the chunk cache that readers have by default: a larger chunk is unpacked again for each part of it
      that is read. Presentations are cut first, down to 64, then other dimensions.
    - At least 32 KiB where neuroids or presentations are few: then there are more of the other in a chunk. Below that,
      the index and the compression of a chunk cost more than they save, and any remote read is larger: where ten times
      the values of a selection are less than 128 KiB, it may read 128 KiB.

    Chunks of a dimension are of about equal size, so that the last one is not nearly empty.

    Parameters
    ----------
    dims : sequence of str
        Names of the dimensions, in any order.
    shape : sequence of int
        Their sizes, each at least 1.
    itemsize : int
        Bytes of one value.

    Returns
    -------
    tuple of int
        One size for each dimension.

    Examples
    --------
    >>> chunk_sizes(("neuroid", "presentation", "time_bin"), (256, 147200, 1), itemsize=4)
    (8, 2045, 1)
    >>> chunk_sizes(("presentation", "neuroid", "time_bin"), (147200, 256, 300), itemsize=4)
    (109, 8, 300)
    """
    most = {"presentation": _PRESENTATIONS, "neuroid": _NEUROIDS}
    sizes = [min(size, most.get(dim, size)) for dim, size in zip(dims, shape, strict=True)]
    presentations, neuroids = ([axis for axis, dim in enumerate(dims) if dim == name] for name in most)
    others = [axis for axis, dim in enumerate(dims) if dim not in most]
    _shrink(sizes, presentations, itemsize, least=_FEWEST_PRESENTATIONS)
    _shrink(sizes, others, itemsize)
    for axis in presentations + neuroids:
        others = sizes[:axis] + sizes[axis + 1 :]
        if others == [*shape[:axis], *shape[axis + 1 :]]:
            room = -(-_LEAST_BYTES // (math.prod(others) * itemsize))
            sizes[axis] = min(shape[axis], max(sizes[axis], room))
    return _evened(sizes, shape)


def row_sizes(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Give the chunk sizes of what is always read as a whole, as coordinates are: stretches of up to 1 MiB.

    Parameters
    ----------
    shape : sequence of int
        Sizes of the dimensions, each at least 1.
    itemsize : int
        Bytes of one value.

    Returns
    -------
    tuple of int
        One size for each dimension.

    Examples
    --------
    >>> row_sizes((147200, 40), itemsize=1)  # texts of 40 bytes
    (24534, 40)
    """
    sizes = list(shape)
    _shrink(sizes, range(len(sizes)), itemsize)
    return _evened(sizes, shape)


def _shrink(sizes: list[int], axes: Iterable[int], itemsize: int, least: int = 1) -> None:
    """Cut axes one after the other, in place, until a chunk is small enough."""
    for axis in axes:
        room = MOST_BYTES * sizes[axis] // (math.prod(sizes) * itemsize)
        sizes[axis] = min(sizes[axis], max(least, room))


def _evened(sizes: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    counts = [-(-whole // size) for size, whole in zip(sizes, shape, strict=True)]
    return tuple(-(-whole // count) for count, whole in zip(counts, shape, strict=True))


def slabs(dims: Sequence[str], shape: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Give the parts of an array in the order in which they are to be written, each of whole chunks.

    Chunks lie in a file in the order in which they were written. All chunks of the same presentations are to lie side
    by side: reading 600 presentations of all neuroids is then one stretch of the file, rather than a small piece for
    every 8 neuroids, each of which a remote read would round up to a block. All presentations of some neuroids are many
    values, for which the same rounding matters less.

    Parameters
    ----------
    dims : sequence of str
        Names of the dimensions.
    shape : sequence of int
        Their sizes.
    sizes : sequence of int
        Those of a chunk.

    Examples
    --------
    >>> list(slabs(("neuroid", "presentation"), (3, 5), (2, 4)))
    [(slice(None, None, None), slice(0, 4, None)), (slice(None, None, None), slice(4, 8, None))]
    """
    cut = dims.index("presentation") if "presentation" in dims else 0
    for start in range(0, shape[cut], sizes[cut]):
        part = slice(start, start + sizes[cut])
        yield tuple(part if axis == cut else slice(None) for axis in range(len(shape)))


def parts_of(
    slab: Sequence[slice], shape: Sequence[int], sizes: Sequence[int], most: int
) -> Iterator[tuple[slice, ...]]:
    """Give the parts of a slab, each of whole chunks, in the order in which HDF5 writes the chunks of the whole slab.

    Parameters
    ----------
    slab : sequence of slice
        From `slabs`.
    shape, sizes : sequence of int
        Of the array, and of a chunk.
    most : int
        Elements of a part; a part has one chunk at least.

    Examples
    --------
    >>> list(parts_of((slice(0, 4), slice(None)), (3, 3), (4, 2), most=8))
    [(slice(0, 3, None), slice(0, 2, None)), (slice(0, 3, None), slice(2, 3, None))]
    """
    bounds = [part.indices(size) for part, size in zip(slab, shape, strict=True)]
    lengths = [stop - start for start, stop, _ in bounds]
    steps = [min(length, size) for length, size in zip(lengths, sizes, strict=True)]
    for axis in reversed(range(len(steps))):
        steps[axis] = min(lengths[axis], steps[axis] * max(1, most // math.prod(steps)))
    for place in places(lengths, steps):
        yield tuple(
            slice(start + part.start, start + part.stop) for (start, _, _), part in zip(bounds, place, strict=True)
        )
