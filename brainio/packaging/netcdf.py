"""Writes assemblies as netCDF-4 files in the published format, so that the same assembly gives the same bytes.

Does not read: that is the business of the loaders in `brainio.assemblies`.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import netCDF4
import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import flatten_index, hdf5_access
from brainio.cache import hash_file
from brainio.errors import PackagingError
from brainio.forks import Activity, guard
from brainio.netcdf.attributes import ARRAY_NAME, encode_attributes, is_storable_name
from brainio.netcdf.chunks import BLOCK_BYTES
from brainio.netcdf.inspection import inspect
from brainio.netcdf.layout import MOST_BYTES, chunk_sizes, parts_of, row_sizes, slabs
from brainio.netcdf.text import missing_attribute
from brainio.packaging.checks import tell
from brainio.packaging.files import in_one_step, require_space
from brainio.packaging.readback import check_arrays
from brainio.text import fault_of_text, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    _Group: TypeAlias = tuple[dict[str, object], dict[str, xr.Variable]]  # attributes and variables to write

DATA_NAME = "data"
# HDF5 locks a file that it writes. A child that is forked meanwhile would inherit that lock and keep readers out.
_WRITING = guard(Activity(), "netCDF files that are written")
_DEFLATE_LEVEL: Literal[4] = 4
# Fixed-width text is the fastest to open and the smallest, unless one text in a thousand is a whole document.
_WIDEST_FIXED_TEXT = 1024
# Below this many bytes the bookkeeping of a compressed variable takes more room than compression saves.
_SMALLEST_COMPRESSED = 4096
_STORABLE_KINDS = "biufS"
_CHARACTERS = re.compile("string[0-9]+")  # the dimensions of the characters of texts
# HDF5 cannot let go of a file that it has no room for, so it is not let to meet a full disk. What it may hold back and
# write later, headers and chunks, has this many bytes; a chunk that is stored empty takes less than the other.
_PROBE = 1 << 16  # bytes that are written to learn why the library failed
_HELD_BACK = 2 * MOST_BYTES
_EMPTY_CHUNK = 2048
_CHUNKS_AT_ONCE = 4096  # HDF5 notes 7 kB of each chunk that one call writes
# Lazy values up to this size are loaded: writing them needs them in another order than their file may have them.
_LOADED_BYTES = 128 << 20


def write_netcdf(
    assembly: xr.DataArray,
    target_netcdf_file: str | os.PathLike[str],
    append: bool = False,
    group: str | None = None,
    compress: bool = True,
) -> str:
    """Write an assembly with all its coordinates as a netCDF-4 file.

    The values become the variable `data`, every coordinate and every index level a variable of its own. Text is stored
    in UTF-8, at the width of the longest entry; missing text as an empty text that is marked. Booleans, dates and
    durations are stored as xarray stores them. The attribute `stimulus_set` is not stored, nor are those that are None
    or extras (attributes that are arrays; a PackagingWarning names them); all others are, without effect on values.
    Values are stored in chunks from which a few neuroids, or a few hundred presentations, can be read without the rest;
    coordinates lie before them.

    Parameters
    ----------
    assembly : xarray.DataArray
        Numbers (not complex), booleans, dates or text, no dimension empty. Lazy numbers of more than 128 MiB are read
        and written in blocks of about 16 MiB.
    target_netcdf_file : path
        Replaced in one step when all is written.
    append : bool, default False
        Keep what an existing file holds, and add to a copy of it that then replaces it.
    group : str, optional
        The netCDF group to write to; by default the root.
    compress : bool, default True
        Deflate level 4 behind a byte shuffle.

    Returns
    -------
    str
        The SHA-1 of the whole file.

    Raises
    ------
    PackagingError
        Something has no place in the format: the message names the coordinate or attribute. Or the file to append to
        has the group already, or the disk is full. Nothing was written.

    Examples
    --------
    >>> from brainio.assemblies import DataAssembly
    >>> from pathlib import Path
    >>> folder = Path("doe2026").absolute()
    >>> folder.mkdir()
    >>> sha1 = write_netcdf(DataAssembly([1., 2.], coords={"unit": ("x", ["a", "b"])}, dims=["x"]), folder / "a.nc")
    >>> len(sha1)
    40
    """
    sha1 = write_groups({group or "": assembly}, target_netcdf_file, append=append, compress=compress)
    extras = [name for name, value in assembly.attrs.items() if isinstance(value, xr.DataArray)]
    if extras:
        tell(
            f"the file lacks the arrays in the attributes {some(extras)}. Add each with write_netcdf(array, path, "
            f"append=True, group=NAME), or package the assembly with package_data_assembly, which stores them."
        )
    return sha1


def write_groups(
    arrays: Mapping[str, xr.DataArray],
    target_netcdf_file: str | os.PathLike[str],
    *,
    append: bool = False,
    compress: bool = True,
    file_attributes: Mapping[str, str] | None = None,
    check: Callable[[Path, Mapping[str, xr.DataArray]], None] = check_arrays,
) -> str:
    """Write arrays to the groups of one netCDF-4 file, all in one step; see `write_netcdf`.

    Parameters
    ----------
    arrays : mapping
        Name of the group (`''`: the root) -> what is written to it.
    target_netcdf_file, append, compress
        As for `write_netcdf`.
    file_attributes : mapping of str to str, optional
        Further global attributes, which no array has.
    check : callable
        Reads back the written file before it gets its name; called with its path and `arrays`.

    Returns
    -------
    str
        The SHA-1 of the whole file.

    Raises
    ------
    PackagingError
        As for `write_netcdf`.
    AssemblyFormatError
        The file to append to is damaged, or unsafe to open.
    """
    target = Path(target_netcdf_file)
    is_there = append and target.exists()
    if is_there:
        inspect(target)
    encoded = {group: _encoded_group(group, array) for group, array in arrays.items()}
    with in_one_step(target) as written:
        if is_there:
            shutil.copyfile(target, written)
        _write(written, encoded, target, file_attributes or {}, compress=compress)
        encoded.clear()  # reading back takes memory as well
        check(written, arrays)
        return hash_file(written)


def _write(
    path: Path,
    encoded: Mapping[str, _Group],
    target: Path,
    file_attributes: Mapping[str, str],
    *,
    compress: bool,
) -> None:
    """Write groups to a file that replaces the target later; one that exists is added to."""
    with _WRITING, _opened(path, "a" if path.exists() else "w") as dataset:
        created: list[tuple[netCDF4.Variable, xr.Variable]] = []
        with hdf5_access():
            dataset.setncatts(file_attributes)
            for group, (attributes, variables) in encoded.items():
                place = _new_group(dataset, group, target)
                place.setncatts(attributes)
                created += [(_create(place, *named, compress), named[1]) for named in variables.items()]
        _fill_all(dataset, created, target.parent)


@contextmanager
def _opened(path: Path, mode: Literal["a", "w"]) -> Iterator[netCDF4.Dataset]:
    """Open a file that is not in use yet; where it cannot be written, its space is given back."""
    require_space(path.parent, _HELD_BACK)
    path.open("ab").close()
    try:
        with hdf5_access():
            dataset = netCDF4.Dataset(path, mode, format="NETCDF4")
    except PermissionError:  # so the library calls every failure to create a file, also a full disk
        _raise_cause(path)
        raise
    try:
        try:
            yield dataset
        finally:
            with hdf5_access():
                dataset.close()
    except RuntimeError as error:
        os.truncate(path, 0)
        with suppress(RuntimeError), hdf5_access():
            dataset.close()  # what it holds back has room now
        _raise_cause(path)
        raise PackagingError(
            f"the netCDF library could not write in {path.parent} ({error}). Nothing was stored. Look whether the disk "
            f"is full or broken, or a quota used up; make room and try again, or write to another disk (set TMPDIR to "
            f"a folder of it: packages are made there)."
        ) from error


def _raise_cause(path: Path) -> None:
    """Write to a file as the library did, whose own errors state no cause.

    Raises
    ------
    OSError
        This failed as well: the cause.
    """
    with path.open("r+b", buffering=0) as file:
        file.write(bytes(_PROBE))
        os.fsync(file.fileno())
    os.truncate(path, 0)


def _new_group(dataset: netCDF4.Dataset, group: str, target: Path) -> netCDF4.Dataset:
    """Make the group, which must not be there yet; the root must not hold an array."""
    parents, _, name = group.strip("/").rpartition("/")
    parent = dataset.createGroup(parents) if parents else dataset
    if not name and not dataset.variables:
        return dataset
    if name and name not in {*parent.groups, *parent.variables, *parent.dimensions}:
        return parent.createGroup(name)
    taken = f"something named {group!r}" if name else "an array at its root"
    raise PackagingError(f"{target} has {taken} already and was not changed; name another group or write a new file")


def _encoded_group(group: str, array: xr.DataArray) -> _Group:
    try:
        return encode_attributes(array.attrs), _encoded(array)
    except PackagingError as error:
        if not group:
            raise
        raise PackagingError(f"in the group {group!r}: {error}") from error


def _encoded(assembly: xr.DataArray) -> dict[str, xr.Variable]:
    """Turn coordinates and data into variables of types that netCDF has; `data` comes last and lists the others."""
    flat = _flat(assembly)
    empty = [str(dim) for dim, size in flat.sizes.items() if size == 0]
    if empty:
        raise PackagingError(f"the dimensions {', '.join(empty)} have no elements; there is nothing to store")
    variables: dict[str, xr.Variable] = {}
    for dim in flat.dims:
        _require_name("dimension", dim)
        if _CHARACTERS.fullmatch(str(dim)):
            raise PackagingError(f"the dimension {dim!r} may not be named so: texts use this name; rename it")
    for name, coord in flat.coords.variables.items():
        _require_name("coordinate", name)
        variables[str(name)] = _encode(f"the coordinate {name!r}", coord)
    data = _encode_data(flat.variable)
    data.attrs |= _name_attribute(assembly.name)
    listed = [name for name in variables if name not in flat.dims]
    if listed:
        data.attrs["coordinates"] = " ".join(listed)
    return variables | {DATA_NAME: data}


def _flat(assembly: xr.DataArray) -> xr.DataArray:
    try:
        return flatten_index(assembly)
    except UnicodeDecodeError as error:
        named = [name for name, coord in assembly.coords.items() if coord.dtype.kind == "S"]
        raise PackagingError(f"one of the coordinates {some(named)} holds bytes that are no UTF-8 ({error})") from error


def _require_name(kind: str, name: object) -> None:
    if name == DATA_NAME or not is_storable_name(name) or set(str(name)) & {" "}:
        raise PackagingError(f"the {kind} {name!r} may not be named so; use letters, digits and underscores")


def _name_attribute(name: object) -> dict[str, object]:
    """Return the attribute that keeps the name of an array: its variable is always named `data`."""
    if name is None or name == DATA_NAME:
        return {}
    fault = fault_of_text(name) if isinstance(name, str) else "no text"
    if fault is not None:
        raise PackagingError(f"the name of the array is {name!r}, which holds {fault}; rename it with a.rename('...')")
    return {ARRAY_NAME: name}


def _encode_data(variable: xr.Variable) -> xr.Variable:
    """Encode the values; numbers that are lazy and too many for memory stay lazy, until each block is written."""
    if variable._in_memory or variable.dtype.kind not in "biuf" or variable.nbytes <= _LOADED_BYTES:
        return _encode("the data", variable)
    one = xr.Variable(variable.dims, np.zeros((1,) * variable.ndim, variable.dtype), variable.attrs)
    lazy = variable.copy(deep=False)
    lazy.attrs = _encode("the data", one).attrs
    return lazy


def _encode(what: str, variable: xr.Variable) -> xr.Variable:
    values = np.asarray(variable.values)
    missing = np.zeros((), dtype=bool)
    if values.dtype.kind in "OUST":
        objects = np.asarray(values, dtype=object)
        values, missing = _as_one_type(what, objects), np.asarray(pd.isna(objects))
    attributes = encode_attributes(variable.attrs, are_dates=values.dtype.kind in "mM")
    plain = xr.Variable(variable.dims, values, attributes, fastpath=True)
    if plain.dtype.kind == "O":
        plain.attrs |= missing_attribute(missing, values)
        return _encode_text(what, plain)
    try:
        encoded = xr.conventions.encode_cf_variable(plain, name=what)
    except (ArithmeticError, LookupError, ValueError) as error:  # of dates that are too far apart
        raise PackagingError(
            f"{what} holds values of the type {variable.dtype} that xarray cannot store in one unit ({error!r}), such "
            f"as dates to the nanosecond over centuries; convert them to text, or round them to seconds"
        ) from error
    if encoded.dtype.kind not in _STORABLE_KINDS or encoded.dtype.itemsize not in {1, 2, 4, 8} or encoded.dtype == "f2":
        remedy = "store .real and .imag" if encoded.dtype.kind == "c" else "convert it, such as with .astype('float32')"
        raise PackagingError(f"{what} has the type {variable.dtype}, which netCDF cannot store; {remedy}")
    return encoded


def _as_one_type(what: str, values: np.ndarray) -> np.ndarray:
    """Return objects that are all text as they are (missing ones as empty text), and others as the numbers they are."""
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
            f"{what} holds integers beyond 64 bits, which netCDF lacks; convert them to text"
        ) from error
    if kind in {"datetime64", "datetime"}:
        dates = pd.to_datetime(values.ravel())
        if dates.tz is not None:
            raise PackagingError(
                f"{what} holds dates with a time zone, which netCDF lacks; convert them to UTC without"
            )
        return dates.to_numpy().reshape(values.shape)
    found = sorted({type(value).__name__ for value in values.ravel()})
    remedy = "decode them to text" if found == ["bytes"] else "make all text or all numbers"
    raise PackagingError(
        f"{what} {'mixes' if len(found) > 1 else 'has'} values of the types {', '.join(found)}; {remedy}"
    )


def _encode_text(what: str, variable: xr.Variable) -> xr.Variable:
    # Presentations repeat few texts many times: each one is encoded once.
    codes, texts = pd.factorize(variable.values.ravel())
    if any("\0" in text for text in texts):
        raise PackagingError(f"{what} holds a text with a NUL character; remove it")
    try:
        encoded = [text.encode("utf-8") for text in texts]
    except UnicodeEncodeError as error:
        raise PackagingError(f"{what} holds a text that is no valid Unicode: {error}") from error
    width = max(1, *map(len, encoded))
    if width > _WIDEST_FIXED_TEXT:
        return variable
    characters = np.array(encoded, dtype=f"S{width}")[codes].view("S1").reshape(*variable.shape, width)
    return xr.Variable((*variable.dims, f"string{width}"), characters, variable.attrs | {"_Encoding": "utf-8"})


def _create(place: netCDF4.Dataset, name: str, variable: xr.Variable, compress: bool) -> netCDF4.Variable:
    dims = tuple(str(dim) for dim in variable.dims)
    for dim, size in zip(dims, variable.shape, strict=True):
        if dim not in place.dimensions:
            place.createDimension(dim, size)
    dtype = np.dtype(np.int8) if variable.dtype.kind == "b" else variable.dtype  # truth values that are lazy
    attributes = dict(variable.attrs)
    fill = attributes.pop("_FillValue", False)
    is_long_text = variable.dtype.kind == "O"
    is_large = variable.nbytes >= _SMALLEST_COMPRESSED and not is_long_text
    packing: Literal["zlib"] | None = "zlib" if compress and is_large else None
    is_chunked = is_large if name == DATA_NAME else packing is not None
    stored = place.createVariable(
        name,
        str if is_long_text else dtype.newbyteorder("="),
        dims,
        compression=packing,
        complevel=_DEFLATE_LEVEL,
        shuffle=True,
        fill_value=None if is_long_text else fill,
        chunksizes=_sizes(name, variable) if is_chunked else None,
    )
    stored.set_auto_maskandscale(False)
    # A text that is set as it is, not as characters that the library joins again.
    stored.set_auto_chartostring(False)
    stored.setncatts(attributes)
    return stored


def _sizes(name: str, variable: xr.Variable) -> tuple[int, ...]:
    if name == DATA_NAME:
        return chunk_sizes([str(dim) for dim in variable.dims], variable.shape, variable.dtype.itemsize)
    return row_sizes(variable.shape, variable.dtype.itemsize)


def _fill_all(dataset: netCDF4.Dataset, created: Sequence[tuple[netCDF4.Variable, xr.Variable]], folder: Path) -> None:
    """Write all coordinates, then the values: opening the file reads headers and coordinates, its beginning, only."""
    with hdf5_access():
        coordinates = [pair for pair in created if pair[0].name != DATA_NAME]
        require_space(folder, _HELD_BACK + sum(_size(variable) for _, variable in coordinates))
        for stored, variable in coordinates:
            stored[...] = variable.values
        dataset.sync()
        data = [pair for pair in created if pair[0].name == DATA_NAME]
    for stored, variable in data:
        _fill(stored, variable, folder)
    with hdf5_access():
        dataset.sync()


def _size(variable: xr.Variable) -> int:
    is_long_text = variable.dtype.kind == "O"
    return sum(len(text.encode()) for text in variable.values.ravel()) if is_long_text else variable.nbytes


def _fill(stored: netCDF4.Variable, variable: xr.Variable, folder: Path) -> None:
    """Write values, lazy ones block by block: these are read without `hdf5_access`, for which threads of dask wait."""
    with hdf5_access():
        sizes = stored.chunking()
        if not isinstance(sizes, list):
            require_space(folder, _HELD_BACK + variable.nbytes)
            stored[...] = variable.values
            return
        # A cache of few chunks, so that each is stored when it has been written and they lie in that order.
        stored.set_var_chunk_cache(size=MOST_BYTES)
        if stored.filters()["zlib"]:
            count = math.prod(-(-size // most) for size, most in zip(stored.shape, sizes, strict=True))
            require_space(folder, _HELD_BACK + count * _EMPTY_CHUNK)
            # Chunks get a place in the index when they are first stored. Storing each of them empty, in a few bytes,
            # keeps the index together: it would be strewn over the file, and be most of what a remote reader fetches.
            counts = [-(-size // most) for size, most in zip(stored.shape, sizes, strict=True)]
            for part in parts_of([slice(None)] * len(counts), counts, [1] * len(counts), _CHUNKS_AT_ONCE):
                firsts = zip(part, sizes, strict=True)
                stored[tuple(slice(one.start * size, one.stop * size, size) for one, size in firsts)] = np.zeros(
                    (), variable.dtype
                )
        dims, shape = stored.dimensions, stored.shape
    for slab in slabs(dims, shape, sizes):
        parts = [slab] if variable._in_memory else parts_of(slab, shape, sizes, BLOCK_BYTES // variable.dtype.itemsize)
        for part in parts:
            values = _read_part(variable, part)
            whole = [-(-size // most) * most for size, most in zip(values.shape, sizes, strict=True)]
            require_space(folder, _HELD_BACK + math.prod(whole) * values.itemsize)
            with hdf5_access():
                stored[part] = values


def _read_part(variable: xr.Variable, part: tuple[slice, ...]) -> np.ndarray:
    try:
        return np.asarray(variable[part].values)
    except (RuntimeError, OSError) as error:
        raise PackagingError(
            f"the values of the assembly cannot be read ({error}). Nothing was stored. Look whether the file that they "
            f"are read from is damaged or was removed, and try again."
        ) from error
