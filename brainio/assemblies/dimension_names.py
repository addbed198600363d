"""Names of levels in place of names of dimensions: `a.mean('stimulus_id')` averages over the dimension of that level.

Code that was written when a selection renamed the dimension to its only level passes such names. The name of a
dimension always means that dimension.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import xarray as xr

from brainio.xarray_compat import HookedArray, coords_of

# Method -> the parameter that takes dimensions; their names are replaced before xarray's method is called.
_ONE_OR_SEVERAL = {
    "argmax": "dim",
    "argmin": "dim",
    "bfill": "dim",
    "cumulative": "dim",
    "diff": "dim",
    "dot": "dim",
    "dropna": "dim",
    "ffill": "dim",
    "get_axis_num": "dim",
    "idxmax": "dim",
    "idxmin": "dim",
    "quantile": "dim",
    "rank": "dim",
    "reduce": "dim",
    "squeeze": "dim",
    "unstack": "dim",
}
_KEYS = {
    "chunk": "chunks",
    "coarsen": "dim",
    "head": "indexers",
    "isel": "indexers",
    "pad": "pad_width",
    "roll": "shifts",
    "rolling": "dim",
    "shift": "shifts",
    "tail": "indexers",
    "thin": "indexers",
}


def dimension_of(array: xr.DataArray, name: Any) -> Any:
    """Return the dimension of a level; any other value is returned as it is."""
    if not isinstance(name, str) or name in array.dims or name not in coords_of(array):
        return name
    dims = coords_of(array)[name].dims
    return dims[0] if len(dims) == 1 else name


def dimensions_of(array: xr.DataArray, names: Any) -> Any:
    """Return the dimensions of one or several levels, each once."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        return dimension_of(array, names)
    return list(dict.fromkeys(dimension_of(array, name) for name in names))


def with_dimensions_as_keys(array: xr.DataArray, mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a mapping whose keys are dimensions in place of levels.

    Raises
    ------
    ValueError
        Two keys mean one dimension.
    """
    renamed = {dimension_of(array, name): value for name, value in mapping.items()}
    if len(renamed) < len(mapping):
        raise ValueError(f"several of {list(mapping)} are names of one dimension of {array.dims}; pass one of them")
    return renamed


def _accepts_names(method: Callable[..., Any], parameter: str) -> Callable[..., Any]:
    place = list(inspect.signature(method).parameters).index(parameter)

    @functools.wraps(method)
    def call(self: xr.DataArray, *args: Any, **kwargs: Any) -> Any:
        if parameter in kwargs:
            kwargs[parameter] = dimensions_of(self, kwargs[parameter])
        elif len(args) >= place:
            args = (*args[: place - 1], dimensions_of(self, args[place - 1]), *args[place:])
        return method(self, *args, **kwargs)

    return call


def _accepts_keys(method: Callable[..., Any], parameter: str) -> Callable[..., Any]:
    own = set(inspect.signature(method).parameters)

    @functools.wraps(method)
    def call(self: xr.DataArray, *args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get(parameter), Mapping):
            kwargs[parameter] = with_dimensions_as_keys(self, kwargs[parameter])
        elif args and isinstance(args[0], Mapping):
            args = (with_dimensions_as_keys(self, args[0]), *args[1:])
        options = {name: value for name, value in kwargs.items() if name in own}
        return method(self, *args, **options, **with_dimensions_as_keys(self, _others(kwargs, own)))

    return call


def _others(kwargs: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name not in names}


class LevelDimensions(HookedArray):
    """An array whose methods accept the name of a level where they take the name of a dimension."""

    __slots__ = ()

    def transpose(self, *dim: Hashable, **kwargs: Any) -> Any:
        """Reorder dimensions, see `xarray.DataArray.transpose`."""
        return super().transpose(*(dimension_of(self, name) for name in dim), **kwargs)


for _name, _parameter in _ONE_OR_SEVERAL.items():
    setattr(LevelDimensions, _name, _accepts_names(getattr(xr.DataArray, _name), _parameter))
for _name, _parameter in _KEYS.items():
    setattr(LevelDimensions, _name, _accepts_keys(getattr(xr.DataArray, _name), _parameter))
