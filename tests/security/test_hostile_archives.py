"""ZIP archives with false metadata. See also `cache/test_bombs.py` and `cache/test_archive.py`."""

import io
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from brainio.cache import Cache
from brainio.errors import ArchiveError
from brainio.validation.stimulus_sets import member_fault


def archive(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, body in members:
            written.writestr(zipfile.ZipInfo(name), body)
        written.comment = comment
    return file.getvalue()


def unpack(folder: Path, body: bytes) -> list[str]:
    (folder / "a.zip").write_bytes(body)
    return sorted(Cache(folder / "cache").unpack(folder / "a.zip").members)


@pytest.mark.parametrize("name", ["a\x1b[2J.png", "a\x07.png", "a\x9b31m.png", "a\nb.png", "a\x7f", "\x01/a.png"])
def test_a_name_with_control_characters_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="its name holds a control character") as caught:
        unpack(tmp_path, archive((name, b"x")))
    assert str(caught.value).isprintable()
    assert member_fault(name) == "its name holds a control character"


@pytest.mark.parametrize("name", ["a/" * 32_000 + "x", "a/" * 33 + "x", "/".join(["b" * 200] * 6)])
def test_an_excessively_long_path_is_refused_before_its_folders_are_listed(tmp_path: Path, name: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(ArchiveError, match=r"its path is longer than 1024 bytes|its path has more than 32 folders"):
        unpack(tmp_path, archive((name, b"x")))
    assert time.process_time() - began < 10
    assert tracemalloc.get_traced_memory()[1] < 20_000_000  # remembering each folder would take 1 GB
    tracemalloc.stop()


def test_the_deepest_path_is_unpacked(tmp_path: Path) -> None:
    name = "a/" * 32 + "x"
    assert unpack(tmp_path, archive((name, b"x"))) == [name]


def test_a_large_comment_changes_nothing(tmp_path: Path) -> None:
    assert unpack(tmp_path, archive(("a.png", b"x"), comment=b"y" * 65_000)) == ["a.png"]


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError

    def seek(self, *_args: int) -> int:
        raise OSError


def test_sizes_after_their_members_are_read(tmp_path: Path) -> None:
    file = Unseekable()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:  # with data descriptors
        written.writestr("a.png", b"x" * 1000)
    assert unpack(tmp_path, file.getvalue()) == ["a.png"]


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 2**40])
@pytest.mark.parametrize("field", [0, 1], ids=["size", "compressed size"])
def test_false_sizes_of_64_bits_are_refused(tmp_path: Path, size: int, field: int) -> None:
    plain = archive(("a.png", b"x" * 100))
    at = plain.index(b"PK\x01\x02")
    listed = bytearray(plain[at : at + 46])
    listed[20 + 4 * (1 - field) : 24 + 4 * (1 - field)] = b"\xff\xff\xff\xff"
    extra = struct.pack("<HHQ", 1, 8, size)
    listed[30:32] = struct.pack("<H", len(extra))
    end = plain.index(b"PK\x05\x06")
    directory = bytes(listed) + plain[at + 46 : end] + extra
    tail = bytearray(plain[end:])
    tail[12:16] = struct.pack("<L", len(directory))
    with pytest.raises(ArchiveError):
        unpack(tmp_path, plain[:at] + directory + bytes(tail))
    assert not (tmp_path / "cache" / "unpacked").exists() or not any((tmp_path / "cache" / "unpacked").rglob("*.png"))


@pytest.mark.parametrize("count", [0, 65_535])
def test_a_false_member_count_gives_access_to_no_other_member(tmp_path: Path, count: int) -> None:
    body = bytearray(archive(("a.png", b"x"), ("b.png", b"y")))
    end = body.index(b"PK\x05\x06")
    body[end + 8 : end + 12] = struct.pack("<HH", count, count)
    try:
        members = unpack(tmp_path, bytes(body))
    except ArchiveError:
        return
    assert set(members) <= {"a.png", "b.png"}
