"""Cached files: damage is detected, reported and repaired; full, read-only and lockless caches work."""

import json
import logging
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import brainio
from brainio import fetch
from brainio.cache import pruning, verification
from brainio.cache.content_store import RECORD, write_record
from brainio.errors import CacheError
from brainio.fetch import ExpectedFile
from brainio.local_files import Fingerprint
from brainio.stores import parse_location
from tests.cache.helpers import mounted, rot_member
from tests.lab import sha1
from tests.reliability.faulty_lab import (
    ARCHIVE,
    CSV,
    NAME,
    PICTURES,
    TABLE,
    ZIP,
    FaultyLab,
    cached_archive,
    incomplete_files,
    load,
    unpacked_folder,
)


@pytest.fixture
def lab(s3_lab: FaultyLab) -> FaultyLab:
    return s3_lab


def overwrite(path: Path) -> None:
    """Change one byte in place, like a program that writes to a file that it should only read."""
    with path.open("r+b") as file:
        file.seek(len(ARCHIVE) // 2 if path.name == ZIP else 10)
        file.write(b"X")


def rot(path: Path) -> None:
    """Change one byte of a cached file without a trace in its record, like a bad disk."""
    overwrite(path)
    write_record(path.parents[3], path.parent / RECORD, {Fingerprint.of(path): None})


def change_with_restored_time(path: Path) -> None:
    """Change one byte and restore the modification time, as an editor or a backup may."""
    before = path.stat()
    overwrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [overwrite, change_with_restored_time])
@pytest.mark.parametrize("name", [CSV, ZIP])
def test_an_overwritten_cached_file_is_fetched_again_with_a_log_message(
    lab: FaultyLab, name: str, change: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    load()
    body = TABLE if name == CSV else ARCHIVE
    path = lab.home / "content" / sha1(body)[:2] / sha1(body) / name
    change(path)
    with caplog.at_level(logging.WARNING, "brainio"):
        load()
    assert path.read_bytes() == body
    assert len(lab.gets(name)) == 2
    assert [record.getMessage() for record in caplog.records if "no longer has the sha1" in record.getMessage()]
    assert len(lab.files("quarantine")) == 1


def test_verify_finds_silent_damage_and_the_next_get_repairs_it(lab: FaultyLab) -> None:
    load()
    rot(cached_archive(lab.home))
    faults = [checked.fault for checked in verification.verify(lab.home) if checked.fault]
    assert len(faults) == 1
    assert ZIP in faults[0]
    load()
    assert cached_archive(lab.home).read_bytes() == ARCHIVE
    assert not any(checked.fault for checked in verification.verify(lab.home, deep=True))


def test_deep_verification_finds_and_repairs_silent_damage_of_unpacked_files(lab: FaultyLab) -> None:
    load()
    body = (unpacked_folder(lab.home) / "one.png").read_bytes()
    rot_member(unpacked_folder(lab.home), "one.png", b"X" + body[1:])
    assert not any(checked.fault for checked in verification.verify(lab.home))
    assert sum(bool(checked.fault) for checked in verification.verify(lab.home, deep=True)) == 1
    load()


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, lambda path: path.write_bytes(b"half"), overwrite, change_with_restored_time],
    ids=["missing", "half", "overwritten", "overwritten and its time restored"],
)
@pytest.mark.parametrize("ask", ["get_stimulus", "stimulus_paths"])
def test_a_missing_or_damaged_unpacked_file_is_repaired_at_the_next_access(
    lab: FaultyLab, damage: object, ask: str
) -> None:
    stimulus_set = load()
    damage(unpacked_folder(lab.home) / "deep" / "two.png")  # type: ignore[operator]
    path = stimulus_set.get_stimulus("2") if ask == "get_stimulus" else stimulus_set.stimulus_paths["2"]
    assert path.read_bytes() == PICTURES["deep/two.png"]
    assert len(lab.gets()) == 1


def test_an_unpacked_file_removed_with_its_archive_is_fetched_again_at_the_next_access(
    lab: FaultyLab,
) -> None:
    stimulus_set = load()
    pruning.prune(lab.home, max_size=0)
    assert not cached_archive(lab.home).exists()
    assert stimulus_set.get_stimulus("2").read_bytes() == PICTURES["deep/two.png"]
    assert len(lab.gets()) == 2


def test_two_locations_with_one_file_name_do_not_collide(lab: FaultyLab) -> None:
    for folder, body in (("a", b"one"), ("b", b"other")):
        lab.server.objects["lab-bucket", f"{folder}/weights.bin"] = body
    places = [parse_location(f"s3://lab-bucket/{folder}/weights.bin") for folder in "ab"]
    for has_hash in (True, False):
        paths = [
            fetch.ensure_cached(ExpectedFile([(place, "")], sha1(body) if has_hash else ""))
            for place, body in zip(places, (b"one", b"other"), strict=True)
        ]
        assert [path.read_bytes() for path in paths] == [b"one", b"other"]
        assert {path.name for path in paths} == {"weights.bin"}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664)], ids=oct)
