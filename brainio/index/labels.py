"""The values of facets in an index, by number and by name: few enough to be read once and held."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from brainio.index.schema import label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

FACETS = (
    *("kind", "class", "region", "species", "lab", "year", "catalog"),
    *("has_repetitions", "has_reliability", "status"),
)
_MOST_VALUES = 100  # of a facet

Counted = dict[str, dict[str, int]]
"""Facet -> value -> how many, the most frequent first."""


class Counts(NamedTuple):
    """How many entries meet a question, and how many of them have which value; `is_broad`: at least so many."""

    total: int
    facets: Counted
    is_broad: bool = False


class Label(NamedTuple):
    """A value of a facet, and how many of the entries that are listed by default have it."""

    number: int
    facet: str
    value: str
    documents: int


class Labels:
    """All labels of an index."""

    def __init__(self, connection: Connection) -> None:
        columns = label.c.id, label.c.facet, label.c.value, label.c.documents
        every = [Label(*row) for row in connection.execute(select(*columns).order_by(label.c.id))]
        self._by_number = {one.number: one for one in every}
        self._by_facet: dict[str, dict[str, Label]] = {facet: {} for facet in FACETS}
        for one in every:
            self._by_facet[one.facet].setdefault(one.value.lower(), one)

    def of(self, facet: str) -> Mapping[str, Label]:
        """Return the labels of a facet by their values in lower case."""
        return self._by_facet[facet]

    def counted(self, numbers: Mapping[int, int]) -> Counted:
        """Return how often each label was seen, by facet."""
        return _sorted([(self._by_number[number], count) for number, count in numbers.items()])

    def all_counted(self) -> Counts:
        """Return the counts of everything that is listed, which were made with the index."""
        facets = _sorted([(one, one.documents) for one in self._by_number.values() if one.documents])
        return Counts(sum(facets.get("kind", {}).values()), facets)


def _sorted(counts: list[tuple[Label, int]]) -> Counted:
    facets: Counted = {facet: {} for facet in FACETS}
    for (_, facet, value, _), count in sorted(counts, key=lambda one: (-one[1], one[0].value)):
        if len(facets[facet]) < _MOST_VALUES:
            facets[facet][value] = count
    return {facet: counted for facet, counted in facets.items() if counted}
