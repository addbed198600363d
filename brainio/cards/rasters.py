"""The rows of a raster: the first spikes of some neuroids, or presentations, of an assembly of spike times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brainio.cards.columns import rounded, sound_text
from brainio.cards.groups import EVENT, texts_of

if TYPE_CHECKING:
    from brainio.cards.arrays import Columns, Place
    from brainio.cards.columns import Column

_MOST_ROWS = 40
_MOST_SPIKES = 3000
_NEUROID = "neuroid_id"
_PRESENTATION = ("stimulus_id", "image_id", "repetition", "recording")


class Raster:
    """Collects the earliest spikes of the first rows, block by block.

    A row is a neuroid; where there is but one, a combination of what tells presentations apart.
    """

    def __init__(self, columns: Columns) -> None:
        own = {name: column for name, (dims, column) in columns.items() if dims == (EVENT,)}
        known = {name: column for name, column in own.items() if column.values is not None and len(column.values)}
        several = [name for name in (_NEUROID,) if name in known and len(known[name].counts) > 1]
        self._names = (
            several
            or [name for name in _PRESENTATION if name in known]
            or [name for name in (_NEUROID,) if name in known]
        )
        self._labels: list[str] = []
        self._codes, self._total = np.zeros(0, dtype=np.intp), 0
        if self._names:
            self._codes, self._total = self._rows([known[name] for name in self._names])
        self._times, self._of = np.zeros(0), np.zeros(0, dtype=np.intp)

    def _rows(self, columns: list[Column]) -> tuple[np.ndarray, int]:
        """Number the rows by the order of their values, -1 where a row is not shown, and count them all."""
        found, codes = np.unique(np.stack([_in_order(one) for one in columns]), axis=1, return_inverse=True)
        texts = [[*(texts_of(one)[place] for place in _order(one)), "missing"] for one in columns]
        for row in found.T[:_MOST_ROWS].tolist():
            self._labels.append(", ".join(sound_text(text[code]) for text, code in zip(texts, row, strict=True)))
        codes = codes.ravel()
        return np.where(codes < _MOST_ROWS, codes, -1), found.shape[1]

    def add(self, place: Place, block: np.ndarray) -> None:
        """Take in the spikes that lie at a place of the assembly."""
        if not self._names:
            return
        rows = self._codes[place[0]]
        shown = (rows >= 0) & np.isfinite(block)
        times = np.concatenate([self._times, block[shown].astype(np.float64)])
        rows = np.concatenate([self._of, rows[shown]])
        first = np.lexsort((rows, times))[:_MOST_SPIKES]
        self._times, self._of = times[first], rows[first]

    def record(self) -> dict[str, Any]:
        """Return the record `raster` of a card; empty where spikes have nothing that tells rows apart."""
        if not self._names or not len(self._times):
            return {}
        rows = [
            {"label": label, "times": [rounded(time) for time in self._times[self._of == number].tolist()]}
            for number, label in enumerate(self._labels)
        ]
        return {"rows_of": ", ".join(self._names), "rows": rows, "shown": len(rows), "total": self._total}


def _order(column: Column) -> list[int]:
    """Return the places of the distinct values of a column in their order: numbers by size, others as text."""
    assert column.values is not None  # noqa: S101 - others were left out
    if column.kind in ("integer", "number", "boolean", "date", "duration"):
        return [int(place) for place in np.argsort(column.values, kind="stable")]
    texts = texts_of(column)
    return sorted(range(len(texts)), key=texts.__getitem__)


def _in_order(column: Column) -> np.ndarray:
    """Return codes that are ordered as the values are; missing ones come last."""
    order = _order(column)
    ranks = np.full(len(order) + 1, len(order))
    ranks[order] = np.arange(len(order))
    return ranks[column.codes]
