"""Open indexes: the facets and the scored postings of an index, each read once for many threads.

The scores are BM25F: Robertson, Zaragoza and Taylor 2004, Simple BM25 extension to multiple weighted fields,
doi:10.1145/1031171.1031181. The weights of a word in all field groups of a document are added before they saturate. As
in Lucene, the logarithm of the inverse document frequency has a 1 added, so that a word of most documents still counts.
Ranking documents for several words is up to `brainio.index.ranking`.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from brainio.forks import guard
from brainio.index.facets import FacetIndex
from brainio.index.schema import FIELD_WEIGHTS, read_packed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    from brainio.index.freshness import Dependency
    from brainio.index.schema import FullText, IntArray

_SATURATION, _LENGTH_NORMALIZATION = 1.2, 0.75  # k1 and b of BM25
_MAX_CACHED = 4_000_000  # documents in cached postings, of 8 bytes each
Result = TypeVar("Result")


class Index(ABC):
    """An open index, which many threads may query.

    Attributes
    ----------
    name : str
        The name by which its store opens it; empty if it is in memory.
    text : FullText
        The full text of its database.
    dependencies : list of Dependency
        The catalogs and sidecars from which it was built.
    """

    name: str
    text: FullText
    dependencies: list[Dependency]

    def __init__(self) -> None:
        self._facets: FacetIndex | None = None
        self._lengths: IntArray | None = None
        self._postings: LRUCache[str, Postings] = LRUCache(
            _MAX_CACHED, getsizeof=lambda postings: len(postings.numbers) + 1
        )
        self._postings_lock = guard(threading.RLock(), "cached postings")

    def facets(self, connection: Connection) -> FacetIndex:
        """Return the facet values, which are read once."""
        if self._facets is None:
            self._facets = FacetIndex(connection)
        return self._facets

    def postings(self, connection: Connection, word: str) -> Postings:
        """Return the documents that contain a word of a query, and its score in each."""
        with self._postings_lock:
            if (cached := self._postings.get(word)) is not None:
                return cached
        postings = _score_postings(self.text.postings(connection, word), self._read_lengths(connection))
        with self._postings_lock, suppress(ValueError):  # postings that exceed the whole cache
            self._postings[word] = postings
        return postings

    def _read_lengths(self, connection: Connection) -> IntArray:
        if self._lengths is None:
            (self._lengths,) = read_packed(connection, "length")
        return self._lengths

    @abstractmethod
    def run(self, function: Callable[[Connection], Result]) -> Result:
        """Call a function with a connection and return its result; raise DatabaseError if the index is damaged."""

    @abstractmethod
    def close(self) -> None:
        """Close its connections."""

    @abstractmethod
    def discard(self) -> None:
        """Close and remove the damaged index."""


class Postings(NamedTuple):
    """The documents that contain a word, shape (n,) in ascending order, and the score of the word in each."""

    numbers: IntArray
    scores: npt.NDArray[np.float32]


def _score_postings(groups: Sequence[IntArray], lengths: IntArray) -> Postings:
    """Return the BM25F scores of a word in the documents that contain it.

    Parameters
    ----------
    groups : sequence of array
        For each group of `FIELD_WEIGHTS`, the documents that contain the word in this group.
    lengths : array, shape (documents,)
        The number of words of each document.

    Examples
    --------
    >>> none = np.array([], np.int32)
    >>> in_name, in_title = np.array([2], np.int32), np.array([0, 2], np.int32)
    >>> _score_postings([in_name, in_title, none, none], np.array([8, 8, 8, 8], np.int32))
    Postings(numbers=array([0, 2], dtype=int32), scores=array([1.1730183, 1.4045352], dtype=float32))
    """
    contains = np.zeros(len(lengths), bool)
    for numbers in groups:
        contains[numbers] = True
    documents = np.flatnonzero(contains).astype(np.int32)
    all_weights = np.empty(len(lengths), np.float32)  # most of it is never touched
    all_weights[documents] = 0
    for weight, numbers in zip(FIELD_WEIGHTS.values(), groups, strict=True):
        all_weights[numbers] += weight
    weights = all_weights[documents]
    if not len(documents):
        return Postings(documents, weights)
    rarity = math.log1p((len(lengths) - len(documents) + 0.5) / (len(documents) + 0.5))
    relative_lengths = lengths[documents] / lengths.mean()
    norms = _SATURATION * (1 - _LENGTH_NORMALIZATION + _LENGTH_NORMALIZATION * relative_lengths)
    return Postings(documents, (rarity * weights * (_SATURATION + 1) / (weights + norms)).astype(np.float32))
