"""An index in SQLite is up to date at every search, complete for every process, and rebuilt if damaged."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

import brainio
from brainio.errors import CatalogWarning
from brainio.index import entry_search, freshness, schema, search_among, sqlite_index
from brainio.index.freshness import Names
from brainio.index.index_store import OpenIndexes
from brainio.index.open_index import Index
from brainio.local_files import home_folder
from tests.index.lab import Lab
from tests.reliability.processes import join, start
from tests.servers import HttpFolder


def index_files() -> list[Path]:
    return sorted((home_folder() / sqlite_index.FOLDER).glob(f"*{sqlite_index.SUFFIX}"))


def other_files() -> list[str]:
    """Return the names of other files in the folder of the indexes."""
    return sorted(
        path.name for path in (home_folder() / sqlite_index.FOLDER).iterdir() if path.suffix != sqlite_index.SUFFIX
    )


def found(text: str = "") -> list[str]:
    return [hit.identifier for hit in brainio.search(text, catalog="lab", limit=1000)]


def state_of(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_later_searches_reuse_an_existing_index(lab: Lab) -> None:
    lab.add("lab.Doe2026")
    assert found() == ["lab.Doe2026"]
    (path,) = index_files()
    before = state_of(path)
    entry_search._PROCESS_INDEXES.forget()
    assert found("doe2026") == ["lab.Doe2026"]
    assert index_files() == [path]
    assert state_of(path) == before
    assert other_files() == []


def test_a_replaced_index_is_closed(tmp_path: Path) -> None:
    program = """
import gc, os, shutil, brainio
gc.disable()
brainio.search("V1")
opened = len(os.listdir("/dev/fd"))
for _ in range(3):
    shutil.rmtree(os.path.join(os.environ["BRAINIO_HOME"], "index"))
    brainio.search("V1")
