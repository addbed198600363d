"""Alignment of assemblies with arrays that have other indexes or none: operators, sorting, merging.

xarray aligns two indexes only if they are of the same class and list the same levels in the same order. These functions
prepare arrays accordingly, or match positions themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr
from xarray.indexes import PandasIndex, PandasMultiIndex

from brainio.assemblies.gathering import gather_indexes
from brainio.assemblies.index import AssemblyIndex, as_assembly_index, dimension_index
from brainio.assemblies.stimulus_metadata import combine_stimulus_set
from brainio.errors import AssemblyFormatError
from brainio.levels import Level, factorize_level, lexsort_codes
from brainio.xarray_compat import coords_of, indexes_of, replace_parts

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


def with_plain_dimension_indexes(array: Any, other: Any) -> Any:
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


def with_alignable_indexes(assembly: xr.DataArray, other: Any) -> Any:
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


T = TypeVar("T", bound=xr.DataArray)
_DATA = "data"


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