def test_cached_files_are_read_only_and_respect_the_umask(lab: FaultyLab, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        stimulus_set = load()
    finally:
        os.umask(before)
    assert cached_archive(lab.home).stat().st_mode & 0o777 == 0o444
    assert {path.stat().st_mode & 0o777 for path in stimulus_set.stimulus_paths.values()} == {mode}


def test_a_full_disk_is_an_error_that_names_brainio_home_and_leaves_no_incomplete_file(
    lab: FaultyLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk", "1m") as disk:
        monkeypatch.setenv("BRAINIO_HOME", str(disk / "home"))
        with pytest.raises(CacheError, match=r"(No space left|room for).*BRAINIO_HOME"):
            load()
        assert incomplete_files(disk / "home") == []
        assert not cached_archive(disk / "home").exists()
        assert shutil.disk_usage(disk).free > 900_000
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        load()


def test_a_cache_on_another_file_system_works(lab: FaultyLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mounted(tmp_path / "disk", "20m") as disk:
        assert disk.stat().st_dev != tmp_path.stat().st_dev
        monkeypatch.setenv("BRAINIO_HOME", str(disk / "home"))
        load()
        load()
        assert len(lab.gets()) == 1


def test_a_read_only_cache_serves_its_files_and_explains_why_it_stores_no_others(
    lab: FaultyLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk", "20m") as disk:
        monkeypatch.setenv("BRAINIO_HOME", str(disk / "home"))
        load()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        load()
        assert len(lab.gets()) == 1
        lab.server.objects["lab-bucket", "new"] = b"new"
        with pytest.raises(CacheError, match=r"Read-only.*BRAINIO_HOME"):
            fetch.ensure_cached(ExpectedFile([(parse_location("s3://lab-bucket/new"), "")], sha1(b"new")))


@pytest.fixture(params=["a lock is an OSError", "the lock file cannot be made"])
def no_locks(request: pytest.FixtureRequest, lab: FaultyLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break locks: with a file system that refuses them, and with folders in place of lock files."""
    if request.param == "a lock is an OSError":

        def refuse(*_: object, **__: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr("fcntl.flock", refuse)
    else:
        for body in (TABLE, ARCHIVE):
            (lab.home / "partial" / f"sha1-{sha1(body)}.lock").mkdir(parents=True)
            (lab.home / "partial" / f"unpack-{sha1(body)}.lock").mkdir()


@pytest.mark.usefixtures("no_locks")
def test_a_cache_without_working_locks_fetches_correct_files(lab: FaultyLab) -> None:
    load()
    assert [path for path in lab.files("partial") if not path.endswith(".lock")] == []


def _set_clock(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() + seconds, time.time() + seconds))


@pytest.mark.parametrize("seconds", [-10 * 365 * 86400.0, 10 * 365 * 86400.0], ids=["forward", "back"])
def test_a_jumping_clock_causes_no_error_and_no_fetch(lab: FaultyLab, seconds: float) -> None:
    load()
    for path in lab.home.rglob("*"):
        _set_clock(path, seconds)
    load()
    assert len(lab.server.requests) == 2
    overwrite(cached_archive(lab.home))
    _set_clock(cached_archive(lab.home), seconds * 2)
    load()
    assert cached_archive(lab.home).read_bytes() == ARCHIVE


def test_a_clock_that_was_set_back_prunes_no_file(lab: FaultyLab) -> None:
    load()
    for path in lab.home.rglob("*"):
        _set_clock(path, 10 * 365 * 86400.0)
    assert pruning.prune(lab.home, older_than=86400.0).items == ()


def test_a_partly_unpacked_archive_is_never_used(lab: FaultyLab) -> None:
    load()
    folder = unpacked_folder(lab.home)
    shutil.rmtree(folder)
    (folder / "deep").mkdir(parents=True)
    (folder / "one.png").write_bytes(PICTURES["one.png"][:1000])
    load()


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"files": 3}), "\0" * 50])
def test_damaged_records_lose_no_data(lab: FaultyLab, text: str) -> None:
    load()
    records = [*lab.home.rglob("*.json")]
    assert len(records) > 2
    for path in records:
        path.write_text(text)
    load()
    assert len(lab.gets()) == 1


def test_an_archive_replaced_by_another_valid_one_is_detected(lab: FaultyLab) -> None:
    load()
    with zipfile.ZipFile(cached_archive(lab.home), "w") as archive:
        archive.writestr("one.png", "another picture")
    shutil.rmtree(unpacked_folder(lab.home))
    load()
    assert brainio.get_stimulus_set(NAME).get_stimulus("1").read_bytes() == PICTURES["one.png"]
