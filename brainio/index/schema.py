"""The schema of an index: its tables, packed arrays of numbers, and the interface to full text.

The tables work in every database that SQLAlchemy supports; the full text is FTS5 in SQLite and tsvector in PostgreSQL.
Words come normalized from `brainio.index.vocabulary`, and `brainio.index.ranking` scores them, so that a query has the
same results in every database. A change of the schema needs a new `VERSION`: an index of another version is rebuilt.
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

# The dependencies of the index: catalogs, and the files and folders next to them, each with its state.
source = Table(
    "source",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("problem", Text, nullable=False),  # why a catalog was left out, or empty
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

# Arrays of numbers of all documents, such as the number of words of each.
packed = Table(
    "packed",
    metadata,
    Column("name", Text, primary_key=True),
    Column("numbers", LargeBinary, nullable=False),
)


_STORED = np.dtype("<i4")


def write_packed(connection: Connection, named: Mapping[str, npt.ArrayLike]) -> None:
    """Write arrays of numbers under their names."""
    rows = [{"name": name, "numbers": np.asarray(numbers, _STORED).tobytes()} for name, numbers in named.items()]
    connection.execute(insert(packed), rows)


def read_packed(connection: Connection, *names: str) -> list[IntArray]:
    """Return the arrays with these names."""
    rows = connection.execute(select(packed.c.name, packed.c.numbers).where(packed.c.name.in_(names)))
    arrays = {name: np.frombuffer(numbers, _STORED).astype(np.int32) for name, numbers in rows}
    return [arrays[name] for name in names]


IntArray = npt.NDArray[np.int32]
"""Numbers of documents or facet values, shape (n,)."""
FIELD_WEIGHTS = {"names": 10.0, "titles": 4.0, "people": 3.0, "about": 2.0}
"""The groups of fields that a query searches, with the weight of a word in each."""


class FullText(Protocol):
    """The words and identifiers of documents in one kind of database: how to write and query them."""

    def create(self, connection: Connection) -> Table:
        """Create the empty table of words."""

    def finish(self, connection: Connection) -> None:
        """Finish the table after all rows were inserted."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows with the fastest method of the database."""

    def row(self, number: int, groups: Sequence[str], names: Sequence[str]) -> tuple[object, ...]:
        """Return the row of a document in the table of words.

        Parameters
        ----------
        number : int
            The number of the document.
        groups : sequence of str
            Its words, separated by spaces, one text for each group of `FIELD_WEIGHTS`.
        names : sequence of str
            Its identifier and aliases, each normalized to one word.
        """

    def postings(self, connection: Connection, word: str) -> list[IntArray]:
        """Return the documents that contain a word, or a longer word with this prefix, for each group."""

    def find_by_name(self, connection: Connection, name: str, limit: int) -> IntArray:
        """Return the first `limit` documents with a normalized identifier or alias, in ascending order."""


def numbers_in(text: str | None) -> IntArray:
    """Parse numbers separated by commas, which databases return as one value.

    Examples
    --------
    >>> numbers_in("3,1,2").tolist(), numbers_in(None).tolist()
    ([3, 1, 2], [])
    """
    return np.fromstring(text or "", dtype=np.int32, sep=",")
