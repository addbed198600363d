"""`brainio.cache.archive`: an archive is unpacked as a whole, inside its folder, or not at all."""

import io
import os
import stat
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainio.cache import Cache, hash_file
from brainio.errors import ArchiveError
from tests.reliability.processes import execute, join, start
from tests.tiers import scaled_examples

PNG = b"\x89PNG" + os.urandom(3000)


def member(name: str, mode: int = 0o100644, **fields: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name  # set here because the constructor would truncate and convert it
    info.external_attr = mode << 16
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def write_zip(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return path


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def is_absent(cache: Cache) -> bool:
    return [name for name in files_below(cache.root) if name != "CACHEDIR.TAG"] == []


def test_an_archive_is_unpacked_under_its_own_names(cache: Cache, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", ("im.0.PNG", PNG), ("deep/er/a b.wav", b"wav"), ("empty/", b""))
    unpacked = cache.unpack(path)
    digest = hash_file(path)
    assert unpacked.folder == cache.root / "unpacked" / digest[:2] / digest
    assert unpacked.members == {"im.0.PNG", "deep/er/a b.wav"}
    assert files_below(unpacked.folder) == ["deep/er/a b.wav", "im.0.PNG"]
    assert (unpacked.folder / "im.0.PNG").read_bytes() == PNG


def test_a_second_unpack_reads_neither_archive_nor_folder(cache: Cache, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", ("a.png", PNG))
    sha1 = hash_file(path)
    first = cache.unpack(path, sha1)
    path.unlink()
    assert cache.unpack(path, sha1) == first


def test_a_lost_manifest_is_written_again(cache: Cache, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", ("a.png", PNG))
    first = cache.unpack(path)
    manifest = first.folder.with_name(f"{first.folder.name}.json")
    manifest.write_text("{")
    assert cache.unpack(path) == first
    assert "a.png" in manifest.read_text()


def test_an_empty_archive_is_a_folder_without_members(cache: Cache, tmp_path: Path) -> None:
    assert cache.unpack(write_zip(tmp_path / "a.zip")).members == frozenset()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (member("../evil.png"), "'..'"),
        (member("a/../../evil.png"), "'..'"),
        (member("/evil.png"), "absolute"),
        (member("C:/evil.png"), "absolute"),
        (member("..\\evil.png"), "backslash"),
        (member("a\\b.png"), "backslash"),
        (member("evil.png\0.txt"), "NUL"),
        (member("link.png", stat.S_IFLNK | 0o777), "link"),
        (member("pipe.png", stat.S_IFIFO | 0o644), "link or a device"),
        (member("x" * 256), "255 bytes"),
        (member("."), "empty"),
        (member("good.png"), "twice"),
        (member("./good.png"), "twice"),
        (member("good.png/below.png"), "both a file and a folder"),
    ],
    ids=lambda value: value.filename[:20] if isinstance(value, zipfile.ZipInfo) else "",
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_an_unsafe_member_is_refused_as_a_whole(
    cache: Cache, tmp_path: Path, bad: zipfile.ZipInfo, message: str
) -> None:
    path = write_zip(tmp_path / "a.zip", ("good.png", PNG), (bad, b"../../outside"))
    with pytest.raises(ArchiveError) as caught:
        cache.unpack(path)
    assert is_absent(cache)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert bad.filename.rpartition("/")[0] in str(caught.value)


def test_a_name_in_an_extra_field_is_checked_too(cache: Cache, tmp_path: Path) -> None:
    name, hidden = "good.png", b"../../evil.png"
    info = member(name)
    extra = struct.pack("<BL", 1, zlib.crc32(name.encode())) + hidden
    info.extra = struct.pack("<HH", 0x7075, len(extra)) + extra
    path = write_zip(tmp_path / "a.zip", (info, PNG))
    with zipfile.ZipFile(path) as archive:
        python_reads_the_field = archive.infolist()[0].filename != name
    if python_reads_the_field:
        with pytest.raises(ArchiveError, match=r"'\.\.'"):
            cache.unpack(path)
    else:
        assert files_below(cache.unpack(path).folder) == [name]
    assert not list(tmp_path.rglob("evil.png"))


def test_an_encrypted_member_is_refused(cache: Cache, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", ("a.png", PNG))
    body = bytearray(path.read_bytes())
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(body)
    with pytest.raises(ArchiveError, match=r"a\.png.*encrypted"):
        cache.unpack(path)


def test_an_archive_with_a_wrong_checksum_is_an_error_that_names_the_member(cache: Cache, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.png", b"a" * 1000)
        archive.writestr("b.png", b"b" * 1000)
    path.write_bytes(path.read_bytes().replace(b"b" * 1000, b"b" * 999 + b"c"))
    with pytest.raises(ArchiveError, match=r"b\.png"):
        cache.unpack(path)
    assert is_absent(cache)


@pytest.mark.parametrize(
    "body", [b"", b"no archive at all", b"PK\x03\x04" + b"\0" * 100], ids=["empty", "text", "head"]
)
def test_a_file_that_is_not_an_archive_is_refused(cache: Cache, tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(body)
    with pytest.raises(ArchiveError, match=r"a\.zip"):
        cache.unpack(path)


def test_a_missing_archive_is_an_error_that_names_it(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"missing\.zip"):
        cache.unpack(tmp_path / "missing.zip")
    with pytest.raises(ArchiveError, match=r"missing\.zip"):
        cache.unpack(tmp_path / "missing.zip", "0" * 40)


def archive_bytes(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(member(name), b"x")
    return buffer.getvalue()


NAMES = st.lists(st.text(st.sampled_from("ab./\\\0:é"), min_size=1, max_size=12), min_size=1, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(NAMES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_with_any_names_are_all_unpacked_inside_the_folder_or_none(tmp_path: Path, names: list[str]) -> None:
    body = archive_bytes(names)
    root = tmp_path / str(abs(hash(body)))
    root.mkdir(exist_ok=True)
    (root / "a.zip").write_bytes(body)
    cache = Cache(root / "cache")
    before = files_below(tmp_path)
    try:
        unpacked = cache.unpack(root / "a.zip")
    except ArchiveError:
        assert [name for name in files_below(tmp_path) if name not in before and "CACHEDIR" not in name] == []
        return
    files = [PurePosixPath(name).as_posix() for name in names if not name.endswith("/")]
    assert sorted(unpacked.members) == sorted(files) == files_below(unpacked.folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=scaled_examples(300))
@given(st.data())
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_damaged_archive_is_unpacked_or_refused_without_another_error(tmp_path: Path, data: st.DataObject) -> None:
    body = bytearray(archive_bytes(["a.png", "deep/b.png"]))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a.zip"
    path.write_bytes(body[: data.draw(st.integers(len(body) // 2, len(body)))])
    cache = Cache(tmp_path / "cache")
    try:
        unpacked = cache.unpack(path)
    except ArchiveError:
        assert not list((cache.root / "partial").glob("*"))
    else:
        assert sorted(unpacked.members) == files_below(unpacked.folder)


def test_many_threads_can_unpack_one_archive(cache: Cache, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", *((f"im{number}.png", PNG) for number in range(50)))
    with ThreadPoolExecutor(8) as pool:
        results = set(pool.map(lambda _: cache.unpack(path), range(16)))
    assert len(results) == 1
    assert len(files_below(results.pop().folder)) == 50
    assert list((cache.root / "partial").iterdir()) == []


def test_several_processes_can_unpack_one_archive(cache: Cache, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", *((f"im{number}.png", PNG) for number in range(200)))
    script = """
import sys
from pathlib import Path
from brainio.cache import Cache
unpacked = Cache(Path(sys.argv[1])).unpack(Path(sys.argv[2]))
assert all((unpacked.folder / name).stat().st_size == 3004 for name in unpacked.members), "incomplete"
assert len(unpacked.members) == 200
"""
    assert join([start(execute, script, (str(cache.root), str(path))) for _ in range(4)]) == [0, 0, 0, 0]
    assert list((cache.root / "partial").iterdir()) == []


def test_a_member_that_begins_before_the_archive_is_refused(cache: Cache, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one.png", "1")
    damaged = bytearray((tmp_path / "a.zip").read_bytes())
    directory = len(damaged) - 6  # the field with the offset of the central directory
    damaged[directory : directory + 4] = (int.from_bytes(damaged[directory : directory + 4], "little") + 1).to_bytes(
        4, "little"
    )
    (tmp_path / "a.zip").write_bytes(damaged)
    with pytest.raises(ArchiveError, match=r"'one\.png' is unsafe: it starts before the archive"):
        cache.unpack(tmp_path / "a.zip")
