"""The same input gives the same bytes: on another day, in another environment, and with another Python.

The environment variable BRAINIO_SECOND_PYTHON names other interpreters with brainio, separated like in PATH.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("same_bytes.py")
OTHERS = list(filter(None, os.environ.get("BRAINIO_SECOND_PYTHON", "").split(os.pathsep)))
NETCDF, ARCHIVE, CATALOG = "files/assy_lab_Doe2026.nc", "files/stimulus_lab_Doe2026.zip", "lab.csv"
EVERY = {
    *(NETCDF, ARCHIVE, CATALOG, "files/stimulus_lab_Doe2026.csv"),
    *("cards/assembly/lab.Doe2026.json", "cards/stimulus_set/lab.Doe2026.json"),
}
# Moves the clock of a process and its libraries 500 days ahead.
LATER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
enum { LATER = 500 * 86400 };
int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, now);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) now->tv_sec += LATER;
    return done;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    int done = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return done;
}
time_t time(time_t *also) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (also) *also = now.tv_sec;
    return now.tv_sec;
}
"""


def package(
    folder: Path, environment: dict[str, str] | None = None, python: str = sys.executable, umask: int = 0o022
) -> dict[str, object]:
    """Package in a separate process, and return the date and versions that it used."""
    done = subprocess.run(
        [python, SCRIPT, folder],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | (environment or {}),
        umask=umask,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-1 of every file that packaging created, except for locks."""
    made = folder / "made"
    paths = [path for path in made.rglob("*") if path.is_file() and not path.name.startswith(".")]
    found = {path.relative_to(made).as_posix(): hashlib.sha1(path.read_bytes()).hexdigest() for path in paths}
    assert found.keys() == EVERY
    return found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("here") / "made here"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def made_with(here: Path) -> dict[str, object]:
    return package(here, {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"})


slow = pytest.mark.slow(reason="a new interpreter packages everything in another environment")


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"TZ": "Pacific/Kiritimati"}, marks=slow),
        pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, marks=slow),
        pytest.param({"LC_ALL": "tr_TR.UTF-8"}, marks=slow),
        {"PYTHONHASHSEED": "4711"},
    ],
    ids=lambda environment: next(iter(environment)) + "=" + next(iter(environment.values())),
)
def test_another_environment_gives_the_same_bytes(
    here: Path, made_with: dict[str, object], tmp_path: Path, environment: dict[str, str]
) -> None:
    assert package(tmp_path / "there", environment).keys() == made_with.keys()
    assert hashes(tmp_path / "there") == hashes(here)


@slow
def test_another_umask_gives_the_same_bytes(here: Path, made_with: dict[str, object], tmp_path: Path) -> None:
    assert (made_with["umask"], package(tmp_path / "there", umask=0o077)["umask"]) == ("022", "077")
    assert hashes(tmp_path / "there") == hashes(here)


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="a clock that is wrong takes Linux and a C compiler"
)
def test_another_day_gives_the_same_bytes(here: Path, made_with: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "later.c").write_text(LATER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "later.so", "later.c", "-ldl"], check=True, cwd=tmp_path)
    day = package(tmp_path / "there", {"LD_PRELOAD": str(tmp_path / "later.so")})["day"]
    assert np.datetime64(str(day)) - np.datetime64(str(made_with["day"])) >= np.timedelta64(499, "D")
    assert hashes(tmp_path / "there") == hashes(here)


@pytest.mark.skipif(not OTHERS, reason="BRAINIO_SECOND_PYTHON names no other Python that has brainio")
@pytest.mark.parametrize("python", OTHERS)
def test_another_python_gives_the_same_bytes(
    here: Path, made_with: dict[str, object], tmp_path: Path, python: str
) -> None:
    there = package(tmp_path / "there", python=python)
    print(f"{made_with} and {there}")
    ours, theirs = hashes(here), hashes(tmp_path / "there")
    differ = {name for name in EVERY if ours[name] != theirs[name]}
    if there["netCDF4"] == made_with["netCDF4"]:
        assert differ <= ({ARCHIVE, CATALOG} if there["zlib"] != made_with["zlib"] else set())
    else:
        assert differ <= {NETCDF, CATALOG} | ({ARCHIVE} if there["zlib"] != made_with["zlib"] else set())
        require_alike(here / "made" / NETCDF, tmp_path / "there" / "made" / NETCDF)


def require_alike(first: Path, second: Path) -> None:
    """Check that two netCDF files differ only in the version of the library, its length and its checksums."""
    with netCDF4.Dataset(first) as ours, netCDF4.Dataset(second) as theirs:
        assert described(ours) == described(theirs)
        for name in ours.variables:
            ours[name].set_auto_maskandscale(False)
            theirs[name].set_auto_maskandscale(False)
            assert ours[name][...].tobytes() == theirs[name][...].tobytes()
    ours_bytes, theirs_bytes = first.read_bytes(), second.read_bytes()
    assert len(ours_bytes) == len(theirs_bytes)
    assert sum(a != b for a, b in zip(ours_bytes, theirs_bytes, strict=True)) < 128


def described(dataset: netCDF4.Dataset) -> dict[str, object]:
    """Return all attributes, and the storage of each variable."""
    attributes = {name: dataset.getncattr(name) for name in dataset.ncattrs()}
    variables = {
        name: (
            variable.dimensions,
            variable.shape,
            str(variable.dtype),
            variable.chunking(),
            variable.filters(),
            str(variable.__dict__),
        )
        for name, variable in dataset.variables.items()
    }
    return {"attributes": attributes, "variables": variables}
