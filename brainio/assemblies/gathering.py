"""PLACEHOLDER"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex, PandasMultiIndex

from brainio.assemblies.coordinates import as_text_objects, holds_rows
from brainio.assemblies.index import AssemblyIndex, as_assembly_index
from brainio.netcdf.text import factorize_variable
from brainio.xarray_compat import coords_of, indexes_of, replace_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainio.levels import Level


Coords = dict[Hashable, xr.Variable]
Indexes = dict[Hashable, xr.Index]
T = TypeVar("T", bound=xr.DataArray)


def gather_indexes(assembly: T) -> T:
    """Make all one-dimensional coordinates of each dimension levels of one index.

    Levels keep the order of the coordinates, new ones come after those that an index has already. Doing it again
    changes and copies nothing. A dimension's own coordinate keeps its name: alone it keeps a plain index, next to other
    coordinates it is the first level. If it holds the tuples of the other levels, it is left out: the name of the
    dimension stands for them. Scalars and coordinates of two dimensions stay unchanged. Text reads back as objects of
    `str`.

    >>> flat = xr.DataArray([1, 2], coords={"a": ("x", [5, 6]), "b": ("x", ["k", "l"])}, dims=["x"])
    >>> gathered = gather_indexes(flat)
    >>> list(gathered.indexes["x"].names)
    ['a', 'b']
    """
    if is_gathered(coords_of(assembly), indexes_of(assembly)):
        return assembly
    coords, indexes = gather(coords_of(assembly), indexes_of(assembly))
    return replace_parts(assembly, coords=coords, indexes=indexes)


def is_gathered(coords: Mapping[Hashable, xr.Variable], indexes: Mapping[Hashable, xr.Index]) -> bool:
    """Tell whether there is nothing to gather."""
    for name, variable in coords.items():
        if variable.ndim == 1:
            index = indexes.get(name)
            if isinstance(index, AssemblyIndex):
                continue
            if type(index) is not PandasIndex or name != variable.dims[0]:
                return False
        if _is_text(variable):
            return False
    return True


def _is_text(variable: xr.Variable) -> bool:
    dtype = variable.dtype
    return not isinstance(dtype, np.dtype) or dtype.kind in "UST"


def gather(coords: Mapping[Hashable, xr.Variable], indexes: Mapping[Hashable, xr.Index]) -> tuple[Coords, Indexes]:
    """Give the gathered coordinates and indexes; what is gathered already is handed on unchanged."""
    scalars = [variable for variable in coords.values() if variable.ndim == 0]
    by_dim: dict[Hashable, dict[Hashable, xr.Variable]] = {}
    for name, variable in coords.items():
        if variable.ndim == 1:
            by_dim.setdefault(variable.dims[0], {})[name] = variable
    slots: dict[Hashable, Coords] = {}
    new_coords: Coords = {}
    new_indexes: Indexes = {}
    for dim, variables in by_dim.items():
        slots[dim], index = _gather_dim(dim, variables, indexes, scalars)
        new_indexes.update(dict.fromkeys(slots[dim], index))
    # An index that exists keeps its place among the coordinates, new ones come after all others.
    for name, variable in coords.items():
        if variable.ndim != 1:
            new_coords[name] = _with_text_objects(variable)
        elif name in indexes:
            new_coords.update(slots.pop(variable.dims[0], {}))
    for slot in slots.values():
        new_coords.update(slot)
    return new_coords, new_indexes


def _gather_dim(
    dim: Hashable,
    variables: Mapping[Hashable, xr.Variable],
    indexes: Mapping[Hashable, xr.Index],
    scalars: Sequence[xr.Variable],
) -> tuple[Coords, xr.Index]:
    if list(variables) == [dim] and not isinstance(indexes.get(dim), PandasMultiIndex):
        return _gather_dimension_coordinate(dim, variables[dim], indexes.get(dim))
    own = {id(index) for index in (indexes.get(name) for name in variables)}
    first = indexes.get(next(iter(variables)))
    if len(own) == 1 and isinstance(first, AssemblyIndex):
        return dict(variables), first
    levels: dict[Hashable, Level] = {}
    level_variables: Coords = {}
    found: AssemblyIndex | None = None
    for name in sorted(variables, key=lambda name: name != dim):  # what is indexed already comes first
        variable, index = variables[name], indexes.get(name)
        if isinstance(index, PandasMultiIndex):
            if found is None:
                found = as_assembly_index(index)
                levels = {**found.levels, **levels}
            if name != dim or found.has_own_level:
                level_variables[name] = variable
        elif name != dim or not holds_rows(variable, [*(v for k, v in variables.items() if k != dim), *scalars]):
            levels[name] = factorize_variable(variable)
            level_variables[name] = variable
    new = AssemblyIndex.from_levels(dim, levels)
    return dict(new.create_variables(level_variables)), new


def _gather_dimension_coordinate(
    dim: Hashable, variable: xr.Variable, index: xr.Index | None
) -> tuple[Coords, xr.Index]:
    if type(index) is PandasIndex and not _is_text(variable):
        return {dim: variable}, index
    values = as_text_objects(np.asarray(variable.values))
    pandas_index = index.index if type(index) is PandasIndex else pd.Index(values, dtype=values.dtype, name=dim)
    if values.dtype == object:
        pandas_index = pd.Index(values, dtype=object, name=dim)
    new = PandasIndex(pandas_index, dim, coord_dtype=values.dtype)
    return dict(new.create_variables({dim: variable})), new


def with_text_objects(array: T) -> T:
    """Turn text that xarray took over from a pandas index as it was into objects of `str`; gather nothing else."""
    text = [
        name for name, v in coords_of(array).items() if not isinstance(indexes_of(array).get(name), PandasMultiIndex)
    ]
    text = [name for name in text if _is_text(coords_of(array)[name])]
    if not text:
        return array
    coords, indexes = dict(coords_of(array)), dict(indexes_of(array))
    for name in text:
        if name in indexes:
            made, index = _gather_dimension_coordinate(name, coords[name], indexes[name])
            coords.update(made)
            indexes[name] = index
        else:
            coords[name] = _with_text_objects(coords[name])
    return replace_parts(array, coords=coords, indexes=indexes)


def _with_text_objects(variable: xr.Variable) -> xr.Variable:
    if not _is_text(variable):
        return variable
    return xr.Variable(variable.dims, as_text_objects(np.asarray(variable.values)), variable.attrs, variable.encoding)


def is_outdated(indexes: Mapping[object, xr.Index] | None) -> bool:
    """Tell whether indexes were pickled by an xarray that did not yet list levels as coordinates.

    That xarray left the indexes of a selection to be made when they are asked for: None.
    """
    return indexes is None or any(
        isinstance(index, PandasIndex) and not hasattr(index, "coord_dtype") for index in indexes.values()
    )


def renew(coords: Coords) -> tuple[Coords, Indexes]:
    """Build coordinates and indexes anew from the values of outdated ones; every level becomes a coordinate."""
    fresh: Coords = {}
    indexes: Indexes = {}
    for name, variable in coords.items():
        index = variable.to_index() if isinstance(variable, xr.IndexVariable) else None
        if isinstance(index, pd.MultiIndex):
            whole = as_assembly_index(PandasMultiIndex(index, name))
            variables = whole.create_variables()
            fresh.update(variables)
            indexes.update(dict.fromkeys(variables, whole))
        else:
            values = variable.values if index is None else index.to_numpy()
            fresh[name] = xr.Variable(variable.dims, values, variable.attrs)
    return gather(fresh, indexes)
