"""Means of an array over some of its dimensions, added up block by block, so that all values are read only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import xarray as xr

    from brainio.cards.arrays import Place


class Marginals:
    """Sums and counts of the finite values, for each position of the dimensions that are kept.

    Parameters
    ----------
    variable : xarray.Variable
        Of numbers; its values are not read.
    kept : iterable of tuple
        For each table that is wanted the dimensions that it has, in their order in the array.
    """

    def __init__(self, variable: xr.Variable, kept: Iterable[tuple[Hashable, ...]]) -> None:
        self._dims = variable.dims
        shapes = {dims: [variable.sizes[dim] for dim in dims] for dims in kept}
        self._sums = {dims: np.zeros(shape) for dims, shape in shapes.items()}
        self._counts = {dims: np.zeros(shape, dtype=np.int64) for dims, shape in shapes.items()}

    def add(self, place: Place, block: np.ndarray) -> None:
        """Add the values that lie at a place of the array."""
        finite = np.isfinite(block) if block.dtype.kind == "f" else None
        if finite is not None:
            if finite.all():
                finite = None
            else:
                block = np.where(finite, block, block.dtype.type(0))
        for dims, sums in self._sums.items():
            at = tuple(one for dim, one in zip(self._dims, place, strict=True) if dim in dims)
            others = tuple(number for number, dim in enumerate(self._dims) if dim not in dims)
            with np.errstate(over="ignore"):
                sums[at] += block.sum(axis=others, dtype=np.float64)
            whole = block.size // max(1, sums[at].size)
            self._counts[dims][at] += whole if finite is None else finite.sum(axis=others)

    def sums(self, *dims: Hashable) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums and the counts of a table, its dimensions in the order that is asked for."""
        key = next(kept for kept in self._sums if set(kept) == set(dims))
        order = [key.index(dim) for dim in dims]
        return self._sums[key].transpose(order), self._counts[key].transpose(order)

    def means(self, *dims: Hashable) -> np.ndarray:
        """Return the means of a table; NaN where no value is finite."""
        return mean(*self.sums(*dims))

    def has(self, *dims: Hashable) -> bool:
        """Whether there is a table of these dimensions."""
        return any(set(kept) == set(dims) and len(kept) == len(dims) for kept in self._sums)


def mean(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Divide sums by counts; NaN where nothing was counted."""
    return np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=np.asarray(counts) > 0)
