"""Encoding of arrays as netCDF variables, whose types, names and attributes netCDF can store.

Text becomes UTF-8 characters of fixed width, missing text an empty text that an attribute marks as missing. Booleans,
dates and durations are encoded as xarray encodes them. Writes no file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from brainio.errors import PackagingError
from brainio.netcdf.attributes import ARRAY_NAME, encode_attributes, is_storable_name
from brainio.netcdf.structure import DATA_NAME
from brainio.netcdf.text import encode_missing
from brainio.text import fault_of_text
from brainio.xarray_compat import is_in_memory, variable_of_values

# Text of fixed width opens fastest and compresses best, unless one text in a thousand is a whole document.
_MAX_TEXT_WIDTH = 1024
_STORABLE_KINDS = "biufS"
_CHARACTER_DIMENSION = re.compile("string[0-9]+")
# Lazy values up to this size are loaded: writing them needs another order than the one in which a file stores them.
_LOADED_BYTES = 128 << 20


class EncodedGroup(NamedTuple):
    """Attributes and variables of one group; the data variable is the last one, and names its coordinates."""

    attributes: dict[str, object]
    variables: dict[str, xr.Variable]


def encode_group(array: xr.DataArray) -> EncodedGroup:
    """Encode an array without multi-indexes, and its attributes, as one netCDF group.

    Parameters
    ----------
    array : xarray.DataArray
        Lazy numbers of more than 128 MiB stay lazy.

    Returns
    -------
    EncodedGroup
        Attributes and variables to store.

    Raises
    ------
    PackagingError
        netCDF cannot store a name, a type or an attribute, which the message names.

    Examples
    --------
    >>> group = encode_group(xr.DataArray([1.0, 2.0], dims=["x"], coords={"unit": ("x", ["a", "b"])}))
    >>> {name: (variable.dims, str(variable.dtype)) for name, variable in group.variables.items()}
    {'unit': (('x', 'string1'), '|S1'), 'data': (('x',), 'float64')}
    """
    attributes = encode_attributes(array.attrs)
    empty = [str(dim) for dim, size in array.sizes.items() if size == 0]
    if empty:
        raise PackagingError(f"the dimensions {', '.join(empty)} have no elements; there is nothing to store")
    variables: dict[str, xr.Variable] = {}
    for dim in array.dims:
        _check_name("dimension", dim)
        if _CHARACTER_DIMENSION.fullmatch(str(dim)):
            raise PackagingError(f"the dimension {dim!r} has a name that is reserved for characters of text; rename it")
    for name, coordinate in array.coords.variables.items():
        _check_name("coordinate", name)
        variables[str(name)] = _encode_variable(f"the coordinate {name!r}", coordinate)
    data = _encode_data(array.variable)
    data.attrs |= _encode_array_name(array.name)
    listed = [name for name in variables if name not in array.dims]
    if listed:
        data.attrs["coordinates"] = " ".join(listed)
    return EncodedGroup(attributes, variables | {DATA_NAME: data})


def _check_name(kind: str, name: object) -> None:
    if name == DATA_NAME or not is_storable_name(name) or set(str(name)) & {" "}:
        raise PackagingError(f"the {kind} {name!r} has a name that cannot be stored; use letters, digits, underscores")


def _encode_array_name(name: object) -> dict[str, object]:
    """Return the attribute that stores the name of an array, since its variable is always named `data`."""
    if name is None or name == DATA_NAME:
        return {}
    fault = fault_of_text(name) if isinstance(name, str) else "no text"
    if fault is not None:
        raise PackagingError(f"the name of the array is {name!r}, which holds {fault}; rename it with a.rename('...')")
    return {ARRAY_NAME: name}


def _encode_data(variable: xr.Variable) -> xr.Variable:
    """Encode the values; lazy numbers that are too large for memory are encoded when each block is written."""
    if is_in_memory(variable) or variable.dtype.kind not in "biuf" or variable.nbytes <= _LOADED_BYTES:
        return _encode_variable("the data", variable)
    sample = xr.Variable(variable.dims, np.zeros((1,) * variable.ndim, variable.dtype), variable.attrs)
    lazy = variable.copy(deep=False)
    lazy.attrs = _encode_variable("the data", sample).attrs
    return lazy


def _encode_variable(label: str, variable: xr.Variable) -> xr.Variable:
    values = np.asarray(variable.values)
    missing = np.zeros((), dtype=bool)
    if values.dtype.kind in "OUST":
        objects = np.asarray(values, dtype=object)
        values, missing = _as_single_type(label, objects), np.asarray(pd.isna(objects))
    attributes = encode_attributes(variable.attrs, are_dates=values.dtype.kind in "mM")
    plain = variable_of_values(variable.dims, values, attributes)
    if plain.dtype.kind == "O":
        plain.attrs |= encode_missing(missing, values)
        return _encode_text(label, plain)
    try:
        encoded = xr.conventions.encode_cf_variable(plain, name=label)
    except (ArithmeticError, LookupError, ValueError) as error:  # dates that are too far apart
        raise PackagingError(
            f"{label} has values of the type {variable.dtype} that xarray cannot store in one unit ({error!r}), such "
            f"as dates to the nanosecond over centuries; convert them to text, or round them to seconds"
        ) from error
    if encoded.dtype.kind not in _STORABLE_KINDS or encoded.dtype.itemsize not in {1, 2, 4, 8} or encoded.dtype == "f2":
        remedy = "store .real and .imag" if encoded.dtype.kind == "c" else "convert it, such as with .astype('float32')"
        raise PackagingError(f"{label} has the type {variable.dtype}, which netCDF cannot store; {remedy}")
    return encoded


def _as_single_type(label: str, values: np.ndarray) -> np.ndarray:
    """Convert objects to numbers or dates; text stays as objects, with missing text empty."""
    kind = pd.api.types.infer_dtype(values.ravel(), skipna=True)
    missing = np.asarray(pd.isna(values))
    if kind == "string":
        return np.where(missing, "", values)
    try:
        if kind in {"integer", "boolean"} and not missing.any():
            return values.astype(np.int64 if kind == "integer" else bool)
        if kind in {"integer", "floating", "mixed-integer-float", "empty"}:
            return np.where(missing, np.nan, values).astype(np.float64)
    except OverflowError as error:
        raise PackagingError(
            f"{label} has integers beyond 64 bits, which netCDF cannot store; convert them to text"
        ) from error
    if kind in {"datetime64", "datetime"}:
        dates = pd.to_datetime(values.ravel())
        if dates.tz is not None:
            raise PackagingError(
                f"{label} has dates with a time zone, which netCDF cannot store; convert them to UTC without a zone"
            )
        return dates.to_numpy().reshape(values.shape)
    types = sorted({type(value).__name__ for value in values.ravel()})
    remedy = "decode them to text" if types == ["bytes"] else "make all text or all numbers"
    raise PackagingError(
        f"{label} {'mixes' if len(types) > 1 else 'has'} values of the types {', '.join(types)}; {remedy}"
    )


def _encode_text(label: str, variable: xr.Variable) -> xr.Variable:
    # Presentations repeat few texts many times: encode each distinct text once.
    codes, texts = pd.factorize(variable.values.ravel())
    if any("\0" in text for text in texts):
        raise PackagingError(f"{label} has a text with a NUL character; remove it")
    try:
        encoded = [text.encode("utf-8") for text in texts]
    except UnicodeEncodeError as error:
        raise PackagingError(f"{label} has a text that is not valid Unicode: {error}") from error
    width = max(1, *map(len, encoded))
    if width > _MAX_TEXT_WIDTH:
        return variable
    characters = np.array(encoded, dtype=f"S{width}")[codes].view("S1").reshape(*variable.shape, width)
    return xr.Variable((*variable.dims, f"string{width}"), characters, variable.attrs | {"_Encoding": "utf-8"})
