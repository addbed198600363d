"""Queries: the words and facet filters of a search.

Fetches no document.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from brainio.catalogs.entries import LOOKUP_TYPES
from brainio.errors import SearchError
from brainio.index import vocabulary
from brainio.index.words import query_words
from brainio.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainio.index.facets import FacetIndex

_MAX_WORDS = 40
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


@dataclass(frozen=True)
class Query:
    """A query: text, facet filters, and whether superseded entries are included.

    Attributes
    ----------
    words : dict
        Each word as the index compares it -> its original spelling.
    dropped_words : int
        The number of words beyond the limit, which are ignored.
    """

    text: str
    filters: dict[str, list[str]]
    include_superseded: bool
    words: dict[str, str] = field(init=False)
    dropped_words: int = field(init=False)

    def __post_init__(self) -> None:
        words = query_words(self.text)
        object.__setattr__(self, "words", dict(islice(words.items(), _MAX_WORDS)))
        object.__setattr__(self, "dropped_words", max(0, len(words) - _MAX_WORDS))

    @property
    def identity(self) -> dict[str, object]:
        """The fields that distinguish this query from others, for cursors."""
        return {"text": self.text, "filters": self.filters, "old": self.include_superseded}

    @property
    def is_unrestricted(self) -> bool:
        """Whether every entry that is listed by default matches."""
        return not (self.words or self.filters or self.include_superseded)


def resolve_filters(facets: FacetIndex, query: Query) -> dict[str, list[int]]:
    """Return the numbers of the facet values that each filter accepts; an empty list if no entry has such a value.

    Raises
    ------
    SearchError
        No entry has a value, and it is not a known value of the facet.
    """
    return {facet: _numbers(facets, facet, values) for facet, values in query.filters.items()}


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
