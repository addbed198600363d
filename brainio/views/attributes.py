"""Attributes of arrays: the name of the values for labels, and units of time for conversions.

Imports no numpy, since every layer uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


_GENERIC = "data"  # the default name of the variable in a netCDF file


def name_of_values(array: xr.DataArray) -> str:
    """Return the name of an array's values: the attribute `long_name`, else the name of the array, else an empty text.

    Ignores array names that describe no values, such as `data` or the identifier of the array.

    Examples
    --------
    >>> import xarray as xr
    >>> name_of_values(xr.DataArray([0.45], name="rt"))
    'rt'
    >>> name_of_values(xr.DataArray([0.45], name="rt", attrs={"long_name": "reaction time"}))
    'reaction time'
    """
    if array.attrs.get("long_name"):
        return str(array.attrs["long_name"])
    name = array.name
    is_description = (
        isinstance(name, str) and name.isidentifier() and name not in (_GENERIC, array.attrs.get("identifier"))
    )
    return str(name) if is_description and not str(name).startswith("__") else ""


TIME_UNITS = {
    "h": 3_600_000.0,
    "min": 60_000.0,
    "s": 1000.0,
    "ms": 1.0,
    "us": 0.001,
    "ns": 0.000001,
}
_NAMES = {
    "h": ("hr", "hrs", "hour", "hours"),
    "min": ("mins", "minute", "minutes"),
    "s": ("sec", "secs", "second", "seconds"),
    "ms": ("msec", "msecs", "millisecond", "milliseconds"),
    "us": ("µs", "μs", "usec", "usecs", "microsecond", "microseconds"),
    "ns": ("nsec", "nsecs", "nanosecond", "nanoseconds"),
}
_UNITS = {name: TIME_UNITS[unit] for unit, names in _NAMES.items() for name in (unit, *names)}


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
    return _UNITS.get(units.partition(" since ")[0].strip()) if isinstance(units, str) else None
