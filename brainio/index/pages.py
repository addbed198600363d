"""Pages of an answer: which hits are on one, and where the next one goes on.

A page goes on behind the last hit of the one before, wherever that stands by now. So what is added meanwhile moves
nothing, as an offset would. Scores depend a little on all that is there: two hits of nearly one score may change places
between two pages when the index does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from brainio.cursors import bad_cursor, read_cursor, write_cursor
from brainio.index.fulltext import Ranked
from brainio.index.schema import document
from brainio.index.words import name_folded

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from brainio.index.documents import Document
    from brainio.index.fulltext import FullText
    from brainio.index.questions import Attempt, Question

_MOST_NAMED = 100  # hits that are called by their name
_MOST_NUMBER = 2**31 - 1  # of a document


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
    is_score = place.score is None or (type(place.score) in (int, float) and math.isfinite(place.score))
    if not is_number or not is_score or not all(map(_is_name, place[2:])):
        raise bad_cursor("holds no place")
    return place


def best(connection: Connection, text: FullText, question: Question, attempt: Attempt, page: Page) -> list[Ranked]:
    """Return the hits of a page and the one behind it, if there is one: first what is called by its name."""
    wanted = page.limit + 1
    named: list[int] = []
    if attempt.named:
        named = list(connection.execute(text.in_order(attempt.named, _MOST_NAMED, 0, -1)).scalars())
    behind = None if page.after is None else _now(connection, text, question, attempt, page.after)
    if behind is None or behind.score == math.inf:
        first = [number for number in named if behind is None or number > behind.number]
        behind = None
    else:
        first = []
    found = [Ranked(number, math.inf) for number in first[page.offset : page.offset + wanted]]
    rest, begin = wanted - len(found), max(0, page.offset - len(first))
    if rest and question.words:
        found += text.ranked(connection, attempt.expression, question.words, named, rest, begin, behind)
    elif rest:
        start = -1 if behind is None else behind.number
        numbers = connection.execute(text.in_order(attempt.expression, rest, begin, start)).scalars()
        found += [Ranked(number, 0.0) for number in numbers]
    return found


def _now(connection: Connection, text: FullText, question: Question, attempt: Attempt, place: Place) -> Ranked:
    """Return where a hit stands now; where it stood, if it is none any more."""
    is_it = [document.c[name] == value for name, value in zip(Place._fields[2:], place[2:], strict=True)]
    called = text.matching(text.has_name(name_folded(place.identifier)), _MOST_NAMED)
    number = connection.scalar(select(document.c.id).where(document.c.id.in_(called), *is_it))
    if place.score is None:
        return Ranked(place.number if number is None else number, math.inf)
    if number is None or not question.words:
        return Ranked(place.number if number is None else number, place.score)
    score = text.score(connection, attempt.expression, question.words, number)
    return Ranked(number, place.score if score is None else score)


def _is_name(value: object) -> bool:
    """Whether it is a text that a database takes."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
