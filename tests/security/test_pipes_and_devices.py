"""Pipes, devices and folders in place of files are an error at once. No program waits or reads forever."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import brainio
from brainio.cache import Cache
from brainio.catalogs import Catalog, CatalogSource, append_rows
from brainio.errors import (
    ArchiveError,
    BrainioError,
    CacheError,
    CatalogError,
    LocationError,
    LockfileError,
    PackagingError,
    StimulusSetFormatError,
)
from brainio.local_files import open_regular, read_regular
from brainio.packaging import create_stimulus_zip
from brainio.packaging.lab_files import read_recording, read_stimuli
from brainio.stimuli import StimulusSet
from brainio.stores import parse_location, read_whole

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")


@pytest.fixture(params=["a pipe", "a device", "a folder"])
def special_file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Create a pipe, device or folder with a given name, and stop the test after 30 seconds."""

    def create(name: str) -> Path:
        path = tmp_path / name
        if request.param == "a pipe":
            os.mkfifo(path)
        elif request.param == "a device":
            path.symlink_to("/dev/zero")
        else:
            path.mkdir()
        return path

    signal.alarm(30)
    yield create
    signal.alarm(0)


def test_only_regular_files_are_opened(special_file: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"expected a regular file, found a (pipe|device)|Is a directory"):
        read_regular(special_file("x"))
    (tmp_path / "file").write_bytes(b"three words here")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link") == b"three words here"
    with open_regular(tmp_path / "file") as file:
        assert os.get_blocking(file.fileno()) in {True, False}


def test_a_catalog_must_be_a_regular_file(special_file: Callable[[str], Path]) -> None:
    path = special_file("lab.csv")
    with pytest.raises(CatalogError, match=r"expected a regular file|Is a directory"):
        CatalogSource("lab", str(path)).read()
    with pytest.raises(CatalogError, match=r"expected a regular file|Is a directory"):
        Catalog.from_files("lab", path)
    with pytest.raises(CatalogError):
        append_rows(path, [])


def test_a_stimulus_table_must_be_a_regular_file(special_file: Callable[[str], Path], tmp_path: Path) -> None:
    path = special_file("set.csv")
    with pytest.raises(StimulusSetFormatError, match=r"expected a regular file|Is a directory"):
        StimulusSet.from_files(path, tmp_path)
    with pytest.raises(BrainioError):
        read_stimuli(path)
    assert not brainio.validate(path).ok


def test_an_archive_must_be_a_regular_file(special_file: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises((ArchiveError, CacheError), match=r"expected a regular file|Is a directory"):
        Cache(tmp_path / "cache").unpack(special_file("set.zip"))


def test_a_recording_must_be_a_regular_file(special_file: Callable[[str], Path]) -> None:
    path = special_file("a.nc")
    if not path.is_dir():
        assert not brainio.validate(path).ok
    with pytest.raises(BrainioError):
        read_recording(path)


@pytest.mark.parametrize("read", [read_recording, read_stimuli])
def test_packaging_names_the_kind_of_a_special_file(read: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(PackagingError, match=r"a\.csv: expected a regular file, found a pipe"):
        read(tmp_path / "a.csv")
    with pytest.raises(PackagingError, match="/dev/null: expected a regular file, found a device"):
        read(Path("/dev/null"))


def test_a_stimulus_must_be_a_regular_file(special_file: Callable[[str], Path], tmp_path: Path) -> None:
    stimuli = StimulusSet({"stimulus_id": ["a"]})
    stimuli.stimulus_paths = {"a": special_file("a.png")}
    (problem,) = brainio.validate(stimuli).errors
    assert problem.code == "file-missing"
    assert stimuli.stimulus_paths["a"].is_dir() or "which is not a regular file" in str(problem)
    with pytest.raises(BrainioError, match=r"expected a regular file|Is a directory"):
        create_stimulus_zip(stimuli, tmp_path / "x.zip")
    assert stimuli.contact_sheet().size


def test_a_lock_file_must_be_a_regular_file(special_file: Callable[[str], Path]) -> None:
    with pytest.raises(LockfileError), brainio.use_lock(special_file("brainio.lock")):
        pass


def test_a_local_location_must_be_a_regular_file(special_file: Callable[[str], Path]) -> None:
    with pytest.raises((BrainioError, LocationError)):
        read_whole(parse_location(str(special_file("publications.csv"))), 1000)
