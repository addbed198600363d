"""`UnpackedArchive`: a lost member is detected when it is requested, and unpacked again."""

import logging
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainio.cache import Cache, UnpackedArchive
from brainio.cache.archive import safe_members
from brainio.cache.pruning import remove
from brainio.cache.unpacked_archives import compute_crc32
from brainio.cache.verification import verify
from brainio.errors import ArchiveError, CacheError
from tests.cache.helpers import files_below, overwrite, rot_member

BODIES = {f"im{number}.png": os.urandom(2000) for number in range(8)} | {"deep/er/a.wav": b"wav" * 1000, "empty": b""}


def write_archive(path: Path, bodies: dict[str, bytes] = BODIES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in bodies.items():
            archive.writestr(name, body)
    return path


@pytest.fixture
def unpacked(cache: Cache, tmp_path: Path) -> UnpackedArchive:
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
def test_a_missing_or_incomplete_member_is_unpacked_again_when_requested(
    unpacked: UnpackedArchive, damage: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    DAMAGES[damage](unpacked.folder / name)
    with caplog.at_level(logging.WARNING):
        assert unpacked.path(name).read_bytes() == BODIES[name]
    assert name in caplog.text
    assert read(unpacked.folder) == BODIES


def test_members_lost_together_are_unpacked_again_together(
    unpacked: UnpackedArchive, caplog: pytest.LogCaptureFixture
) -> None:
    for name in BODIES:
        os.truncate(unpacked.folder / name, 0)
    with caplog.at_level(logging.WARNING):
        assert {name: unpacked.path(name).read_bytes() for name in BODIES} == BODIES
    assert len(caplog.records) == 1


def test_a_request_for_a_complete_member_calls_stat_once(
    unpacked: UnpackedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, paths = os.stat, []

    def record(path: Path, **options: bool) -> os.stat_result:
        paths.append(path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", record)
    monkeypatch.setattr(os, "open", None)
    unpacked.path("im1.png")
    assert paths == [unpacked.folder / "im1.png"]


@pytest.fixture
def read_again(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The members whose bytes were read again, in order."""
    names: list[str] = []

    def record(path: Path) -> int | None:
        names.append(path.name)
        return compute_crc32(path)

    monkeypatch.setattr("brainio.cache.unpacked_archives.compute_crc32", record)
    return names


@pytest.mark.parametrize("restored", [True, False], ids=["time restored", "time changed"])
def test_an_overwritten_member_of_the_same_size_is_never_returned(
    unpacked: UnpackedArchive, caplog: pytest.LogCaptureFixture, restored: bool
) -> None:
    path = unpacked.folder / "im5.png"
    overwrite(path, b"\1" * 2000) if restored else path.write_bytes(b"\1" * 2000)
    with caplog.at_level(logging.WARNING):
        assert unpacked.path_unless_changed("im5.png") is None
        assert unpacked.path("im5.png").read_bytes() == BODIES["im5.png"]
    assert ["im5.png" in record.getMessage() for record in caplog.records] == [True]
    caplog.clear()
    assert read(unpacked.folder) == BODIES
    assert unpacked.path_unless_changed("im5.png") == path


def _copy_back(path: Path) -> None:
    shutil.copy(path, path.with_name("backup"))
    path.with_name("backup").replace(path)


@pytest.mark.parametrize(
    "change",
    [lambda path: path.chmod(0o600), lambda path: os.utime(path, (1, 1)), _copy_back],
    ids=["chmod", "touch", "restored backup"],
)
def test_a_member_with_unchanged_bytes_is_read_once_without_a_warning(
    cache: Cache,
    unpacked: UnpackedArchive,
    tmp_path: Path,
    read_again: list[str],
    change: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in BODIES:
        assert unpacked.path(name).read_bytes() == BODIES[name]
    assert read_again == []
    path = unpacked.folder / "im5.png"
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        change(path)
    with caplog.at_level(logging.WARNING):
        for again in (unpacked, unpacked, cache.unpack(tmp_path / "a.zip")):
            assert again.path("im5.png") == path
    assert read_again == ["im5.png"]
    assert caplog.records == []


@pytest.mark.parametrize("text", [None, "", "[]", "x" * 16, "x" * 16 * len(BODIES)])
def test_members_without_a_valid_record_are_read_once_together(
    cache: Cache, unpacked: UnpackedArchive, tmp_path: Path, read_again: list[str], text: str | None
) -> None:
    record = unpacked.folder.with_suffix(".times")
    record.unlink() if text is None else record.write_text(text)
    for again in (unpacked, cache.unpack(tmp_path / "a.zip")):
        assert {name: again.path(name).read_bytes() for name in BODIES} == BODIES
    assert sorted(read_again) == sorted(Path(name).name for name in BODIES)


def test_members_of_large_archives_without_a_record_are_read_in_portions(
    unpacked: UnpackedArchive, read_again: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainio.cache.unpacked_archives._BATCH_SIZE", 4000)
    unpacked.folder.with_suffix(".times").unlink()
    unpacked.path("im1.png")
    assert len(read_again) < len(BODIES)
    assert all(unpacked.path(name).is_file() for name in BODIES)
    assert sorted(read_again) == sorted(Path(name).name for name in BODIES)


def test_members_compared_in_one_process_are_not_read_again_in_another(
    cache: Cache, unpacked: UnpackedArchive, tmp_path: Path, read_again: list[str]
) -> None:
    other = cache.unpack(tmp_path / "a.zip")
    assert other.path("im1.png") == unpacked.path("im1.png")
    os.utime(unpacked.folder / "im1.png", (1, 1))
    assert other.path("im1.png") == unpacked.path("im1.png") == unpacked.folder / "im1.png"
    assert read_again == ["im1.png"]


def test_members_are_compared_even_if_the_record_cannot_be_written(
    unpacked: UnpackedArchive, read_again: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("brainio.cache.unpacked_archives.write_atomically", read_only)
    os.utime(unpacked.folder / "im1.png", (1, 1))
    assert [unpacked.path("im1.png"), unpacked.path("im1.png")] == [unpacked.folder / "im1.png"] * 2
    assert read_again == ["im1.png"]


def test_an_unknown_member_name_is_an_error(unpacked: UnpackedArchive) -> None:
    for name in ("im99.png", "../../content", "/etc/passwd", ""):
        with pytest.raises(ArchiveError, match="no member"):
            unpacked.path(name)


def test_a_lost_member_of_a_missing_archive_requires_a_new_fetch(cache: Cache, unpacked: UnpackedArchive) -> None:
    shutil.rmtree(cache.root / "content")
    (unpacked.folder / "im1.png").unlink()
    with pytest.raises(ArchiveError, match="Fetch it"):
        unpacked.path("im1.png")
    assert unpacked.path("im2.png").read_bytes() == BODIES["im2.png"]


def test_another_archive_at_the_same_path_repairs_nothing(cache: Cache, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.zip")
    unpacked = cache.unpack(archive)
    write_archive(archive, BODIES | {"im1.png": b"another picture"})
    (unpacked.folder / "im1.png").unlink()
    with pytest.raises(ArchiveError, match=r"im1\.png.*not its original archive"):
        unpacked.path("im1.png")
    assert not (unpacked.folder / "im1.png").exists()


def test_a_pruned_folder_never_has_only_some_members(cache: Cache, tmp_path: Path) -> None:
    unpacked = cache.unpack(write_archive(tmp_path / "a.zip"))
    remove(cache.root, [unpacked.folder.name])
    assert not unpacked.folder.exists()
    assert unpacked.path("im1.png").read_bytes() == BODIES["im1.png"]
    assert read(unpacked.folder) == BODIES


@pytest.mark.parametrize("name", ["im3.png", "deep/er/a.wav"])
def test_a_folder_pruned_during_a_repair_is_unpacked_as_a_whole(
    unpacked: UnpackedArchive, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def prune_first(*arguments: Any) -> dict[str, zipfile.ZipInfo]:
        shutil.rmtree(unpacked.folder, ignore_errors=True)
        return safe_members(*arguments)

    (unpacked.folder / name).unlink()
    monkeypatch.setattr("brainio.cache.unpacked_archives.safe_members", prune_first)
    assert unpacked.path(name).read_bytes() == BODIES[name]
    assert read(unpacked.folder) == BODIES


def test_a_pickled_unpacked_archive_still_repairs_members(unpacked: UnpackedArchive) -> None:
    again = pickle.loads(pickle.dumps(unpacked))
    assert again == unpacked
    (unpacked.folder / "im1.png").unlink()
    assert again.path("im1.png").read_bytes() == BODIES["im1.png"]


def test_a_lost_manifest_is_written_again_without_unpacking(
    cache: Cache, unpacked: UnpackedArchive, tmp_path: Path
) -> None:
    marked = unpacked.folder / "im1.png"
    inode = marked.stat().st_ino
    unpacked.folder.with_suffix(".json").unlink()
    assert cache.unpack(tmp_path / "a.zip") == unpacked
    assert marked.stat().st_ino == inode


def test_deep_verification_repairs_damage_with_unchanged_size_and_times(
    cache: Cache, unpacked: UnpackedArchive
) -> None:
    path = unpacked.folder / "im5.png"
    rot_member(unpacked.folder, path.name, b"\1" + path.read_bytes()[1:])
    assert [checked.fault for checked in verify(cache.root)] == ["", ""]
    faults = [checked.fault for checked in verify(cache.root, deep=True) if checked.fault]
    assert ["im5.png" in fault and "unpacked again" in fault for fault in faults] == [True]
    assert read(unpacked.folder) == BODIES


def test_a_damaged_member_that_cannot_be_unpacked_again_is_moved_away(cache: Cache, unpacked: UnpackedArchive) -> None:
    shutil.rmtree(cache.root / "content")
    path = unpacked.folder / "im5.png"
    path.write_bytes(b"\1" * 2000)
    (checked,) = verify(cache.root, deep=True)
    assert "moved to quarantine" in checked.fault
    assert not path.exists()
    assert [kept.read_bytes() for kept in (cache.root / "quarantine").iterdir()] == [b"\1" * 2000]


def test_a_lost_member_in_an_unwritable_cache_is_an_error_that_explains_it(
    unpacked: UnpackedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unpacked.folder / "im1.png").unlink()

    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", read_only)
    with pytest.raises(CacheError, match="BRAINIO_HOME"):
        unpacked.path("im1.png")


@pytest.mark.parametrize(
    "count", [500, pytest.param(10_000, marks=pytest.mark.slow(reason="writes and synchronizes 10,000 files"))]
)
def test_a_full_run_of_many_members_unpacks(cache: Cache, tmp_path: Path, count: int) -> None:
    bodies = {f"folder{number % 7}/im{number}.txt": b"%d" % number for number in range(count)}
    unpacked = cache.unpack(write_archive(tmp_path / "many.zip", bodies))
    assert unpacked.members == bodies.keys()
    last = count - 1
    assert unpacked.path(f"folder{last % 7}/im{last}.txt").read_bytes() == b"%d" % last
