"""The problems of a netCDF file, found in a worker process: HDF5 cannot survive every file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainio.assemblies import named_class
from brainio.errors import AssemblyFormatError, WorkerError
from brainio.validation.assemblies import assembly_problems, class_for, own_problems
from brainio.validation.pairs import pair_problems
from brainio.validation.problems import Problem, problem, problems_from, unreadable_assembly
from brainio.validation.reading import read_assembly, read_table
from brainio.worker_process import call_in_worker

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_PLACES = 10_000  # problems of one code: a file may have a billion presentations without a stimulus


def netcdf_problems(
    path: Path, class_name: str | None, table: Path | None, *, is_published: bool = False
) -> tuple[list[Problem], list[Problem]]:
    """List what is wrong with a netCDF file by itself, and between it and the table of its stimulus set.

    Parameters
    ----------
    path : Path
        The netCDF file.
    class_name : str or None
        The class that it is meant to be of; None: the one that its dimensions suggest.
    table : Path or None
        The CSV file of its stimulus set.
    is_published : bool, default False
        Its names are those of a catalog, and not checked.
    """
    arguments = [str(path.absolute()), class_name, None if table is None else str(table.absolute()), is_published]
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
    path: str, class_name: str | None, table: str | None, is_published: bool
) -> list[list[dict[str, str]]]:
    """Do the work of `netcdf_problems`; runs in a worker process."""
    assembly, problems = read_assembly(Path(path))
    if assembly is None:
        return [as_records(problems)]
    cls = class_for(assembly) if class_name is None else named_class(class_name)
    problems += assembly_problems(assembly, cls) if is_published else own_problems(assembly, cls)
    of_pair = [] if table is None else pair_problems(assembly, read_table(Path(table))[0])
    return [as_records(problems), as_records(of_pair)]


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
