"""Checks of a stimulus set: its table, the names of its files, and the files themselves.

The stimulus set is in memory, or a table with a folder or archive. `stimulus_files` checks the content of files.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from brainio.cache.archive import open_archive, safe_members
from brainio.errors import ArchiveError, BrainioError
from brainio.member_names import MemberNames, fault_of_name, normalized_name, path_below
from brainio.stimuli import FILENAME, STIMULUS_ID
from brainio.stimuli.columns import MIXED, UNENCODABLE, ColumnFault, column_values
from brainio.text import some
from brainio.validation.report import Problem, problem
from brainio.validation.stimulus_files import LocalFile, Member, RequiredFile, file_problems
from brainio.validation.values import is_id, is_integer, is_missing, is_text, repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from brainio.stimuli import StimulusSet
    from brainio.validation.stimulus_files import StimulusFile


PATH_IN_STORE = "stimulus_path_within_store"
_PACKAGED = (".csv", ".parquet", ".zip", ".nc")
_CHECKED_BY_OTHER_RULES = (STIMULUS_ID, FILENAME)
_COLUMN = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Table:
    """A table, valid or not, with names of its rows for messages.

    Attributes
    ----------
    frame : pandas.DataFrame
        The table; it may violate every rule.
    row_names : sequence of str
        Such as `'row 3'`, or `'line 5'` of a file.
    """

    frame: pd.DataFrame
    row_names: Sequence[str]

    @classmethod
    def in_memory(cls, frame: pd.DataFrame) -> Table:
        """Create a table whose rows are named by position, from 0."""
        return cls(frame, [f"row {number}" for number in range(len(frame))])

    def column(self, name: str) -> list[object] | None:
        """Return the first column of that name, None if it is missing."""
        names = list(self.frame.columns)
        return self.frame.iloc[:, names.index(name)].tolist() if name in names else None

    def ids(self) -> list[object]:
        """Return the column `stimulus_id`, empty if it is missing."""
        return self.column(STIMULUS_ID) or []

    def sound_ids(self) -> dict[int, object]:
        """Return the valid ids by row position: texts, or numbers if all ids are numbers."""
        ids = self.ids()
        is_sound = is_integer if ids and all(map(is_integer, ids)) else is_text
        return {row: value for row, value in enumerate(ids) if is_sound(value)}


def table_problems(table: Table) -> list[Problem]:
    """List the problems of the columns and ids of a table."""
    problems = _column_problems(table)
    if table.column(STIMULUS_ID) is None:
        columns = some(list(table.frame.columns)) or "no columns"
        found = f"no column 'stimulus_id'; there are {columns}"
        return [*problems, problem("id-column-missing", "table", found)]
    return problems + _id_problems(table)


def _column_problems(table: Table) -> list[Problem]:
    frame = table.frame
    names = list(frame.columns)
    problems = [
        problem("column-name", f"column {name!r}", repr(name))
        for name in dict.fromkeys(names)
        if not (isinstance(name, str) and _COLUMN.fullmatch(name))
    ]
    counts = Counter(map(str, names))
    problems += [
        problem("column-doubled", f"column {name!r}", f"{count} columns of that name")
        for name, count in counts.items()
        if count > 1
    ]
    if frame.empty:
        problems.append(problem("table-empty", "table", "no rows"))
    for number, name in enumerate(names):
        fault = column_values(str(name), frame.iloc[:, number])
        if isinstance(fault, ColumnFault) and (name not in _CHECKED_BY_OTHER_RULES or fault.kind == UNENCODABLE):
            problems.append(_column_problem(name, fault, table.row_names))
    return problems


def _column_problem(name: object, fault: ColumnFault, row_names: Sequence[str]) -> Problem:
    if fault.kind == UNENCODABLE:
        return problem("text-invalid", f"{row_names[fault.rows[0]]}, column {name!r}", fault.found, fix=fault.fix)
    code = "column-mixed-type" if fault.kind == MIXED else "column-not-plain"
    found = fault.in_rows(row_names)
    return problem(code, f"column {name!r}", found, expected=fault.expected, fix=fault.fix)


def column_types(table: Table) -> list[str]:
    """Describe the type of each column as packaging stores it, such as `'code text, 1 missing'`."""
    described = [(name, column_values(str(name), column)) for name, column in table.frame.items()]
    return [f"{name} {'(no type)' if isinstance(found, ColumnFault) else found}" for name, found in described]


def _id_problems(table: Table) -> list[Problem]:
    ids, rows = table.ids(), table.row_names
    if ids and all(map(is_integer, ids)):
        number = problem("id-numeric", f"column {STIMULUS_ID!r}", f"numbers, such as {ids[0]!r}")
        return [number, *duplicate_id_problems(ids, rows)]
    problems = []
    for row, value in zip(rows, ids, strict=True):
        if is_missing(value) or (isinstance(value, str) and not value.strip()):
            problems.append(problem("id-missing", row, repr(value) if isinstance(value, str) else "no value"))
        elif not is_text(value):
            problems.append(problem("id-not-text", row, f"{value!r} ({type(value).__name__})"))
        elif str(value) != str(value).strip():
            problems.append(problem("id-padded", row, repr(value)))
    return problems + duplicate_id_problems(ids, rows) + _case_problems(ids, rows)


def duplicate_id_problems(ids: Sequence[object], rows: Sequence[str]) -> list[Problem]:
    """List the ids that occur in more than one row."""
    kept = [(row, str(value)) for row, value in zip(rows, ids, strict=True) if is_id(value)]
    return [
        problem("id-doubled", kept[place][0], f"{kept[place][1]!r}, as in {kept[earlier][0]}")
        for place, earlier in repeats(value for _, value in kept)
    ]


def _case_problems(ids: Sequence[object], rows: Sequence[str]) -> list[Problem]:
    first: dict[str, str] = {}
    for row, value in zip(rows, ids, strict=True):
        if isinstance(value, str):
            first.setdefault(value, row)
    texts = list(first)
    return [
        problem("id-case", first[texts[place]], f"{texts[place]!r}, and {texts[other]!r} in {first[texts[other]]}")
        for place, other in repeats(texts, lambda text: str(text).casefold())
    ]


def member_names(frame: pd.DataFrame, paths: Mapping[object, str | Path]) -> list[str]:
    """Return the normalized name of each stimulus in the archive, in the order of the table.

    The column `filename` gives the names. Without it, a name is the `stimulus_id` (or `stimulus_path_within_store`)
    with the extension of the file.

    Raises
    ------
    KeyError
        The table has no column `filename`, and an id has no path.
    """
    if FILENAME in frame.columns:
        return [normalized_name(str(name)) for name in frame[FILENAME]]
    stems = PATH_IN_STORE if PATH_IN_STORE in frame.columns else STIMULUS_ID
    return [
        normalized_name(f"{stem}{Path(paths[stimulus_id]).suffix}")
        for stem, stimulus_id in zip(frame[stems], frame[STIMULUS_ID], strict=True)
    ]


def _member_problems(rows: Sequence[str], names: Sequence[str], sources: Sequence[object]) -> list[Problem]:
    """List the names that are unsafe to unpack, or that clash on some file system.

    Parameters
    ----------
    rows : sequence of str
        Names of the rows for messages.
    names : sequence of str
        The name of each row's file in the archive.
    sources : sequence
        Identity of each row's file: rows with equal sources share a file.
    """
    problems = []
    for row, name in zip(rows, names, strict=True):
        fault = member_fault(name)
        if fault is not None:
            problems.append(problem("member-unsafe", row, f"{name!r} is not allowed in an archive: {fault}"))
    first: dict[str, int] = {}
    given = names
    names = [normalized_name(name) for name in names]
    folders = {parent.as_posix().casefold() for name in names for parent in PurePosixPath(name).parents}
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        earlier = first.setdefault(name.casefold(), place)
        if (names[earlier], sources[earlier]) != (name, sources[place]):
            problems.append(
                problem("member-clash", row, f"{given[place]!r}, and {given[earlier]!r} in {rows[earlier]}")
            )
        elif name and name.casefold() in folders:
            problems.append(problem("member-clash", row, f"{name!r}, which is a folder of other files as well"))
    return problems


def member_fault(name: str) -> str | None:
    """Describe why a name is not allowed in an archive; None if it is allowed."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not valid Unicode"
    return fault_of_name(name) or ("its name contains a line break" if set(name) & set("\n\r") else None)


