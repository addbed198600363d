"""Operations of xarray on assemblies, with assemblies as results.

Methods and functions of xarray lose the class, the single index of a dimension, `str` objects as text, or the stimulus
set; those are restored here. Methods also accept the name of a level as a dimension: older selections renamed a
dimension to its only remaining level, and scripts still pass such names.

xarray aligns two indexes only if they are of the same class and list the same levels in the same order. Operators,
sorting and merging therefore align arrays that have other indexes or none, or match positions themselves.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex, PandasMultiIndex

from brainio.assemblies.coordinates import (
    dimension_of,
    dimensions_of,
    is_redundant_coordinate,
    row_tuples_as_text,
    with_dimensions_as_keys,
)
from brainio.assemblies.gathering import gather_indexes, with_text_objects
from brainio.assemblies.index import AssemblyIndex, as_assembly_index, dimension_index
from brainio.assemblies.stimulus_metadata import STIMULUS_SET, combine_stimulus_set
from brainio.errors import AssemblyFormatError
from brainio.levels import Level, factorize_level, lexsort_codes
from brainio.xarray_compat import HookedArray, convert_function_results, coords_of, indexes_of, operate, replace_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

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

_KINDS: tuple[Any, ...] = (xr.DataArray, xr.Dataset, xr.Variable, pd.DataFrame, pd.Series, pd.Index, Mapping)
T = TypeVar("T", bound=xr.DataArray)
_DATA = "data"


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
        return method(self, *args, **options, **with_dimensions_as_keys(self, _without_names(kwargs, own)))

    return call


def _without_names(kwargs: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name not in names}


class _LevelDimensions(HookedArray):
    """An array whose methods accept the name of a level instead of the name of its dimension."""

    __slots__ = ()

    def transpose(self, *dim: Hashable, **kwargs: Any) -> Any:
        """Reorder dimensions, see `xarray.DataArray.transpose`."""
        return super().transpose(*(dimension_of(self, name) for name in dim), **kwargs)


for _name, _parameter in _ONE_OR_SEVERAL.items():
    setattr(_LevelDimensions, _name, _accepts_names(getattr(xr.DataArray, _name), _parameter))

for _name, _parameter in _KEYS.items():
    setattr(_LevelDimensions, _name, _accepts_keys(getattr(xr.DataArray, _name), _parameter))


class _ReflectedArithmetic(_LevelDimensions):
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


class AssemblyOperations(_ReflectedArithmetic):
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
        mine, theirs = _with_plain_dimension_indexes(self, other), _with_plain_dimension_indexes(other, self)
        result = operate(mine, _with_alignable_indexes(mine, theirs), function, reflexive)
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
        if not isinstance(other, xr.DataArray) or not _have_equal_attrs(self.attrs, other.attrs):
            return False
        levels = [
            {name: tuple(index.to_pandas_index().names) for name, index in a.xindexes.items()} for a in (self, other)
        ]
        return levels[0] == levels[1] and xr.DataArray.identical(_comparable_parts(self), _comparable_parts(other))

    def _shared_by_copies(self) -> list[Any]:
        # The stimulus set is a table of its own, not a part of this array.
        stimulus_set = self.attrs.get(STIMULUS_SET)
        return [] if stimulus_set is None else [stimulus_set]


def _with_plain_dimension_indexes(array: Any, other: Any) -> Any:
    """Return an array with plain indexes along dimensions where the other array has a plain index.

    xarray then aligns by the coordinate that is named as the dimension; the other coordinates follow.
    """
    if not isinstance(array, xr.DataArray) or not isinstance(other, xr.DataArray):
        return array
    for dim in set(array.dims) & set(other.dims):
        mine, theirs = indexes_of(array).get(dim), indexes_of(other).get(dim)
        if type(theirs) is PandasIndex and isinstance(mine, AssemblyIndex) and mine.has_dimension_level:
            array = array.reset_index([dim])
            coords = coords_of(array)
            index = dimension_index(dim, coords[dim].values)
            coords = {**coords, **index.create_variables({dim: coords[dim]})}
            array = replace_parts(array, coords=coords, indexes={**indexes_of(array), dim: index})
    return array


def _with_alignable_indexes(assembly: xr.DataArray, other: Any) -> Any:
    """Return the other operand with indexes that xarray can align with those of the assembly."""
    if not isinstance(other, xr.DataArray):
        return other
    changed = other
    for dim in set(assembly.dims) & set(other.dims):
        mine, theirs = indexes_of(assembly).get(dim), indexes_of(other).get(dim)
        if mine is None or theirs is None or not isinstance(mine, AssemblyIndex):
            continue
        if isinstance(theirs, PandasMultiIndex) and set(theirs.index.names) == set(mine.index.names):
            if not (isinstance(theirs, AssemblyIndex) and theirs.index.names == mine.index.names):
                changed = _with_index(changed, as_assembly_index(theirs).reorder_levels(mine.levels))
        elif other.sizes[dim] == assembly.sizes[dim] and _agree_on_common_levels(mine, theirs):
            changed = xr.DataArray(changed).reset_index([dim])
            changed = changed.drop_vars([name for name in (dim, *mine.index.names) if name in coords_of(changed)])
    return changed


def _agree_on_common_levels(mine: AssemblyIndex, theirs: Any) -> bool:
    """Return whether the levels that both indexes have are equal position by position."""
    if not isinstance(theirs, PandasMultiIndex):
        return True
    common = [name for name in mine.index.names if name in theirs.index.names]
    if not common:
        return True
    other = as_assembly_index(theirs).reorder_levels(dict.fromkeys(common))
    return mine.reorder_levels(dict.fromkeys(common)).equals(other)


def _with_index(array: xr.DataArray, index: AssemblyIndex) -> xr.DataArray:
    variables = index.create_variables(coords_of(array))
    coords = {k: v for k, v in coords_of(array).items() if k not in variables}
    indexes = {k: v for k, v in indexes_of(array).items() if k not in variables}  # xarray compares their order too
    return replace_parts(array, coords={**coords, **variables}, indexes={**indexes, **dict.fromkeys(variables, index)})


def _comparable_parts(array: xr.DataArray) -> xr.DataArray:
    """Return the array without attrs and tuples of levels: xarray cannot compare tables, nor NaN in tuples."""
    plain = xr.DataArray(array.variable, name=array.name, attrs={})
    coords = {name: variable for name, variable in coords_of(array).items() if not is_redundant_coordinate(array, name)}
    return replace_parts(plain, coords=coords, indexes={})


def _have_equal_attrs(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> bool:
    """Return whether two attrs are equal; a missing stimulus set equals None."""
    mine, theirs = ({k: v for k, v in a.items() if v is not None or k != STIMULUS_SET} for a in (first, second))
    return _are_equal(mine, theirs)


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


def sort_orders(assembly: xr.DataArray, keys: Sequence[Any], ascending: bool) -> dict[Hashable, np.ndarray]:
    """Return the sorting order of positions along each dimension of the keys; missing values come last."""
    columns: dict[Hashable, list[Level]] = {}
    for key in keys:
        index = None if isinstance(key, xr.DataArray) else indexes_of(assembly).get(key)
        if isinstance(index, AssemblyIndex) and index.dim == key and not index.has_dimension_level:
            columns.setdefault(key, []).extend(index.levels.values())
        else:
            dim, values = _sort_values(assembly, key)
            columns.setdefault(dim, []).append(factorize_level(values))
    return {dim: lexsort_codes(levels, ascending) for dim, levels in columns.items()}


def _sort_values(assembly: xr.DataArray, key: Any) -> tuple[Hashable, np.ndarray]:
    """Return the dimension that a key sorts, with one value for each position.

    The key is the name of a coordinate or dimension, or a one-dimensional DataArray. A DataArray of the same length is
    used position by position, unless its index has the rows of the assembly in another order: then rows are matched.
    A DataArray of another length must have an index; rows that it lacks come last, in their order.
    """
    if not isinstance(key, xr.DataArray):
        key = assembly[key]
    if key.ndim != 1 or key.dims[0] not in assembly.dims:
        raise ValueError(f"can sort by one-dimensional coordinates only; {key.name!r} has dimensions {key.dims}")
    dim = key.dims[0]
    mine, theirs = indexes_of(assembly).get(dim), indexes_of(key).get(dim)
    has_same_length = key.size == assembly.sizes[dim]
    if not has_same_length and theirs is None:
        raise ValueError(f"cannot sort {dim!r} of length {assembly.sizes[dim]} by an array of length {key.size}")
    values = np.asarray(key.values)
    positions = np.full(assembly.sizes[dim], -1)
    if isinstance(mine, AssemblyIndex) and isinstance(theirs, PandasMultiIndex) and not mine.equals(theirs):
        has_same_levels = set(mine.index.names) == set(theirs.index.names)
        if has_same_levels and theirs.index.is_unique:
            positions = as_assembly_index(theirs).reindex_like(mine)[dim]
    if has_same_length:
        return dim, values[positions] if (positions >= 0).all() else values
    return dim, np.append(values.astype(object), np.nan)[positions]


def merge_data_arrays(data_arrays: Sequence[T]) -> T:
    """Merge assemblies into one with all their positions, sorted by their coordinates.

    Positions are not sorted, but stay in the order of the assemblies, where all other assemblies are empty or have the
    same positions, or where one of several coordinates mixes types that cannot be compared, such as numbers and text.

    Values that no assembly has are NaN. Class, name and attrs are those of the first assembly; the stimulus set is kept
    if all agree on its identifier.

    Parameters
    ----------
    data_arrays : sequence of xarray.DataArray
        One or more assemblies with the same dimensions and the same levels. A single one is returned unchanged.

    Raises
    ------
    xarray.MergeError
        Two assemblies have different values at the same position.
    AssemblyFormatError
        There is nothing to merge.
    """
    arrays = list(data_arrays)
    if not arrays:
        raise AssemblyFormatError("there is nothing to merge: the list of assemblies is empty")
    first = arrays[0]
    plain = [xr.DataArray(array.drop_attrs(deep=False).variable, name=_DATA, coords=array.coords) for array in arrays]
    merged = xr.merge(plain, join="outer", compat="no_conflicts", combine_attrs="override")[_DATA]
    attrs = dict(first.attrs)
    combine_stimulus_set(attrs, [array.attrs for array in arrays])
    merged = merged.transpose(*first.dims, ...)
    merged.attrs = attrs
    return gather_indexes(replace_parts(first, merged.variable, dict(coords_of(merged)), dict(indexes_of(merged))))


def keep_class_of_first_assembly() -> None:
    """Make `apply_ufunc`, `where`, `dot` and `cross` of xarray return the class of their first assembly."""
    convert_function_results(_as_first_assembly)


def _as_first_assembly(result: Any, args: tuple[Any, ...]) -> Any:
    first = next((arg for arg in args if isinstance(arg, AssemblyOperations)), None)
    if first is None:
        return result
    return first._as_assembly(result, *(arg for arg in args if arg is not first))
