"""Reads the files of a stimulus set before it is packaged: a table, or none, and the folder of the stimuli.

`packaging` and `validation` both read through this module, so that they accept the same input.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainio.home import require_possible_path
from brainio.stimuli import FILENAME, STIMULUS_ID
from brainio.text import fault_of_text, some
from brainio.validation.problems import Problem, problem
from brainio.validation.reading import packaged_problems, read_table, with_stimulus_id
from brainio.validation.table_files import TABLES, read_table_file
from brainio.validation.tables import Table
from brainio.validation.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainio.validation.cells import CellRules


@dataclass(frozen=True, slots=True)
class StimulusFiles:
    """The table of a stimulus set, the folder of its stimuli, and the name of each row's file below that folder."""

    table: Table
    folder: Path
    names: Sequence[object]


def read_stimulus_files(source: Path, files: Path | None, rules: CellRules) -> tuple[StimulusFiles, list[Problem]]:
    """Read the table of a stimulus set and find its files; list everything that keeps either from being used.

    Parameters
    ----------
    source : Path
        A CSV or parquet table, or a folder. Of a folder without a table, each file is a stimulus, and its path without
        extension is the id.
    files : Path or None
        The folder of the stimuli. By default the folder of the table, or one beside it that has the table's name.
    rules : CellRules
        How the cells of a CSV table are read.
    """
    require_possible_path(source)
    tables = _tables_in(source) if source.is_dir() else [source]
    if len(tables) > 1:
        found = f"several tables: {some([path.name for path in tables])}"
        several = problem("table-missing", f"folder {source.name}", found, expected="one table", fix="name one of them")
        return StimulusFiles(Table(pd.DataFrame(), []), source, []), [several]
    if not tables:
        return _files_without_table(source)
    table, problems = read_table_file(tables[0], rules)
    table, older = with_stimulus_id(table)
    problems += older
    ids, names = table.column(STIMULUS_ID), table.column(FILENAME)
    folder = files or _folder_beside(tables[0], names)
    if names is not None or ids is None:
        return StimulusFiles(table, folder, names or []), problems
    found_names, unclear = names_by_id(ids, folder)
    return StimulusFiles(table, folder, found_names), problems + unclear


def _tables_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES and path.is_file())


def _files_without_table(folder: Path) -> tuple[StimulusFiles, list[Problem]]:
    names = files_below(folder)
    undecodable = [name for name in names if fault_of_text(name)]
    problems = []
    if undecodable:
        found, fix = f"names that are not UTF-8: {some(undecodable)}", "rename the files"
        problems.append(problem("source-unreadable", f"folder {folder.name}", found, expected="UTF-8", fix=fix))
    if not names:
        found = f"{folder} holds no files that could be stimuli"
        problems.append(
            problem("table-missing", f"folder {folder.name}", found, expected="stimuli, or a table of them")
        )
    ids = [Path(name).with_suffix("").as_posix() for name in names]
    frame = pd.DataFrame({STIMULUS_ID: ids, FILENAME: names}, dtype=object)  # names may be no valid Unicode
    return StimulusFiles(Table(frame.astype(object), [f"file {name}" for name in names]), folder, names), problems


def files_below(folder: Path) -> list[str]:
    """Name the files of a folder that are not hidden, and the links that lead nowhere."""
    found = (path for path in folder.rglob("*") if not os.path.isdir(path))  # noqa: PTH112
    paths = (path.relative_to(folder) for path in found)
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))


def _folder_beside(table: Path, names: Iterable[object] | None) -> Path:
    """Return the folder of the stimuli of a table: its own, or one of its name beside it if the files are there."""
    named = table.with_suffix("")
    if not named.is_dir():
        return table.parent
    if names is None:
        return named
    known = [str(name) for name in names if not is_missing(name)]
    return table.parent if any((table.parent / name).exists() for name in known) else named


def names_by_id(ids: Sequence[object], folder: Path) -> tuple[list[str], list[Problem]]:
    """Find for each id the file of that name, whatever its extension; the id itself where there is no file."""
    by_stem: dict[str, list[str]] = {}
    for name in files_below(folder):
        by_stem.setdefault(Path(name).with_suffix("").as_posix(), []).append(name)
    found = [by_stem.get(str(one), [str(one)]) for one in ids]
    several = dict.fromkeys(tuple(names) for names in found if len(names) > 1)
    fix = "name the file of each stimulus in a column 'filename', or move the other files away"
    problems = [
        problem("member-clash", f"folder {folder.name}", f"several files for one stimulus_id: {some(names)}", fix=fix)
        for names in several
    ]
    return [names[0] for names in found], problems


def read_set(source: Path, place: Path | None, rules: CellRules) -> tuple[Table, list[Problem]]:
    """Read a stimulus set that a user names, and list what is wrong with its table and its files.

    Parameters
    ----------
    source : Path
        As in `read_stimulus_files`; or a ZIP archive with the CSV file of its name beside it, as packaging writes them.
    place : Path or None
        The folder or ZIP archive of the stimuli. By default the archive beside the table, or what `read_stimulus_files`
        finds.
    rules : CellRules
        How the cells of a CSV table are read. Those of a packaged set are read as loading does.
    """
    packaged = _packaged_pair(source, place)
    if isinstance(packaged, Problem):
        return Table(pd.DataFrame(), []), [packaged]
    if packaged is not None:
        return read_packaged_set(*packaged)
    found, problems = read_stimulus_files(source, place, rules)
    codes = {one.code for one in problems}
    if codes & {"table-unreadable", "table-missing"}:
        return found.table, problems
    names = found.names if STIMULUS_ID in found.table.frame.columns else None
    further = packaged_problems(found.table, found.folder, names)
    is_known = "column-doubled" in codes
    return found.table, problems + [one for one in further if not (is_known and one.code == "column-doubled")]


def table_of_set(source: Path, rules: CellRules) -> Table:
    """Read the table of a stimulus set that a user names, as far as it can be read."""
    packaged = _packaged_pair(source, None)
    if isinstance(packaged, Problem):
        return Table(pd.DataFrame(), [])
    return read_stimulus_files(source, None, rules)[0].table if packaged is None else read_table(packaged[0])[0]


def read_packaged_set(table_path: Path, place: Path) -> tuple[Table, list[Problem]]:
    """Read a packaged stimulus set from its CSV file and its ZIP archive, and list what is wrong with both."""
    table, problems = read_table(table_path)
    if any(one.code == "table-unreadable" for one in problems):
        return table, problems
    return table, problems + packaged_problems(table, place)


def _packaged_pair(source: Path, place: Path | None) -> tuple[Path, Path] | Problem | None:
    """Return the CSV file and the ZIP archive of a packaged set; None of a set that is not packaged."""
    if source.suffix.lower() == ".zip" and source.is_file():
        table = source.with_suffix(".csv")
        found = f"no {table.name} beside it"
        return (table, source) if table.is_file() else problem("table-missing", f"file {source.name}", found)
    if place is not None:
        return None if place.is_dir() else (source, place)
    if source.suffix.lower() != ".csv":
        return None
    archive = source.with_suffix(".zip")
    return (source, archive) if archive.is_file() else None
