"""Readers of user files that packaging and validation share.

Packaging and validation accept the same input because both read it here: folders, tables and archives of stimuli, and
netCDF files, NumPy files and tables of recordings. Readers list all problems that prevent reading; they do not check
whether the data can be published.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray

from brainio.assemblies import AssemblyLoader, DataAssembly
from brainio.errors import AssemblyFormatError
from brainio.local_files import require_possible_path
from brainio.stimuli import FILENAME, STIMULUS_ID
from brainio.text import fault_of_text, some
from brainio.validation.report import Problem, problem
from brainio.validation.stimulus_sets import Table, packaged_problems
from brainio.validation.table_files import (
    TABLES,
    array_columns,
    ensure_stimulus_id,
    read_packaged_table,
    read_user_table,
)
from brainio.validation.values import CellRules, is_id_column, is_missing
from brainio.xarray_compat import ExplicitIndexer, LazilyIndexedArray, select_lazily, variable_of_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Columns = Mapping[str, tuple[str, np.ndarray]]


NUMPY = ".npy"
_PRESENTATION = "presentation"
_LOADED_BYTES = 16 << 20  # of a NumPy file


@dataclass(frozen=True, slots=True)
class RecordingFiles:
    """The files of a recording and the options for reading them.

    Attributes
    ----------
    source : Path
        A netCDF file with one data variable; a `.npy` file; or a CSV or parquet table with a row for each presentation,
        or for each position of the dimension that `dims` names.
    dims : sequence of str
        The names of the dimensions of a `.npy` file, in order. Of a table: one name, by default `presentation`.
    coords : mapping
        Dimension -> CSV or parquet table with a row for each of its positions; every column becomes a coordinate.
    value : str, optional
        The column of the source table that holds the values. All others become coordinates.
    rules : CellRules
        Declarations about the cells of CSV tables.
    """

    source: Path
    dims: Sequence[str] = ()
    coords: Mapping[str, Path] = field(default_factory=dict)
    value: str | None = None
    rules: CellRules = field(default_factory=CellRules)


def read_recording_files(files: RecordingFiles) -> tuple[xr.DataArray | None, list[Problem]]:
    """Read a recording and list its problems; return None instead of the recording if there are any.

    The numbers of netCDF and NumPy files are loaded lazily, block by block, with and without dask.

    Raises
    ------
    AssemblyFormatError
        The netCDF file is unreadable or unsafe.
    """
    require_possible_path(files.source)
    return add_table_coordinates(files, *_read_source(files))


def add_table_coordinates(
    files: RecordingFiles, array: xr.DataArray | None, columns: Columns, problems: list[Problem]
) -> tuple[xr.DataArray | None, list[Problem]]:
    """Add the columns of the tables in `files.coords`, and those in `columns`, to an array as coordinates.

    Parameters
    ----------
    files : RecordingFiles
        The files of the recording.
    array : DataArray or None
        The values; None if they are unreadable: then only problems of the tables are added to `problems`.
    columns : mapping
        Name -> dimension and values, from the source file.
    problems : list of Problem
        Problems of the source file, extended in place.
    """
    added: dict[str, tuple[str, np.ndarray]] = dict(columns)
    for dim, path in files.coords.items():
        table, table_problems = read_user_table(path, files.rules)
        problems += table_problems or _fit_problems(table, dim, path, array, files.source)
        columns_of_table, inexact = array_columns(table, f"file {path.name}")
        problems += inexact
        earlier = dict(added)
        for name, values in zip(map(str, table.frame.columns), columns_of_table, strict=True):
            if name in earlier or (array is not None and name in array.coords):
                problems.append(_duplicate_coordinate(name, path, earlier, files.source))
            added.setdefault(name, (dim, values))
    if files.rules.text:
        problems += _unknown_text_columns(files, added)
    if array is None or problems:
        return None, problems
    return array.assign_coords(added) if added else array, []


def _duplicate_coordinate(name: str, path: Path, added: Columns, source: Path) -> Problem:
    other = f"the table of {added[name][0]!r}" if name in added else source.name
    return problem("coordinate-doubled", f"file {path.name}, column {name!r}", f"{other} has {name!r} as well")


def _unknown_text_columns(files: RecordingFiles, columns: Columns) -> list[Problem]:
    unknown = sorted({*files.rules.text} - {*columns, files.value})
    return [
        problem("value-column", f"--text {name}", f"no table has a column {name!r}", **_COLUMN_NAME) for name in unknown
    ]


_COLUMN_NAME = {"expected": "the name of a column", "fix": "correct the name"}


def _read_source(files: RecordingFiles) -> tuple[xr.DataArray | None, Columns, list[Problem]]:
    """Read the values, and the other columns of a table."""
    source = files.source
    suffix = source.suffix.lower()
    if not source.is_file():
        found = f"{source} is a folder" if source.is_dir() else f"no file {source}"
        return None, {}, [problem("source-unreadable", f"file {source.name}", found)]
    misplaced = option_problems(files)
    if misplaced:
        return None, {}, misplaced
    if suffix in TABLES:
        return _read_table_source(files)
    if suffix == NUMPY:
        return _read_numpy_source(source, files.dims)
    try:
        return AssemblyLoader(DataAssembly, source, in_blocks=True).load(), {}, []
    except AssemblyFormatError as error:
        if suffix == ".nc":
            raise
        return None, {}, [problem("source-unreadable", f"file {source.name}", str(error))]


def option_problems(files: RecordingFiles) -> list[Problem]:
    """List the options that do not apply to the type of the source file."""
    name, suffix = files.source.name, files.source.suffix.lower()
    problems = []
    if files.dims and suffix not in (*TABLES, NUMPY):
        found = f"names for {name}, which names its dimensions itself"
        problems.append(problem("dims-unnamed", "--dims", found, fix="leave out --dims"))
    if files.value is not None and suffix not in TABLES:
        found = f"{files.value!r} for {name}, which is not a table"
        problems.append(problem("value-column", "--value", found, fix="leave out --value"))
    return problems


def _fit_problems(table: Table, dim: str, path: Path, array: xr.DataArray | None, source: Path) -> list[Problem]:
    """List the mismatches between the rows of a table and the positions of a dimension."""
    if array is None:
        return []
    if dim not in array.dims:
        found = f"a table of {dim!r}; {source.name} has {', '.join(map(str, array.dims)) or 'no dimension'}"
        return [problem("coords-mismatch", f"file {path.name}", found)]
    rows, size = len(table.frame), array.sizes[dim]
    if rows == size:
        return []
    return [problem("coords-mismatch", f"file {path.name}", f"{rows:,} rows; {source.name} has {size:,} along {dim!r}")]


def _read_table_source(files: RecordingFiles) -> tuple[xr.DataArray | None, Columns, list[Problem]]:
    source, value = files.source, files.value
    dims = list(files.dims) or [_PRESENTATION]
    table, problems = read_user_table(source, files.rules, value)
    names = list(map(str, table.frame.columns))
    if len(dims) > 1:
        found = f"{len(dims)} names for the rows of {source.name}: {some(dims)}"
        problems.append(problem("dims-unnamed", "--dims", found, expected="one name", fix="name the dimension of rows"))
    arrays, inexact = array_columns(table, f"file {source.name}")
    problems += inexact
    columns = {name: (dims[0], values) for name, values in zip(names, arrays, strict=True)}
    problems += _value_column_problems(names, value, source) if names else []
    if value is None or value not in columns or problems:
        return None, {name: column for name, column in columns.items() if name != value}, problems
    values = columns.pop(value)[1]
    return xr.DataArray(values, dims=dims, name=value), columns, []


def _value_column_problems(names: Sequence[str], value: str | None, source: Path) -> list[Problem]:
    place, columns = f"file {source.name}", some(names)
    if value is None:
        return [problem("value-column", place, f"no --value; the columns are {columns}")]
    if value not in names:
        return [problem("value-column", place, f"no column {value!r}; the columns are {columns}")]
    if is_id_column(value):
        found = f"{value!r}, which holds ids"
        return [problem("value-column", place, found, fix="name the column of the values, or rename this one")]
    return []


def _read_numpy_source(source: Path, dims: Sequence[str]) -> tuple[xr.DataArray | None, Columns, list[Problem]]:
    place = f"file {source.name}"
    try:
        values = _numpy_values(source)
    except (OSError, ValueError, EOFError) as error:
        expected = "a NumPy array of numbers or text"
        return None, {}, [problem("source-unreadable", place, str(error), expected=expected)]
    example = some(list(dims)) or "none"
    if len(dims) != values.ndim:
        found = f"{values.ndim} dimensions, of {values.shape} elements, and {len(dims)} names: {example}"
        return None, {}, [problem("dims-unnamed", place, found)]
    if len(set(dims)) < len(dims):
        return None, {}, [problem("dims-unnamed", place, f"a name is repeated: {example}")]
    return xr.DataArray(variable_of_values(list(dims), values)), {}, []


def _numpy_values(source: Path) -> Any:
    """Open a NumPy file lazily; blocks are read in the byte order of this machine."""
    mapped = np.load(source, mmap_mode="r", allow_pickle=False)
    dtype = mapped.dtype.newbyteorder("=")
    is_small = source.stat().st_size <= _LOADED_BYTES
    if is_small or mapped.dtype.kind not in "biuf" or not mapped.flags.c_contiguous:
        return np.array(mapped, dtype=dtype)
    return LazilyIndexedArray(_NumpyFile(source, mapped.shape, dtype))


class _NumpyFile(BackendArray):
    """Lazy values of a NumPy file, mapped again for each block: an open mapping counts as memory."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._path, self.shape, self.dtype = path, shape, dtype

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return select_lazily(key, self.shape, self._read)

    def _read(self, key: Any) -> np.ndarray:
        return np.array(np.load(self._path, mmap_mode="r", allow_pickle=False)[key], dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class StimulusSetFiles:
    """The table of a stimulus set, the folder of its stimuli, and each row's file name in the folder."""

    table: Table
    folder: Path
    names: Sequence[object]


def read_stimulus_files(source: Path, files: Path | None, rules: CellRules) -> tuple[StimulusSetFiles, list[Problem]]:
    """Read the table of a stimulus set, find its files, and list problems of both.

    Parameters
    ----------
    source : Path
        A CSV or parquet table, or a folder. In a folder without a table, each file is a stimulus, and its path
        without extension is the id.
    files : Path or None
        The folder of the stimuli. By default the folder of the table, or one next to the table with its name.
    rules : CellRules
        Declarations about the cells of a CSV table.
    """
    require_possible_path(source)
    tables = _tables_in(source) if source.is_dir() else [source]
    if len(tables) > 1:
        found = f"several tables: {some([path.name for path in tables])}"
        several = problem("table-missing", f"folder {source.name}", found, expected="one table", fix="name one of them")
        return StimulusSetFiles(Table(pd.DataFrame(), []), source, []), [several]
    if not tables:
        return _files_without_table(source)
    table, problems = read_user_table(tables[0], rules)
    table, older = ensure_stimulus_id(table)
    problems += older
    ids, names = table.column(STIMULUS_ID), table.column(FILENAME)
    folder = files or _folder_beside(tables[0], names)
    if names is not None or ids is None:
        return StimulusSetFiles(table, folder, names or []), problems
    found_names, unclear = _names_by_id(ids, folder)
    return StimulusSetFiles(table, folder, found_names), problems + unclear


def _tables_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES and path.is_file())


