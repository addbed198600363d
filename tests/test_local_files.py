"""Local files: an atomic write leaves the old file or the new one, and a fingerprint changes with the bytes."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from brainio.local_files import Fingerprint, atomic_path, write_file
from brainio.processes import this_process

OLD, NEW = "old" * 10_000, "new" * 10_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_write_replaces_the_file_and_leaves_no_temporary_file(folder: Path) -> None:
    target = folder / "a.csv"
    assert write_file(target, OLD)
    assert write_file(target, NEW.encode())
    assert (target.read_text(), names(folder)) == (NEW, ["a.csv"])


def test_text_keeps_its_line_ends(folder: Path) -> None:
    write_file(folder / "a.csv", "a\r\né\n")
    assert (folder / "a.csv").read_bytes() == "a\r\né\n".encode()


def test_readers_see_the_old_file_or_the_new_one(folder: Path) -> None:
    target, seen, is_done = folder / "a.csv", set(), threading.Event()
    write_file(target, OLD)

    def read() -> None:
        while not is_done.is_set():
            seen.add(target.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        write_file(target, NEW if number % 2 else OLD, durable=False)
    is_done.set()
    reader.join()
    assert seen <= {OLD, NEW}


def test_a_failed_write_leaves_the_old_file(folder: Path) -> None:
    target = folder / "a.csv"
    write_file(target, OLD)
    with suppress(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_text(NEW)
        1 / 0  # noqa: B018
    assert (target.read_text(), names(folder)) == (OLD, ["a.csv"])


def test_a_failed_check_leaves_the_old_file(folder: Path) -> None:
    target = folder / "a.csv"
    write_file(target, OLD)
    assert not write_file(target, NEW, check=lambda: False)
    assert (target.read_text(), names(folder)) == (OLD, ["a.csv"])


def test_the_check_sees_the_old_file_after_the_new_content_is_on_the_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, events = folder / "a.csv", []
    write_file(target, OLD)
    monkeypatch.setattr("os.fsync", lambda _descriptor: events.append("fsync"))

    def check() -> bool:
        events.append(target.read_text())
        return True

    write_file(target, NEW, check=check)
    assert events == ["fsync", OLD, "fsync"]  # the file, the check, the folder


def test_a_write_without_durability_does_not_sync(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _descriptor: pytest.fail("waits for the disk"))
    write_file(folder / "a.csv", NEW, durable=False)
    with atomic_path(folder / "b.csv", durable=False) as temporary:
        temporary.write_text(NEW)
    assert names(folder) == ["a.csv", "b.csv"]


@pytest.mark.parametrize("has_links", [True, False])
def test_an_existing_file_stays_when_replacing_is_not_allowed(
    has_links: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_links:

        def refuse(*_: object) -> None:
            raise PermissionError("no hard links")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    for content in (OLD, NEW):
        try:
            with atomic_path(folder / "a.csv", replace=False) as temporary:
                temporary.write_text(content)
        except FileExistsError:
            assert content == NEW
    assert ((folder / "a.csv").read_text(), names(folder)) == (OLD, ["a.csv"])


def test_the_new_file_has_the_mode_of_the_umask(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(folder / "a.csv", NEW)
    finally:
        os.umask(before)
    assert (folder / "a.csv").stat().st_mode & 0o777 == 0o640


def test_a_name_of_maximum_length_can_be_written(folder: Path) -> None:
    name = "é" * 125 + ".json"
    write_file(folder / name, NEW)
    assert names(folder) == [name]


def test_temporary_files_of_killed_processes_are_removed(folder: Path) -> None:
    program = f"""
import os, signal, pathlib
from brainio.local_files import atomic_path
with atomic_path(pathlib.Path({str(folder / "a.csv")!r})) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert len(names(folder)) == 1
    mine = folder / f".b.csv.{this_process().tag}-01.part"
    mine.touch()
    write_file(folder / "c.csv", NEW)
    assert names(folder) == [mine.name, "c.csv"]


def test_a_fingerprint_changes_although_the_modification_time_was_restored(folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text("abc")
    before, status = Fingerprint.of(path), path.stat()
    path.write_text("abd")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert Fingerprint.of(path) != before
    assert Fingerprint.of(path).has_contents_of(before)


def test_a_missing_file_has_no_fingerprint(folder: Path) -> None:
    assert Fingerprint.find(folder / "a.csv") is None
    assert Fingerprint.find("a\0.csv") is None
    with pytest.raises(FileNotFoundError):
        Fingerprint.of(folder / "a.csv")


def test_a_fingerprint_without_the_device_is_equal_on_every_machine(folder: Path) -> None:
    here = Fingerprint.of(folder)
    assert here._replace(device=here.device + 1).portable == here.portable
