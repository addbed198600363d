"""PLACEHOLDER"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasMultiIndex

from brainio.assemblies.coordinates import holds_rows, is_whole_multi_index, parts_of_rows
from brainio.assemblies.gathering import Coords, Indexes, gather, is_gathered
from brainio.assemblies.index import AssemblyIndex, as_assembly_index
from brainio.xarray_compat import ArrayCoordinates, coords_of, indexes_of, replace_parts, set_coords

if TYPE_CHECKING:
    from collections.abc import Hashable


T = TypeVar("T", bound=xr.DataArray)


class AssemblyCoordinates(ArrayCoordinates):
    """The coordinates of an assembly: assigning or deleting one leaves the other levels of its dimension."""

    __slots__ = ()

    def update(self, other: Mapping[Any, Any]) -> None:
        """Assign coordinates; each can be selected on at once, and a replaced level keeps its place."""
        data = self._array
        if not isinstance(other, xr.Coordinates):
            other = {k: v for k, v in other.items() if not _is_text_of_rows(data, k, v)}
        order = {name: list(coords_of(data)) for name in other if name in coords_of(data)}
        other = other if isinstance(other, xr.Coordinates) else {k: _plain(data, v) for k, v in other.items()}
        rows = _parts_of_dropped_dims(data)
        set_coords(data, *_without_assigned(data, other))
        super().update(other)
        _update_rows(data, {name: parts for name, parts in rows.items() if name not in other})
        if not is_gathered(coords_of(data), indexes_of(data)):
            set_coords(data, *gather(coords_of(data), indexes_of(data)))
        if order:
            _restore_order(data, next(iter(order.values())))

    def __delitem__(self, key: Hashable) -> None:
        if key not in coords_of(self._array):
            raise KeyError(f"there is no coordinate {key!r}; there are {list(coords_of(self._array))}")
        index = indexes_of(self._array).get(key)
        is_own_level = isinstance(index, AssemblyIndex) and index.has_own_level and index.dim == key
        coords, indexes = without_levels(self._array, {key})
        if not is_own_level:  # without its own coordinate, the dimension's name stands for its levels
            coords.pop(key, None)
            indexes.pop(key, None)
        set_coords(self._array, coords, indexes)


def _parts_of_dropped_dims(data: xr.DataArray) -> dict[Hashable, list[Hashable]]:
    """Name the coordinates that the tuple of each dropped dimension repeats."""
    found = {}
    for name, variable in coords_of(data).items():
        if not isinstance(indexes_of(data).get(name), PandasMultiIndex):
            others = {other: v for other, v in coords_of(data).items() if other != name}
            if (parts := parts_of_rows(variable, others)) is not None:
                found[name] = parts
    return found


def _update_rows(data: xr.DataArray, rows: Mapping[Hashable, list[Hashable]]) -> None:
    """Give the tuples of dropped dimensions the values that were assigned to their parts."""
    if not rows:
        return
    coords, indexes = dict(coords_of(data)), dict(indexes_of(data))
    for name, parts in rows.items():
        variable, own = coords[name], [coords.get(part) for part in parts]
        if variable.ndim == 0 and all(part is not None and part.ndim == 0 for part in own):
            value = np.empty((), dtype=object)
            value[()] = tuple(part.values[()] for part in own if part is not None)
            coords[name] = xr.Variable((), value, variable.attrs, variable.encoding)
        elif variable.ndim == 1 and not holds_rows(variable, [part for part in own if part is not None]):
            del coords[name]
            indexes.pop(name, None)
    set_coords(data, coords, indexes)


def _without_assigned(data: xr.DataArray, assigned: Mapping[Any, Any]) -> tuple[Coords, Indexes]:
    """Give coordinates and indexes without the assigned names; the own coordinate of a dimension replaces no level."""
    coords: Coords = dict(coords_of(data))
    indexes: Indexes = dict(indexes_of(data))
    for index, variables in data.xindexes.group_by_index():
        if not isinstance(index, AssemblyIndex) or index.dim not in assigned:
            continue
        if isinstance(assigned, xr.Coordinates) or _is_multi_index(assigned[index.dim]):
            continue
        for name in variables:
            variable = coords.pop(name)
            indexes.pop(name)
            if name in index.index.names and name not in assigned:
                values = index.levels[name].to_numpy()
                coords[name] = xr.Variable(index.dim, values, variable.attrs, variable.encoding)
    return without_levels(replace_parts(data, coords=coords, indexes=indexes), set(assigned))


def _is_multi_index(value: Any) -> bool:
    """Tell whether an assigned value is a multi-index, or tuples, which replace all levels."""
    if isinstance(value, xr.DataArray | xr.Variable):
        variable = value.variable if isinstance(value, xr.DataArray) else value
        value = variable.to_index() if variable.ndim == 1 else variable.values
    elif isinstance(value, tuple) and len(value) > 1:
        value = value[1]
    return isinstance(value, pd.MultiIndex) or (
        len(np.shape(value)) == 1 and isinstance(next(iter(value), None), tuple)
    )


def drop_levels(array: T, names: set[Hashable]) -> tuple[T, set[Hashable]]:
    """Drop those of `names` that are levels; give the array and the names that are none."""
    levels = {name for name in names if isinstance(indexes_of(array).get(name), PandasMultiIndex)}
    if not levels:
        return array, names
    coords, indexes = without_levels(array, levels)
    return replace_parts(array, coords=coords, indexes=indexes), names - levels


def without_levels(array: xr.DataArray, names: set[Hashable]) -> tuple[Coords, Indexes]:
    """Give coordinates and indexes without the named levels; the name of a dimension stands for its whole index."""
    coords: Coords = dict(coords_of(array))
    indexes: Indexes = dict(indexes_of(array))
    for index, variables in array.xindexes.group_by_index():
        gone = names & set(variables)
        if not gone or not isinstance(index, PandasMultiIndex):
            continue
        kept = [name for name in index.index.names if name not in names]
        if (index.dim in names and index.dim not in index.index.names) or not kept:
            for name in variables:
                coords.pop(name)
                indexes.pop(name)
            continue
        new = as_assembly_index(index).keep_levels(dict.fromkeys(kept))
        new_variables = new.create_variables(coords)
        for name in gone:
            coords.pop(name)
            indexes.pop(name)
        coords.update(new_variables)
        indexes.update(dict.fromkeys(new_variables, new))
    return coords, indexes


def without_left_levels(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Take levels of dimensions that a new array does not have out of the arguments that it is made from.

    Scripts leave a dimension out by `{name: c for name, c in a.coords.items() if name != "neuroid"}`. That has lost the
    dimension's own coordinate, and still has the levels that used to go with it. Levels next to an own coordinate
    become plain coordinates, because xarray makes no multi-index of them.
    """
    coords = args[1] if len(args) > 1 else kwargs.get("coords")
    dims = args[2] if len(args) > 2 else kwargs.get("dims")
    if isinstance(coords, xr.Coordinates) or not isinstance(coords, Mapping):
        return args, kwargs
    kept = {name: _without_own_level(name, value) for name, value in coords.items()}
    if dims is not None:
        new_dims = {dims} if isinstance(dims, str) else set(dims)
        kept = {name: value for name, value in kept.items() if not _is_left_level(name, value, coords, new_dims)}
    return ((args[0], kept, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "coords": kept})


