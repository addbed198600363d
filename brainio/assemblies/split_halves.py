"""Split-half reliability of arrays: the computation behind `reliability`, on codes and on any DataArray."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from brainio.assemblies.coordinates import levels_of
from brainio.assemblies.groupby import group_by_levels
from brainio.assemblies.reductions import GroupNumbers, can_reduce, tiles
from brainio.errors import GroupbyError
from brainio.xarray_compat import coords_of, indexes_of, replace_parts

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from brainio.levels import Level

_PRODUCT = 1 << 18  # multiplications at a time: OpenBLAS starts threads for larger products, which costs more
_FEW_CELLS = 4  # cells of a table of stimuli and repetitions, for each presentation

Numbers = TypeVar("Numbers", float, np.ndarray, xr.DataArray)
T = TypeVar("T", bound=xr.DataArray)


def spearman_brown_correction(correlation: Numbers, n: float = 2) -> Numbers:
    """Predict the reliability of `n` times as many measurements: n r / (1 + (n - 1) r).

    Spearman, C. (1910) Correlation calculated from faulty data. British Journal of Psychology 3, 271-295.
    Brown, W. (1910) Some experimental results in the correlation of mental abilities. Ibid., 296-322.

    Parameters
    ----------
    correlation : float, numpy.ndarray or xarray.DataArray
        Correlation between parts of equal size.
    n : float, default 2
        Number of such parts of the whole; 2 for split halves.

    Returns
    -------
    float, numpy.ndarray or xarray.DataArray
        The same type as `correlation`. Corrected values below -1 are possible, and are not meaningful correlations.

    >>> round(spearman_brown_correction(0.6), 6)
    0.75
    """
    return n * correlation / (1 + (n - 1) * correlation)


def split_half_of_positions(assembly: T, n_splits: int, seed: int, repetition: str, stimulus: str) -> T:
    """Compute `split_half_reliability`, with a result of the class of the array."""
    dim, values, (stimuli, repetitions) = _presentations(assembly, [stimulus, repetition])
    codes, count = _renumber(repetitions.codes)
    if count < 2 or n_splits < 1:
        raise GroupbyError(f"cannot split {count} values of {repetition!r} into halves {n_splits} times")
    reliabilities = split_half_values(values, assembly.get_axis_num(dim), stimuli.codes, codes, n_splits, seed)
    return _on_other_dims(assembly, dim, reliabilities)


def split_half_values(
    values: np.ndarray, axis: int, stimuli: np.ndarray, repetitions: np.ndarray, n_splits: int, seed: int
) -> np.ndarray:
    """Compute `split_half_reliability` of numpy arrays, without copies of the values.

    Parameters
    ----------
    values : numpy.ndarray
        Booleans, integers, float32 or float64.
    axis : int
        The axis of presentations.
    stimuli, repetitions : numpy.ndarray of int
        The numbers of stimulus and repetition of each presentation, from 0; at least two repetitions.
    n_splits, seed : int
        As for `split_half_reliability`.

    Returns
    -------
    numpy.ndarray
        float64, with the axes of `values` except that of presentations.
    """
    codes, count = _renumber(repetitions)
    random = np.random.default_rng(seed)
    in_first = np.stack([random.permutation(count) < count // 2 for _ in range(n_splits)])
    halves = _Halves(*_renumber(stimuli), codes, in_first)
    result = np.empty([1 if number == axis else size for number, size in enumerate(values.shape)])
    for rows, place in tiles(values, result, axis, halves.tile):
        place[:, 0] = _mean_of_defined(spearman_brown_correction(_correlation(*halves.means(rows))))
    return result.squeeze(axis)


def _renumber(codes: np.ndarray) -> tuple[np.ndarray, int]:
    """Renumber codes without gaps, in the same order; return them and their count."""
    occurs = np.bincount(codes) > 0
    return (np.cumsum(occurs) - 1)[codes], int(occurs.sum())


class _Halves:
    """Means by stimulus in both halves of every split."""

    def __init__(self, stimuli: np.ndarray, stimulus_count: int, repetitions: np.ndarray, in_first: np.ndarray) -> None:
        self._shape = (stimulus_count, in_first.shape[1])
        cells = stimulus_count * in_first.shape[1]
        if cells <= _FEW_CELLS * len(stimuli):
            self._cells = GroupNumbers(stimuli * in_first.shape[1] + repetitions, cells)
            self._splits: list[GroupNumbers] = []
            self._weights = np.concatenate([in_first, ~in_first]).T.astype(float, order="C")
            self._step = max(1, _PRODUCT // self._weights.size)
        else:  # stimuli have few of the repetitions: a table of all would be larger than the data
            self._cells = GroupNumbers(stimuli, stimulus_count)
            self._splits = [GroupNumbers(stimuli * 2 + first[repetitions], 2 * stimulus_count) for first in in_first]
        self.tile = self._cells.tile
        self._counts = self._sums(np.ones((1, len(stimuli))))

    def means(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the means of first and second halves, (row, split, stimulus); NaN if a half has no value."""
        counts = self._counts
        missing = np.isnan(rows)
        if missing.any():
            counts = self._sums((~missing).astype(float))
            rows = np.where(missing, 0, rows)
        with np.errstate(invalid="ignore", divide="ignore"):
            first, second = self._sums(rows) / np.where(counts > 0, counts, np.nan)
        return first, second

    def _sums(self, rows: np.ndarray) -> np.ndarray:
        """Return sums by half: (half, row, split, stimulus)."""
        if self._splits:
            sums = np.stack([numbers.sum(rows) for numbers in self._splits], axis=1)
            by_half = sums.reshape(*sums.shape[:2], -1, 2)
            return np.stack([by_half[..., 1], by_half[..., 0]])
        table = self._cells.sum(rows).reshape(-1, self._shape[1])
        parts = (table[start : start + self._step] for start in range(0, len(table), self._step))
        sums = np.concatenate([part @ self._weights for part in parts])
        return np.moveaxis(sums.reshape(len(rows), self._shape[0], 2, -1), [2, 3], [0, 2])


