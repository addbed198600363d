"""`brainio.cache.verification`: all kinds of damage are found, and omissions are listed with their reasons."""

import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from brainio.cache import Cache
from brainio.cache.verification import list_unverified, verify
from tests.cache.helpers import BODY, SHA1, files_below, overwrite, receive, rot, rot_member
from tests.reliability.processes import run_code

MEMBERS = {"a.png": b"a" * 3000, "deep/b.png": b"b" * 4000}


@pytest.fixture
def folder(cache: Cache, tmp_path: Path) -> Path:
    """The folder of an archive whose two members are unpacked."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, body in MEMBERS.items():
            archive.writestr(name, body)
    return cache.unpack(cache.add([(tmp_path / "a.zip").read_bytes()], name="a.zip")).folder


def faults(cache: Cache, *, deep: bool = False, quick: bool = False) -> list[str]:
    return [checked.fault for checked in verify(cache.root, deep=deep, quick=quick) if checked.fault]


def notes(cache: Cache, *, quick: bool = False) -> str:
    return "\n".join(note for checked in verify(cache.root, quick=quick) for note in checked.notes)


def test_an_undamaged_cache_has_no_faults_and_no_notes(cache: Cache, folder: Path) -> None:
    receive(cache)
    cache.find(SHA1, "b.nc")
    cache.record_location("s3://bucket/a", None, SHA1, "a.nc")
    for checked in [*verify(cache.root), *verify(cache.root, deep=True), *verify(cache.root, quick=True)]:
        assert (checked.fault, checked.notes) == ("", ())
    assert sum(checked.unread for checked in verify(cache.root)) == len(MEMBERS)
    assert sum(checked.unread for checked in verify(cache.root, deep=True)) == 0
    assert sum(checked.unread for checked in verify(cache.root, quick=True)) == 2 + len(MEMBERS)


def test_quick_verification_reads_no_whole_file_and_changes_nothing(
    cache: Cache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = receive(cache)
    overwrite(path, b"\1" + BODY[1:])
    overwrite(folder / "a.png", b"?" * 3000)
    before = files_below(cache.root)
    for name in ("content_store.hash_file", "unpacked_archives.compute_crc32"):
        monkeypatch.setattr(f"brainio.cache.{name}", None)
    found = list(verify(cache.root, quick=True))
    assert files_below(cache.root) == before
    texts = [note for checked in found for note in checked.notes]
    assert len([text for text in texts if "--quick does not read" in text]) == 2
    assert sum(checked.unread for checked in found) == 1 + 1


def test_a_changed_file_and_a_changed_member_are_found_and_repaired(cache: Cache, folder: Path) -> None:
    overwrite(receive(cache), b"\1" + BODY[1:])
    overwrite(folder / "a.png", b"?" * 3000)
    found = faults(cache)
    assert sorted("a.nc no longer has that sha1" in fault for fault in found) == [False, True]
    assert sorted("'a.png'" in fault and "unpacked again" in fault for fault in found) == [False, True]
    assert (folder / "a.png").read_bytes() == MEMBERS["a.png"]
    assert faults(cache, deep=True) == []


def test_only_deep_verification_finds_damage_with_unchanged_size_and_times(cache: Cache, folder: Path) -> None:
    rot_member(folder, "deep/b.png", b"?" * 4000)
    assert faults(cache) == faults(cache, quick=True) == []
    assert "deep/b.png" in faults(cache, deep=True)[0]


def test_normal_verification_finds_damaged_content(cache: Cache) -> None:
    rot(receive(cache), b"\1" + BODY[1:])
    assert faults(cache, quick=True) == []
    assert len(faults(cache)) == 1


@pytest.mark.parametrize("quick", [True, False])
def test_a_truncated_file_and_a_missing_member_are_found_without_reading(
    cache: Cache, folder: Path, quick: bool
) -> None:
    os.truncate(receive(cache), 100)
    (folder / "a.png").unlink()
    found = " ".join(faults(cache, quick=quick))
    assert "a.nc" in found
    assert "1 of 2 members were missing" in found


@pytest.mark.parametrize("quick", [True, False])
def test_a_wrong_list_of_members_is_found(cache: Cache, folder: Path, quick: bool) -> None:
    manifest = folder.with_suffix(".json")
    columns = json.loads(manifest.read_text())
    columns["checksums"][0] += 1
    manifest.write_text(json.dumps(columns))
    assert ["differs from that of the archive" in fault for fault in faults(cache, quick=quick)] == [True]
    assert manifest.exists() == quick
    if not quick:
        (archive,) = (cache.root / "content").rglob("a.zip")
        assert cache.unpack(archive).path("a.png").read_bytes() == MEMBERS["a.png"]
        assert faults(cache, deep=True) == []


def test_members_without_their_archive_are_reported_as_notes(cache: Cache, folder: Path) -> None:
    (archive,) = (cache.root / "content").rglob("a.zip")
    archive.unlink()
    assert "its archive is not in the cache" in notes(cache)
    assert faults(cache) == []


def _write_damaged_profile(root: Path) -> None:
    path = root / "profiles" / f"{SHA1}-0.sqlite"
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as database:
        database.execute("create table a (b)")
        database.executemany("insert into a values (?)", [("x" * 500,)] * 100)
    database.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)


def _write_damaged_reference(root: Path) -> None:
    path = root / "refs" / "aa" / f"{'a' * 64}.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")


@pytest.mark.parametrize("damage", [_write_damaged_profile, _write_damaged_reference])
def test_damaged_profiles_and_references_are_removed(cache: Cache, damage: Callable[[Path], None]) -> None:
    damage(cache.root)
    assert len(faults(cache)) == 1
    assert files_below(cache.root) == []
    assert faults(cache) == []


@pytest.mark.parametrize(
    "name",
    ["content/x", "content/aa/x", "unpacked/aa/x.txt", "unpacked/aa/x.json", "refs/aa/x", "notes/aa/x.json", "refs/x"],
)
def test_unused_files_are_reported_as_notes(cache: Cache, name: str) -> None:
    path = cache.root / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert str(path) in notes(cache)
    assert faults(cache) == []
    assert path.exists()


def test_a_folder_in_the_place_of_a_file_and_a_wrong_name_are_faults(cache: Cache) -> None:
    path = receive(cache)
    path.with_name("folder").mkdir()
    wrong = cache.root / "content" / "aa" / SHA1
    wrong.mkdir(parents=True)
    (wrong / "a.nc").write_bytes(BODY)
    found = faults(cache)
    assert len(found) == 2
    assert any("'folder'" in fault for fault in found)
    assert any(str(wrong) in fault for fault in found)


def test_a_file_outside_the_archive_is_reported_as_a_note(cache: Cache, folder: Path) -> None:
    (folder / "deep" / "mine.txt").touch()
    assert "'deep/mine.txt'" in notes(cache)


def test_leftovers_quarantine_and_references_to_missing_content_are_noted(cache: Cache) -> None:
    rot(receive(cache), b"\1" + BODY[1:])
    assert len(faults(cache)) == 1
    cache.record_location("s3://bucket/a", None, SHA1, "a.nc")
    (cache.root / "partial" / "1.abc").touch()
    text = notes(cache)
    assert all(part in text for part in ("damaged bytes", "unfinished work", "its content is not in the cache"))


def test_a_file_that_stays_writable_is_noted_with_its_mode(cache: Cache) -> None:
    path = receive(cache)
    (cache.root / "mine").hardlink_to(path)
    path.chmod(0o644)
    assert "a.nc has the mode 0644" in notes(cache)
    assert faults(cache) == []


def test_a_record_that_is_missing_is_noted_once_and_written(cache: Cache) -> None:
    record = receive(cache).parent / ".verified.json"
    record.unlink()
    assert str(record) in notes(cache)
    assert notes(cache) == ""


def test_unchecked_items_are_listed_with_the_reason(cache: Cache, tmp_path: Path) -> None:
    assert list_unverified(cache.root) == []
    receive(cache)
    for name in ("catalogs", "index", "refs", "assy_lab_A"):
        (cache.root / name).mkdir()
    reasons = list_unverified(cache.root, [tmp_path / "shared"])
    assert len(reasons) == 5
    assert any("'assy_lab_A'" in reason for reason in reasons)
    assert any(f"BRAINIO_HOME={tmp_path / 'shared'}" in reason for reason in reasons)


UNREADABLE = """
import os, tempfile
from pathlib import Path
import filelock
from brainio.cache import Cache
from brainio.cache.verification import verify
from brainio.cache.inventory import list_items
from brainio.errors import CacheError

if os.geteuid() == 0:  # root may read anything
    os.seteuid(65534)
with tempfile.TemporaryDirectory() as name:
    cache = Cache(Path(name, "cache"))
    paths = [cache.add([body], name="a.nc") for body in (b"a", b"b", b"c")]
    closed = [paths[0], paths[1].parent, paths[2].parent.parent]
    for path in closed:
        path.chmod(0)
    try:
        faults = [checked.fault for checked in verify(cache.root) if checked.fault]
        assert len(faults) == 3, faults
        assert all("cannot be read" in fault for fault in faults), faults
        try:
            list_items(cache.root)
        except CacheError as error:
            assert "cannot be read: Permission denied" in str(error)
        else:
            raise AssertionError("listed")
    finally:
        for path in reversed(closed):
            path.chmod(0o700)
"""


def test_unreadable_items_are_faults_and_all_others_are_verified() -> None:
    done = run_code(UNREADABLE, folder="/")
    assert done.returncode == 0, done.stderr
