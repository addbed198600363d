"""Filling an empty database with the entries of catalogs, as they come: no list of documents is ever in memory."""

from __future__ import annotations

import gc
from array import array
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from brainio.catalogs.cards import prefetch_cards
from brainio.index.documents import SHARED, Document, Facets, Maker, facets_of, values_of
from brainio.index.schema import GROUPS, document, label, metadata, write_packed
from brainio.index.words import name_folded, words_of_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy.engine import Connection

    from brainio.catalogs import Entry, Listing
    from brainio.index.schema import FullText

_BATCH = 2000  # rows
_MOST_COMBINATIONS = 20_000  # of labels that are remembered
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
        Called after each entry.
    """
    metadata.create_all(connection)
    with _nothing_collected():
        _write(connection, text, listings, progress)
    text.finish(connection)


def _write(connection: Connection, text: FullText, listings: Sequence[Listing], progress: Callable[[], None]) -> None:
    words_table = text.create(connection)
    labels, lengths, maker, grouper = Labeller(), array("i"), Maker(), Grouper()
    entries = versions_of(listings)
    while batch := list(islice(entries, _BATCH)):
        documents, words = [], []
        cards = prefetch_cards(listed.entry for listed in batch)
        for number, listed in enumerate(batch, start=len(lengths)):
            entry = listed.entry
            card = cards.get((entry.base, entry.card))
            flags = {"is_current": listed.is_current, "is_ambiguous": listed.is_ambiguous}
            made = maker.document(entry, card, **flags)
            groups = grouper.words(made)
            labels.add(facets_of(made, listed.catalogs))
            lengths.append(sum(len(group.split()) for group in groups))
            documents.append((number, *made))
            words.append(text.row(number, groups, list(map(name_folded, (entry.identifier, *entry.aliases)))))
            progress()
        for table, rows in ((document, documents), (words_table, words)):
            text.insert(connection, table, rows)
    text.insert(connection, label, [(number, *facet) for facet, number in labels.known.items()])
    write_packed(connection, {"length": lengths, **labels.packed()})


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
        """Return the words of a document, one text a column, each word once: to say it often tells nothing."""
        names = f"{made.identifier} {made.aliases}" if made.aliases else made.identifier
        others = f"{made.stimulus_set_identifier} {made.columns} {made.animals}"
        (_, titles, people, paper), (_, _, _, kind) = [grouped(*fields_of(made)) for fields_of, grouped in self._shared]
        about = [*paper.split(), *kind.split(), *words_of_name(others)]
        return " ".join(words_of_name(names)), titles, people, " ".join(dict.fromkeys(about))


def _grouped(by_field: Mapping[str, str]) -> tuple[str, ...]:
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for field, words in by_field.items():
        groups[_GROUP_OF.get(field, "about")] += words.split()
    return tuple(" ".join(dict.fromkeys(words)) for words in groups.values())


class Labeller:
    """Numbers for the values of facets, and for the combinations of them that documents have, as they come.

    Attributes
    ----------
    known : dict
        Facet and value -> number.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], int] = {}
        self._combination, self._labels, self._ends = array("i"), array("i"), array("i")
        self._combinations: dict[Facets, int] = {}

    def add(self, facets: Facets) -> None:
        """Note the facets of the next document."""
        combination = self._combinations.get(facets)
        if combination is None:
            if len(self._combinations) >= _MOST_COMBINATIONS:
                self._combinations.clear()
            self._labels.extend([self.known.setdefault(one, len(self.known)) for one in values_of(facets)])
            combination = self._combinations[facets] = len(self._ends)
            self._ends.append(len(self._labels))
        self._combination.append(combination)

    def packed(self) -> dict[str, npt.ArrayLike]:
        """Return numbers by name, as `Labels` reads them."""
        labels = np.asarray(self._labels, np.int32)
        combinations = np.repeat(np.arange(len(self._ends)), np.diff(self._ends, prepend=0))
        return {
            "combination": self._combination,
            "label": labels,
            "end": self._ends,
            "having": combinations[np.argsort(labels, kind="stable")],
            "having_end": np.cumsum(np.bincount(labels, minlength=len(self.known))),
        }
