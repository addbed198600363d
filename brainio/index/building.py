"""Filling an empty database with the entries of catalogs, as they come: no list of documents is ever in memory."""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, islice
from typing import TYPE_CHECKING, NamedTuple

from brainio.catalogs.cards import cards_in_databases
from brainio.index.documents import LISTED, SHARED, Document, Facets, Maker, facets_of, values_of
from brainio.index.fulltext import GROUPS
from brainio.index.schema import document, label, labelling, metadata
from brainio.index.words import name_folded, words_of_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from brainio.catalogs import Entry, Listing
    from brainio.index.fulltext import FullText

_BATCH = 2000  # rows
_MOST_TOGETHER = 20_000  # combinations of labels that are remembered
_GROUP_OF = {"title": "titles", "author": "people", "lab": "people"}


def build(connection: Connection, text: FullText, listings: Sequence[Listing], progress: Callable[[], None]) -> None:
    """Write all entries of the listings into an empty database.

    Parameters
    ----------
    connection : Connection
        In a transaction, which the caller ends.
    text : FullText
        That of its database.
    listings : sequence of Listing
        The catalogs in force, in their order.
    progress : callable
        Called every few thousand entries.
    """
    metadata.create_all(connection)
    with _nothing_collected():
        _write(connection, text, listings, progress)
    text.finish(connection)


def _write(connection: Connection, text: FullText, listings: Sequence[Listing], progress: Callable[[], None]) -> None:
    words_table = text.create(connection)
    labels, maker, grouper, numbers = _Labels(text), Maker(), Grouper(), count(1)
    entries = versions_of(listings)
    while batch := list(islice(entries, _BATCH)):
        documents, labellings, words = [], [], []
        cards = cards_in_databases(listed.entry for listed in batch)
        for number, listed in zip(numbers, batch, strict=False):
            entry = listed.entry
            card = cards.get((entry.base, entry.card))
            flags = {"is_current": listed.is_current, "is_ambiguous": listed.is_ambiguous}
            made = maker.document(entry, card, **flags)
            own, tokens = labels.of(made, listed.catalogs)
            documents.append((number, *made))
            labellings.append((number, own))
            words.append(text.row(number, grouper.words(made), own, f"{tokens} {_names(text, entry)}"))
        for table, rows in ((document, documents), (labelling, labellings), (words_table, words)):
            text.insert(connection, table, rows)
        progress()
    text.insert(connection, label, labels.rows())


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the collector of cycles away: none are made here, and it would walk through all entries again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Listed(NamedTuple):
    """A version of an entry as the catalogs in force have it.

    Attributes
    ----------
    catalogs : tuple of str
        All that list it with the same bytes, the first one its own.
    is_ambiguous : bool
        Whether another one lists other bytes under its identifier.
    """

    entry: Entry
    is_current: bool
    catalogs: tuple[str, ...]
    is_ambiguous: bool


def versions_of(listings: Sequence[Listing]) -> Iterator[Listed]:
    """Yield all versions of all entries; what several catalogs list with the same bytes comes once."""
    for number, listing in enumerate(listings):
        others = [
            (other.identifier, other, before < number) for before, other in enumerate(listings) if before != number
        ]
        alone = (listing.identifier,)
        for key, current in listing.entries.items():
            doubles = [(name, other, is_before) for name, other, is_before in others if key in other.entries]
            if not doubles and key not in listing.versions:  # nearly all
                yield Listed(current, True, alone, False)
                continue
            for entry in listing.all_versions(current):
                if (listed := _listed(entry, entry is current, doubles)) is not None:
                    yield listed


def _listed(entry: Entry, is_current: bool, doubles: Sequence[tuple[str, Listing, bool]]) -> Listed | None:
    """Compare a version with those of other catalogs under its key; None where one before lists the same bytes."""
    same, differs = [entry.catalog], False
    for name, other, is_before in doubles:
        there = other.find(entry.lookup_type, entry.identifier, None if is_current else entry.version)
        if there is None or there.content != entry.content:
            differs |= there is not None
        elif is_before:
            return None
        else:
            same.append(name)
    return Listed(entry, is_current, tuple(same), differs)


class Grouper:
    """Gives the words of documents for each column of the full text; remembers what many have together."""

    def __init__(self) -> None:
        self._shared = [
            (fields_of, lru_cache(maxsize=4096)(lambda *fields, words=words: _grouped(words(*fields))))
            for words, fields_of in SHARED.items()
        ]

    def words(self, made: Document) -> tuple[str, str, str, str]:
        """Return the words of a document, one text a column."""
        names = f"{made.identifier} {made.aliases}" if made.aliases else made.identifier
        others = f"{made.stimulus_set_identifier} {made.columns} {made.animals}"
        (_, titles, people, paper), (_, _, _, kind) = [grouped(*fields_of(made)) for fields_of, grouped in self._shared]
        return " ".join(words_of_name(names)), titles, people, f"{paper} {kind} {' '.join(words_of_name(others))}"


def _grouped(by_field: Mapping[str, str]) -> tuple[str, ...]:
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for field, words in by_field.items():
        groups[_GROUP_OF.get(field, "about")].append(words)
    return tuple(map(" ".join, groups.values()))


class _Labels:
    """Numbers for the values of facets as they come, and how many documents have each."""

    def __init__(self, text: FullText) -> None:
        self._text = text
        self._known: dict[tuple[str, str], int] = {}
        self._together: dict[Facets, _Together] = {}
        self._documents: Counter[int] = Counter()

    def of(self, made: Document, catalogs: tuple[str, ...]) -> tuple[str, str]:
        """Return the labels of a document: their numbers, and how the full text writes them."""
        facets = facets_of(made, catalogs)
        own = self._together.get(facets)
        if own is None:
            if len(self._together) >= _MOST_TOGETHER:
                self._count()
            own = self._together[facets] = self._labelled(facets)
        own.documents += made.status in LISTED
        return own.labels, own.tokens

    def rows(self) -> list[tuple[int, str, str, int]]:
        self._count()
        return [(number, *facet, self._documents[number]) for facet, number in self._known.items()]

    def _labelled(self, facets: Facets) -> _Together:
        numbers = [self._known.setdefault(one, len(self._known)) for one in values_of(facets)]
        return _Together(numbers, " ".join(map(str, numbers)), " ".join(map(self._text.label_token, numbers)))

    def _count(self) -> None:
        """Count the documents of what was seen together, and forget that, so that memory has a bound."""
        for own in self._together.values():
            for number in own.numbers:
                self._documents[number] += own.documents
        self._together.clear()


@dataclass(slots=True)
class _Together:
    """Labels that documents have together."""

    numbers: list[int]
    labels: str
    tokens: str
    documents: int = 0


def _names(text: FullText, entry: Entry) -> str:
    return " ".join([text.name_token(name_folded(name)) for name in (entry.identifier, *entry.aliases)])