def _filename_problems(table: Table) -> list[Problem]:
    """List the rows whose cell in the column `filename` is empty."""
    return [
        problem("filename-missing", table.row_names[row], "no filename")
        for row, name in enumerate(table.column(FILENAME) or [])
        if is_missing(name)
    ]


def stimulus_set_problems(stimulus_set: StimulusSet) -> list[Problem]:
    """List the problems of a stimulus set in memory: its table, its `stimulus_paths` and its files."""
    table = Table.in_memory(stimulus_set)
    problems = table_problems(table) + _filename_problems(table)
    paths = getattr(stimulus_set, "stimulus_paths", None)
    if not isinstance(paths, Mapping):
        found = "nothing" if paths is None else f"a {type(paths).__name__}"
        return [*problems, problem("paths-missing", "stimulus_paths", found)]
    located, lost = _paths_by_row(table, paths)
    required: dict[Path, RequiredFile] = {}
    for row, path in located.items():
        place = f"{table.row_names[row]}, file {path.name}"
        required.setdefault(path, RequiredFile(place, partial(LocalFile, path)))
    return [*problems, *lost, *_name_problems(table, located), *file_problems(list(required.values()))]


def _paths_by_row(table: Table, paths: Mapping[Any, str | Path]) -> tuple[dict[int, Path], list[Problem]]:
    """Return the path of each row that has an id and a path, by row position, and the problems of other rows."""
    located, problems = {}, []
    filenames = table.column(FILENAME) or []
    for row, value in table.sound_ids().items():
        place = table.row_names[row]
        try:
            located[row] = Path(paths[value])
        except KeyError:
            if not (filenames and is_missing(filenames[row])):  # `_filename_problems` reports these
                problems.append(problem("path-missing", place, f"no path for {value!r}"))
        except TypeError:
            problems.append(problem("path-missing", place, f"for {value!r} {paths[value]!r}, which is not a path"))
        except (BrainioError, OSError) as error:  # a published set takes the files from its archive
            problems.append(problem("file-missing", f"{place}, stimulus {value!r}", str(error)))
    return located, problems


