"""A worker process builds indexes of many entries. If it fails, the calling process builds the index itself."""

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
    """A lab with so many entries that a worker process builds its index."""
    lab.add("lab.Name0")
    lab.rows = [lab.rows[0] | {"identifier": f"lab.Name{number}", "sha1": f"{number:040x}"} for number in range(MANY)]
    lab.write()
    return lab


@pytest.fixture(params=["sqlite", "postgresql"])
def worker_indexes(request: pytest.FixtureRequest) -> Iterator[OpenIndexes]:
    """Indexes in files and in PostgreSQL that a worker process builds."""
    if request.param == "sqlite":
        yield OpenIndexes(WorkerIndexStore(""))
        return
    yield OpenIndexes(WorkerIndexStore(request.getfixturevalue("index_database")))
    request.getfixturevalue("postgres").close_connections()


def worker_pids(parent: int | None) -> list[int]:
    """Return the process ids of the index workers of one process, or of all."""
    selection = ["-e"] if parent is None else ["--ppid", str(parent)]
    found = subprocess.run(["ps", "-ww", "-o", "pid=,args=", *selection], capture_output=True, text=True)
    return [int(line.split()[0]) for line in found.stdout.splitlines() if MODULE in line]


@contextmanager
def build_lock_held() -> Iterator[None]:
    """Hold the lock for building the index, so that its builder waits."""
    folder = home_folder() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lock = acquire(folder, catalogs_key(NAMES))
    assert lock is not None
    try:
        yield
    finally:
        lock.release()


def wait_for_worker(parent: int | None = None) -> int:
    """Wait for the worker process of this process, or of another, and return its process id."""
    end = time.monotonic() + 60
    while not (found := worker_pids(parent or os.getpid())):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found[0]


def test_a_worker_process_builds_the_same_index(large_lab: Lab, worker_indexes: OpenIndexes) -> None:
    seen: list[int] = []
    watching = threading.Thread(target=lambda: seen.append(wait_for_worker()))
    watching.start()
    found = search_among(NAMES, "name77 neuroid", {}, indexes=worker_indexes)
    watching.join()
    here = search_among(NAMES, "name77 neuroid", {})
    assert seen
    assert (found.record(), found.total) == (here.record(), 11)
    large_lab.add("lab.New")
    assert [hit.identifier for hit in search_among(NAMES, "new", {}, indexes=worker_indexes)] == ["lab.New"]


def test_few_entries_start_no_worker_process(lab: Lab, worker_indexes: OpenIndexes) -> None:
    lab.add("lab.One")
    stop = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        while not stop.is_set():
            seen.extend(worker_pids(os.getpid()))

    watching = threading.Thread(target=watch)
    watching.start()
    assert search_among(NAMES, "one", {}, indexes=worker_indexes).total == 1
    stop.set()
    watching.join()
    assert not seen


def test_the_index_is_built_even_if_the_worker_process_is_killed(large_lab: Lab) -> None:
    answers: list[int] = []
    indexes = OpenIndexes(WorkerIndexStore(""))
    searching = threading.Thread(target=lambda: answers.append(search_among(NAMES, "", {}, indexes=indexes).total))
    with build_lock_held():
        searching.start()
        os.kill(wait_for_worker(), signal.SIGKILL)
    searching.join()
    assert answers == [MANY]


SEARCH_SCRIPT = """
from brainio.index import search_among
from brainio.index.worker import WorkerIndexStore
from brainio.index.index_store import OpenIndexes
search_among(frozenset({"lab"}), "", {}, indexes=OpenIndexes(WorkerIndexStore("")))
"""


def test_the_worker_process_ends_with_its_parent(large_lab: Lab) -> None:
    with build_lock_held(), subprocess.Popen([sys.executable, "-c", SEARCH_SCRIPT]) as searching:
        worker = wait_for_worker(searching.pid)
        searching.kill()
        end = time.monotonic() + 60
        while worker in worker_pids(None):
            assert time.monotonic() < end
            time.sleep(0.01)
    assert brainio.search(catalog="lab").total == MANY


def test_a_worker_process_needs_no_writable_home(large_lab: Lab, tmp_path: Path) -> None:
    home = home_folder()
    home.mkdir(parents=True, exist_ok=True)
    (home / FOLDER).write_text("in the way")
    assert search_among(NAMES, "", {}, indexes=OpenIndexes(WorkerIndexStore(""))).total == MANY
