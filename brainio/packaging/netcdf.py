"""Writes assemblies as netCDF-4 files in the published format, so that the same assembly gives the same bytes.

`brainio.netcdf` encodes and writes; this module takes assemblies apart, replaces files atomically and reads them back.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from brainio.assemblies import flatten_index
from brainio.cache import hash_file
from brainio.errors import PackagingError
from brainio.netcdf.encoding import EncodedGroup, encode_group
from brainio.netcdf.inspection import inspect
from brainio.netcdf.writing import write_groups_to
from brainio.packaging.checks import tell
from brainio.packaging.files import in_one_step
from brainio.packaging.readback import check_arrays
from brainio.text import some

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping


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
    encoded = {group: _encode_group(group, array) for group, array in arrays.items()}
    with in_one_step(target) as written:
        if is_there:
            shutil.copyfile(target, written)
        write_groups_to(written, encoded, file_attributes or {}, target=target, compress=compress)
        encoded.clear()  # reading back takes memory as well
        check(written, arrays)
        return hash_file(written)


def _encode_group(group: str, array: xr.DataArray) -> EncodedGroup:
    try:
        return encode_group(_flatten(array))
    except PackagingError as error:
        if not group:
            raise
        raise PackagingError(f"in the group {group!r}: {error}") from error


def _flatten(assembly: xr.DataArray) -> xr.DataArray:
    try:
        return flatten_index(assembly)
    except UnicodeDecodeError as error:
        named = [name for name, coord in assembly.coords.items() if coord.dtype.kind == "S"]
        raise PackagingError(f"one of the coordinates {some(named)} has bytes that are not UTF-8 ({error})") from error
