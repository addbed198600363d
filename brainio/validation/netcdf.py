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
from brainio.validation.assemblies import assembly_problems, class_for, own_problems
from brainio.validation.cells import CellRules
from brainio.validation.pairs import collision_problems, pair_problems
from brainio.validation.report import Problem, problem, problems_from, unreadable_assembly
from brainio.validation.sources import RecordingFiles, table_of_set, with_tables
from brainio.validation.table_files import read_table
from brainio.worker_process import call_in_worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr

_MOST_PLACES = 10_000  # problems of one code: a file may have a billion presentations without a stimulus


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
    """List what is wrong with a netCDF file by itself, and between it and the table of its stimulus set.

    Parameters
    ----------
    files : RecordingFiles
        The netCDF file, and tables of further coordinates.
    class_name : str or None
        The class that it is meant to be of; None: the one that its dimensions suggest.
    stimuli : Path or None
        Its stimulus set, see `read_stimulus_files`; of a published one the CSV file.
    is_published : bool, default False
        Its names are those of a catalog, and not checked.
    """
    path = files.source
    coords = {dim: str(table.absolute()) for dim, table in files.coords.items()}
    rules = [sorted(files.rules.text), sorted(files.rules.missing)]
    shown = None if stimuli is None else str(stimuli.absolute())
    arguments = [str(path.absolute()), class_name, shown, is_published, coords, rules]
    own, of_pair = problems_in_worker("brainio.validation.netcdf:find_problems", arguments, path, 2)
    return own, of_pair


def problems_in_worker(function: str, arguments: list[Any], path: Path, lists: int) -> list[list[Problem]]:
    """Run a function that lists problems in the worker process; a file that ends it is a problem, too.

    Parameters
    ----------
    function : str
        `module:function`; returns lists of what `as_records` gives.
    arguments : list
        See `brainio.worker_process.WorkerProcess.call`.
    path : Path
        The file that is read.
    lists : int
        How many lists the function returns.
    """
    try:
        found = call_in_worker(function, arguments, subject=str(path), paths=[path])
        listed = [problems_from(records) for records in found]
    except (WorkerError, AssemblyFormatError) as error:  # the latter where a block of values is damaged
        listed = [[unreadable_assembly(path, error)]]
    return [*listed, *([] for _ in range(lists - len(listed)))]


def find_problems(
    path: str,
    class_name: str | None,
    stimuli: str | None,
    is_published: bool,
    coords: Mapping[str, str] | None = None,
    rules: Sequence[Sequence[str]] = (),
) -> list[list[dict[str, str]]]:
    """Do the work of `netcdf_problems`; runs in a worker process."""
    cells = CellRules(*rules)
    assembly: xr.DataArray | None
    assembly, problems = read_assembly(Path(path))
    if coords:
        tables = {dim: Path(table) for dim, table in coords.items()}
        assembly, problems = with_tables(RecordingFiles(Path(path), (), tables, None, cells), assembly, {}, problems)
    if assembly is None:
        return [as_records(problems)]
    cls = class_for(assembly) if class_name is None else named_class(class_name)
    problems += assembly_problems(assembly, cls) if is_published else own_problems(assembly, cls)
    if stimuli is None:
        return [as_records(problems), []]
    table = read_table(Path(stimuli))[0] if is_published else table_of_set(Path(stimuli), cells)
    collisions = [] if is_published else collision_problems(assembly, table)
    return [as_records(problems), as_records(pair_problems(assembly, table) + collisions)]


def as_records(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """Return problems as dicts; of more than 10,000 of one code, the first and how many more there are."""
    counts: Counter[str] = Counter()
    records = []
    for one in problems:
        counts[one.code] += 1
        if counts[one.code] <= _MOST_PLACES:
            records += [one.record()]
    for code, count in counts.items():
        if count > _MOST_PLACES:
            records.append(problem(code, f"{count - _MOST_PLACES:,} further places", "the same").record())
    return records
