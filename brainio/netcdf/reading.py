"""Reading the values of opened netCDF files with little memory.

xarray decodes variables by their attributes. Values that need no decoding are read directly into their final array, and
text along one dimension becomes integer codes block by block: neither is ever in memory twice.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex

from brainio.netcdf.attributes import MASKS
from brainio.netcdf.opening import FileStore
from brainio.netcdf.text import (
    CodedText,
    MaskedText,
    find_missing,
    mask_level,
    mask_texts,
    read_text,
    text_reader,
)
from brainio.xarray_compat import (
    LazilyIndexedArray,
    coords_of,
    indexes_of,
    read_once,
    set_coords,
    set_stored_values,
    stored_values,
)

if TYPE_CHECKING:
    from xarray.backends import NetCDF4DataStore

    from brainio.netcdf.opening import Store

_CHUNK_CACHE_BYTES = 1 << 20  # each chunk is read once, so that netCDF's default of 64 MB per variable is wasted
_TEXT_BLOCK_ROWS = 1 << 14
_SCALES = ("scale_factor", "add_offset", "_Unsigned")


def read_coordinates(array: xr.DataArray, store: Store) -> None:
    """Read all coordinates of an opened array in place, text along one dimension as `CodedText`."""
    for name, variable in list(coords_of(array).items()):
        missing = find_missing(variable)
        if isinstance(variable, xr.IndexVariable):
            if missing is not None:
                _set_dimension_coordinate(array, name, mask_texts(np.asarray(variable.values, dtype=object), missing))
            continue
        is_text = variable.ndim == 1 and variable.dtype.kind in "OST"
        read = text_reader(variable, store.ds.variables[name]) if is_text else None
        # `variable.load()`, or setting `variable.values`, would import dask
        rows = _TEXT_BLOCK_ROWS if isinstance(store, FileStore) else variable.size  # a stream fetches each chunk once
        values: Any
        if read is None:
            values = mask_texts(np.asarray(variable.values), missing)
        else:
            values = CodedText(mask_level(read_text(read, variable.size, rows), missing))
        set_stored_values(variable, values)


def _set_dimension_coordinate(array: xr.DataArray, name: Any, values: np.ndarray) -> None:
    """Replace in place the values of a dimension coordinate, which xarray has read already."""
    index = PandasIndex(pd.Index(values, dtype=object, name=name), name, coord_dtype=values.dtype)
    coords = coords_of(array) | index.create_variables({name: coords_of(array)[name]})
    set_coords(array, coords, {**indexes_of(array), name: index})


def mask_missing_text(array: xr.DataArray) -> None:
    """Make the texts of an opened array missing that its file marks as missing, in place and lazily."""
    variable = array.variable
    missing = find_missing(variable)
    if missing is not None:
        set_stored_values(variable, LazilyIndexedArray(MaskedText(stored_values(variable), missing)))


def check_decoding(array: xr.DataArray, store: Store) -> None:
    """Decode an empty part of an opened array, so that invalid attributes fail now, not when the array is used.

    Raises
    ------
    Exception
        From xarray, for an invalid attribute; ValueError or LookupError for an invalid text encoding.
    """
    if (encoding := array.encoding.get("_Encoding")) is not None:
        codecs.lookup(str(encoding))
        if getattr(store.ds.variables[array.name].dtype, "kind", "O") in "iuf":
            raise ValueError(f"the attribute _Encoding={encoding!r} of {array.name!r} is for text, not for numbers")
    empty = array.variable[tuple(slice(0, 0) for _ in array.dims)]
    has_other_calendar = array.dtype == object and "calendar" in array.encoding
    if array.dims and not has_other_calendar:  # xarray decoded the first date at opening, and fails for none
        np.asarray(empty.values)


def read_lazily(array: xr.DataArray) -> None:
    """Defer reading the values of an opened array, in place: each selection is read once, when it is used."""
    set_stored_values(array.variable, read_once(stored_values(array.variable)))


def read_lazily_by_blocks(array: xr.DataArray, store: NetCDF4DataStore) -> None:
    """Defer reading the values of an array of a local file, in place; blocks are read without decoding if possible."""
    variable, name = array.variable, str(array.name)
    raw = store.ds.variables[name]
    if not _needs_decoding(variable, raw):
        # decoding would copy each block, only to replace NaN with NaN
        stored = stored_values(store.open_store_variable(name, raw))
        set_stored_values(variable, LazilyIndexedArray(stored))
    _limit_chunk_cache(store, raw)
    read_lazily(array)


def read_values(array: xr.DataArray, store: NetCDF4DataStore) -> None:
    """Read the values of an opened array, in place."""
    variable = array.variable
    raw = store.ds.variables[array.name]
    if _needs_decoding(variable, raw):
        set_stored_values(variable, np.asarray(variable.values))
        return
    raw.set_auto_maskandscale(False)
    _limit_chunk_cache(store, raw)
    set_stored_values(variable, np.asarray(raw[...]))


def _limit_chunk_cache(store: NetCDF4DataStore, raw: Any) -> None:
    if store.ds.data_model.startswith("NETCDF4"):  # netCDF-3 has no chunks
        raw.set_var_chunk_cache(size=_CHUNK_CACHE_BYTES)


def _needs_decoding(variable: xr.Variable, raw: Any) -> bool:
    """Return whether decoding changes the values of a variable."""
    if variable.dtype.kind not in "iuf" or variable.dtype != raw.dtype:
        return True
    if any(name in variable.encoding for name in _SCALES):
        return True
    masks = [variable.encoding[name] for name in MASKS if name in variable.encoding]
    # Most published files have the fill value NaN, which decoding replaces with NaN.
    return any(variable.dtype.kind != "f" or not np.all(np.isnan(mask)) for mask in masks)
