"""Readback: load the files of a package before publishing, and compare them with the packaged object.

Uses the same loaders as users. `docs/round-trips.md` lists the accepted differences; every other one is an error that
names a remedy, and nothing is published.
"""

from __future__ import annotations

import warnings
from collections import deque
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import AssemblyLoader, DataAssembly, StimulusReferenceAssemblyLoader
from brainio.assemblies.coordinates import is_redundant_coordinate, values_of
from brainio.assemblies.loaders import IMAGE_ID, text_ids
from brainio.assemblies.stimulus_metadata import STIMULUS_ID, STIMULUS_SET, STIMULUS_SET_IDENTIFIER
from brainio.cache import hash_file
from brainio.cache.archive import iter_member_blocks, open_archive, safe_members
from brainio.errors import AssemblyFormatError, FormatError, FormatWarning, PackagingError
from brainio.netcdf.attributes import equal_attributes
from brainio.netcdf.chunks import iter_blocks
from brainio.progress import TransferBar
from brainio.stimuli import StimulusSet
from brainio.stimuli.columns import ColumnFault, column_values
from brainio.text import shorten, some
from brainio.validation import PATH_IN_STORE
from brainio.xarray_compat import coords_of

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
    from pathlib import Path


_MAX_LISTED = 20  # differences in one message
_DATA_NAME = "data"


def check_arrays(path: Path, arrays: Mapping[str, xr.DataArray]) -> None:
    """Compare the groups of a netCDF file with the arrays that were written to them.

    Parameters
    ----------
    path : Path
        The file.
    arrays : mapping
        Name of the group (`''`: the root) -> the array that was written to it.

    Raises
    ------
    PackagingError
        The file cannot be loaded, or its content differs. The message lists each difference with a remedy.
    """
    differences: list[str] = []
    for group, array in arrays.items():
        loader = AssemblyLoader(DataAssembly, path, group=group or "/", in_blocks=True)
        changes = _array_differences(array, _load(loader))
        differences += [f"in the group {group!r}, {change}" if group else change for change in changes]
    _raise_for_differences(differences)


def check_assembly(
    path: Path, assembly: xr.DataArray, assembly_class: type[DataAssembly], extras: Mapping[str, xr.DataArray]
) -> None:
    """Load the file of an assembly by its class, join the stimulus set, and compare it with the packaged assembly.

    Parameters
    ----------
    path : Path
        The file.
    assembly : xarray.DataArray
        Its attributes are those that are stored; `attrs['stimulus_set']` is the set, if it is known.
    assembly_class : type
        The class of the loaded object.
    extras : mapping
        Name -> additional array in the file.

    Raises
    ------
    PackagingError
        As for `check_arrays`.
    """
    stimuli, identifier = assembly.attrs.get(STIMULUS_SET), assembly.attrs.get(STIMULUS_SET_IDENTIFIER)
    loader_class = assembly_class.get_loader_class()
    if issubclass(loader_class, StimulusReferenceAssemblyLoader):
        loader: AssemblyLoader = loader_class(assembly_class, path, identifier, stimuli, in_blocks=True)
    else:
        loader = loader_class(assembly_class, path, in_blocks=True)
    loaded = _load(loader)
    differences = list(_array_differences(assembly, loaded, () if stimuli is None else list(stimuli.columns)))
    for name, extra in extras.items():
        differences += [f"in the extra {name!r}, {found}" for found in _array_differences(extra, loaded.attrs[name])]
    _raise_for_differences(differences)


