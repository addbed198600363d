"""Malicious archives are refused before or during reading, in limited memory, and leave no files."""

import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from brainio.cache import Cache
from brainio.cache.archive import HARMLESS, MOST_GROWTH, MOST_MEMBERS
from brainio.errors import ArchiveError
from tests.cache.helpers import MIB, files_below

LOCAL, LISTED, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def zeros(path: Path, size: int, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive, archive.open("a.bmp", "w") as member:
        for start in range(0, size, MIB):
            member.write(bytes(min(MIB, size - start)))
    return path


def overwrite(path: Path, mark: bytes, offset: int, value: bytes) -> None:
    """Change a field of every header of one kind."""
    body, at = bytearray(path.read_bytes()), -1
    while (at := body.find(mark, at + 1)) >= 0:
        body[at + offset : at + offset + len(value)] = value
    path.write_bytes(body)


def declare_size(path: Path, size: int) -> None:
    overwrite(path, LOCAL, 22, struct.pack("<L", size))
    overwrite(path, LISTED, 24, struct.pack("<L", size))


def declare_crc(path: Path, crc: int) -> None:
    overwrite(path, LOCAL, 14, struct.pack("<L", crc))
    overwrite(path, LISTED, 16, struct.pack("<L", crc))


def is_refused(cache: Cache, path: Path, message: str) -> None:
    with pytest.raises(ArchiveError, match=message) as caught:
        cache.unpack(path, "0" * 40)
    assert str(path) in str(caught.value)
    assert files_below(cache.root) == []
    assert not any((cache.root / "partial").glob("*"))


def test_an_archive_with_an_excessive_ratio_is_refused(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainio.cache.archive.HARMLESS", 2 * MIB)
    path = zeros(tmp_path / "a.zip", 3 * MIB)
    assert MOST_GROWTH * path.stat().st_size < 3 * MIB
    is_refused(cache, path, f"more than {MOST_GROWTH} times")


def test_a_small_archive_with_the_maximum_ratio_of_deflate_is_unpacked(cache: Cache, tmp_path: Path) -> None:
    path = zeros(tmp_path / "a.zip", 3 * MIB)
    assert 3 * MIB < HARMLESS
    assert cache.unpack(path).path("a.bmp").stat().st_size == 3 * MIB


def test_an_archive_that_declares_more_than_the_disk_holds_is_refused(cache: Cache, tmp_path: Path) -> None:
    path = zeros(tmp_path / "a.zip", MIB)
    declare_size(path, 0xFFFFFFF0)
    is_refused(cache, path, "4,294,967,280")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("declared", [100, 3 * MIB])
def test_a_member_of_another_size_than_it_declares_is_refused(
    cache: Cache, tmp_path: Path, method: int, declared: int
) -> None:
    path = zeros(tmp_path / "a.zip", 2 * MIB, method)
    declare_size(path, declared)
    is_refused(cache, path, r"a\.bmp")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_beyond_its_declared_size_is_refused_despite_a_matching_checksum(
    cache: Cache, tmp_path: Path, method: int
) -> None:
    path = zeros(tmp_path / "a.zip", 2 * MIB, method)
    declare_size(path, 100)
    declare_crc(path, zlib.crc32(bytes(100)))
    is_refused(cache, path, r"a\.bmp")


def test_members_that_share_their_bytes_are_refused(cache: Cache, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in ("a.png", "b.png", "c.png"):
            archive.writestr(name, os.urandom(500))
    body = bytearray(path.read_bytes())
    second = body.find(LISTED, body.find(LISTED) + 1)
    body[second + 42 : second + 46] = struct.pack("<L", 0)  # shares the bytes of the first member
    path.write_bytes(body)
    is_refused(cache, path, "share bytes")


def test_overlapping_members_are_refused(cache: Cache, tmp_path: Path) -> None:
    """The kernel of Fifield's bomb: each member begins inside the previous one and ends where that ends."""
    path = tmp_path / "a.zip"
    inner = LOCAL + struct.pack("<5H3L2H", 20, 0, 0, 0, 0, zlib.crc32(b"x"), 1, 1, 1, 0) + b"b" + b"x"
    outer = LOCAL + struct.pack("<5H3L2H", 20, 0, 0, 0, 0, zlib.crc32(inner), len(inner), len(inner), 1, 0) + b"a"
    listed = b""
    for name, body, at in ((b"a", inner, 0), (b"b", b"x", len(outer))):
        fields = (20, 20, 0, 0, 0, 0, zlib.crc32(body), len(body), len(body), 1, 0, 0, 0, 0, 0, at)
        listed += LISTED + struct.pack("<6H3L5H2L", *fields) + name
    data = outer + inner
    path.write_bytes(data + listed + END + struct.pack("<4H2LH", 0, 0, 2, 2, len(listed), len(data), 0))
    is_refused(cache, path, "share bytes")


def test_an_archive_of_more_than_a_million_members_is_refused_before_it_is_listed(cache: Cache, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    listed = (LISTED + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a") * (MOST_MEMBERS + 1)
    path.write_bytes(listed + END + struct.pack("<4H2LH", 0, 0, 1, 1, len(listed), 0, 0))
    is_refused(cache, path, "more than 1,000,000 members")


def test_a_directory_that_would_fill_the_memory_is_refused(cache: Cache, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        file.seek(2**31)  # a sparse file
        file.write(END + struct.pack("<4H2LH", 0, 0, 1, 1, 2**31, 0, 0))
    is_refused(cache, path, "its list of members has 2,147,483,648 bytes")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_with_an_unbounded_decoder_is_refused(cache: Cache, tmp_path: Path, method: int) -> None:
    is_refused(cache, zeros(tmp_path / "a.zip", 1000, method), "neither stored nor deflated")


def test_the_memory_for_a_large_member_is_bounded(tmp_path: Path) -> None:
    path = zeros(tmp_path / "a.zip", 80 * MIB)
    script = """
import resource, sys
from pathlib import Path
from brainio.cache import Cache
import filelock
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Cache(Path(sys.argv[1])).unpack(Path(sys.argv[2]))
assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 30e6
"""
    command = [sys.executable, "-c", script, str(tmp_path / "cache"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
