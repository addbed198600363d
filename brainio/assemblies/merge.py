"""Merging assemblies that hold different parts of the same data."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import xarray as xr

from brainio.assemblies.attrs import combine_stimulus_set
from brainio.assemblies.gather import gather_indexes
from brainio.errors import AssemblyFormatError
from brainio.xarray_compat import coords_of, indexes_of, replace_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T", bound=xr.DataArray)
_DATA = "data"


def merge_data_arrays(data_arrays: Sequence[T]) -> T:
    """Merge assemblies into one that has all their positions, sorted by their coordinates.

    Positions stay in the order of the assemblies where all but one are empty or equal to it, or where one of several
    coordinates mixes types that do not compare, such as numbers and text.

    Values that no assembly has are NaN. The class, name and attrs are those of the first; the stimulus set stays only
    if all agree on its identifier.

    Parameters
    ----------
    data_arrays : sequence of xarray.DataArray
        One or more assemblies with the same dimensions and the same levels. A single one comes back as it is.

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
