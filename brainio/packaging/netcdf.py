"""NetCDF files of assemblies: written atomically in the published format, and read back.

The same assembly gives the same bytes. `brainio.netcdf` encodes and writes the arrays.
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
from brainio.packaging.checks import warn
from brainio.packaging.output_files import write_atomically
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

    The values become the variable `data`, every coordinate and every index level becomes a variable. Text is stored in
    UTF-8, at the width of the longest entry; missing text is stored as a marked empty text. Booleans, dates and
    durations are stored in the conventions of xarray. All attributes are stored without effect on values, except
    `stimulus_set`, None, and extras (attributes that are arrays; a PackagingWarning names them). The chunks of values
    are small enough to read a few neuroids, or a few hundred presentations, without the rest; coordinates are stored
    before the values.

    Parameters
    ----------
    assembly : xarray.DataArray
        Numbers (not complex), booleans, dates or text, without empty dimensions. Lazy numbers of more than 128 MiB
        are read and written in blocks of about 16 MiB.
    target_netcdf_file : path
        Replaced atomically after everything is written.
    append : bool, default False
        Keep the content of an existing file: the group is added to a copy that replaces the file.
    group : str, optional
        The netCDF group to write to; by default the root.
    compress : bool, default True
        Use deflate at level 4 after a byte shuffle.

    Returns
    -------
    str
        The SHA-1 of the whole file.

    Raises
    ------
    PackagingError
        The format cannot represent a coordinate or attribute, which the message names; the file to append to has the
        group already; or the disk is full. Nothing was written.

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
        warn(
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
    """Write arrays to the groups of one netCDF-4 file, atomically; see `write_netcdf`.

    Parameters
    ----------
    arrays : mapping
        Name of the group (`''`: the root) -> its array.
    target_netcdf_file, append, compress
        See `write_netcdf`.
    file_attributes : mapping of str to str, optional
        Additional global attributes that belong to none of the arrays.
    check : callable
        Called with the path of the temporary file and `arrays` before the target is replaced; reads the file back.

    Returns
    -------
    str
        The SHA-1 of the whole file.

    Raises
    ------
    PackagingError
        See `write_netcdf`.
    AssemblyFormatError
        The file to append to is damaged, or unsafe to open.
    """
    target = Path(target_netcdf_file)
    keeps_content = append and target.exists()
    if keeps_content:
        inspect(target)
    encoded = {group: _encode_group(group, array) for group, array in arrays.items()}
    with write_atomically(target) as temporary:
        if keeps_content:
            shutil.copyfile(target, temporary)
        write_groups_to(temporary, encoded, file_attributes or {}, target=target, compress=compress)
        encoded.clear()  # reading back needs the memory
        check(temporary, arrays)
        return hash_file(temporary)


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
