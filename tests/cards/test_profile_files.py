"""Promises of looking after profiles: they are listed, made by command, and go with their data or unused."""

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

from brainio.cache import upkeep
from brainio.cards import build_profile, find_profile, has_profile, profile_files, profile_key, record_failure
from brainio.fetch.home import local_cache
from tests.cards.profile_examples import DEMO, NAME, demo, picture, published
from tests.cli.command import brainio


def listed() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        brainio("profile", "list", "--catalog", "brainio_demo", "--json").stdout
    )
    return found


def test_profiles_are_built_by_name_and_listed() -> None:
    assert {one["profile"] for one in listed()} == {None}
    done = brainio("profile", "build", DEMO, "--kind", "assembly")
    assert (done.returncode, done.stderr) == (0, f"making the profile of assembly {DEMO}\n")
    assert has_profile(demo("assembly"))
    made = [one for one in listed() if one["profile"]]
    assert [(one["identifier"], one["kind"]) for one in made] == [(DEMO, "assembly")]
    assert Path(str(made[0]["path"])).stat().st_size == made[0]["size"]
    assert "none" in brainio("profile", "list").stdout


def test_all_that_is_here_is_built_and_what_fails_is_told(tmp_path: Path) -> None:
    entry = published(tmp_path, {"a.png": picture(1)})
    with (tmp_path / NAME / "set.csv").open("a") as table:
        table.write("\n")
    done = brainio("profile", "build", "--all", BRAINIO_CATALOGS=str(tmp_path / "lab.csv"))
    assert done.returncode == 9
    assert f"error: the profile of stimulus set {entry.identifier}:" in done.stderr
    assert all(one["profile"] for one in listed())


def test_what_is_not_here_is_an_error_with_the_next_step() -> None:
    done = brainio("profile", "build", "dicarlo.MajajHong2015")
    assert done.returncode == 4
    assert "fetch it first: brainio get dicarlo.MajajHong2015" in done.stderr


def test_a_command_that_names_nothing_or_too_much_is_wrong_usage() -> None:
    assert brainio("profile", "build").returncode == 2
    assert brainio("profile", "build", DEMO, "--all").returncode == 2


def test_the_cache_lists_profiles_and_removes_them_with_their_data() -> None:
    entry = demo()
    build_profile(entry)
    (item,) = [one for one in upkeep.contents(local_cache().root) if one.kind == "profile"]
    csv = entry.file("csv")
    assert csv is not None
    assert (item.sha1, item.size) == (csv.sha1, item.path.stat().st_size)
    assert f"{DEMO} (csv)" in brainio("cache", "ls").stdout
    assert brainio("cache", "rm", DEMO).returncode == 0
    assert find_profile(entry) is None


def test_a_profile_that_was_not_used_for_long_is_pruned_and_use_is_noted() -> None:
    entry = demo()
    build_profile(entry)
    (item,) = [one for one in upkeep.contents(local_cache().root) if one.kind == "profile"]
    status = item.path.stat()
    long_ago = time.time() - 40 * 86_400

    def unused() -> list[Path]:
        removed = upkeep.prune(local_cache().root, older_than=30 * 86_400, dry_run=True)
        return [one.path for one in removed.items]

    os.utime(item.path, ns=(int(long_ago * 1e9), status.st_mtime_ns))
    assert unused() == [item.path]
    from brainio.cards import profile_files

    profile_files._open_files.clear()
    assert find_profile(entry) is not None
    assert unused() == []
    assert profile_key(entry) == item.path.stem


def test_the_record_of_a_failed_profile_is_removed_like_a_profile() -> None:
    entry, root = demo(), local_cache().root
    for remove in (
        lambda: upkeep.prune(root, older_than=30 * 86_400),
        lambda: upkeep.remove(root, [str(profile_key(entry)).partition("-")[0]]),
    ):
        record_failure(entry, "they need too much", "")
        (record,) = root.glob("profiles/*")
        assert not [one.fault for one in upkeep.verify(root) if one.fault]
        assert upkeep.prune(root, older_than=30 * 86_400).items == ()
        os.utime(record, ns=(1, 1))
        assert [item.path for item in remove().items] == [record]
        assert not record.exists()


def test_threads_that_ask_for_a_profile_at_once_share_one_file_and_leave_none_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = demo()
    build_profile(entry)
    opened: list[Any] = []
    both, opening = threading.Barrier(2), profile_files._open

    def slowly(path: Path) -> Any:
        opened.append(opening(path))
        both.wait(60)
        return opened[-1]

    monkeypatch.setattr(profile_files, "_open", slowly)
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(find_profile, [entry, entry])
    assert one is not None
    assert other is not None
    assert one._file is other._file
    assert sorted(file._engine.pool.checkedin() for file in opened) == [0, 1]
    assert one.count == 43


def test_a_file_that_says_nothing_of_itself_is_closed_and_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = demo()
    opened: list[Any] = []

    class Noted(profile_files.ProfileFile):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            opened.append(self)

    monkeypatch.setattr(profile_files, "ProfileFile", Noted)
    build_profile(entry)
    path = profile_files.find_profile_path(entry)
    assert path is not None
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE about SET value = '{'")
    assert find_profile(entry) is None
    assert [file._engine.pool.checkedin() for file in opened] == [0]
