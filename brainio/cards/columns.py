"""What one column of a table, or one coordinate of an assembly, holds: its kind, range and most common values.

Takes arrays of any dtype; whatever they hold, the answer can be written as JSON. Knows neither tables nor assemblies.
"""

from __future__ import annotations

import datetime
import heapq
import math
import numbers
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainio.cards.histograms import round_edges, tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainio.levels import Level

MOST_LISTED = 150  # coordinates or columns of one card, which stays a small file
_COMMON = 10  # values that `most_common` names
_BINS = 20  # of a histogram, about
_TEXT = 120  # characters of a value that are shown
_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "date", "m": "duration"}


class Distinct:
    """The distinct values of a column, and how often each occurs.

    Parameters
    ----------
    values : numpy.ndarray or None
        None where they cannot be told apart, such as lists in an object column.
    counts : numpy.ndarray
        How often each of `values` occurs.
    missing : int
        How many rows have no value.
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
        kinds = {_kind_of(value) for value in self.values}
        if kinds == {"integer", "number"}:
            return "number"
        return kinds.pop() if len(kinds) == 1 else "mixed"

    def describe(self) -> dict[str, Any]:
        """Return the fields of a card that every column has; see docs/cards.md."""
        described: dict[str, Any] = {"kind": self.kind, "missing": self.missing}
        if self.values is None or self.kind == "other":
            return described
        described["distinct"] = len(self.values)
        if self.kind in ("integer", "number", "date", "duration"):
            described |= self._range()
        tells = len(self.values) <= _COMMON or self.counts.min() < self.counts.max()
        return described | ({"most_common": self.tally(_COMMON)} if tells and len(self.values) else {})

    def tally(self, most: int) -> list[dict[str, Any]]:
        """Return the most frequent values with their counts; equally frequent ones in their own order."""
        if self.values is None:
            return []
        pairs = zip(self.values, self.counts.tolist(), strict=True)
        common = heapq.nsmallest(most, pairs, key=lambda pair: (-pair[1], _order(pair[0])))
        return [{"value": json_value(value), "count": count} for value, count in common]

    def histogram(self) -> dict[str, Any]:
        """Return how many rows have numbers of which size; empty of few distinct ones, and of what is no number."""
        if self.values is None or self.kind not in ("integer", "number"):
            return {}
        floats = np.array([_float(value) for value in self.values])
        finite = np.isfinite(floats)
        if finite.sum() <= _COMMON:
            return {}
        found = floats[finite]
        edges = round_edges(found.min(), found.max(), _BINS, whole=self.kind == "integer")
        return {"histogram": {"edges": edges, "counts": tally(found, edges, self.counts[finite])}}

    def _range(self) -> dict[str, Any]:
        if self.values is None:
            return {}
        if self.values.dtype != object:  # not as Python's numbers, which take four times the memory
            finite_values = self.values if self.values.dtype.kind in "mM" else self.values[np.isfinite(self.values)]
            edges = [finite_values.min(), finite_values.max()] if len(finite_values) else []
            return dict(zip(("minimum", "maximum"), map(json_value, edges), strict=False))
        finite = [value for value in self.values if _is_finite(value)]
        try:
            return {"minimum": json_value(min(finite)), "maximum": json_value(max(finite))} if finite else {}
        except TypeError:  # dates with and without a time zone do not compare
            return {}


class Column(Distinct):
    """A column as its distinct values, and which of them each row has (`codes`, -1: missing)."""

    def __init__(self, values: np.ndarray | None, codes: np.ndarray) -> None:
        counts = np.bincount(codes[codes >= 0], minlength=0 if values is None else len(values))
        super().__init__(values, counts, int((codes < 0).sum()))
        self.codes = codes


def merge_columns(parts: Iterable[Column]) -> Distinct:
    """Merge columns of one dtype, such as the blocks of an array; no row is held."""
    counts: dict[Any, int] = {}
    missing, dtype, is_known = 0, np.dtype(object), True
    for part in parts:
        missing += part.missing
        if part.values is None:
            is_known = False
            continue
        dtype = part.values.dtype
        for value, count in zip(part.values, part.counts.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + count
    values = np.empty(len(counts), dtype=dtype)
    values[:] = list(counts)
    return Distinct(values if is_known else None, np.array(list(counts.values()), dtype=np.intp), missing)


def column_of(values: Any) -> Column:
    """Take a column apart, of any dtype and shape; several dimensions are taken as one.

    Examples
    --------
    >>> column_of(["IT", "V4", None, "IT"]).describe()["most_common"]
    [{'value': 'IT', 'count': 2}, {'value': 'V4', 'count': 1}]
    """
    flat = _plain(np.asarray(values).ravel())
    if flat.dtype.kind in "mM":
        codes, distinct = pd.factorize(flat.view(np.int64))
        distinct = distinct.view(flat.dtype)
        return _without_missing(codes, distinct, np.isnat(distinct))
    if flat.dtype.kind not in "biufO":
        return _apart(flat)
    try:
        codes, distinct = pd.factorize(flat)
    except (TypeError, ValueError):  # values without a hash, or with an equality of their own
        return _apart(flat)
    return Column(np.asarray(distinct), codes)


def column_of_level(level: Level) -> Column:
    """Take the column from the level of an index, which holds its distinct values already."""
    used = np.bincount(level.codes[level.codes >= 0], minlength=len(level.values)) > 0
    numbers_of_used = np.append(np.cumsum(used) - 1, -1).astype(np.int32)  # half the memory, of millions of rows
    return Column(level.values.to_numpy()[used], numbers_of_used[level.codes])


def json_value(value: Any) -> Any:
    """Return a value as JSON can have it: a truth value, number or text.

    Examples
    --------
    >>> json_value(np.float32(0.1)), json_value(float("inf")), json_value(np.datetime64("2026-11-22"))
    (0.1, 'inf', '2026-11-22')
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, str | np.datetime64 | np.timedelta64 | datetime.timedelta):
        return sound_text(value)
    if isinstance(value, int | np.integer):  # numpy's durations are integers, too
        return int(value)
    if isinstance(value, float | np.floating):
        return float(str(value)) if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return sound_text(value.decode(errors="replace"))
    if isinstance(value, tuple):
        return sound_text(str([json_value(part) for part in value]))
    return f"<{type(value).__name__}>"  # its text may hold an address in memory, which differs from run to run


