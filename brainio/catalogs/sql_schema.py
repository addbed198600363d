"""The tables of catalogs that live in a database.

They say what the newest schema is; `migrations/` makes it, step by step, and a test keeps the two equal.
"""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

from brainio.catalogs.entries import OPTIONAL_COLUMNS, REQUIRED_COLUMNS

REVISIONS = ("0001",)
"""The schemas that there have been, the oldest first."""
VERSION_TABLE = "brainio_version"

metadata = MetaData()

# `form` is the header and the line ending of the CSV form; `state` is another text after every change.
catalogs = Table(
    "brainio_catalogs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("state", String(32), nullable=False),
    Column("form", JSON, nullable=False),
    Column("publications_form", JSON),  # NULL: no table of publications
)

FORMAT_COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)


def _belongs() -> Column[int]:
    return Column("catalog", ForeignKey(catalogs.c.id, ondelete="CASCADE"), primary_key=True)


def _position() -> Column[int]:
    return Column("position", Integer, primary_key=True, autoincrement=False)


# One row a file of an entry, as in the CSV form; cells of columns that the format does not know stand in `further`.
rows = Table(
    "brainio_rows",
    metadata,
    _belongs(),
    _position(),
    *(Column(name, Text, nullable=False) for name in FORMAT_COLUMNS),
    Column("further", JSON(none_as_null=True)),
    Index("brainio_rows_of_entry", "catalog", "identifier"),
)

publications = Table(
    "brainio_publications",
    metadata,
    _belongs(),
    _position(),
    Column("cells", JSON, nullable=False),
)

cards = Table(
    "brainio_cards",
    metadata,
    _belongs(),
    Column("place", String(500), primary_key=True),  # what the column `card` of the rows says
    Column("body", Text, nullable=False),
)
