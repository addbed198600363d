"""What one column or coordinate holds, for a glance: kind, distinct values, range, the most common.

Bounded in time: of columns with more than a million rows only what their distinct values tell is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.views.rendering import shown
from brainio.xarray_compat import stored_values

if TYPE_CHECKING:
    import xarray as xr

_MOST_ROWS = 1_000_000
_COMMON = 4
_LOOKED_AT = 1000  # values of an object column that its kind is judged by
_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "date", "m": "duration", "c": "complex"}
_INFERRED = {"string": "text", "empty": "none", "floating": "number", "mixed-integer-float": "number"}


class Facts(NamedTuple):
    """What a column holds. `distinct` is None where that was not counted; `common` holds values with their counts."""

    kind: str
    distinct: int | None = None
    missing: int = 0
    range: str = ""
    common: tuple[tuple[str, int], ...] = ()


class Coded(NamedTuple):
    """A column as its distinct values, and which of them each row has (-1: missing)."""

    values: pd.Index
    codes: np.ndarray

    def counts(self) -> np.ndarray:
        """Count how often each of `values` occurs."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))


def coded(column: Any) -> Coded | None:
    """Take a column apart; None where its values have no equality or are too many."""
    if len(column) > _MOST_ROWS:
        return None
    try:
        codes, values = pd.factorize(column)
    except (TypeError, ValueError, NotImplementedError):  # lists, for one
        return None
    return Coded(pd.Index(values), codes)


def coded_coordinate(array: xr.DataArray, name: Any) -> Coded | None:
    """Take a coordinate apart: the level of a multi-index holds its codes already."""
    index = array.xindexes[name].to_pandas_index() if name in array.xindexes else None
    if isinstance(index, pd.MultiIndex):
        if name not in index.names:
            return None
        number = index.names.index(name)
        return Coded(index.levels[number], np.asarray(index.codes[number]))
    variable = array.coords[name].variable
    in_memory = isinstance(stored_values(variable), np.ndarray) or index is not None
    return coded(variable.values) if variable.ndim == 1 and in_memory else None


def facts_of(column: Coded | None, dtype: Any) -> Facts:
    """Say what a column holds, of which `dtype` is known in any case."""
    if column is None:
        return Facts(_kind_of_dtype(dtype))
    kind = _kind(column.values)
    if len(column.codes) > _MOST_ROWS:
        return Facts(kind, range=_range(column.values, kind))
    counts = column.counts()
    used = np.flatnonzero(counts)
    values = column.values if len(used) == len(counts) else column.values[used]
    missing = len(column.codes) - int(counts.sum())
    told = Facts(kind, len(used), missing, _range(values, kind) if len(used) > 1 else "")
    if len(used) == 0 or (len(used) > _COMMON and counts[used].max() == counts[used].min()):
        return told._replace(range=told.range or _ends(values))  # equally frequent: none is more common
    first = used[np.argsort(-counts[used], kind="stable")[:_COMMON]]
    return told._replace(common=tuple((shown(column.values[place], 40), int(counts[place])) for place in first))


def _kind_of_dtype(dtype: Any) -> str:
    return _KINDS.get(getattr(dtype, "kind", "O"), "other")


def _kind(values: pd.Index) -> str:
    if values.dtype != object:
        return "text" if isinstance(values.dtype, pd.StringDtype) else _kind_of_dtype(values.dtype)
    inferred = pd.api.types.infer_dtype(values[:_LOOKED_AT], skipna=True)
    return _INFERRED.get(inferred, "mixed" if inferred.startswith("mixed") else inferred)


def _ends(values: pd.Index) -> str:
    return f"{shown(values[0], 40)}, …, {shown(values[-1], 40)}" if len(values) else ""


def _range(values: pd.Index, kind: str) -> str:
    if kind not in ("integer", "number", "date", "duration") or values.dtype == object or not len(values):
        return ""
    low, high = values.min(), values.max()
    return shown(low) if low == high else f"{shown(low)} to {shown(high)}"
