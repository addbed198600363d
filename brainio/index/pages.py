"""Pages of an answer: which hits are on one, and where the next one goes on.

A page goes on behind the last hit of the one before, wherever that stands by now. So what is added meanwhile moves
nothing, as an offset would. Scores depend a little on all that is there: two hits of nearly one score may change places
between two pages when the index does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sqlalchemy import select

from brainio.cursors import bad_cursor, read_cursor, write_cursor
from brainio.index.matching import called
from brainio.index.schema import document

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from brainio.index.documents import Document
    from brainio.index.matching import Matches
    from brainio.index.questions import Question
    from brainio.index.store import Index

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
