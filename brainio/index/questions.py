"""From what is asked to expressions of the full text: words, and values of facets. Fetches no document."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import TYPE_CHECKING

from brainio.catalogs.entries import LOOKUP_TYPES, STATUSES
from brainio.errors import SearchError
from brainio.index import vocabulary
from brainio.index.documents import LISTED
from brainio.index.words import name_folded, words_asked
from brainio.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from brainio.index.fulltext import FullText
    from brainio.index.labels import Labels

_MOST_WORDS = 40
_MOST_TRIED = 8  # words, of which as many as can be are looked for together
_MOST_NAMED = 20  # values in a message
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
    old: bool
    words: dict[str, str] = field(init=False)
    left_out: int = field(init=False)

    def __post_init__(self) -> None:
        words = words_asked(self.text)
        object.__setattr__(self, "words", dict(islice(words.items(), _MOST_WORDS)))
        object.__setattr__(self, "left_out", max(0, len(words) - _MOST_WORDS))

    @property
    def asked(self) -> dict[str, object]:
        """What tells it from other questions."""
        return {"text": self.text, "filters": self.filters, "old": self.old}

    @property
    def is_open(self) -> bool:
        """Whether it asks for everything that is listed."""
        return not (self.words or self.filters or self.old)


@dataclass(frozen=True)
class Attempt:
    """One way to answer a question.

    Attributes
    ----------
    expression : str
        What hits meet.
    named : str
        What hits meet that are called by their name; empty where none can be.
    has_all_words : bool
        Whether hits have all words of the question.
    note : str
        What to say of them.
    """

    expression: str
    named: str = ""
    has_all_words: bool = True
    note: str = ""


def labels_asked(labels: Labels, question: Question) -> dict[str, list[int]]:
    """Return for each facet that is asked for the labels that count; none where no entry has such a value.

    Raises
    ------
    SearchError
        A value is nowhere, and not known for such a thing.
    """
    return {facet: _numbers(labels, facet, values) for facet, values in question.filters.items()}


def attempts(
    labels: Labels, text: FullText, question: Question, asked_labels: Iterable[Sequence[int]]
) -> Iterator[Attempt]:
    """Yield ways to answer a question, from what was asked to what comes near."""
    limits = [text.any_of(map(text.has_label, numbers)) for numbers in asked_labels]
    statuses = _numbers(labels, "status", STATUSES if question.old else LISTED)
    standing = [text.any_of(map(text.has_label, statuses or [-1]))]
    words = list(map(text.has_word, question.words))
    if not words:
        yield Attempt(text.all_of([*limits, *standing]))
        return
    folded = name_folded(question.text)
    named = text.all_of([*limits, text.has_name(folded)]) if folded else ""
    asked = text.all_of([*limits, *standing, *words])
    yield Attempt(text.any_of([asked, named]) if named else asked, named)
    for enough in range(len(words) - 1, 0, -1) if len(words) <= _MOST_TRIED else [1]:
        some = text.any_of(map(text.all_of, combinations(words, enough)))
        told = f"{enough} of {len(words)}" if len(words) <= _MOST_TRIED else "some"
        yield Attempt(text.all_of([*limits, *standing, some]), "", False, f"Nothing has all words; these have {told}.")


def _numbers(labels: Labels, facet: str, values: Iterable[str]) -> list[int]:
    known = labels.of(facet)
    found = []
    for value in values:
        if facet == "year":
            found += [known[year].number for year in known if _is_in(year, value)]
        elif value.lower() in known:
            found.append(known[value.lower()].number)
        elif facet not in _ANY and value not in _POSSIBLE.get(facet, ()):
            raise _unknown(facet, value, sorted(one.value for one in known.values()))
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
    more = f" and {len(known) - _MOST_NAMED:,} more" if len(known) > _MOST_NAMED else ""
    return SearchError(
        f"no entry has the {facet} {value!r}{meant} Known: {', '.join(known[:_MOST_NAMED]) or 'none'}{more}"
    )
