"""Assignment of coordinates: single levels are assigned and dropped, the others stay.

xarray refuses to change one level of an index; here the index is rebuilt from the codes of its other levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasMultiIndex

from brainio.assemblies.coordinates import coords_in_row_tuples, holds_row_tuples, is_whole_multi_index
from brainio.assemblies.gathering import Coords, Indexes, gather, is_gathered
from brainio.assemblies.index import AssemblyIndex, as_assembly_index
from brainio.xarray_compat import ArrayCoordinates, coords_of, indexes_of, replace_parts, set_coords

if TYPE_CHECKING:
    from collections.abc import Hashable


T = TypeVar("T", bound=xr.DataArray)


class AssemblyCoordinates(ArrayCoordinates):
    """The coordinates of an assembly: assigning or deleting one keeps the other levels of its dimension."""

    __slots__ = ()

    def update(self, other: Mapping[Any, Any]) -> None:
        """Assign coordinates, which can be selected by at once; a replaced level keeps its place."""
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
        is_own_level = isinstance(index, AssemblyIndex) and index.has_dimension_level and index.dim == key
        coords, indexes = _without_levels(self._array, {key})
        if not is_own_level:  # else a coordinate of that name remains: the tuples of the other levels
            coords.pop(key, None)
            indexes.pop(key, None)
        set_coords(self._array, coords, indexes)


def _parts_of_dropped_dims(data: xr.DataArray) -> dict[Hashable, list[Hashable]]:
    """Return, for each coordinate of tuples that a dropped dimension left, the coordinates that these repeat."""
    parts_by_name = {}
    for name, variable in coords_of(data).items():
        if not isinstance(indexes_of(data).get(name), PandasMultiIndex):
            others = {other: v for other, v in coords_of(data).items() if other != name}
            if (parts := coords_in_row_tuples(variable, others)) is not None:
                parts_by_name[name] = parts
    return parts_by_name


def _update_rows(data: xr.DataArray, rows: Mapping[Hashable, list[Hashable]]) -> None:
    """Update tuples that repeat other coordinates after a dimension was dropped; drop stale arrays of tuples."""
    if not rows:
        return
    coords, indexes = dict(coords_of(data)), dict(indexes_of(data))
    for name, parts in rows.items():
        variable, own = coords[name], [coords.get(part) for part in parts]
        if variable.ndim == 0 and all(part is not None and part.ndim == 0 for part in own):
            value = np.empty((), dtype=object)
            value[()] = tuple(part.values[()] for part in own if part is not None)
            coords[name] = xr.Variable((), value, variable.attrs, variable.encoding)
        elif variable.ndim == 1 and not holds_row_tuples(variable, [part for part in own if part is not None]):
            del coords[name]
            indexes.pop(name, None)
    set_coords(data, coords, indexes)


def _without_assigned(data: xr.DataArray, assigned: Mapping[Any, Any]) -> tuple[Coords, Indexes]:
    """Return coordinates and indexes without the assigned names.

    A coordinate that is named as its dimension replaces none of the levels.
    """
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
    return _without_levels(replace_parts(data, coords=coords, indexes=indexes), set(assigned))


def _is_multi_index(value: Any) -> bool:
    """Return whether an assigned value replaces all levels: it is a multi-index or consists of tuples."""
    if isinstance(value, xr.DataArray | xr.Variable):
        variable = value.variable if isinstance(value, xr.DataArray) else value
        value = variable.to_index() if variable.ndim == 1 else variable.values
    elif isinstance(value, tuple) and len(value) > 1:
        value = value[1]
    return isinstance(value, pd.MultiIndex) or (
        len(np.shape(value)) == 1 and isinstance(next(iter(value), None), tuple)
    )


def drop_levels(array: T, names: set[Hashable]) -> tuple[T, set[Hashable]]:
    """Drop the levels among `names`; return the array and the remaining names."""
    levels = {name for name in names if isinstance(indexes_of(array).get(name), PandasMultiIndex)}
    if not levels:
        return array, names
    coords, indexes = _without_levels(array, levels)
    return replace_parts(array, coords=coords, indexes=indexes), names - levels


def _without_levels(array: xr.DataArray, names: set[Hashable]) -> tuple[Coords, Indexes]:
    """Return coordinates and indexes without the named levels; the name of a dimension means all its levels."""
    coords: Coords = dict(coords_of(array))
    indexes: Indexes = dict(indexes_of(array))
    for index, variables in array.xindexes.group_by_index():
        dropped = names & set(variables)
        if not dropped or not isinstance(index, PandasMultiIndex):
            continue
        remaining = [name for name in index.index.names if name not in names]
        if (index.dim in names and index.dim not in index.index.names) or not remaining:
            for name in variables:
                coords.pop(name)
                indexes.pop(name)
            continue
        new = as_assembly_index(index).keep_levels(dict.fromkeys(remaining))
        new_variables = new.create_variables(coords)
        for name in dropped:
            coords.pop(name)
            indexes.pop(name)
        coords.update(new_variables)
        indexes.update(dict.fromkeys(new_variables, new))
    return coords, indexes


def without_stale_levels(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Remove levels of dimensions that a new array lacks from the arguments of its constructor.

    Scripts omit a dimension by `{name: c for name, c in a.coords.items() if name != "neuroid"}`, which leaves the
    other levels of that dimension behind. Levels next to a coordinate that is named as their dimension become plain
    coordinates, because xarray builds no multi-index from them.
    """
    coords = args[1] if len(args) > 1 else kwargs.get("coords")
    dims = args[2] if len(args) > 2 else kwargs.get("dims")
    if isinstance(coords, xr.Coordinates) or not isinstance(coords, Mapping):
        return args, kwargs
    kept = {name: _without_dimension_level(name, value) for name, value in coords.items()}
    if dims is not None:
        new_dims = {dims} if isinstance(dims, str) else set(dims)
        kept = {name: value for name, value in kept.items() if not _is_stale_level(name, value, coords, new_dims)}
    return ((args[0], kept, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "coords": kept})