def _name_problems(table: Table, located: Mapping[int, Path]) -> list[Problem]:
    """List the problems of the names of files in the archive."""
    filenames, stems = table.column(FILENAME), table.column(PATH_IN_STORE) or table.ids()
    names = {
        row: f"{stems[row]}{path.suffix}" if filenames is None else str(filenames[row])
        for row, path in located.items()
        if filenames is None or not is_missing(filenames[row])
    }
    rows = [table.row_names[row] for row in names]
    return _member_problems(rows, list(names.values()), [located[row] for row in names])


def packaged_problems(table: Table, place: Path, names: Sequence[object] | None = None) -> list[Problem]:
    """List the problems of a table, and of its files in a folder or a ZIP archive.

    Parameters
    ----------
    table : Table
        The table of a stimulus set.
    place : Path
        The folder or archive.
    names : sequence, optional
        The file of each row; by default the column `filename` names it.
    """
    problems = table_problems(table) + _filename_problems(table)
    named = table.column(FILENAME) if names is None else names
    if named is None:
        found = f"no column 'filename'; there are {some(list(table.frame.columns)) or 'none'}"
        fix = "add it; `brainio package stimulus-set` does not need it if each file is named after its stimulus_id"
        return [*problems, problem("filename-missing", "table", found, expected="a column 'filename'", fix=fix)]
    kept = [(row, str(name)) for row, name in zip(table.row_names, named, strict=True) if not is_missing(name)]
    members = [name for _, name in kept]
    problems += _member_problems([row for row, _ in kept], members, members)
    safe = [(row, name) for row, name in kept if member_fault(name) is None]
    if place.is_dir():
        return problems + _content_problems(safe, lambda name: LocalFile(path_below(place, name)), _files_below(place))
    try:
        with open_archive(place) as archive:
            infos = safe_members(place, archive)
            members_by_name = MemberNames(infos)

            def member(name: str) -> Member:
                return Member(name, archive, infos.get(members_by_name.find(name) or name))

            return problems + _content_problems(safe, member, list(infos))
    except ArchiveError as error:
        return [*problems, problem("archive-unreadable", f"file {place.name}", str(error))]


def _content_problems(
    named: Sequence[tuple[str, str]], file: Callable[[str], StimulusFile], there: Sequence[str]
) -> list[Problem]:
    required: dict[str, RequiredFile] = {}
    for row, name in named:
        required.setdefault(name, RequiredFile(f"{row}, file {name}", partial(file, name)))
    problems = file_problems(list(required.values()))
    names = MemberNames(there)
    unlisted = sorted(set(there) - {names.find(name) for name in required})
    if unlisted:
        problems.append(problem("file-unlisted", "files", f"{len(unlisted)} files that no row names: {some(unlisted)}"))
    return problems


def _files_below(folder: Path) -> list[str]:
    """Return the names of files below a folder that could be stimuli: neither hidden nor part of a package."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if os.path.isfile(path)]  # noqa: PTH113 - Path.is_file raises without permission
    return [
        name.as_posix()
        for name in names
        if name.suffix not in _PACKAGED and not any(part.startswith(".") for part in name.parts)
    ]
