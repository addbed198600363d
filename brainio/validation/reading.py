"""Files as they are, also those that break the format: tables whose rows are ragged, archives, folders, netCDF.

What the loaders refuse at the first fault is read here as far as it goes, and every fault is listed.
"""

from __future__ import annotations

import csv
import io
import os
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainio.assemblies import AssemblyLoader, DataAssembly
from brainio.cache.archive import open_archive, safe_members
from brainio.errors import ArchiveError, AssemblyFormatError, StimulusSetFormatError
from brainio.local_files import open_regular, read_regular
from brainio.member_names import MemberNames, path_below
from brainio.stimuli import FILENAME, IMAGE_ID, STIMULUS_ID
from brainio.stimuli.typed_csv import MOST_COLUMNS, TEXT_COLUMNS, TypedCsv, is_typed
from brainio.text import some
from brainio.validation.files import LocalFile, Member, Wanted, file_problems
from brainio.validation.problems import Problem, problem, unreadable_assembly
from brainio.validation.tables import Table, fault_of_member, filename_problems, member_problems, table_problems
from brainio.validation.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from brainio.validation.files import StimulusFile

_TRUTHS = {"True": True, "False": False}
NAMELESS = "Unnamed: "
_OTHER_SEPARATORS = (";", "\t", "|")
_FAULTS = {  # of the csv module
    "unexpected end of data": "a quotation mark without its other half",
    "',' expected after '\"'": "text after a closing quotation mark",
}
_PACKAGED = (".csv", ".parquet", ".zip", ".nc")


def read_table(path: Path) -> tuple[Table, list[Problem]]:
    """Read a CSV file, and list what keeps its rows from being read."""
    try:
        return parse_table(read_regular(path), path.name)
    except FileNotFoundError:
        return _unreadable(str(path), "no such file", fix="correct the path")
    except OSError as error:
        return _unreadable(path.name, str(error), fix="correct access")


def parse_table(content: bytes, name: str) -> tuple[Table, list[Problem]]:
    """Read the bytes of a CSV file of that name as loading does, and list what keeps its rows from being read."""
    if is_typed(content):
        table, problems = parse_typed(content, name)
    else:
        table, problems = parse_texts(content, name)
        table = Table(_typed(table.frame), table.row_names)
    table, older = with_stimulus_id(table)
    return table, problems + older


def parse_texts(content: bytes, name: str) -> tuple[Table, list[Problem]]:
    """Read the bytes of a CSV file of that name as text, and list what keeps its rows from being read.

    An empty cell is the text `''`.
    """
    if b"\0" in content:
        number = content.count(b"\n", 0, content.index(b"\0")) + 1
        return _unreadable(name, f"a NUL character in line {number}")
    try:
        rows, lines, empty = _read_rows(content)
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        return _unreadable(name, f"line {number} is not UTF-8 ({error})")
    except csv.Error as error:
        expected = "texts in quotes that end with their cell, and quotation marks inside them doubled"
        return _unreadable(name, str(error), expected=expected, fix="correct the quotation marks of this row")
    if not rows:
        return _unreadable(name, "no header")
    if len(rows[0]) > MOST_COLUMNS:
        columns = f"{len(rows[0]):,} columns"
        return _unreadable(name, columns, expected=f"at most {MOST_COLUMNS:,}", fix="package others as an assembly")
    separator = next((sign for sign in _OTHER_SEPARATORS if sign in rows[0][0]), None) if len(rows[0]) == 1 else None
    if separator is not None:
        fix = f"save the table again with commas instead of {separator!r}"
        return _unreadable(name, f"one column, {rows[0][0]!r}", expected="columns separated by commas", fix=fix)
    header = [column or f"{NAMELESS}{number}" for number, column in enumerate(rows[0])]
    problems, kept = [], []
    if empty:
        problems.append(problem("row-empty", name, f"rows of empty cells, which are left out, in lines {some(empty)}"))
    for row, line in zip(rows[1:], lines[1:], strict=True):
        if len(row) == len(header):
            kept.append((row, line))
        else:
            fields = f"{len(row)} {'field' if len(row) == 1 else 'fields'}; the header has {len(header)}"
            problems.append(problem("row-ragged", f"file {name}, {line}", fields))
    frame = pd.DataFrame([row for row, _ in kept], columns=pd.Index(header, dtype=object), dtype=object)
    return Table(frame, [line for _, line in kept]), problems


def parse_typed(content: bytes, name: str) -> tuple[Table, list[Problem]]:
    """Read the bytes of a typed CSV file of that name, or say why it cannot be read."""
    try:
        cells = TypedCsv(content, "it")
        return Table(cells.table(), [f"line {line}" for line in cells.lines]), []
    except StimulusSetFormatError as error:
        return _unreadable(name, str(error), fix="correct it, or package the stimulus set again")


