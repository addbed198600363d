"""Statistics of one column of a table, or of one coordinate of an assembly: kind, range, frequent values, histogram.

Accepts arrays of any dtype, and every result can be written as JSON. Tables and assemblies are described elsewhere.
"""

from __future__ import annotations

import datetime
import heapq
import math
import numbers
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainio.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainio.levels import Level

MAX_COLUMNS = 150  # coordinates or columns in one card, so that its file stays small
_MAX_COMMON = 10  # values in `most_common`
_HISTOGRAM_BINS = 20  # approximately
_MAX_TEXT = 120  # characters of a value
_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "date", "m": "duration"}
_STEP_DIGITS = (1, 2, 5, 10)  # leading digits of a bin width
_MIN_STEP_EXPONENT = -323  # floats cannot represent edges that are closer


class ValueCounts:
    """The distinct values of a column with their frequencies.

    Parameters
    ----------
    values : numpy.ndarray or None
        The distinct values; None if they cannot be compared, such as lists in an object column.
    counts : numpy.ndarray
        The frequency of each of `values`.
    missing : int
        The number of rows without a value.
    """

    def __init__(self, values: np.ndarray | None, counts: np.ndarray, missing: int) -> None:
        self.values, self.counts, self.missing = values, counts, missing

    @cached_property
    def kind(self) -> str:
        """One of text, integer, number, boolean, date, duration, mixed, other, none (all values are missing)."""
        if self.values is None:
            return "other"
        if not len(self.values):
            return "none"
        if self.values.dtype != object:
            return _KINDS.get(self.values.dtype.kind, "other")
        kinds = {_kind_of_value(value) for value in self.values}
        if kinds == {"integer", "number"}:
            return "number"
        return kinds.pop() if len(kinds) == 1 else "mixed"

    def describe(self) -> dict[str, Any]:
        """Return the fields of a card that describe every column; see docs/cards.md."""
        described: dict[str, Any] = {"kind": self.kind, "missing": self.missing}
        if self.values is None or self.kind == "other":
            return described
        described["distinct"] = len(self.values)
        if self.kind in ("integer", "number", "date", "duration"):
            described |= self._range()
        is_informative = len(self.values) <= _MAX_COMMON or self.counts.min() < self.counts.max()
        return described | (
            {"most_common": self.most_common(_MAX_COMMON)} if is_informative and len(self.values) else {}
        )

    def most_common(self, limit: int) -> list[dict[str, Any]]:
        """Return the most frequent values with their counts; values of equal frequency are sorted."""
        if self.values is None:
            return []
        pairs = zip(self.values, self.counts.tolist(), strict=True)
        common = heapq.nsmallest(limit, pairs, key=lambda pair: (-pair[1], _sort_key(pair[0])))
        return [{"value": to_json_value(value), "count": count} for value, count in common]

    def histogram(self) -> dict[str, Any]:
        """Return the field `histogram` of a card; empty unless the column has more than ten distinct finite numbers."""
        if self.values is None or self.kind not in ("integer", "number"):
            return {}
        floats = np.array([_to_float(value) for value in self.values])
        is_finite = np.isfinite(floats)
        if is_finite.sum() <= _MAX_COMMON:
            return {}
        finite = floats[is_finite]
        edges = bin_edges(finite.min(), finite.max(), _HISTOGRAM_BINS, integers=self.kind == "integer")
        return {"histogram": {"edges": edges, "counts": count_by_bin(finite, edges, self.counts[is_finite])}}

    def _range(self) -> dict[str, Any]:
        if self.values is None:
            return {}
        if self.values.dtype != object:  # Python objects would take four times the memory
            finite_values = self.values if self.values.dtype.kind in "mM" else self.values[np.isfinite(self.values)]
            limits = [finite_values.min(), finite_values.max()] if len(finite_values) else []
            return dict(zip(("minimum", "maximum"), map(to_json_value, limits), strict=False))
        finite = [value for value in self.values if _is_finite(value)]
        try:
            return {"minimum": to_json_value(min(finite)), "maximum": to_json_value(max(finite))} if finite else {}
        except TypeError:  # dates with and without a time zone cannot be compared
            return {}


