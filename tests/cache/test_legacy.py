"""Unreadable files of the previous implementation are ignored, and the requested files are fetched."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from brainio.cache import Cache, content
from tests.cache.helpers import BODY, SHA1, feed
from tests.reliability.processes import run_code

UNREADABLE = """
import filelock, os, sys, tempfile
from pathlib import Path
from brainio.cache import Cache

if os.geteuid() == 0:  # root may read anything
    os.seteuid(65534)
with tempfile.TemporaryDirectory() as folder:
    cache = Cache(Path(folder))
    file = cache.root / "assy_a" / "assy_a.nc"
    file.parent.mkdir()
    file.write_bytes(b"abc")
    closed = file if sys.argv[1] == "file" else file.parent
    closed.chmod(0)
    sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d"
    try:
        assert cache.find(sha1, file.name) is None
        with cache.receive(name=file.name, sha1=sha1) as incoming:
            incoming.write(b"abc")
            assert incoming.finish().read_bytes() == b"abc"
    finally:
        closed.chmod(0o700)
"""


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_an_unreadable_legacy_file_is_ignored(closed: str) -> None:
    done = run_code(UNREADABLE, closed, folder="/")
    assert done.returncode == 0, done.stderr


def find_legacy_file(cache: Cache) -> Path:
    file = cache.root / "a" / "a.nc"
    file.parent.mkdir(parents=True)
    file.write_bytes(BODY)
    return file


def test_a_legacy_file_removed_before_hashing_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    file, real = find_legacy_file(cache), content.hash_file

    def gone(path: Path) -> str:
        file.unlink()
        return real(path)

    monkeypatch.setattr(content, "hash_file", gone)
    assert cache.find(SHA1, "a.nc") is None
    monkeypatch.undo()
    assert feed(cache, BODY, sha1=SHA1).read_bytes() == BODY


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"other")], ids=["gone", "changed"])
def test_a_legacy_file_removed_or_changed_before_copying_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    cache = Cache(tmp_path)
    file = find_legacy_file(cache)

    def no_links(*_: object) -> None:
        change(file)
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", no_links)
    assert cache.find(SHA1, "a.nc") is None
