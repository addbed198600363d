"""Column types: describe columns, coordinates and values as they would be stored, for a preview before publishing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainio.assemblies import flatten_index
from brainio.cards.columns import factorize_column, to_json_value
from brainio.netcdf.chunks import iter_blocks
from brainio.stimuli.columns import ColumnFault, column_values
from brainio.text import shortened

if TYPE_CHECKING:
    import xarray as xr

    from brainio.stimuli import StimulusSet

_EXAMPLES = 3
_MAX_LENGTH = 20  # characters of an example


def describe_columns(data: StimulusSet | xr.DataArray) -> list[dict[str, Any]]:
    """Describe the columns of a stimulus set, or the values and coordinates of an assembly.

    Parameters
    ----------
    data : StimulusSet or xarray.DataArray
        Lazy values are read once, block by block.

    Returns
    -------
    list of dict
        The keys are `column` (the name), `of` (the dimensions, or `values`), `type` (such as `'text'` or `'int64'`),
        `distinct` and `missing` (counts; `distinct` is None for values), and `examples` (the first distinct values).

    Examples
    --------
    >>> from brainio.stimuli import StimulusSet
    >>> described = describe_columns(StimulusSet({"stimulus_id": ["007", "008"], "depth": [1.5, None]}))
    >>> [(column["column"], column["type"], column["missing"], column["examples"]) for column in described]
    [('stimulus_id', 'text', 0, ["'007'", "'008'"]), ('depth', 'float64', 1, ['1.5'])]
    """
    if isinstance(data, pd.DataFrame):
        return [_stimulus_column(str(name), column) for name, column in data.items()]
    flat = flatten_index(data)
    coords = [_column(str(name), ", ".join(map(str, coord.dims)), coord.values) for name, coord in flat.coords.items()]
    return [_values(flat), *coords]


def _stimulus_column(name: str, column: pd.Series) -> dict[str, Any]:
    converted = column_values(name, column)
    stored = column if isinstance(converted, ColumnFault) else converted.loaded()
    if isinstance(stored.dtype, np.dtype):
        return _column(name, "stimulus", stored.to_numpy())
    return _column(name, "stimulus", stored.to_numpy(dtype=object)) | {"type": str(stored.dtype)}


def _column(name: str, subject: str, values: np.ndarray) -> dict[str, Any]:
    column = factorize_column(values)
    distinct = None if column.values is None else len(column.values)
    examples = [] if column.values is None else list(map(_format_value, column.values[:_EXAMPLES]))
    is_plain = values.dtype.kind in "biufmM"
    kind = str(values.dtype) if is_plain else "no value" if column.kind == "none" else column.kind
    return {
        "column": name,
        "of": subject,
        "type": kind,
        "distinct": distinct,
        "missing": column.missing,
        "examples": examples,
    }


def _values(array: xr.DataArray) -> dict[str, Any]:
    missing = 0
    kinds: set[str] = set()
    examples: list[str] = []
    for _, block in iter_blocks(array.variable):
        missing += int(np.asarray(pd.isna(block)).sum())
        if block.dtype.kind not in "biufcmM":
            kinds.add(factorize_column(block).kind)
        if len(examples) < _EXAMPLES:
            flat = block.ravel()[: 100 * _EXAMPLES]
            examples += list(dict.fromkeys(map(_format_value, flat[~pd.isna(flat)].tolist())))
    kinds -= {"none"} if len(kinds) > 1 else set()
    kind = " and ".join(sorted(kinds)) or str(array.dtype)
    name = str(array.name) if array.name is not None else "data"
    values = {"type": kind, "distinct": None, "missing": missing, "examples": examples[:_EXAMPLES]}
    return {"column": name, "of": "values", **values}


def _format_value(value: Any) -> str:
    """Format a value so that text and numbers look different."""
    return shortened(repr(value), _MAX_LENGTH) if isinstance(value, str) else str(to_json_value(value))
