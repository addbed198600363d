"""Promises of making profiles: of local bytes alone, whole or not at all, once, and again when one is damaged."""

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
from brainio.cache import upkeep
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
from brainio.fetch.entries import are_bytes_here
from brainio.fetch.home import local_cache
from brainio.home import home_folder
from tests.cards.profile_examples import NAME, demo, picture, published
from tests.lab import Lab

MAKE = """
import sys
from brainio.catalogs import add_catalog, resolve
from brainio.cards import build_profile
add_catalog(sys.argv[1])
print("begins", flush=True)
build_profile(resolve("stimulus_set", sys.argv[2], catalog="lab"))
"""


def files() -> list[Path]:
    folder = home_folder() / "profiles"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def half_made() -> list[Path]:
    return list((home_folder() / "partial").glob("profile-*"))


def many(folder: Path, count: int = 400) -> Entry:
    return published(folder, {f"{number}.png": picture(number) for number in range(count)})


def making(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAKE, str(folder / "lab.csv"), NAME]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "begins\n"
    return started


def eventually(holds: object) -> None:
    end = time.monotonic() + 60
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.002)


# ------------------------------------------------------------------ where bytes are


def test_bytes_are_here_once_they_are_fetched_and_no_network_is_asked(lab: Lab) -> None:
    lab.publish_stimuli()
    entry = resolve("stimulus_set", NAME, catalog="lab")
    before = len(lab.server.requests)
    assert not are_bytes_here(entry)
    assert find_profile(entry) is None
    with pytest.raises(EntryUnavailableError, match=f"is not on this machine; fetch it first: brainio get {NAME}"):
        build_profile(entry)
    assert len(lab.server.requests) == before
    fetch_entry(entry)
    before = len(lab.server.requests)
    assert are_bytes_here(entry)
    assert find_profile(entry) is None
    build_profile(entry)
    assert isinstance(find_profile(entry), StimulusProfile)
    assert len(lab.server.requests) == before


