"""The first schema: tokens, embargoes and the change log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "brainio_service_state",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("value", sa.String(32), nullable=False),
    )
    op.create_table(
        "brainio_service_tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
        sa.Column("last_used", sa.BigInteger),
        sa.Column("revoked", sa.BigInteger),
    )
    op.create_table(
        "brainio_service_embargoes",
        *_entry(),
        sa.Column("until", sa.String(10), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "brainio_service_histories",
        sa.Column("catalog", sa.Text, primary_key=True),
        sa.Column("epoch", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_table(
        "brainio_service_changes",
        *_entry(),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_index("brainio_service_changes_last", "brainio_service_changes", ["catalog", "last"])


def _entry() -> "list[sa.Column[str]]":
    types = {"catalog": sa.Text(), "kind": sa.String(20), "identifier": sa.Text()}
    return [sa.Column(name, kind, primary_key=True) for name, kind in types.items()]
