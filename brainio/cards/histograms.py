"""Histograms whose edges are round decimal numbers, the same on every machine. Knows neither cards nor assemblies."""

from __future__ import annotations

import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

_STEPS = (1, 2, 5, 10)  # what a step may begin with
_SMALLEST = -323  # power of ten of a step: floats do not tell edges apart that are closer


def round_edges(low: float, high: float, bins: int, *, whole: bool = False) -> list[float]:
    """Return the edges of about as many bins as are wanted, all of one width, around finite numbers.

    Parameters
    ----------
    low, high : float
        The lowest and the highest number that is to be in a bin.
    bins : int
        How many bins are wanted; there may be half as many, or one more.
    whole : bool, default False
        Whether numbers are integers: edges lie between them then, at .5, and each bin has equally many of them.

    Returns
    -------
    list of float
        Ascending, one more than there are bins.

    Examples
    --------
    >>> round_edges(0.13, 0.98, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> round_edges(3, 6, 20, whole=True)
    [2.5, 3.5, 4.5, 5.5, 6.5]
    """
    bottom, top = Decimal(float(low)), Decimal(float(high))
    step = _step((top - bottom) / bins, bottom)
    step = max(step, Decimal(1)) if whole else step
    first = (bottom / step).to_integral_value(ROUND_FLOOR)
    last = (top / step).to_integral_value(ROUND_FLOOR if whole else ROUND_CEILING)
    last = last + 1 if whole or last == first else last
    shift = Decimal("0.5") if whole else Decimal(0)
    largest = sys.float_info.max
    edges = {
        min(max(float((first + number) * step - shift), -largest), largest) for number in range(int(last - first) + 1)
    }
    return sorted(edges)  # of numbers that hardly differ, floats may not tell all edges apart


def _step(width: Decimal, value: Decimal) -> Decimal:
    """Return the round number that is no less than a width; where that is 0, a tenth of the value or less."""
    if not width:
        return Decimal(1).scaleb(max(value.adjusted() - 1, _SMALLEST)) if value else Decimal(1)
    return next(step for begin in _STEPS if (step := Decimal(begin).scaleb(width.adjusted())) >= width)


def tally(values: np.ndarray, edges: list[float], weights: np.ndarray | None = None) -> list[int]:
    """Count numbers by bin. A bin has its lower edge, the last one both; beyond the edges the outer bins count.

    Examples
    --------
    >>> tally(np.array([0, 0.2, 0.3, 1]), [0, 0.2, 0.4, 1])
    [1, 2, 1]
    """
    places = np.searchsorted(edges, values, side="right") - 1
    counts = np.bincount(np.clip(places, 0, len(edges) - 2), weights=weights, minlength=len(edges) - 1)
    return [int(count) for count in counts]