def _without_own_level(name: Hashable, value: Any) -> Any:
    index = indexes_of(value).get(name) if isinstance(value, xr.DataArray) and value.ndim == 1 else None
    if isinstance(index, AssemblyIndex) and index.has_own_level:
        return xr.Variable(value.dims, index.levels[name].to_numpy(), value.attrs, value.encoding)
    return value


def _is_left_level(name: Hashable, value: Any, coords: Mapping[Any, Any], new_dims: set[Hashable]) -> bool:
    index = indexes_of(value).get(name) if isinstance(value, xr.DataArray) else None
    if isinstance(index, AssemblyIndex) and index.dim == name and list(index.index.names) != [name]:
        return index.index.nlevels == 1 and index.index.names[0] in coords  # the name of the dimension stands for it
    return isinstance(index, PandasMultiIndex) and index.dim not in new_dims and index.dim not in coords


def _is_text_of_rows(data: xr.DataArray, name: Hashable, value: Any) -> bool:
    """Tell whether the value is the coordinate of a whole index turned into text.

    Scripts that turn every coordinate into text assign this one too, and do not mean to lose its levels.
    """
    if not is_whole_multi_index(data, name) or coords_of(data)[name].ndim != 1:
        return False
    values = np.asarray(value[1] if isinstance(value, tuple) and len(value) == 2 else value)
    rows = coords_of(data)[name].values
    if values.dtype.kind not in "UO" or values.shape != rows.shape:
        return False
    return all(isinstance(v, str) and v == str(row) for v, row in zip(values, rows, strict=True))


def _plain(data: xr.DataArray, value: Any) -> Any:
    """Take a DataArray that lies on the same positions as its values alone, so that no index has to be aligned."""
    if not isinstance(value, xr.DataArray) or not set(value.dims) <= set(data.dims):
        return value
    for dim in value.dims:
        mine, theirs = indexes_of(data).get(dim), indexes_of(value).get(dim)
        if value.sizes[dim] != data.sizes[dim] or (mine is not None and theirs is not None and not mine.equals(theirs)):
            return value
    return value.variable.to_base_variable()


def _restore_order(data: xr.DataArray, names: list[Hashable]) -> None:
    """Put replaced levels back to where they were."""
    coords, indexes = dict(coords_of(data)), dict(indexes_of(data))
    for index, _ in data.xindexes.group_by_index():
        if isinstance(index, AssemblyIndex):
            now = list(index.index.names)
            wanted = [n for n in names if n in now] + [n for n in now if n not in names]
            if wanted != now:
                new = index.reorder_levels(dict.fromkeys(wanted))
                variables = new.create_variables(coords)
                coords.update(variables)
                indexes.update(dict.fromkeys(variables, new))
    place = {name: number for number, name in enumerate(names)}
    # Indexes as well: xarray aligns those whose names it finds in the same order.
    set_coords(data, _sorted_by_place(coords, place), _sorted_by_place(indexes, place))


def _sorted_by_place(part: Mapping[Hashable, Any], place: Mapping[Hashable, int]) -> dict[Hashable, Any]:
    return dict(sorted(part.items(), key=lambda item: place.get(item[0], len(place))))
