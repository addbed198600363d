"""Readers of table files: CSV, typed CSV and parquet.

Reading continues after a fault, so that one run lists all of them. `values` infers the types of CSV columns in user
tables; published tables have the types that loading gives them.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainio.errors import StimulusSetFormatError
from brainio.installation import install_command
from brainio.local_files import read_regular
from brainio.stimuli import IMAGE_ID, STIMULUS_ID
from brainio.stimuli.typed_csv import MOST_COLUMNS, TEXT_COLUMNS, TypedCsv, is_typed
from brainio.text import some
from brainio.validation.report import Problem, problem
from brainio.validation.stimulus_sets import Table
from brainio.validation.values import CellRules, Cells, infer_column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow  # type: ignore[import-untyped]


TABLES = (".csv", ".parquet")
_EXACT = 2**53  # whole numbers up to this one are exact in float64
_BOOLEANS = {"True": True, "False": False}
_NAMELESS = "Unnamed: "
_OTHER_SEPARATORS = (";", "\t", "|")
_CSV_ERRORS = {  # of the csv module
    "unexpected end of data": "a quotation mark without its other half",
    "',' expected after '\"'": "text after a closing quotation mark",
}


def read_packaged_table(path: Path) -> tuple[Table, list[Problem]]:
    """Read a CSV file as loading does, and list the problems of its rows."""
    try:
        return parse_packaged_table(read_regular(path), path.name)
    except FileNotFoundError:
        return _unreadable(str(path), "no such file", fix="correct the path")
    except OSError as error:
        return _unreadable(path.name, str(error), fix="correct access")


def parse_packaged_table(content: bytes, name: str) -> tuple[Table, list[Problem]]:
    """Parse the content of a CSV file as loading does, and list the problems of its rows."""
    if is_typed(content):
        table, problems = _parse_typed(content, name)
    else:
        table, problems = _parse_texts(content, name)
        table = Table(_infer_types(table.frame), table.row_names)
    table, renamed = ensure_stimulus_id(table)
    return table, problems + renamed


def _parse_texts(content: bytes, name: str) -> tuple[Table, list[Problem]]:
    """Parse the content of a CSV file without types, and list the problems of its rows.

    An empty cell becomes the text `''`.
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
        expected = "quoted cells with a closing quotation mark at their end, and doubled quotation marks inside"
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
    header = [column or f"{_NAMELESS}{number}" for number, column in enumerate(rows[0])]
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


def _parse_typed(content: bytes, name: str) -> tuple[Table, list[Problem]]:
    """Parse the content of a typed CSV file, or report why it is invalid."""
    try:
        cells = TypedCsv(content, "it")
        return Table(cells.table(), [f"line {line}" for line in cells.lines]), []
    except StimulusSetFormatError as error:
        return _unreadable(name, str(error), fix="correct it, or package the stimulus set again")


def _unreadable(name: str, found: str, **texts: str) -> tuple[Table, list[Problem]]:
    return Table(pd.DataFrame(), []), [problem("table-unreadable", f"file {name}", found, **texts)]


def _read_rows(content: bytes) -> tuple[list[list[str]], list[str], list[int]]:
    """Return the rows of a CSV file, the line on which each begins, and the lines of empty rows."""
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
        raise csv.Error(f"the row that begins in line {line} has {_CSV_ERRORS.get(str(error), error)}") from error
    return rows, lines, empty


