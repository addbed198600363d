"""What an index in PostgreSQL promises: one for all that ask, whole, up to date, and as good as none when damaged."""

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
from tests.reliability.crowd import join, start

NAMES = frozenset({"lab"})


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database."""
    yield postgres.create_database()
    postgres.close_connections()


def found(indexes: OpenIndexes, words: str = "") -> list[str]:
    return sorted(hit.identifier for hit in search_among(NAMES, words, {}, limit=1000, indexes=indexes))


def execute(url: str, *statements: str) -> list[str]:
    """Run statements in a connection of their own, and return the first column of what the last one gives."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for statement in statements:
            result = connection.execute(text(statement))
        rows = [row[0] for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def schemas(url: str) -> list[str]:
    return execute(url, f"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{PREFIX}') ORDER BY 1")


def test_an_index_is_made_once_and_used_by_all_that_follow(lab: Lab, url: str) -> None:
    lab.add("lab.Doe2026")
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]
    before = execute(url, "SELECT oid FROM pg_class WHERE relname = 'words'")
    assert found(OpenIndexes(PostgresIndexStore(url)), "doe2026") == ["lab.Doe2026"]
    assert execute(url, "SELECT oid FROM pg_class WHERE relname = 'words'") == before


def test_a_machine_whose_files_have_other_times_uses_the_same_index(lab: Lab, url: str) -> None:
    lab.add("lab.Doe2026", card=lab.card({"lookup_type": "assembly", "identifier": "lab.Doe2026", "regions": ["V4"]}))
    indexes = OpenIndexes(PostgresIndexStore(url))
    assert found(indexes, "V4") == ["lab.Doe2026"]
    lab.write()
    lab.card({"lookup_type": "assembly", "identifier": "lab.Doe2026", "regions": ["V4"]})
    assert found(indexes, "V4") == ["lab.Doe2026"]
    assert len(schemas(url)) == 1


def test_what_changes_is_seen_at_the_next_search(lab: Lab, url: str) -> None:
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


def _of_another_make(url: str, name: str) -> None:
    execute(url, f'ALTER TABLE "{name}".document RENAME COLUMN title TO heading')


def _without_its_end(url: str, name: str) -> None:
    execute(url, f'DELETE FROM "{name}".source')


@pytest.mark.parametrize("damage", [_drop_table, _drop_source, _drop_schema, _of_another_make, _without_its_end])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_damaged_index_is_made_again_and_never_an_error(
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


def test_a_server_that_is_away_is_an_error_without_secrets_and_serves_again(lab: Lab, own_postgres: Postgres) -> None:
    lab.add("lab.Doe2026")
    url = own_postgres.create_database()
    indexes = OpenIndexes(PostgresIndexStore(url))
    assert found(indexes) == ["lab.Doe2026"]
    own_postgres.stop()
    for one in (indexes, OpenIndexes(PostgresIndexStore(url))):
        with pytest.raises(IndexUnavailableError, match=r"does not respond.*try again") as away:
            found(one)
        assert f"127.0.0.1:{own_postgres.port}/lab_" in str(away.value)
        assert PASSWORD not in str(away.value)
        assert "se%20cret" not in str(away.value)
        assert away.value.__cause__ is None
    own_postgres.start()
    assert found(indexes) == found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]


def test_whoever_may_make_no_schema_is_told_so(lab: Lab, postgres: Postgres, url: str) -> None:
    reader = f"reader_{secrets.token_hex(4)}"  # roles belong to the whole server
    execute(url, f"CREATE ROLE {reader} LOGIN PASSWORD 'x'")
    try:
        weak = make_url(url).set(username=reader, password="x").render_as_string(hide_password=False)
        with pytest.raises(IndexUnavailableError, match=r"permission denied.*you may create schemas in it"):
            found(OpenIndexes(PostgresIndexStore(weak)))
    finally:
        postgres.close_connections()
        execute(url, f"DROP ROLE {reader}")


def test_what_is_no_url_of_a_database_is_told_without_secrets() -> None:
    with pytest.raises(ServiceError, match=r"is not a URL of a PostgreSQL database") as refused:
        PostgresIndexStore("postgresql://me:hunter2@db:five/neuro")
    assert "hunter2" not in str(refused.value)


def test_whoever_has_the_one_before_goes_on_with_it_while_another_process_makes_it(lab: Lab, url: str) -> None:
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


def test_checks_that_nobody_waits_for_give_what_was_until_the_new_one_is_there(lab: Lab, url: str) -> None:
    lab.add("lab.Doe2026")
    indexes = OpenIndexes(PostgresIndexStore(url), fresh_seconds=0.05)
    assert found(indexes) == ["lab.Doe2026"]
    lab.add("lab.Roe2026")
    end = time.monotonic() + 60
    while (now := found(indexes)) == ["lab.Doe2026"] and time.monotonic() < end:
        time.sleep(0.02)
    assert now == ["lab.Doe2026", "lab.Roe2026"]


def _search_in_vain(url: str, notes: Path) -> None:
    made = PostgresIndexStore._write

    def noted(*given: Any) -> None:
        (notes / f"{os.getpid()}").touch()
        made(*given)

    setattr(PostgresIndexStore, "_write", noted)  # noqa: B010
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]


def test_of_4_processes_that_need_an_index_one_makes_it(lab: Lab, url: str, tmp_path: Path) -> None:
    lab.add("lab.Doe2026")
    notes = tmp_path / "notes"
    notes.mkdir()
    assert join([start(_search_in_vain, url, notes) for _ in range(4)]) == [0] * 4
    assert len(list(notes.iterdir())) == len(schemas(url)) == 1


def _make_slowly(url: str, ready: Path) -> None:
    def never(*_: object) -> None:
        ready.touch()
        time.sleep(600)

    setattr(postgresql_index, "write_dependencies", never)  # noqa: B010
    found(OpenIndexes(PostgresIndexStore(url)))


def test_an_index_whose_making_is_killed_harms_nobody(lab: Lab, url: str, tmp_path: Path) -> None:
    lab.add("lab.Doe2026")
    ready = tmp_path / "ready"
    killed = multiprocessing.get_context("spawn").Process(target=_make_slowly, args=(url, ready))
    killed.start()
    while not ready.exists():
        time.sleep(0.05)
    assert schemas(url) == []
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]
    assert len(schemas(url)) == 1


def test_a_stopped_maker_of_an_index_is_an_error_that_names_it(
    lab: Lab, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "STALLED", 1.0)
    lab.add("lab.Doe2026")
    ready = tmp_path / "ready"
    maker = start(_make_slowly, url, ready)
    while not ready.exists():
        time.sleep(0.05)
    with pytest.raises(IndexUnavailableError, match=f"brainio pid {maker.pid} on .*made no progress for 1 s"):
        found(OpenIndexes(PostgresIndexStore(url)))
    maker.kill()
    maker.join()
    assert found(OpenIndexes(PostgresIndexStore(url))) == ["lab.Doe2026"]


def test_indexes_that_nobody_uses_any_more_are_removed_when_another_is_made(lab: Lab, url: str) -> None:
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
    assert old in schemas(url)  # of other catalogs: that one stays for a month
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
    "question",
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
def test_both_databases_give_one_order_and_scores(question: str, url: str) -> None:
    here = brainio.search(question, limit=1000)
    there = search_among(None, question, {}, limit=1000, indexes=OpenIndexes(PostgresIndexStore(url)))
    assert [hit.load for hit in there] == [hit.load for hit in here]
    if here.has_all_words:
        assert [hit.score for hit in there] == pytest.approx([hit.score for hit in here])
    assert there.facets == here.facets