def _files_without_table(folder: Path) -> tuple[StimulusSetFiles, list[Problem]]:
    names = _files_below(folder)
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
    frame = pd.DataFrame({STIMULUS_ID: ids, FILENAME: names}, dtype=object)  # names may be invalid Unicode
    return StimulusSetFiles(Table(frame.astype(object), [f"file {name}" for name in names]), folder, names), problems


def _files_below(folder: Path) -> list[str]:
    """Return the names of files and broken links below a folder, except hidden ones."""
    found = (path for path in folder.rglob("*") if not os.path.isdir(path))  # noqa: PTH112
    paths = (path.relative_to(folder) for path in found)
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))


def _folder_beside(table: Path, names: Iterable[object] | None) -> Path:
    """Return the folder with the name of the table if it holds the files, else the folder of the table."""
    named = table.with_suffix("")
    if not named.is_dir():
        return table.parent
    if names is None:
        return named
    known = [str(name) for name in names if not is_missing(name)]
    return table.parent if any((table.parent / name).exists() for name in known) else named


def _names_by_id(ids: Sequence[object], folder: Path) -> tuple[list[str], list[Problem]]:
    """Find the file named after each id, with any extension; return the id itself if there is no file."""
    by_stem: dict[str, list[str]] = {}
    for name in _files_below(folder):
        by_stem.setdefault(Path(name).with_suffix("").as_posix(), []).append(name)
    found = [by_stem.get(str(value), [str(value)]) for value in ids]
    several = dict.fromkeys(tuple(names) for names in found if len(names) > 1)
    fix = "name the file of each stimulus in a column 'filename', or move the other files away"
    problems = [
        problem("member-clash", f"folder {folder.name}", f"several files for one stimulus_id: {some(names)}", fix=fix)
        for names in several
    ]
    return [names[0] for names in found], problems


