"""From a question to the documents that answer it, and how well each does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from brainio.index.words import name_folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from brainio.index.fulltext import Numbers
    from brainio.index.questions import Question
    from brainio.index.store import Index

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
    listed = allowed if question.old else allowed & known.listed
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
