"""The tables of the index, for any database that SQLAlchemy knows; how text is searched there is told by `fulltext`.

Whatever changes here needs another `VERSION`: an index of another version is not opened, and never migrated.
"""

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text

from brainio.index.documents import Document

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
