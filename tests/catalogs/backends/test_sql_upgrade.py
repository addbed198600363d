"""The schema of a database is created and upgraded once, and the schema of another release is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from brainio.catalogs import CatalogSource, add_catalog, append_rows
from brainio.catalogs.backends.sql import schema
from brainio.catalogs.backends.sql.connections import changing, reading
from brainio.catalogs.backends.sql.location import parse_database_location
from brainio.catalogs.backends.sql.schema import REVISIONS, VERSION_TABLE, Schema, metadata
from brainio.catalogs.registry import source_from
from brainio.errors import CatalogError
from tests.catalogs.rows import row
from tests.cli.command import brainio
from tests.reliability.processes import join, start

LATER = """
from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"

def upgrade():
    op.add_column("brainio_rows", sa.Column("added", sa.Text))
    op.execute("UPDATE brainio_rows SET added = identifier")
    {more}
"""


def stamp(database: str, revision: str) -> None:
    with changing(parse_database_location(database)) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"))


def test_migrations_create_exactly_the_tables_of_the_program(database: str) -> None:
    assert schema.upgrade(parse_database_location(database)) == (None, REVISIONS[-1])
    assert schema.upgrade(parse_database_location(database)) == (REVISIONS[-1], REVISIONS[-1])
    with reading(parse_database_location(database)) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, VERSION_TABLE}


def test_every_revision_of_the_program_has_a_migration() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS


def test_other_tables_of_the_database_are_unchanged(database: str) -> None:
    with changing(parse_database_location(database)) as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('of somebody else')"))
    append_rows(database, [row("lab.A")])
    with reading(parse_database_location(database)) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "of somebody else"


def test_a_database_of_a_newer_schema_is_refused_and_unchanged(database: str) -> None:
    append_rows(database, [row("lab.A")])
    stamp(database, "9999")
    message = r"has the newer schema 9999.*Install a newer release of brainio-data"
    for act in (
        add_catalog,
        lambda url: append_rows(url, [row("lab.B")]),
        lambda url: schema.upgrade(parse_database_location(url)),
    ):
        with pytest.raises(CatalogError, match=message):
            act(database)
    done = brainio("catalog", "upgrade", database)
    assert (done.returncode, "newer schema 9999" in done.stderr) == (7, True)
    stamp(database, REVISIONS[-1])
    assert rows_of(source_from(database)) == ["lab.A"]


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the migrations of the next release, with one more revision."""
    folder = tmp_path / "versions"
    folder.mkdir()
    for path in schema.CATALOGS.versions.glob("*.py"):
        (folder / path.name).write_text(path.read_text())
    (folder / "v0002_later.py").write_text(LATER.format(more=""))
    monkeypatch.setattr(schema, "CATALOGS", replace(schema.CATALOGS, versions=folder))
    return folder


def release(*revisions: str) -> Schema:
    """The schema of a release with some revisions."""
    return replace(schema.CATALOGS, revisions=revisions)


def test_an_older_schema_is_refused_until_it_is_upgraded_and_nothing_is_lost(
    database: str, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_rows(database, [row("lab.A")])
    monkeypatch.setattr(schema, "CATALOGS", release("0001", "0002"))
    for act in (add_catalog, lambda url: append_rows(url, [row("lab.B")])):
        with pytest.raises(CatalogError, match=r"older schema 0001.*uses 0002.*brainio catalog upgrade"):
            act(database)
    assert schema.upgrade(parse_database_location(database)) == ("0001", "0002")
    with reading(parse_database_location(database)) as connection:
        assert connection.scalars(text("SELECT added FROM brainio_rows")).all() == ["lab.A"]
    append_rows(database, [row("lab.B")])
    assert rows_of(source_from(database)) == ["lab.A", "lab.B"]


def test_a_failed_migration_leaves_the_database_unchanged(
    database: str, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_rows(database, [row("lab.A")])
    (later / "v0002_later.py").write_text(LATER.format(more='op.execute("SELECT * FROM no_such_table")'))
    monkeypatch.setattr(schema, "CATALOGS", release("0001", "0002"))
    with pytest.raises(CatalogError, match="no_such_table"):
        schema.upgrade(parse_database_location(database))
    monkeypatch.setattr(schema, "CATALOGS", release("0001"))
    with reading(parse_database_location(database)) as connection:
        assert "added" not in {column["name"] for column in inspect(connection).get_columns("brainio_rows")}
    assert rows_of(source_from(database)) == ["lab.A"]


def rows_of(catalog: CatalogSource) -> list[str]:
    found = catalog.backend.read_current()
    assert found is not None
    return [line.partition(",")[0] for line in found.splitlines()[1:]]


def _upgrade(location: str) -> None:
    schema.upgrade(parse_database_location(location))


def test_concurrent_upgrades_run_once(database: str) -> None:
    assert join([start(_upgrade, database) for _ in range(4)]) == [0] * 4


def test_the_upgrade_command_reports_its_result(database: str) -> None:
    first, second = (brainio("catalog", "upgrade", database) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert f"the schema was missing and is now {REVISIONS[-1]}" in first.stderr
    assert f"the schema was {REVISIONS[-1]} and is now {REVISIONS[-1]}" in second.stderr