def sound_text(value: Any, most: int = _TEXT) -> str:
    """Return a text that UTF-8 can write, cut where it is long."""
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def rounded(value: float) -> float | None:
    """Return a computed number with six digits, the same on every machine; None where it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _plain(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "S":
        return np.array([value.decode(errors="replace") for value in values], dtype=object)
    if values.dtype.kind in "UT":
        return values.astype(object)
    if values.dtype.kind == "f" and values.dtype.itemsize not in (4, 8):  # pandas knows no others
        with np.errstate(over="ignore"):
            return values.astype(np.float64)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _without_missing(codes: np.ndarray, distinct: np.ndarray, missing: np.ndarray) -> Column:
    renumbered = np.where(missing, -1, np.cumsum(~missing) - 1)
    return Column(distinct[~missing], renumbered[codes])


def _apart(values: np.ndarray) -> Column:
    """Give a column whose values stay unknown; only which are missing is told."""
    if values.dtype.kind == "c":
        missing = np.isnan(values)
    else:
        missing = np.array([value is None or value is pd.NA or value is pd.NaT for value in values], dtype=bool)
    return Column(None, -missing.astype(np.intp))


def _kind_of(value: Any) -> str:
    kinds: Sequence[tuple[Any, str]] = (
        (bool | np.bool_, "boolean"),
        (datetime.datetime | datetime.date | np.datetime64, "date"),
        (datetime.timedelta | np.timedelta64, "duration"),
        (int | np.integer, "integer"),
        (float | np.floating, "number"),
        (str | bytes, "text"),
    )
    return next((kind for types, kind in kinds if isinstance(value, types)), "other")


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_finite(value: Any) -> bool:
    return math.isfinite(value) if isinstance(value, float | np.floating) else True


def _order(value: Any) -> tuple[bool, float | int | np.number[Any], str]:
    is_number = isinstance(value, numbers.Real | np.number) and not isinstance(value, np.timedelta64 | complex)
    return (False, value, "") if is_number else (True, 0, str(json_value(value)))
