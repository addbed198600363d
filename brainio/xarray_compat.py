"""Private API of xarray that this package relies on.

The only module that uses it: an upgrade of xarray is checked here, and `tests/test_xarray_compat.py` states the
behaviour that each function relies on. Where xarray has a public equivalent that is as fast and behaves equally, the
other modules call that instead. Knows no assemblies.

Mappings that `coords_of` and `indexes_of` return are those of the array itself, not copies: read them only.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any, Self, TypeVar

import xarray as xr
from xarray.backends.file_manager import PickleableFileManager
from xarray.backends.locks import SerializableLock
from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK
from xarray.core import indexing
from xarray.core.coordinates import DataArrayCoordinates
from xarray.core.groupby import DataArrayGroupBy, ResolvedGrouper
from xarray.core.indexing import ExplicitIndexer, LazilyIndexedArray, PandasMultiIndexingAdapter
from xarray.core.utils import UncachedAccessor
from xarray.plot.accessor import DataArrayPlotAccessor

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    import numpy as np
    import pandas as pd
    from xarray.groupers import Grouper

__all__ = [
    "NETCDF4_PYTHON_LOCK",
    "ArrayCoordinates",
    "DataArrayGroupBy",
    "ExplicitIndexer",
    "GroupedArray",
    "HookedArray",
    "LazilyIndexedArray",
    "PickleableFileManager",
    "PlotAccessor",
    "SerializableLock",
    "UncachedAccessor",
    "convert_function_results",
    "coords_of",
    "group_by_values",
    "indexes_of",
    "init_from_parts",
    "is_fastpath",
    "is_in_memory",
    "level_variable",
    "operate",
    "read_once",
    "regroup",
    "replace_parts",
    "select_basic",
    "select_lazily",
    "set_coords",
    "set_stored_values",
    "stored_values",
    "variable_of_values",
    "with_dims",
]

Array = TypeVar("Array", bound=xr.DataArray)

_FASTPATH_POSITION = 6  # among the arguments of xarray.DataArray
_APPLY_MODULE = "xarray.computation.apply_ufunc"
_APPLY_FUNCTION = "apply_dataarray_vfunc"


# ------------------------------------------------------------------ parts of arrays


def coords_of(array: xr.DataArray) -> dict[Hashable, Any]:
    """Return the coordinates of an array as variables, in order.

    `array.coords.variables` is equivalent; it creates two objects at each call, which counts for each group of a
    grouping.
    """
    return array._coords


def indexes_of(array: xr.DataArray) -> dict[Hashable, Any]:
    """Return the index of each indexed coordinate of an array.

    `array.xindexes` is equivalent; it copies both mappings and checks every index at each call.
    """
    return array._indexes


def replace_parts(
    array: Array,
    variable: xr.Variable | None = None,
    coords: Mapping[Hashable, xr.Variable] | None = None,
    indexes: Mapping[Hashable, xr.Index] | None = None,
) -> Array:
    """Return an array of the same class and name with other parts, which are neither checked nor copied."""
    return array._replace(variable, coords, indexes=indexes)


def set_coords(array: xr.DataArray, coords: dict[Hashable, xr.Variable], indexes: dict[Hashable, xr.Index]) -> None:
    """Replace the coordinates and indexes of an array in place; they are neither checked nor copied."""
    array._coords = coords
    array._indexes = indexes


def is_fastpath(*args: Any, **kwargs: Any) -> bool:
    """Return whether xarray itself calls the constructor of an array, with parts that need no checks.

    Takes the arguments of the constructor.
    """
    return bool(args[_FASTPATH_POSITION] if len(args) > _FASTPATH_POSITION else kwargs.get("fastpath", False))


def init_from_parts(
    array: xr.DataArray,
    variable: xr.Variable,
    coords: dict[Hashable, xr.Variable],
    indexes: dict[Hashable, xr.Index],
    name: Hashable | None,
) -> None:
    """Initialize an array from its parts, which are neither checked nor copied."""
    xr.DataArray.__init__(array, variable, coords, name=name, indexes=indexes, fastpath=True)


# ------------------------------------------------------------------------ variables


def variable_of_values(
    dims: Any, values: Any, attrs: Mapping[Any, Any] | None = None, encoding: Mapping[Any, Any] | None = None
) -> xr.Variable:
    """Return a variable of an array as it is; the constructor lets pandas search objects for dates, which is slow."""
    return xr.Variable(dims, values, attrs, encoding, fastpath=True)


def level_variable(
    index: pd.MultiIndex,
    dim: Hashable,
    level: str | None,
    dtype: np.dtype,
    attrs: Mapping[Any, Any],
    encoding: Mapping[Any, Any],
) -> xr.IndexVariable:
    """Return a coordinate for a level of an index, or for its rows as tuples; values are created when they are read.

    The constructor of the adapter tries each time whether the index holds dates: with twenty levels, most of the time
    of `isel`.
    """
    values = PandasMultiIndexingAdapter.__new__(PandasMultiIndexingAdapter)
    values.array, values._dtype, values.level = index, dtype, level
    return xr.IndexVariable(dim, values, attrs=attrs, encoding=encoding, fastpath=True)


def with_dims(variable: xr.Variable, dims: Any) -> xr.Variable:
    """Return a variable of the same values along dimensions of other names; lazy values are not read."""
    return variable._replace(dims=dims)


def stored_values(variable: xr.Variable) -> Any:
    """Return the values of a variable as it stores them; `Variable.data` reads those that are left in a file."""
    return variable._data


def set_stored_values(variable: xr.Variable, values: Any) -> None:
    """Replace the values of a variable in place, unchecked; `Variable.data = values` converts them and imports dask."""
    variable._data = values


def is_in_memory(variable: xr.Variable) -> bool:
    """Return whether the values of a variable are in memory: neither left in a file nor lazy chunks of dask."""
    return bool(variable._in_memory)


# ----------------------------------------------------------------- values left in files


def select_lazily(
    key: ExplicitIndexer, shape: tuple[int, ...], read: Callable[[tuple[Any, ...]], Any], *, one_vector: bool = False
) -> Any:
    """Answer a selection from a backend array with a function that reads integers and slices, or one vector too."""
    support = indexing.IndexingSupport.OUTER_1VECTOR if one_vector else indexing.IndexingSupport.BASIC
    return indexing.explicit_indexing_adapter(key, shape, support, read)


def select_basic(values: Any, key: tuple[Any, ...]) -> Any:
    """Read integers and slices from stored values that are left in a file; returns an array."""
    return indexing.as_indexable(values)[indexing.BasicIndexer(key)].get_duck_array()


def read_once(values: Any) -> Any:
    """Return stored values that are read at the first use and kept; a write to them copies them."""
    return indexing.MemoryCachedArray(indexing.CopyOnWriteArray(values))


# ---------------------------------------------------------------------- base classes


class HookedArray(xr.DataArray):
    """A DataArray whose subclasses override how xarray builds results, by methods with documented meaning."""

    __slots__ = ()

    def _finish_rebuilt(self, result: Self) -> Self:
        """Return the result of a method that goes through a Dataset: `concat`, `reindex`, `expand_dims`."""
        return result

    def _operate(self, other: Any, function: Callable[..., Any], reflexive: bool) -> Any:
        """Return the result of a binary operator; reflexive: this array is its right operand."""
        return operate(self, other, function, reflexive)

    def _unknown_coordinate(self, key: Any) -> str:
        """Return the message of the KeyError for a coordinate that does not exist."""
        return repr(key)

    def _shared_by_copies(self) -> list[Any]:
        """Return objects that deep copies share with this array."""
        return []

    def _from_temp_dataset(self, *args: Any, **kwargs: Any) -> Self:
        return self._finish_rebuilt(super()._from_temp_dataset(*args, **kwargs))

    def _binary_op(self, other: Any, f: Callable[..., Any], reflexive: bool = False) -> Any:
        return self._operate(other, f, reflexive)

    def _getitem_coord(self, key: Any) -> Self:
        """Return a coordinate by name; the error for an unknown one explains it."""
        try:
            return super()._getitem_coord(key)
        except KeyError as error:
            raise KeyError(self._unknown_coordinate(key)) from error

    def _copy(self, deep: bool = True, data: Any = None, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        memo.update((id(shared), shared) for shared in self._shared_by_copies())
        return super()._copy(deep=deep, data=data, memo=memo)


def operate(array: xr.DataArray, other: Any, function: Callable[..., Any], reflexive: bool) -> Any:
    """Apply a binary operator as `xarray.DataArray` does; NotImplemented for operands that it leaves to others."""
    return xr.DataArray._binary_op(array, other, function, reflexive)


class ArrayCoordinates(DataArrayCoordinates[Any]):
    """The coordinates of an array, for subclasses that assign and delete otherwise."""

    __slots__ = ()

    @property
    def _array(self) -> xr.DataArray:
        """The array that the coordinates belong to."""
        return self._data


class PlotAccessor(DataArrayPlotAccessor):
    """The plots of an array, for subclasses that draw a converted one."""

    __slots__ = ("_array",)

    def __init__(self, array: xr.DataArray) -> None:
        self._array = array

    @property
    def _da(self) -> xr.DataArray:  # type: ignore[override]
        return self._array_to_draw()

    def _array_to_draw(self) -> xr.DataArray:
        """Return the array that xarray's own plots draw."""
        return self._array


