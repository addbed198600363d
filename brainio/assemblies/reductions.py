"""Reductions of groups by group numbers, without splitting the array, in memory or lazily with the same bytes.

For booleans, integers, float16, float32 and float64. Sums of floats are accumulated in float64 and rounded once;
missing values are NaN. Lazy arrays (dask) are reduced block after block along the grouped axis, in bounded memory: sums
are accumulated in the same order as in memory, so that results are equal to the last bit. Blocks along other axes are
independent and run in parallel. Knows neither xarray nor assemblies; imports dask only for lazy arrays.
"""

from __future__ import annotations

import itertools
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    State = Any  # what a reduction carries from block to block: an array, or a tuple of arrays


_TILE = 1 << 17  # values processed at a time: they fit into CPU caches, and calls cost little in comparison
_STRIDED_TILES = 16  # tiles of rows that are not contiguous are copied at once ...
_COPIED = 256  # ... by this many positions


class GroupNumbers:
    """The group number of each position of an axis, and derived orders and counts; no group is empty."""

    def __init__(self, codes: np.ndarray, size: int) -> None:
        self.codes = codes
        self.size = size

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of positions of each group."""
        return np.bincount(self.codes, minlength=self.size)

    @cached_property
    def order(self) -> np.ndarray:
        """The positions, group by group, each group in its own order."""
        small = self.size <= np.iinfo(np.uint16).max  # which numpy sorts by radix, in a tenth of the time
        return np.argsort(self.codes.astype(np.uint16) if small else self.codes, kind="stable")

    @cached_property
    def starts(self) -> np.ndarray:
        """The start of each group in `order`."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def by_count(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Groups of equal count: their numbers, and the positions of each as a row."""
        same = [np.flatnonzero(self.counts == count) for count in np.unique(self.counts)]
        return [(g, self.order[self.starts[g][:, None] + np.arange(self.counts[g[0]])]) for g in same]

    def positions(self) -> list[np.ndarray]:
        """Return the positions of each group."""
        return np.split(self.order, self.starts[1:]) if self.size else []

    @property
    def tile(self) -> int:
        """Number of rows to process at a time."""
        return max(1, _TILE // max(len(self.codes), 1))

    @cached_property
    def _tile_codes(self) -> np.ndarray:
        if self.tile == 1:  # millions of rows
            return self.codes
        return (self.codes + self.size * np.arange(self.tile)[:, None]).ravel()

    def sum(self, rows: np.ndarray) -> np.ndarray:
        """Return the sums of each row's values by group, in float64."""
        codes = self._tile_codes[: rows.size]
        sums = np.bincount(codes, weights=rows.ravel(), minlength=len(rows) * self.size)
        return sums.reshape(len(rows), self.size)

    def count(self, chosen: np.ndarray) -> np.ndarray:
        """Count the chosen positions of each row by group."""
        codes = self._tile_codes[np.flatnonzero(chosen)]
        return np.bincount(codes, minlength=len(chosen) * self.size).reshape(len(chosen), self.size)

    def fold(self, ufunc: np.ufunc, rows: np.ndarray, dtype: np.dtype | None = None) -> np.ndarray:
        """Combine each row's values by group with a ufunc of two arguments."""
        return ufunc.reduceat(np.take(rows, self.order, axis=1), self.starts, axis=1, dtype=dtype)


def _fill_missing(
    rows: np.ndarray, groups: GroupNumbers, skipna: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return rows with zeros for skipped NaN, counts of the other values, and a mask of NaN (None: there is none)."""
    missing = np.isnan(rows) if skipna and rows.dtype.kind == "f" else None
    if missing is None or not missing.any():
        return rows, groups.counts, None
    return np.where(missing, rows.dtype.type(0), rows), groups.counts - groups.count(missing), missing


def _sum_dtype(values: np.ndarray) -> np.dtype:
    return np.dtype(np.sum(np.empty(0, values.dtype)).dtype)


def _sum(rows: np.ndarray, groups: GroupNumbers, skipna: bool) -> np.ndarray:
    if rows.dtype.kind != "f":
        return groups.fold(np.add, rows, _sum_dtype(rows))
    return groups.sum(_fill_missing(rows, groups, skipna)[0])


def _mean(rows: np.ndarray, groups: GroupNumbers, skipna: bool) -> np.ndarray:
    filled, counts, _ = _fill_missing(rows, groups, skipna)
    return groups.sum(filled) / counts


def _count(rows: np.ndarray, groups: GroupNumbers, skipna: bool) -> np.ndarray:
    del skipna  # missing values are never counted
    counts = _fill_missing(rows, groups, True)[1]
    return np.broadcast_to(counts, (len(rows), groups.size))


def _var(rows: np.ndarray, groups: GroupNumbers, skipna: bool, ddof: float = 0) -> np.ndarray:
    filled, counts, missing = _fill_missing(rows, groups, skipna)
    means = groups.sum(filled) / counts
    deviations = filled - np.take(means, groups.codes, axis=1)
    if missing is not None:
        deviations[missing] = 0
    freedom = np.asarray(counts - ddof, dtype=float)
    squares = groups.sum(np.square(deviations, out=deviations))
    if skipna and rows.dtype.kind == "f":
        return squares / np.where(freedom > 0, freedom, np.nan)
    return squares / np.maximum(freedom, 0)


def _std(rows: np.ndarray, groups: GroupNumbers, skipna: bool, ddof: float = 0) -> np.ndarray:
    return np.sqrt(_var(rows, groups, skipna, ddof))


def _extreme(
    rows: np.ndarray, groups: GroupNumbers, skipna: bool, *, ufunc: np.ufunc, ufunc_skipping: np.ufunc
) -> np.ndarray:
    return groups.fold(ufunc_skipping if skipna and rows.dtype.kind == "f" else ufunc, rows)


def _edge(rows: np.ndarray, groups: GroupNumbers, skipna: bool, *, last: bool) -> np.ndarray:
    """Return the first or last value of each group, skipping missing values if there are others."""
    at = groups.starts + groups.counts - 1 if last else groups.starts
    edges = rows[:, groups.order[at]]
    if not skipna or rows.dtype.kind != "f" or not np.isnan(edges).any():
        return edges
    ordered = np.take(rows, groups.order, axis=1)
    places = np.where(np.isnan(ordered), -1 if last else rows.shape[1], np.arange(rows.shape[1]))
    positions = (np.maximum if last else np.minimum).reduceat(places, groups.starts, axis=1)
    inside = (positions >= groups.starts) & (positions < groups.starts + groups.counts)
    return np.take_along_axis(ordered, np.where(inside, positions, at), axis=1)


def _median(rows: np.ndarray, groups: GroupNumbers, skipna: bool) -> np.ndarray:
    medians = np.empty((len(rows), groups.size))
    for numbers, positions in groups.by_count:
        ordered = np.sort(rows[:, positions], axis=-1)  # NaN comes last
        count = np.full(ordered.shape[:-1], ordered.shape[-1])
        if skipna and rows.dtype.kind == "f":
            count -= np.isnan(ordered).sum(axis=-1)
        middle = np.stack([np.maximum(count - 1, 0) // 2, count // 2], axis=-1)
        middle_means = np.take_along_axis(ordered, middle, axis=-1).mean(axis=-1, dtype=float)
        if not skipna and rows.dtype.kind == "f":
            middle_means = np.where(np.isnan(ordered[..., -1]), np.nan, middle_means)
        medians[:, numbers] = middle_means
    return medians


_REDUCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "sum": _sum,
    "mean": _mean,
    "count": _count,
    "var": _var,
    "std": _std,
    "median": _median,
    "min": partial(_extreme, ufunc=np.minimum, ufunc_skipping=np.fmin),
    "max": partial(_extreme, ufunc=np.maximum, ufunc_skipping=np.fmax),
    "first": partial(_edge, last=False),
    "last": partial(_edge, last=True),
}
REDUCTIONS = frozenset(_REDUCTIONS)


def can_reduce(values: np.ndarray) -> bool:
    """Return whether `reduce_groups` supports values of this dtype."""
    return values.dtype.kind in "biu" or values.dtype in (np.float16, np.float32, np.float64)


def reduce_groups(
    method: str, values: np.ndarray, axis: int, groups: GroupNumbers, skipna: bool = True, **options: float
) -> np.ndarray:
    """Reduce each group of positions along an axis to one value.

    Parameters
    ----------
    method : str
        One of `REDUCTIONS`.
    values : numpy.ndarray
        Booleans, integers, float16, float32 or float64.
    axis : int
        The axis that is grouped.
    groups : GroupNumbers
        A group for each position of that axis.
    skipna : bool, default True
        Leave NaN out. A group of nothing but NaN has the sum 0, the count 0, and NaN for the rest.
    options : float
        `ddof` of `var` and `std`.

    Returns
    -------
    numpy.ndarray
        With the groups in place of the positions. Floats keep their dtype; means, medians and deviations of other
        values are float64, sums of integers and booleans the integers of `numpy.sum`, counts int64; others keep their
        dtype.

    >>> reduce_groups("mean", np.array([1.0, 3.0, 5.0]), 0, GroupNumbers(np.array([1, 0, 1]), 2))
    array([3., 3.])
    """
    shape = values.shape
    result = np.empty((*shape[:axis], groups.size, *shape[axis + 1 :]), dtype=_dtype(method, values))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for rows, place in tiles(values, result, axis, groups.tile):
            place[:] = _REDUCTIONS[method](rows, groups, skipna, **options)
    return result


def merge_axes(
    values: np.ndarray, codes: np.ndarray, axis: int, others: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Merge other axes into the grouped one; return the values, with that as last axis, and its groups by position.

    >>> merge_axes(np.array([[1, 2], [3, 4]]), np.array([7, 8]), 1, [0])
    (array([1, 3, 2, 4]), array([7, 7, 8, 8]))
    """
    moved = np.moveaxis(values, [axis, *others], range(-len(others) - 1, 0))
    kept = moved.ndim - len(others) - 1
    return moved.reshape(*moved.shape[:kept], -1), np.repeat(codes, int(np.prod(moved.shape[kept + 1 :])))


def tiles(values: np.ndarray, result: np.ndarray, axis: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Split an array into contiguous tiles of at most `count` rows, where a row has all positions along `axis`.

    Yields each tile with a view of its part of `result`, a contiguous array of the shape of `values` except for the
    length of `axis`.
    """
    if not result.size:
        return
    before, after = int(np.prod(values.shape[:axis])), int(np.prod(values.shape[axis + 1 :]))
    for rows, places in _rows(values.reshape(before, -1, after), result.reshape(before, -1, after)):
        wide = count if rows.flags.c_contiguous else _STRIDED_TILES * count
        for start in range(0, len(rows), wide):
            block = _contiguous(rows[start : start + wide])
            for inner in range(0, len(block), count):
                tile = block[inner : inner + count]
                yield tile, places[start + inner : start + inner + len(tile)]


def _dtype(method: str, values: np.ndarray) -> np.dtype:
    if method == "count":
        return np.dtype(np.int64)
    if method == "sum":
        return _sum_dtype(values)
    if method in ("min", "max", "first", "last") or values.dtype.kind == "f":
        return values.dtype
    return np.dtype(float)


def _rows(values: np.ndarray, result: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield views of values and of their part of the result, with the grouped axis last."""
    if values.shape[2] == 1:
        yield values[:, :, 0], result[:, :, 0]
    else:
        yield from ((before.T, answers.T) for before, answers in zip(values, result, strict=True))


def _contiguous(rows: np.ndarray) -> np.ndarray:
    """Return contiguous rows; copying pieces that fit into CPU caches takes a third of the time."""
    if rows.flags.c_contiguous:
        return rows
    copied = np.empty(rows.shape, rows.dtype)
    for start in range(0, rows.shape[1], _COPIED):
        copied[:, start : start + _COPIED] = rows[:, start : start + _COPIED]
    return copied


_EXTREMES = {"min": (np.minimum, np.fmin), "max": (np.maximum, np.fmax)}


def reduce_lazy_groups(
    method: str, values: Any, axis: int, groups: GroupNumbers, skipna: bool = True, **options: float
) -> Any:
    """Reduce groups of a dask array like `reduce_groups`; the result is lazy.

    `var` and `std` read the values twice. `median` needs all values of a row at once: the array is split along the
    other axes instead.
    """
    example = reduce_groups(method, np.zeros(1, values.dtype), 0, GroupNumbers(np.zeros(1, dtype=int), 1))
    if method == "median":
        return _reduce_rows_at_once(values, axis, groups, example.dtype, skipna)
    chain = _BlockChain(values, axis, groups)
    if method in ("mean", "var", "std"):
        state = chain.run(_BlockSums(skipna, np.dtype(float)))
        if method == "mean":
            return chain.array(_mean_of_sums, state, example.dtype)
        squares = chain.run(_BlockSums(skipna, np.dtype(float)), around=state)
        skips = skipna and values.dtype.kind == "f"
        finish = partial(_deviation, root=method == "std", ddof=options.get("ddof", 0), skips=skips)
        return chain.array(finish, squares, example.dtype)
    if method in ("sum", "count"):
        state = chain.run(
            _BlockSums(skipna or method == "count", np.dtype(float) if example.dtype.kind == "f" else example.dtype)
        )
        return chain.array(partial(_part, number=("sum", "count").index(method)), state, example.dtype)
    return chain.array(partial(_part, number=0), chain.run(_BlockSelection(method, skipna)), example.dtype)


class _BlockChain:
    """The blocks of an array, with the group numbers of each."""

    def __init__(self, values: Any, axis: int, groups: GroupNumbers) -> None:
        from dask import delayed

        self._delayed = delayed
        self._values = values
        self._axis = axis
        self._size = groups.size
        self._blocks = values.to_delayed()
        codes = groups.codes.astype(np.min_scalar_type(-max(groups.size, 1)))
        stops = np.cumsum(values.chunks[axis])
        self._codes = [
            delayed(codes[stop - size : stop]) for stop, size in zip(stops, values.chunks[axis], strict=True)
        ]

    def _places(self) -> list[tuple[int, ...]]:
        counts = [1 if axis == self._axis else count for axis, count in enumerate(self._values.numblocks)]
        return list(itertools.product(*map(range, counts)))

    def run(self, step: Callable[..., State], around: dict[tuple[int, ...], Any] | None = None) -> dict[Any, Any]:
        """Chain a step over the blocks along the grouped axis; return the last states by position along other axes."""
        add = self._delayed(step, pure=False)
        states: dict[tuple[int, ...], Any] = {}
        for place in self._places():
            state = None
            means = None if around is None else self._delayed(_mean_of_sums, pure=False)(around[place])
            for number, codes in enumerate(self._codes):
                block = self._blocks[(*place[: self._axis], number, *place[self._axis + 1 :])]
                state = add(state, block, codes, self._axis, self._size, means)
            states[place] = state
        return states

    def array(self, finish: Callable[[State], np.ndarray], states: dict[Any, Any], dtype: np.dtype) -> Any:
        """Build the result from the last states."""
        import dask.array as da

        done = self._delayed(partial(_finish_state, finish=finish, dtype=dtype), pure=False)
        parts = np.empty([1 if a == self._axis else n for a, n in enumerate(self._values.numblocks)], dtype=object)
        for place, state in states.items():
            shape = [self._size if a == self._axis else self._values.chunks[a][i] for a, i in enumerate(place)]
            parts[place] = da.from_delayed(done(state), shape, dtype=dtype)
        return da.block(parts.tolist())


class _BlockSums:
    """Adds the values of a block to sums in `dtype` and counts them, or the squares of their deviations from means."""

    def __init__(self, skipna: bool, dtype: np.dtype) -> None:
        self.skipna = skipna
        self.dtype = dtype

    def __call__(
        self, state: State, block: np.ndarray, codes: np.ndarray, axis: int, size: int, means: np.ndarray | None
    ) -> State:
        before = (*block.shape[:axis], size, *block.shape[axis + 1 :])
        sums, counts = (np.zeros(before, self.dtype), np.zeros(before, np.int64)) if state is None else state
        # Earlier sums precede the values of the block: they are added first.
        joined = np.concatenate([sums, block], axis=axis, dtype=self.dtype, casting="unsafe")
        added = joined[(slice(None),) * axis + (slice(size, None),)]
        codes = codes.astype(np.intp)
        counted = np.bincount(codes, minlength=size).reshape([-1 if a == axis else 1 for a in range(block.ndim)])
        if self.skipna and block.dtype.kind == "f":
            missing = np.isnan(block)
            if missing.any():
                counted = counted - _count_by_group(missing, axis, codes, size)
                added[missing] = 0
        else:
            missing = np.zeros((), dtype=bool)
        if means is not None:
            added -= np.take(means, codes, axis=axis)
            if missing.any():
                added[missing] = 0
            np.square(added, out=added)
        groups = GroupNumbers(np.concatenate([np.arange(size), codes]), size)
        return reduce_groups("sum", joined, axis, groups, skipna=False), counts + counted


def _count_by_group(missing: np.ndarray, axis: int, codes: np.ndarray, size: int) -> np.ndarray:
    """Count missing values by group; one additional position for each group keeps all of them non-empty."""
    none = np.zeros((*missing.shape[:axis], size, *missing.shape[axis + 1 :]), dtype=bool)
    groups = GroupNumbers(np.concatenate([np.arange(size), codes]), size)
    return reduce_groups("sum", np.concatenate([none, missing], axis=axis), axis, groups)


class _BlockSelection:
    """Selects one value of each group: the smallest, largest, first or last."""

    def __init__(self, method: str, skipna: bool) -> None:
        self.method = method
        self.skipna = skipna

    def __call__(self, state: State, block: np.ndarray, codes: np.ndarray, axis: int, size: int, means: None) -> State:
        del means
        present, local = np.unique(codes, return_inverse=True)
        in_block = reduce_groups(self.method, block, axis, GroupNumbers(local, len(present)), self.skipna)
        shape = (*block.shape[:axis], size, *block.shape[axis + 1 :])
        selected, has_values = (np.zeros(shape, block.dtype), np.zeros(size, dtype=bool)) if state is None else state
        selected, has_values = np.moveaxis(selected.copy(), axis, -1), has_values.copy()
        in_block = np.moveaxis(in_block, axis, -1)
        merged = self._merge(selected[..., present], in_block)
        selected[..., present] = np.where(has_values[present], merged, in_block)
        has_values[present] = True
        return np.moveaxis(selected, -1, axis), has_values

    def _merge(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        skips = self.skipna and later.dtype.kind == "f"
        if self.method in _EXTREMES:
            return _EXTREMES[self.method][skips](earlier, later)
        if self.method == "first":
            return np.where(np.isnan(earlier), later, earlier) if skips else earlier
        return np.where(np.isnan(later), earlier, later) if skips else later


def _part(state: State, number: int) -> np.ndarray:
    return state[number]


def _mean_of_sums(state: State) -> np.ndarray:
    sums, counts = state
    return sums / counts


def _deviation(state: State, *, root: bool, ddof: float, skips: bool) -> np.ndarray:
    squares, counts = state
    freedom = np.asarray(counts - ddof, dtype=float)
    var = squares / (np.where(freedom > 0, freedom, np.nan) if skips else np.maximum(freedom, 0))
    return np.sqrt(var) if root else var


def _finish_state(state: State, *, finish: Callable[[State], np.ndarray], dtype: np.dtype) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return finish(state).astype(dtype)


def _reduce_rows_at_once(values: Any, axis: int, groups: GroupNumbers, dtype: np.dtype, skipna: bool) -> Any:
    """Reduce each row by its median, which needs all values of a row in one chunk."""
    sizes = {a: -1 if a == axis else "auto" for a in range(values.ndim)}
    rows = values.rechunk(sizes, block_size_limit=64 << 20)
    chunks = [(groups.size,) if a == axis else sizes for a, sizes in enumerate(rows.chunks)]
    return rows.map_blocks(_block_median, axis, groups.codes, groups.size, skipna, dtype=dtype, chunks=chunks)


def _block_median(block: np.ndarray, axis: int, codes: np.ndarray, size: int, skipna: bool) -> np.ndarray:
    return reduce_groups("median", block, axis, GroupNumbers(codes, size), skipna)
