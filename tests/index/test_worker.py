"""Indexes of many entries are made by a process of its own; whatever happens to that, there is an index."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import brainio
from brainio.index import search_among
from brainio.index.freshness import catalogs_key
from brainio.index.index_store import OpenIndexes
from brainio.index.sqlite_index import FOLDER
from brainio.index.worker import WorkerIndexStore
from brainio.local_files import home_folder
from brainio.locks import acquire
from tests.index.lab import Lab

MANY = 5_100
NAMES = frozenset({"lab"})
MODULE = "brainio.worker_process index"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def large_lab(lab: Lab) -> Lab:
    """A lab whose index is not made in passing."""
    lab.add("lab.Name0")
    lab.rows = [lab.rows[0] | {"identifier": f"lab.Name{number}", "sha1": f"{number:040x}"} for number in range(MANY)]
    lab.write()
    return lab


@pytest.fixture(params=["sqlite", "postgresql"])
def apart(request: pytest.FixtureRequest) -> Iterator[OpenIndexes]:
    """Indexes in files and in PostgreSQL, made apart."""
    if request.param == "sqlite":
        yield OpenIndexes(WorkerIndexStore(""))
        return
    yield OpenIndexes(WorkerIndexStore(request.getfixturevalue("index_database")))
    request.getfixturevalue("postgres").close_connections()


def makers(parent: int | None) -> list[int]:
    """Return the processes that a process, or any, has make indexes."""
    which = ["-e"] if parent is None else ["--ppid", str(parent)]
    found = subprocess.run(["ps", "-ww", "-o", "pid=,args=", *which], capture_output=True, text=True)
    return [int(line.split()[0]) for line in found.stdout.splitlines() if MODULE in line]


@contextmanager
def nobody_else_makes_it() -> Iterator[None]:
    """Have whoever wants to make the index in a file wait."""
    folder = home_folder() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lock = acquire(folder, catalogs_key(NAMES))
    assert lock is not None
    try:
        yield
    finally:
        lock.release()


def the_maker(parent: int | None = None) -> int:
    """Wait for the process that makes an index for this process, or for another."""
    end = time.monotonic() + 60
    while not (found := makers(parent or os.getpid())):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found[0]


def test_what_is_made_apart_is_what_is_made_here(large_lab: Lab, apart: OpenIndexes) -> None:
    seen: list[int] = []
    watching = threading.Thread(target=lambda: seen.append(the_maker()))
    watching.start()
    found = search_among(NAMES, "name77 neuroid", {}, indexes=apart)
    watching.join()
    here = search_among(NAMES, "name77 neuroid", {})
    assert seen
    assert (found.record(), found.total) == (here.record(), 11)
    large_lab.add("lab.New")
    assert [hit.identifier for hit in search_among(NAMES, "new", {}, indexes=apart)] == ["lab.New"]


def test_few_entries_start_no_process(lab: Lab, apart: OpenIndexes) -> None:
    lab.add("lab.One")
    stop = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        while not stop.is_set():
            seen.extend(makers(os.getpid()))

    watching = threading.Thread(target=watch)
    watching.start()
    assert search_among(NAMES, "one", {}, indexes=apart).total == 1
    stop.set()
    watching.join()
    assert not seen


def test_where_the_process_is_killed_the_index_is_made_all_the_same(large_lab: Lab) -> None:
    answers: list[int] = []
    indexes = OpenIndexes(WorkerIndexStore(""))
    asking = threading.Thread(target=lambda: answers.append(search_among(NAMES, "", {}, indexes=indexes).total))
    with nobody_else_makes_it():
        asking.start()
        os.kill(the_maker(), signal.SIGKILL)
    asking.join()
    assert answers == [MANY]


ASKING = """
from brainio.index import search_among
from brainio.index.worker import WorkerIndexStore
from brainio.index.index_store import OpenIndexes
search_among(frozenset({"lab"}), "", {}, indexes=OpenIndexes(WorkerIndexStore("")))
"""


def test_the_process_ends_with_whoever_started_it(large_lab: Lab) -> None:
    with nobody_else_makes_it(), subprocess.Popen([sys.executable, "-c", ASKING]) as asking:
        maker = the_maker(asking.pid)
        asking.kill()
        end = time.monotonic() + 60
        while maker in makers(None):
            assert time.monotonic() < end
            time.sleep(0.01)
    assert brainio.search(catalog="lab").total == MANY


def test_where_nothing_can_be_written_it_is_made_in_memory(large_lab: Lab, tmp_path: Path) -> None:
    home = home_folder()
    home.mkdir(parents=True, exist_ok=True)
    (home / FOLDER).write_text("in the way")
    assert search_among(NAMES, "", {}, indexes=OpenIndexes(WorkerIndexStore(""))).total == MANY