def _unreadable(name: str, found: str, **told: str) -> tuple[Table, list[Problem]]:
    return Table(pd.DataFrame(), []), [problem("table-unreadable", f"file {name}", found, **told)]


def _read_rows(content: bytes) -> tuple[list[list[str]], list[str], list[int]]:
    """Return the rows of a CSV file, the line on which each begins, and the lines of rows whose cells are all empty."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    rows, lines, empty, line = [], [], [], 1
    try:
        for row in reader:
            if "".join(row).strip():
                rows.append(row)
                lines.append(f"line {line}")
            elif len(row) > 1:
                empty.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise csv.Error(f"the row that begins in line {line} has {_FAULTS.get(str(error), error)}") from error
    return rows, lines, empty


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Take numbers and truths for what they are, as loading does; an empty field is a missing value."""
    columns = []
    for number, name in enumerate(frame.columns):
        texts = frame.iloc[:, number].replace("", np.nan)
        if name not in TEXT_COLUMNS and texts.notna().any():
            present = texts.dropna()
            if present.isin(list(_TRUTHS)).all():
                texts = texts.map(_TRUTHS)
            else:
                numbers = pd.to_numeric(texts, errors="coerce")
                texts = numbers if numbers.notna().sum() == len(present) else texts
        columns.append(texts)
    typed = pd.concat(columns, axis=1) if columns else frame
    typed.columns = frame.columns
    return typed


def with_stimulus_id(table: Table) -> tuple[Table, list[Problem]]:
    """Add the column `stimulus_id` to a table that names it `image_id`, as tables did until 2021."""
    if IMAGE_ID in table.frame.columns and STIMULUS_ID not in table.frame.columns:
        older = problem("id-column-older", f"column {IMAGE_ID!r}", "the name that it had until 2021")
        ids = pd.Series(table.column(IMAGE_ID), index=table.frame.index, dtype=object)
        return Table(table.frame.assign(**{STIMULUS_ID: ids}), table.row_names), [older]
    return table, []


def packaged_problems(table: Table, place: Path, names: Sequence[object] | None = None) -> list[Problem]:
    """List what is wrong with a table that was read, and with its files in a folder or a ZIP archive.

    Parameters
    ----------
    table : Table
        Of a stimulus set.
    place : Path
        The folder or archive.
    names : sequence, optional
        The file of each row; by default the column `filename` names it.
    """
    problems = table_problems(table) + filename_problems(table)
    named = table.column(FILENAME) if names is None else names
    if named is None:
        found = f"no column 'filename'; there are {some(list(table.frame.columns)) or 'none'}"
        fix = "add it; `brainio package stimulus-set` goes without where each file is named as its stimulus_id"
        return [*problems, problem("filename-missing", "table", found, expected="a column 'filename'", fix=fix)]
    kept = [(row, str(name)) for row, name in zip(table.row_names, named, strict=True) if not is_missing(name)]
    members = [name for _, name in kept]
    problems += member_problems([row for row, _ in kept], members, members)
    safe = [(row, name) for row, name in kept if fault_of_member(name) is None]
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
    wanted: dict[str, Wanted] = {}
    for row, name in named:
        wanted.setdefault(name, Wanted(f"{row}, file {name}", partial(file, name)))
    problems = file_problems(list(wanted.values()))
    names = MemberNames(there)
    unlisted = sorted(set(there) - {names.find(name) for name in wanted})
    if unlisted:
        problems.append(problem("file-unlisted", "files", f"{len(unlisted)} files that no row names: {some(unlisted)}"))
    return problems


def _files_below(folder: Path) -> list[str]:
    """Name the files of a folder that could be stimuli: not hidden ones, nor those of packages."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if os.path.isfile(path)]  # noqa: PTH113 - a Path raises where it may not look
    return [
        name.as_posix()
        for name in names
        if name.suffix not in _PACKAGED and not any(part.startswith(".") for part in name.parts)
    ]


def read_assembly(path: Path) -> tuple[DataAssembly | None, list[Problem]]:
    """Open a netCDF file without joining anything in, its values left there; list what keeps it from being read."""
    try:
        open_regular(path).close()  # HDF5 would wait for the writer of a pipe
    except OSError as error:
        return None, [unreadable_assembly(path, error)]
    try:
        return AssemblyLoader(DataAssembly, path, in_blocks=True).load(), []
    except AssemblyFormatError as error:
        return None, [unreadable_assembly(path, error)]
