"""`Unpacked`: a member that was lost is noticed when it is asked for, and unpacked again."""

import logging
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainio.cache import Cache, Unpacked
from brainio.cache.archive import judged
from brainio.cache.upkeep import remove, verify
from brainio.errors import ArchiveError, CacheError
from tests.cache.helpers import files_below

BODIES = {f"im{number}.png": os.urandom(2000) for number in range(8)} | {"deep/er/a.wav": b"wav" * 1000, "empty": b""}


def write_archive(path: Path, bodies: dict[str, bytes] = BODIES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in bodies.items():
            archive.writestr(name, body)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def unpacked(cache: Cache, tmp_path: Path) -> Unpacked:
    archive = write_archive(tmp_path / "a.zip")
    return cache.unpack(cache.add([archive.read_bytes()], name="a.zip"))


def read(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_below(folder)}


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "cut": lambda path: os.truncate(path, 10),
    "empty": lambda path: os.truncate(path, 0),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "folder missing": lambda path: shutil.rmtree(path.parent),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["im3.png", "deep/er/a.wav"])
def test_a_member_that_is_missing_or_not_whole_is_unpacked_again_when_asked_for(
    unpacked: Unpacked, damage: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    DAMAGES[damage](unpacked.folder / name)
    with caplog.at_level(logging.WARNING):
        assert unpacked.path(name).read_bytes() == BODIES[name]
    assert name in caplog.text
    assert read(unpacked.folder) == BODIES


def test_what_was_lost_together_is_unpacked_again_together(
    unpacked: Unpacked, caplog: pytest.LogCaptureFixture
) -> None:
    for name in BODIES:
        os.truncate(unpacked.folder / name, 0)
    with caplog.at_level(logging.WARNING):
        assert {name: unpacked.path(name).read_bytes() for name in BODIES} == BODIES
    assert len(caplog.records) == 1


def test_a_whole_member_costs_one_question_to_the_disk(unpacked: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = os.stat, []

    def record(path: Path, **options: bool) -> os.stat_result:
        asked.append(path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", record)
    monkeypatch.setattr(os, "open", None)
    unpacked.path("im1.png")
    assert asked == [unpacked.folder / "im1.png"]


def test_a_name_that_is_no_member_is_an_error_and_no_path(unpacked: Unpacked) -> None:
    for name in ("im99.png", "../../content", "/etc/passwd", ""):
        with pytest.raises(ArchiveError, match="no member"):
            unpacked.path(name)


def test_an_archive_that_is_gone_when_a_member_is_lost_is_to_be_fetched_again(cache: Cache, unpacked: Unpacked) -> None:
    shutil.rmtree(cache.root / "content")
    (unpacked.folder / "im1.png").unlink()
    with pytest.raises(ArchiveError, match="Fetch it"):
        unpacked.path("im1.png")
    assert unpacked.path("im2.png").read_bytes() == BODIES["im2.png"]


def test_another_archive_under_the_same_path_does_not_heal(cache: Cache, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.zip")
    unpacked = cache.unpack(archive)
    write_archive(archive, BODIES | {"im1.png": b"another picture"})
    (unpacked.folder / "im1.png").unlink()
    with pytest.raises(ArchiveError, match=r"im1\.png.*no longer the archive"):
        unpacked.path("im1.png")
    assert not (unpacked.folder / "im1.png").exists()


def test_a_folder_that_was_pruned_is_never_there_with_some_of_its_members(cache: Cache, tmp_path: Path) -> None:
    unpacked = cache.unpack(write_archive(tmp_path / "a.zip"))
    remove(cache.root, [unpacked.folder.name])
    assert not unpacked.folder.exists()
    assert unpacked.path("im1.png").read_bytes() == BODIES["im1.png"]
    assert read(unpacked.folder) == BODIES


@pytest.mark.parametrize("name", ["im3.png", "deep/er/a.wav"])
def test_a_folder_that_is_pruned_while_a_member_heals_is_unpacked_as_a_whole(
    unpacked: Unpacked, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def prune_first(*arguments: Any) -> dict[str, zipfile.ZipInfo]:
        shutil.rmtree(unpacked.folder, ignore_errors=True)
        return judged(*arguments)

    (unpacked.folder / name).unlink()
    monkeypatch.setattr("brainio.cache.unpacked.judged", prune_first)
    assert unpacked.path(name).read_bytes() == BODIES[name]
    assert read(unpacked.folder) == BODIES


def test_unpacked_archives_survive_pickling_and_heal_then(unpacked: Unpacked) -> None:
    again = pickle.loads(pickle.dumps(unpacked))
    assert again == unpacked
    (unpacked.folder / "im1.png").unlink()
    assert again.path("im1.png").read_bytes() == BODIES["im1.png"]


def test_a_lost_manifest_is_written_again_without_unpacking(cache: Cache, unpacked: Unpacked, tmp_path: Path) -> None:
    marked = unpacked.folder / "im1.png"
    inode = marked.stat().st_ino
    unpacked.folder.with_suffix(".json").unlink()
    assert cache.unpack(tmp_path / "a.zip") == unpacked
    assert marked.stat().st_ino == inode


def test_deep_verification_finds_and_heals_what_sizes_do_not_show(cache: Cache, unpacked: Unpacked) -> None:
    path = unpacked.folder / "im5.png"
    path.write_bytes(b"\1" + path.read_bytes()[1:])
    assert [checked.fault for checked in verify(cache.root)] == ["", ""]
    faults = [checked.fault for checked in verify(cache.root, deep=True) if checked.fault]
    assert ["im5.png" in fault and "unpacked again" in fault for fault in faults] == [True]
    assert read(unpacked.folder) == BODIES


def test_a_damaged_member_that_cannot_be_unpacked_again_is_moved_away(cache: Cache, unpacked: Unpacked) -> None:
    shutil.rmtree(cache.root / "content")
    path = unpacked.folder / "im5.png"
    path.write_bytes(b"\1" * 2000)
    (checked,) = verify(cache.root, deep=True)
    assert "moved away" in checked.fault
    assert not path.exists()
    assert [kept.read_bytes() for kept in (cache.root / "quarantine").iterdir()] == [b"\1" * 2000]


def test_where_the_cache_cannot_be_written_a_lost_member_is_an_error_that_says_so(
    unpacked: Unpacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unpacked.folder / "im1.png").unlink()

    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", read_only)
    with pytest.raises(CacheError, match="BRAINIO_HOME"):
        unpacked.path("im1.png")


def test_a_full_run_of_10_000_members_unpacks(cache: Cache, tmp_path: Path) -> None:
    bodies = {f"folder{number % 7}/im{number}.txt": b"%d" % number for number in range(10_000)}
    unpacked = cache.unpack(write_archive(tmp_path / "many.zip", bodies))
    assert unpacked.members == bodies.keys()
    assert unpacked.path("folder3/im9999.txt").read_bytes() == b"9999"
