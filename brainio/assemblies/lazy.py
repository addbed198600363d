"""Reducing the groups of one axis of a lazy (dask) array in bounded memory, to the same bytes as in memory.

Blocks are taken one after the other along the grouped axis, each added to what those before it came to: nothing is
shuffled, and sums are accumulated in the order in which `reductions` accumulates them, so that results are equal to the
last bit. Blocks along other axes are independent and run side by side. Computes nothing; imports dask when called.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from brainio.assemblies.reductions import GroupNumbers, reduce_groups

if TYPE_CHECKING:
    from collections.abc import Callable

    State = Any  # what a reduction carries from block to block: an array, or a tuple of arrays

_EXTREMES = {"min": (np.minimum, np.fmin), "max": (np.maximum, np.fmax)}


def reduce_lazy_groups(
    method: str, values: Any, axis: int, groups: GroupNumbers, skipna: bool = True, **options: float
) -> Any:
    """Do to a dask array what `reductions.reduce_groups` does to one of numpy; the result is lazy too.

    `var` and `std` read the values twice. `median` needs all values of a row at once: the array is cut along the other
    axes instead.
    """
    one = reduce_groups(method, np.zeros(1, values.dtype), 0, GroupNumbers(np.zeros(1, dtype=int), 1))
    if method == "median":
        return _reduce_whole_rows(values, axis, groups, one.dtype, skipna)
    chain = _Chain(values, axis, groups)
    if method in ("mean", "var", "std"):
        state = chain.run(_Sums(skipna, np.dtype(float)))
        if method == "mean":
            return chain.array(_mean, state, one.dtype)
        squares = chain.run(_Sums(skipna, np.dtype(float)), around=state)
        skips = skipna and values.dtype.kind == "f"
        finish = partial(_deviation, root=method == "std", ddof=options.get("ddof", 0), skips=skips)
        return chain.array(finish, squares, one.dtype)
    if method in ("sum", "count"):
        state = chain.run(_Sums(skipna or method == "count", np.dtype(float) if one.dtype.kind == "f" else one.dtype))
        return chain.array(partial(_part, number=("sum", "count").index(method)), state, one.dtype)
    return chain.array(partial(_part, number=0), chain.run(_Picks(method, skipna)), one.dtype)


class _Chain:
    """The blocks of an array, and the group numbers beside each."""

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
        """Chain a step over the blocks at each place across the grouped axis; give the last states by place."""
        add = self._delayed(step, pure=False)
        states: dict[tuple[int, ...], Any] = {}
        for place in self._places():
            state = None
            means = None if around is None else self._delayed(_mean, pure=False)(around[place])
            for number, codes in enumerate(self._codes):
                block = self._blocks[(*place[: self._axis], number, *place[self._axis + 1 :])]
                state = add(state, block, codes, self._axis, self._size, means)
            states[place] = state
        return states

    def array(self, finish: Callable[[State], np.ndarray], states: dict[Any, Any], dtype: np.dtype) -> Any:
        """Make the result of the last states."""
        import dask.array as da

        done = self._delayed(partial(_finished, finish=finish, dtype=dtype), pure=False)
        parts = np.empty([1 if a == self._axis else n for a, n in enumerate(self._values.numblocks)], dtype=object)
        for place, state in states.items():
            shape = [self._size if a == self._axis else self._values.chunks[a][i] for a, i in enumerate(place)]
            parts[place] = da.from_delayed(done(state), shape, dtype=dtype)
        return da.block(parts.tolist())


class _Sums:
    """Adds the values of a block to sums in `dtype`, and counts them; or the squares of their distances to means."""

    def __init__(self, skipna: bool, dtype: np.dtype) -> None:
        self.skipna = skipna
        self.dtype = dtype

    def __call__(
        self, state: State, block: np.ndarray, codes: np.ndarray, axis: int, size: int, means: np.ndarray | None
    ) -> State:
        before = (*block.shape[:axis], size, *block.shape[axis + 1 :])
        sums, counts = (np.zeros(before, self.dtype), np.zeros(before, np.int64)) if state is None else state
        # the sums so far stand before the block's own values, as the first to be added
        joined = np.concatenate([sums, block], axis=axis, dtype=self.dtype, casting="unsafe")
        added = joined[(slice(None),) * axis + (slice(size, None),)]
        codes = codes.astype(np.intp)
        counted = np.bincount(codes, minlength=size).reshape([-1 if a == axis else 1 for a in range(block.ndim)])
        if self.skipna and block.dtype.kind == "f":
            missing = np.isnan(block)
            if missing.any():
                counted = counted - _counted(missing, axis, codes, size)
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


def _counted(missing: np.ndarray, axis: int, codes: np.ndarray, size: int) -> np.ndarray:
    """Count what is missing by group; every group has one more position, so that none is empty."""
    none = np.zeros((*missing.shape[:axis], size, *missing.shape[axis + 1 :]), dtype=bool)
    groups = GroupNumbers(np.concatenate([np.arange(size), codes]), size)
    return reduce_groups("sum", np.concatenate([none, missing], axis=axis), axis, groups)


class _Picks:
    """Picks one value a group: the smallest, largest, first or last."""

    def __init__(self, method: str, skipna: bool) -> None:
        self.method = method
        self.skipna = skipna

    def __call__(self, state: State, block: np.ndarray, codes: np.ndarray, axis: int, size: int, means: None) -> State:
        del means
        present, local = np.unique(codes, return_inverse=True)
        found = reduce_groups(self.method, block, axis, GroupNumbers(local, len(present)), self.skipna)
        shape = (*block.shape[:axis], size, *block.shape[axis + 1 :])
        picked, seen = (np.zeros(shape, block.dtype), np.zeros(size, dtype=bool)) if state is None else state
        picked, seen = np.moveaxis(picked.copy(), axis, -1), seen.copy()
        found = np.moveaxis(found, axis, -1)
        merged = self._merge(picked[..., present], found)
        picked[..., present] = np.where(seen[present], merged, found)
        seen[present] = True
        return np.moveaxis(picked, -1, axis), seen

    def _merge(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        skips = self.skipna and later.dtype.kind == "f"
        if self.method in _EXTREMES:
            return _EXTREMES[self.method][skips](earlier, later)
        if self.method == "first":
            return np.where(np.isnan(earlier), later, earlier) if skips else earlier
        return np.where(np.isnan(later), earlier, later) if skips else later


def _part(state: State, number: int) -> np.ndarray:
    return state[number]


def _mean(state: State) -> np.ndarray:
    sums, counts = state
    return sums / counts


def _deviation(state: State, *, root: bool, ddof: float, skips: bool) -> np.ndarray:
    squares, counts = state
    freedom = np.asarray(counts - ddof, dtype=float)
    var = squares / (np.where(freedom > 0, freedom, np.nan) if skips else np.maximum(freedom, 0))
    return np.sqrt(var) if root else var


def _finished(state: State, *, finish: Callable[[State], np.ndarray], dtype: np.dtype) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return finish(state).astype(dtype)


def _reduce_whole_rows(values: Any, axis: int, groups: GroupNumbers, dtype: np.dtype, skipna: bool) -> Any:
    sizes = {a: -1 if a == axis else "auto" for a in range(values.ndim)}
    rows = values.rechunk(sizes, block_size_limit=64 << 20)
    chunks = [(groups.size,) if a == axis else sizes for a, sizes in enumerate(rows.chunks)]
    return rows.map_blocks(_median, axis, groups.codes, groups.size, skipna, dtype=dtype, chunks=chunks)


def _median(block: np.ndarray, axis: int, codes: np.ndarray, size: int, skipna: bool) -> np.ndarray:
    return reduce_groups("median", block, axis, GroupNumbers(codes, size), skipna)
