"""The cache on real file systems: full, read-only, separate from TMPDIR, shared by a group."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brainio.cache import Cache
from brainio.cache.inventory import list_items
from brainio.cache.pruning import prune, remove
from brainio.cache.verification import verify
from brainio.errors import CacheError
from tests.cache.helpers import BODY, MIB, SHA1, SHA256, feed, files_below, mounted, receive


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB with room for one BODY, but not for two."""
    with mounted(tmp_path / "disk", "6m") as folder:
        yield folder


def packed(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(f"im{number}.png", bytes([number]) * MIB)
    return folder / "a.zip"


@pytest.mark.parametrize("promised", [{}, {"sha1": SHA1}], ids=["unknown", "promised"])
def test_a_full_disk_is_an_error_that_names_brainio_home_and_releases_the_space(
    disk: Path, promised: dict[str, Any]
) -> None:
    cache = Cache(disk / "cache")
    free = shutil.disk_usage(disk).free
    with pytest.raises(CacheError, match=r"No space left.*BRAINIO_HOME"):
        feed(cache, bytes(8 * MIB), **promised)
    assert files_below(cache.root) == []
    assert shutil.disk_usage(disk).free > free - 100_000
    assert receive(cache).read_bytes() == BODY


def test_a_download_that_does_not_fit_is_refused_before_its_first_byte(disk: Path) -> None:
    cache = Cache(disk / "cache")
    receive(cache)
    with (
        pytest.raises(CacheError, match=r"needs 4,000,000 more bytes.*BRAINIO_HOME"),
        cache.receive(name="b.nc", sha1="0" * 40, size=4_000_000),
    ):
        pytest.fail("begun")


def test_cached_files_are_served_from_a_full_disk(disk: Path) -> None:
    cache = Cache(disk / "cache")
    path = receive(cache)
    os.utime(path, (1, 1))
    with pytest.raises(OSError, match="No space left"):
        (disk / "filler").write_bytes(bytes(8 * MIB))
    assert shutil.disk_usage(disk).free == 0
    assert cache.find(SHA1, "a.nc", SHA256) == path
    assert [checked.fault for checked in verify(cache.root, deep=True)] == [""]
    assert remove(cache.root, [SHA1]).freed > len(BODY)


def test_a_partial_file_that_cannot_be_copied_on_a_full_disk_is_discarded(disk: Path) -> None:
    cache = Cache(disk / "cache")
    partial = cache.root / "partial"
    partial.mkdir(parents=True)
    (partial / f"sha1-{SHA1}.0").write_bytes(BODY[: 4 * MIB])
    assert receive(cache).read_bytes() == BODY
    assert files_below(partial) == []


def test_an_archive_that_does_not_fit_on_the_disk_leaves_nothing(disk: Path, tmp_path: Path) -> None:
    cache = Cache(disk / "cache")
    with pytest.raises(CacheError, match="BRAINIO_HOME"):
        cache.unpack(packed(tmp_path))
    assert files_below(cache.root) == []
    assert not list((cache.root / "partial").iterdir())


def test_a_cache_on_a_read_only_file_system_serves_its_files(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "20m") as disk:
        cache = Cache(disk / "cache")
        path, other = receive(cache), cache.add([b"other"], name="o")
        unpacked = cache.unpack(packed(tmp_path))
        cache.record_location("s3://bucket/a", None, SHA1, "a.nc")
        os.utime(path, (1, 1))  # forces hashing
        other.write_bytes(b"OTHER")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        before = files_below(disk)
        assert cache.find(SHA1, "a.nc", SHA256) == cache.find(SHA1, "b.nc") == path
        assert cache.find_by_location("s3://bucket/a", None) == path
        assert cache.unpack(tmp_path / "a.zip") == unpacked
        assert unpacked.path("im1.png").stat().st_size == MIB
        assert len(list_items(cache.root)) == 4
        assert [bool(checked.fault) for checked in verify(cache.root, deep=True)].count(True) == 1
        for write in (
            lambda: cache.receive(name="n", sha1="0" * 40).__enter__(),
            lambda: cache.add([b"new"], name="n"),
            lambda: cache.record_location("s3://bucket/b", None, SHA1, "b"),
            lambda: prune(cache.root, max_size=0),
        ):
            with pytest.raises(CacheError, match="BRAINIO_HOME"):
                write()
        assert files_below(disk) == before


def test_a_shared_cache_on_a_read_only_file_system_serves_its_files(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "20m") as disk:
        lab = Cache(disk / "lab")
        path, unpacked = receive(lab), lab.unpack(packed(tmp_path))
        os.utime(path, (1, 1))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        cache = Cache(tmp_path / "own", [lab.root])
        assert cache.find(SHA1, "b.nc", SHA256) == path
        assert cache.unpack(tmp_path / "a.zip").folder == unpacked.folder


def test_the_cache_works_on_another_file_system_than_temporary_files(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "not there"))
    cache = Cache(disk / "cache")
    assert cache.root.parent.stat().st_dev != tmp_path.stat().st_dev
    receive(cache)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", b"a")
    assert cache.unpack(tmp_path / "a.zip").path("a.png").read_bytes() == b"a"


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077], ids=oct)
def test_content_is_read_only_and_all_other_modes_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        cache = Cache(tmp_path / "cache")
        path = receive(cache)
        shared = Cache(tmp_path / "own", [cache.root])
        os.utime(path, (1, 1))
        assert shared.find(SHA1, "a.nc") == path
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("deep/a.png", b"a")
        unpacked = cache.unpack(tmp_path / "a.zip")
        unpacked.path("deep/a.png").unlink()
        unpacked.path("deep/a.png")
        cache.record_location("s3://bucket/a", None, SHA1, "a.nc")
        cache.add([b"bad"], name="bad").write_bytes(b"BAD")
        list(verify(cache.root))
        with cache.receive(name="b", sha1="0" * 40) as incoming:
            incoming.write(b"b")
            modes = {
                path.relative_to(tmp_path): (path.is_dir(), path.stat().st_mode & 0o777)
                for root in (cache.root, shared.root)
                for path in [root, *root.rglob("*")]
            }
    finally:
        os.umask(before)
    assert {path.parts[1] for path in modes if len(path.parts) > 1} == {
        *("CACHEDIR.TAG", "content", "notes", "partial", "quarantine", "refs", "unpacked")
    }
    assert [path.name for path in modes if path.suffix == ".lock"] == [f"sha1-{'0' * 40}.lock"]
    wrong = {
        path
        for path, (folder, mode) in modes.items()
        if mode != (0o777 if folder else 0o444 if path.name == "a.nc" or "quarantine" in path.parts else 0o666) & ~umask
    }
    assert wrong == set()


NAMES = [
    "..",
    "../../escape",
    "/etc/passwd",
    "a/b.nc",
    "a\0b",
    "a\nb",
    "x" * 10_000 + ".nc",
    "é" * 10_000,
    "\ud800",
    "",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_escapes_or_breaks_the_cache(tmp_path: Path, name: str) -> None:
    cache = Cache(tmp_path / "cache")
    path = receive(cache, name=name)
    assert path.parent == cache.root / "content" / SHA1[:2] / SHA1
    assert cache.find(SHA1, name) == path
    assert Cache(tmp_path / "own", [cache.root]).find(SHA1, name) == path
    cache.record_location(f"s3://bucket/{name}", name, SHA1, name)
    assert cache.find_by_location(f"s3://bucket/{name}", name) == path
    assert {entry.name for entry in tmp_path.iterdir()} <= {"cache", "own", "user", "home"}