# -------------------------------------------------------------------------- grouping


class GroupedArray(DataArrayGroupBy):
    """The result of `groupby`, for subclasses that reduce and combine otherwise."""

    __slots__ = ()

    @property
    def _array(self) -> xr.DataArray:
        """The grouped array."""
        return self._obj

    def _operate(self, other: Any, function: Callable[..., Any], reflexive: bool) -> Any:
        """Combine each group with its value of another array; reflexive: the groups are the right operand."""
        return super()._binary_op(other, function, reflexive)

    def _binary_op(self, other: Any, f: Callable[..., Any], reflexive: bool = False) -> Any:
        return self._operate(other, f, reflexive)


Grouped = TypeVar("Grouped", bound=GroupedArray)


def regroup(grouped: DataArrayGroupBy, cls: type[Grouped]) -> Grouped:
    """Return the result of `groupby` as another class, with the same groups."""
    return cls(grouped._original_obj, grouped.groupers, grouped._restore_coord_dims)


def group_by_values(array: xr.DataArray, grouper: Grouper, values: xr.DataArray) -> DataArrayGroupBy:
    """Group an array by the values of another one with a grouper; `groupby` takes groupers for coordinates only."""
    return DataArrayGroupBy(array, (ResolvedGrouper(grouper, values, array),))


# ------------------------------------------------------------------------- functions


def convert_function_results(convert: Callable[[Any, tuple[Any, ...]], Any]) -> None:
    """Call a function on each DataArray that `apply_ufunc`, `where`, `dot` and `cross` return, and on their arguments.

    All of them end in one function of xarray, which builds a plain DataArray and has no hook for subclasses. A second
    call changes nothing, nor does a version of xarray without the function.
    """
    try:
        module = importlib.import_module(_APPLY_MODULE)
        function = getattr(module, _APPLY_FUNCTION)
    except (ImportError, AttributeError):
        return
    if getattr(function, "_converts_results", False):
        return

    @functools.wraps(function)
    def apply(func: Any, *args: Any, **kwargs: Any) -> Any:
        result = function(func, *args, **kwargs)
        if isinstance(result, tuple):
            return tuple(convert(part, args) for part in result)
        return convert(result, args)

    apply._converts_results = True  # type: ignore[attr-defined]
    setattr(module, _APPLY_FUNCTION, apply)
