"""Positions of a dimension by region and by animal, as pictures of assemblies show them."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from brainio.cards.columns import json_value, sound_text

if TYPE_CHECKING:
    from collections.abc import Hashable

    from brainio.cards.arrays import Columns
    from brainio.cards.columns import Column

EVENT = "event"
_REGION = "region"
_ANIMALS = ("animal", "subject")
_MOST_GROUPS = 8
_MOST_POPULATIONS = 100


class Groups(NamedTuple):
    """The most frequent regions along a dimension.

    `codes` counts into `values` for each position, -1 where its region is none of these; `more` regions are left out.
    Where there are no regions all positions are one group without a value, and `by` is None.
    """

    by: str | None
    values: list[str | None]
    codes: np.ndarray
    more: int

    def left_out(self) -> dict[str, int]:
        """Say how many groups are left out, where any are."""
        return {"more": self.more} if self.more else {}


def groups_along(columns: Columns, dim: Hashable, size: int) -> Groups:
    """Group the positions of a dimension by region; one without a region has the value None."""
    column = _along(columns, _REGION, dim)
    if column is None:
        return Groups(None, [None], np.zeros(size, dtype=np.intp), 0)
    values: list[str | None] = [*map(sound_text, texts_of(column)), None]
    counts = [*column.counts.tolist(), int((column.codes < 0).sum())]
    there = [number for number, count in enumerate(counts) if count]
    largest = heapq.nsmallest(_MOST_GROUPS, there, key=lambda number: (-counts[number], values[number] or ""))
    ranks = np.full(len(values), -1)
    ranks[largest] = np.arange(len(largest))
    return Groups(_REGION, [values[number] for number in largest], ranks[column.codes], len(there) - len(largest))


def populations(columns: Columns) -> list[dict[str, Any]]:
    """Count neuroids (or what else has a region, an animal or a subject) by region and animal, the most frequent first.

    Of spikes those are counted that have them: neuroids, where spikes name theirs.
    """
    names = [name for name in (_REGION, *_ANIMALS) if len(columns.get(name, ((), None))[0]) == 1]
    if not names:
        return []
    dim = columns[names[0]][0][0]
    region = _along(columns, _REGION, dim)
    animal = next((found for name in _ANIMALS if (found := _along(columns, name, dim)) is not None), None)
    pairs = np.stack([_codes(region, columns, dim), _codes(animal, columns, dim)])
    if dim == EVENT:
        neuroid = _along(columns, "neuroid_id", dim)
        if neuroid is None:
            return []
        named = neuroid.codes >= 0
        pairs = np.unique(np.vstack([pairs, neuroid.codes])[:, named], axis=1)[:2]
    rows, counts = np.unique(pairs, axis=1, return_counts=True)
    regions, animals = _texts(region), _texts(animal)
    told = [
        {"region": regions[one], "animal": animals[other], "count": count}
        for one, other, count in zip(*rows.tolist(), counts.tolist(), strict=True)
    ]
    return heapq.nsmallest(
        _MOST_POPULATIONS, told, key=lambda one: (-one["count"], one["region"] or "", one["animal"] or "")
    )


def texts_of(column: Column) -> list[str]:
    """Return the distinct values of a column as text."""
    values = () if column.values is None else column.values
    return [value if isinstance(value, str) else str(json_value(value)) for value in values]


def _along(columns: Columns, name: str, dim: Hashable) -> Column | None:
    dims, column = columns.get(name, ((), None))
    has_values = column is not None and column.values is not None and len(column.values) > 0
    return column if dims == (dim,) and has_values else None


def _codes(column: Column | None, columns: Columns, dim: Hashable) -> np.ndarray:
    if column is not None:
        return column.codes
    size = next(len(one.codes) for dims, one in columns.values() if dims == (dim,))
    return np.full(size, -1)


def _texts(column: Column | None) -> list[str | None]:
    """Return the values of a column by their codes; that of -1 is None."""
    return [*(map(sound_text, texts_of(column)) if column is not None else ()), None]
