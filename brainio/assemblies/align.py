"""Bringing arrays that carry other indexes, or none, to the positions of an assembly.

xarray aligns two indexes only if they are of one kind and list the same levels in the same order. These functions
prepare arrays for it, or give values position by position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray.indexes import PandasMultiIndex

from brainio.assemblies.codes import lexsort_codes
from brainio.assemblies.index import AssemblyIndex, as_assembly_index

if TYPE_CHECKING:
    from collections.abc import Hashable


def comparable(assembly: xr.DataArray, other: Any) -> Any:
    """Give the other operand indexes that xarray can align with those of the assembly."""
    if not isinstance(other, xr.DataArray):
        return other
    changed = other
    for dim in set(assembly.dims) & set(other.dims):
        mine, theirs = assembly._indexes.get(dim), other._indexes.get(dim)
        if mine is None or theirs is None or not isinstance(mine, AssemblyIndex):
            continue
        if isinstance(theirs, PandasMultiIndex) and set(theirs.index.names) == set(mine.index.names):
            if not (isinstance(theirs, AssemblyIndex) and theirs.index.names == mine.index.names):
                changed = _with_index(changed, as_assembly_index(theirs).reorder_levels(mine.levels))
        elif other.sizes[dim] == assembly.sizes[dim] and _agree_on_common_levels(mine, theirs):
            changed = xr.DataArray(changed).reset_index([dim])
            changed = changed.drop_vars([name for name in (dim, *mine.index.names) if name in changed._coords])
    return changed


def _agree_on_common_levels(mine: AssemblyIndex, theirs: Any) -> bool:
    """Tell whether positions correspond: the levels that both indexes have are equal row by row."""
    if not isinstance(theirs, PandasMultiIndex):
        return True
    common = [name for name in mine.index.names if name in theirs.index.names]
    other = as_assembly_index(theirs).keep_levels(dict.fromkeys(common)) if common else None
    return other is None or mine.keep_levels(dict.fromkeys(common)).equals(other.reorder_levels(dict.fromkeys(common)))


def _with_index(array: xr.DataArray, index: AssemblyIndex) -> xr.DataArray:
    variables = index.create_variables(array._coords)
    coords = {k: v for k, v in array._coords.items() if k not in variables}
    return array._replace(coords={**coords, **variables}, indexes={**array._indexes, **dict.fromkeys(variables, index)})


def sort_key(assembly: xr.DataArray, key: Any) -> tuple[Hashable, np.ndarray]:
    """Give the dimension that a key sorts, and one value a position.

    The key is the name of a coordinate or dimension, or a one-dimensional DataArray. That is taken position by position
    whatever index it carries, unless its index has the assembly's rows in another order: then it is matched by them.
    """
    if not isinstance(key, xr.DataArray):
        index = assembly._indexes.get(key)
        if isinstance(index, AssemblyIndex) and index.dim == key:
            return key, np.argsort(lexsort_codes(list(index.levels.values())), kind="stable")
        key = assembly[key]
    if key.ndim != 1 or key.dims[0] not in assembly.dims:
        raise ValueError(f"can sort by one-dimensional coordinates only; {key.name!r} has dimensions {key.dims}")
    dim = key.dims[0]
    if key.size != assembly.sizes[dim]:
        raise ValueError(f"cannot sort {dim!r} of length {assembly.sizes[dim]} by an array of length {key.size}")
    values = np.asarray(key.values)
    mine, theirs = assembly._indexes.get(dim), key._indexes.get(dim)
    if not isinstance(mine, AssemblyIndex) or not isinstance(theirs, PandasMultiIndex) or mine.equals(theirs):
        return dim, values
    if set(mine.index.names) == set(theirs.index.names) and theirs.index.is_unique:
        found = as_assembly_index(theirs).reindex_like(mine)[dim]
        if (found >= 0).all():
            return dim, values[found]
    return dim, values
