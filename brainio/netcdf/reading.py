"""Reading the values of opened netCDF files with little memory.

xarray decodes variables by their attributes. Values that need no decoding go straight from the file into their final
array, and text along one dimension becomes integer codes block by block: neither is ever in memory twice.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.core import indexing
from xarray.indexes import PandasIndex

from brainio.netcdf.attributes import MASKS
from brainio.netcdf.opening import FileStore
from brainio.netcdf.text import (
    CodedText,
    LazyText,
    missing_in,
    read_text,
    text_reader,
    with_missing,
    without_missing,
)

if TYPE_CHECKING:
    from xarray.backends import NetCDF4DataStore

    from brainio.netcdf.opening import Store

_CHUNK_CACHE_BYTES = 1 << 20  # whole chunks are read once, one after the other; netCDF's 64 MB a variable help nobody
_TEXT_BLOCK_ROWS = 1 << 14
_SCALES = ("scale_factor", "add_offset", "_Unsigned")


def read_coordinates(array: xr.DataArray, store: Store) -> None:
    """Read all coordinates of an opened array, in place: text along one dimension as `CodedText`."""
    for name, variable in list(array._coords.items()):
        missing = missing_in(variable)
        if isinstance(variable, xr.IndexVariable):
            if missing is not None:
                _set_dimension_coordinate(array, name, with_missing(np.asarray(variable.values, dtype=object), missing))
            continue
        is_text = variable.ndim == 1 and variable.dtype.kind in "OST"
        read = text_reader(variable, store.ds.variables[name]) if is_text else None
        # `variable.load()`, or setting `variable.values`, would import dask
        rows = _TEXT_BLOCK_ROWS if isinstance(store, FileStore) else variable.size  # chunks are fetched once only
        values: Any
        if read is None:
            values = with_missing(np.asarray(variable.values), missing)
        else:
            values = CodedText(without_missing(read_text(read, variable.size, rows), missing))
        variable._data = values


def _set_dimension_coordinate(array: xr.DataArray, name: Any, values: np.ndarray) -> None:
    """Replace the values of a coordinate that is named as its dimension and has been read already, in place."""
    index = PandasIndex(pd.Index(values, dtype=object, name=name), name, coord_dtype=values.dtype)
    array._coords.update(index.create_variables({name: array._coords[name]}))
    array._indexes[name] = index


def mark_missing_text(array: xr.DataArray) -> None:
    """Give missing values to the texts of an opened array that its file marks as missing, in place; reads none."""
    variable = array._variable
    missing = missing_in(variable)
    if missing is not None:
        lazy: Any = indexing.LazilyIndexedArray(LazyText(variable._data, missing))
        variable._data = lazy


def try_decoding(array: xr.DataArray, store: Store) -> None:
    """Decode an empty part of an opened array, so that attributes that cannot be applied fail now, not when it is used.

    Raises
    ------
    Exception
        Of xarray, by the attribute; ValueError or LookupError for the encoding of texts.
    """
    if (encoding := array.encoding.get("_Encoding")) is not None:
        codecs.lookup(str(encoding))
        if getattr(store.ds.variables[array.name].dtype, "kind", "O") in "iuf":
            raise ValueError(f"the attribute _Encoding={encoding!r} of {array.name!r} is for texts, not for numbers")
    nothing = array._variable[tuple(slice(0, 0) for _ in array.dims)]
    are_dates_of_another_calendar = array.dtype == object and "calendar" in array.encoding
    if array.dims and not are_dates_of_another_calendar:  # xarray decodes the first of these as it opens, but not none
        np.asarray(nothing.values)


def leave_values(array: xr.DataArray) -> None:
    """Leave the values of an opened array where they are, in place: what is selected is read once, when it is used."""
    values: Any = indexing.MemoryCachedArray(indexing.CopyOnWriteArray(array._variable._data))
    array._variable._data = values


def leave_in_file(array: xr.DataArray, store: NetCDF4DataStore) -> None:
    """Leave the values of an opened array in its file, in place; each selection is read when it is used."""
    variable, name = array._variable, str(array.name)
    raw = store.ds.variables[name]
    if not _needs_decoding(variable, raw):
        # as the file has them: decoding would copy each block to put NaN in place of NaN
        stored: Any = indexing.LazilyIndexedArray(store.open_store_variable(name, raw)._data)
        variable._data = stored
    _limit_chunk_cache(store, raw)
    leave_values(array)


def read_values(array: xr.DataArray, store: NetCDF4DataStore) -> None:
    """Read the values of an opened array, in place."""
    variable = array._variable
    raw = store.ds.variables[array.name]
    if _needs_decoding(variable, raw):
        variable._data = np.asarray(variable.values)
        return
    raw.set_auto_maskandscale(False)
    _limit_chunk_cache(store, raw)
    variable._data = np.asarray(raw[...])


def _limit_chunk_cache(store: NetCDF4DataStore, raw: Any) -> None:
    if store.ds.data_model.startswith("NETCDF4"):  # netCDF-3 has no chunks
        raw.set_var_chunk_cache(size=_CHUNK_CACHE_BYTES)


def _needs_decoding(variable: xr.Variable, raw: Any) -> bool:
    """Tell whether the values of a variable are others than those in the file."""
    if variable.dtype.kind not in "iuf" or variable.dtype != raw.dtype:
        return True
    if any(name in variable.encoding for name in _SCALES):
        return True
    masks = [variable.encoding[name] for name in MASKS if name in variable.encoding]
    # NaN in place of NaN is no change, and what most published files ask for
    return any(variable.dtype.kind != "f" or not np.all(np.isnan(mask)) for mask in masks)
