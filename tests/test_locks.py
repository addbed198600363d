"""Locks between processes: waits end, errors name the holder, and a process that may still write keeps its lock."""

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brainio import locks
from brainio.catalogs import append_rows
from brainio.errors import CatalogError, LockHeldError
from brainio.processes import ProcessIdentity, owner_of, remove_leftovers, this_process

COLUMNS = ("identifier", "lookup_type", "class", "location_type", "location", "sha1", "stimulus_set_identifier")

Starter = Callable[..., "subprocess.Popen[str]"]


def row(identifier: str) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") | {
        "identifier": identifier,
        "lookup_type": "assembly",
        "class": "NeuroidAssembly",
        "location_type": "S3",
        "location": "s3://lab/a.nc",
    }


def identifiers(catalog: Path) -> list[str]:
    return [line.split(",")[0] for line in catalog.read_text().splitlines()[1:]]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "c.csv"
    append_rows(path, [row("first")])
    return path


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "STALLED", 0.5)
    monkeypatch.setattr(locks, "_LOG_AFTER", 0.2)


def refuse_flock(*_: object) -> None:
    raise OSError(38, "Function not implemented")


@pytest.fixture(params=["flock", "no flock"])
def flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the file system has locks."""
    if request.param == "no flock":
        monkeypatch.setattr("fcntl.flock", refuse_flock)
    return bool(request.param == "flock")


@pytest.fixture
def writer(catalog: Path, flock: bool) -> Iterator[Starter]:
    """Start a process that writes the catalog, and pauses while writing until it reads a line of input."""
    started = []

    def start() -> "subprocess.Popen[str]":
        program = f"""
            import fcntl, sys
            from pathlib import Path
            from brainio.catalogs import append_rows
            from brainio.catalogs.backends import csv_file
            from tests.test_locks import refuse_flock, row
            if not {flock}:
                fcntl.flock = refuse_flock
            checked = csv_file._is_unchanged
            def is_unchanged(*args):
                print("writing", flush=True)
                sys.stdin.readline()
                return checked(*args)
            csv_file._is_unchanged = is_unchanged
            append_rows(Path({str(catalog)!r}), [row("other")])
        """
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", textwrap.dedent(program)]
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def resume(process: "subprocess.Popen[str]") -> None:
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


@pytest.mark.usefixtures("short_timeouts")
def test_a_stopped_writer_is_an_error_that_names_it_and_its_lock(catalog: Path, writer: Starter) -> None:
    process = writer()
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(LockHeldError) as caught:
        append_rows(catalog, [row("second")])
    for text in (f"pid {process.pid}", os.uname().nodename, "since 20", "is stopped", f"kill -CONT {process.pid}"):
        assert text in str(caught.value)
    assert f"{catalog.parent}/.c.csv.lock" in str(caught.value)
    process.send_signal(signal.SIGCONT)
    resume(process)
    append_rows(catalog, [row("second")])
    assert identifiers(catalog) == ["first", "other", "second"]


def test_the_lock_of_a_killed_writer_is_acquired_at_once(catalog: Path, writer: Starter) -> None:
    process = writer()
    process.kill()
    process.wait()
    start = time.monotonic()
    append_rows(catalog, [row("second")])
    assert time.monotonic() - start < 5
    assert identifiers(catalog) == ["first", "second"]
    assert [path.name for path in catalog.parent.iterdir() if "part" in path.name or "held" in path.name] == []


@pytest.mark.usefixtures("short_timeouts")
def test_a_writer_that_resumes_after_its_lock_was_deleted_overwrites_no_row(catalog: Path, writer: Starter) -> None:
    process = writer()
    process.send_signal(signal.SIGSTOP)
    for path in catalog.parent.glob(".c.csv.lock*"):  # as the error suggests
        path.unlink()
    append_rows(catalog, [row("second")])
    process.send_signal(signal.SIGCONT)
    resume(process)
    assert sorted(identifiers(catalog)) == ["first", "other", "second"]


@pytest.mark.usefixtures("short_timeouts")
def test_a_wait_is_logged_with_the_holder_and_lasts_while_it_makes_progress(
    catalog: Path, writer: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    process = writer()
    beat = "import sys, time, pathlib\nfor n in range(15): time.sleep(0.1); pathlib.Path(sys.argv[1]).touch()"
    heartbeat = subprocess.Popen([sys.executable, "-c", beat, str(catalog.parent / ".c.csv.heartbeat")])
    with caplog.at_level(logging.WARNING, "brainio.locks"), pytest.raises(LockHeldError):
        append_rows(catalog, [row("second")])
    heartbeat.wait()
    assert f"pid {process.pid}" in caplog.text
    assert "waiting for the lock" in caplog.text


@pytest.mark.usefixtures("short_timeouts")
@pytest.mark.parametrize("form", ["record", "filelock"])
def test_a_lock_of_another_machine_is_an_error_that_names_it(catalog: Path, flock: bool, form: str) -> None:
    elsewhere = {"host": "far", "machine": "0", "boot": "1", "namespace": "2", "acquired": 1.0}
    text = json.dumps(this_process().record | elsewhere) if form == "record" else "123\nfar\n"
    name = ".c.csv.lock" if flock or form == "filelock" else ".c.csv.lock.held"
    (catalog.parent / name).write_text(text)
    with pytest.raises(LockHeldError, match=r"on far since .*\.c\.csv\.lock.*Check that machine"):
        append_rows(catalog, [row("second")])
    assert identifiers(catalog) == ["first"]


def test_a_lock_from_before_the_last_boot_is_replaced(catalog: Path, flock: bool) -> None:
    record = this_process().record | {"boot": "12345678", "acquired": 1.0}
    (catalog.parent / (".c.csv.lock" if flock else ".c.csv.lock.held")).write_text(json.dumps(record))
    append_rows(catalog, [row("second")])
    assert identifiers(catalog) == ["first", "second"]


@pytest.mark.usefixtures("flock")
def test_locks_are_released_and_their_files_removed(catalog: Path) -> None:
    append_rows(catalog, [row("second")])
    assert not {path.name for path in catalog.parent.glob(".*")} - {".c.csv.lock"}
    assert not (catalog.parent / ".c.csv.lock").exists() or not (catalog.parent / ".c.csv.lock").read_bytes()


@pytest.mark.parametrize("have_flock", [True, False])
def test_processes_that_append_at_once_lose_no_row(catalog: Path, have_flock: bool) -> None:
    program = f"""
        import fcntl, sys
        from tests.test_locks import append_rows, refuse_flock, row
        if not {have_flock}:
            fcntl.flock = refuse_flock
        for number in range(5):
            append_rows({str(catalog)!r}, [row(sys.argv[1] + str(number))])
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    processes = [subprocess.Popen([*command, name]) for name in "abcd"]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert sorted(identifiers(catalog)) == sorted(["first", *(f"{name}{n}" for name in "abcd" for n in range(5))])


