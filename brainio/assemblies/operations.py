"""Operations of xarray on assemblies, with assemblies as results.

Methods and functions of xarray lose the class, the single index of a dimension, `str` objects as text, or the stimulus
set; those are restored here. Methods also accept the name of a level as a dimension: older selections renamed a
dimension to its only remaining level, and scripts still pass such names.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies.alignment import with_alignable_indexes, with_plain_dimension_indexes
from brainio.assemblies.coordinates import (
    dimension_of,
    dimensions_of,
    is_redundant_coordinate,
    row_tuples_as_text,
    with_dimensions_as_keys,
)
from brainio.assemblies.gathering import gather_indexes, with_text_objects
from brainio.assemblies.stimulus_metadata import STIMULUS_SET, combine_stimulus_set
from brainio.xarray_compat import HookedArray, convert_function_results, coords_of, operate, replace_parts

# Method -> the parameter for dimensions, in which names of levels are replaced before xarray's method is called.
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
        return method(self, *args, **options, **with_dimensions_as_keys(self, _other_arguments(kwargs, own)))

    return call


def _other_arguments(kwargs: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name not in names}


class LevelDimensions(HookedArray):
    """An array whose methods accept the name of a level instead of the name of its dimension."""

    __slots__ = ()

    def transpose(self, *dim: Hashable, **kwargs: Any) -> Any:
        """Reorder dimensions, see `xarray.DataArray.transpose`."""
        return super().transpose(*(dimension_of(self, name) for name in dim), **kwargs)


for _name, _parameter in _ONE_OR_SEVERAL.items():
    setattr(LevelDimensions, _name, _accepts_names(getattr(xr.DataArray, _name), _parameter))
for _name, _parameter in _KEYS.items():
    setattr(LevelDimensions, _name, _accepts_keys(getattr(xr.DataArray, _name), _parameter))


class ReflectedArithmetic(LevelDimensions):
    """An array whose class is also that of the result of `plain + assembly`.

    Python tries the method of the right operand first only if its class overrides that method.
    """

    __slots__ = ()

    def __radd__(self, other: Any) -> Self:
        return super().__radd__(other)

    def __rsub__(self, other: Any) -> Self:
        return super().__rsub__(other)

    def __rmul__(self, other: Any) -> Self:
        return super().__rmul__(other)

    def __rtruediv__(self, other: Any) -> Self:
        return super().__rtruediv__(other)

    def __rfloordiv__(self, other: Any) -> Self:
        return super().__rfloordiv__(other)

    def __rmod__(self, other: Any) -> Self:
        return super().__rmod__(other)

    def __rpow__(self, other: Any) -> Self:
        return super().__rpow__(other)

    def __rand__(self, other: Any) -> Self:
        return super().__rand__(other)

    def __ror__(self, other: Any) -> Self:
        return super().__ror__(other)

    def __rxor__(self, other: Any) -> Self:
        return super().__rxor__(other)


class AssemblyOperations(ReflectedArithmetic):
    """An array whose operations return its own class, with indexes and attrs."""

    __slots__ = ()

    def _as_assembly(self, result: xr.DataArray, *others: Any) -> Self:
        """Convert the result of an operation to the class, with gathered indexes and the stimulus set if all agree."""
        assembly = result if type(result) is type(self) else type(self)(result)
        combine_stimulus_set(assembly.attrs, [self.attrs, *[o.attrs for o in others if isinstance(o, xr.DataArray)]])
        return gather_indexes(assembly)

    def _finish_rebuilt(self, result: Self) -> Self:
        return with_text_objects(result)

    def _operate(self, other: Any, function: Callable[..., Any], reflexive: bool) -> Self:
        mine, theirs = with_plain_dimension_indexes(self, other), with_plain_dimension_indexes(other, self)
        result = operate(mine, with_alignable_indexes(mine, theirs), function, reflexive)
        return result if result is NotImplemented else self._as_assembly(result, other)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Apply a numpy function elementwise."""
        result = super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        others = [x for x in inputs if x is not self]
        if isinstance(result, tuple):
            return tuple(self._as_assembly(part, *others) for part in result)
        return self._as_assembly(result, *others) if isinstance(result, xr.DataArray) else result

    def where(self, cond: Any, *args: Any, **kwargs: Any) -> Self:
        """Keep values where the condition holds, see `xarray.DataArray.where`."""
        return self._as_assembly(super().where(cond, *args, **kwargs), *args[:1], kwargs.get("other"))

    def fillna(self, value: Any) -> Self:
        """Fill missing values, see `xarray.DataArray.fillna`."""
        return self._as_assembly(super().fillna(value))

    def clip(self, *args: Any, **kwargs: Any) -> Self:
        """Limit values, see `xarray.DataArray.clip`."""
        return self._as_assembly(super().clip(*args, **kwargs))

    def astype(self, dtype: Any, **kwargs: Any) -> Self:
        """Convert values, see `xarray.DataArray.astype`; tuples of levels become text by `str`."""
        return self._as_assembly(xr.DataArray.astype(row_tuples_as_text(self, dtype), dtype, **kwargs))

    def isnull(self, keep_attrs: bool | None = None) -> Self:
        """Return which values are missing, see `xarray.DataArray.isnull`."""
        return self._as_assembly(super().isnull(keep_attrs))

    def notnull(self, keep_attrs: bool | None = None) -> Self:
        """Return which values are not missing, see `xarray.DataArray.notnull`."""
        return self._as_assembly(super().notnull(keep_attrs))

    def isin(self, test_elements: Any) -> Self:
        """Return which values are among others, see `xarray.DataArray.isin`."""
        return self._as_assembly(super().isin(test_elements))

    def combine_first(self, other: Any) -> Self:
        """Fill missing values from another array, see `xarray.DataArray.combine_first`."""
        return self._as_assembly(super().combine_first(other), other)

    def dot(self, other: Any, dim: Any = None) -> Any:
        """Multiply and sum, see `xarray.DataArray.dot`."""
        return self._as_assembly(super().dot(other, dim), other)

    def identical(self, other: Any) -> bool:
        """Return whether name, values, coordinates and attrs are equal, including tables and arrays in attrs."""
        if not isinstance(other, xr.DataArray) or not have_equal_attrs(self.attrs, other.attrs):
            return False
        levels = [
            {name: tuple(index.to_pandas_index().names) for name, index in a.xindexes.items()} for a in (self, other)
        ]
        return levels[0] == levels[1] and xr.DataArray.identical(_comparable_parts(self), _comparable_parts(other))

    def _shared_by_copies(self) -> list[Any]:
        # The stimulus set is a table of its own, not a part of this array.
        stimulus_set = self.attrs.get(STIMULUS_SET)
        return [] if stimulus_set is None else [stimulus_set]


