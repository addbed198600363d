"""Disk failures: each system error becomes a `BrainioError` that names its cause and the file.

A preloaded library makes real system calls fail in another process, including those of the netCDF library.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux" or shutil.which("gcc") is None, reason="needs Linux and gcc")

SCRIPT = """
import errno, json, os, shutil, sys
from pathlib import Path

import numpy as np

import brainio
from brainio.assemblies import DataAssembly
from brainio.cache import Cache, verification
from brainio.packaging import create_stimulus_csv, create_stimulus_zip, write_netcdf
from brainio.stimuli import StimulusSet

home, work, results = Path(os.environ["BRAINIO_HOME"]), Path(sys.argv[1]), {}
NAME = "modelfest.Carney1999"
cache = Cache(work / "cache")


def attempt(name, path, calls, code, action):
    os.environ |= {"FAULT_CALLS": calls, "FAULT_ERRNO": str(code), "FAULT_PATH": path}
    try:
        results[name] = ["", str(action())]
    except BaseException as error:
        results[name] = [type(error).__name__, str(error)]
    finally:
        os.environ["FAULT_PATH"] = ""


def forget(pattern):
    for path in home.rglob(pattern):
        (path.parent / ".verified.json").unlink()


def receive():
    with cache.receive(name="received.bin", sha1="0" * 40) as incoming:
        incoming.write(bytes(3_000_000))
        return incoming.finish()


def pack():
    return create_stimulus_zip(stimuli, work / "new.zip")


stimuli = brainio.get_stimulus_set(NAME)
brainio.get_assembly(NAME)
member = stimuli.get_stimulus("GaborPatch1")
table = StimulusSet({"stimulus_id": ["a"]})
recording = DataAssembly(np.ones((2000, 100)), coords={"unit": ("x", np.arange(2000))}, dims=["x", "y"])

attempt("read table", ".csv", "read", errno.EIO, lambda: brainio.get_stimulus_set(NAME))
attempt("read assembly", "home/content", "read", errno.EIO, lambda: brainio.get_assembly(NAME))
os.utime(member, (1, 1))
attempt("read member", member.name, "read", errno.EIO, lambda: stimuli.get_stimulus("GaborPatch1"))
attempt("pack stimulus", member.name, "read", errno.EIO, pack)
attempt("verify", ".zip", "read", errno.EIO, lambda: [one.fault for one in verification.verify(home) if one.fault])
forget("*.csv")
attempt("hash", ".csv", "read", errno.EIO, lambda: brainio.get_stimulus_set(NAME))
shutil.rmtree(home / "unpacked")
attempt("read archive", ".zip", "read", errno.EIO, lambda: brainio.get_stimulus_set(NAME))
attempt("unpack", "home/partial", "write", errno.EDQUOT, lambda: brainio.get_stimulus_set(NAME))
for code in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
    attempt(f"receive {errno.errorcode[code]}", "cache/partial", "write", code, receive)
attempt("sync", "cache/partial", "sync", errno.EIO, lambda: cache.add([b"abc"], name="b"))
for code in (errno.EIO, errno.ENOSPC):
    name = errno.errorcode[code]
    attempt(f"write table {name}", "new.csv", "write", code, lambda: create_stimulus_csv(table, work / "new.csv"))
    attempt(f"write archive {name}", "new.zip", "write", code, pack)
    attempt(f"write netCDF {name}", "new.nc", "write", code, lambda: write_netcdf(recording, work / "new.nc"))
results["files"] = ["", str(sorted(path.name for path in work.iterdir()))]
results["partial"] = ["", str([path.name for path in (work / "cache" / "partial").iterdir()])]
attempt("afterwards", "", "", 0, lambda: len(brainio.get_stimulus_set(NAME)) and write_netcdf(recording, work / "a.nc"))
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """The name and message of the error of each action while the disk failed."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "work").mkdir()
    library = folder / "failing.so"
    source = Path(__file__).with_name("failing_disk.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library), "BRAINIO_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder / "work")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("action", "error", "cause"),
    [
        ("read table", "CacheError", "Input/output error"),
        ("hash", "CacheError", "Input/output error"),
        ("read archive", "CacheError", "Input/output error"),
        ("unpack", "CacheError", "Disk quota exceeded"),
        ("receive EIO", "CacheError", "Input/output error"),
        ("receive ENOSPC", "CacheError", "No space left on device"),
        ("receive EDQUOT", "CacheError", "Disk quota exceeded"),
        ("sync", "CacheError", "Input/output error"),
        ("pack stimulus", "PackagingError", "Input/output error"),
        ("write table EIO", "PackagingError", "Input/output error"),
        ("write table ENOSPC", "PackagingError", "there is no space left"),
        ("write archive EIO", "PackagingError", "Input/output error"),
        ("write archive ENOSPC", "PackagingError", "there is no space left"),
        ("write netCDF EIO", "PackagingError", "Input/output error"),
        ("write netCDF ENOSPC", "PackagingError", "there is no space left"),
    ],
)
def test_a_disk_error_becomes_a_brainio_error_that_names_its_cause(
    results: dict[str, tuple[str, str]], action: str, error: str, cause: str
) -> None:
    assert results[action][0] == error, results[action]
    assert cause in results[action][1]


def test_a_disk_error_in_the_netcdf_library_becomes_a_brainio_error(
    results: dict[str, tuple[str, str]],
) -> None:
    assert results["read assembly"][0] in {"CacheError", "AssemblyFormatError"}, results["read assembly"]


def test_an_unreadable_unpacked_member_is_unpacked_again(results: dict[str, tuple[str, str]]) -> None:
    assert results["read member"][0] == "", results["read member"]
    assert results["read member"][1].endswith(".png")


def test_verification_reports_unreadable_files_and_continues(results: dict[str, tuple[str, str]]) -> None:
    assert results["verify"][0] == "", results["verify"]
    assert "Input/output error" in results["verify"][1]


def test_a_disk_failure_leaves_no_incomplete_file_and_everything_works_afterwards(
    results: dict[str, tuple[str, str]],
) -> None:
    assert results["files"][1] == "['cache']"
    assert results["partial"][1] == "[]"
    assert results["afterwards"][0] == "", results["afterwards"]
