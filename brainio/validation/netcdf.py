"""Validation of netCDF files in a worker process.

A damaged or malicious file can crash HDF5, or make it hang; such a file becomes a problem of the report.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainio.assemblies import AssemblyLoader, DataAssembly, named_class
from brainio.errors import AssemblyFormatError, WorkerError
from brainio.local_files import open_regular
from brainio.validation.assemblies import assembly_problems, class_for, collision_problems, own_problems, pair_problems
from brainio.validation.report import Problem, problem, problems_from, unreadable_assembly
from brainio.validation.sources import RecordingFiles, add_table_coordinates, read_table_of_set
from brainio.validation.table_files import read_packaged_table
from brainio.validation.values import CellRules
from brainio.worker_process import call_in_worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr

_MOST_PLACES = 10_000  # of one code: a file may have a billion presentations without a stimulus


def read_assembly(path: Path) -> tuple[DataAssembly | None, list[Problem]]:
    """Open a netCDF file lazily, without stimulus metadata, and list the problems that prevent it."""
    try:
        open_regular(path).close()  # HDF5 would wait for the writer of a pipe
    except OSError as error:
        return None, [unreadable_assembly(path, error)]
    try:
        return AssemblyLoader(DataAssembly, path, in_blocks=True).load(), []
    except AssemblyFormatError as error:
        return None, [unreadable_assembly(path, error)]


def netcdf_problems(
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
    own, of_pair = problems_in_worker("brainio.validation.netcdf:find_problems", arguments, path, 2)
    return own, of_pair


def problems_in_worker(function: str, arguments: list[Any], path: Path, lists: int) -> list[list[Problem]]:
    """Run a function that lists problems in a worker process; report a file that crashes it as a problem.

    Parameters
    ----------
    function : str
        `module:function`; returns lists of records, see `to_records`.
    arguments : list
        See `brainio.worker_process.WorkerProcess.call`.
    path : Path
        The file that the function reads.
    lists : int
        Number of lists that the function returns.
    """
    try:
        answer = call_in_worker(function, arguments, subject=str(path), paths=[path])
        problems = [problems_from(records) for records in answer]
    except (WorkerError, AssemblyFormatError) as error:  # the latter if a block of values is damaged
        problems = [[unreadable_assembly(path, error)]]
    return [*problems, *([] for _ in range(lists - len(problems)))]


def find_problems(
    path: str,
    class_name: str | None,
    stimuli: str | None,
    is_published: bool,
    coords: Mapping[str, str] | None = None,
    rules: Sequence[Sequence[str]] = (),
) -> list[list[dict[str, str]]]:
    """Run `netcdf_problems` in a worker process."""
    cells = CellRules(*rules)
    assembly: xr.DataArray | None
    assembly, problems = read_assembly(Path(path))
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


def to_records(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """Convert problems to dicts: the first 10,000 of each code, and the number of further ones."""
    counts: Counter[str] = Counter()
    records = []
    for item in problems:
        counts[item.code] += 1
        if counts[item.code] <= _MOST_PLACES:
            records += [item.record()]
    for code, count in counts.items():
        if count > _MOST_PLACES:
            records.append(problem(code, f"{count - _MOST_PLACES:,} further places", "the same").record())
    return records
