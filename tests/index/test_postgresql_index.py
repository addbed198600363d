"""An index in PostgreSQL is built once for all processes, complete, up to date, and rebuilt if damaged."""

import multiprocessing
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

import brainio
from brainio import locks
from brainio.catalogs.backends.sql.connections import server_engine
from brainio.errors import IndexUnavailableError, ServiceError
from brainio.index import freshness, postgresql_index, schema, search_among
from brainio.index.index_store import OpenIndexes
from brainio.index.postgresql_index import PREFIX, PostgresIndexStore
from tests.index.lab import Lab
from tests.postgres import PASSWORD, Postgres
from tests.reliability.processes import join, start

NAMES = frozenset({"lab"})


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database."""
    yield postgres.create_database()
    postgres.close_connections()


def found(indexes: OpenIndexes, words: str = "") -> list[str]:
    return sorted(hit.identifier for hit in search_among(NAMES, words, {}, limit=1000, indexes=indexes))


def execute(url: str, *statements: str) -> list[str]:
    """Run statements in a separate connection, and return the first column of the last result."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for statement in statements:
            result = connection.execute(text(statement))
        rows = [row[0] for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def schemas(url: str) -> list[str]:
    return execute(url, f"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{PREFIX}') ORDER BY 1")


def test_later_searches_reuse_an_existing_index(lab: Lab, url: str) -> None:
    lab.add("lab.Doe2026")
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]
    before = execute(url, "SELECT oid FROM pg_class WHERE relname = 'words'")
    assert found(OpenIndexes(PostgresIndexStore(url)), "doe2026") == ["lab.Doe2026"]
    assert execute(url, "SELECT oid FROM pg_class WHERE relname = 'words'") == before


def test_machines_with_different_file_times_use_one_index(lab: Lab, url: str) -> None:
    lab.add("lab.Doe2026", card=lab.card({"lookup_type": "assembly", "identifier": "lab.Doe2026", "regions": ["V4"]}))
    indexes = OpenIndexes(PostgresIndexStore(url))
    assert found(indexes, "V4") == ["lab.Doe2026"]
    lab.write()
    lab.card({"lookup_type": "assembly", "identifier": "lab.Doe2026", "regions": ["V4"]})
    assert found(indexes, "V4") == ["lab.Doe2026"]
    assert len(schemas(url)) == 1


def test_the_next_search_sees_changed_rows_publications_and_cards(lab: Lab, url: str) -> None:
    indexes, other = OpenIndexes(PostgresIndexStore(url)), OpenIndexes(PostgresIndexStore(url))
    card = {"lookup_type": "assembly", "identifier": "lab.Doe0", "regions": ["V4"]}
    lab.add("lab.Doe0", publication="doe", card=lab.card(card))
    for number in range(1, 4):
        lab.add(f"lab.Doe{number}")
        assert len(found(indexes)) == len(found(other)) == number + 1
    assert found(indexes, "unicorns") == found(indexes, "hippocampus") == []
    lab.publish("doe", title="Responses to unicorns")
    assert found(indexes, "unicorns") == found(other, "unicorns") == ["lab.Doe0"]
    lab.card(card | {"regions": ["hippocampus"]})
    assert found(indexes, "hippocampus") == found(other, "hippocampus") == ["lab.Doe0"]


def _drop_table(url: str, name: str) -> None:
    execute(url, f'DROP TABLE "{name}".words')


def _drop_source(url: str, name: str) -> None:
    execute(url, f'DROP TABLE "{name}".source')


def _drop_schema(url: str, name: str) -> None:
    execute(url, f'DROP SCHEMA "{name}" CASCADE')


def _rename_column(url: str, name: str) -> None:
    execute(url, f'ALTER TABLE "{name}".document RENAME COLUMN title TO heading')


def _delete_sources(url: str, name: str) -> None:
    execute(url, f'DELETE FROM "{name}".source')


