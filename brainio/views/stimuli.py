"""HTML view of a stimulus set: thumbnails of the first stimuli, a summary of the columns, the first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from brainio.views.columns import ColumnSummary, encode_column, summarize_column
from brainio.views.previews import build_thumbnails
from brainio.views.rendering import format_value, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    FindFile = Callable[[Any], Path | None]

_MAX_TILES = 12
_TABLE_ROWS, _TABLE_COLUMNS = 10, 20
_SUMMARY_COLUMNS = 40
_SUMMARY_ROWS = 20_000
_CAPTION_COLUMNS = 2  # below a thumbnail
_MAX_CAPTION_VALUE = 30  # characters
_SIZE = 128  # of a thumbnail in pixels
_IDENTIFYING = ("stimulus_id", "image_id", "filename", "stimulus_path")


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
