"""Shared caches are read first and never written; damage to them costs only a fetch."""

import logging
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainio.cache import Cache, hash_file
from brainio.cache.archive import safe_members
from brainio.cache.unpacked_archives import read_manifest
from tests.cache.helpers import BODY, SHA1, SHA256, files_below, overwrite, receive
from tests.reliability.processes import run_code

Snapshot = dict[str, tuple[int, int, int]]


@pytest.fixture
def lab(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "lab")


@pytest.fixture
def cache(tmp_path: Path, lab: Cache) -> Cache:
    return Cache(tmp_path / "own", [tmp_path / "not there", lab.root])


def snapshot(folder: Path) -> Snapshot:
    """Return the times of all changes to files in a folder."""
    statuses = {str(path): path.stat() for path in [folder, *folder.rglob("*")]}
    return {name: (status.st_ino, status.st_mtime_ns, status.st_ctime_ns) for name, status in statuses.items()}


def age(path: Path) -> None:
    """Set the last use of a record back by a year."""
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 365 * 24 * 3600))


def rot(path: Path) -> None:
    path.write_bytes(b"\1" + path.read_bytes()[1:])


def packed(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for number in range(5):
            archive.writestr(f"deep/im{number}.png", bytes([number]) * 1000)
    return folder / "a.zip"


def test_files_in_a_shared_cache_are_used_in_place(cache: Cache, lab: Cache) -> None:
    path = receive(lab)
    assert cache.find(SHA1, "a.nc") == path
    assert cache.find(SHA1, "another name.nc") == path
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        assert incoming.found == path
    assert files_below(cache.root) == []


def test_nothing_is_ever_written_to_a_shared_cache(cache: Cache, lab: Cache, tmp_path: Path) -> None:
    archive = packed(tmp_path / "packed")
    good, touched, bad = receive(lab), lab.add([b"touched"], name="t"), lab.add([b"bad"], name="b")
    digests = [hash_file(path) for path in (good, touched, bad)]
    unpacked = lab.unpack(archive)
    lab.record_location("s3://bucket/a", None, SHA1, "a.nc")
    age(good.parent / ".verified.json")
    age(unpacked.folder.with_suffix(".json"))
    os.utime(touched, (1, 1))
    rot(bad)
    (unpacked.folder / "deep/im1.png").unlink()
    before = snapshot(lab.root)
    assert cache.find(digests[0], "other.nc", SHA256) is not None
    assert cache.find(digests[1], "t") == touched
    assert cache.find(digests[2], "b") is None
    assert cache.find_by_location("s3://bucket/a", None) == good
    assert cache.unpack(archive).folder == unpacked.folder
    assert cache.unpack(archive).path("deep/im1.png").read_bytes() == bytes([1]) * 1000
    cache.add([b"bad"], name="b")
    receive(cache, b"something else")
    assert snapshot(lab.root) == before


def test_members_in_a_shared_cache_are_compared_once_and_recorded_locally(
    cache: Cache, lab: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(tmp_path / "packed")
    folder = lab.unpack(archive).folder
    folder.with_suffix(".times").unlink()
    before = snapshot(lab.root)
    assert cache.unpack(archive).path("deep/im1.png") == folder / "deep/im1.png"
    assert snapshot(lab.root) == before
    monkeypatch.setattr("brainio.cache.unpacked_archives.compute_crc32", None)
    assert Cache(cache.root, cache.shared).unpack(archive).path("deep/im2.png") == folder / "deep/im2.png"


def test_an_overwritten_member_of_a_shared_cache_is_unpacked_locally(cache: Cache, lab: Cache, tmp_path: Path) -> None:
    archive = packed(tmp_path / "packed")
    folder = lab.unpack(archive).folder
    overwrite(folder / "deep/im1.png", b"?" * 1000)
    before = snapshot(lab.root)
    path = cache.unpack(archive).path("deep/im1.png")
    assert path.is_relative_to(cache.root)
    assert path.read_bytes() == bytes([1]) * 1000
    assert snapshot(lab.root) == before


def test_the_record_of_a_shared_cache_is_trusted_while_it_matches(
    cache: Cache, lab: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = receive(lab)
    monkeypatch.setattr("brainio.cache.content_store.hash_file", None)
    assert cache.find(SHA1, "a.nc") == path


@pytest.mark.parametrize("how", ["touched", "copied", "without a record"])
def test_an_unrecorded_shared_file_is_hashed_once_and_recorded_locally(
    cache: Cache, lab: Cache, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = receive(lab)
    if how == "touched":
        os.utime(path, (1, 1))
    elif how == "copied":
        shutil.copytree(lab.root, lab.root.with_name("copy"))
        shutil.rmtree(lab.root)
        lab.root.with_name("copy").rename(lab.root)
    else:
        (path.parent / ".verified.json").unlink()
    assert cache.find(SHA1, "a.nc") == path
    monkeypatch.setattr("brainio.cache.content_store.hash_file", None)
    assert Cache(cache.root, cache.shared).find(SHA1, "a.nc") == path


def test_a_trusted_file_in_any_cache_is_preferred_to_hashing(
    cache: Cache, lab: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = receive(cache)
    os.utime(receive(lab), (1, 1))
    monkeypatch.setattr("brainio.cache.content_store.hash_file", None)
    assert cache.find(SHA1, "a.nc") == own


def test_a_damaged_shared_file_is_logged_once_and_fetched_instead(
    cache: Cache, lab: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    path = receive(lab)
    rot(path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert Cache(cache.root, cache.shared).find(SHA1, "a.nc") is None
    assert [str(path) in record.getMessage() for record in caplog.records] == [True]
    own = receive(cache)
    assert own.read_bytes() == BODY
    assert Cache(cache.root, cache.shared).find(SHA1, "a.nc") == own
    assert path.exists()


def test_an_unreadable_shared_cache_is_skipped_and_logged_once(
    cache: Cache, lab: Cache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(lab)
    real = Path.stat

    def stale(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.is_relative_to(lab.root):
            raise OSError(116, "Stale file handle")
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stale)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert cache.find(SHA1, "a.nc") is None
    assert len([record for record in caplog.records if "not completely readable" in record.getMessage()]) == 1


def test_the_first_shared_cache_with_a_file_is_used(tmp_path: Path) -> None:
    first, second = Cache(tmp_path / "first"), Cache(tmp_path / "second")
    paths = [receive(first), receive(second)]
    assert Cache(tmp_path / "own", [first.root, second.root]).find(SHA1, "a.nc") == paths[0]
    assert Cache(tmp_path / "own", [second.root, first.root]).find(SHA1, "a.nc") == paths[1]


def test_recorded_locations_are_found_in_shared_caches_and_the_own_one(cache: Cache, lab: Cache) -> None:
    path = receive(lab)
    lab.record_location("s3://bucket/a", "v1", SHA1, "a.nc")
    assert cache.find_by_location("s3://bucket/a", "v1") == path
    lab.record_location("s3://bucket/b", None, "0" * 40, "b.nc")
    cache.record_location("s3://bucket/b", None, SHA1, "b.nc")
    assert cache.find_by_location("s3://bucket/b", None) == path


def test_an_unpacked_archive_of_a_shared_cache_is_used_in_place(cache: Cache, lab: Cache, tmp_path: Path) -> None:
    archive = packed(tmp_path / "packed")
    theirs = lab.unpack(archive)
    ours = cache.unpack(archive)
    assert ours.folder == theirs.folder
    assert ours.path("deep/im3.png") == theirs.folder / "deep/im3.png"
    assert files_below(cache.root) == []


def test_a_damaged_unpacked_archive_of_a_shared_cache_is_unpacked_locally(
    cache: Cache, lab: Cache, tmp_path: Path
) -> None:
    archive = packed(tmp_path / "packed")
    theirs = lab.unpack(archive)
    (theirs.folder / "deep/im3.png").write_bytes(b"cut")
    path = cache.unpack(archive).path("deep/im3.png")
    assert path.is_relative_to(cache.root)
    assert path.read_bytes() == bytes([3]) * 1000
    assert len(files_below(cache.root / "unpacked")) == 5 + 2


UNREADABLE = """
import encodings.cp437, filelock, hashlib, logging, os, sys, tempfile, zipfile
from pathlib import Path
from brainio.cache import Cache

messages = []
handler = logging.Handler()
handler.emit = lambda record: messages.append(record.getMessage())
logging.getLogger("brainio").addHandler(handler)
if os.geteuid() == 0:  # root may read anything
    os.seteuid(65534)
with tempfile.TemporaryDirectory() as folder:
    lab, own = Cache(Path(folder, "lab")), Path(folder, "own")
    bodies = [bytes([number]) * 1000 for number in range(3)]
    digests = [hashlib.sha1(body).hexdigest() for body in bodies]
    for number, body in enumerate(bodies):
        lab.add([body], name=f"{number}.nc")
    archive = Path(folder, "a.zip")
    with zipfile.ZipFile(archive, "w") as file:
        for number, body in enumerate(bodies):
            file.writestr(f"{number}.png", body)
    theirs = lab.unpack(archive)
    closed = {
        "root": lab.root,
        "content": lab.root / "content",
        "unpacked": lab.root / "unpacked",
        "members": theirs.folder,
        "manifest": theirs.folder.with_suffix(".json"),
    }[sys.argv[1]]
    closed.chmod(0)
    try:
        for _ in range(2):
            cache = Cache(own, [lab.root])
            for number, (digest, body) in enumerate(zip(digests, bodies)):
                found = cache.find(digest, f"{number}.nc")
                if found is None:
                    found = cache.add([body], name=f"{number}.nc")
                assert found.read_bytes() == body
            unpacked = cache.unpack(archive)
            for number, body in enumerate(bodies):
                assert unpacked.path(f"{number}.png").read_bytes() == body
    finally:
        closed.chmod(0o700)
print(*messages, sep="\\n")
"""


@pytest.mark.parametrize("closed", ["root", "content", "unpacked", "members", "manifest"])
def test_unreadable_parts_of_a_shared_cache_are_skipped_with_one_warning(closed: str) -> None:
    done = run_code(UNREADABLE, closed, folder="/")
    assert done.returncode == 0, done.stderr
    messages = done.stdout.splitlines()
    if closed == "manifest":
        assert messages == [""]
    else:
        assert len(messages) == 1
        assert "readable" in messages[0]
        assert "lab" in messages[0]


def test_many_missing_members_of_a_shared_archive_are_unpacked_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive, names = tmp_path / "a.zip", [f"{number}.png" for number in range(40)]
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.writestr(name, name)
    lab = Cache(tmp_path / "lab")
    theirs = lab.unpack(archive)
    for name in names:
        (theirs.folder / name).unlink()
    read = []
    for work in (safe_members, read_manifest):

        def recorded(*given: Any, work: Callable[..., Any] = work) -> Any:
            read.append(work.__name__)
            return work(*given)

        monkeypatch.setattr(f"brainio.cache.unpacked_archives.{work.__name__}", recorded)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            unpacked = Cache(tmp_path / "own", [lab.root]).unpack(archive)
            assert [unpacked.path(name).read_text() for name in names] == names
    assert read.count("safe_members") == 1
    assert read.count("read_manifest") < 10
    assert [str(theirs.folder) in record.getMessage() for record in caplog.records] == [True]


def test_a_member_missing_in_both_caches_is_unpacked_again(cache: Cache, lab: Cache, tmp_path: Path) -> None:
    archive = packed(tmp_path / "packed")
    theirs = lab.unpack(archive)
    (theirs.folder / "deep/im3.png").unlink()
    unpacked = cache.unpack(archive)
    unpacked.path("deep/im3.png").write_bytes(b"cut")
    assert unpacked.path("deep/im3.png").read_bytes() == bytes([3]) * 1000