def check_stimulus_set(csv_path: Path, zip_path: Path, stimuli: StimulusSet, zip_sha1: str) -> None:
    """Load the files of a stimulus set and compare them with the packaged one.

    The table is compared by value, and the archive must contain each path. The bytes of the archive are compared by
    hash, and its deflated members are unpacked.

    Parameters
    ----------
    csv_path, zip_path : Path
        The files.
    stimuli : StimulusSet
        The packaged set with the column `filename` as written.
    zip_sha1 : str
        The SHA-1 of the bytes that were written to the archive.

    Raises
    ------
    PackagingError
        The files cannot be loaded, or their content differs. The message lists each difference.
    """
    folder = csv_path.parent
    try:
        loaded = StimulusSet.from_files(csv_path, folder)
        with open_archive(zip_path) as archive:
            members = safe_members(zip_path, archive)
            for member in members.values():
                if member.compress_type != ZIP_STORED:
                    deque(iter_member_blocks(zip_path, archive, member), maxlen=0)
    except FormatError as error:
        raise _loading_error(error) from error
    differences = list(table_differences(stimuli, loaded))
    differences += [
        f"the archive lacks the file {path.name} of the stimulus {stimulus_id!r}; rename the file"
        for stimulus_id, path in loaded.stimulus_paths.items()
        if path.relative_to(folder).as_posix() not in members
    ]
    if hash_file(zip_path) != zip_sha1:
        differences.append(f"the archive has other bytes than those written; check the disk of {folder}")
    _raise_for_differences(differences)


def _load(loader: AssemblyLoader) -> xr.DataArray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FormatWarning)  # the checks before reported these of the object
            loaded: xr.DataArray = loader.load()
    except AssemblyFormatError as error:
        raise _loading_error(error) from error
    return loaded


def _loading_error(error: FormatError) -> PackagingError:
    return PackagingError(
        f"the written files cannot be loaded: {error} Nothing was stored; rename or drop the part that the error names."
    )


def _raise_for_differences(differences: Iterable[str]) -> None:
    listed = list(differences)
    if listed:
        more = len(listed) - _MAX_LISTED
        lines = "".join(f"\n  - {difference}" for difference in listed[:_MAX_LISTED])
        raise PackagingError(
            f"a file cannot represent these parts exactly; nothing was stored:{lines}"
            f"{f' (and {more} more)' if more > 0 else ''}"
        )


def _array_differences(before: xr.DataArray, after: xr.DataArray, joined: Collection[Hashable] = ()) -> Iterator[str]:
    """Describe each part of an array that changes when its file is loaded.

    Parameters
    ----------
    before : xarray.DataArray
        The packaged array. Lazy values are read block by block.
    after : xarray.DataArray
        The loaded array with lazy values.
    joined : collection
        Names of coordinates that loading may add from the stimulus set.

    Yields
    ------
    str
        The name of the part, its value before and after, and a remedy.

    Examples
    --------
    >>> array = xr.DataArray([1.0, 2.0], dims=["x"], coords={"k": ("x", [1, 2])}, name="data")
    >>> list(_array_differences(array, array.assign_coords(k=("x", [1, 3]))))
    ["the coordinate 'k' is 2 at position 1 and would come back as 3; convert it, or drop it with drop_vars('k')"]
    """
    name = _DATA_NAME if before.name is None else before.name
    if name != after.name:
        yield f"the array is named {name!r} and would be named {after.name!r}; rename it"
    yield from _attribute_differences("the array", before.attrs, after.attrs, may_have_extras=True)
    if before.dims != after.dims or before.shape != after.shape:
        sizes = [dict(zip(array.dims, array.shape, strict=True)) for array in (before, after)]
        yield f"the array has the dimensions {sizes[0]} and would have {sizes[1]}; rename dimensions"
        return
    yield from _coordinate_differences(before, after, joined)
    difference = _values_difference(before.variable, after.variable)
    if difference is not None:
        yield f"the values of the array: {difference}; convert them, such as with astype"


def _values_difference(before: xr.Variable, after: xr.Variable) -> str | None:
    with TransferBar("comparing the written values", after.nbytes) as bar:
        for place, values in iter_blocks(after):
            offset = tuple(part.start or 0 for part in place)
            difference = value_difference(np.asarray(before[place].values), values, offset=offset)
            if difference is not None:
                return difference
            bar.add(values.nbytes)
    return None


