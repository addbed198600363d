"""Conversion of times to milliseconds, from numbers with units or from durations.

Never guesses: a time of unknown units is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from brainio.errors import AssemblyFormatError
from brainio.views.attributes import TIME_UNITS, milliseconds_per

_ONE = np.timedelta64(1, "ms")


def milliseconds(times: Any, name: str, units: object = None) -> np.ndarray:
    """Return times in milliseconds.

    Parameters
    ----------
    times : array-like or xarray.DataArray
        Numbers or durations (`timedelta64`, `datetime.timedelta`). The attribute `units` of an array states the units
        of its numbers; without it they are milliseconds.
    name : str
        The name of the times in messages.
    units : object, optional
        The units of numbers, instead of the attribute.

    Returns
    -------
    numpy.ndarray
        float64; a missing duration is NaN.

    Raises
    ------
    AssemblyFormatError
        The times are dates, text or of unknown units.

    Examples
    --------
    >>> milliseconds(np.array([1, 2], dtype="timedelta64[s]"), "spikes").tolist()
    [1000.0, 2000.0]
    >>> milliseconds(xr.DataArray([0.5], attrs={"units": "s"}), "onsets").tolist()
    [500.0]
    """
    if isinstance(times, xr.DataArray | xr.Variable):
        units = times.attrs.get("units") if units is None else units
        times = times.values
    values = np.asarray(times)
    if values.dtype.kind == "O" and pd.api.types.infer_dtype(values.ravel(), skipna=True) in (
        "timedelta",
        "timedelta64",
    ):
        values = pd.to_timedelta(values.ravel()).to_numpy().reshape(values.shape)
    if values.dtype.kind == "m":
        return np.where(np.isnat(values), np.nan, values / _ONE)
    factor = milliseconds_per(units)
    if factor is None:
        raise AssemblyFormatError(
            f"{name} has the units {units!r}; expected one of {', '.join(TIME_UNITS)}. Correct attrs['units'], or "
            f"convert the times to ms and set it to 'ms'"
        )
    return _numbers(values, name) * factor


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind == "M":
        raise AssemblyFormatError(
            f"{name} are dates; expected times in ms or durations. Subtract the start of the recording from them"
        )
    kind = pd.api.types.infer_dtype(values.ravel(), skipna=True)
    if kind not in ("integer", "floating", "mixed-integer-float", "empty"):
        raise AssemblyFormatError(f"{name} are {kind} values; expected numbers in ms or durations")
    return np.where(pd.isna(values), np.nan, values).astype(np.float64)