def test_a_forked_child_neither_holds_nor_releases_a_lock_of_its_parent(tmp_path: Path) -> None:
    lock = locks.acquire(tmp_path, "work")
    assert lock is not None
    child = os.fork()
    if not child:
        lock.release()
        try:
            locks.try_acquire(tmp_path, "work")
        except BlockingIOError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert lock.is_held()
    lock.release()
    assert not lock.path.exists()


@pytest.mark.usefixtures("short_timeouts")
def test_cache_work_continues_next_to_a_stalled_holder_that_keeps_its_lock(tmp_path: Path) -> None:
    first = locks.acquire(tmp_path, "work")
    second = locks.acquire(tmp_path, "work")
    assert first is not None
    assert second is not None
    assert first.is_held()
    assert second.path.name == "work.2.lock"


def test_only_leftovers_of_dead_processes_are_removed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from brainio.processes import this_process as p; print(p().tag)"],
        capture_output=True,
        text=True,
        check=True,
    )
    dead, here = done.stdout.strip(), this_process()
    elsewhere = ProcessIdentity(here.pid, here.started, "far", "0", "1", "2").tag
    for tag in (dead, here.tag, elsewhere, "1234"):
        (tmp_path / f".a.csv.{tag}-0123456789abcdef.part").touch()
    assert owner_of(tmp_path / f".a.csv.{here.tag}-01.part") == ProcessIdentity.from_tag(here.tag)
    assert [path.name for path in remove_leftovers(tmp_path, ".a.csv.*")] == [f".a.csv.{dead}-0123456789abcdef.part"]


def test_a_constantly_changing_catalog_is_an_error(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainio.catalogs.backends.csv_file._is_unchanged", lambda *_: False)
    with pytest.raises(CatalogError, match="was changed by others at each of 5 attempts"):
        append_rows(catalog, [row("second")])
    assert identifiers(catalog) == ["first"]