def read_stimulus_set(source: Path, place: Path | None, rules: CellRules) -> tuple[Table, list[Problem]]:
    """Read a stimulus set and list the problems of its table and files.

    Parameters
    ----------
    source : Path
        As in `read_stimulus_files`; or a ZIP archive next to the CSV file of the same name, as packaging writes them.
    place : Path or None
        The folder or ZIP archive of the stimuli. By default the archive next to the table, or the folder that
        `read_stimulus_files` finds.
    rules : CellRules
        Declarations about the cells of a CSV table. A packaged set is read as loading does.
    """
    packaged = _packaged_pair(source, place)
    if isinstance(packaged, Problem):
        return Table(pd.DataFrame(), []), [packaged]
    if packaged is not None:
        return read_packaged_set(*packaged)
    found, problems = read_stimulus_files(source, place, rules)
    codes = {item.code for item in problems}
    if codes & {"table-unreadable", "table-missing"}:
        return found.table, problems
    names = found.names if STIMULUS_ID in found.table.frame.columns else None
    further = packaged_problems(found.table, found.folder, names)
    is_known = "column-doubled" in codes
    return found.table, problems + [item for item in further if not (is_known and item.code == "column-doubled")]


def read_table_of_set(source: Path, rules: CellRules) -> Table:
    """Read the valid rows of the table of a stimulus set."""
    packaged = _packaged_pair(source, None)
    if isinstance(packaged, Problem):
        return Table(pd.DataFrame(), [])
    return (
        read_stimulus_files(source, None, rules)[0].table if packaged is None else read_packaged_table(packaged[0])[0]
    )


def read_packaged_set(table_path: Path, place: Path) -> tuple[Table, list[Problem]]:
    """Read a packaged stimulus set from its CSV file and ZIP archive, and list the problems of both."""
    table, problems = read_packaged_table(table_path)
    if any(item.code == "table-unreadable" for item in problems):
        return table, problems
    return table, problems + packaged_problems(table, place)


def _packaged_pair(source: Path, place: Path | None) -> tuple[Path, Path] | Problem | None:
    """Return the CSV file and ZIP archive of a packaged set, None for a set that is not packaged."""
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
