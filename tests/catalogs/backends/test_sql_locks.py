"""Waiting for database locks: errors name the holder, and only holders that make progress are waited for."""

import logging
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from brainio import locks
from brainio.catalogs import append_rows
from brainio.catalogs.backends import backend_of
from brainio.catalogs.backends.sql import server_locks
from brainio.catalogs.backends.sql.location import parse_database_location
from brainio.catalogs.backends.sql.tables import lock_catalog
from brainio.errors import LockHeldError
from tests.catalogs.rows import row
from tests.reliability.processes import join, start

PATIENT = 3.0  # seconds; many processes on a busy machine make progress more slowly
FREE = 60.0  # seconds for a process to start


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_timeouts(monkeypatch.setattr)


def shorten_timeouts(set_attribute: Callable[[Any, str, float], object] = setattr) -> None:
    set_attribute(locks, "STALLED", 1.5)
    set_attribute(locks, "_LOG_AFTER", 0.2)
    set_attribute(server_locks, "_LOOK_AFTER", 0.1)
    set_attribute(server_locks, "_LOOK_EVERY", 0.1)


def identifiers(url: str) -> list[str]:
    text = backend_of(f"{url}#lab").read_current()
    assert text is not None
    return [line.partition(",")[0] for line in text.splitlines()[1:]]


def append(url: str) -> None:
    append_rows(f"{url}#lab", [row("lab.B")])


def wait_for(path: Path) -> None:
    end = time.monotonic() + FREE
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def hold_catalog(url: str, folder: Path) -> None:
    """Begin to change a catalog, and stop when a file appears."""
    with lock_catalog(parse_database_location(f"{url}#lab")) as catalog:
        (folder / "holding").touch()
        wait_for(folder / "end")
        catalog.record_change()


def read_without_end(path: Path, folder: Path, statement: str) -> None:
    """Use an SQLite file like another program until a file appears."""
    connection = sqlite3.connect(path, isolation_level=None)
    for part in statement.split(";"):
        connection.execute(part).fetchone()
    (folder / "holding").touch()
    wait_for(folder / "end")
    connection.close()


@contextmanager
def process_that_holds(work: Callable[..., object], *arguments: Any) -> Iterator[BaseProcess]:
    """Start a process and wait until it holds a lock. Kill it at the end."""
    process, folder = (
        start(work, *arguments),
        next(argument for argument in arguments if isinstance(argument, Path) and argument.is_dir()),
    )
    try:
        wait_for(folder / "holding")
        yield process
        (folder / "end").touch()
        assert join([process]) == [0]
    finally:
        process.kill()


@pytest.fixture
def url(database: str) -> str:
    """The URL of a database with one catalog of one entry."""
    append_rows(f"{database}#lab", [row("lab.A")])
    return database


@pytest.fixture
def flow_url(flow_database: str) -> str:
    """Same as `url`, in the default tier only of an SQLite database."""
    append_rows(f"{flow_database}#lab", [row("lab.A")])
    return flow_database


