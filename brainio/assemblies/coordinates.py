"""Coordinates of an assembly: listing, comparing and flattening them.

Works on any DataArray, with any index. Builds no index (see `gathering`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex, PandasMultiIndex

from brainio.assemblies.index import AssemblyIndex
from brainio.levels import Level, factorize_level
from brainio.xarray_compat import coords_of, indexes_of, replace_parts, variable_of_values

T = TypeVar("T", bound=xr.DataArray)
Metadata = tuple[str, tuple[str, ...], np.ndarray]


def as_text_objects(values: np.ndarray) -> np.ndarray:
    """Convert fixed-width text or bytes to an object array of `str`; other values are returned unchanged."""
    if values.dtype.kind == "S":
        return np.array([value.decode() for value in values.ravel()], dtype=object).reshape(values.shape)
    if values.dtype.kind in "UT":
        return values.astype(object)
    return values


def flatten_index(assembly: xr.DataArray) -> xr.DataArray:
    """Convert an assembly to a plain `xarray.DataArray` that netCDF can store.

    Every level of a multi-index becomes a coordinate without an index, in the order of `assembly.coords`. Coordinates
    of tuples, which stand for a whole multi-index or are left from a dropped dimension, are removed. Values are shared,
    not copied; `name` is kept; `attrs` become a new dict with the same entries.

    >>> from brainio.assemblies import DataAssembly
    >>> flat = flatten_index(DataAssembly([1.0, 2.0], coords={"a": ("x", [1, 2]), "b": ("x", ["k", "l"])}, dims=["x"]))
    >>> type(flat).__name__, list(flat.coords), list(flat.xindexes)
    ('DataArray', ['a', 'b'], [])
    """
    coords: dict[Hashable, xr.Variable] = {}
    for name, coord in assembly.coords.variables.items():
        if is_redundant_coordinate(assembly, name):
            continue
        values = values_of(assembly, name)
        # Otherwise pandas would copy each text to find out whether they are dates.
        coords[name] = variable_of_values(coord.dims, values, coord.attrs, coord.encoding)
    return replace_parts(xr.DataArray(assembly.variable, name=assembly.name), coords=coords, indexes={})


def values_of(assembly: xr.DataArray, name: Hashable) -> np.ndarray:
    """Return the values of a coordinate, with text as objects of `str`; levels are decoded from their codes."""
    index = indexes_of(assembly).get(name)
    if isinstance(index, AssemblyIndex) and name in index.index.names:
        return index.levels[name].to_numpy()
    return as_text_objects(np.asarray(coords_of(assembly)[name].values))


def is_whole_multi_index(assembly: xr.DataArray, name: Hashable) -> bool:
    """Return whether the coordinate represents a whole multi-index, with tuples as values."""
    index = _multi_index_of(assembly, name)
    return index is not None and name not in index.names


def is_redundant_coordinate(assembly: xr.DataArray, name: Hashable) -> bool:
    """Return whether a coordinate only repeats others: the tuples of a multi-index, or of one that was dropped."""
    if isinstance(index := indexes_of(assembly).get(name), PandasMultiIndex):
        return name not in index.index.names
    others = [variable for other, variable in coords_of(assembly).items() if other != name]
    return holds_row_tuples(coords_of(assembly)[name], others)


def holds_row_tuples(variable: xr.Variable, others: Sequence[xr.Variable]) -> bool:
    """Return whether a coordinate consists of tuples of the values of other coordinates at the same positions."""
    return coords_in_row_tuples(variable, dict(enumerate(others))) is not None


def coords_in_row_tuples(variable: xr.Variable, others: Mapping[Hashable, xr.Variable]) -> list[Hashable] | None:
    """Return the names of the coordinates whose values form the tuples of a coordinate, or None for other values."""
    if variable.ndim > 1 or variable.dtype != object or not variable.size:
        return None
    rows = np.atleast_1d(variable.values)
    if not isinstance(rows[0], tuple) or len({len(row) if isinstance(row, tuple) else -1 for row in rows}) > 1:
        return None
    names: list[Hashable] = []
    for place in range(len(rows[0])):
        column = [row[place] for row in rows]
        equal_names = (
            name
            for name, other in others.items()
            if name not in names and set(other.dims) <= set(variable.dims) and _are_equal(column, other)
        )
        if (name := next(equal_names, None)) is None:
            return None
        names.append(name)
    return names


def _are_equal(column: Sequence[Any], other: xr.Variable) -> bool:
    values = np.broadcast_to(np.asarray(other.values, dtype=object), len(column)).tolist()
    return all(
        isinstance(first, tuple) == isinstance(second, tuple)
        and (first == second or (pd.isna(first) and pd.isna(second)))
        for first, second in zip(column, values, strict=True)
    )


def row_tuples_as_text(assembly: T, dtype: Any) -> T:
    """Convert the coordinate of a whole multi-index to text if `dtype` is text, since numpy refuses to convert tuples.

    Any other array is returned unchanged.
    """
    if not _is_row_coordinate(assembly) or np.dtype(dtype).kind != "U":
        return assembly
    texts = np.array([str(row) for row in assembly.values], dtype=object)
    return replace_parts(assembly, xr.Variable(assembly.dims, texts, assembly.attrs))


def _is_row_coordinate(array: xr.DataArray) -> bool:
    """Return whether the array is the coordinate of a whole multi-index, with tuples as values."""
    if array.ndim != 1 or array.name != array.dims[0] or not is_whole_multi_index(array, array.name):
        return False
    return array.dtype == object and all(isinstance(row, tuple) for row in array.values[:1])


def _multi_index_of(assembly: xr.DataArray, name: Hashable) -> pd.MultiIndex | None:
    """Return the pandas multi-index of a coordinate, or None if its index is another one."""
    index = assembly.xindexes.get(name)
    return index.index if isinstance(index, PandasMultiIndex) else None


def unknown_name_message(assembly: xr.DataArray, name: Hashable, purpose: str = "") -> str:
    """Return the message for an unknown coordinate or dimension; `purpose` is, for example, " to sort by"."""
    coordinates = [coordinate for coordinate in coords_of(assembly) if coordinate not in assembly.dims]
    return (
        f"there is no coordinate or dimension {name!r}{purpose}; there are the dimensions {assembly.dims} and the "
        f"coordinates {coordinates}"
    )


def walk_coords(assembly: xr.DataArray) -> Iterator[Metadata]:
    """Yield `(name, dimensions, values)` for every coordinate and for every level of an index.

    Rebuild an assembly by `type(a)(values, coords={c: (d, v) for c, d, v in walk_coords(a)}, dims=a.dims)`.

    >>> from brainio.assemblies import DataAssembly
    >>> a = DataAssembly([1.0, 2.0], coords={"a": ("x", [1, 2]), "b": ("x", ["k", "l"]), "c": 3}, dims=["x"])
    >>> [(name, dims, values.tolist()) for name, dims, values in walk_coords(a)]
    [('c', (), 3), ('a', ('x',), [1, 2]), ('b', ('x',), ['k', 'l'])]
    """
    return get_metadata(assembly)


def _names_in_order(assembly: xr.DataArray) -> Iterator[Hashable]:
    """Yield coordinate names, with those of one multi-index together."""
    listed: set[Hashable] = set()
    for name, variable in coords_of(assembly).items():
        if name in listed:
            continue
        index = _multi_index_of(assembly, name)
        names = [name] if index is None else list(dict.fromkeys([variable.dims[0], *index.names]))
        yield from (part for part in names if part in coords_of(assembly))
        listed.update(names)


def get_metadata(
    assembly: xr.DataArray,
    dims: Sequence[str] | None = None,
    names_only: bool = False,
    include_coords: bool = True,
    include_indexes: bool = True,
    include_multi_indexes: bool = False,
    include_levels: bool = True,
) -> Iterator[Any]:
    """Yield `(name, dimensions, values)` of the coordinates of some kinds, or only their names.

    Parameters
    ----------
    dims : sequence of str, optional
        Only coordinates with dimensions, all of which are among these. Default: all coordinates, including scalars.
    names_only : bool, default False
        Yield names instead of triples.
    include_coords, include_indexes, include_multi_indexes, include_levels : bool
        Coordinates without index; single coordinates that index their dimension, whether or not they have its name;
        multi-indexes as a whole, under the name of the dimension (values: tuples); levels of multi-indexes.
    """
    for name in _names_in_order(assembly):
        variable = coords_of(assembly)[name]
        if dims is not None and not (variable.dims and set(variable.dims) <= set(dims)):
            continue
        index = assembly.xindexes.get(name)
        if isinstance(index, AssemblyIndex) and index.index.nlevels == 1:
            is_included = include_indexes and not is_whole_multi_index(assembly, name)
        elif isinstance(index, PandasMultiIndex):
            is_included = include_multi_indexes if is_whole_multi_index(assembly, name) else include_levels
        elif isinstance(index, PandasIndex):
            is_included = include_indexes
        else:
            is_included = include_coords
        if is_included:
            yield name if names_only else (name, variable.dims, np.asarray(variable.values))


def get_levels(assembly: xr.DataArray) -> list[str]:
    """Return the names of the levels of all multi-indexes.

    A single coordinate of a dimension does not count as a level, although it can be selected by.
    """
    return [str(name) for name in get_metadata(assembly, names_only=True, include_coords=False, include_indexes=False)]


def coords_for_dim(assembly: xr.DataArray, dim: str) -> dict[str, np.ndarray]:
    """Return the values of the one-dimensional coordinates of `dim` without an index, by name.

    An assembly has none until `reset_index`: every such coordinate is a level.
    """
    return {
        str(name): np.asarray(variable.values)
        for name, variable in coords_of(assembly).items()
        if variable.dims == (dim,) and name not in assembly.xindexes
    }


def array_is_element(arr: Sequence[Any] | np.ndarray, element: Any) -> bool:
    """Return whether `arr` has `element` as its only element, such as the dimensions of a coordinate.

    >>> array_is_element(("neuroid",), "neuroid"), array_is_element(("neuroid", "time_bin"), "neuroid")
    (True, False)
    """
    return len(arr) == 1 and bool(np.all(arr[0] == element))


def dimension_of(array: xr.DataArray, name: Any) -> Any:
    """Return the dimension of a level; any other value is returned unchanged."""
    if not isinstance(name, str) or name in array.dims or name not in coords_of(array):
        return name
    dims = coords_of(array)[name].dims
    return dims[0] if len(dims) == 1 else name


def dimensions_of(array: xr.DataArray, names: Any) -> Any:
    """Return the dimensions of one or several levels, without duplicates."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        return dimension_of(array, names)
    return list(dict.fromkeys(dimension_of(array, name) for name in names))


def with_dimensions_as_keys(array: xr.DataArray, mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """Replace the names of levels among the keys of a mapping by their dimensions.

    Raises
    ------
    ValueError
        Two keys mean the same dimension.
    """
    renamed = {dimension_of(array, name): value for name, value in mapping.items()}
    if len(renamed) < len(mapping):
        raise ValueError(f"several of {list(mapping)} mean the same dimension of {array.dims}; pass one of them")
    return renamed


def levels_of(assembly: xr.DataArray, names: Sequence[Hashable]) -> list[Level]:
    """Return coordinates as levels, from their index or else factorized."""
    levels = []
    for name in names:
        index = indexes_of(assembly).get(name)
        if isinstance(index, AssemblyIndex) and name in index.index.names:
            levels.append(index.levels[name])
        else:
            levels.append(factorize_level(np.asarray(coords_of(assembly)[name].values)))
    return levels
