"""The tables of what the service keeps: tokens, embargoes, and what changed in catalogs.

They say what the newest schema is; `migrations/` makes it, step by step, and a test keeps the two equal. Moments are
seconds since 1970 in UTC.
"""

from pathlib import Path

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table, Text

from brainio.catalogs.backends.sql.schema import Schema

metadata = MetaData()

# One row, `access_control`, whose text is another after every change of tokens or embargoes.
state = Table(
    "brainio_service_state",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", String(32), nullable=False),
)

tokens = Table(
    "brainio_service_tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),  # SHA-256 of the token, in hexadecimal digits
    Column("scopes", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("expires", BigInteger),  # NULL: never
    Column("last_used", BigInteger),
    Column("revoked", BigInteger),
)

embargoes = Table(
    "brainio_service_embargoes",
    metadata,
    Column("catalog", Text, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("identifier", Text, primary_key=True),
    Column("until", String(10), nullable=False),  # the last day, as ISO 8601 writes it
    Column("note", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)

histories = Table(
    "brainio_service_histories",
    metadata,
    Column("catalog", Text, primary_key=True),
    Column("epoch", String(32), nullable=False),
    Column("number", Integer, nullable=False),
)

changes = Table(
    "brainio_service_changes",
    metadata,
    Column("catalog", Text, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("identifier", Text, primary_key=True),
    Column("digest", String(32), nullable=False),  # empty: it was removed
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Index("brainio_service_changes_last", "catalog", "last"),
)

SCHEMA = Schema(
    ("0001",), "brainio_service_version", metadata, Path(__file__).parent / "migrations", "brainio service upgrade"
)
