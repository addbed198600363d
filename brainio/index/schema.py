"""The tables of the index, for any database that SQLAlchemy knows; how text is searched there is told by `fulltext`.

Whatever changes here needs another `VERSION`: an index of another version is not opened, and never migrated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, insert, select

from brainio.index.documents import Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection


VERSION = 3

metadata = MetaData()

# What the index was made of: catalogs, and files and folders beside them, each in the state that it had.
source = Table(
    "source",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("problem", Text, nullable=False),  # why a catalog was left out; else empty
)

_NOT_TEXT: dict[str, Column[Any]] = {
    "is_current": Column("is_current", Boolean, nullable=False),
    "is_ambiguous": Column("is_ambiguous", Boolean, nullable=False),
    "year": Column("year", Integer),
    "has_repetitions": Column("has_repetitions", Boolean),
    "has_reliability": Column("has_reliability", Boolean),
}
document = Table(
    "document",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    *[_NOT_TEXT.get(name, Column(name, Text, nullable=False)) for name in Document._fields],
)

# A value of a facet, such as region V4.
label = Table(
    "label",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("facet", Text, nullable=False),
    Column("value", Text, nullable=False),
    Index("label_of_facet", "facet", "value", unique=True),
)

# Numbers of all documents, such as how many words each has; see `packed`.
packed = Table(
    "packed",
    metadata,
    Column("name", Text, primary_key=True),
    Column("numbers", LargeBinary, nullable=False),
)


_STORED = np.dtype("<i4")


def write_packed(connection: Connection, named: Mapping[str, npt.ArrayLike]) -> None:
    """Write numbers by name."""
    rows = [{"name": name, "numbers": np.asarray(numbers, _STORED).tobytes()} for name, numbers in named.items()]
    connection.execute(insert(packed), rows)


def read_packed(connection: Connection, *names: str) -> list[Numbers]:
    """Return the numbers of some names."""
    rows = connection.execute(select(packed.c.name, packed.c.numbers).where(packed.c.name.in_(names)))
    found = {name: np.frombuffer(numbers, _STORED).astype(np.int32) for name, numbers in rows}
    return [found[name] for name in names]


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
