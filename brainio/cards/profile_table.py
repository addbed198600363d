"""The table of a stimulus set -> rows of its profile: numbers as numbers, all else as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brainio.cards.columns import Column, column_of
from brainio.cards.profile_filters import PAST_INTEGERS, stored_text
from brainio.cards.profile_rows import insert_rows
from brainio.cards.profile_schema import Kind, StimulusColumn, stimulus_table
from brainio.stimuli import STIMULUS_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from brainio.stimuli import StimulusSet

_MOST_COLUMNS = 1000  # SQLite has no more than 2000
_LONGEST = 4000  # characters of a text


def fill_table(connection: Connection, stimuli: StimulusSet, thumbnails: Sequence[int]) -> list[StimulusColumn]:
    """Write the table of stimuli; `thumbnails` are those of the first rows. Returns its columns."""
    names = [str(name) for name in stimuli.columns]
    kept = sorted({*range(min(len(names), _MOST_COLUMNS)), names.index(STIMULUS_ID)})
    kinds, values = zip(*(_stored(column_of(stimuli.iloc[:, place].to_numpy())) for place in kept), strict=True)
    columns = [StimulusColumn(names[place], kind) for place, kind in zip(kept, kinds, strict=True)]
    table = stimulus_table(columns)
    table.metadata.create_all(connection, tables=[table])
    numbers = range(len(stimuli))
    ids = [*thumbnails, *[None] * (len(stimuli) - len(thumbnails))]
    insert_rows(connection, table, zip(numbers, ids, *values, strict=True))
    return columns


def _stored(column: Column) -> tuple[Kind, list[Any]]:
    """Return how values are kept, and those of all rows."""
    distinct = [] if column.values is None else list(column.values)
    kind, told = _as_numbers(column.kind, distinct) or ("text", [_text(value) for value in distinct])
    every = np.array([*told, None], dtype=object)
    return kind, every[column.codes].tolist()


def _as_numbers(kind: str, values: list[Any]) -> tuple[Kind, list[Any]] | None:
    """Return numbers as SQLite holds them; None of what are none, or too large."""
    if kind not in ("integer", "number"):
        return None
    if kind == "integer":
        whole = [int(value) for value in values]
        return ("integer", whole) if all(-PAST_INTEGERS <= value < PAST_INTEGERS for value in whole) else None
    try:
        return "number", [float(value) for value in values]
    except OverflowError:
        return None


def _text(value: Any) -> str:
    text = stored_text(str(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
