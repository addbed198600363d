"""Assigning and dropping coordinates of an assembly, one level at a time.

xarray refuses to touch one level of an index; here the index is rebuilt from the codes of its other levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr
from xarray.core.coordinates import DataArrayCoordinates
from xarray.indexes import PandasMultiIndex

from brainio.assemblies.gather import Coords, Indexes, gather, is_gathered
from brainio.assemblies.index import AssemblyIndex, as_assembly_index

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T", bound=xr.DataArray)


class AssemblyCoordinates(DataArrayCoordinates[Any]):
    """The coordinates of an assembly: assigning or deleting one leaves the other levels of its dimension."""

    __slots__ = ()

    def update(self, other: Mapping[Any, Any]) -> None:
        """Assign coordinates; each can be selected on at once, and a replaced level keeps its place."""
        data = self._data
        if not isinstance(other, xr.Coordinates):
            other = {k: v for k, v in other.items() if not _is_text_of_rows(data, k, v)}
        order = {name: list(data._coords) for name in other if name in data._coords}
        other = other if isinstance(other, xr.Coordinates) else {k: _plain(data, v) for k, v in other.items()}
        data._coords, data._indexes = without_levels(data, set(other))
        super().update(other)
        if not is_gathered(data._coords, data._indexes):
            data._coords, data._indexes = gather(data._coords, data._indexes)
        if order:
            _restore_order(data, next(iter(order.values())))

    def __delitem__(self, key: Hashable) -> None:
        if key not in self._data._coords:
            raise KeyError(f"there is no coordinate {key!r}; there are {list(self._data._coords)}")
        coords, indexes = without_levels(self._data, {key})
        coords.pop(key, None)
        indexes.pop(key, None)
        self._data._coords, self._data._indexes = coords, indexes


def drop_levels(array: T, names: set[Hashable]) -> tuple[T, set[Hashable]]:
    """Drop those of `names` that are levels; give the array and the names that are none."""
    levels = {name for name in names if isinstance(array._indexes.get(name), PandasMultiIndex)}
    if not levels:
        return array, names
    coords, indexes = without_levels(array, levels)
    return array._replace(coords=coords, indexes=indexes), names - levels


def without_levels(array: xr.DataArray, names: set[Hashable]) -> tuple[Coords, Indexes]:
    """Give coordinates and indexes without the named levels; the name of a dimension stands for its whole index."""
    coords: Coords = dict(array._coords)
    indexes: Indexes = dict(array._indexes)
    for index, variables in array.xindexes.group_by_index():
        gone = names & set(variables)
        if not gone or not isinstance(index, PandasMultiIndex):
            continue
        kept = [name for name in index.index.names if name not in names]
        if index.dim in names or not kept:
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
    dimension's own coordinate, and still has the levels that used to go with it.
    """
    coords = args[1] if len(args) > 1 else kwargs.get("coords")
    dims = args[2] if len(args) > 2 else kwargs.get("dims")
    if dims is None or isinstance(coords, xr.Coordinates) or not isinstance(coords, Mapping):
        return args, kwargs
    new_dims = {dims} if isinstance(dims, str) else set(dims)
    kept = {name: value for name, value in coords.items() if not _is_left_level(name, value, coords, new_dims)}
    return ((args[0], kept, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "coords": kept})


def _is_left_level(name: Hashable, value: Any, coords: Mapping[Any, Any], new_dims: set[Hashable]) -> bool:
    index = value._indexes.get(name) if isinstance(value, xr.DataArray) else None
    return isinstance(index, PandasMultiIndex) and index.dim not in new_dims and index.dim not in coords


def _is_text_of_rows(data: xr.DataArray, name: Hashable, value: Any) -> bool:
    """Tell whether the value is the coordinate of a whole index turned into text.

    Scripts that turn every coordinate into text assign this one too, and do not mean to lose its levels.
    """
    index = data._indexes.get(name)
    if not isinstance(index, AssemblyIndex) or index.dim != name:
        return False
    values = np.asarray(value[1] if isinstance(value, tuple) and len(value) == 2 else value)
    if values.dtype.kind not in "UO" or values.shape != (len(index.index),):
        return False
    return all(isinstance(v, str) and v == str(row) for v, row in zip(values, index.index, strict=True))


def _plain(data: xr.DataArray, value: Any) -> Any:
    """Take a DataArray that lies on the same positions as its values alone, so that no index has to be aligned."""
    if not isinstance(value, xr.DataArray) or not set(value.dims) <= set(data.dims):
        return value
    for dim in value.dims:
        mine, theirs = data._indexes.get(dim), value._indexes.get(dim)
        if value.sizes[dim] != data.sizes[dim] or (mine is not None and theirs is not None and not mine.equals(theirs)):
            return value
    return value.variable.to_base_variable()


def _restore_order(data: xr.DataArray, names: list[Hashable]) -> None:
    """Put replaced levels back to where they were."""
    coords, indexes = dict(data._coords), dict(data._indexes)
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
    data._coords = dict(sorted(coords.items(), key=lambda item: place.get(item[0], len(place))))
    data._indexes = indexes
