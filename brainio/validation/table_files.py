"""Reads the tables that users give to packaging and validation.

CSV has the types that `cells` decides; typed CSV, as packaging writes it, and parquet have their own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainio.installation import install_command
from brainio.local_files import read_regular
from brainio.stimuli.typed_csv import is_typed
from brainio.validation.cells import CellRules, Cells, typed
from brainio.validation.problems import Problem, problem
from brainio.validation.reading import NAMELESS, parse_texts, parse_typed
from brainio.validation.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow  # type: ignore[import-untyped]

TABLES = (".csv", ".parquet")
_EXACT = 2**53  # whole numbers up to this one are exact in float64


def read_table_file(path: Path, rules: CellRules, value: str | None = None) -> tuple[Table, list[Problem]]:
    """Read a CSV or parquet table, and list what keeps its columns from being used.

    Parameters
    ----------
    path : Path
        A file that ends with `.parquet`, or a CSV file.
    rules : CellRules
        How the cells of a CSV table are read.
    value : str, optional
        The column that holds the values of a recording.

    Returns
    -------
    Table, list of Problem
        Columns hold numbers, booleans, dates or text (object dtype); NaN where a value is missing. In parquet and
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
        return parse_typed(content, path.name)
    table, problems = parse_texts(content, path.name)
    problems += _header_problems(list(table.frame.columns), place)
    columns, of_cells = _typed_columns(table, place, rules, value)
    return Table(_framed(table.frame, columns), table.row_names), problems + of_cells


def _unreadable(name: str, found: str, **told: str) -> tuple[Table, list[Problem]]:
    return Table(pd.DataFrame(), []), [problem("table-unreadable", f"file {name}", found, **told)]


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
        if name.startswith(NAMELESS)
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
        values, of_column = typed(cells, rules, is_value=name == value)
        columns.append(values)
        problems += of_column
    return columns, problems


def _read_parquet(path: Path) -> tuple[Table, list[Problem]]:
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]

        schema = pyarrow.parquet.read_schema(path)
        if len({*schema.names}) < len(schema.names):  # pyarrow reads no such table
            return Table(pd.DataFrame(), []), _header_problems(schema.names, f"file {path.name}")
        frame = _parquet_frame(path, schema)
    except ImportError:
        return _unreadable(path.name, "pyarrow is not installed", fix=install_command("parquet"))
    except FileNotFoundError:
        return _unreadable(str(path), "no such file", fix="correct the path")
    except (OSError, ValueError) as error:
        return _unreadable(path.name, f"no parquet: {error}", expected="a parquet file", fix="save the table again")
    columns = [_plain(frame.iloc[:, number]) for number in range(frame.shape[1])]
    rows = [f"row {number}" for number in range(len(frame))]
    return Table(_framed(frame, columns), rows), _header_problems(list(map(str, frame.columns)), f"file {path.name}")


def _parquet_frame(path: Path, schema: pyarrow.Schema) -> pd.DataFrame:
    """Read a parquet file; pandas makes floats of integers with missing values, which rounds large ones."""
    import pyarrow.types  # type: ignore[import-untyped]

    frame = pd.read_parquet(path)
    integers = {field.name for field in schema if pyarrow.types.is_integer(field.type)}
    rounded = [name for name in frame.columns if str(name) in integers and frame[name].dtype.kind == "f"]
    if rounded:
        exact = pd.read_parquet(path, columns=list(map(str, rounded)), dtype_backend="numpy_nullable")
        frame[rounded] = exact.set_axis(rounded, axis=1)
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame


def array_columns(table: Table, place: str) -> tuple[list[np.ndarray], list[Problem]]:
    """Return the columns of a table as numpy arrays, and list those of integers that a float does not hold.

    Parameters
    ----------
    table : Table
        As `read_table_file` returns it; integers with missing values become `float64`.
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
    """Whether a column of integers has missing values, and numbers that float64 does not have."""
    if not pd.api.types.is_extension_array_dtype(column.dtype) or not pd.api.types.is_integer_dtype(column.dtype):
        return False
    return bool(column.isna().any() and not column.dropna().between(-_EXACT, _EXACT).all())


def _plain(column: pd.Series[Any]) -> np.ndarray | pd.api.extensions.ExtensionArray:
    """Return the values of a column in numpy's types, except integers with missing values.

    Text is an object array with NaN where it is missing.
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


def _framed(frame: pd.DataFrame, columns: Sequence[np.ndarray | pd.api.extensions.ExtensionArray]) -> pd.DataFrame:
    """Return a table of columns, whose names may repeat."""
    series = [pd.Series(values, dtype=values.dtype) for values in columns]
    framed = pd.concat(series, axis=1) if series else pd.DataFrame()
    framed.columns = frame.columns
    return framed
