"""Integer codes: how a column of values is kept as its distinct values plus one small integer a row.

Plain functions over numpy and pandas; they know neither xarray nor assemblies. All are linear in rows (sorting happens
on distinct values only, or on integers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY_LIMIT = 2**62  # a combined row key stays below this, so that one more level cannot overflow int64 unseen

_NUMBERS = {"integer": np.int64, "floating": np.float64, "mixed-integer-float": np.float64, "boolean": np.bool_}


class Level(NamedTuple):
    """One coordinate: `values` are distinct and sorted (see `factorize_level`), `codes` say which one each row has.

    `codes` is an integer array, -1 where the value is missing; `dtype` is what the coordinate reads back as.
    """

    values: pd.Index
    codes: np.ndarray
    dtype: np.dtype

    def at(self, positions: np.ndarray) -> Level:
        """Give the level for rows that stand at `positions` of this one; -1 is a missing row."""
        codes = np.append(self.codes, self.codes.dtype.type(-1))[positions]  # a plain -1 would make them all int64
        if not (codes < 0).any():
            return Level(self.values, codes, self.dtype)
        if _too_large_for_floats(self.values):
            return Level(self.values.astype(object), codes, np.dtype(object))
        return Level(self.values, codes, _dtype_with_missing(self.dtype))

    def to_numpy(self) -> np.ndarray:
        """Give one value a row, missing ones as NaN (NaT)."""
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
        """Give the distinct values that some row has."""
        used = np.unique(self.codes)
        return self.values[used[used >= 0]]

    def has_any(self, wanted: np.ndarray) -> np.ndarray:
        """Tell for each row whether its value is one of `wanted`; a missing value in `wanted` matches missing rows."""
        if self.values.dtype.kind == "f" and wanted.dtype.kind == "f":
            wanted = wanted.astype(self.values.to_numpy().dtype)
        found = self.values.get_indexer(pd.Index(wanted, dtype=object if wanted.dtype.kind in "OUS" else None))
        table = np.zeros(len(self.values) + 1, dtype=bool)  # the last place serves code -1
        table[found[found >= 0]] = True
        table[-1] = bool(pd.isna(wanted).any())
        return table[self.codes]

    def in_slice(self, wanted: slice) -> np.ndarray:
        """Tell for each row whether its value lies in the slice, both ends included."""
        if wanted.start is None and wanted.stop is None:
            return np.ones(len(self.codes), dtype=bool)
        values = self.values.to_numpy()
        table = np.ones(len(values) + 1, dtype=bool)
        table[-1] = False
        if wanted.start is not None:
            table[:-1] &= values >= wanted.start
        if wanted.stop is not None:
            table[:-1] &= values <= wanted.stop
        return table[self.codes]


def factorize_level(values: np.ndarray) -> Level:
    """Encode a one-dimensional array; text becomes object, objects that are all numbers become numbers.

    Distinct values are sorted. Where they do not compare, what is no text comes before text, also within tuples, as in
    pandas; where that does not compare either (dates beside numbers), they stay in the order in which they came.
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
    """Whether integers would become other numbers as floats, which integers beside missing values are otherwise."""
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
    """Tell whether all distinct values compare with each other, and stand in their order."""
    return level.values.dtype != object or bool(level.values.is_monotonic_increasing)


def in_order(level: Level) -> Level:
    """Give the level with its values sorted: those of several types may compare once some have no row any more."""
    if compares(level):
        return level
    codes, distinct = pd.factorize(level.to_numpy())
    return _sorted_level(codes, np.asarray(distinct), level.dtype)


def _index(values: np.ndarray) -> pd.Index:
    return pd.Index(values, dtype=values.dtype)  # a named dtype keeps pandas from turning objects into its `str`


def same_values(first: pd.Index, second: pd.Index) -> bool:
    """Tell whether two levels list the same distinct values in the same order."""
    return first is second or (len(first) == len(second) and first.dtype == second.dtype and first.equals(second))


def union_levels(parts: Sequence[Level]) -> Level:
    """Put the rows of several levels one after the other, over the union of their distinct values."""
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
    """Give one integer a row such that rows of any of the indexes are equal where their integers are.

    All indexes have the same level names; levels are matched by name. A missing value equals a missing value.
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
    """Give the order that sorts rows by the first level, ties by the next, and so on; missing values come last.

    Descending, ties stand in the reverse of their order.
    """
    levels = [in_order(level) for level in levels]
    keys = [np.where(level.codes < 0, len(level.values), level.codes) if ascending else level.codes for level in levels]
    order = np.lexsort(keys[::-1])
    return order if ascending else order[::-1]


class Grouping(NamedTuple):
    """Rows by group: `codes` holds the group number a row, `levels` the values of each of the `size` groups."""

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
