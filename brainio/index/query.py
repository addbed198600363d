"""What is asked: words, and values of facets, for which the index has numbers. Fetches no document."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from brainio.catalogs.entries import LOOKUP_TYPES
from brainio.errors import SearchError
from brainio.index import vocabulary
from brainio.index.words import words_asked
from brainio.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainio.index.facets import Labels

_MOST_WORDS = 40
_MOST_VALUES_NAMED = 20  # values in a message
# Values that are no mistake where no entry has them.
_ANY = ("status", "catalog")  # a catalog in force may be empty
_POSSIBLE: dict[str, Iterable[str]] = {
    "kind": LOOKUP_TYPES,
    "region": vocabulary.REGIONS,
    "species": vocabulary.SPECIES,
    "has_repetitions": ("yes", "no"),
    "has_reliability": ("yes", "no"),
}


@dataclass(frozen=True)
class Question:
    """What is searched: text, values of facets, and whether old entries count.

    Its words are given as they are compared, each with how it was written; `left_out` are too many.
    """

    text: str
    filters: dict[str, list[str]]
    include_superseded: bool
    words: dict[str, str] = field(init=False)
    left_out: int = field(init=False)

    def __post_init__(self) -> None:
        words = words_asked(self.text)
        object.__setattr__(self, "words", dict(islice(words.items(), _MOST_WORDS)))
        object.__setattr__(self, "left_out", max(0, len(words) - _MOST_WORDS))

    @property
    def asked(self) -> dict[str, object]:
        """What tells it from other questions."""
        return {"text": self.text, "filters": self.filters, "old": self.include_superseded}

    @property
    def is_open(self) -> bool:
        """Whether it asks for everything that is listed."""
        return not (self.words or self.filters or self.include_superseded)


def labels_asked(labels: Labels, question: Question) -> dict[str, list[int]]:
    """Return for each facet that is asked for the labels that count; none where no entry has such a value.

    Raises
    ------
    SearchError
        A value is nowhere, and not known for such a thing.
    """
    return {facet: _numbers(labels, facet, values) for facet, values in question.filters.items()}


def _numbers(labels: Labels, facet: str, values: Iterable[str]) -> list[int]:
    known = labels.of(facet)
    found = []
    for value in values:
        if facet == "year":
            found += [one.number for year in known if _is_in(year, value) for one in known[year]]
        elif value.lower() in known:
            found += [one.number for one in known[value.lower()]]
        elif facet not in _ANY and value not in _POSSIBLE.get(facet, ()):
            raise _unknown(facet, value, sorted(one.value for several in known.values() for one in several))
    return found


def _is_in(year: str, asked: str) -> bool:
    first, dash, last = asked.replace("–", "-").partition("-")  # noqa: RUF001 - as people write a range
    try:
        return int(first) <= int(year) <= int(last if dash else first)
    except ValueError:
        raise SearchError(f"year is {asked!r}; expected a year, such as 2018, or several, such as 2015-2020") from None


def _unknown(facet: str, value: str, known: list[str]) -> SearchError:
    near = nearest(value, known)
    meant = f"; did you mean {', '.join(map(repr, near))}?" if near else "."
    more = f" and {len(known) - _MOST_VALUES_NAMED:,} more" if len(known) > _MOST_VALUES_NAMED else ""
    return SearchError(
        f"no entry has the {facet} {value!r}{meant} Known: {', '.join(known[:_MOST_VALUES_NAMED]) or 'none'}{more}"
    )
