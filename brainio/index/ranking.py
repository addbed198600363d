"""From a question to the documents that answer it, and how well each does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from brainio.cursors import bad_cursor, read_cursor, write_cursor
from brainio.index.schema import GROUPS, document
from brainio.index.words import name_folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from brainio.index.documents import Document
    from brainio.index.index_store import Index
    from brainio.index.query import Question
    from brainio.index.schema import Numbers


_MOST_NAMED = 1_000  # documents that are called by their name


class Matches(NamedTuple):
    """What answers a question best.

    Attributes
    ----------
    numbers : array, shape (n,)
        Of the documents, in their order.
    scores : array, shape (n,)
        How well each answers, the higher the better; infinite where it is called by its name.
    words : int
        How many words of the question they have.
    """

    numbers: npt.NDArray[np.intp]
    scores: npt.NDArray[np.float64]
    words: int


def matches(connection: Connection, index: Index, question: Question, labels: Iterable[Sequence[int]]) -> Matches:
    """Return the documents that have most words of a question, and what is called like it.

    Parameters
    ----------
    labels : iterable of sequence of int
        A document has to have one of each.
    """
    known = index.labels(connection)
    allowed = np.ones_like(known.listed)
    for numbers in labels:
        allowed &= known.having(numbers)
    listed = allowed if question.include_superseded else allowed & known.listed
    if not question.words:
        found = np.flatnonzero(listed)
        return Matches(found, np.zeros(len(found)), 0)
    scores, words = np.zeros(len(listed)), np.zeros(len(listed), np.uint8)
    for word in question.words:
        having = index.having(connection, word)
        scores[having.numbers] += having.scores
        words[having.numbers] += 1
    words *= listed
    named = called(connection, index, question.text)
    named = named[allowed[named]]
    scores[named], words[named] = np.inf, len(question.words)
    most = int(words.max(initial=0))
    found = np.flatnonzero((words == most) & (words > 0))
    return Matches(found, scores[found], most)


def called(connection: Connection, index: Index, name: str) -> Numbers:
    """Return the documents whose identifier or alias that is, as far as letters and digits tell."""
    return index.text.called(connection, name_folded(name), _MOST_NAMED)


_SATURATION, _BY_LENGTH = 1.2, 0.75  # k1 and b of the formula


class Having(NamedTuple):
    """The documents that have a word, shape (n,) in their order, and what it counts in each."""

    numbers: Numbers
    scores: npt.NDArray[np.float32]


def scored(groups: Sequence[Numbers], lengths: Numbers) -> Having:
    """Return what a word counts in the documents that have it.

    Parameters
    ----------
    groups : sequence of array
        The documents that have it in each of `GROUPS`.
    lengths : array, shape (documents,)
        How many words each document has.

    Examples
    --------
    >>> none = np.array([], np.int32)
    >>> in_name, in_title = np.array([2], np.int32), np.array([0, 2], np.int32)
    >>> scored([in_name, in_title, none, none], np.array([8, 8, 8, 8], np.int32))
    Having(numbers=array([0, 2], dtype=int32), scores=array([1.1730183, 1.4045352], dtype=float32))
    """
    is_there = np.zeros(len(lengths), bool)
    for numbers in groups:
        is_there[numbers] = True
    having = np.flatnonzero(is_there).astype(np.int32)
    of_all = np.empty(len(lengths), np.float32)  # most of which is never touched
    of_all[having] = 0
    for weight, numbers in zip(GROUPS.values(), groups, strict=True):
        of_all[numbers] += weight
    weights = of_all[having]
    if not len(having):
        return Having(having, weights)
    rarity = math.log1p((len(lengths) - len(having) + 0.5) / (len(having) + 0.5))
    by_length = _SATURATION * (1 - _BY_LENGTH + _BY_LENGTH * lengths[having] / lengths.mean())
    return Having(having, (rarity * weights * (_SATURATION + 1) / (weights + by_length)).astype(np.float32))


_MOST_NUMBER = 2**31 - 1  # of a document


class Ranked(NamedTuple):
    """The number of a document, and how well it answers a question (the higher the better)."""

    number: int
    score: float


class Place(NamedTuple):
    """A hit as it was when its page was made; its score is None where it was called by its name."""

    number: int
    score: float | None
    catalog: str
    lookup_type: str
    identifier: str
    version: str


class Page(NamedTuple):
    """How many hits are wanted, how many better ones are passed over, and behind which place that begins."""

    limit: int
    offset: int = 0
    after: Place | None = None


def cursor_behind(question: Question, hit: Ranked, found: Document) -> str:
    """Return the cursor of what comes behind a hit."""
    score = None if hit.score == math.inf else hit.score
    place = Place(hit.number, score, found.catalog, found.lookup_type, found.identifier, found.version)
    return write_cursor(question.asked, place)


def place_in(cursor: str, question: Question) -> Place:
    """Return the place that a cursor holds.

    Raises
    ------
    CursorError
        It is none, or one of another question.
    """
    held = read_cursor(cursor, question.asked)
    if not isinstance(held, list) or len(held) != len(Place._fields):
        raise bad_cursor("holds no place")
    place = Place(*held)
    is_number = type(place.number) is int and 0 <= place.number <= _MOST_NUMBER
    is_score = place.score is None or (type(place.score) is float and math.isfinite(place.score))
    if not is_number or not is_score or not all(map(_is_name, place[2:])):
        raise bad_cursor("holds no place")
    return place


def best(connection: Connection, index: Index, matches: Matches, page: Page) -> list[Ranked]:
    """Return the hits of a page and the one behind it, if there is one: the best first, of equals the lower number."""
    numbers, scores = matches.numbers, matches.scores
    if page.after is not None:
        behind = _now(connection, index, matches, page.after)
        is_behind = (scores < behind.score) | ((scores == behind.score) & (numbers > behind.number))
        numbers, scores = numbers[is_behind], scores[is_behind]
    end = page.offset + page.limit + 1
    if end < len(scores):  # sorting few takes less
        enough = scores >= np.partition(scores, -end)[-end]
        numbers, scores = numbers[enough], scores[enough]
    order = np.argsort(-scores, kind="stable")[page.offset : end]
    return list(map(Ranked, numbers[order].tolist(), scores[order].tolist()))


def _now(connection: Connection, index: Index, matches: Matches, place: Place) -> Ranked:
    """Return where a hit stands now; where it stood, if it is none any more."""
    is_it = [document.c[name] == value for name, value in zip(Place._fields[2:], place[2:], strict=True)]
    candidates = called(connection, index, place.identifier).tolist()
    number = connection.scalar(select(document.c.id).where(document.c.id.in_(candidates), *is_it))
    score = math.inf if place.score is None else place.score
    if number is None:
        return Ranked(place.number, score)
    at = np.flatnonzero(matches.numbers == number)
    return Ranked(number, float(matches.scores[at[0]]) if len(at) else score)


def _is_name(value: object) -> bool:
    """Whether it is a text that a database takes."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
