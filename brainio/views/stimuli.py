"""HTML view of a stimulus set: thumbnails of the first stimuli, a summary of the columns, the first rows.

A summary states kind, number of distinct values, range and most common values; the view of an assembly describes its
coordinates in the same way. Runtime is bounded: values of columns with more than a million rows are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.views.previews import build_thumbnails
from brainio.views.rendering import format_value, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    FindFile = Callable[[Any], Path | None]

_MAX_TILES = 12
_TABLE_ROWS, _TABLE_COLUMNS = 10, 20
_SUMMARY_COLUMNS = 40
_SUMMARY_ROWS = 20_000
_CAPTION_COLUMNS = 2  # below a thumbnail
_MAX_CAPTION_VALUE = 30  # characters
_SIZE = 128  # of a thumbnail in pixels
_IDENTIFYING = ("stimulus_id", "image_id", "filename", "stimulus_path")
_MAX_ROWS = 1_000_000  # of a column whose values are counted
_MAX_COMMON = 4
_INFERENCE_ROWS = 1000  # values that determine the kind of an object column
_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "date", "m": "duration", "c": "complex"}
_INFERRED = {"string": "text", "empty": "none", "floating": "number", "mixed-integer-float": "number"}


class Tile(NamedTuple):
    """A stimulus in the view: thumbnail, id, and the values of a few columns."""

    uri: str
    width: int
    height: int
    kind: str
    note: str
    name: str
    values: tuple[tuple[str, str], ...]


def stimuli_html(table: pd.DataFrame, find: FindFile, key: str = "stimulus_id", identifier: str | None = None) -> str:
    """Build a self-contained HTML view of a table of stimuli.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per stimulus.
    find : callable
        Returns the path of a stimulus file for a value of the column `key`, or None if the file is not on this
        machine. Called for the first twelve stimuli.
    key : str, default 'stimulus_id'
        The column that identifies a stimulus.
    identifier : str, optional
        Identifier of the stimulus set.

    Returns
    -------
    str
        At most 150 kB of pictures, and tables of bounded size. The first 20,000 rows determine the column summaries.
    """
    described = table.iloc[:_SUMMARY_ROWS, :_SUMMARY_COLUMNS]
    columns = [
        (format_value(name), _summarize(described.iloc[:, number])) for number, name in enumerate(described.columns)
    ]
    first = described.iloc[:_TABLE_ROWS, :_TABLE_COLUMNS]
    cells = [[format_value(value) for value in first.iloc[:, number]] for number in range(first.shape[1])]
    return render(
        "stimuli.html",
        identifier=format_value(identifier, 200) if identifier else "",
        count_of_rows=len(table),
        described=len(described),
        columns=columns,
        column_count=len(table.columns),
        tiles=_first_tiles(table, find, key),
        rows=list(zip(*cells, strict=True)),
        headings=[format_value(name) for name in first.columns],
    )


def _first_tiles(table: pd.DataFrame, find: FindFile, key: str) -> list[Tile]:
    """Build tiles of the first stimuli in the order of the table."""
    return _tiles(table, table.iloc[:_MAX_TILES], find, key, _SIZE)


def spread_tiles(table: pd.DataFrame, find: FindFile, key: str, count: int, size: int) -> list[Tile]:
    """Build tiles of stimuli that are evenly spaced in the table."""
    rows = np.unique(np.linspace(0, len(table) - 1, count).astype(int))
    return _tiles(table, table.iloc[rows], find, key, size)


def _tiles(table: pd.DataFrame, rows: pd.DataFrame, find: FindFile, key: str, size: int) -> list[Tile]:
    """Build tiles of some rows, captioned with the most informative columns of the whole table."""
    ids = rows[key].tolist()
    captions = _informative_columns(table, key)
    columns = [[(format_value(name, 24), format_value(value, 40)) for value in rows[name]] for name in captions]
    values_by_row = zip(*columns, strict=True) if columns else [()] * len(ids)
    thumbnails = build_thumbnails([find(stimulus_id) for stimulus_id in ids], size)
    return [
        Tile(thumb.uri, thumb.width, thumb.height, thumb.kind, thumb.note, format_value(name, 80), values)
        for thumb, name, values in zip(thumbnails, ids, values_by_row, strict=True)
    ]


def _informative_columns(table: pd.DataFrame, key: str, limit: int = _CAPTION_COLUMNS) -> list[Any]:
    """Choose the columns that distinguish stimuli best: text with few distinct values, then varying numbers.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"stimulus_id": ["a", "b", "c"], "object": ["car", "dog", "car"], "set": [1, 1, 1],
    ...     "size": [0.5, 1.0, 2.0], "checksum": ["0a", "1b", "2c"]})
    >>> _informative_columns(table, "stimulus_id")
    ['object', 'size']
    """
    sample = table.iloc[:1000]
    candidates: list[tuple[int, int]] = []
    for place, name in enumerate(table.columns[:_SUMMARY_COLUMNS]):
        if name in (key, *_IDENTIFYING) or not isinstance(name, str) or list(table.columns).count(name) > 1:
            continue
        column = sample.iloc[:, place]
        summary = _summarize(column)
        if summary.distinct is None or summary.distinct < 2:
            continue
        is_text = summary.kind == "text"
        if is_text and (summary.distinct > max(2, 0.9 * len(column)) or len(str(column.iloc[0])) > _MAX_CAPTION_VALUE):
            continue  # unique texts add nothing to the id, and checksums mean nothing to readers
        is_sparse = summary.missing > len(column) // 2
        candidates.append(((not is_text) + 2 * is_sparse, place))
    return [table.columns[place] for _, place in sorted(candidates)[:limit]]


def _summarize(column: pd.Series[Any]) -> ColumnSummary:
    return summarize_column(encode_column(column), column.dtype)


class ColumnSummary(NamedTuple):
    """A summary of a column: `distinct` is None if values were not counted, `common` has values with their counts."""

    kind: str
    distinct: int | None = None
    missing: int = 0
    range: str = ""
    common: tuple[tuple[str, int], ...] = ()


class CodedColumn(NamedTuple):
    """A column as distinct values and the index of each row's value in them (-1 if missing)."""

    values: pd.Index
    codes: np.ndarray

    def counts(self) -> np.ndarray:
        """Count the occurrences of each of `values`."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))


def encode_column(column: Any) -> CodedColumn | None:
    """Encode a column; None if its values cannot be hashed or are too many."""
    if len(column) > _MAX_ROWS:
        return None
    try:
        codes, values = pd.factorize(column)
    except (TypeError, ValueError, NotImplementedError):  # lists, for example
        return None
    return CodedColumn(pd.Index(values), codes)


def summarize_column(column: CodedColumn | None, dtype: Any) -> ColumnSummary:
    """Summarize a column; if it could not be encoded, only by its dtype."""
    if column is None:
        return ColumnSummary(_kind_of_dtype(dtype))
    kind = _kind(column.values)
    if len(column.codes) > _MAX_ROWS:
        return ColumnSummary(kind, range=_range(column.values, kind))
    counts = column.counts()
    used = np.flatnonzero(counts)
    values = column.values if len(used) == len(counts) else column.values[used]
    missing = len(column.codes) - int(counts.sum())
    summary = ColumnSummary(kind, len(used), missing, _range(values, kind) if len(used) > 1 else "")
    if len(used) == 0 or (len(used) > _MAX_COMMON and counts[used].max() == counts[used].min()):
        return summary._replace(range=summary.range or _first_and_last(values))  # all values are equally common
    first = used[np.argsort(-counts[used], kind="stable")[:_MAX_COMMON]]
    return summary._replace(common=tuple((format_value(column.values[code], 40), int(counts[code])) for code in first))


def _kind_of_dtype(dtype: Any) -> str:
    return _KINDS.get(getattr(dtype, "kind", "O"), "other")


def _kind(values: pd.Index) -> str:
    if values.dtype != object:
        return "text" if isinstance(values.dtype, pd.StringDtype) else _kind_of_dtype(values.dtype)
    inferred = pd.api.types.infer_dtype(values[:_INFERENCE_ROWS], skipna=True)
    return _INFERRED.get(inferred, "mixed" if inferred.startswith("mixed") else inferred)


def _first_and_last(values: pd.Index) -> str:
    return f"{format_value(values[0], 40)}, …, {format_value(values[-1], 40)}" if len(values) else ""


def _range(values: pd.Index, kind: str) -> str:
    if kind not in ("integer", "number", "date", "duration") or values.dtype == object or not len(values):
        return ""
    low, high = values.min(), values.max()
    return format_value(low) if low == high else f"{format_value(low)} to {format_value(high)}"
