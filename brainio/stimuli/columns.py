"""Columns of a stimulus set: the values that a typed CSV file can store, and the types that they are loaded with.

No conversion changes a value: for other values, `column_values` returns a fault with the rows and the remedy.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.stimuli.typed_csv import FILENAME, TEXT_COLUMNS
from brainio.text import fault_of_text, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT, INTEGERS, FLOATS, TRUTHS, DATES = "text", "integers", "floats", "True and False", "dates"
MIXED, UNENCODABLE, UNSTORABLE = "mixed", "unencodable", "unstorable"
_PLAIN = frozenset({TEXT, INTEGERS, FLOATS, TRUTHS, DATES})
_NAMED_ROWS = 5
_CONTAINERS = (dict, list, np.ndarray, set, tuple)
_FIX_MIXED = (
    "correct these cells, or convert the whole column: pd.to_numeric(column) for numbers, "
    "column.map(str, na_action='ignore') for text"
)
_FIX_DATES = "convert the column with pd.to_datetime(column)"
_FIX_PARTS = "create a column for each part, or convert each value to text: column.map(json.dumps, na_action='ignore')"
_FIX_OTHERS = "convert the column to numbers or text, for text with column.map(str, na_action='ignore')"
_FIX_CATEGORIES = "store the values with column.astype(object); categories and their order are not stored"
_FIX_NO_DATES = "drop the column, or convert it to text"


class ColumnValues(NamedTuple):
    """The values of a column that a typed CSV file can store.

    Attributes
    ----------
    kind : str
        `TEXT`, `INTEGERS`, `FLOATS`, `TRUTHS` or `DATES`.
    values : numpy.ndarray
        Of object dtype (text), int64, uint64, float64, bool or datetime64; arbitrary where a value is missing.
    is_missing : numpy.ndarray
        Mask of missing values.
    """

    kind: str
    values: np.ndarray
    is_missing: np.ndarray

    def to_series(self) -> pd.Series:
        """Return the column in the form in which it is loaded."""
        if self.kind in (FLOATS, DATES) or not (self.is_missing.any() or self.kind == TEXT):
            return pd.Series(self.values)
        if self.kind == INTEGERS:
            dtype = "UInt64" if self.values.dtype.kind == "u" else "Int64"
            return pd.Series(self.values).astype(dtype).mask(self.is_missing)  # type: ignore[call-overload]
        return pd.Series(np.where(self.is_missing, np.nan, self.values.astype(object)), dtype=object)

    def __str__(self) -> str:
        """Describe type and missing values."""
        count = int(self.is_missing.sum())
        if count == len(self.values):
            return f"{self.kind}, all missing" if count else self.kind
        return f"{self.kind}, {count:,} missing" if count else self.kind


class ColumnFault(NamedTuple):
    """The reason why a typed CSV file cannot store a column.

    Attributes
    ----------
    kind : str
        `MIXED`: values of several types; `UNENCODABLE`: text that UTF-8 cannot encode; `UNSTORABLE`: another type.
    rows : sequence of int
        Positions of the rows at fault; empty if the type of the column is the fault.
    found, expected, fix : str
        Parts of a message.
    """

    kind: str
    rows: Sequence[int]
    found: str
    expected: str
    fix: str

    def in_rows(self, row_names: Sequence[str]) -> str:
        """Describe the values at fault, with the names of the first rows."""
        if not self.rows:
            return self.found
        more = f" and {len(self.rows) - _NAMED_ROWS:,} more" if len(self.rows) > _NAMED_ROWS else ""
        return f"{self.found} ({', '.join(row_names[row] for row in self.rows[:_NAMED_ROWS])}{more})"


def column_values(name: str, column: pd.Series) -> ColumnValues | ColumnFault:
    """Return the values of a column in a typed CSV file, or the reason why it cannot store them.

    Parameters
    ----------
    name : str
        Name of the column: `stimulus_id`, `image_id` and `filename` are text, and integers in them become text.
    column : pandas.Series
        A column of any type.

    Examples
    --------
    >>> str(column_values("n", pd.Series([1, None, 3], dtype=object)))
    'integers, 1 missing'
    >>> column_values("rt", pd.Series([0.5, "timeout"])).found
    "1 of 2 values is text among numbers: 'timeout'"
    """
    dense = _dense(column)
    if isinstance(dense, ColumnFault):
        return dense
    column = dense
    if isinstance(column.dtype, np.dtype) and column.dtype.kind != "O":
        found = _check_numpy(column.to_numpy())
    elif hasattr(column.dtype, "numpy_dtype") and column.dtype.kind in "iufb":
        found = _check_nullable(column)
    else:
        found = _check_objects(column.to_numpy(dtype=object))
    return _as_key(name, found) if name in TEXT_COLUMNS and isinstance(found, ColumnValues) else found


def _dense(column: pd.Series) -> pd.Series | ColumnFault:
    """Return the values of categories, or the fault of types that a CSV file cannot express."""
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        unused = len(dtype.categories) - column.cat.remove_unused_categories().cat.categories.size
        if dtype.ordered or unused:
            found = "ordered categories" if dtype.ordered else f"categories, {unused} of them unused"
            return ColumnFault(UNSTORABLE, [], found, "text, numbers, True and False, or dates", _FIX_CATEGORIES)
        return column.astype(dtype.categories.dtype if not column.hasnans else object)
    if isinstance(dtype, pd.DatetimeTZDtype):
        fix = "convert it to UTC without a zone: column.dt.tz_convert('UTC').dt.tz_localize(None)"
        return ColumnFault(UNSTORABLE, [], f"dates with the time zone {dtype.tz}", "dates without a time zone", fix)
    if isinstance(dtype, pd.SparseDtype):
        return ColumnFault(UNSTORABLE, [], str(dtype), "a dense column", "convert it with column.sparse.to_dense()")
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype) or dtype.kind in "mcSV":
        fix = {
            "m": "convert it to numbers of a unit, such as column / pd.Timedelta('1ms')",
            "c": "create one column for the real part, and one for the imaginary part",
            "S": "decode it with column.str.decode('utf-8')",
        }.get(dtype.kind, "convert it to text with column.astype(str)")
        return ColumnFault(UNSTORABLE, [], str(dtype), "text, numbers, True and False, or dates", fix)
    return column


def _check_numpy(values: np.ndarray) -> ColumnValues | ColumnFault:
    nothing_missing = np.zeros(len(values), dtype=bool)
    if values.dtype.kind == "b":
        return ColumnValues(TRUTHS, values, nothing_missing)
    if values.dtype.kind in "iu":
        large = values.dtype.kind == "u" and bool((values > np.iinfo(np.int64).max).any())
        return ColumnValues(INTEGERS, values.astype(np.uint64 if large else np.int64), nothing_missing)
    if values.dtype.kind == "M":
        return _check_dates(values)
    exact = values.astype(np.float64)
    changed = np.flatnonzero((exact != values) & ~np.isnan(values))
    if changed.size:
        found = f"{changed.size:,} of {len(values):,} values need more than float64"
        return ColumnFault(UNSTORABLE, changed.tolist(), found, "float64", "round them with column.astype('float64')")
    return ColumnValues(FLOATS, exact, np.isnan(exact))


def _check_dates(values: np.ndarray) -> ColumnValues | ColumnFault:
    is_missing = np.isnat(values)
    if len(values) and is_missing.all():
        return ColumnFault(UNSTORABLE, [], "dates, all of them missing", "a date in at least one row", _FIX_NO_DATES)
    years = values.astype("datetime64[Y]").astype(np.int64) + 1970
    outside = np.flatnonzero(~is_missing & ((years < 1) | (years > 9999)))
    if outside.size:
        found = f"the year {years[outside[0]]}"
        return ColumnFault(
            UNSTORABLE, outside.tolist(), found, "years from 1 to 9999", "convert the column to numbers or text"
        )
    return ColumnValues(DATES, values, is_missing)


def _check_nullable(column: pd.Series) -> ColumnValues | ColumnFault:
    """Return the values of a column of a nullable type of pandas (Int64, Float64, boolean)."""
    dtype: Any = column.dtype
    is_missing = column.isna().to_numpy()
    if not is_missing.any():
        return _check_numpy(column.to_numpy(dtype=dtype.numpy_dtype))
    if is_missing.all() and dtype.kind in "iu":
        fix = "drop the column, or convert it with column.astype('float64')"
        return ColumnFault(UNSTORABLE, [], f"{dtype}, all of them missing", "a value in at least one row", fix)
    if dtype.kind == "f":
        return _check_numpy(column.to_numpy(dtype=dtype.numpy_dtype, na_value=np.nan))
    found = _check_numpy(column.fillna(False if dtype.kind == "b" else 0).to_numpy(dtype=dtype.numpy_dtype))
    return found._replace(is_missing=is_missing) if isinstance(found, ColumnValues) else found


def _check_objects(values: np.ndarray) -> ColumnValues | ColumnFault:
    is_missing = pd.isna(values)
    present = values[~is_missing]
    kinds = np.array([_kind(value) for value in present.tolist()], dtype=object)
    distinct = set(kinds.tolist())
    rows = np.flatnonzero(~is_missing)
    if distinct <= {TEXT}:
        return _check_texts(values, is_missing)
    if distinct <= {INTEGERS, FLOATS}:
        return _check_numbers(values, is_missing, rows, has_floats=FLOATS in distinct)
    if distinct == {TRUTHS}:
        truths = np.where(is_missing, False, values).astype(bool)
        return ColumnValues(TRUTHS, truths, is_missing)
    if distinct == {DATES}:
        return ColumnFault(
            UNSTORABLE, rows[:1].tolist(), f"{shorten(repr(present[0]))} as object", "dates as datetime64", _FIX_DATES
        )
    others = [row for row, kind in zip(rows.tolist(), kinds.tolist(), strict=True) if kind not in _PLAIN]
    if others:
        value = values[others[0]]
        found = f"{type(value).__name__} {shorten(repr(value))}"
        fix = _FIX_PARTS if isinstance(value, _CONTAINERS) else _FIX_OTHERS
        return ColumnFault(UNSTORABLE, others, found, "one text, number, truth or date in each row", fix)
    return _mixed_types(values, rows, ["numbers" if kind in (INTEGERS, FLOATS) else kind for kind in kinds.tolist()])


def _kind(value: object) -> str:
    if isinstance(value, str):
        return TEXT
    if isinstance(value, bool | np.bool_):
        return TRUTHS
    if isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64):
        return INTEGERS
    if isinstance(value, float | np.floating):
        return FLOATS
    return DATES if isinstance(value, np.datetime64 | date) else type(value).__name__


def _check_texts(values: np.ndarray, is_missing: np.ndarray) -> ColumnValues | ColumnFault:
    texts = [None if missing else str(value) for value, missing in zip(values.tolist(), is_missing, strict=True)]
    bad = [row for row, text in enumerate(texts) if text is not None and fault_of_text(text)]
    if bad:
        found = f"{fault_of_text(str(texts[bad[0]]))} in {shorten(ascii(texts[bad[0]]))}"
        fix = "remove the character, or decode the text correctly"
        return ColumnFault(
            UNENCODABLE, bad, found, "text without NUL characters and lone surrogates, which UTF-8 cannot encode", fix
        )
    return ColumnValues(TEXT, np.array(texts, dtype=object), is_missing)


def _check_numbers(
    values: np.ndarray, is_missing: np.ndarray, rows: np.ndarray, *, has_floats: bool
) -> ColumnValues | ColumnFault:
    numbers: list[Any] = [
        None if missing else value for value, missing in zip(values.tolist(), is_missing, strict=True)
    ]
    if has_floats:
        floats = [np.nan if number is None else _float(number) for number in numbers]
        changed = [row for row in rows.tolist() if floats[row] != numbers[row]]
        if not changed:
            return ColumnValues(FLOATS, np.array(floats), is_missing)
        found = f"{shorten(repr(numbers[changed[0]]))} next to floats"
        return ColumnFault(
            UNSTORABLE,
            changed,
            found,
            "numbers that float64 can represent",
            "convert the column with column.astype('float64')",
        )
    integers = [0 if number is None else int(number) for number in numbers]
    dtype = np.dtype(np.uint64 if max(integers) >= 2**63 else np.int64)
    limits = np.iinfo(dtype)
    outside = [row for row, number in enumerate(integers) if not limits.min <= number <= limits.max]
    if outside:
        found = f"the integer {shorten(str(integers[outside[0]]))}"
        fix = "convert the column to text with column.map(str, na_action='ignore')"
        return ColumnFault(UNSTORABLE, outside, found, f"integers of {dtype}", fix)
    return ColumnValues(INTEGERS, np.array(integers, dtype=dtype), is_missing)


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return np.inf


def _mixed_types(values: np.ndarray, rows: np.ndarray, kinds: list[str]) -> ColumnFault:
    """Describe the values of a minority type."""
    usual = max(dict.fromkeys(kinds), key=kinds.count)
    odd = [row for row, kind in zip(rows.tolist(), kinds, strict=True) if kind != usual]
    odd_kinds = " and ".join(dict.fromkeys(kind for kind in kinds if kind != usual))
    examples = ", ".join(shorten(repr(value)) for value in values[odd[:3]].tolist())
    verb = "is" if len(odd) == 1 else "are"
    found = f"{len(odd):,} of {len(values):,} values {verb} {odd_kinds} among {usual}: {examples}"
    return ColumnFault(MIXED, odd, found, "values of one type", _FIX_MIXED)


def _as_key(name: str, found: ColumnValues) -> ColumnValues | ColumnFault:
    """Convert ids and file names to text: older packages have integers as ids."""
    if found.kind == TEXT:
        return found
    if found.kind != INTEGERS or name == FILENAME:
        fix = "convert the column with column.astype(str)"
        return ColumnFault(UNSTORABLE, [], str(found), "text", fix)
    texts = np.array([str(number) for number in found.values.tolist()], dtype=object)
    return ColumnValues(TEXT, texts, found.is_missing)