class Column(ValueCounts):
    """A factorized column: its distinct values, and for each row the position of its value (`codes`, -1: missing)."""

    def __init__(self, values: np.ndarray | None, codes: np.ndarray) -> None:
        counts = np.bincount(codes[codes >= 0], minlength=0 if values is None else len(values))
        super().__init__(values, counts, int((codes < 0).sum()))
        self.codes = codes


def merge_counts(columns: Iterable[Column]) -> ValueCounts:
    """Merge the counts of columns of one dtype, such as the blocks of an array, without keeping their rows."""
    counts: dict[Any, int] = {}
    missing, dtype, is_comparable = 0, np.dtype(object), True
    for column in columns:
        missing += column.missing
        if column.values is None:
            is_comparable = False
            continue
        dtype = column.values.dtype
        for value, count in zip(column.values, column.counts.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + count
    values = np.empty(len(counts), dtype=dtype)
    values[:] = list(counts)
    return ValueCounts(values if is_comparable else None, np.array(list(counts.values()), dtype=np.intp), missing)


def factorize_column(values: Any) -> Column:
    """Factorize an array of any dtype and shape; several dimensions are flattened.

    Examples
    --------
    >>> factorize_column(["IT", "V4", None, "IT"]).describe()["most_common"]
    [{'value': 'IT', 'count': 2}, {'value': 'V4', 'count': 1}]
    """
    flat = _to_supported_dtype(np.asarray(values).ravel())
    if flat.dtype.kind in "mM":
        codes, distinct = pd.factorize(flat.view(np.int64))
        distinct = distinct.view(flat.dtype)
        return _drop_missing(codes, distinct, np.isnat(distinct))
    if flat.dtype.kind not in "biufO":
        return _column_without_values(flat)
    try:
        codes, distinct = pd.factorize(flat)
    except (TypeError, ValueError):  # values that are not hashable, or define their own equality
        return _column_without_values(flat)
    return Column(np.asarray(distinct), codes)


def factorize_level(level: Level) -> Column:
    """Return the column of an index level, which is factorized already, without its unused values."""
    is_used = np.bincount(level.codes[level.codes >= 0], minlength=len(level.values)) > 0
    new_codes = np.append(np.cumsum(is_used) - 1, -1).astype(np.int32)  # int32 halves the memory of millions of rows
    return Column(level.values.to_numpy()[is_used], new_codes[level.codes])


def bin_edges(low: float, high: float, bins: int, *, integers: bool = False) -> list[float]:
    """Return the edges of bins of equal width that cover a range of finite numbers.

    Edges are round decimal numbers, and therefore the same on every machine.

    Parameters
    ----------
    low, high : float
        The smallest and the largest number to cover.
    bins : int
        The approximate number of bins: the result may have half as many, or one more.
    integers : bool, default False
        Whether the numbers are integers. Edges then fall halfway between integers, and every bin covers equally many.

    Returns
    -------
    list of float
        Ascending edges, one more than there are bins.

    Examples
    --------
    >>> bin_edges(0.13, 0.98, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> bin_edges(3, 6, 20, integers=True)
    [2.5, 3.5, 4.5, 5.5, 6.5]
    """
    bottom, top = Decimal(float(low)), Decimal(float(high))
    step = _round_step((top - bottom) / bins, bottom)
    step = max(step, Decimal(1)) if integers else step
    first = (bottom / step).to_integral_value(ROUND_FLOOR)
    last = (top / step).to_integral_value(ROUND_FLOOR if integers else ROUND_CEILING)
    last = last + 1 if integers or last == first else last
    shift = Decimal("0.5") if integers else Decimal(0)
    largest = sys.float_info.max
    edges = {
        min(max(float((first + number) * step - shift), -largest), largest) for number in range(int(last - first) + 1)
    }
    return sorted(edges)  # adjacent edges of an extremely narrow range may be the same float


def count_by_bin(values: np.ndarray, edges: list[float], weights: np.ndarray | None = None) -> list[int]:
    """Count numbers by bin.

    A bin includes its lower edge, and the last bin both edges. Numbers beyond the edges count in the outer bins.

    Examples
    --------
    >>> count_by_bin(np.array([0, 0.2, 0.3, 1]), [0, 0.2, 0.4, 1])
    [1, 2, 1]
    """
    positions = np.searchsorted(edges, values, side="right") - 1
    counts = np.bincount(np.clip(positions, 0, len(edges) - 2), weights=weights, minlength=len(edges) - 1)
    return [int(count) for count in counts]


def to_json_value(value: Any) -> Any:
    """Convert a value to a boolean, number or text that JSON can represent.

    Examples
    --------
    >>> to_json_value(np.float32(0.1)), to_json_value(float("inf")), to_json_value(np.datetime64("2026-11-22"))
    (0.1, 'inf', '2026-11-22')
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, str | np.datetime64 | np.timedelta64 | datetime.timedelta):
        return clean_text(value)
    if isinstance(value, int | np.integer):  # after numpy's durations, which are integers, too
        return int(value)
    if isinstance(value, float | np.floating):
        return float(str(value)) if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return clean_text(value.decode(errors="replace"))
    if isinstance(value, tuple):
        return clean_text(str([to_json_value(part) for part in value]))
    return f"<{type(value).__name__}>"  # its text may contain a memory address, which differs between runs


def clean_text(value: Any, max_length: int = _MAX_TEXT) -> str:
    """Return the text of a value, encodable as UTF-8 and truncated to a number of characters."""
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return shorten(text, max_length)


def round_significant(value: float) -> float | None:
    """Round to six significant digits, so that all machines compute the same card; None if `value` is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _round_step(width: Decimal, value: Decimal) -> Decimal:
    """Return the smallest round number that is at least `width`; if that is 0, at most a tenth of `value`."""
    if not width:
        return Decimal(1).scaleb(max(value.adjusted() - 1, _MIN_STEP_EXPONENT)) if value else Decimal(1)
    return next(step for digit in _STEP_DIGITS if (step := Decimal(digit).scaleb(width.adjusted())) >= width)


def _to_supported_dtype(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "S":
        return np.array([value.decode(errors="replace") for value in values], dtype=object)
    if values.dtype.kind in "UT":
        return values.astype(object)
    if values.dtype.kind == "f" and values.dtype.itemsize not in (4, 8):  # pandas supports no other sizes
        with np.errstate(over="ignore"):
            return values.astype(np.float64)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _drop_missing(codes: np.ndarray, distinct: np.ndarray, is_missing: np.ndarray) -> Column:
    new_codes = np.where(is_missing, -1, np.cumsum(~is_missing) - 1)
    return Column(distinct[~is_missing], new_codes[codes])


def _column_without_values(values: np.ndarray) -> Column:
    """Return a column of values that cannot be compared: its codes only distinguish missing from other rows."""
    if values.dtype.kind == "c":
        missing = np.isnan(values)
    else:
        missing = np.array([value is None or value is pd.NA or value is pd.NaT for value in values], dtype=bool)
    return Column(None, -missing.astype(np.intp))


def _kind_of_value(value: Any) -> str:
    kinds: Sequence[tuple[Any, str]] = (
        (bool | np.bool_, "boolean"),
        (datetime.datetime | datetime.date | np.datetime64, "date"),
        (datetime.timedelta | np.timedelta64, "duration"),
        (int | np.integer, "integer"),
        (float | np.floating, "number"),
        (str | bytes, "text"),
    )
    return next((kind for types, kind in kinds if isinstance(value, types)), "other")


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_finite(value: Any) -> bool:
    return math.isfinite(value) if isinstance(value, float | np.floating) else True


def _sort_key(value: Any) -> tuple[bool, float | int | np.number[Any], str]:
    is_number = isinstance(value, numbers.Real | np.number) and not isinstance(value, np.timedelta64 | complex)
    return (False, value, "") if is_number else (True, 0, str(to_json_value(value)))
