"""Facets: their values, and the documents that have each value, by which searches count and filter documents.

Documents share few combinations of facet values, so the index stores the combination of each document, and the values
of each combination.
"""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from brainio.catalogs.entries import LOOKUP_TYPES
from brainio.errors import SearchError
from brainio.index import vocabulary
from brainio.index.documents import LISTED
from brainio.index.schema import label, read_packed
from brainio.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection


_FACETS = (
    *("kind", "class", "region", "species", "lab", "year", "catalog"),
    *("has_repetitions", "has_reliability", "status"),
)
_MAX_VALUES = 100  # of a facet
_MAX_LISTED_VALUES = 20  # values in a message
# Facets whose values need no matching entry: a value without entries is not a mistake.
_OPEN_FACETS = ("status", "catalog")  # an active catalog may be empty
_KNOWN_VALUES: dict[str, Iterable[str]] = {
    "kind": LOOKUP_TYPES,
    "region": vocabulary.REGIONS,
    "species": vocabulary.SPECIES,
    "has_repetitions": ("yes", "no"),
    "has_reliability": ("yes", "no"),
}

FacetCounts = dict[str, dict[str, int]]
"""Facet -> value -> number of documents, the most frequent value first."""
Mask = npt.NDArray[np.bool_]
"""Whether each document is selected, shape (documents,)."""


class FacetValue(NamedTuple):
    """A value of a facet, and its number in the index."""

    number: int
    facet: str
    value: str


class FacetIndex:
    """All facet values of an index, with the documents that have them."""

    def __init__(self, connection: Connection) -> None:
        # The combination of each document; the values of all combinations in a row, and the end of each combination.
        self._combination, self._labels, ends = read_packed(connection, "combination", "label", "end")
        self._sizes = np.diff(ends, prepend=0)
        self._starts = ends - self._sizes
        # The combinations that have each value in a row, and the end of each value.
        self._having, self._having_ends = read_packed(connection, "having", "having_end")
        rows = connection.execute(select(label.c.id, label.c.facet, label.c.value))
        values = sorted((FacetValue(*row) for row in rows), key=lambda item: (_FACETS.index(item.facet), item.value))
        self._count = len(values)
        self._facets = {facet: _Facet(list(items)) for facet, items in groupby(values, lambda item: item.facet)}

    def values_of(self, facet: str) -> Mapping[str, list[FacetValue]]:
        """Return the values of a facet by their text in lower case."""
        return self._facets[facet].by_text if facet in self._facets else {}

    @cached_property
    def default_documents(self) -> Mask:
        """The documents that are listed by default."""
        return self.documents_with(
            [item.number for status in LISTED for item in self.values_of("status").get(status, ())]
        )

    def documents_with(self, numbers: Sequence[int]) -> Mask:
        """Return which documents have one of some facet values."""
        combinations = np.zeros(len(self._sizes), bool)
        for number in numbers:
            begin = self._having_ends[number - 1] if number else 0
            combinations[self._having[begin : self._having_ends[number]]] = True
        return combinations[self._combination]

    def count(self, documents: npt.NDArray[np.intp]) -> FacetCounts:
        """Return the number of some documents that have each value, by facet."""
        by_combination = np.bincount(self._combination[documents], minlength=len(self._sizes))
        present = np.flatnonzero(by_combination)
        sizes = self._sizes[present]
        before = np.cumsum(sizes) - sizes
        labels = self._labels[np.arange(sizes.sum()) + np.repeat(self._starts[present] - before, sizes)]
        counts = np.bincount(labels, np.repeat(by_combination[present], sizes), self._count).astype(int)
        return {name: frequent for name, facet in self._facets.items() if (frequent := facet.most_frequent(counts))}

    def count_default(self) -> FacetCounts:
        """Return the counts of the documents that are listed by default, which are computed once."""
        return {facet: dict(counts) for facet, counts in self._default_counts.items()}

    @cached_property
    def _default_counts(self) -> FacetCounts:
        return self.count(np.flatnonzero(self.default_documents))


class _Facet:
    """The values of a facet, in alphabetical order."""

    def __init__(self, values: Sequence[FacetValue]) -> None:
        self.by_text: dict[str, list[FacetValue]] = {}
        for item in values:
            self.by_text.setdefault(item.value.lower(), []).append(item)
        self._numbers = np.array([item.number for item in values])
        self._texts = [item.value for item in values]

    def most_frequent(self, counts: npt.NDArray[np.int_]) -> dict[str, int]:
        """Return the most frequent values with their counts, from the counts of all values of the index."""
        own = counts[self._numbers]
        order = np.argsort(-own, kind="stable")[:_MAX_VALUES]
        return {self._texts[position]: int(own[position]) for position in order.tolist() if own[position]}


def resolve_filters(facets: FacetIndex, filters: Mapping[str, Iterable[str]]) -> dict[str, list[int]]:
    """Return the numbers of the facet values that each filter accepts; an empty list if no entry has such a value.

    Raises
    ------
    SearchError
        No entry has a value, and it is not a known value of the facet.
    """
    return {facet: _numbers(facets, facet, values) for facet, values in filters.items()}


def _numbers(facets: FacetIndex, facet: str, values: Iterable[str]) -> list[int]:
    known = facets.values_of(facet)
    numbers = []
    for value in values:
        if facet == "year":
            numbers += [item.number for year in known if _is_in(year, value) for item in known[year]]
        elif value.lower() in known:
            numbers += [item.number for item in known[value.lower()]]
        elif facet not in _OPEN_FACETS and value not in _KNOWN_VALUES.get(facet, ()):
            raise _unknown_value(facet, value, sorted(item.value for items in known.values() for item in items))
    return numbers


def _is_in(year: str, years: str) -> bool:
    first, dash, last = years.replace("–", "-").partition("-")  # noqa: RUF001 - as people write a range
    try:
        return int(first) <= int(year) <= int(last if dash else first)
    except ValueError:
        raise SearchError(f"year is {years!r}; expected a year, such as 2018, or a range, such as 2015-2020") from None


def _unknown_value(facet: str, value: str, known: list[str]) -> SearchError:
    near = nearest(value, known)
    suggestion = f"; did you mean {', '.join(map(repr, near))}?" if near else "."
    more = f" and {len(known) - _MAX_LISTED_VALUES:,} more" if len(known) > _MAX_LISTED_VALUES else ""
    return SearchError(
        f"no entry has the {facet} {value!r}{suggestion} Known: {', '.join(known[:_MAX_LISTED_VALUES]) or 'none'}{more}"
    )
