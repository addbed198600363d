"""A stimulus set at a glance: its first stimuli as pictures, what its columns hold, its first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from brainio.views.columns import Facts, coded, facts_of
from brainio.views.rendering import render, shown
from brainio.views.thumbnails import thumbnails_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    Find = Callable[[Any], Path | None]

_SHOWN = 12  # stimuli
_ROWS, _WIDE = 10, 20  # rows and columns of the table
_MOST_COLUMNS = 40  # that are described
_DESCRIBED = 20_000  # rows that columns are described by
_CAPTIONS = 2  # columns that are shown with a stimulus
_LONG = 30  # characters of a value
_SIZE = 128  # pixels of a thumbnail
_NAMES = ("stimulus_id", "image_id", "filename", "stimulus_path")


class Tile(NamedTuple):
    """A stimulus as it is shown: thumbnail, id, and a few columns with their values."""

    uri: str
    width: int
    height: int
    kind: str
    note: str
    name: str
    values: tuple[tuple[str, str], ...]


def stimuli_html(table: pd.DataFrame, find: Find, key: str = "stimulus_id", identifier: str | None = None) -> str:
    """Show a table of stimuli as HTML that stands alone.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a stimulus.
    find : callable
        Gives the path of the file of a stimulus, by what stands in the column `key`, or None where it is not on this
        machine. It is called for the first twelve stimuli.
    key : str, default 'stimulus_id'
        The column that names a stimulus.
    identifier : str, optional
        Of the set.

    Returns
    -------
    str
        At most 150 kB of pictures, and tables of bounded size. Columns are described by the first 20,000 rows.
    """
    described = table.iloc[:_DESCRIBED, :_MOST_COLUMNS]
    columns = [(shown(name), _facts(described.iloc[:, place])) for place, name in enumerate(described.columns)]
    first = described.iloc[:_ROWS, :_WIDE]
    rows = zip(*([shown(value) for value in first.iloc[:, place]] for place in range(first.shape[1])), strict=True)
    return render(
        "stimuli.html",
        identifier=shown(identifier, 200) if identifier else "",
        count_of_rows=len(table),
        described=len(described),
        columns=columns,
        column_count=len(table.columns),
        tiles=first_tiles(table, find, key),
        rows=list(rows),
        headings=[shown(name) for name in first.columns],
    )


def first_tiles(table: pd.DataFrame, find: Find, key: str) -> list[Tile]:
    """Make tiles of the first stimuli, in the order of the table."""
    return _tiles(table, table.iloc[:_SHOWN], find, key, _SIZE)


def tiles_spread(table: pd.DataFrame, find: Find, key: str, most: int, size: int) -> list[Tile]:
    """Make tiles of stimuli that are spaced evenly over the table."""
    places = np.unique(np.linspace(0, len(table) - 1, most).astype(int))
    return _tiles(table, table.iloc[places], find, key, size)


def _tiles(table: pd.DataFrame, first: pd.DataFrame, find: Find, key: str, size: int) -> list[Tile]:
    """Make tiles of some rows of a table, with the columns that tell most in the whole of it."""
    ids = first[key].tolist()
    captions = informative_columns(table, key)
    cells = zip(*([(shown(name, 24), shown(value, 40)) for value in first[name]] for name in captions), strict=True)
    pictures = thumbnails_of([find(stimulus_id) for stimulus_id in ids], size)
    return [
        Tile(one.uri, one.width, one.height, one.kind, one.note, shown(name, 80), values)
        for one, name, values in zip(pictures, ids, cells if captions else [()] * len(ids), strict=True)
    ]


def informative_columns(table: pd.DataFrame, key: str, most: int = _CAPTIONS) -> list[Any]:
    """Choose the columns that tell most of a stimulus: names of a few kinds first, then numbers that vary.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"stimulus_id": ["a", "b", "c"], "object": ["car", "dog", "car"], "set": [1, 1, 1],
    ...     "size": [0.5, 1.0, 2.0], "checksum": ["0a", "1b", "2c"]})
    >>> informative_columns(table, "stimulus_id")
    ['object', 'size']
    """
    sample = table.iloc[:1000]
    places: list[tuple[int, int]] = []
    for place, name in enumerate(table.columns[:_MOST_COLUMNS]):
        if name in (key, *_NAMES) or not isinstance(name, str) or list(table.columns).count(name) > 1:
            continue
        column = sample.iloc[:, place]
        facts = _facts(column)
        if facts.distinct is None or facts.distinct < 2:
            continue
        is_name = facts.kind == "text"
        if is_name and (facts.distinct > max(2, 0.9 * len(column)) or len(str(column.iloc[0])) > _LONG):
            continue  # a name of its own for each says what the id says, and a checksum says nothing
        is_sparse = facts.missing > len(column) // 2
        places.append(((not is_name) + 2 * is_sparse, place))
    return [table.columns[place] for _, place in sorted(places)[:most]]


def _facts(column: pd.Series[Any]) -> Facts:
    return facts_of(coded(column), column.dtype)
