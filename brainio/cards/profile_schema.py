"""The SQL schema of a profile. Names from the data are never names in the database: columns are numbered.

Increase `VERSION` with every change of the schema or of the computed values: profiles of other versions are ignored.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, insert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection
    from sqlalchemy.types import TypeEngine

VERSION = 1

# Names in the table `about`
MTIME = "made"  # the mtime in ns that the builder gave the file
STIMULUS_COUNT = "count"
STATISTICS = "card"  # the computed fields of a card
COLUMNS = "columns"  # name and kind of each column of the stimulus table
THUMBNAIL_COUNT = "looked_at"  # the number of stimuli, from the first, whose thumbnails were rendered

metadata = MetaData()

properties_table = Table(
    "about", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False)
)

thumbnail_table = Table(
    "thumbnail",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),  # empty if there is no picture; the note states the reason
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("note", Text, nullable=False),
)

response_table = Table(
    "response",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("stimulus_id", Text, nullable=False, index=True),
    Column("presentations", Integer, nullable=False),
    Column("mean", Float),
    Column("rank", Integer, index=True),  # 1 is the strongest
)

Kind = Literal["text", "integer", "number"]
_TYPES: dict[Kind, type[TypeEngine[Any]]] = {"text": Text, "integer": BigInteger, "number": Float}
_MAX_INDEXED = 64  # columns; filters of others scan the table
_BATCH_ROWS = 2000


class StimulusColumn(NamedTuple):
    """A column of the stimulus table; `kind` determines how its values are stored and compared."""

    name: str
    kind: Kind


def define_stimulus_table(columns: Sequence[StimulusColumn]) -> Table:
    """Return the stimulus table: `number` (from 0), `thumbnail` (its id), and `c0`, `c1`, ... for the columns."""
    own = [Column(f"c{position}", _TYPES[column.kind]) for position, column in enumerate(columns)]
    indexes = [Index(f"by_{column.name}", column) for column in own[:_MAX_INDEXED]]
    number = Column("number", Integer, primary_key=True, autoincrement=False)
    return Table("stimulus", MetaData(), number, Column("thumbnail", Integer), *own, *indexes)


def insert_rows(connection: Connection, table: Table, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert rows in batches of tuples, several times faster than mappings, which SQLAlchemy inspects one by one."""
    statement = str(insert(table).compile(dialect=connection.dialect))
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH_ROWS)):
        connection.exec_driver_sql(statement, batch)


def to_stored_text(text: str) -> str:
    """Return a text in the form in which profiles store it: encodable as UTF-8, without NUL, which SQLite truncates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