def _infer_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert numbers and booleans as loading does; an empty cell is a missing value."""
    columns = []
    for number, name in enumerate(frame.columns):
        texts = frame.iloc[:, number].replace("", np.nan)
        if name not in TEXT_COLUMNS and texts.notna().any():
            present = texts.dropna()
            if present.isin(list(_BOOLEANS)).all():
                texts = texts.map(_BOOLEANS)
            else:
                numbers = pd.to_numeric(texts, errors="coerce")
                texts = numbers if numbers.notna().sum() == len(present) else texts
        columns.append(texts)
    inferred = pd.concat(columns, axis=1) if columns else frame
    inferred.columns = frame.columns
    return inferred


def ensure_stimulus_id(table: Table) -> tuple[Table, list[Problem]]:
    """Add the column `stimulus_id` to a table that calls it `image_id`, as tables did until 2021."""
    if IMAGE_ID in table.frame.columns and STIMULUS_ID not in table.frame.columns:
        older = problem("id-column-older", f"column {IMAGE_ID!r}", "the name that it had until 2021")
        ids = pd.Series(table.column(IMAGE_ID), index=table.frame.index, dtype=object)
        return Table(table.frame.assign(**{STIMULUS_ID: ids}), table.row_names), [older]
    return table, []


def read_user_table(path: Path, rules: CellRules, value: str | None = None) -> tuple[Table, list[Problem]]:
    """Read a CSV or parquet table of a user, and list the problems of its columns.

    Parameters
    ----------
    path : Path
        A file that ends with `.parquet`, or a CSV file.
    rules : CellRules
        Declarations about the cells of a CSV table.
    value : str, optional
        The column that holds the values of a recording.

    Returns
    -------
    Table, list of Problem
        Columns hold numbers, booleans, dates or text (object dtype), with NaN for missing values. In parquet and
        typed CSV, integers with missing values are `Int64` or `UInt64` of pandas.
    """
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    place = f"file {path.name}"
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return _unreadable(str(path), "no such file", fix="correct the path")
    except OSError as error:
        return _unreadable(path.name, str(error), fix="correct access")
    if is_typed(content):
        return _parse_typed(content, path.name)
    table, problems = _parse_texts(content, path.name)
    problems += _header_problems(list(table.frame.columns), place)
    columns, cell_problems = _typed_columns(table, place, rules, value)
    return Table(_frame_of(table.frame, columns), table.row_names), problems + cell_problems


def _header_problems(names: Sequence[str], place: str) -> list[Problem]:
    numbers = {name: [at + 1 for at, other in enumerate(names) if other == name] for name in Counter(names)}
    problems = [
        problem("column-doubled", f"{place}, column {name!r}", f"columns {', '.join(map(str, at))} of that name")
        for name, at in numbers.items()
        if len(at) > 1
    ]
    fix = "name it, or drop it: pandas writes such a column without index=False"
    return problems + [
        problem("coordinate-name", place, f"column {at[0]} has no name", expected="a name for each column", fix=fix)
        for name, at in numbers.items()
        if name.startswith(_NAMELESS)
    ]


def _typed_columns(
    table: Table, place: str, rules: CellRules, value: str | None
) -> tuple[list[np.ndarray], list[Problem]]:
    frame = table.frame
    missing = ["", *rules.missing]
    columns, problems = [], []
    for number, name in enumerate(map(str, frame.columns)):
        column = frame.iloc[:, number]
        texts = column.mask(column.isin(missing))
        cells = Cells(name, texts, table.row_names, place)
        values, column_problems = infer_column(cells, rules, is_value=name == value)
        columns.append(values)
        problems += column_problems
    return columns, problems


def _read_parquet(path: Path) -> tuple[Table, list[Problem]]:
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]

        schema = pyarrow.parquet.read_schema(path)
        if len({*schema.names}) < len(schema.names):  # pyarrow refuses such a table
            return Table(pd.DataFrame(), []), _header_problems(schema.names, f"file {path.name}")
        frame = _parquet_frame(path, schema)
    except ImportError:
        return _unreadable(path.name, "pyarrow is not installed", fix=install_command("parquet"))
    except FileNotFoundError:
        return _unreadable(str(path), "no such file", fix="correct the path")
    except (OSError, ValueError) as error:
        return _unreadable(path.name, f"not parquet: {error}", expected="a parquet file", fix="save the table again")
    columns = [_plain(frame.iloc[:, number]) for number in range(frame.shape[1])]
    rows = [f"row {number}" for number in range(len(frame))]
    return Table(_frame_of(frame, columns), rows), _header_problems(list(map(str, frame.columns)), f"file {path.name}")


def _parquet_frame(path: Path, schema: pyarrow.Schema) -> pd.DataFrame:
    """Read a parquet file without rounding: pandas converts integers with missing values to floats."""
    import pyarrow.types  # type: ignore[import-untyped]

    frame = pd.read_parquet(path)
    integers = {field.name for field in schema if pyarrow.types.is_integer(field.type)}
    rounded = [name for name in frame.columns if str(name) in integers and frame[name].dtype.kind == "f"]
    if rounded:
        exact = pd.read_parquet(path, columns=list(map(str, rounded)), dtype_backend="numpy_nullable")
        frame[rounded] = exact.set_axis(rounded, axis=1)
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame


def array_columns(table: Table, place: str) -> tuple[list[np.ndarray], list[Problem]]:
    """Convert the columns of a table to numpy arrays, and list columns of integers that float64 would round.

    Parameters
    ----------
    table : Table
        As `read_user_table` returns it; integers with missing values become `float64`.
    place : str
        The file, such as `'file neurons.parquet'`.
    """
    columns, problems = [], []
    for number, name in enumerate(table.frame.columns):
        column = table.frame.iloc[:, number]
        if _is_inexact(column):
            found = f"{column.dtype} with missing values, and numbers beyond 2**53"
            fix = "fill in the missing values, or store the column as text"
            problems.append(problem("type-unstorable", f"{place}, column {name!r}", found, fix=fix))
        is_nullable = pd.api.types.is_extension_array_dtype(column.dtype)
        columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan) if is_nullable else column.to_numpy())
    return columns, problems


def _is_inexact(column: pd.Series[Any]) -> bool:
    """Whether a column of integers has missing values, and numbers that float64 cannot represent."""
    if not pd.api.types.is_extension_array_dtype(column.dtype) or not pd.api.types.is_integer_dtype(column.dtype):
        return False
    return bool(column.isna().any() and not column.dropna().between(-_EXACT, _EXACT).all())


def _plain(column: pd.Series[Any]) -> np.ndarray | pd.api.extensions.ExtensionArray:
    """Convert a column to numpy types, except integers with missing values.

    Text becomes an object array with NaN for missing values.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.dtype.categories.dtype)
    dtype = column.dtype
    is_extension = pd.api.types.is_extension_array_dtype(dtype)
    if not is_extension and dtype.kind != "O":
        return column.to_numpy()
    if is_extension and pd.api.types.is_any_real_numeric_dtype(dtype):
        if column.notna().all():
            return column.to_numpy(dtype=dtype.numpy_dtype)  # type: ignore[union-attr]  # masked and arrow types have it
        if pd.api.types.is_integer_dtype(dtype):
            return column.astype("UInt64" if pd.api.types.is_unsigned_integer_dtype(dtype) else "Int64").array
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if is_extension and pd.api.types.is_bool_dtype(dtype) and column.notna().all():
        return column.to_numpy(dtype=bool)
    return column.astype(object).where(column.notna(), np.nan).to_numpy()


def _frame_of(frame: pd.DataFrame, columns: Sequence[np.ndarray | pd.api.extensions.ExtensionArray]) -> pd.DataFrame:
    """Create a table from columns whose names may repeat."""
    series = [pd.Series(values, dtype=values.dtype) for values in columns]
    framed = pd.concat(series, axis=1) if series else pd.DataFrame()
    framed.columns = frame.columns
    return framed
