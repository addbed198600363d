"""Labels of the values of an array, for axes, pages and cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

_GENERIC = "data"  # the variable with the values in files of this format


def name_of_values(array: xr.DataArray) -> str:
    """Return what the values of an array are: the attribute `long_name`, else the name of the array; '' if unknown.

    Names such as `data`, or the identifier of the array, do not describe values.

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