@contextmanager
def stopped(process: BaseProcess) -> Iterator[None]:
    assert process.pid
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def test_a_writer_stopped_in_its_transaction_is_an_error_that_names_it(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with process_that_holds(hold_catalog, url, tmp_path) as process:
        with stopped(process), caplog.at_level(logging.WARNING, "brainio.locks"):
            with pytest.raises(LockHeldError) as caught:
                append(url)
            assert identifiers(url) == ["lab.A"]
        for message in (str(caught.value), caplog.text):
            assert f"pid {process.pid}" in message
            assert os.uname().nodename in message
            assert "since 20" in message
        assert "was not written" in str(caught.value)
        assert ("is stopped" if url.startswith("sqlite") else "idle in transaction") in str(caught.value)
        assert "waiting for the lock" in caplog.text
    append(url)
    assert identifiers(url) == ["lab.A", "lab.B"]


def test_all_processes_that_wait_for_a_stopped_writer_get_the_error(url: str, tmp_path: Path) -> None:
    with process_that_holds(hold_catalog, url, tmp_path) as process, stopped(process):
        waiting = [start(append_in_vain, url, number) for number in range(4)]
        assert join(waiting) == [0] * 4
    assert identifiers(url) == ["lab.A"]


def append_in_vain(url: str, number: int) -> None:
    shorten_timeouts()
    with pytest.raises(LockHeldError):
        append_rows(f"{url}#lab", [row(f"lab.B{number}")])


def test_the_lock_of_a_killed_writer_is_released_at_once(url: str, tmp_path: Path) -> None:
    process = start(hold_catalog, url, tmp_path)
    wait_for(tmp_path / "holding")
    process.kill()
    process.join()
    append(url)
    assert identifiers(url) == ["lab.A", "lab.B"]


def test_writers_that_make_progress_are_waited_for_beyond_the_timeout(flow_url: str) -> None:
    begin = time.monotonic()
    processes = [start(append_slowly, flow_url, number) for number in range(16)]
    assert join(processes) == [0] * 16
    assert time.monotonic() - begin > 1.3 * PATIENT
    assert set(identifiers(flow_url)) == {"lab.A", *(f"lab.B{number}" for number in range(16))}


def append_slowly(url: str, number: int) -> None:
    shorten_timeouts()
    locks.STALLED = PATIENT
    place = parse_database_location(f"{url}#lab")
    with lock_catalog(place):
        time.sleep(0.3)
    append_rows(place.catalog_url, [row(f"lab.B{number}")])


def test_a_holder_that_executes_a_long_statement_makes_progress(flow_url: str, tmp_path: Path) -> None:
    with process_that_holds(count_for_long, flow_url, tmp_path, 1.5 * locks.STALLED):
        append(flow_url)
        (tmp_path / "appended").touch()
    assert identifiers(flow_url) == ["lab.A", "lab.B"]


def count_for_long(url: str, folder: Path, seconds: float) -> None:
    """Change a catalog with one statement that takes some seconds."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT count(*) FROM n"
    place = parse_database_location(f"{url}#lab")
    with lock_catalog(place) as catalog:
        (folder / "holding").touch()
        begin, most = time.monotonic(), 100_000
        while time.monotonic() - begin < seconds:
            begin = time.monotonic()
            most *= 2
            catalog.connection.exec_driver_sql(numbers % most)
        catalog.record_change()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An SQLite file with one catalog of one entry."""
    append_rows(f"sqlite:///{tmp_path / 'lab.db'}#lab", [row("lab.A")])
    return tmp_path / "lab.db"


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system does not tell who holds locks")
@pytest.mark.parametrize("action", ["written", "read"])
def test_an_error_names_the_program_that_locks_an_sqlite_file(file: Path, tmp_path: Path, action: str) -> None:
    lock = "BEGIN IMMEDIATE" if action == "written" else "BEGIN EXCLUSIVE"
    with process_that_holds(read_without_end, file, tmp_path, lock) as process, stopped(process):
        with pytest.raises(LockHeldError) as caught:
            append(f"sqlite:///{file}") if action == "written" else identifiers(f"sqlite:///{file}")
        message = str(caught.value)
        assert f"was not {action}: pid {process.pid} (" in message
        assert f"holds the lock of SQLite on {file}" in message
        assert f"is stopped, and may continue later. Continue it (kill -CONT {process.pid})" in message


def test_a_change_is_committed_when_the_last_other_reader_of_an_sqlite_file_ends(file: Path, tmp_path: Path) -> None:
    with process_that_holds(read_without_end, file, tmp_path, "BEGIN;SELECT * FROM brainio_rows"):
        writer = start(append_rows, f"sqlite:///{file}#lab", [row("lab.B")])
        time.sleep(1)
        assert writer.is_alive()
    assert join([writer]) == [0]
    assert identifiers(f"sqlite:///{file}") == ["lab.A", "lab.B"]


def test_an_endless_reader_is_an_error_for_a_writer_and_nothing_changes(file: Path, tmp_path: Path) -> None:
    with process_that_holds(read_without_end, file, tmp_path, "BEGIN;SELECT * FROM brainio_rows"):
        with pytest.raises(LockHeldError, match="was not written"):
            append(f"sqlite:///{file}")
        assert identifiers(f"sqlite:///{file}") == ["lab.A"]


def test_a_locked_table_is_an_error_that_names_the_client(postgres: Any) -> None:
    url = postgres.create_database()
    append_rows(f"{url}#lab", [row("lab.A")])
    with psycopg.connect(url, application_name="a migration") as other:
        other.execute("LOCK TABLE brainio_rows")
        for action, work in (("written", append), ("read", identifiers)):
            with pytest.raises(LockHeldError) as caught:
                work(url)
            message = str(caught.value)
            assert f"was not {action}: server process {other.info.backend_pid} (a migration, user lab" in message
            assert f"SELECT pg_terminate_backend({other.info.backend_pid})" in message
    append(url)
    assert identifiers(url) == ["lab.A", "lab.B"]
    postgres.close_connections()
