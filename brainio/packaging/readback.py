"""Reads back the files of a package before anything is published, by the code that users load them with.

Every difference that is not in the list of `docs/round-trips.md` is an error, and nothing is published.
"""

from __future__ import annotations

import warnings
from collections import deque
from typing import TYPE_CHECKING
from zipfile import ZIP_STORED

from brainio.assemblies import AssemblyLoader, DataAssembly, StimulusReferenceAssemblyLoader
from brainio.assemblies.stimulus_metadata import STIMULUS_SET, STIMULUS_SET_IDENTIFIER
from brainio.cache import hash_file
from brainio.cache.archive import iter_member_blocks, open_archive, safe_members
from brainio.errors import AssemblyFormatError, FormatError, FormatWarning, PackagingError
from brainio.packaging.comparison import array_differences, table_differences
from brainio.stimuli import StimulusSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import xarray as xr

_MOST_DIFFERENCES = 20  # that one message lists


def check_arrays(path: Path, arrays: Mapping[str, xr.DataArray]) -> None:
    """Compare the groups of a netCDF file with the arrays that were written to them.

    Parameters
    ----------
    path : Path
        The file.
    arrays : mapping
        Name of the group (`''`: the root) -> what was written to it.

    Raises
    ------
    PackagingError
        The file cannot be loaded, or gives something else back. The message lists each difference with a remedy.
    """
    differences: list[str] = []
    for group, array in arrays.items():
        loader = AssemblyLoader(DataAssembly, path, group=group or "/", in_blocks=True)
        found = array_differences(array, _loaded(loader))
        differences += [f"in the group {group!r}, {difference}" if group else difference for difference in found]
    _refuse(differences)


def check_assembly(
    path: Path, assembly: xr.DataArray, assembly_class: type[DataAssembly], extras: Mapping[str, xr.DataArray]
) -> None:
    """Compare the file of an assembly with what is published: it is loaded by its class, joined with its stimulus set.

    Parameters
    ----------
    path : Path
        The file.
    assembly : xarray.DataArray
        With the attributes that are stored, and in `attrs['stimulus_set']` the set, if it is known.
    assembly_class : type
        The class that it loads as.
    extras : mapping
        Name -> further array in the file.

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
    loaded = _loaded(loader)
    differences = list(array_differences(assembly, loaded, () if stimuli is None else list(stimuli.columns)))
    for name, extra in extras.items():
        differences += [f"in the extra {name!r}, {found}" for found in array_differences(extra, loaded.attrs[name])]
    _refuse(differences)


def check_stimulus_set(csv_path: Path, zip_path: Path, stimuli: StimulusSet, zip_sha1: str) -> None:
    """Compare the files of a stimulus set with what is published.

    The table is loaded, and each path looked up in the archive. The bytes of the archive are compared by hash, and its
    deflated members unpacked.

    Parameters
    ----------
    csv_path, zip_path : Path
        The files.
    stimuli : StimulusSet
        With the column `filename` that was written.
    zip_sha1 : str
        Of the bytes that were written to the archive.

    Raises
    ------
    PackagingError
        The files cannot be loaded, or give something else back. The message lists each difference.
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
        raise _unloadable(error) from error
    differences = list(table_differences(stimuli, loaded))
    differences += [
        f"the archive lacks the file {path.name} of the stimulus {stimulus_id!r}; rename the file"
        for stimulus_id, path in loaded.stimulus_paths.items()
        if path.relative_to(folder).as_posix() not in members
    ]
    if hash_file(zip_path) != zip_sha1:
        differences.append(f"the archive has other bytes than were written; check the disk of {folder}")
    _refuse(differences)


def _loaded(loader: AssemblyLoader) -> xr.DataArray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FormatWarning)  # the checks before have reported the same of the object
            loaded: xr.DataArray = loader.load()
    except AssemblyFormatError as error:
        raise _unloadable(error) from error
    return loaded


def _unloadable(error: FormatError) -> PackagingError:
    return PackagingError(
        f"the files that were written cannot be loaded: {error} Nothing was stored; rename or drop the part that the "
        f"error names."
    )


def _refuse(differences: Iterable[str]) -> None:
    listed = list(differences)
    if listed:
        more = len(listed) - _MOST_DIFFERENCES
        lines = "".join(f"\n  - {difference}" for difference in listed[:_MOST_DIFFERENCES])
        raise PackagingError(
            f"a file cannot give this back as it is, so that nothing was stored:{lines}"
            f"{f' (and {more} more)' if more > 0 else ''}"
        )
