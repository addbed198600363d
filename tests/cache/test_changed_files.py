"""Changed cached files: a change of bytes is detected; any other change costs one hash and no warning."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brainio.cache import Cache
from brainio.cache.verification import verify
from tests.cache.helpers import overwrite
from tests.reliability.processes import run_code

BODY = b"0123456789" * 20_000
CHANGED = b"7" + BODY[1:]
SHA1 = hashlib.sha1(BODY).hexdigest()


def add(cache: Cache, name: str = "a.nc") -> Path:
    return cache.add([BODY], name=name, sha1=SHA1)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def forget_ctimes(path: Path) -> None:
    """Write the record of a file like earlier versions."""
    record = path.parent / ".verified.json"
    files = json.loads(record.read_text())["files"]
    for file in files:
        del file["ctime_ns"]
    record.write_text(json.dumps({"files": files}))


def test_a_file_changed_in_place_is_never_served_even_with_a_restored_time(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    path = add(cache)
    overwrite(path, CHANGED)
    with caplog.at_level(logging.WARNING):
        assert cache.find(SHA1, "a.nc") is None
    assert "no longer has the sha1" in caplog.text
    assert add(cache).read_bytes() == BODY


def _restore(path: Path) -> None:
    shutil.copy2(path, path.with_name("backup"))
    path.with_name("backup").replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "chmod": lambda path: path.chmod(0o400),
    "link": lambda path: path.with_name("other").hardlink_to(path),
    "link elsewhere": lambda path: (path.parents[3] / "mine").hardlink_to(path),
    "rename": lambda path: path.rename(path.with_name("b")).rename(path),
    "touch": lambda path: os.utime(path, (1, 1)),
    "restored backup": _restore,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_keeps_the_bytes_costs_one_hash_and_no_warning(
    cache: Cache, hashed_files: list[Path], change: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = add(cache)
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        CHANGES[change](path)
        path.with_name("other").unlink(missing_ok=True)
    with caplog.at_level(logging.WARNING):
        assert [cache.find(SHA1, "a.nc") for _ in range(3)] == [path] * 3
    assert hashed_files == [path]
    assert caplog.records == []


def test_a_new_file_is_not_hashed_again_under_another_name(cache: Cache, hashed_files: list[Path]) -> None:
    names = [f"{letter}.nc" for letter in "abcd"]
    add(cache)
    for name in (*names, *names):
        found = cache.find(SHA1, name)
        assert found is not None
        assert found.name == name
    assert hashed_files == []


def test_threads_that_link_one_content_hash_it_rarely_and_leave_a_valid_record(
    cache: Cache, hashed_files: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    add(cache)
    names = [f"{number}.nc" for number in range(64)]
    with ThreadPoolExecutor(16) as pool, caplog.at_level(logging.WARNING):
        found = list(pool.map(lambda name: cache.find(SHA1, name), names))
    assert [path.name for path in found if path] == names
    assert len(hashed_files) < len(names) / 2
    hashed_files.clear()
    assert all(cache.find(SHA1, name) for name in names)
    assert len(hashed_files) <= 1
    assert caplog.records == []


def test_a_file_of_an_earlier_version_is_hashed_once_and_becomes_read_only(
    cache: Cache, hashed_files: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = add(cache)
    path.chmod(0o644)
    forget_ctimes(path)
    with caplog.at_level(logging.WARNING):
        assert [cache.find(SHA1, "a.nc") for _ in range(3)] == [path] * 3
    assert hashed_files == [path]
    assert mode(path) == 0o444
    assert caplog.records == []


def test_verification_makes_only_unshared_files_read_only(cache: Cache) -> None:
    path = add(cache)
    shared = cache.add([b"mine too"], name="b.nc")
    shared.with_name("c.nc").hardlink_to(shared)
    (cache.root / "mine").hardlink_to(shared)
    for file in (path, shared):
        file.chmod(0o644)
    assert not any(checked.fault for checked in verify(cache.root))
    assert (mode(path), mode(shared)) == (0o444, 0o644)
    (cache.root / "mine").unlink()
    assert not any(checked.fault for checked in verify(cache.root))
    assert mode(shared) == 0o444


def test_an_adopted_file_keeps_its_mode(cache: Cache, hashed_files: list[Path]) -> None:
    earlier = cache.root / "a" / "a.nc"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(BODY)
    earlier.chmod(0o640)
    path = cache.find(SHA1, "a.nc")
    assert path is not None
    assert path.samefile(earlier)
    assert [cache.find(SHA1, "a.nc"), cache.find(SHA1, "a.nc")] == [path, path]
    assert hashed_files == [earlier]
    assert mode(path) == mode(earlier) == 0o640


def test_an_earlier_file_replaced_during_its_adoption_is_not_cached(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = cache.root / "a" / "a.nc"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(BODY)
    real = os.link

    def replace_first(source: Path, target: Path) -> None:
        earlier.write_bytes(CHANGED)
        real(source, target)

    monkeypatch.setattr(os, "link", replace_first)
    assert cache.find(SHA1, "a.nc") is None
    assert not (cache.root / "content" / SHA1[:2] / SHA1 / "a.nc").exists()
    assert earlier.read_bytes() == CHANGED


def test_files_are_cached_even_if_modes_cannot_be_changed(
    cache: Cache, hashed_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    path = add(cache)
    assert cache.find(SHA1, "a.nc") == path
    assert hashed_files == []
    os.utime(path, (1, 1))
    assert [cache.find(SHA1, "a.nc"), cache.find(SHA1, "a.nc")] == [path, path]
    assert hashed_files == [path]


def test_a_shared_file_of_an_earlier_version_is_hashed_once_and_unchanged(
    cache: Cache, tmp_path: Path, hashed_files: list[Path]
) -> None:
    path = add(cache)
    path.chmod(0o644)
    forget_ctimes(path)
    before = {file: (file.stat().st_ctime_ns, mode(file)) for file in cache.root.rglob("*")}
    own = Cache(tmp_path / "own", [cache.root])
    assert [own.find(SHA1, "a.nc"), own.find(SHA1, "b.nc")] == [path, path]
    assert hashed_files == [path]
    assert {file: (file.stat().st_ctime_ns, mode(file)) for file in cache.root.rglob("*")} == before


ORDINARY_USER = """
import hashlib, os, shutil, tempfile
from pathlib import Path
import filelock
from brainio.cache import Cache
from brainio.cache.pruning import prune, remove

if os.geteuid() == 0:  # root may write anywhere
    os.seteuid(65534)
with tempfile.TemporaryDirectory() as folder:
    cache = Cache(Path(folder, "cache"))
    path = cache.add([b"a"], name="a.nc")
    try:
        path.open("r+b")
    except PermissionError:
        pass
    else:
        raise AssertionError("writable")
    sha1 = hashlib.sha1(b"a").hexdigest()
    assert cache.find(sha1, "b.nc").name == "b.nc"
    assert remove(cache.root, [sha1]).items
    path = cache.add([b"a"], name="a.nc")
    assert prune(cache.root, max_size=0).items
    assert not path.exists()
    path = cache.add([b"a"], name="a.nc")
    path.chmod(0o644)
    path.write_bytes(b"b")
    assert cache.find(sha1, "a.nc") is None
    assert prune(cache.root, max_size=0).items
"""


def test_an_ordinary_user_cannot_write_to_cached_files_but_can_link_remove_and_prune_them() -> None:
    done = run_code(ORDINARY_USER, folder="/")
    assert done.returncode == 0, done.stderr
