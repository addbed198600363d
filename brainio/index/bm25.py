"""BM25F scores of the words of a query in the documents that contain them.

Robertson, Zaragoza and Taylor 2004, Simple BM25 extension to multiple weighted fields, doi:10.1145/1031171.1031181. The
weights of a word in all field groups of a document are added before they saturate. As in Lucene, the logarithm of the
inverse document frequency has a 1 added, so that a word of most documents still counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from brainio.index.schema import FIELD_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainio.index.schema import IntArray

_SATURATION, _LENGTH_NORMALIZATION = 1.2, 0.75  # k1 and b of BM25


class Postings(NamedTuple):
    """The documents that contain a word, shape (n,) in ascending order, and the score of the word in each."""

    numbers: IntArray
    scores: npt.NDArray[np.float32]


def score_postings(groups: Sequence[IntArray], lengths: IntArray) -> Postings:
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
    >>> score_postings([in_name, in_title, none, none], np.array([8, 8, 8, 8], np.int32))
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