def _presentations(assembly: xr.DataArray, names: Sequence[str]) -> tuple[Hashable, np.ndarray, list[Level]]:
    """Return the dimension of coordinates, and values and levels of the presentations that have all of them."""
    grouped = group_by_levels(assembly, names)  # raises errors for unsuitable names
    if not can_reduce(assembly.values):
        raise GroupbyError(f"expected booleans, integers or floats, found values of dtype {assembly.dtype}")
    levels = levels_of(assembly, names)
    has_all = np.all([level.codes >= 0 for level in levels], axis=0)
    if has_all.all():
        return grouped.dim, assembly.values, levels
    positions = np.flatnonzero(has_all)
    values = np.take(assembly.values, positions, axis=assembly.get_axis_num(grouped.dim))
    return grouped.dim, values, [level.at(positions) for level in levels]


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlate along the last axis, without positions where either is missing; NaN if undefined."""
    missing = np.isnan(first) | np.isnan(second)
    count = (~missing).sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        centered = []
        for values in (first, second):
            present = np.where(missing, 0, values)
            centered.append(np.where(missing, 0, values - present.sum(axis=-1, keepdims=True) / count))
        x, y = centered
        covariance = np.sum(x * y, axis=-1)
        correlation = covariance / np.sqrt(np.sum(x * x, axis=-1) * np.sum(y * y, axis=-1))
    return np.clip(correlation, -1, 1)


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Average over the last axis, without NaN."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0).sum(axis=-1) / defined.sum(axis=-1)


def _on_other_dims(assembly: T, dim: Hashable, values: np.ndarray) -> T:
    coords = {name: variable for name, variable in coords_of(assembly).items() if dim not in variable.dims}
    indexes = {name: index for name, index in indexes_of(assembly).items() if name in coords}
    variable = xr.Variable([d for d in assembly.dims if d != dim], values, assembly.attrs)
    return replace_parts(assembly, variable, coords, indexes)
