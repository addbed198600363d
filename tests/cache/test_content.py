"""`Cache`: storage by content, adoption of existing files, recorded locations."""

import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.cache import Cache, hash_file
from brainio.cache.files import safe_name
from brainio.errors import CacheError, IntegrityError
from brainio.local_files import Fingerprint
from tests.reliability.processes import execute, join, run_code, start

BODY = b"0123456789" * 200_000
SHA1 = hashlib.sha1(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()


def pieces(body: bytes = BODY) -> Iterator[bytes]:
    yield from (body[start : start + 65536] for start in range(0, len(body), 65536))


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "CACHEDIR.TAG")


def test_added_bytes_are_found_by_hash_and_name(cache: Cache) -> None:
    path = cache.add(pieces(), name="assy_a.nc", sha1=SHA1, sha256=SHA256, size=len(BODY))
    assert path == cache.root / "content" / SHA1[:2] / SHA1 / "assy_a.nc"
    assert path.read_bytes() == BODY
    assert cache.find(SHA1, "assy_a.nc", SHA256) == path
    assert cache.find(SHA1.upper(), "assy_a.nc") == path


def test_unknown_content_is_not_found_and_the_lookup_writes_nothing(cache: Cache) -> None:
    assert cache.find(SHA1, "assy_a.nc") is None
    assert cache.find_by_location("s3://bucket/a", None) is None
    assert not cache.root.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"sha1": "0" * 40}, {"sha1": SHA1, "sha256": "0" * 64}, {"size": len(BODY) - 1}, {"size": len(BODY) + 1}],
    ids=["sha1", "sha256", "too long", "too short"],
)
def test_bytes_that_fail_their_hash_are_not_cached(cache: Cache, wrong: dict[str, str | int]) -> None:
    with pytest.raises(IntegrityError) as caught:
        cache.add(pieces(), name="assy_a.nc", **wrong)  # type: ignore[arg-type]
    assert files_below(cache.root) == []
    assert "assy_a.nc" in str(caught.value)
    if "0" * 40 in wrong.values():
        assert all(digest in str(caught.value) for digest in ("0" * 40, SHA1))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_download_leaves_nothing_and_raises_its_error(cache: Cache, error: type[BaseException]) -> None:
    def broken() -> Iterator[bytes]:
        yield BODY
        raise error

    with pytest.raises(error):
        cache.add(broken(), name="assy_a.nc", sha1=SHA1)
    assert files_below(cache.root) == []


def test_two_contents_under_one_name_do_not_collide(cache: Cache) -> None:
    first = cache.add([b"one"], name="stimuli.csv")
    second = cache.add([b"two"], name="stimuli.csv")
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")
    assert first.name == second.name == "stimuli.csv"


@pytest.mark.parametrize("how", ["found", "added"])
def test_one_content_under_two_names_is_stored_once(cache: Cache, how: str) -> None:
    first = cache.add(pieces(), name="a.csv", sha1=SHA1)
    second = cache.find(SHA1, "b.csv") if how == "found" else cache.add(pieces(), name="b.csv", sha1=SHA1)
    assert second is not None
    assert (second.name, second.stat().st_ino) == ("b.csv", first.stat().st_ino)


def test_without_links_the_existing_path_is_returned_for_another_name(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cache.add(pieces(), name="a.csv", sha1=SHA1)

    def no_links(*_: object) -> None:
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", no_links)
    assert cache.find(SHA1, "b.csv") == first


def test_a_file_is_not_hashed_again_while_its_fingerprint_stays(cache: Cache, hashed_files: list[Path]) -> None:
    cache.add(pieces(), name="a.nc", sha1=SHA1)
    for _ in range(3):
        assert cache.find(SHA1, "a.nc") is not None
    assert hashed_files == []


def test_a_touched_file_is_hashed_once_more_and_then_trusted(cache: Cache, hashed_files: list[Path]) -> None:
    path = cache.add(pieces(), name="a.nc", sha1=SHA1)
    os.utime(path, (1, 1))
    assert [cache.find(SHA1, "a.nc"), cache.find(SHA1, "a.nc")] == [path, path]
    assert hashed_files == [path]


def test_an_unrecorded_sha256_is_computed_once(cache: Cache, hashed_files: list[Path]) -> None:
    path = cache.add(pieces(), name="a.nc", sha1=SHA1)
    assert [cache.find(SHA1, "a.nc", SHA256), cache.find(SHA1, "a.nc", SHA256)] == [path, path]
    assert hashed_files == [path]


def test_a_file_with_another_sha256_is_not_found(cache: Cache) -> None:
    path = cache.add(pieces(), name="a.nc", sha1=SHA1)
    assert cache.find(SHA1, "a.nc", "0" * 64) is None
    assert cache.find(SHA1, "a.nc") == path


def test_a_changed_file_is_moved_to_quarantine_under_all_its_names_and_can_be_added_again(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    path = cache.add(pieces(), name="a.nc", sha1=SHA1)
    assert cache.find(SHA1, "b.nc") is not None
    with path.open("ab") as file:
        file.write(b"rot")
    with caplog.at_level(logging.WARNING):
        assert [cache.find(SHA1, "a.nc"), cache.find(SHA1, "b.nc")] == [None, None]
    assert len(caplog.records) == 1
    assert [kept.read_bytes() for kept in files_below(cache.root / "quarantine")] == [BODY + b"rot"]
    assert cache.add(pieces(), name="a.nc", sha1=SHA1).read_bytes() == BODY


def test_a_lost_or_broken_record_costs_one_hash_and_no_data(cache: Cache) -> None:
    path = cache.add(pieces(), name="a.nc", sha1=SHA1)
    record = path.parent / ".verified.json"
    for text in ("", "[]", "null", '{"device": "?"}'):
        record.write_text(text)
        assert cache.find(SHA1, "a.nc") == path
    record.unlink()
    assert cache.find(SHA1, "a.nc") == path


def test_cached_files_are_read_only_and_respect_the_umask(cache: Cache) -> None:
    previous = os.umask(0o027)
    try:
        path = cache.add(pieces(), name="a.nc", sha1=SHA1)
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o440
    assert path.parent.stat().st_mode & 0o777 == 0o750


def test_eight_threads_can_add_one_content(cache: Cache) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: cache.add(pieces(), name="a.nc", sha1=SHA1), range(24)))
    assert len(paths) == 1
    assert paths.pop().read_bytes() == BODY
    assert files_below(cache.root / "partial") == []