def test_files_of_this_machine_are_here_without_fetching(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    assert are_bytes_here(entry)
    (tmp_path / NAME / "set.zip").unlink()
    assert not are_bytes_here(entry)


def test_files_without_a_promised_hash_are_found_by_what_they_gave(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    text = (tmp_path / "lab.csv").read_text()
    for file in entry.files:
        text = text.replace(file.sha1, "")
    (tmp_path / "bare.csv").write_text(text)
    add_catalog(tmp_path / "bare.csv")
    bare = resolve("stimulus_set", NAME, catalog="bare")
    assert are_bytes_here(bare)
    assert (profile_key(bare), find_profile(bare), has_profile(bare)) == (None, None, False)
    build_profile(bare)
    assert profile_key(bare) == profile_key(entry)
    assert isinstance(find_profile(bare), StimulusProfile)


def test_an_entry_that_cannot_be_had_is_not_here(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    text = (tmp_path / "lab.csv").read_text()
    header, *rows = text.splitlines()
    (tmp_path / "gone.csv").write_text("\n".join([f"{header},status", *(f"{row},unavailable" for row in rows)]))
    add_catalog(tmp_path / "gone.csv")
    assert are_bytes_here(entry)
    assert not are_bytes_here(resolve("stimulus_set", NAME, catalog="gone"))


# ------------------------------------------------------------------ whole or not at all


def test_a_profile_is_made_once(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    assert profile_folder_version() is None
    build_profile(entry)
    (made,) = files()
    before, state = made.stat(), profile_folder_version()
    build_profile(entry)
    assert made.stat().st_ino == before.st_ino
    assert profile_folder_version() == state
    build_profile(entry, rebuild=True)
    assert made.stat().st_ino != before.st_ino
    assert profile_folder_version() != state
    assert half_made() == []


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
    assert (found.card["identifier"], len(files())) == (NAME, 1)


def test_killed_while_it_is_made_it_is_not_there_and_is_made_by_the_next(tmp_path: Path) -> None:
    entry = many(tmp_path)
    with making(tmp_path) as maker:
        eventually(lambda: any(path.suffix != ".lock" for path in half_made()))
        maker.send_signal(signal.SIGKILL)
    assert (files(), find_profile(entry), len(half_made())) == ([], None, 2)
    build_profile(entry)
    assert isinstance(find_profile(entry), StimulusProfile)
    (left,) = [path for path in half_made() if path.suffix != ".lock"]
    os.utime(left, (time.time() - upkeep.KEPT - 1,) * 2)
    assert [item.path for item in upkeep.prune(local_cache().root).items] == [left]


def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    many(tmp_path)
    with making(tmp_path) as maker:
        eventually(lambda: any(path.suffix != ".lock" for path in half_made()))
        maker.send_signal(signal.SIGINT)
    assert maker.returncode != 0
    assert (files(), half_made()) == ([], [])


def test_two_processes_make_one(tmp_path: Path) -> None:
    entry = many(tmp_path, count=150)
    makers = [making(tmp_path) for _ in range(2)]
    states = set()
    while any(maker.poll() is None for maker in makers):
        states |= {path.stat().st_ino for path in files()}
        time.sleep(0.005)
    for maker in makers:
        maker.communicate()
        assert maker.returncode == 0
    assert len(states | {path.stat().st_ino for path in files()}) == 1
    found = find_profile(entry)
    assert found is not None
    assert found.count == 150


def test_a_stimulus_set_that_breaks_the_format_is_an_error_that_names_it(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)}, [{"stimulus_id": "a", "filename": "b.png"}])
    with pytest.raises(FormatError, match=f"stimulus set '{NAME}' of catalog 'lab'.*lacks 1 of 1 file"):
        build_profile(entry)
    assert (files(), half_made()) == ([], [])


def test_other_bytes_than_promised_are_an_error(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    with (tmp_path / NAME / "set.csv").open("a") as table:
        table.write("\n")
    with pytest.raises(IntegrityError):
        build_profile(entry)
    assert files() == []


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    get_stimulus_set(NAME, catalog="lab")
    (home_folder() / "profiles").write_text("a file")
    with pytest.raises(CacheError, match=f"profile of {NAME} could not be written"):
        build_profile(entry)


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\0 and nothing else", b"x" * 5000], ids=len)
def test_a_damaged_file_is_as_good_as_none_and_is_made_again(damage: bytes, tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    build_profile(entry)
    files()[0].write_bytes(damage)
    assert find_profile(entry) is None
    build_profile(entry)
    assert find_profile(entry) is not None


def test_damage_in_the_middle_is_an_error_once_and_the_profile_is_made_again(tmp_path: Path) -> None:
    entry = many(tmp_path, count=60)
    build_profile(entry)
    (path,) = files()
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
    made = find_profile(entry)
    assert isinstance(made, StimulusProfile)
    assert made.thumbnail(59) is not None


def test_a_file_that_somebody_changed_is_made_again(tmp_path: Path) -> None:
    import sqlite3

    entry = published(tmp_path, {"a.png": picture(1)})
    build_profile(entry)
    with sqlite3.connect(files()[0]) as connection:
        connection.execute("DELETE FROM stimulus")
    connection.close()
    assert find_profile(entry) is None


def test_a_profile_of_another_version_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    build_profile(entry)
    monkeypatch.setattr(profile_files, "VERSION", profile_files.VERSION + 1)
    assert find_profile(entry) is None


# ------------------------------------------------------------------ many readers


def test_no_more_than_so_many_files_are_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_files, "_MAX_OPEN", 2)
    entries = [published(tmp_path, {"a.png": picture(1)}), demo(), demo("assembly")]
    for entry in entries:
        build_profile(entry)
    for _ in range(3):
        for entry in entries:
            found = find_profile(entry)
            assert found is not None
            assert found.card["identifier"] == entry.identifier
            assert len(profile_files._open_files) <= 2


def test_many_threads_ask_while_profiles_are_made_again(tmp_path: Path) -> None:
    entry = many(tmp_path, count=20)
    build_profile(entry)
    stop = threading.Event()

    def ask() -> int:
        asked = 0
        while not stop.is_set():
            found = find_profile(entry)
            assert isinstance(found, StimulusProfile)
            assert found.rows({"filename": "1*"}, limit=3)[1] == 11
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        for _ in range(3):
            build_profile(entry, rebuild=True)
        stop.set()
        assert all(one.result() for one in asking)