@pytest.mark.parametrize("damage", [_drop_table, _drop_source, _drop_schema, _rename_column, _delete_sources])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_damaged_index_is_rebuilt_without_an_error(
    damage: Callable[[str, str], None], is_open: bool, lab: Lab, url: str
) -> None:
    lab.add("lab.Doe2026")
    indexes = OpenIndexes(PostgresIndexStore(url))
    assert found(indexes) == ["lab.Doe2026"]
    (name,) = schemas(url)
    damage(url, name)
    assert found(indexes if is_open else OpenIndexes(PostgresIndexStore(url)), "doe2026") == ["lab.Doe2026"]
    assert schemas(url) == [name]


def test_an_index_of_another_version_is_not_opened(lab: Lab, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.add("lab.Doe2026")
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]
    monkeypatch.setattr(freshness, "VERSION", schema.VERSION + 1)
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]
    assert len(schemas(url)) == 2


def test_an_unreachable_server_is_an_error_without_secrets_until_it_is_back(lab: Lab, own_postgres: Postgres) -> None:
    lab.add("lab.Doe2026")
    url = own_postgres.create_database()
    indexes = OpenIndexes(PostgresIndexStore(url))
    assert found(indexes) == ["lab.Doe2026"]
    own_postgres.stop()
    for stopped in (indexes, OpenIndexes(PostgresIndexStore(url))):
        with pytest.raises(IndexUnavailableError, match=r"does not respond.*try again") as away:
            found(stopped)
        assert f"127.0.0.1:{own_postgres.port}/lab_" in str(away.value)
        assert PASSWORD not in str(away.value)
        assert "se%20cret" not in str(away.value)
        assert away.value.__cause__ is None
    own_postgres.start()
    assert found(indexes) == found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]


def test_a_role_that_may_not_create_schemas_gets_an_error(lab: Lab, postgres: Postgres, url: str) -> None:
    reader = f"reader_{secrets.token_hex(4)}"  # roles belong to the whole server
    execute(url, f"CREATE ROLE {reader} LOGIN PASSWORD 'x'")
    try:
        weak = make_url(url).set(username=reader, password="x").render_as_string(hide_password=False)
        with pytest.raises(IndexUnavailableError, match=r"permission denied.*you may create schemas in it"):
            found(OpenIndexes(PostgresIndexStore(weak)))
    finally:
        postgres.close_connections()
        execute(url, f"DROP ROLE {reader}")


def test_an_invalid_database_url_is_an_error_without_secrets() -> None:
    with pytest.raises(ServiceError, match=r"is not a URL of a PostgreSQL database") as refused:
        PostgresIndexStore("postgresql://me:hunter2@db:five/neuro")
    assert "hunter2" not in str(refused.value)


def test_searches_use_the_old_index_while_another_process_builds_the_new_one(lab: Lab, url: str) -> None:
    lab.add("lab.Doe2026")
    indexes = OpenIndexes(PostgresIndexStore(url))
    assert found(indexes) == ["lab.Doe2026"]
    lab.add("lab.Roe2026")
    number = int(freshness.catalogs_key(NAMES)[:15], 16)
    with server_engine(url).begin() as connection:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({number})"))
        assert found(indexes) == ["lab.Doe2026"]
        assert len(schemas(url)) == 1
    assert found(indexes) == ["lab.Doe2026", "lab.Roe2026"]


def test_background_checks_use_the_old_index_until_the_new_one_is_ready(lab: Lab, url: str) -> None:
    lab.add("lab.Doe2026")
    indexes = OpenIndexes(PostgresIndexStore(url), fresh_seconds=0.05)
    assert found(indexes) == ["lab.Doe2026"]
    lab.add("lab.Roe2026")
    end = time.monotonic() + 60
    while (now := found(indexes)) == ["lab.Doe2026"] and time.monotonic() < end:
        time.sleep(0.02)
    assert now == ["lab.Doe2026", "lab.Roe2026"]


