"""What differs between an object in memory and what its files give back. Reads no file.

`docs/round-trips.md` lists the differences that are accepted; each other one is described with a remedy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies.coordinates import is_redundant_coordinate, values_of
from brainio.assemblies.loaders import IMAGE_ID, text_ids
from brainio.assemblies.stimulus_metadata import STIMULUS_ID, STIMULUS_SET, STIMULUS_SET_IDENTIFIER
from brainio.netcdf.attributes import equal_attributes
from brainio.netcdf.chunks import iter_blocks
from brainio.stimuli.columns import ColumnFault, column_values
from brainio.text import shortened, some
from brainio.validation import PATH_IN_STORE
from brainio.xarray_compat import coords_of

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping

_DATA_NAME = "data"


def array_differences(before: xr.DataArray, after: xr.DataArray, joined: Collection[Hashable] = ()) -> Iterator[str]:
    """Describe each part of an array that its file gives back otherwise.

    Parameters
    ----------
    before : xarray.DataArray
        The array in memory. Its values may be lazy: they are read block by block.
    after : xarray.DataArray
        The array that was loaded, with its values left in the file.
    joined : collection
        Names of coordinates that loading may add, from the stimulus set.

    Yields
    ------
    str
        The name of the part, its value and the value that it would take, and a remedy.

    Examples
    --------
    >>> array = xr.DataArray([1.0, 2.0], dims=["x"], coords={"k": ("x", [1, 2])}, name="data")
    >>> list(array_differences(array, array.assign_coords(k=("x", [1, 3]))))
    ["the coordinate 'k' is 2 at position 1 and would come back as 3; convert it, or drop it with drop_vars('k')"]
    """
    name = _DATA_NAME if before.name is None else before.name
    if name != after.name:
        yield f"the array is named {name!r} and would be named {after.name!r}; rename it"
    yield from _attribute_differences("the array", before.attrs, after.attrs, have_extras=True)
    if before.dims != after.dims or before.shape != after.shape:
        sizes = [dict(zip(array.dims, array.shape, strict=True)) for array in (before, after)]
        yield f"the array has the dimensions {sizes[0]} and would have {sizes[1]}; rename dimensions"
        return
    yield from _coordinate_differences(before, after, joined)
    difference = _values_difference(before.variable, after.variable)
    if difference is not None:
        yield f"the values of the array: {difference}; convert them, such as with astype"


def _values_difference(before: xr.Variable, after: xr.Variable) -> str | None:
    for place, values in iter_blocks(after):
        offset = tuple(part.start or 0 for part in place)
        difference = value_difference(np.asarray(before[place].values), values, offset=offset)
        if difference is not None:
            return difference
    return None


def _coordinate_differences(before: xr.DataArray, after: xr.DataArray, joined: Collection[Hashable]) -> Iterator[str]:
    """Compare coordinates one by one: the values of all levels at once would take much memory."""
    names, found = ([name for name in a.coords if not is_redundant_coordinate(a, name)] for a in (before, after))
    added = {STIMULUS_ID} if IMAGE_ID in names else set()
    for name in found:
        if name not in names and name not in joined and name not in added:
            yield f"the coordinate {name!r} would appear; rename the coordinates of {some(after[name].dims)}"
    for name in names:
        if name in found:
            yield from _coordinate_difference(name, before, after)
        else:
            yield f"the coordinate {name!r} would be missing; rename it, or drop it with drop_vars({name!r})"


def _coordinate_difference(name: Hashable, before: xr.DataArray, after: xr.DataArray) -> Iterator[str]:
    remedy = f"convert it, or drop it with drop_vars({name!r})"
    first, second = (coords_of(array)[name] for array in (before, after))
    if first.dims != second.dims:
        yield f"the coordinate {name!r} is along {first.dims} and would be along {second.dims}; {remedy}"
        return
    values = values_of(before, name)
    if name == STIMULUS_ID:
        values = text_ids(values)
    difference = value_difference(values, values_of(after, name), are_labels=True)
    if difference is not None:
        is_negative_zero = difference.startswith("is -0.0 ")
        yield f"the coordinate {name!r} {difference}; {'add 0.0 to it' if is_negative_zero else remedy}"
    yield from _attribute_differences(f"the coordinate {name!r}", first.attrs, second.attrs)


def _attribute_differences(
    what: str, before: Mapping[Any, Any], after: Mapping[Any, Any], *, have_extras: bool = False
) -> Iterator[str]:
    """Compare attributes; those of an array may be extras and a stimulus set, which are stored elsewhere."""
    stored = {
        name: value
        for name, value in before.items()
        if value is not None and not (have_extras and (name == STIMULUS_SET or isinstance(value, xr.DataArray)))
    }
    for name, value in stored.items():
        found = after.get(name)
        if not equal_attributes(value, found):
            was, would_be = (shortened(repr(each)) for each in (value, found))
            yield f"the attribute {name!r} of {what} is {was} and would come back as {would_be}; convert or delete it"
    for name, value in after.items():
        is_added = value is None or isinstance(value, xr.DataArray) or name in (STIMULUS_SET, STIMULUS_SET_IDENTIFIER)
        if name not in stored and not is_added:
            yield f"the attribute {name!r} of {what} would appear, as {shortened(repr(value))}; rename attributes"


def table_differences(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[str]:
    """Describe each column of a stimulus set that its CSV file gives back otherwise.

    Parameters
    ----------
    before : pandas.DataFrame
        The table that was written.
    after : pandas.DataFrame
        The table that was loaded.

    Examples
    --------
    >>> list(table_differences(pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [1.0, 2.0]})))
    ["the column 'n' has the type int64 and would have float64; convert it"]
    """
    names = [name for name in before.columns if name != PATH_IN_STORE]
    found = [name for name in after.columns if name in names or name != STIMULUS_ID]  # which `image_id` gives
    if names != found:
        yield f"the columns are {some(names)} and would be {some(found)}; rename them"
        return
    for name in names:
        values = column_values(name, before[name])
        if isinstance(values, ColumnFault):
            yield f"the column {name!r} holds {values.found}; expected {values.expected}. Fix: {values.fix}"
            continue
        expected = values.loaded()
        if expected.dtype != after[name].dtype:
            yield f"the column {name!r} has the type {expected.dtype} and would have {after[name].dtype}; convert it"
            continue
        difference = value_difference(_as_objects(expected), _as_objects(after[name]), are_labels=True)
        if difference is not None:
            yield f"the column {name!r} {difference}; convert it"


def _as_objects(column: pd.Series) -> np.ndarray:
    """Return the values of a column; those of nullable types as objects."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.to_numpy(dtype=object)


