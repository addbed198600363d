"""Helpers for tests of the cache: bytes, groups of real processes, and separate file systems."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from brainio.cache import Cache
from brainio.cache.content_store import RECORD, write_record
from brainio.cache.unpacked_archives import read_manifest, times_record
from brainio.local_files import Fingerprint
from tests.reliability.processes import run_code

MIB = 1024 * 1024
BODY = bytes(range(256)) * 4 * 1024 * 4 + b"the end"  # a little more than 4 MiB
SHA1 = hashlib.sha1(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()

_PREAMBLE = """
import hashlib, os, random, signal, sys, time, traceback
from pathlib import Path
import filelock
from brainio.cache import Cache
from tests.cache.helpers import BODY, MIB, SHA1, SHA256, lines

root, scratch = Path(sys.argv[1]), Path(sys.argv[2])
cache = Cache(root)

def note(name, text=""):
    with open(scratch / name, "ab", buffering=0) as file:
        file.write(f"{text}\\n".encode())

def fork(work, *arguments):
    pid = os.fork()
    if pid:
        return pid
    try:
        random.seed(os.getpid())
        work(*arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

def join(pids):
    codes = [os.waitpid(pid, 0)[1] for pid in pids]
    assert not any(codes), codes

"""


def run_processes(script: str, root: Path, scratch: Path, *arguments: str) -> None:
    """Run a script in a new process, with `fork` and `join` for further processes. The script must succeed."""
    scratch.mkdir(exist_ok=True)
    top = Path(__file__).parents[2]
    done = run_code(_PREAMBLE + script, str(root), str(scratch), *arguments, folder=top)
    assert done.returncode == 0, done.stderr


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def files_below(folder: Path) -> list[str]:
    """Return every file and folder in a folder, except for the marker file of a cache."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != "CACHEDIR.TAG")


def receive(cache: Cache, body: bytes = BODY, name: str = "a.nc") -> Path:
    """Receive a whole body, starting where an earlier attempt ended."""
    with cache.receive(name=name, sha1=hashlib.sha1(body).hexdigest(), size=len(body)) as incoming:
        if incoming.found is not None:
            return incoming.found
        incoming.write(body[incoming.offset :])
        return incoming.finish()


def overwrite(path: Path, body: bytes) -> None:
    """Write other bytes into a file and restore its modification time, like some backup tools and editors."""
    before = path.stat()
    path.write_bytes(body)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of many file systems ticks every 4 to 10 ms
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rot(path: Path, body: bytes) -> None:
    """Change a cached file without a trace in its record, like a bad disk."""
    record = path.parent / RECORD
    overwrite(path, body)
    write_record(path.parents[3], record, dict.fromkeys([Fingerprint.of(path)]))


def rot_member(folder: Path, name: str, body: bytes) -> None:
    """Change an unpacked member without a trace in its record, like a bad disk."""
    root, sha1 = folder.parents[2], folder.name
    overwrite(folder / name, body)
    manifest = read_manifest(root, sha1)
    assert manifest is not None
    times_record(root, sha1, manifest, root).record_times([name])


class Broken(Exception):  # noqa: N818 (an end that no code of the cache can bring about)
    """Raised to interrupt a download."""


def feed(
    cache: Cache,
    body: bytes,
    error: type[BaseException] | None = None,
    *,
    name: str = "a.nc",
    sha1: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
) -> Path:
    """Receive the remaining bytes, then finish or raise an error."""
    with cache.receive(name=name, sha1=sha1, sha256=sha256, size=size) as incoming:
        assert incoming.found is None
        for start in range(0, len(body), MIB // 3):
            incoming.write(body[start : start + MIB // 3])
        if error is not None:
            raise error
        return incoming.finish()


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """Mount a real file system of a given size, or skip the test without permission to mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("this test run may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
