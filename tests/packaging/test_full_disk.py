"""A disk that fills up while a netCDF file is written is an error that names the next step. No partial file stays."""

import resource
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from brainio.assemblies import NeuroidAssembly
from brainio.errors import PackagingError
from brainio.packaging import package_data_assembly, package_stimulus_set, write_netcdf
from brainio.stimuli import StimulusSet
from tests.cache.helpers import mounted
from tests.reliability.processes import exit_code, start

NAME = "lab.Doe2026"


def recording(presentations: int) -> NeuroidAssembly:
    """Create 1 kB of incompressible noise for each presentation."""
    return NeuroidAssembly(
        np.random.default_rng(0).normal(size=(presentations, 128)),
        coords={
            "stimulus_id": ("presentation", [f"s{number % 3}" for number in range(presentations)]),
            "repetition": ("presentation", np.arange(presentations) // 3),
            "neuroid_id": ("neuroid", [f"n{number}" for number in range(128)]),
            "region": ("neuroid", ["IT"] * 128),
        },
        dims=["presentation", "neuroid"],
    )


def open_files(folder: Path) -> list[str]:
    handles = [handle for handle in Path("/proc/self/fd").iterdir() if handle.is_symlink()]
    return [target for target in map(str, map(Path.readlink, handles)) if str(folder) in target]


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("size", ["1m", "3m", "8m"])
def test_the_existing_file_stays_and_the_space_is_released(tmp_path: Path, size: str, compress: bool) -> None:
    write_netcdf(recording(6), tmp_path / "small.nc")
    with mounted(tmp_path / "disk", size) as disk:
        shutil.copy(tmp_path / "small.nc", disk / "a.nc")
        before, free = (disk / "a.nc").read_bytes(), shutil.disk_usage(disk).free
        with pytest.raises(PackagingError, match=rf"no space left to write in {disk} .*needed.*free some.*TMPDIR"):
            write_netcdf(recording(8000), disk / "a.nc", compress=compress)
        assert [path.name for path in disk.iterdir()] == ["a.nc"]
        assert (disk / "a.nc").read_bytes() == before
        assert shutil.disk_usage(disk).free == free
        assert open_files(disk) == []


def test_a_file_is_written_after_space_was_freed(tmp_path: Path) -> None:
    expected = write_netcdf(recording(2000), tmp_path / "a.nc")
    with mounted(tmp_path / "disk", "6m") as disk:
        (disk / "ballast").write_bytes(bytes(3 << 20))
        with pytest.raises(PackagingError, match="no space left"):
            write_netcdf(recording(2000), disk / "a.nc")
        (disk / "ballast").unlink()
        assert write_netcdf(recording(2000), disk / "a.nc") == expected


def test_a_package_that_does_not_fit_leaves_catalog_and_store_unchanged(
    stimuli: StimulusSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, files = tmp_path / "lab.csv", tmp_path / "files"
    package_stimulus_set(catalog, stimuli, NAME, files)

    def published() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in [catalog, *files.rglob("*")]}

    before = published()
    names = (NAME, NAME, "NeuroidAssembly")
    with mounted(tmp_path / "disk", "4m") as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        with pytest.raises(PackagingError, match=rf"no space left to write in {disk}.*Nothing was stored.*TMPDIR"):
            package_data_assembly(catalog, recording(6000), *names, bucket_name=files)
        assert list(disk.iterdir()) == []
    assert published() == before
    monkeypatch.setattr("tempfile.tempdir", None)
    package_data_assembly(catalog, recording(6000), *names, bucket_name=files)
    assert (files / "assy_lab_Doe2026.nc").exists()


def write_within(folder: Path, most: int) -> None:
    """Write files with a limit on their size (RLIMIT_FSIZE), which the free space of the disk does not show."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    with pytest.raises(PackagingError, match=rf"the netCDF library could not write in {folder} .*a quota used up"):
        write_netcdf(recording(8000), folder / "a.nc")
    write_netcdf(recording(6), folder / "small.nc")


@pytest.mark.parametrize("most", [100_000, 1 << 20, 5_000_000])
def test_a_file_size_limit_is_an_error_and_the_next_file_can_be_written(tmp_path: Path, most: int) -> None:
    assert exit_code(start(write_within, tmp_path, most), 60) == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["small.nc"]
