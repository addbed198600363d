"""Convert results of scenarios to plain data, so that results with different library versions can be compared.

Ignores the width and the dtype of text, the tuple of all levels of an index (levels are listed one by one), the last
digits of numbers, and the kind of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

ERROR = {"error": True}
_ABSENT = "<absent>"


def plain(value: Any) -> Any:
    """Return data for JSON that describe a value."""
    if isinstance(value, xr.DataArray):
        return _array(value)
    if isinstance(value, pd.DataFrame):
        return _table(value)
    if isinstance(value, pd.Series):
        return {"class": "Series", **_values(value.to_numpy()), "rows": [plain(label) for label in value.index]}
    if isinstance(value, np.ndarray):
        return {"class": "ndarray", "shape": list(value.shape), **_values(value)}
    if isinstance(value, pd.Index):
        return {"class": "Index", "names": [plain(name) for name in value.names], "values": [plain(v) for v in value]}
    if isinstance(value, Mapping):
        return {"mapping": {str(key): plain(entry) for key, entry in value.items()}}
    if isinstance(value, set | frozenset):
        return {"set": sorted(str(entry) for entry in value)}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else value
    if value is pd.NaT or (isinstance(value, np.datetime64 | np.timedelta64) and np.isnat(value)):
        return "<NaT>"
    if isinstance(value, np.datetime64 | pd.Timestamp):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, np.timedelta64 | pd.Timedelta):
        return pd.Timedelta(value).isoformat()
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return _float(value)
    if isinstance(value, complex | np.complexfloating):
        return str(complex(value))
    if isinstance(value, bytes):
        return f"<bytes {value!r}>"
    if isinstance(value, type):
        return f"<class {value.__name__}>"
    if isinstance(value, PurePath):
        return f"<path {value.name}>"
    return f"<{type(value).__name__}>"


def _float(value: Any) -> Any:
    if not np.isfinite(value):
        return {"nan": "<NaN>", "inf": "<inf>", "-inf": "<-inf>"}[str(float(value))]
    digits = 10 if np.asarray(value).dtype.itemsize >= 8 else 6
    return float(f"{float(value):.{digits}g}")


def _values(values: np.ndarray) -> dict[str, Any]:
    entries = [plain(entry) for entry in values.ravel()]
    kind = values.dtype.kind
    is_text = kind in "UT" or (kind == "O" and all(isinstance(entry, str) for entry in values.ravel()))
    names = {"f": f"float{values.dtype.itemsize * 8}", "O": "objects", "i": "int", "u": "uint", "b": "bool"}
    return {"kind": "text" if is_text else names.get(kind, kind), "values": entries}


def _levels(array: xr.DataArray) -> dict[Any, xr.DataArray]:
    """Return all coordinates, with the levels of each multi-index in place of the index."""
    coords: dict[Any, xr.DataArray] = {}
    for name in array.coords:
        coordinate = array.coords[name]
        if coordinate.dims == (name,) and isinstance(index := coordinate.variable.to_index(), pd.MultiIndex):
            coords.update({level: array[level] for level in index.names})
        else:
            coords[name] = coordinate
    return coords


def _array(array: xr.DataArray) -> dict[str, Any]:
    coords = {
        str(name): {"dims": [str(d) for d in coordinate.dims], **_values(np.asarray(coordinate.values))}
        for name, coordinate in _levels(array).items()
    }
    return {
        "class": type(array).__name__,
        "name": plain(array.name),
        "dims": [str(dim) for dim in array.dims],
        "shape": list(array.shape),
        **_values(np.asarray(array.values)),
        "coords": coords,
        "attrs": {str(key): plain(entry) for key, entry in array.attrs.items()},
    }


def _table(table: pd.DataFrame) -> dict[str, Any]:
    paths = getattr(table, "stimulus_paths", _ABSENT)
    return {
        "class": type(table).__name__,
        "columns": {str(name): _values(table[name].to_numpy()) for name in table.columns},
        "rows": [plain(label) for label in table.index],
        "identifier": plain(getattr(table, "identifier", _ABSENT)),
        "stimulus_paths": {str(k): PurePath(v).name for k, v in paths.items()} if isinstance(paths, Mapping) else paths,
    }
