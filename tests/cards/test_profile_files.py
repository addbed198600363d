"""Profile files: commands list and build them, they are pruned with their data, and threads share them."""

import json
import os
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from brainio.cache import inventory, pruning, verification
from brainio.cards import build_profile, find_profile, has_profile, profile_files, profile_key, record_failure
from brainio.fetch.cache_access import local_cache
from tests.cards.profile_examples import DEMO, NAME, demo, picture, published
from tests.cli.command import brainio


def list_profiles() -> list[dict[str, object]]:
    records: list[dict[str, object]] = json.loads(
        brainio("profile", "list", "--catalog", "brainio_demo", "--json").stdout
    )
    return records


def test_profiles_are_built_by_name_and_listed() -> None:
    assert {record["profile"] for record in list_profiles()} == {None}
    done = brainio("profile", "build", DEMO, "--kind", "assembly")
    assert (done.returncode, done.stderr) == (0, f"building the profile of assembly {DEMO}\n")
    assert has_profile(demo("assembly"))
    (record,) = [record for record in list_profiles() if record["profile"]]
    assert (record["identifier"], record["kind"]) == (DEMO, "assembly")
    assert Path(str(record["path"])).stat().st_size == record["size"]
    assert "none" in brainio("profile", "list").stdout


def test_all_local_entries_are_built_and_failures_are_reported(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    with (tmp_path / NAME / "set.csv").open("a") as table:
        table.write("\n")
    done = brainio("profile", "build", "--all", BRAINIO_CATALOGS=str(tmp_path / "lab.csv"))
    assert done.returncode == 9
    assert f"error: the profile of stimulus set {entry.identifier}:" in done.stderr
    assert all(record["profile"] for record in list_profiles())


def test_an_entry_that_was_not_fetched_is_an_error_with_the_next_step() -> None:
    done = brainio("profile", "build", "dicarlo.MajajHong2015")
    assert done.returncode == 4
    assert "fetch it first: brainio get dicarlo.MajajHong2015" in done.stderr


def test_a_command_takes_either_identifiers_or_all() -> None:
    assert brainio("profile", "build").returncode == 2
    assert brainio("profile", "build", DEMO, "--all").returncode == 2


def test_the_cache_lists_profiles_and_removes_them_with_their_data() -> None:
    entry = demo()
    build_profile(entry)
    (item,) = [item for item in inventory.list_items(local_cache().root) if item.kind == "profile"]
    csv = entry.file("csv")
    assert csv is not None
    assert (item.sha1, item.size) == (csv.sha1, item.path.stat().st_size)
    assert f"{DEMO} (csv)" in brainio("cache", "ls").stdout
    assert brainio("cache", "rm", DEMO).returncode == 0
    assert find_profile(entry) is None


def test_profiles_are_pruned_by_their_last_use() -> None:
    entry = demo()
    build_profile(entry)
    (item,) = [item for item in inventory.list_items(local_cache().root) if item.kind == "profile"]
    status = item.path.stat()
    long_ago = time.time() - 40 * 86_400

    def unused() -> list[Path]:
        removed = pruning.prune(local_cache().root, older_than=30 * 86_400, dry_run=True)
        return [removed_item.path for removed_item in removed.items]

    os.utime(item.path, ns=(int(long_ago * 1e9), status.st_mtime_ns))
    assert unused() == [item.path]
    profile_files._open_files.clear()
    assert find_profile(entry) is not None
    assert unused() == []
    assert profile_key(entry) == item.path.stem


def test_the_record_of_a_failure_is_removed_like_a_profile() -> None:
    entry, root = demo(), local_cache().root
    for remove in (
        lambda: pruning.prune(root, older_than=30 * 86_400),
        lambda: pruning.remove(root, [str(profile_key(entry)).partition("-")[0]]),
    ):
        record_failure(entry, "too much memory", "")
        (record,) = root.glob("profiles/*")
        assert not [checked.fault for checked in verification.verify(root) if checked.fault]
        assert pruning.prune(root, older_than=30 * 86_400).items == ()
        os.utime(record, ns=(1, 1))
        assert [item.path for item in remove().items] == [record]
        assert not record.exists()


def test_threads_that_open_a_profile_at_once_share_a_file_and_close_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = demo()
    build_profile(entry)
    opened: list[Any] = []
    barrier, open_file = threading.Barrier(2), profile_files._open

    def open_at_once(path: Path) -> Any:
        opened.append(open_file(path))
        barrier.wait(60)
        return opened[-1]

    monkeypatch.setattr(profile_files, "_open", open_at_once)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(find_profile, [entry, entry])
    assert first is not None
    assert second is not None
    assert first._file is second._file
    assert sorted(file._engine.pool.checkedin() for file in opened) == [0, 1]
    assert first.count == 43


def test_a_file_with_malformed_properties_is_closed_and_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = demo()
    opened: list[Any] = []

    class RecordedFile(profile_files.ProfileFile):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            opened.append(self)

    monkeypatch.setattr(profile_files, "ProfileFile", RecordedFile)
    build_profile(entry)
    path = profile_files.find_profile_path(entry)
    assert path is not None
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE about SET value = '{'")
    assert find_profile(entry) is None
    assert [file._engine.pool.checkedin() for file in opened] == [0]
