"""The first schema: catalogs, their rows, their publications and cards."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_COLUMNS = (
    *("identifier", "lookup_type", "class", "location_type", "location", "sha1", "stimulus_set_identifier"),
    *("version_id", "sha256", "size", "mirrors", "aliases", "version", "status", "successor", "publication"),
    *("license", "card"),
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "brainio_catalogs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("form", sa.JSON, nullable=False),
        sa.Column("publications_form", sa.JSON),
    )
    op.create_table(
        "brainio_rows",
        *_key(sa.Column("position", sa.Integer, primary_key=True, autoincrement=False)),
        *(sa.Column(name, sa.Text, nullable=False) for name in _COLUMNS),
        sa.Column("further", sa.JSON),
    )
    op.create_index("brainio_rows_of_entry", "brainio_rows", ["catalog", "identifier"])
    op.create_table(
        "brainio_publications",
        *_key(sa.Column("position", sa.Integer, primary_key=True, autoincrement=False)),
        sa.Column("cells", sa.JSON, nullable=False),
    )
    op.create_table(
        "brainio_cards",
        *_key(sa.Column("place", sa.String(500), primary_key=True)),
        sa.Column("body", sa.Text, nullable=False),
    )


def _key(within: "sa.Column[int] | sa.Column[str]") -> "tuple[sa.Column[int], sa.Column[int] | sa.Column[str]]":
    belongs = sa.ForeignKey("brainio_catalogs.id", ondelete="CASCADE")
    return sa.Column("catalog", sa.Integer, belongs, primary_key=True), within
