"""How well a document answers: BM25F, by which of its groups have a word, its length, and how rare the word is.

Robertson, Zaragoza and Taylor 2004, Simple BM25 extension to multiple weighted fields, doi:10.1145/1031171.1031181:
what a word counts in all groups of a document is added before it saturates. As in Lucene, the logarithm of rarity has
a 1 added, so that a word which most documents have still counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from brainio.index.fulltext import GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainio.index.fulltext import Numbers

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