def test_several_processes_can_add_one_content(cache: Cache) -> None:
    script = f"""
import sys
from pathlib import Path
from brainio.cache import Cache
cache = Cache(Path(sys.argv[1]))
for number in range(20):
    path = cache.add([b"0123456789" * 20_000] * 10, name=f"a{{number}}.nc", sha1={SHA1!r})
    assert path.stat().st_size == 2_000_000
"""
    assert join([start(execute, script, (str(cache.root),)) for _ in range(4)]) == [0, 0, 0, 0]
    folder = cache.root / "content" / SHA1[:2] / SHA1
    assert {path.name for path in folder.glob("*.nc")} == {f"a{number}.nc" for number in range(20)}
    assert {path.read_bytes() for path in folder.glob("*.nc")} == {BODY}
    assert files_below(cache.root / "partial") == []


@pytest.mark.parametrize(
    "name", ["../../escape", "a/b.csv", "a\\b", "", ".", "..", ".verified.json", "x\0y", "é" * 300]
)
def test_an_invalid_file_name_is_made_valid(cache: Cache, name: str) -> None:
    path = cache.add([b"abc"], name=name)
    assert path.read_bytes() == b"abc"
    assert path.parent == cache.root / "content" / hash_file(path)[:2] / hash_file(path)
    assert cache.find(hash_file(path), name) == path