def _without_dimension_level(name: Hashable, value: Any) -> Any:
    index = indexes_of(value).get(name) if isinstance(value, xr.DataArray) and value.ndim == 1 else None
    if isinstance(index, AssemblyIndex) and index.has_dimension_level:
        return xr.Variable(value.dims, index.levels[name].to_numpy(), value.attrs, value.encoding)
    return value


def _is_stale_level(name: Hashable, value: Any, coords: Mapping[Any, Any], new_dims: set[Hashable]) -> bool:
    index = indexes_of(value).get(name) if isinstance(value, xr.DataArray) else None
    if isinstance(index, AssemblyIndex) and index.dim == name and list(index.index.names) != [name]:
        return index.index.nlevels == 1 and index.index.names[0] in coords  # the dimension repeats it
    return isinstance(index, PandasMultiIndex) and index.dim not in new_dims and index.dim not in coords


def _is_text_of_rows(data: xr.DataArray, name: Hashable, value: Any) -> bool:
    """Return whether the value is the coordinate of a whole index, converted to text.

    Scripts that convert every coordinate to text assign this one as well, without the intention to drop its levels.
    """
    if not is_whole_multi_index(data, name) or coords_of(data)[name].ndim != 1:
        return False
    values = np.asarray(value[1] if isinstance(value, tuple) and len(value) == 2 else value)
    rows = coords_of(data)[name].values
    if values.dtype.kind not in "UO" or values.shape != rows.shape:
        return False
    return all(isinstance(v, str) and v == str(row) for v, row in zip(values, rows, strict=True))


def _plain(data: xr.DataArray, value: Any) -> Any:
    """Reduce a DataArray of the same positions to its values, so that no index has to be aligned."""
    if not isinstance(value, xr.DataArray) or not set(value.dims) <= set(data.dims):
        return value
    for dim in value.dims:
        mine, theirs = indexes_of(data).get(dim), indexes_of(value).get(dim)
        if value.sizes[dim] != data.sizes[dim] or (mine is not None and theirs is not None and not mine.equals(theirs)):
            return value
    return value.variable.to_base_variable()


def _restore_order(data: xr.DataArray, names: list[Hashable]) -> None:
    """Restore the order of replaced levels."""
    coords, indexes = dict(coords_of(data)), dict(indexes_of(data))
    for index, _ in data.xindexes.group_by_index():
        if isinstance(index, AssemblyIndex):
            current = list(index.index.names)
            restored = [n for n in names if n in current] + [n for n in current if n not in names]
            if restored != current:
                new = index.reorder_levels(dict.fromkeys(restored))
                variables = new.create_variables(coords)
                coords.update(variables)
                indexes.update(dict.fromkeys(variables, new))
    place = {name: number for number, name in enumerate(names)}
    # Indexes as well: xarray aligns those whose names it finds in the same order.
    set_coords(data, _sorted_by_place(coords, place), _sorted_by_place(indexes, place))


def _sorted_by_place(part: Mapping[Hashable, Any], place: Mapping[Hashable, int]) -> dict[Hashable, Any]:
    return dict(sorted(part.items(), key=lambda item: place.get(item[0], len(place))))
