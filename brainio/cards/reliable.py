"""How reliable an assembly is by its repetitions, for a card: a sample of neuroids where there are many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from brainio.assemblies.reductions import can_reduce
from brainio.assemblies.reliability import split_half_values
from brainio.cards.arrays import stimulus_column
from brainio.cards.columns import rounded
from brainio.netcdf.chunks import blocks

if TYPE_CHECKING:
    from collections.abc import Hashable

    import xarray as xr

    from brainio.cards.arrays import Columns
    from brainio.cards.columns import Column

_MOST_VALUES = 1 << 24  # values that reliability is computed from
_SPLITS = 10
_SEED = 0
_METHOD = (
    "Split halves of repetitions, Pearson's correlation over stimuli of the mean responses, Spearman-Brown corrected, "
    "averaged over splits; of each neuroid and time bin by itself."
)


class Reliability(NamedTuple):
    """The split-half reliability of a sample of places, NaN where it is not defined.

    `sampled` says for each dimension which of its positions were taken; `of_each` has all of their combinations.
    """

    of_each: np.ndarray
    sampled: dict[Hashable, np.ndarray]

    def told(self) -> dict[str, Any]:
        """Return what cards tell of it; empty where it is defined nowhere."""
        defined = self.of_each[np.isfinite(self.of_each)]
        if not len(defined):
            return {}
        low, median, high = (rounded(float(one)) for one in np.quantile(defined, [0.25, 0.5, 0.75]))
        quartiles = {"median": median, "lower_quartile": low, "upper_quartile": high}
        counts = {"computed_for": self.of_each.size, "defined_for": len(defined)}
        return {**quartiles, **counts, "n_splits": _SPLITS, "seed": _SEED, "method": _METHOD}


def reliability_of(array: xr.DataArray, columns: Columns) -> Reliability | None:
    """Compute the split-half reliability of an assembly; None where it is not defined.

    It takes the coordinates `stimulus_id` and `repetition` along one dimension, two values of either, and numbers. No
    more than 17 million values are read, of positions that are spaced evenly over the other dimensions.
    """
    found = _stimuli_and_repetitions(columns)
    if found is None:
        return None
    dim, stimuli, repetitions = found
    if not can_reduce(np.empty(0, array.dtype)) or not array.size:
        return None
    rows = np.flatnonzero((stimuli.codes >= 0) & (repetitions.codes >= 0))
    if len(rows) < 2 or np.ptp(repetitions.codes[rows]) == 0:
        return None
    values, sampled = _sample(array.variable, dim, rows)
    with np.errstate(invalid="ignore", over="ignore"):
        of_each = split_half_values(values, 1, stimuli.codes[rows], repetitions.codes[rows], _SPLITS, _SEED)
    return Reliability(of_each.reshape([len(positions) for positions in sampled.values()]), sampled)


def _stimuli_and_repetitions(columns: Columns) -> tuple[str, Column, Column] | None:
    stimulus = stimulus_column(columns)
    dims, repetitions = columns.get("repetition", ((), None))
    if stimulus is None or repetitions is None or repetitions.values is None or dims != (stimulus[0],):
        return None
    enough = len(repetitions.values) > 1 and len(stimulus[1].counts) > 1
    return (stimulus[0], stimulus[1], repetitions) if enough else None


def _sample(variable: xr.Variable, dim: Hashable, rows: np.ndarray) -> tuple[np.ndarray, dict[Hashable, np.ndarray]]:
    """Read places x rows of a dimension: all other positions, or so many that are spaced evenly as may be read.

    Values are picked from blocks, since reading single positions of a file would decompress its chunks again and again.
    """
    kept = {other: size for other, size in variable.sizes.items() if other != dim}
    length = variable.sizes[dim]
    while (excess := length * math.prod(kept.values()) / _MOST_VALUES) > 1 and max(kept.values(), default=1) > 1:
        largest = max(kept, key=kept.__getitem__)
        kept[largest] = max(1, int(kept[largest] / excess))
    sampled = {other: np.linspace(0, variable.sizes[other] - 1, size).astype(np.intp) for other, size in kept.items()}
    positions = {**sampled, dim: rows}
    order = [variable.get_axis_num(name) for name in positions]
    values = np.empty([len(one) for one in positions.values()], variable.dtype)
    for place, block in blocks(variable):
        picked = [_picked(one, place[axis]) for one, axis in zip(positions.values(), order, strict=True)]
        if all(len(source) for _, source in picked):
            target = tuple(inside for inside, _ in picked)
            values[target] = block.transpose(order)[np.ix_(*(source for _, source in picked))]
    return values.reshape(-1, len(rows)), sampled


def _picked(positions: np.ndarray, part: slice) -> tuple[slice, np.ndarray]:
    """Return which of some ascending positions lie in a part of a dimension, and where they are in that part."""
    first = part.start or 0
    inside = slice(*np.searchsorted(positions, [first, np.inf if part.stop is None else part.stop]).tolist())
    return inside, positions[inside] - first
