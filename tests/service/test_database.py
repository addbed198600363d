"""The database of the service: creating and upgrading its tables, transactions, and errors without passwords."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import HTTPException
from sqlalchemy import text

from brainio.catalogs import Entry, add_catalog, append_rows, resolve
from brainio.catalogs.backends.sql import schema
from brainio.errors import DatabaseAwayError, ServiceError
from brainio.service import database as database_module
from brainio.service.access import AccessControl, Credential
from brainio.service.database import SCHEMA, Database
from brainio.service.embargoes import lift_embargo, list_embargoes, set_embargo, today
from brainio.service.settings import read_settings
from brainio.service.tokens import create_token, list_tokens, revoke_token
from tests.catalogs.rows import row
from tests.cli.command import brainio as command
from tests.reliability.processes import join, start

LATER = """
from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"

def upgrade():
    op.add_column("brainio_service_tokens", sa.Column("owner", sa.Text))
"""


def test_migrations_create_the_tables_of_the_program(database: str) -> None:
    store = Database(database)
    with store.read_transaction() as connection:
        options = {"version_table": SCHEMA.version_table, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, SCHEMA.metadata) == []
    assert store.upgrade() == (SCHEMA.revisions[-1], SCHEMA.revisions[-1])


def test_every_revision_of_the_program_has_a_migration() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS), version_locations=[str(SCHEMA.versions)])
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == SCHEMA.revisions


def test_an_older_schema_is_refused_until_an_upgrade_which_keeps_all_rows(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, _ = create_token(Database(database), ["lab:read"], "")
    folder = tmp_path / "versions"
    folder.mkdir()
    for path in SCHEMA.versions.glob("*.py"):
        (folder / path.name).write_text(path.read_text())
    (folder / "v0002_later.py").write_text(LATER)
    later = replace(SCHEMA, versions=folder, revisions=("0001", "0002"))
    monkeypatch.setattr(database_module, "SCHEMA", later)
    with pytest.raises(ServiceError, match=r"older schema 0001.*backup.*brainio service upgrade"):
        list_tokens(Database(database))
    assert Database(database).upgrade() == ("0001", "0002")
    assert list_tokens(Database(database)) == [record]


def test_catalogs_and_the_service_can_share_a_database(database: str) -> None:
    record, _ = create_token(Database(database), ["lab:read"], "")
    append_rows(f"{database}#lab", [row("lab.A")])
    add_catalog(f"{database}#lab")
    assert resolve("assembly", "lab.A").catalog == "lab"
    assert list_tokens(Database(database)) == [record]


def _create_token(url: str) -> None:
    create_token(Database(url), ["lab:read"], "")


def test_a_refresh_reads_changes_of_tokens_and_embargoes_and_stores_the_last_use(database: str) -> None:
    store, key = Database(database), ("lab", "assembly", "lab.A")
    entry = Entry("lab", "assembly", "lab.A", ())
    access = AccessControl(read_settings(None, refresh_seconds=0.01), Database(database))
    record, token = create_token(store, ["lab:read"], "")
    access.refresh()
    credential = Credential(token, "Bearer")
    assert access.authenticate(credential, "").access.reads == {"lab"}
    access.refresh()
    assert list_tokens(store)[0].last_used is not None
    set_embargo(store, key, today(), "review")
    set_embargo(store, key, today() + timedelta(1))
    access.refresh()
    assert access.embargoes.until(entry) == today() + timedelta(1)
    lift_embargo(store, key)
    with pytest.raises(ServiceError, match="is not under embargo"):
        lift_embargo(store, key)
    revoke_token(store, record.id)
    access.refresh()
    assert (access.embargoes.withholds(entry), list_embargoes(store)) == (False, [])
    with pytest.raises(HTTPException, match="401"):
        access.authenticate(credential, "")


def test_processes_that_start_together_create_the_tables_once(database: str) -> None:
    assert join([start(_create_token, database) for _ in range(4)]) == [0] * 4
    assert len(list_tokens(Database(database))) == 4


@pytest.mark.parametrize("url", ["mysql://me:hunter2@host/db", "postgresql://me:hunter2@host", "service.sqlite"])
def test_the_error_about_an_unsupported_database_contains_no_password(url: str) -> None:
    with pytest.raises(ServiceError, match="expected sqlite:") as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)
    done = command("serve", "--port", "0", BRAINIO_SERVE_DATABASE=url)
    assert (done.returncode, "hunter2" in done.stderr) == (1, False)


def test_the_error_about_an_unreachable_server_contains_no_password() -> None:
    with pytest.raises(
        DatabaseAwayError, match=r"the database postgresql://127.0.0.1:9/db could not be read"
    ) as caught:
        list_tokens(Database("postgresql://me:hunter2@127.0.0.1:9/db"))
    assert "hunter2" not in str(caught.value)


def test_a_failed_transaction_leaves_no_rows(database: str) -> None:
    store = Database(database)

    def insert_and_fail() -> None:
        with store.write_transaction() as connection:
            connection.execute(text("INSERT INTO brainio_service_state VALUES ('rights', 'x')"))
            connection.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(DatabaseAwayError, match="no_such_table"):
        insert_and_fail()
    with store.read_transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM brainio_service_state")) == 0
