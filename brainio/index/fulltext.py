"""What a database has to offer so that an index can live in it: the one thing that building and asking know of it.

`fts5` is that of SQLite, `tsvector` that of PostgreSQL. Words come folded from `brainio.index.words`, and what is found
is weighed by `brainio.index.scoring`, so that one question has one answer wherever it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

Numbers = npt.NDArray[np.int32]
"""Numbers of documents or labels, shape (n,)."""
GROUPS = {"names": 10.0, "titles": 4.0, "people": 3.0, "about": 2.0}
"""The groups of words that questions go to, with how much a word in each counts."""


class FullText(Protocol):
    """The words and names of documents in one database: how they are written, and how they are asked for."""

    def create(self, connection: Connection) -> Table:
        """Make the empty table of words."""

    def finish(self, connection: Connection) -> None:
        """Do what is best done once all rows are there."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows, as fast as the database can take them."""

    def row(self, number: int, groups: Sequence[str], called: Sequence[str]) -> tuple[object, ...]:
        """Return the row of a document in the table of words.

        Parameters
        ----------
        number : int
            Of the document.
        groups : sequence of str
            Its words, separated by spaces, one text for each of `GROUPS`.
        called : sequence of str
            Its identifier and aliases, each folded to one word.
        """

    def having(self, connection: Connection, word: str) -> list[Numbers]:
        """Return the documents that have a word of a question, which also begins longer words, for each of `GROUPS`."""

    def called(self, connection: Connection, folded: str, most: int) -> Numbers:
        """Return the documents that are called so, in their order, no more than so many."""


def numbers_in(text: str | None) -> Numbers:
    """Read numbers with commas between them, as databases give thousands in one value.

    Examples
    --------
    >>> numbers_in("3,1,2").tolist(), numbers_in(None).tolist()
    ([3, 1, 2], [])
    """
    return np.fromstring(text or "", dtype=np.int32, sep=",")