def value_difference(
    before: np.ndarray, after: np.ndarray, *, are_labels: bool = False, offset: tuple[int, ...] = ()
) -> str | None:
    """Describe the first value that comes back otherwise; None where all are the same.

    Parameters
    ----------
    before, after : numpy.ndarray
        Of the same shape.
    are_labels : bool, default False
        All kinds of NaN are the same missing value, as in a coordinate. Default: numbers have the same bits.
    offset : tuple of int
        The position of the first value, for the description.

    Examples
    --------
    >>> value_difference(np.array([1.0, -0.0]), np.array([1.0, 0.0]))
    'is -0.0 at position 1 and would come back as 0.0'
    >>> value_difference(np.array([1, None], dtype=object), np.array([1.0, np.nan]))
    """
    if before.dtype.kind in "OUST":
        same = _same_objects(before.astype(object), after)
    elif before.dtype.kind in "mM" and after.dtype.kind == before.dtype.kind:
        same = (before == after) | (np.isnat(before) & np.isnat(after))
    elif before.dtype != after.dtype:
        return f"has the type {before.dtype.str} and would have {after.dtype.str}"
    else:
        same = _same_bits(before, after)
        if are_labels and before.dtype.kind in "fc":
            same |= np.isnan(before) & np.isnan(after)
    if same.all():
        return None
    place = tuple(np.argwhere(~same)[0].tolist())
    shown = [shortened(repr(_plain(values[place]))) for values in (before, after)]
    position = ", ".join(str(at + start) for at, start in zip(place, offset or (0,) * len(place), strict=True))
    return f"is {shown[0]}{f' at position {position}' if position else ''} and would come back as {shown[1]}"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) and value.dtype.kind not in "mM" else value


def _same_bits(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    if before.dtype.kind == "f" and before.dtype.itemsize in (2, 4, 8):
        bits = f"u{before.dtype.itemsize}"
        return np.asarray(before.view(bits) == after.view(bits))
    return np.asarray(before == after)


def _same_objects(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Compare objects with what comes back for them: text as text, numbers, truths and dates as those of numpy."""
    if after.dtype.kind == "M":
        before = pd.to_datetime(before.ravel()).to_numpy().reshape(before.shape)
    missing = np.asarray(pd.isna(before)), np.asarray(pd.isna(after))
    before = before.copy()
    before[missing[0]] = None  # comparing pd.NA is an error
    same = np.asarray(before == after)
    return np.where(missing[0] | missing[1], missing[0] & missing[1], same.astype(bool))
