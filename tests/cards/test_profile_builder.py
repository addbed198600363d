"""Building profiles: from local files only, atomically, once, and again after damage."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brainio import get_stimulus_set
from brainio.cache import pruning
from brainio.cache.sqlite_files import ClosingCache
from brainio.cards import (
    StimulusProfile,
    build_profile,
    find_profile,
    has_profile,
    profile_files,
    profile_folder_version,
    profile_key,
)
from brainio.catalogs import Entry, add_catalog, resolve
from brainio.errors import CacheError, EntryUnavailableError, FormatError, IntegrityError
from brainio.fetch import fetch_entry
from brainio.fetch.cache_access import local_cache
from brainio.fetch.entry_files import has_local_files
from brainio.local_files import home_folder
from tests.cards.profile_examples import NAME, demo, picture, published
from tests.lab import Lab

BUILD = """
import sys
from brainio.catalogs import add_catalog, resolve
from brainio.cards import build_profile
add_catalog(sys.argv[1])
print("started", flush=True)
build_profile(resolve("stimulus_set", sys.argv[2], catalog="lab"))
"""


def profile_files_on_disk() -> list[Path]:
    folder = home_folder() / "profiles"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def unfinished_files() -> list[Path]:
    return list((home_folder() / "partial").glob("profile-*"))


def publish_many(folder: Path, count: int = 400) -> Entry:
    return published(folder, {f"{number}.png": picture(number) for number in range(count)})


def start_build(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(folder / "lab.csv"), NAME]
    builder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert builder.stdout is not None
    assert builder.stdout.readline() == "started\n"
    return builder


def wait_until(holds: object) -> None:
    end = time.monotonic() + 60
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.002)


# ------------------------------------------------------------------ local bytes


def test_fetched_bytes_are_local_and_building_uses_no_network(lab: Lab) -> None:
    lab.publish_stimuli()
    entry = resolve("stimulus_set", NAME, catalog="lab")
    before = len(lab.server.requests)
    assert not has_local_files(entry)
    assert find_profile(entry) is None
    with pytest.raises(EntryUnavailableError, match=f"is not on this machine; fetch it first: brainio get {NAME}"):
        build_profile(entry)
    assert len(lab.server.requests) == before
    fetch_entry(entry)
    before = len(lab.server.requests)
    assert has_local_files(entry)
    assert find_profile(entry) is None
    build_profile(entry)
    assert isinstance(find_profile(entry), StimulusProfile)
    assert len(lab.server.requests) == before


def test_local_files_need_no_fetch(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    assert has_local_files(entry)
    (tmp_path / NAME / "set.zip").unlink()
    assert not has_local_files(entry)


def test_files_without_a_hash_in_the_catalog_are_identified_after_their_first_use(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    text = (tmp_path / "lab.csv").read_text()
    for file in entry.files:
        text = text.replace(file.sha1, "")
    (tmp_path / "bare.csv").write_text(text)
    add_catalog(tmp_path / "bare.csv")
    bare = resolve("stimulus_set", NAME, catalog="bare")
    assert has_local_files(bare)
    assert (profile_key(bare), find_profile(bare), has_profile(bare)) == (None, None, False)
    build_profile(bare)
    assert profile_key(bare) == profile_key(entry)
    assert isinstance(find_profile(bare), StimulusProfile)


def test_an_unavailable_entry_is_not_local(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    text = (tmp_path / "lab.csv").read_text()
    header, *rows = text.splitlines()
    (tmp_path / "gone.csv").write_text("\n".join([f"{header},status", *(f"{row},unavailable" for row in rows)]))
    add_catalog(tmp_path / "gone.csv")
    assert has_local_files(entry)
    assert not has_local_files(resolve("stimulus_set", NAME, catalog="gone"))


# ------------------------------------------------------------------ atomic builds


def test_a_profile_is_built_once(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    assert profile_folder_version() is None
    build_profile(entry)
    (path,) = profile_files_on_disk()
    before, version = path.stat(), profile_folder_version()
    build_profile(entry)
    assert path.stat().st_ino == before.st_ino
    assert profile_folder_version() == version
    build_profile(entry, rebuild=True)
    assert path.stat().st_ino != before.st_ino
    assert profile_folder_version() != version
    assert unfinished_files() == []


def test_catalogs_that_list_the_same_bytes_share_a_profile(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    (tmp_path / "other.csv").write_text((tmp_path / "lab.csv").read_text().replace(NAME, "other.Name"))
    text = (tmp_path / "other.csv").read_text().replace("other.Name/", f"{NAME}/")
    (tmp_path / "other.csv").write_text(text)
    add_catalog(tmp_path / "other.csv")
    other = resolve("stimulus_set", "other.Name", catalog="other")
    build_profile(other)
    found = find_profile(entry)
    assert found is not None
    assert (found.card["identifier"], len(profile_files_on_disk())) == (NAME, 1)


def test_a_killed_build_leaves_no_profile_and_the_next_one_succeeds(tmp_path: Path) -> None:
    entry = publish_many(tmp_path)
    with start_build(tmp_path) as builder:
        wait_until(lambda: any(path.suffix != ".lock" for path in unfinished_files()))
        builder.send_signal(signal.SIGKILL)
    assert (profile_files_on_disk(), find_profile(entry), len(unfinished_files())) == ([], None, 2)
    build_profile(entry)
    assert isinstance(find_profile(entry), StimulusProfile)
    (left,) = [path for path in unfinished_files() if path.suffix != ".lock"]
    os.utime(left, (time.time() - pruning.LEFTOVER_LIFETIME - 1,) * 2)
    assert [item.path for item in pruning.prune(local_cache().root).items] == [left]


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    publish_many(tmp_path)
    with start_build(tmp_path) as builder:
        wait_until(lambda: any(path.suffix != ".lock" for path in unfinished_files()))
        builder.send_signal(signal.SIGINT)
    assert builder.returncode != 0
    assert (profile_files_on_disk(), unfinished_files()) == ([], [])


@pytest.mark.slow(reason="starts several processes that build profiles")
def test_two_processes_build_one_profile(tmp_path: Path) -> None:
    entry = publish_many(tmp_path, count=150)
    builders = [start_build(tmp_path) for _ in range(2)]
    inodes = set()
    while any(builder.poll() is None for builder in builders):
        inodes |= {path.stat().st_ino for path in profile_files_on_disk()}
        time.sleep(0.005)
    for builder in builders:
        builder.communicate()
        assert builder.returncode == 0
    assert len(inodes | {path.stat().st_ino for path in profile_files_on_disk()}) == 1
    found = find_profile(entry)
    assert found is not None
    assert found.count == 150


def test_a_format_error_names_the_stimulus_set(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)}, [{"stimulus_id": "a", "filename": "b.png"}])
    with pytest.raises(FormatError, match=f"stimulus set '{NAME}' of catalog 'lab'.*lacks 1 of 1 file"):
        build_profile(entry)
    assert (profile_files_on_disk(), unfinished_files()) == ([], [])


def test_a_hash_mismatch_is_an_error(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    with (tmp_path / NAME / "set.csv").open("a") as table:
        table.write("\n")
    with pytest.raises(IntegrityError):
        build_profile(entry)
    assert profile_files_on_disk() == []


def test_a_folder_that_is_not_writable_is_an_error(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    get_stimulus_set(NAME, catalog="lab")
    (home_folder() / "profiles").write_text("a file")
    with pytest.raises(CacheError, match=f"profile of {NAME} could not be written"):
        build_profile(entry)


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\0 and nothing else", b"x" * 5000], ids=len)
def test_a_damaged_file_is_ignored_and_built_again(damage: bytes, tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    build_profile(entry)
    profile_files_on_disk()[0].write_bytes(damage)
    assert find_profile(entry) is None
    build_profile(entry)
    assert find_profile(entry) is not None


def test_damage_in_the_middle_is_an_error_once_before_the_next_build(tmp_path: Path) -> None:
    entry = publish_many(tmp_path, count=60)
    build_profile(entry)
    (path,) = profile_files_on_disk()
    found = find_profile(entry)
    assert isinstance(found, StimulusProfile)
    found.rows(limit=1)
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    damaged = find_profile(entry)
    assert isinstance(damaged, StimulusProfile)
    with pytest.raises(CacheError, match="was damaged and has been deleted"):
        [damaged.thumbnail(number) for number in range(60)]
    assert find_profile(entry) is None
    build_profile(entry)
    rebuilt = find_profile(entry)
    assert isinstance(rebuilt, StimulusProfile)
    assert rebuilt.thumbnail(59) is not None


def test_a_modified_file_is_ignored(tmp_path: Path) -> None:
    import sqlite3

    entry = published(tmp_path, {"a.png": picture(1)})
    build_profile(entry)
    with sqlite3.connect(profile_files_on_disk()[0]) as connection:
        connection.execute("DELETE FROM stimulus")
    connection.close()
    assert find_profile(entry) is None


def test_a_profile_of_another_version_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    build_profile(entry)
    monkeypatch.setattr(profile_files, "VERSION", profile_files.VERSION + 1)
    assert find_profile(entry) is None


# ------------------------------------------------------------------ many readers


def test_the_number_of_open_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_files, "_open_files", ClosingCache(2))
    entries = [published(tmp_path, {"a.png": picture(1)}), demo(), demo("assembly")]
    for entry in entries:
        build_profile(entry)
    for _ in range(3):
        for entry in entries:
            found = find_profile(entry)
            assert found is not None
            assert found.card["identifier"] == entry.identifier
            assert len(profile_files._open_files) <= 2


def test_threads_query_while_profiles_are_rebuilt(tmp_path: Path) -> None:
    entry = publish_many(tmp_path, count=20)
    build_profile(entry)
    stop = threading.Event()

    def query() -> int:
        queries = 0
        while not stop.is_set():
            found = find_profile(entry)
            assert isinstance(found, StimulusProfile)
            assert found.rows({"filename": "1*"}, limit=3)[1] == 11
            queries += 1
        return queries

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(query) for _ in range(4)]
        for _ in range(3):
            build_profile(entry, rebuild=True)
        stop.set()
        assert all(result.result() for result in results)
