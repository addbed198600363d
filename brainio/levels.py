"""Levels: columns that are stored as sorted distinct values and one integer code per row.

Functions of numpy and pandas, without xarray and assemblies. All take time linear in the number of rows, since only
distinct values, or integers, are sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY_LIMIT = 2**62  # of combined row keys, so that int64 cannot overflow

_NUMBERS = {"integer": np.int64, "floating": np.float64, "mixed-integer-float": np.float64, "boolean": np.bool_}


class Level(NamedTuple):
    """A factorized column.

    Parameters
    ----------
    values : pandas.Index
        Distinct values, sorted as in `factorize_level`.
    codes : numpy.ndarray of int
        Position in `values` for each row; -1 if the value is missing.
    dtype : numpy.dtype
        Type of the values that `to_numpy` returns.
    """

    values: pd.Index
    codes: np.ndarray
    dtype: np.dtype

    def at(self, positions: np.ndarray) -> Level:
        """Return the level of the rows at `positions`; -1 is a missing row."""
        codes = np.append(self.codes, self.codes.dtype.type(-1))[positions]  # a Python -1 would make all codes int64
        if not (codes < 0).any():
            return Level(self.values, codes, self.dtype)
        if _too_large_for_floats(self.values):
            return Level(self.values.astype(object), codes, np.dtype(object))
        return Level(self.values, codes, _dtype_with_missing(self.dtype))

    def to_numpy(self) -> np.ndarray:
        """Return one value per row, NaN (NaT) if it is missing."""
        missing = self.codes < 0
        values = self.values.to_numpy()
        if not missing.any():
            return np.asarray(values[self.codes], dtype=self.dtype)
        absent = np.array("NaT", values.dtype) if values.dtype.kind in "mM" else np.nan
        dtype = self.dtype if self.dtype.kind in "fcmMO" else np.result_type(self.dtype, float)
        rows = np.full(len(self.codes), absent, dtype=object if self.dtype.kind == "b" else dtype)
        rows[~missing] = values[self.codes[~missing]]
        return rows

    def used_values(self) -> pd.Index:
        """Return the distinct values that occur in a row."""
        used = np.unique(self.codes)
        return self.values[used[used >= 0]]

    def has_any(self, targets: np.ndarray) -> np.ndarray:
        """Return a mask of the rows with one of some values; a missing value matches rows with missing values."""
        if self.values.dtype.kind == "f" and targets.dtype.kind == "f":
            targets = targets.astype(self.values.to_numpy().dtype)
        positions = self.values.get_indexer(pd.Index(targets, dtype=object if targets.dtype.kind in "OUS" else None))
        table = np.zeros(len(self.values) + 1, dtype=bool)  # the last element is for the code -1
        table[positions[positions >= 0]] = True
        table[-1] = bool(pd.isna(targets).any())
        return table[self.codes]

    def in_slice(self, bounds: slice) -> np.ndarray:
        """Return a mask of the rows with a value within a slice, both ends included."""
        if bounds.start is None and bounds.stop is None:
            return np.ones(len(self.codes), dtype=bool)
        values = self.values.to_numpy()
        table = np.ones(len(values) + 1, dtype=bool)
        table[-1] = False
        if bounds.start is not None:
            table[:-1] &= values >= bounds.start
        if bounds.stop is not None:
            table[:-1] &= values <= bounds.stop
        return table[self.codes]


def factorize_level(values: np.ndarray) -> Level:
    """Factorize a one-dimensional array; text becomes object, objects that are all numbers become numbers.

    Distinct values are sorted. If they cannot be compared, text comes last, also within tuples, as in pandas; if the
    others cannot be compared either (dates and numbers), values stay in the order of their first occurrence.
    """
    values = np.asarray(values)
    if values.dtype.kind in "UT":
        values = values.astype(object)
    elif values.dtype.kind == "S":
        values = np.array([value.decode() for value in values], dtype=object)
    if values.dtype.kind in "iufc":
        values = values.astype(values.dtype.newbyteorder("="), copy=False)  # pandas refuses the other byte order
    dtype = values.dtype
    if dtype == np.float16:  # pandas has no index of half floats
        values = values.astype(float)
    codes, distinct = pd.factorize(values)
    distinct = np.asarray(distinct)
    if dtype.kind == "O" and (numbers := _as_numbers(distinct)) is not None:
        has_missing = bool((codes < 0).any())
        if not (has_missing and _too_large_for_floats(numbers)):
            distinct, dtype = numbers, _dtype_with_missing(numbers.dtype) if has_missing else numbers.dtype
    return _sorted_level(codes, distinct, dtype)


def _as_numbers(distinct: np.ndarray) -> np.ndarray | None:
    if not len(distinct) or isinstance(distinct[0], str):
        return None
    dtype = _NUMBERS.get(pd.api.types.infer_dtype(distinct, skipna=False))
    try:
        return None if dtype is None else distinct.astype(dtype)
    except OverflowError:  # integers beyond 64 bits
        return None


def _too_large_for_floats(values: pd.Index | np.ndarray) -> bool:
    """Return whether integers change as floats, to which integers with missing values are converted otherwise."""
    return values.dtype.kind in "iu" and len(values) > 0 and max(-int(values.min()), int(values.max())) > 2**53


def _dtype_with_missing(dtype: np.dtype) -> np.dtype:
    return np.dtype({"b": object, "i": float, "u": float}.get(dtype.kind, dtype))


def _sorted_level(codes: np.ndarray, distinct: np.ndarray, dtype: np.dtype) -> Level:
    order = _order(distinct)
    rank = np.empty(len(order) + 1, dtype=np.intp)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    return Level(_index(distinct[order]), rank[codes], dtype)


def _order(distinct: np.ndarray) -> np.ndarray:
    try:
        return np.argsort(distinct, kind="stable")
    except TypeError:
        keys = [_text_last(value) for value in distinct]
    try:
        return np.array(sorted(range(len(keys)), key=keys.__getitem__))
    except TypeError:
        return np.arange(len(keys))


def _text_last(value: Any) -> tuple[bool, Any]:
    return (False, tuple(map(_text_last, value))) if isinstance(value, tuple) else (isinstance(value, str), value)


def compares(level: Level) -> bool:
    """Return whether the distinct values can be compared and are sorted."""
    return level.values.dtype != object or bool(level.values.is_monotonic_increasing)


def in_order(level: Level) -> Level:
    """Return the level with sorted values: those of several types may be comparable once some have no row."""
    if compares(level):
        return level
    codes, distinct = pd.factorize(level.to_numpy())
    return _sorted_level(codes, np.asarray(distinct), level.dtype)


def _index(values: np.ndarray) -> pd.Index:
    return pd.Index(values, dtype=values.dtype)  # without a dtype, pandas would convert objects to its `str`


def same_values(first: pd.Index, second: pd.Index) -> bool:
    """Return whether two levels have the same distinct values in the same order."""
    return first is second or (len(first) == len(second) and first.dtype == second.dtype and first.equals(second))


def union_levels(parts: Sequence[Level]) -> Level:
    """Concatenate the rows of several levels, with the union of their distinct values."""
    dtype = np.result_type(*[part.dtype for part in parts])
    if all(same_values(parts[0].values, part.values) for part in parts[1:]):
        return Level(parts[0].values, np.concatenate([part.codes for part in parts]), dtype)
    as_objects = any(part.values.dtype == object for part in parts)
    values = np.concatenate([part.values.to_numpy(dtype=object if as_objects else None) for part in parts])
    union = factorize_level(values)
    starts = np.cumsum([0] + [len(part.values) for part in parts])
    codes = [
        np.append(union.codes[start : start + len(part.values)], -1)[part.codes]
        for start, part in zip(starts, parts, strict=False)
    ]
    return Level(union.values, np.concatenate(codes), dtype)


def row_keys(indexes: Sequence[pd.MultiIndex]) -> list[np.ndarray]:
    """Return one integer per row of each index, such that rows are equal if and only if their integers are equal.

    Levels are matched by name; all indexes have the same level names. Missing values are equal to each other.
    """
    lengths = [len(index) for index in indexes]
    total = np.zeros(sum(lengths), dtype=np.int64)
    size = 1
    for name in indexes[0].names:
        joined = union_levels([_level_of(index, name) for index in indexes])
        count = len(joined.values) + 1
        if size * count > _KEY_LIMIT:
            total, distinct = pd.factorize(total)
            size = len(distinct)
        total = total * count + (joined.codes + 1)
        size *= count
    return np.split(total, np.cumsum(lengths)[:-1])


def _level_of(index: pd.MultiIndex, name: Any) -> Level:
    number = list(index.names).index(name)
    values = index.levels[number]
    return Level(values, np.asarray(index.codes[number], dtype=np.int64), np.dtype(object))


def lexsort_codes(levels: Sequence[Level], ascending: bool = True) -> np.ndarray:
    """Return the order that sorts rows by the first level, ties by the next, and so on; missing values come last.

    In descending order, ties are reversed.
    """
    levels = [in_order(level) for level in levels]
    keys = [np.where(level.codes < 0, len(level.values), level.codes) if ascending else level.codes for level in levels]
    order = np.lexsort(keys[::-1])
    return order if ascending else order[::-1]


class Grouping(NamedTuple):
    """Rows by group: `codes` has the group of each row, `levels` the values of each of the `size` groups."""

    codes: np.ndarray
    levels: list[Level]
    size: int


def group_rows(levels: Sequence[Level]) -> Grouping:
    """Number the distinct combinations of levels, sorted by the first level first; missing values come last."""
    levels = [in_order(level) for level in levels]
    total = np.zeros(len(levels[0].codes), dtype=np.int64)
    size = 1
    for level in levels:
        count = len(level.values) + 1
        if size * count > _KEY_LIMIT:
            total, distinct = _sorted_factorize(total)
            size = len(distinct)
        total = total * count + np.where(level.codes < 0, count - 1, level.codes)
        size *= count
    codes, distinct = _sorted_factorize(total)
    first_row = np.zeros(len(distinct), dtype=np.intp)
    first_row[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return Grouping(
        codes, [Level(level.values, level.codes[first_row], level.dtype) for level in levels], len(distinct)
    )


def _sorted_factorize(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes, distinct = pd.factorize(keys)
    order = np.argsort(distinct, kind="stable")
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank[codes], np.asarray(distinct)[order]
