"""Summaries of columns and coordinates: kind, number of distinct values, range, most common values.

Runtime is bounded: values of columns with more than a million rows are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.views.rendering import format_value
from brainio.xarray_compat import stored_values

if TYPE_CHECKING:
    import xarray as xr

_MAX_ROWS = 1_000_000
_MAX_COMMON = 4
_INFERENCE_ROWS = 1000  # values that determine the kind of an object column
_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "date", "m": "duration", "c": "complex"}
_INFERRED = {"string": "text", "empty": "none", "floating": "number", "mixed-integer-float": "number"}


class ColumnSummary(NamedTuple):
    """A summary of a column: `distinct` is None if values were not counted, `common` has values with their counts."""

    kind: str
    distinct: int | None = None
    missing: int = 0
    range: str = ""
    common: tuple[tuple[str, int], ...] = ()


class CodedColumn(NamedTuple):
    """A column as distinct values and the index of each row's value in them (-1 if missing)."""

    values: pd.Index
    codes: np.ndarray

    def counts(self) -> np.ndarray:
        """Count the occurrences of each of `values`."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))


def encode_column(column: Any) -> CodedColumn | None:
    """Encode a column; None if its values cannot be hashed or are too many."""
    if len(column) > _MAX_ROWS:
        return None
    try:
        codes, values = pd.factorize(column)
    except (TypeError, ValueError, NotImplementedError):  # lists, for example
        return None
    return CodedColumn(pd.Index(values), codes)


def encode_coordinate(array: xr.DataArray, name: Any) -> CodedColumn | None:
    """Encode a coordinate, reusing the codes of a multi-index level."""
    index = array.xindexes[name].to_pandas_index() if name in array.xindexes else None
    if isinstance(index, pd.MultiIndex):
        if name not in index.names:
            return None
        number = index.names.index(name)
        return CodedColumn(index.levels[number], np.asarray(index.codes[number]))
    variable = array.coords[name].variable
    in_memory = isinstance(stored_values(variable), np.ndarray) or index is not None
    return encode_column(variable.values) if variable.ndim == 1 and in_memory else None


def summarize_column(column: CodedColumn | None, dtype: Any) -> ColumnSummary:
    """Summarize a column; if it could not be encoded, only by its dtype."""
    if column is None:
        return ColumnSummary(_kind_of_dtype(dtype))
    kind = _kind(column.values)
    if len(column.codes) > _MAX_ROWS:
        return ColumnSummary(kind, range=_range(column.values, kind))
    counts = column.counts()
    used = np.flatnonzero(counts)
    values = column.values if len(used) == len(counts) else column.values[used]
    missing = len(column.codes) - int(counts.sum())
    summary = ColumnSummary(kind, len(used), missing, _range(values, kind) if len(used) > 1 else "")
    if len(used) == 0 or (len(used) > _MAX_COMMON and counts[used].max() == counts[used].min()):
        return summary._replace(range=summary.range or _first_and_last(values))  # all values are equally common
    first = used[np.argsort(-counts[used], kind="stable")[:_MAX_COMMON]]
    return summary._replace(common=tuple((format_value(column.values[code], 40), int(counts[code])) for code in first))


def _kind_of_dtype(dtype: Any) -> str:
    return _KINDS.get(getattr(dtype, "kind", "O"), "other")


def _kind(values: pd.Index) -> str:
    if values.dtype != object:
        return "text" if isinstance(values.dtype, pd.StringDtype) else _kind_of_dtype(values.dtype)
    inferred = pd.api.types.infer_dtype(values[:_INFERENCE_ROWS], skipna=True)
    return _INFERRED.get(inferred, "mixed" if inferred.startswith("mixed") else inferred)


def _first_and_last(values: pd.Index) -> str:
    return f"{format_value(values[0], 40)}, …, {format_value(values[-1], 40)}" if len(values) else ""


def _range(values: pd.Index, kind: str) -> str:
    if kind not in ("integer", "number", "date", "duration") or values.dtype == object or not len(values):
        return ""
    low, high = values.min(), values.max()
    return format_value(low) if low == high else f"{format_value(low)} to {format_value(high)}"