def _coordinate_differences(before: xr.DataArray, after: xr.DataArray, joined: Collection[Hashable]) -> Iterator[str]:
    """Compare coordinates one by one: the values of all levels at once would need too much memory."""
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
    subject: str, before: Mapping[Any, Any], after: Mapping[Any, Any], *, may_have_extras: bool = False
) -> Iterator[str]:
    """Compare attributes; those of an array may be extras or a stimulus set, which are stored separately."""
    stored = {
        name: value
        for name, value in before.items()
        if value is not None and not (may_have_extras and (name == STIMULUS_SET or isinstance(value, xr.DataArray)))
    }
    for name, value in stored.items():
        found = after.get(name)
        if not equal_attributes(value, found):
            was, would_be = (shorten(repr(each)) for each in (value, found))
            change = f"is {was} and would come back as {would_be}"
            yield f"the attribute {name!r} of {subject} {change}; convert or delete it"
    for name, value in after.items():
        is_added = value is None or isinstance(value, xr.DataArray) or name in (STIMULUS_SET, STIMULUS_SET_IDENTIFIER)
        if name not in stored and not is_added:
            yield f"the attribute {name!r} of {subject} would appear, as {shorten(repr(value))}; rename attributes"


def table_differences(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[str]:
    """Describe each column of a stimulus set that changes when its CSV file is loaded.

    Parameters
    ----------
    before : pandas.DataFrame
        The packaged table.
    after : pandas.DataFrame
        The loaded table.

    Examples
    --------
    >>> list(table_differences(pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [1.0, 2.0]})))
    ["the column 'n' has the type int64 and would have float64; convert it"]
    """
    names = [name for name in before.columns if name != PATH_IN_STORE]
    found = [name for name in after.columns if name in names or name != STIMULUS_ID]  # loading adds it for `image_id`
    if names != found:
        yield f"the columns are {some(names)} and would be {some(found)}; rename them"
        return
    for name in names:
        values = column_values(name, before[name])
        if isinstance(values, ColumnFault):
            yield f"the column {name!r} holds {values.found}; expected {values.expected}. Fix: {values.fix}"
            continue
        expected = values.to_series()
        if expected.dtype != after[name].dtype:
            yield f"the column {name!r} has the type {expected.dtype} and would have {after[name].dtype}; convert it"
            continue
        difference = value_difference(_as_objects(expected), _as_objects(after[name]), are_labels=True)
        if difference is not None:
            yield f"the column {name!r} {difference}; convert it"


def _as_objects(column: pd.Series) -> np.ndarray:
    """Return the values of a column; values of nullable types as objects."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.to_numpy(dtype=object)


def value_difference(
    before: np.ndarray, after: np.ndarray, *, are_labels: bool = False, offset: tuple[int, ...] = ()
) -> str | None:
    """Describe the first value that differs; None if all are equal.

    Parameters
    ----------
    before, after : numpy.ndarray
        Arrays of the same shape.
    are_labels : bool, default False
        Treat all NaN as the same missing value, as in a coordinate. By default, numbers must have the same bits.
    offset : tuple of int
        The position of the first value, for the message.

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
        same = _have_same_bits(before, after)
        if are_labels and before.dtype.kind in "fc":
            same |= np.isnan(before) & np.isnan(after)
    if same.all():
        return None
    place = tuple(np.argwhere(~same)[0].tolist())
    shown = [shorten(repr(_to_python_scalar(values[place]))) for values in (before, after)]
    position = ", ".join(str(at + start) for at, start in zip(place, offset or (0,) * len(place), strict=True))
    return f"is {shown[0]}{f' at position {position}' if position else ''} and would come back as {shown[1]}"


def _to_python_scalar(value: Any) -> Any:
    """Convert a NumPy scalar other than a time, for messages."""
    return value.item() if isinstance(value, np.generic) and value.dtype.kind not in "mM" else value


def _have_same_bits(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    if before.dtype.kind == "f" and before.dtype.itemsize in (2, 4, 8):
        bits = f"u{before.dtype.itemsize}"
        return np.asarray(before.view(bits) == after.view(bits))
    return np.asarray(before == after)


def _same_objects(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Compare objects with the loaded values: text, or the numbers, booleans and dates of NumPy."""
    if after.dtype.kind == "M":
        before = pd.to_datetime(before.ravel()).to_numpy().reshape(before.shape)
    missing = np.asarray(pd.isna(before)), np.asarray(pd.isna(after))
    before = before.copy()
    before[missing[0]] = None  # comparing pd.NA is an error
    same = np.asarray(before == after)
    return np.where(missing[0] | missing[1], missing[0] & missing[1], same.astype(bool))
