"""Units of arrays: the names of measured values, and the conversion of times to milliseconds.

Reads the attributes and names of arrays. Never guesses: a time of unknown units is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from brainio.errors import AssemblyFormatError

_GENERIC_NAME = "data"  # the default name of the variable in a netCDF file

_TIME_UNITS = {
    "h": 3_600_000.0,
    "min": 60_000.0,
    "s": 1000.0,
    "ms": 1.0,
    "us": 0.001,
    "ns": 0.000001,
}

_SPELLINGS = {
    "h": ("hr", "hrs", "hour", "hours"),
    "min": ("mins", "minute", "minutes"),
    "s": ("sec", "secs", "second", "seconds"),
    "ms": ("msec", "msecs", "millisecond", "milliseconds"),
    "us": ("µs", "μs", "usec", "usecs", "microsecond", "microseconds"),
    "ns": ("nsec", "nsecs", "nanosecond", "nanoseconds"),
}

_MILLISECONDS = {name: _TIME_UNITS[unit] for unit, names in _SPELLINGS.items() for name in (unit, *names)}
_MILLISECOND = np.timedelta64(1, "ms")


def name_of_values(array: xr.DataArray) -> str:
    """Return the name of an array's values: the attribute `long_name`, else the name of the array, else an empty text.

    Ignores array names that describe no values, such as `data` or the identifier of the array.

    Examples
    --------
    >>> name_of_values(xr.DataArray([0.45], name="rt"))
    'rt'
    >>> name_of_values(xr.DataArray([0.45], name="rt", attrs={"long_name": "reaction time"}))
    'reaction time'
    """
    if array.attrs.get("long_name"):
        return str(array.attrs["long_name"])
    name = array.name
    is_description = (
        isinstance(name, str) and name.isidentifier() and name not in (_GENERIC_NAME, array.attrs.get("identifier"))
    )
    return str(name) if is_description and not str(name).startswith("__") else ""


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
        return np.where(np.isnat(values), np.nan, values / _MILLISECOND)
    factor = milliseconds_per(units)
    if factor is None:
        raise AssemblyFormatError(
            f"{name} has the units {units!r}; expected one of {', '.join(_TIME_UNITS)}. Correct attrs['units'], or "
            f"convert the times to ms and set it to 'ms'"
        )
    return _to_floats(values, name) * factor


def milliseconds_per(units: object) -> float | None:
    """Return the number of milliseconds in a unit of time; None for other units.

    Parameters
    ----------
    units : object
        The attribute `units`, such as `'s'` or `'ms since stimulus onset'`; None means milliseconds.

    Examples
    --------
    >>> milliseconds_per("s"), milliseconds_per("ms since stimulus onset"), milliseconds_per(None)
    (1000.0, 1.0, 1.0)
    >>> milliseconds_per("samples")
    """
    if units is None:
        return 1.0
    return _MILLISECONDS.get(units.partition(" since ")[0].strip()) if isinstance(units, str) else None


def _to_floats(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind == "M":
        raise AssemblyFormatError(
            f"{name} are dates; expected times in ms or durations. Subtract the start of the recording from them"
        )
    kind = pd.api.types.infer_dtype(values.ravel(), skipna=True)
    if kind not in ("integer", "floating", "mixed-integer-float", "empty"):
        raise AssemblyFormatError(f"{name} are {kind} values; expected numbers in ms or durations")
    return np.where(pd.isna(values), np.nan, values).astype(np.float64)
