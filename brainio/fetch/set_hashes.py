"""Which version of its stimulus set the file of an assembly names."""

from pathlib import Path
from typing import IO

from brainio.catalogs.set_hashes import parse_hashes
from brainio.errors import AssemblyFormatError


def read_set_hashes(file: Path | IO[bytes]) -> dict[str, str]:
    """Return the hashes of the stimulus set that the assembly in a netCDF file was packaged with.

    Parameters
    ----------
    file : pathlib.Path or binary file
        It is inspected, not opened; loading it does not repeat the inspection.

    Returns
    -------
    dict of str to str
        See `brainio.catalogs.set_hashes`; empty where the file names no version.

    Raises
    ------
    AssemblyFormatError
        The attribute has another form, or the file is damaged or unsafe to open.
    FileNotFoundError
        There is no such file.
    """
    from brainio.netcdf.inspection import inspect

    text = inspect(file).stimulus_set_hashes
    try:
        return parse_hashes(text) if text else {}
    except ValueError as error:
        raise AssemblyFormatError(
            f"the global attribute {error} in {file}. Package the assembly again, or name its stimulus set: "
            f"get_assembly(..., stimulus_set=...)"
        ) from error
