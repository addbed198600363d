"""`validate`: report the problems of an object, a path or a published identifier.

Validation only reads. It fetches the files of a published identifier; other subjects need no network.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import pandas as pd
import xarray as xr

from brainio.assemblies import DataAssembly, named_class
from brainio.catalogs import TYPE_ASSEMBLY, Entry, entries_of, stimulus_set_of
from brainio.catalogs.entries import STATUS_UNAVAILABLE
from brainio.errors import EntryUnavailableError, LocationError
from brainio.fetch import fetch_entry
from brainio.fetch.cache_access import prevent_pruning, retry_if_pruned
from brainio.fetch.entry_files import explain_unavailable
from brainio.fetch.stimulus_sets import read_set_hashes
from brainio.local_files import open_regular, require_possible_path
from brainio.text import some
from brainio.validation.assemblies import class_for, collision_problems, own_problems, pair_problems
from brainio.validation.netcdf import netcdf_problems, read_assembly
from brainio.validation.report import Problem, Report, problem
from brainio.validation.sources import (
    NUMPY,
    RecordingFiles,
    add_table_coordinates,
    option_problems,
    read_packaged_set,
    read_recording_files,
    read_stimulus_set,
)
from brainio.validation.stimulus_sets import Table, column_types, stimulus_set_problems
from brainio.validation.table_files import TABLES
from brainio.validation.values import CellRules, identifier_problems

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from brainio.stimuli import StimulusSet

Place: TypeAlias = "str | os.PathLike[str]"
_NETCDF = (b"\x89HDF", b"CDF")
_PATH_SUFFIXES = (".csv", ".parquet", ".zip", ".nc", ".npy")


def validate(
    subject: StimulusSet | xr.DataArray | Place,
    stimuli: StimulusSet | Place | None = None,
    *,
    class_name: str | None = None,
    dims: Sequence[str] = (),
    coords: Mapping[str, Path] | None = None,
    value: str | None = None,
    text: Collection[str] = (),
    missing: Collection[str] = (),
) -> Report:
    """Report all errors and possible mistakes of a stimulus set, an assembly, or both.

    Parameters
    ----------
    subject : StimulusSet, xarray.DataArray, path or str
        A stimulus set or an assembly in memory; a folder of stimuli, with or without a table; the CSV or parquet table
        of a stimulus set, or its ZIP archive; a netCDF file; a `.npy` file with `dims` and `coords`; a table of trials
        with `value`; or a published identifier, whose files are fetched. A text is a path if it exists, contains a path
        separator, or has the extension of one of these files.
    stimuli : StimulusSet or path, optional
        For an assembly: the stimulus set to compare it with, in memory or as a path; by default
        `attrs['stimulus_set']`, or for an identifier, the set that the catalog lists. For a table: the folder or ZIP
        archive with its stimuli; by default the one next to the table with its name, else the folder of the table.
    class_name : str, optional
        Class of the assembly, e.g. `'NeuroidAssembly'`; by default the class of the object or in the catalog, or
        inferred from the dimensions. A table with this option is a table of trials.
    dims, coords, value, text, missing
        Options for reading the files of a recording; see `brainio.packaging.lab_files.read_recording`. `text` and
        `missing` also apply to tables of stimuli.

    Returns
    -------
    Report
        A list of `problems`, each with severity, code, place, expected, found and fix. It prints as a table.

    Raises
    ------
    LocationError
        The path does not exist, or is neither a folder nor a file of a supported type.
    EntryLookupError
        No active catalog lists the identifier.
    UnknownClassError
        The class does not exist.
    TransferError, IntegrityError, EntryUnavailableError
        The files of the identifier are unavailable.

    Examples
    --------
    >>> import brainio
    >>> stimuli = brainio.stimuli.StimulusSet({"stimulus_id": ["a", "a"], "Hue": [1, 2]})
    >>> report = brainio.validate(stimuli)
    >>> [(error.code, error.place) for error in report.errors]
    [('column-name', "column 'Hue'"), ('id-doubled', 'row 1'), ('paths-missing', 'stimulus_paths')]
    """
    cls = None if class_name is None else named_class(class_name)
    if isinstance(subject, pd.DataFrame):
        identifier = subject.__dict__.get("identifier")
        name = "stimulus set" if identifier is None else f"stimulus set {identifier!r}"
        table, problems = _read_stimuli(subject, CellRules())
        return Report.of(name, problems, column_types(table))
    if isinstance(subject, xr.DataArray):
        identifier = subject.attrs.get("identifier")
        name = "assembly" if identifier is None else f"assembly {identifier!r}"
        return Report.of(name, _with_stimuli(subject, cls or class_for(subject), stimuli, CellRules(text, missing)))
    path = find_path(subject)
    if path is None:
        return Report.of(str(subject), _identifier_problems(str(subject), cls))
    files = RecordingFiles(path, tuple(dims), dict(coords or {}), value, CellRules(tuple(text), tuple(missing)))
    if not _is_recording(files, class_name):
        table, problems = _read_stimuli(path, files.rules, stimuli)
        return Report.of(f"stimulus set {path}", problems, column_types(table))
    return Report.of(f"assembly {path}", _recording_problems(files, class_name, stimuli))


def _is_recording(files: RecordingFiles, class_name: str | None) -> bool:
    """Whether the files hold a recording; a table without options is a table of stimuli."""
    suffix = files.source.suffix.lower()
    if not files.source.is_dir() and suffix not in _PATH_SUFFIXES and not _is_netcdf(files.source):
        raise LocationError(
            f"{files.source} holds neither stimuli nor a recording; expected a folder, or a .csv, .parquet, .zip, .npy "
            f"or .nc file"
        )
    is_stimuli = files.source.is_dir() or suffix in (*TABLES, ".zip")
    is_described = bool(files.dims or files.coords or files.value is not None or class_name is not None)
    return not is_stimuli or (suffix in TABLES and is_described)


def _is_netcdf(path: Path) -> bool:
    """Whether a file begins with the signature of netCDF, independent of its name."""
    try:
        with open_regular(path) as file:
            return file.read(4).startswith(_NETCDF)
    except OSError:
        return False


def _recording_problems(
    files: RecordingFiles, class_name: str | None, stimuli: StimulusSet | Place | None
) -> list[Problem]:
    """List the problems of the files of a recording and of its stimulus set, and their differences."""
    is_netcdf = files.source.suffix.lower() not in (*TABLES, NUMPY)
    misplaced = option_problems(files)
    if misplaced:
        return misplaced
    if is_netcdf and not isinstance(stimuli, pd.DataFrame):
        return _netcdf_problems(files, class_name, stimuli)
    assembly, problems = read_recording_files(files) if not is_netcdf else read_assembly(files.source)
    if is_netcdf and files.coords:
        assembly, problems = add_table_coordinates(files, assembly, {}, problems)
    if assembly is None:
        return problems + ([] if stimuli is None else _read_stimuli(stimuli, files.rules)[1])
    cls = named_class(class_name) if class_name else class_for(assembly)
    return problems + _with_stimuli(assembly, cls, stimuli, files.rules)


def _netcdf_problems(files: RecordingFiles, class_name: str | None, stimuli: Place | None) -> list[Problem]:
    """List the same problems for a netCDF file, which a worker process reads."""
    path = None if stimuli is None else existing_path(stimuli)
    own, pair_differences = netcdf_problems(files, class_name, path)
    if path is None or any(item.code == "assembly-unreadable" for item in own):
        return own
    return [*own, *_read_stimuli(path, files.rules)[1], *pair_differences]


def _with_stimuli(
    assembly: xr.DataArray, cls: type[DataAssembly], stimuli: StimulusSet | Place | None, rules: CellRules
) -> list[Problem]:
    """List the problems of an assembly and of its stimulus set, and their differences."""
    problems = own_problems(assembly, cls)
    if stimuli is not None:
        table, stimulus_problems = _read_stimuli(stimuli, rules)
        problems += stimulus_problems + _reference_problems(assembly, stimuli)
        return problems + pair_problems(assembly, table) + collision_problems(assembly, table)
    own = assembly.attrs.get("stimulus_set")
    if isinstance(own, pd.DataFrame):
        table = Table.in_memory(own)
        problems += _reference_problems(assembly, own) + pair_problems(assembly, table)
        problems += collision_problems(assembly, table)
    return problems


def _name_problems(identifier: object, kind: str) -> list[Problem]:
    return [] if identifier is None else identifier_problems(identifier, f"the identifier of the {kind}")


def _reference_problems(assembly: xr.DataArray, stimuli: object) -> list[Problem]:
    named = assembly.attrs.get("stimulus_set_identifier")
    has = stimuli.__dict__.get("identifier") if isinstance(stimuli, pd.DataFrame) else None
    if not named or not has or named == has:
        return []
    found = f"{named!r}, where the stimulus set is {has!r}"
    return [problem("set-identifier-differs", "attrs['stimulus_set_identifier']", found)]


def _read_stimuli(stimuli: StimulusSet | Place, rules: CellRules, place: object = None) -> tuple[Table, list[Problem]]:
    """Return the table of a stimulus set, and the problems of the table and its files."""
    if isinstance(stimuli, pd.DataFrame):
        named = _name_problems(stimuli.__dict__.get("identifier"), "stimulus set")
        return Table.in_memory(stimuli), named + stimulus_set_problems(stimuli)
    path = existing_path(stimuli)
    if not path.is_dir() and path.suffix.lower() not in (*TABLES, ".zip"):
        raise LocationError(f"{path} is not a stimulus set; expected a folder, or a .csv, .parquet or .zip file")
    return read_stimulus_set(path, None if place is None else existing_path(cast("Place", place)), rules)


def find_path(subject: Place) -> Path | None:
    """Return the path that a text means, None for an identifier."""
    require_possible_path(subject)
    path = Path(subject)
    if path.exists():
        return path
    is_path = not isinstance(subject, str) or path.suffix.lower() in _PATH_SUFFIXES or os.sep in subject
    return existing_path(subject) if is_path else None


def existing_path(place: Place) -> Path:
    require_possible_path(place)
    path = Path(place)
    if not path.exists():
        raise LocationError(f"there is no file or folder {path}; correct the path, or name a published identifier")
    return path


def find_table(path: Path) -> Path | Problem:
    """Return the CSV file of a stimulus set, given its folder, CSV file or ZIP archive."""
    if path.is_dir():
        tables = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv")
        found = f"{len(tables)} CSV files: {some([table.name for table in tables])}" if tables else "no CSV file"
        return tables[0] if len(tables) == 1 else problem("table-missing", f"folder {path.name}", found)
    if path.suffix.lower() == ".zip":
        table = path.with_suffix(".csv")
        return table if table.is_file() else problem("table-missing", f"file {path.name}", f"no {table.name} beside it")
    if path.suffix.lower() == ".csv":
        return path
    raise LocationError(f"{path} is not a stimulus set; expected a folder, or a file that ends with .csv or .zip")


def find_stimuli(table: Path) -> Path:
    """Return the archive or folder with the name of a table, else the folder of the table."""
    archive, folder = table.with_suffix(".zip"), table.with_suffix("")
    return archive if archive.is_file() else folder if folder.is_dir() else table.parent


def _identifier_problems(identifier: str, cls: type[DataAssembly] | None) -> list[Problem]:
    """List the problems of the entries of an identifier."""
    problems = []
    for entry in entries_of(identifier):
        problems += identifier_problems(entry.identifier)
        if entry.lookup_type == TYPE_ASSEMBLY:
            problems += _entry_problems(entry, cls or named_class(entry.class_name))
        else:
            problems += _read_fetched_set(entry)[1]
    return problems


def _entry_problems(entry: Entry, cls: type[DataAssembly]) -> list[Problem]:
    with prevent_pruning():
        return retry_if_pruned(lambda: _assembly_entry_problems(entry, cls))


def _assembly_entry_problems(entry: Entry, cls: type[DataAssembly]) -> list[Problem]:
    path = _fetch_files(entry, "nc")["nc"]
    stimuli = stimulus_set_of(entry, hashes=read_set_hashes(path))
    table = None
    if stimuli is not None and stimuli.status != STATUS_UNAVAILABLE:
        table = _fetch_files(stimuli, "csv", "zip")["csv"]
    own, pair_differences = netcdf_problems(RecordingFiles(path), cls.__name__, table, is_published=True)
    return own + pair_differences


def _read_fetched_set(entry: Entry) -> tuple[Table, list[Problem]]:
    def read() -> tuple[Table, list[Problem]]:
        paths = _fetch_files(entry, "csv", "zip")
        return read_packaged_set(paths["csv"], paths["zip"])

    with prevent_pruning():
        return retry_if_pruned(read)


def _fetch_files(entry: Entry, *parts: str) -> dict[str, Path]:
    paths = fetch_entry(entry)
    if not paths.keys() >= set(parts):
        raise EntryUnavailableError(explain_unavailable(entry))
    return paths