print(len(os.listdir("/dev/fd")) - opened)
"""
    environment = {**os.environ, "BRAINIO_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_the_next_search_sees_a_changed_catalog(lab: Lab) -> None:
    for number in range(5):
        lab.add(f"lab.Doe{number}")
        assert len(found()) == number + 1
    lab.rows.pop()
    lab.write()
    assert len(found()) == 4
    assert len(index_files()) == 1


def test_a_process_with_an_open_index_switches_to_one_that_another_process_built(lab: Lab) -> None:
    lab.add("lab.Doe2026")
    assert found() == ["lab.Doe2026"]
    lab.add("lab.Roe2026")
    script = "import brainio; print(len(brainio.search('', catalog='lab')))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "2\n"
    assert found() == ["lab.Doe2026", "lab.Roe2026"]


def test_an_open_index_serves_many_threads_after_its_file_was_replaced(lab: Lab) -> None:
    lab.add("lab.Doe2026")
    indexes = OpenIndexes(sqlite_index.SqliteIndexStore(), fresh_seconds=1000)
    assert search_among({"lab"}, "", {}, indexes=indexes).total == 1
    index = indexes._slots[frozenset({"lab"})].index
    lab.add("lab.Roe2026")
    assert search_among({"lab"}, "", {}).total == 2
    all_there = threading.Barrier(6)

    def work(connection: Connection, _: Index) -> int:
        all_there.wait(60)
        return int(connection.execute(text("SELECT count(*) FROM document")).scalar_one())

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: indexes.query(frozenset({"lab"}), work), range(6)))
    assert answers == [1] * 6
    assert indexes._slots[frozenset({"lab"})].index is index


def test_an_open_index_never_answers_from_its_replacement(lab: Lab) -> None:
    lab.publish("old", title="Macaque V4", authors="Doe, J.", year="2020")
    lab.add("lab.Doe2026", publication="old")
    indexes = OpenIndexes(sqlite_index.SqliteIndexStore(), fresh_seconds=1000)
    before = search_among(None, "macaque", {"catalog": "lab"}, indexes=indexes)
    lab.publish("new", title="Human V1", authors="Roe, R.", year="2001")
    lab.rows[0]["publication"] = "new"
    lab.write()
    assert brainio.search("human", catalog="lab").facets["year"] == {"2001": 1}
    slot = indexes._slots[None]
    assert slot.index is not None
    slot.index.close()  # as another thread could, so that the next query opens the file again
    after = search_among(None, "human", {"catalog": "lab"}, indexes=indexes)
    assert (before.facets["year"], after.facets["year"]) == ({"2020": 1}, {"2001": 1})


def test_two_homes_have_separate_indexes(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.add("lab.Doe2026")
    assert found() == ["lab.Doe2026"]
    (first,) = index_files()
    before = state_of(first)
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "other"))
    lab.add("lab.Roe2026")
    assert found() == ["lab.Doe2026", "lab.Roe2026"]
    assert state_of(first) == before
    assert index_files() != [first]


def test_other_active_catalogs_have_a_separate_index(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.add("lab.Doe2026")
    assert found() == ["lab.Doe2026"]
    other = Lab(tmp_path / "other", "other")
    other.add("other.Roe2026")
    setting = os.environ["BRAINIO_CATALOGS"]
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{setting},{other.catalog}")
    assert [hit.identifier for hit in brainio.search("Roe2026")] == ["other.Roe2026"]
    monkeypatch.setenv("BRAINIO_CATALOGS", setting)
    assert brainio.search("Roe2026").total == 0
    assert len(index_files()) == 2


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _make_empty(path: Path) -> None:
    path.write_bytes(b"")


def _write_text(path: Path) -> None:
    path.write_text("no database\n" * 1000)


def _flip_bytes(path: Path) -> None:
    with path.open("rb+") as file:
        for _ in range(200):
            file.seek(random.randrange(100, path.stat().st_size))
            file.write(os.urandom(1))


def _damage_and_keep_times(path: Path) -> None:
    """Damage the file without changing its times, like a bad disk."""
    status = path.stat()
    with path.open("rb+") as file:
        file.seek(4096)
        file.write(b"\xff" * (status.st_size - 4096))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _rename_column(path: Path) -> None:
    status = path.stat()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE document RENAME COLUMN title TO heading")
    connection.close()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "damage", [_truncate, _make_empty, _write_text, _flip_bytes, _damage_and_keep_times, _rename_column, _remove]
)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_damaged_index_is_rebuilt_without_an_error(damage: Callable[[Path], None], is_open: bool, lab: Lab) -> None:
    for number in range(3):
        lab.add(f"lab.Doe{number}")
    assert len(found()) == 3
    (path,) = index_files()
    if not is_open:
        entry_search._PROCESS_INDEXES.forget()
    damage(path)
    assert found() == ["lab.Doe0", "lab.Doe1", "lab.Doe2"]
    assert found("doe1") == ["lab.Doe1"]
    assert brainio.search("macaque V1 natural images").total == 2
    entry_search._PROCESS_INDEXES.forget()
    assert len(found()) == 3


def test_an_index_of_another_version_is_not_opened(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.add("lab.Doe2026")
    assert found() == ["lab.Doe2026"]
    monkeypatch.setattr(freshness, "VERSION", schema.VERSION + 1)
    assert found() == ["lab.Doe2026"]
    assert len(index_files()) == 2


def test_the_index_is_in_memory_if_the_home_is_not_writable(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.add("lab.Doe2026")
    (tmp_path / "file").write_text("in the way of a folder")
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "file"))
    assert found() == ["lab.Doe2026"]
    lab.add("lab.Roe2026")
    assert found() == ["lab.Doe2026", "lab.Roe2026"]
    assert found("roe2026") == ["lab.Roe2026"]
    assert (tmp_path / "file").read_text() == "in the way of a folder"


def test_an_index_in_a_read_only_home_is_used(lab: Lab, read_only_home: Path) -> None:
    script = (
        "import brainio; from brainio.index.entry_search import _PROCESS_INDEXES as indexes; "
        "brainio.search(''); print(indexes._slots[None].index.path)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(index_files()[0])
    lab.add("lab.Roe2026")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


@pytest.fixture
def read_only_home(lab: Lab, tmp_path: Path) -> Iterator[Path]:
    """A home with an index, on a file system that is mounted read-only."""
    lab.add("lab.Doe2026")
    assert found() == ["lab.Doe2026"]
    home = home_folder()
    mount = ["mount", "--bind", str(home), str(home)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("this test run may not mount a file system")
    subprocess.run(["mount", "-o", "remount,ro,bind", str(home)], check=True)
    try:
        yield home
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def test_search_works_on_a_full_disk(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(small)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("this test run may not mount a file system")
    try:
        lab.add("lab.Doe2026")
        monkeypatch.setenv("BRAINIO_HOME", str(small / "home"))
        assert found() == ["lab.Doe2026"]
        assert index_files() == other_files() == []
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_an_unreadable_catalog_is_left_out_with_a_warning_at_every_search(lab: Lab) -> None:
    lab.catalog.write_text("no,catalog\n")
    for _ in range(2):
        with pytest.warns(CatalogWarning, match=r"lab\.csv is not a catalog.*this catalog is left out"):
            assert brainio.search("macaque V1 natural images").total == 2
    lab.add("lab.Doe2026")
    assert found() == ["lab.Doe2026"]


def test_a_remote_catalog_is_indexed_once_for_all_processes(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(http_folder.folder)
    lab.publish("doe", title="Responses to unicorns")
    lab.add("lab.Doe2026", publication="doe")
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/lab.csv")
    assert found("unicorns") == ["lab.Doe2026"]
    (path,) = index_files()
    before = state_of(path)
    script = "import brainio; print(*[hit.identifier for hit in brainio.search('', catalog='lab')])"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "lab.Doe2026\n"
    assert state_of(path) == before
    lab.add("lab.Roe2026")
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "lab.Doe2026 lab.Roe2026\n"


def test_threads_search_one_index(lab: Lab) -> None:
    lab.add("lab.Doe2026")
    failures: list[BaseException] = []

    def search() -> None:
        try:
            for _ in range(20):
                assert found("doe2026") == ["lab.Doe2026"]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_forked_process_can_search(lab: Lab) -> None:
    lab.add("lab.Doe2026")
    assert found() == ["lab.Doe2026"]
    child = os.fork()
    if not child:
        os._exit(0 if found("doe2026") == ["lab.Doe2026"] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert found() == ["lab.Doe2026"]


def _search_repeatedly(seconds: float) -> None:
    """Search while other processes add entries to the catalog. Totals must never decrease."""
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        total = brainio.search("", catalog="lab", limit=0).total
        assert total >= most, (total, most)
        assert brainio.search("macaque V1 natural images").total == 2
        most = total


def _add_repeatedly(folder: Path, seconds: float) -> None:
    lab, end = Lab.__new__(Lab), time.monotonic() + seconds
    lab.folder, lab.catalog, lab.rows, lab.papers = folder, folder / "lab.csv", [], []
    while time.monotonic() < end:
        lab.add(f"lab.Doe{len(lab.rows)}")
        time.sleep(0.05)


@pytest.mark.slow(reason="8 processes for 4 s")
def test_8_processes_search_while_the_catalog_changes(lab: Lab) -> None:
    searching = [start(_search_repeatedly, 4.0) for _ in range(8)]
    adding = start(_add_repeatedly, lab.folder, 3.0)
    assert join([adding, *searching]) == [0] * 9
    assert len(index_files()) == 1
    assert other_files() == []
    assert len(found()) > 5


def _record_builds_and_search(folder: Path) -> None:
    build = sqlite_index._build

    def build_and_record(path: Path, names: Names) -> sqlite_index.SqliteIndex:
        (folder / f"{os.getpid()}").touch()
        return build(path, names)

    sqlite_index._build = build_and_record
    assert brainio.search("lab.Doe2026").total == 1


def test_only_one_of_8_processes_builds_a_missing_index(lab: Lab, tmp_path: Path) -> None:
    lab.add("lab.Doe2026")
    notes = tmp_path / "notes"
    notes.mkdir()
    assert join([start(_record_builds_and_search, notes) for _ in range(8)]) == [0] * 8
    assert len(list(notes.iterdir())) == 1


@pytest.mark.parametrize(
    "has_older_index", [True, pytest.param(False, marks=pytest.mark.slow(reason="kills further processes"))]
)
def test_a_killed_index_build_leaves_no_trace(lab: Lab, has_older_index: bool) -> None:
    def rows(count: int) -> None:
        common = {"lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "S3", "location": "s3://b/k"}
        lab.rows = [common | {"identifier": f"lab.Name{number}", "sha1": f"{number:040x}"} for number in range(count)]
        lab.write()

    if has_older_index:
        rows(3)
        assert len(found()) == 3
    rows(3000)
    script = "import brainio; brainio.search('')"
    killed = 0
    for moment in (0.02, 0.1, 0.2, 0.3, 0.4):
        process = subprocess.Popen([sys.executable, "-c", script])
        folder = home_folder() / sqlite_index.FOLDER
        while process.poll() is None and not (
            folder.is_dir() and any(".lock" in path.name for path in folder.iterdir())
        ):
            time.sleep(0.005)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        lab.add(f"lab.Added{moment}")
    assert killed > 1
    assert brainio.search("", catalog="lab", limit=0).total == 3005
    for path in home_folder().joinpath(sqlite_index.FOLDER).iterdir():
        os.utime(
            path, (time.time(), time.time() - 2 * sqlite_index._ABANDONED_SECONDS)
        ) if path.suffix != sqlite_index.SUFFIX else None
    lab.add("lab.Last2026")
    assert found("Last2026") == ["lab.Last2026"]
    assert other_files() == []


def test_building_an_index_removes_indexes_unused_for_a_month(lab: Lab) -> None:
    folder = home_folder() / sqlite_index.FOLDER
    folder.mkdir(parents=True)
    old, young = folder / f"old{sqlite_index.SUFFIX}", folder / f"young{sqlite_index.SUFFIX}"
    for path, age in ((old, 31), (young, 29)):
        path.touch()
        os.utime(path, (time.time() - age * 86_400,) * 2)
    assert found() == []
    assert (old.exists(), young.exists()) == (False, True)
