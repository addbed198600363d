"""The values of facets in an index, and which documents have which: counts and filters of any number of documents."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from brainio.index.documents import LISTED
from brainio.index.schema import label, read_packed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection


FACETS = (
    *("kind", "class", "region", "species", "lab", "year", "catalog"),
    *("has_repetitions", "has_reliability", "status"),
)
_MOST_VALUES = 100  # of a facet

Counted = dict[str, dict[str, int]]
"""Facet -> value -> how many, the most frequent first."""
Mask = npt.NDArray[np.bool_]
"""Whether each document is meant, shape (documents,)."""


class Label(NamedTuple):
    """A value of a facet."""

    number: int
    facet: str
    value: str


class Labels:
    """All labels of an index. Documents have few combinations of them, by which they are counted."""

    def __init__(self, connection: Connection) -> None:
        # Which combination each document has; the labels of all combinations in a row, and where those of each end.
        self._combination, self._labels, ends = read_packed(connection, "combination", "label", "end")
        self._sizes = np.diff(ends, prepend=0)
        self._starts = ends - self._sizes
        # The combinations that have each label, and where those of each end.
        self._having, self._having_ends = read_packed(connection, "having", "having_end")
        rows = connection.execute(select(label.c.id, label.c.facet, label.c.value))
        every = sorted((Label(*row) for row in rows), key=lambda one: (FACETS.index(one.facet), one.value))
        self._count = len(every)
        self._facets = {facet: _Facet(list(several)) for facet, several in groupby(every, lambda one: one.facet)}

    def of(self, facet: str) -> Mapping[str, list[Label]]:
        """Return the labels of a facet by their values in lower case."""
        return self._facets[facet].by_value if facet in self._facets else {}

    @cached_property
    def listed(self) -> Mask:
        """The documents that are listed by default."""
        return self.having([one.number for status in LISTED for one in self.of("status").get(status, ())])

    def having(self, numbers: Sequence[int]) -> Mask:
        """Return which documents have one of some labels."""
        combinations = np.zeros(len(self._sizes), bool)
        for number in numbers:
            begin = self._having_ends[number - 1] if number else 0
            combinations[self._having[begin : self._having_ends[number]]] = True
        return combinations[self._combination]

    def counted(self, documents: npt.NDArray[np.intp]) -> Counted:
        """Return how many of some documents have each label, by facet."""
        having = np.bincount(self._combination[documents], minlength=len(self._sizes))
        seen = np.flatnonzero(having)
        sizes = self._sizes[seen]
        before = np.cumsum(sizes) - sizes
        labels = self._labels[np.arange(sizes.sum()) + np.repeat(self._starts[seen] - before, sizes)]
        counts = np.bincount(labels, np.repeat(having[seen], sizes), self._count).astype(int)
        return {name: told for name, facet in self._facets.items() if (told := facet.most(counts))}

    def all_counted(self) -> Counted:
        """Return how many of the documents that are listed by default have each label; they are counted once."""
        return {facet: dict(counts) for facet, counts in self._listed_counted.items()}

    @cached_property
    def _listed_counted(self) -> Counted:
        return self.counted(np.flatnonzero(self.listed))


class _Facet:
    """The labels of a facet, in the order of their values."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self.by_value: dict[str, list[Label]] = {}
        for one in labels:
            self.by_value.setdefault(one.value.lower(), []).append(one)
        self._numbers = np.array([one.number for one in labels])
        self._values = [one.value for one in labels]

    def most(self, counts: npt.NDArray[np.int_]) -> dict[str, int]:
        """Return the most frequent values by how often each label of the index was counted."""
        own = counts[self._numbers]
        order = np.argsort(-own, kind="stable")[:_MOST_VALUES]
        return {self._values[place]: int(own[place]) for place in order.tolist() if own[place]}