def _record_builds_and_search(url: str, notes: Path) -> None:
    write = PostgresIndexStore._write

    def write_and_record(*given: Any) -> None:
        (notes / f"{os.getpid()}").touch()
        write(*given)

    setattr(PostgresIndexStore, "_write", write_and_record)  # noqa: B010
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]


def test_only_one_of_4_processes_builds_a_missing_index(lab: Lab, url: str, tmp_path: Path) -> None:
    lab.add("lab.Doe2026")
    notes = tmp_path / "notes"
    notes.mkdir()
    assert join([start(_record_builds_and_search, url, notes) for _ in range(4)]) == [0] * 4
    assert len(list(notes.iterdir())) == len(schemas(url)) == 1


def _build_forever(url: str, ready: Path) -> None:
    def never(*_: object) -> None:
        ready.touch()
        time.sleep(600)

    setattr(postgresql_index, "write_dependencies", never)  # noqa: B010
    found(OpenIndexes(PostgresIndexStore(url)))


def test_a_killed_index_build_leaves_no_trace(lab: Lab, url: str, tmp_path: Path) -> None:
    lab.add("lab.Doe2026")
    ready = tmp_path / "ready"
    killed = multiprocessing.get_context("spawn").Process(target=_build_forever, args=(url, ready))
    killed.start()
    while not ready.exists():
        time.sleep(0.05)
    assert schemas(url) == []
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]
    assert len(schemas(url)) == 1


def test_a_stopped_index_builder_is_an_error_that_names_its_process(
    lab: Lab, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "STALLED", 1.0)
    lab.add("lab.Doe2026")
    ready = tmp_path / "ready"
    builder = start(_build_forever, url, ready)
    while not ready.exists():
        time.sleep(0.05)
    with pytest.raises(IndexUnavailableError, match=f"brainio pid {builder.pid} on .*made no progress for 1 s"):
        found(OpenIndexes(PostgresIndexStore(url)))
    builder.kill()
    builder.join()
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]


def test_building_an_index_removes_unused_ones(lab: Lab, url: str) -> None:
    indexes = OpenIndexes(PostgresIndexStore(url))
    lab.add("lab.Doe2026")
    assert len(found(indexes)) == 1
    (old,) = schemas(url)
    lab.add("lab.Roe2026")
    assert len(found(indexes)) == 2
    assert len(schemas(url)) == 2
    age = time.time() - postgresql_index._UNUSED_STATE - 1
    execute(url, f"""UPDATE "{old}".source SET state = '{age}' WHERE kind = 'used'""")
    search_among({"brainio_demo"}, "", {}, indexes=indexes)
    assert old in schemas(url)  # an index of other catalogs stays for a month
    lab.add("lab.Poe2026")
    assert len(found(indexes)) == 3
    assert old not in schemas(url)
    assert len(schemas(url)) == 3


def test_threads_search_one_index_while_the_catalog_changes(lab: Lab, url: str) -> None:
    indexes = OpenIndexes(PostgresIndexStore(url), fresh_seconds=0.05)
    lab.add("lab.Doe2026")
    failures: list[BaseException] = []

    def search() -> None:
        most = 0
        try:
            for _ in range(30):
                total = len(found(indexes))
                assert total >= most
                most = total
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(6)]
    for thread in threads:
        thread.start()
    for number in range(5):
        lab.add(f"lab.Roe{number}")
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    "text_query",
    [
        "macaque",
        "macaque V4 images",
        "human",
        "natural images unicorns",
        "dicarlo objects 2015",
        "auditory",
        "V4 objects",
    ],
)
def test_both_databases_rank_and_score_alike(text_query: str, url: str) -> None:
    sqlite = brainio.search(text_query, limit=1000)
    postgresql = search_among(None, text_query, {}, limit=1000, indexes=OpenIndexes(PostgresIndexStore(url)))
    assert [hit.load for hit in postgresql] == [hit.load for hit in sqlite]
    if sqlite.has_all_words:
        assert [hit.score for hit in postgresql] == pytest.approx([hit.score for hit in sqlite])
    assert postgresql.facets == sqlite.facets
