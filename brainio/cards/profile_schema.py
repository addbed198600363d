"""The tables of a profile. No name that data bring is a name in the database: columns are numbered.

Whatever changes here, or in what is computed, needs another `VERSION`: a profile of another version is not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.types import TypeEngine

VERSION = 1
MADE = "made"  # the time of change that the file was given, in ns
COUNT = "count"  # of stimuli
CARD = "card"  # the fields of a card that are computed from the data
COLUMNS = "columns"  # of the table of stimuli: name and kind of each
LOOKED_AT = "looked_at"  # of so many stimuli, from the first, thumbnails were made

metadata = MetaData()

about = Table("about", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

thumbnail = Table(
    "thumbnail",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),  # empty: there is no picture, and the note says why
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("note", Text, nullable=False),
)

response = Table(
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
_MOST_INDEXED = 64  # columns: others are looked through


class StimulusColumn(NamedTuple):
    """A column of the table of stimuli; `kind` says how its values are kept and compared."""

    name: str
    kind: Kind


def stimulus_table(columns: Sequence[StimulusColumn]) -> Table:
    """Return the table of stimuli: `number` (from 0), `thumbnail` (which one), and `c0`, `c1`, ... for the columns."""
    own = [Column(f"c{place}", _TYPES[column.kind]) for place, column in enumerate(columns)]
    indexes = [Index(f"by_{column.name}", column) for column in own[:_MOST_INDEXED]]
    number = Column("number", Integer, primary_key=True, autoincrement=False)
    return Table("stimulus", MetaData(), number, Column("thumbnail", Integer), *own, *indexes)
