"""What is wrong with a stimulus set in memory: its table, where its files are, and the files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainio.errors import BrainioError
from brainio.stimuli import FILENAME
from brainio.validation.files import LocalFile, Wanted, file_problems
from brainio.validation.problems import Problem, problem
from brainio.validation.tables import PATH_IN_STORE, Table, filename_problems, member_problems, table_problems
from brainio.validation.values import is_missing

if TYPE_CHECKING:
    from brainio.stimuli import StimulusSet


def stimulus_set_problems(stimulus_set: StimulusSet) -> list[Problem]:
    """List what is wrong with a stimulus set, with its `stimulus_id` and `stimulus_paths`."""
    table = Table.in_memory(stimulus_set)
    problems = table_problems(table) + filename_problems(table)
    paths = getattr(stimulus_set, "stimulus_paths", None)
    if not isinstance(paths, Mapping):
        found = "nothing" if paths is None else f"a {type(paths).__name__}"
        return [*problems, problem("paths-missing", "stimulus_paths", found)]
    located, lost = _located(table, paths)
    wanted: dict[Path, Wanted] = {}
    for row, path in located.items():
        place = f"{table.row_names[row]}, file {path.name}"
        wanted.setdefault(path, Wanted(place, partial(LocalFile, path)))
    return [*problems, *lost, *_name_problems(table, located), *file_problems(list(wanted.values()))]


def _located(table: Table, paths: Mapping[Any, str | Path]) -> tuple[dict[int, Path], list[Problem]]:
    """Return the path of each row that has an id and a path, by its position, and what is wrong with the others."""
    located, problems = {}, []
    filenames = table.column(FILENAME) or []
    for row, value in table.sound_ids().items():
        place = table.row_names[row]
        try:
            located[row] = Path(paths[value])
        except KeyError:
            if not (filenames and is_missing(filenames[row])):  # of which `filename_problems` told
                problems.append(problem("path-missing", place, f"no path for {value!r}"))
        except TypeError:
            problems.append(problem("path-missing", place, f"for {value!r} {paths[value]!r}, which is no path"))
        except (BrainioError, OSError) as error:  # the files of a published set come from its archive
            problems.append(problem("file-missing", f"{place}, stimulus {value!r}", str(error)))
    return located, problems


def _name_problems(table: Table, located: Mapping[int, Path]) -> list[Problem]:
    """List what is wrong with the names that files would have in the archive."""
    filenames, stems = table.column(FILENAME), table.column(PATH_IN_STORE) or table.ids()
    names = {
        row: f"{stems[row]}{path.suffix}" if filenames is None else str(filenames[row])
        for row, path in located.items()
        if filenames is None or not is_missing(filenames[row])
    }
    rows = [table.row_names[row] for row in names]
    return member_problems(rows, list(names.values()), [located[row] for row in names])
