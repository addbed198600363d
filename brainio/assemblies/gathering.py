"""Gathering of coordinates: every one-dimensional coordinate becomes a level of its dimension's single index.

The only module that decides which index a dimension has. Does not know the assembly classes.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex, PandasMultiIndex

from brainio.assemblies.coordinates import as_text_objects, holds_row_tuples
from brainio.assemblies.index import AssemblyIndex, as_assembly_index
from brainio.netcdf.text import factorize_variable
from brainio.xarray_compat import coords_of, indexes_of, replace_parts

if TYPE_CHECKING:
    from brainio.levels import Level


Levels = Mapping[Hashable, "Level"]
Coords = dict[Hashable, xr.Variable]
Indexes = dict[Hashable, xr.Index]
T = TypeVar("T", bound=xr.DataArray)


def gather_indexes(assembly: T, added: Mapping[Hashable, Levels] | None = None) -> T:
    """Index each dimension by all its one-dimensional coordinates, as levels.

    Levels keep the order of the coordinates; new ones come after those of an existing index. A second call changes and
    copies nothing. A coordinate that is named as its dimension keeps a plain index if it is the only one; else it is
    the first level. If its values are the tuples of the other levels, it is no level: the name of the dimension stands
    for all of them. Scalars and coordinates of two dimensions are unchanged. Text becomes objects of `str`.

    Parameters
    ----------
    assembly : xarray.DataArray
        The array.
    added : mapping, optional
        Dimension -> levels by name: they replace coordinates of the same names, further ones come last.

    Examples
    --------
    >>> flat = xr.DataArray([1, 2], coords={"a": ("x", [5, 6]), "b": ("x", ["k", "l"])}, dims=["x"])
    >>> gathered = gather_indexes(flat)
    >>> list(gathered.indexes["x"].names)
    ['a', 'b']
    """
    if not added and is_gathered(coords_of(assembly), indexes_of(assembly)):
        return assembly
    coords, indexes = gather(coords_of(assembly), indexes_of(assembly), added)
    return replace_parts(assembly, coords=coords, indexes=indexes)


def is_gathered(coords: Mapping[Hashable, xr.Variable], indexes: Mapping[Hashable, xr.Index]) -> bool:
    """Return whether all coordinates are gathered already."""
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


def gather(
    coords: Mapping[Hashable, xr.Variable],
    indexes: Mapping[Hashable, xr.Index],
    added: Mapping[Hashable, Levels] | None = None,
) -> tuple[Coords, Indexes]:
    """Gather coordinates and indexes, see `gather_indexes`; those that are gathered already are returned unchanged."""
    scalars = [variable for variable in coords.values() if variable.ndim == 0]
    by_dim: dict[Hashable, dict[Hashable, xr.Variable]] = {}
    for name, variable in coords.items():
        if variable.ndim == 1:
            by_dim.setdefault(variable.dims[0], {})[name] = variable
    slots: dict[Hashable, Coords] = {}
    new_coords: Coords = {}
    new_indexes: Indexes = {}
    for dim, variables in by_dim.items():
        slots[dim], index = _gather_dim(dim, variables, indexes, scalars, (added or {}).get(dim, {}))
        new_indexes.update(dict.fromkeys(slots[dim], index))
    # Existing indexes keep their place among the coordinates; new ones come last.
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
    added: Levels,
) -> tuple[Coords, xr.Index]:
    if not added and list(variables) == [dim] and not isinstance(indexes.get(dim), PandasMultiIndex):
        return _gather_dimension_coordinate(dim, variables[dim], indexes.get(dim))
    own = {id(index) for index in (indexes.get(name) for name in variables)}
    first = indexes.get(next(iter(variables)))
    if not added and len(own) == 1 and isinstance(first, AssemblyIndex):
        return dict(variables), first
    levels: dict[Hashable, Level] = {}
    level_variables: Coords = {}
    existing: AssemblyIndex | None = None
    for name in sorted(variables, key=lambda name: name != dim):  # an existing index comes first
        variable, index = variables[name], indexes.get(name)
        if isinstance(index, PandasMultiIndex):
            if existing is None:
                existing = as_assembly_index(index)
                levels = {**existing.levels, **levels}
            if name != dim or existing.has_dimension_level:
                level_variables[name] = variable
        elif name != dim or not holds_row_tuples(variable, [*(v for k, v in variables.items() if k != dim), *scalars]):
            levels[name] = added[name] if name in added else factorize_variable(variable)
            level_variables[name] = variable
    new = AssemblyIndex.from_levels(dim, {**levels, **added})
    return dict(new.create_variables(variables if added else level_variables)), new


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
    """Convert text that xarray took from a pandas index to objects of `str`, without gathering coordinates."""
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


def are_outdated(indexes: Mapping[object, xr.Index] | None) -> bool:
    """Return whether indexes were pickled by a version of xarray without coordinates for levels.

    That version built the indexes of a selection late, and pickled None.
    """
    return indexes is None or any(
        isinstance(index, PandasIndex) and not hasattr(index, "coord_dtype") for index in indexes.values()
    )


def rebuild_outdated(coords: Coords) -> tuple[Coords, Indexes]:
    """Build coordinates and indexes from outdated ones; every level becomes a coordinate."""
    rebuilt: Coords = {}
    indexes: Indexes = {}
    for name, variable in coords.items():
        index = variable.to_index() if isinstance(variable, xr.IndexVariable) else None
        if isinstance(index, pd.MultiIndex):
            whole = as_assembly_index(PandasMultiIndex(index, name))
            variables = whole.create_variables()
            rebuilt.update(variables)
            indexes.update(dict.fromkeys(variables, whole))
        else:
            values = variable.values if index is None else index.to_numpy()
            rebuilt[name] = xr.Variable(variable.dims, values, variable.attrs)
    return gather(rebuilt, indexes)
