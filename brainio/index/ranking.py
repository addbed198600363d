"""Ranking: the documents that match a query, their scores, and pages of ranked documents.

A page begins after the last hit of the page before, wherever this hit is now. So entries that are added in the
meantime shift nothing, as they would with an offset. Scores depend slightly on all documents: two hits with nearly
equal scores may swap between two pages when the index changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from brainio.cursors import bad_cursor, read_cursor, write_cursor
from brainio.index.schema import document
from brainio.index.vocabulary import fold_name, query_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from brainio.index.documents import Document
    from brainio.index.open_index import Index
    from brainio.index.schema import IntArray


_MAX_WORDS = 40  # of a query
_MAX_NAMED = 1_000  # documents with one identifier or alias
_MAX_NUMBER = 2**31 - 1  # of a document


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


class Matches(NamedTuple):
    """The documents that match a query best.

    Attributes
    ----------
    numbers : array, shape (n,)
        The numbers of the documents, in ascending order.
    scores : array, shape (n,)
        Their scores, higher is better; infinite if the query is the identifier or an alias.
    words : int
        The number of words of the query that they contain.
    """

    numbers: npt.NDArray[np.intp]
    scores: npt.NDArray[np.float64]
    words: int


class RankedDocument(NamedTuple):
    """The number of a document, and its score (higher is better)."""

    number: int
    score: float


class Position(NamedTuple):
    """The hit after which a page begins; its score is None if the query was its identifier or an alias."""

    number: int
    score: float | None
    catalog: str
    lookup_type: str
    identifier: str
    version: str


class Page(NamedTuple):
    """A page of hits: their number, the number of better hits to skip, and the position after which it begins."""

    limit: int
    offset: int = 0
    after: Position | None = None


def find_matches(connection: Connection, index: Index, query: Query, filters: Iterable[Sequence[int]]) -> Matches:
    """Return the documents with the most words of a query, and the documents that the query names.

    Parameters
    ----------
    filters : iterable of sequence of int
        A document must have one facet value of each sequence.
    """
    facets = index.facets(connection)
    allowed = np.ones_like(facets.default_documents)
    for numbers in filters:
        allowed &= facets.documents_with(numbers)
    included = allowed if query.include_superseded else allowed & facets.default_documents
    if not query.words:
        all_numbers = np.flatnonzero(included)
        return Matches(all_numbers, np.zeros(len(all_numbers)), 0)
    scores, words = np.zeros(len(included)), np.zeros(len(included), np.uint8)
    for word in query.words:
        postings = index.postings(connection, word)
        scores[postings.numbers] += postings.scores
        words[postings.numbers] += 1
    words *= included
    named = _find_named(connection, index, query.text)
    named = named[allowed[named]]
    scores[named], words[named] = np.inf, len(query.words)
    maximum = int(words.max(initial=0))
    matching = np.flatnonzero((words == maximum) & (words > 0))
    return Matches(matching, scores[matching], maximum)


def _find_named(connection: Connection, index: Index, name: str) -> IntArray:
    """Return the documents with this identifier or alias, ignoring case, accents and punctuation."""
    return index.text.find_by_name(connection, fold_name(name), _MAX_NAMED)


def rank_page(connection: Connection, index: Index, matches: Matches, page: Page) -> list[RankedDocument]:
    """Return the documents of a page and the next one, if any: best first, equal scores by ascending number."""
    numbers, scores = matches.numbers, matches.scores
    if page.after is not None:
        last = _current_rank(connection, index, matches, page.after)
        is_after = (scores < last.score) | ((scores == last.score) & (numbers > last.number))
        numbers, scores = numbers[is_after], scores[is_after]
    end = page.offset + page.limit + 1
    if end < len(scores):  # sorting few scores is faster
        is_candidate = scores >= np.partition(scores, -end)[-end]
        numbers, scores = numbers[is_candidate], scores[is_candidate]
    order = np.argsort(-scores, kind="stable")[page.offset : end]
    return list(map(RankedDocument, numbers[order].tolist(), scores[order].tolist()))


def cursor_after(query: Query, hit: RankedDocument, content: Document) -> str:
    """Return the cursor of the page that begins after a hit."""
    score = None if hit.score == math.inf else hit.score
    position = Position(hit.number, score, content.catalog, content.lookup_type, content.identifier, content.version)
    return write_cursor(query.identity, position)


def parse_position(cursor: str, query: Query) -> Position:
    """Return the position that a cursor encodes.

    Raises
    ------
    CursorError
        The text is not a cursor, or belongs to another query.
    """
    fields = read_cursor(cursor, query.identity)
    if not isinstance(fields, list) or len(fields) != len(Position._fields):
        raise bad_cursor("holds no position")
    position = Position(*fields)
    is_number = type(position.number) is int and 0 <= position.number <= _MAX_NUMBER
    is_score = position.score is None or (type(position.score) is float and math.isfinite(position.score))
    if not is_number or not is_score or not all(map(_is_storable_text, position[2:])):
        raise bad_cursor("holds no position")
    return position


def _current_rank(connection: Connection, index: Index, matches: Matches, position: Position) -> RankedDocument:
    """Return the present rank of a hit, or its former rank if it no longer matches."""
    is_same = [document.c[name] == value for name, value in zip(Position._fields[2:], position[2:], strict=True)]
    candidates = _find_named(connection, index, position.identifier).tolist()
    number = connection.scalar(select(document.c.id).where(document.c.id.in_(candidates), *is_same))
    score = math.inf if position.score is None else position.score
    if number is None:
        return RankedDocument(position.number, score)
    places = np.flatnonzero(matches.numbers == number)
    return RankedDocument(number, float(matches.scores[places[0]]) if len(places) else score)


def _is_storable_text(value: object) -> bool:
    """Return whether a value is text that every database accepts."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