@given(st.text(max_size=400))
def test_safe_names_are_short_single_components_and_unchanged(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 255
    assert safe not in {".", "..", ".verified.json"}
    assert not set("/\\\0") & set(safe)
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_extension_and_is_unique(cache: Cache) -> None:
    first, second = (safe_name("x" * 400 + letter + ".nc") for letter in "ab")
    assert first.endswith(".nc")
    assert second.endswith(".nc")
    assert first != second


@pytest.mark.parametrize("sha1", ["", "../../etc", "0" * 39, "g" * 40, SHA256])
def test_a_malformed_hash_is_refused(cache: Cache, sha1: str) -> None:
    with pytest.raises(IntegrityError, match="not a sha1"):
        cache.find(sha1, "a.nc")


def earlier_home(root: Path) -> Path:
    """Store a file like `brainscore-brainio` 1.1.0."""
    earlier = root / "assy_lab_Recording_x" / "assy_lab_Recording_x.nc"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(BODY)
    return earlier


@pytest.mark.parametrize(
    "place",
    [
        "assy_lab_Recording_x/assy_lab_Recording_x.nc",
        "stimulus_lab_Set_2020/stimulus_lab_Set_2020.csv",
        "stimulus_lab_Set_2020/stimulus_lab_Set_2020.zip",
        "some.file/some.file.csv",
        "noext/noext",
    ],
)
def test_files_of_the_earlier_implementation_are_adopted_and_unchanged(cache: Cache, place: str) -> None:
    earlier = cache.root / place
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(BODY)
    found = cache.find(SHA1, earlier.name)
    assert found == cache.root / "content" / SHA1[:2] / SHA1 / earlier.name
    assert found.stat().st_ino == earlier.stat().st_ino
    assert earlier.read_bytes() == BODY


def test_an_adopted_file_is_hashed_once(cache: Cache, hashed_files: list[Path]) -> None:
    earlier = earlier_home(cache.root)
    assert cache.find(SHA1, earlier.name) == cache.find(SHA1, earlier.name)
    assert hashed_files == [earlier]


def test_an_earlier_file_with_other_bytes_is_neither_adopted_nor_touched(cache: Cache) -> None:
    earlier = earlier_home(cache.root)
    earlier.write_bytes(b"older")
    assert cache.find(SHA1, earlier.name) is None
    assert cache.adopt(earlier.name, SHA1) is None
    assert files_below(cache.root) == [earlier]
    assert earlier.read_bytes() == b"older"


def test_an_earlier_file_is_copied_if_links_are_impossible(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = earlier_home(cache.root)

    def no_links(*_: object) -> None:
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", no_links)
    found = cache.find(SHA1, earlier.name)
    assert found is not None
    assert found.stat().st_ino != earlier.stat().st_ino
    assert (found.read_bytes(), earlier.read_bytes()) == (BODY, BODY)


def test_an_adopted_file_with_another_sha256_is_not_found(cache: Cache) -> None:
    earlier = earlier_home(cache.root)
    assert cache.find(SHA1, earlier.name, "0" * 64) is None
    assert cache.find(SHA1, earlier.name, SHA256) is not None


def test_the_name_of_an_earlier_file_cannot_escape_the_cache(cache: Cache) -> None:
    cache.root.mkdir()
    (cache.root.parent / "outside").mkdir()
    (cache.root.parent / "outside" / "a.nc").write_bytes(BODY)
    assert cache.find(SHA1, "../outside/a.nc") is None


def test_content_of_a_location_is_recorded_by_location_and_version(cache: Cache) -> None:
    path = cache.add(pieces(), name="a.nc")
    cache.record_location("s3://bucket/a.nc", "null", SHA1, "a.nc")
    assert cache.find_by_location("s3://bucket/a.nc", "null") == path
    assert cache.find_by_location("s3://bucket/a.nc", None) is None
    assert cache.find_by_location("s3://bucket/b.nc", "null") is None


def test_a_reference_to_missing_content_or_with_invalid_values_is_ignored(cache: Cache) -> None:
    cache.record_location("https://user:secret@host/a.nc", None, SHA1, "a.nc")
    assert cache.find_by_location("https://user:secret@host/a.nc", "") is None
    (reference,) = files_below(cache.root / "refs")
    assert json.loads(reference.read_text()) == {"version_id": None, "sha1": SHA1, "name": "a.nc"}
    reference.write_text("{")
    assert cache.find_by_location("https://user:secret@host/a.nc", None) is None


def test_an_unwritable_cache_is_an_error_that_names_brainio_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file" / "cache")
    for write in (
        lambda: cache.add([b"abc"], name="a.nc"),
        lambda: cache.record_location("s3://bucket/a.nc", None, SHA1, "a.nc"),
    ):
        with pytest.raises(CacheError, match="BRAINIO_HOME"):
            write()
    assert cache.find(SHA1, "a.nc") is None


READ_ONLY = f"""
import encodings.cp437, filelock, os, tempfile, zipfile
from pathlib import Path
from brainio.cache import Cache
from brainio.errors import CacheError

if os.geteuid() == 0:  # root may write anywhere
    os.seteuid(65534)
BODY = b"0123456789" * 200_000
with tempfile.TemporaryDirectory() as folder:
    cache = Cache(Path(folder, "cache"))
    path = cache.add([BODY], name="a.nc", sha1="{SHA1}")
    archives = [Path(folder, name) for name in ("a.zip", "b.zip")]
    for archive in archives:
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(archive.stem, b"x")
    unpacked = cache.unpack(archives[0])
    earlier = cache.root / "assy_e" / "assy_e.nc"
    earlier.parent.mkdir()
    earlier.write_bytes(b"")
    os.utime(path, (1, 1))
    folders = [cache.root, *(entry for entry in cache.root.rglob("*") if entry.is_dir())]
    for entry in folders:
        entry.chmod(0o555)
    try:
        assert cache.find("{SHA1}", "a.nc", "{SHA256}") == path
        assert cache.find("{SHA1}", "b.nc") == path
        assert cache.find("{hashlib.sha1(b"").hexdigest()}", "assy_e.nc") == earlier
        assert cache.unpack(archives[0]) == unpacked
        for write in (lambda: cache.add([b"abc"], name="b.nc"), lambda: cache.unpack(archives[1])):
            try:
                write()
            except CacheError as error:
                assert "BRAINIO_HOME" in str(error)
            else:
                raise AssertionError("written")
    finally:
        for entry in folders:
            entry.chmod(0o755)
"""


def test_a_read_only_cache_serves_its_content() -> None:
    done = run_code(READ_ONLY)
    assert done.returncode == 0, done.stderr


def test_the_root_is_marked_as_a_cache(cache: Cache) -> None:
    cache.add([b"abc"], name="a.nc")
    assert (cache.root / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


def test_importing_the_cache_imports_no_heavy_library() -> None:
    script = "import sys, brainio.cache; sys.exit(len({'numpy', 'pandas', 'boto3', 'fsspec'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_file_with_other_device_numbers_on_another_machine_is_hashed_once_by_each(
    cache: Cache, hashed_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, here = cache.add(pieces(), name="a.nc", sha1=SHA1), Fingerprint.of
    for _ in range(3):
        assert cache.find(SHA1, "a.nc") == path
        with monkeypatch.context() as other_machine:
            other_machine.setattr(Fingerprint, "of", lambda path: here(path)._replace(device=4711))
            assert cache.find(SHA1, "a.nc") == path
    assert hashed_files == [path]
