"""The index builder: writes the entries of catalogs into an empty database.

Entries are written in batches, so that memory does not grow with their number.
"""

from __future__ import annotations

import gc
from array import array
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from brainio.catalogs.cards import prefetch_cards
from brainio.index.documents import SHARED, Document, DocumentBuilder, Facets, facets_of, values_of
from brainio.index.schema import FIELD_WEIGHTS, document, label, metadata, write_packed
from brainio.index.vocabulary import fold_name, split_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy.engine import Connection

    from brainio.catalogs import Entry, Listing
    from brainio.index.schema import FullText

_BATCH = 2000  # rows
_MAX_COMBINATIONS = 20_000  # of facet values that are cached
_GROUP_OF = {"title": "titles", "author": "people", "lab": "people"}


def build(connection: Connection, text: FullText, listings: Sequence[Listing], progress: Callable[[], None]) -> None:
    """Write all entries of the listings into an empty database.

    Parameters
    ----------
    connection : Connection
        In a transaction, which the caller commits.
    text : FullText
        The full text of its database.
    listings : sequence of Listing
        The active catalogs, in their order.
    progress : callable
        Called after each entry.
    """
    metadata.create_all(connection)
    with _garbage_collection_disabled():
        _write(connection, text, listings, progress)
    text.finish(connection)


def _write(connection: Connection, text: FullText, listings: Sequence[Listing], progress: Callable[[], None]) -> None:
    words_table = text.create(connection)
    encoder, lengths, document_builder, grouper = FacetEncoder(), array("i"), DocumentBuilder(), WordGrouper()
    entries = versions_of(listings)
    while batch := list(islice(entries, _BATCH)):
        documents, words = [], []
        cards = prefetch_cards(listed.entry for listed in batch)
        for number, listed in enumerate(batch, start=len(lengths)):
            entry = listed.entry
            card = cards.get((entry.base, entry.card))
            flags = {"is_current": listed.is_current, "is_ambiguous": listed.is_ambiguous}
            content = document_builder.build(entry, card, **flags)
            groups = grouper.words(content)
            encoder.add(facets_of(content, listed.catalogs))
            lengths.append(sum(len(group.split()) for group in groups))
            documents.append((number, *content))
            words.append(text.row(number, groups, list(map(fold_name, (entry.identifier, *entry.aliases)))))
            progress()
        for table, rows in ((document, documents), (words_table, words)):
            text.insert(connection, table, rows)
    text.insert(connection, label, [(number, *facet) for facet, number in encoder.numbers.items()])
    write_packed(connection, {"length": lengths, **encoder.to_arrays()})


@contextmanager
def _garbage_collection_disabled() -> Iterator[None]:
    """Disable the garbage collector: building creates no cycles, and each collection would visit all entries."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class ListedVersion(NamedTuple):
    """A version of an entry in the active catalogs.

    Attributes
    ----------
    catalogs : tuple of str
        The catalogs that list it with the same bytes, its own first.
    is_ambiguous : bool
        Whether another catalog lists other bytes under its identifier.
    """

    entry: Entry
    is_current: bool
    catalogs: tuple[str, ...]
    is_ambiguous: bool


def versions_of(listings: Sequence[Listing]) -> Iterator[ListedVersion]:
    """Yield all versions of all entries, each once, even if several catalogs list the same bytes."""
    for number, listing in enumerate(listings):
        others = [
            (other.identifier, other, before < number) for before, other in enumerate(listings) if before != number
        ]
        own_catalog = (listing.identifier,)
        for key, current in listing.entries.items():
            same_key = [(name, other, is_before) for name, other, is_before in others if key in other.entries]
            if not same_key and key not in listing.versions:  # most entries
                yield ListedVersion(current, True, own_catalog, False)
                continue
            for entry in listing.all_versions(current):
                if (listed := _compare_version(entry, entry is current, same_key)) is not None:
                    yield listed


def _compare_version(
    entry: Entry, is_current: bool, same_key: Sequence[tuple[str, Listing, bool]]
) -> ListedVersion | None:
    """Compare a version with those of other catalogs; return None if an earlier catalog lists the same bytes."""
    catalogs, differs = [entry.catalog], False
    for name, other, is_before in same_key:
        match = other.find(entry.lookup_type, entry.identifier, None if is_current else entry.version)
        if match is None or match.content != entry.content:
            differs |= match is not None
        elif is_before:
            return None
        else:
            catalogs.append(name)
    return ListedVersion(entry, is_current, tuple(catalogs), differs)


class WordGrouper:
    """Groups the words of documents by column of the full text; caches the words that many documents share."""

    def __init__(self) -> None:
        self._shared = [
            (fields_of, lru_cache(maxsize=4096)(lambda *fields, words=words: _group_words(words(*fields))))
            for words, fields_of in SHARED.items()
        ]

    def words(self, content: Document) -> tuple[str, str, str, str]:
        """Return the words of a document, one text per column, each word once: repetition has no meaning here."""
        names = f"{content.identifier} {content.aliases}" if content.aliases else content.identifier
        others = f"{content.stimulus_set_identifier} {content.columns} {content.animals}"
        (_, titles, people, paper), (_, _, _, kind) = [
            grouped(*fields_of(content)) for fields_of, grouped in self._shared
        ]
        about = [*paper.split(), *kind.split(), *split_name(others)]
        return " ".join(split_name(names)), titles, people, " ".join(dict.fromkeys(about))


def _group_words(by_field: Mapping[str, str]) -> tuple[str, ...]:
    groups: dict[str, list[str]] = {group: [] for group in FIELD_WEIGHTS}
    for field, words in by_field.items():
        groups[_GROUP_OF.get(field, "about")] += words.split()
    return tuple(" ".join(dict.fromkeys(words)) for words in groups.values())


class FacetEncoder:
    """Assigns numbers to the facet values, and the combinations of them, of a sequence of documents.

    Attributes
    ----------
    numbers : dict
        (facet, value) -> number.
    """

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, str], int] = {}
        self._combination, self._labels, self._ends = array("i"), array("i"), array("i")
        self._combinations: dict[Facets, int] = {}

    def add(self, facets: Facets) -> None:
        """Add the facets of the next document."""
        combination = self._combinations.get(facets)
        if combination is None:
            if len(self._combinations) >= _MAX_COMBINATIONS:
                self._combinations.clear()
            self._labels.extend([self.numbers.setdefault(item, len(self.numbers)) for item in values_of(facets)])
            combination = self._combinations[facets] = len(self._ends)
            self._ends.append(len(self._labels))
        self._combination.append(combination)

    def to_arrays(self) -> dict[str, npt.ArrayLike]:
        """Return numbers by name, as `FacetIndex` reads them."""
        labels = np.asarray(self._labels, np.int32)
        combinations = np.repeat(np.arange(len(self._ends)), np.diff(self._ends, prepend=0))
        return {
            "combination": self._combination,
            "label": labels,
            "end": self._ends,
            "having": combinations[np.argsort(labels, kind="stable")],
            "having_end": np.cumsum(np.bincount(labels, minlength=len(self.numbers))),
        }