def _comparable_parts(array: xr.DataArray) -> xr.DataArray:
    """Return the array without attrs and tuples of levels: xarray cannot compare tables, nor NaN in tuples."""
    plain = xr.DataArray(array.variable, name=array.name, attrs={})
    coords = {name: variable for name, variable in coords_of(array).items() if not is_redundant_coordinate(array, name)}
    return replace_parts(plain, coords=coords, indexes={})


def have_equal_attrs(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> bool:
    """Return whether two attrs are equal; a missing stimulus set equals None."""
    mine, theirs = ({k: v for k, v in a.items() if v is not None or k != STIMULUS_SET} for a in (first, second))
    return _are_equal(mine, theirs)


_KINDS: tuple[Any, ...] = (xr.DataArray, xr.Dataset, xr.Variable, pd.DataFrame, pd.Series, pd.Index, Mapping)


def _are_equal(first: Any, second: Any) -> bool:
    """Compare values of attrs of any type: arrays with coordinates, tables, and containers of them."""
    if first is second:
        return True
    kinds = [[isinstance(value, kind) for kind in _KINDS] for value in (first, second)]
    if kinds[0] != kinds[1]:
        return False
    if isinstance(first, xr.DataArray | xr.Dataset | xr.Variable):
        return bool(first.identical(second))
    if isinstance(first, pd.DataFrame | pd.Series | pd.Index):
        return bool(first.equals(second))
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_are_equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_are_equal, first, second))
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return xr.DataArray(first).equals(xr.DataArray(second))  # treats NaN as equal
    both_nan = first != first and second != second
    return bool(both_nan or first == second)


def keep_class_of_first_assembly() -> None:
    """Make `apply_ufunc`, `where`, `dot` and `cross` of xarray return the class of their first assembly."""
    convert_function_results(_as_first_assembly)


def _as_first_assembly(result: Any, args: tuple[Any, ...]) -> Any:
    first = next((arg for arg in args if isinstance(arg, AssemblyOperations)), None)
    if first is None:
        return result
    return first._as_assembly(result, *(arg for arg in args if arg is not first))
