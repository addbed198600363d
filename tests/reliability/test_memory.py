"""Files that expand to far more than their size, or crash the HDF5 library, cost little memory and no process."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import netCDF4
import numpy as np
import pytest

import brainio
from brainio.assemblies import DataAssembly, NeuroidAssembly
from brainio.cards import build_card
from brainio.catalogs import resolve
from brainio.errors import AssemblyFormatError, InsufficientMemoryError, ResourceLimitError
from brainio.netcdf import encoding, writing
from brainio.packaging import write_netcdf
from brainio.packaging.lab_files import read_recording

BOUND_MB = 300
TOP = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def expanding(path: Path, shape: tuple[int, int], chunk: tuple[int, int]) -> Path:
    """Write a recording without stored values, which reads as zeros."""
    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(("presentation", "neuroid"), shape, strict=True):
            file.createDimension(name, size)
        stimulus = file.createVariable("stimulus_id", str, ("presentation",))
        stimulus[:] = np.array([f"s{number % 100}" for number in range(shape[0])], dtype=object)
        file.createVariable("repetition", "i4", ("presentation",))[:] = np.arange(shape[0]) // 100
        file.createVariable("neuroid_id", "i4", ("neuroid",))[:] = np.arange(shape[1])
        data = file.createVariable("data", "f4", ("presentation", "neuroid"), zlib=True, chunksizes=chunk)
        data.coordinates = "stimulus_id repetition neuroid_id"
    return path


def of_many_rows(path: Path, count: int) -> Path:
    """Write a recording of many presentations and ten neuroids, with texts as characters like `write_netcdf`."""
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("presentation", count), ("neuroid", 10), ("characters", 3)):
            file.createDimension(name, size)
        stimulus = file.createVariable("stimulus_id", "S1", ("presentation", "characters"), zlib=True, complevel=1)
        texts = np.array([f"s{number:02d}" for number in range(100)], dtype="S3")
        stimulus[:] = np.resize(texts, count).view("S1").reshape(count, 3)
        repetition = file.createVariable("repetition", "i4", ("presentation",), zlib=True, complevel=1)
        repetition[:] = np.arange(count) // 100
        data = file.createVariable("data", "f4", ("presentation", "neuroid"), zlib=True, chunksizes=(50_000, 10))
        data.coordinates = "stimulus_id repetition"
    return path


def peaks(path: Path, dask: str, *operations: str) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.reliability.memory_peaks", str(path), dask, *operations]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOP)
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}


slow = pytest.mark.slow(reason="writes and reads hundreds of megabytes")


@pytest.mark.parametrize("dask", ["dask", pytest.param("no-dask", marks=slow)])
def test_a_highly_compressed_file_is_described_and_checked_within_300_mb(tmp_path: Path, dask: str) -> None:
    path = expanding(tmp_path / "a.nc", (5_000, 25_000), (500, 500))
    assert path.stat().st_size < 1_000_000
    assert max(peaks(path, dask, "check", "validate", "card", "profile").values()) < BOUND_MB


@slow
def test_a_recording_of_two_million_rows_is_described_checked_and_packaged_within_300_mb(tmp_path: Path) -> None:
    path = of_many_rows(tmp_path / "a.nc", 2_000_000)
    assert max(peaks(path, "no-dask", "check", "validate", "card", "profile", "package").values()) < BOUND_MB


@pytest.mark.parametrize(
    ("dask", "operation"), [pytest.param("dask", "package-lazy", marks=slow), ("no-dask", "package")]
)
def test_a_recording_larger_than_the_limit_is_packaged_within_300_mb(tmp_path: Path, dask: str, operation: str) -> None:
    path = expanding(tmp_path / "a.nc", (3_400, 25_000), (500, 500))
    assert peaks(path, dask, operation)[operation] < BOUND_MB


def test_a_chunk_above_the_memory_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = expanding(tmp_path / "a.nc", (5_000, 50_000), (5_000, 50_000))
    with pytest.raises(InsufficientMemoryError, match=r"a\.nc: one chunk of /data has 1\.0 GB \(1,000,000,000 bytes\)"):
        DataAssembly.from_files(path, in_blocks=True)
    (problem,) = brainio.validate(path).errors
    assert (problem.code, "1,000,000,000 bytes" in problem.found) == ("assembly-unreadable", True)
    with pytest.raises(AssemblyFormatError, match="1,000,000,000 bytes"):
        read_recording(path)


def test_coordinates_above_the_memory_limit_are_refused_with_their_size_and_the_setting(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("presentation", 10**8)
        for name, kind in (("stimulus_id", "i8"), ("data", "f4")):
            file.createVariable(name, kind, ("presentation",), zlib=True, chunksizes=(10**6,))
        file["data"].coordinates = "stimulus_id"
    (problem,) = brainio.validate(path).errors
    assert "its coordinates need about 7.2 GB of memory" in problem.found
    assert "Set BRAINIO_WORKER_MB to more MB" in problem.found


def test_validation_reports_a_file_that_exceeds_the_time_or_memory_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = expanding(tmp_path / "a.nc", (5_000, 200_000), (500, 500))
    for setting in ("BRAINIO_WORKER_SECONDS", "BRAINIO_WORKER_MB"):
        with monkeypatch.context() as patch:
            patch.setenv(setting, "0.1")
            (problem,) = brainio.validate(path).errors
        assert problem.place == "file a.nc"
        assert re.match(rf"{path} took more than \d (s|MB)", problem.found)
        assert f"set {setting} to more" in problem.found


def test_a_card_that_takes_too_long_is_an_error_that_names_entry_and_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expanding(tmp_path / "assembly.nc", (2_000, 10_000), (500, 500))
    (tmp_path / "lab.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier\n"
        "lab.Doe2026,assembly,NeuroidAssembly,,assembly.nc,,\n"
    )
    brainio.add_catalog(tmp_path / "lab.csv")
    entry = resolve("assembly", "lab.Doe2026", catalog="lab")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert build_card(entry)["shape"] == [2_000, 10_000]
        monkeypatch.setenv("BRAINIO_WORKER_SECONDS", "0.01")
        with pytest.raises(ResourceLimitError, match=r"^assembly 'lab\.Doe2026' .*set BRAINIO_WORKER_SECONDS"):
            build_card(entry)


def test_lazy_values_are_packaged_to_the_same_bytes_as_values_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(3000, 40, 3)).astype(np.float32)
    coords = {"stimulus_id": ("presentation", [f"s{number % 7}" for number in range(3000)])}
    for dtype in (np.float32, np.int16, bool):
        for dims in (("presentation", "neuroid", "time_bin"), ("time_bin", "neuroid", "presentation")):
            order = [("presentation", "neuroid", "time_bin").index(dim) for dim in dims]
            eager = NeuroidAssembly(values.transpose(order).astype(dtype), dims=dims, coords=coords)
            expected = write_netcdf(eager, tmp_path / "a.nc")
            monkeypatch.setattr(encoding, "_LOADED_BYTES", 0)
            monkeypatch.setattr(writing, "BLOCK_BYTES", 50_000)
            monkeypatch.setattr(writing, "_CHUNKS_PER_WRITE", 5)
            for options in ({"in_blocks": True}, {"chunks": {"presentation": 700, "neuroid": 16}}):
                lazy = NeuroidAssembly.from_files(tmp_path / "a.nc", **options)
                assert not lazy.variable._in_memory
                assert write_netcdf(lazy, tmp_path / "b.nc") == expected


def test_validation_reports_a_damaged_block_of_values_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    random = np.random.default_rng(0)
    coords = {"stimulus_id": ("presentation", [f"s{number % 7}" for number in range(30_000)])}
    write_netcdf(
        NeuroidAssembly(random.normal(size=(30_000, 16)), dims=["presentation", "neuroid"], coords=coords), path
    )
    body = bytearray(path.read_bytes())
    body[-200_000:-100_000] = bytes(100_000)
    path.write_bytes(body)
    (problem,) = brainio.validate(path).errors
    assert problem.code == "assembly-unreadable"
    assert f"the values of 'data' in {path} cannot be read" in problem.found
