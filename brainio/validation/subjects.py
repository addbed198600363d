"""`validate`: report the problems of an object, a path or a published identifier.

Validation only reads. It fetches the files of a published identifier; other subjects need no network. A worker process
reads netCDF files: a damaged or malicious file can crash HDF5, or make it hang, and becomes a problem of the report.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import pandas as pd
import xarray as xr

from brainio.assemblies import AssemblyLoader, DataAssembly, named_class
from brainio.catalogs import TYPE_ASSEMBLY, Entry, entries_of, stimulus_set_of
from brainio.catalogs.entries import STATUS_UNAVAILABLE
from brainio.errors import AssemblyFormatError, EntryUnavailableError, LocationError
from brainio.fetch import fetch_entry
from brainio.fetch.cache_access import prevent_pruning, retry_if_pruned
from brainio.fetch.entry_files import explain_unavailable
from brainio.fetch.stimulus_sets import read_set_hashes
from brainio.local_files import open_regular, require_possible_path
from brainio.validation.assemblies import assembly_problems, class_for, collision_problems, own_problems, pair_problems
from brainio.validation.report import (
    Problem,
    Report,
    problem,
    problems_in_worker,
    to_records,
    unreadable_assembly,
)
from brainio.validation.sources import (
    NUMPY,
    RecordingFiles,
    add_table_coordinates,
    option_problems,
    read_packaged_set,
    read_recording_files,
    read_stimulus_set,
    read_table_of_set,
)
from brainio.validation.stimulus_sets import Table, column_types, stimulus_set_problems
from brainio.validation.table_files import TABLES, read_packaged_table
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
    assembly, problems = read_recording_files(files) if not is_netcdf else _read_assembly(files.source)
    if is_netcdf and files.coords:
        assembly, problems = add_table_coordinates(files, assembly, {}, problems)
    if assembly is None:
        return problems + ([] if stimuli is None else _read_stimuli(stimuli, files.rules)[1])
    cls = named_class(class_name) if class_name else class_for(assembly)
    return problems + _with_stimuli(assembly, cls, stimuli, files.rules)


def _netcdf_problems(files: RecordingFiles, class_name: str | None, stimuli: Place | None) -> list[Problem]:
    """List the same problems for a netCDF file, which a worker process reads."""
    path = None if stimuli is None else require_existing_path(stimuli)
    own, pair_differences = _worker_problems(files, class_name, path)
    if path is None or any(item.code == "assembly-unreadable" for item in own):
        return own
    return [*own, *_read_stimuli(path, files.rules)[1], *pair_differences]


def _worker_problems(
    files: RecordingFiles, class_name: str | None, stimuli: Path | None, *, is_published: bool = False
) -> tuple[list[Problem], list[Problem]]:
    """List the problems of a netCDF file, and its differences from the table of its stimulus set.

    Parameters
    ----------
    files : RecordingFiles
        The netCDF file, and tables of further coordinates.
    class_name : str or None
        The class of the assembly; None infers it from the dimensions.
    stimuli : Path or None
        The stimulus set, see `read_stimulus_files`; of a published set, the CSV file.
    is_published : bool, default False
        Skip the checks of names, which come from a catalog.
    """
    path = files.source
    coords = {dim: str(table.absolute()) for dim, table in files.coords.items()}
    rules = [sorted(files.rules.text), sorted(files.rules.missing)]
    stimuli_path = None if stimuli is None else str(stimuli.absolute())
    arguments = [str(path.absolute()), class_name, stimuli_path, is_published, coords, rules]
    own, of_pair = problems_in_worker("brainio.validation.subjects:find_problems", arguments, path, 2)
    return own, of_pair


def find_problems(
    path: str,
    class_name: str | None,
    stimuli: str | None,
    is_published: bool,
    coords: Mapping[str, str] | None = None,
    rules: Sequence[Sequence[str]] = (),
) -> list[list[dict[str, str]]]:
    """Run the checks of a netCDF file in a worker process."""
    cells = CellRules(*rules)
    assembly: xr.DataArray | None
    assembly, problems = _read_assembly(Path(path))
    if coords:
        tables = {dim: Path(table) for dim, table in coords.items()}
        assembly, problems = add_table_coordinates(
            RecordingFiles(Path(path), (), tables, None, cells), assembly, {}, problems
        )
    if assembly is None:
        return [to_records(problems)]
    cls = class_for(assembly) if class_name is None else named_class(class_name)
    problems += assembly_problems(assembly, cls) if is_published else own_problems(assembly, cls)
    if stimuli is None:
        return [to_records(problems), []]
    table = read_packaged_table(Path(stimuli))[0] if is_published else read_table_of_set(Path(stimuli), cells)
    collisions = [] if is_published else collision_problems(assembly, table)
    return [to_records(problems), to_records(pair_problems(assembly, table) + collisions)]


def _read_assembly(path: Path) -> tuple[DataAssembly | None, list[Problem]]:
    """Open a netCDF file lazily, without stimulus metadata, and list the problems that prevent it."""
    try:
        open_regular(path).close()  # HDF5 would wait for the writer of a pipe
    except OSError as error:
        return None, [unreadable_assembly(path, error)]
    try:
        return AssemblyLoader(DataAssembly, path, in_blocks=True).load(), []
    except AssemblyFormatError as error:
        return None, [unreadable_assembly(path, error)]


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
    path = require_existing_path(stimuli)
    if not path.is_dir() and path.suffix.lower() not in (*TABLES, ".zip"):
        raise LocationError(f"{path} is not a stimulus set; expected a folder, or a .csv, .parquet or .zip file")
    return read_stimulus_set(path, None if place is None else require_existing_path(cast("Place", place)), rules)


def find_path(subject: Place) -> Path | None:
    """Return the path that a text means, None for an identifier."""
    require_possible_path(subject)
    path = Path(subject)
    if path.exists():
        return path
    is_path = not isinstance(subject, str) or path.suffix.lower() in _PATH_SUFFIXES or os.sep in subject
    return require_existing_path(subject) if is_path else None


def require_existing_path(place: Place) -> Path:
    require_possible_path(place)
    path = Path(place)
    if not path.exists():
        raise LocationError(f"there is no file or folder {path}; correct the path, or name a published identifier")
    return path


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
    own, pair_differences = _worker_problems(RecordingFiles(path), cls.__name__, table, is_published=True)
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
