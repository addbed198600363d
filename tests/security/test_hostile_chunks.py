"""Chunks that expand beyond their size in memory are refused before HDF5 allocates memory for them."""

import bz2
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import netCDF4
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t, h5z

from brainio.assemblies import DataAssembly
from brainio.errors import UnsafeFileError
from brainio.netcdf.filters import UNMEASURED_CHUNK_BYTES, ChunkLimits, StoredChunk, allowed_filters
from brainio.netcdf.inspection import inspect
from brainio.packaging import write_netcdf
from tests.security import hostile_hdf5
from tests.security.test_hostile_hdf5 import NO_STIMULI, READERS, watchdog

__all__ = ["watchdog"]  # a fixture
ROWS = 60_000  # of three floats: 1.4 MB in one chunk
BZIP2, BLOSC, ZSTD = 307, 32001, 32015
PATH_READERS = [name for name in READERS if not name.startswith("stream")]


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate so little free memory that deflate chunks of 1.1 MB or more are measured."""
    monkeypatch.setattr("brainio.netcdf.filters.free_memory", lambda: 2 << 30)


def deflate_bomb(size: int) -> bytes:
    """Return deflate data of at least `size` bytes, each MB of which expands to 1 GB."""
    compressor = zlib.compressobj(9)
    start = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + block * (size // len(block) + 1) + compressor.flush()


def recording(path: Path, filters: dict[int, tuple[int, ...]], stored: bytes, rows: int = ROWS) -> Path:
    """Write a recording whose values are one chunk with the given stored bytes."""
    with h5py.File(path, "w") as file:
        for name, size in (("presentation", rows), ("neuroid", 3)):
            file[name] = np.arange(size)
            file[name].make_scale(name)
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_chunk((rows, 3))
        for code, parameters in filters.items():
            plan.set_filter(code, h5z.FLAG_OPTIONAL, parameters)
        data = h5d.create(file.id, b"data", h5t.IEEE_F64LE, h5s.create_simple((rows, 3)), plan)
        data.write_direct_chunk((0, 0), stored)
        hostile_hdf5.attach(file, file["data"])
    return path


@pytest.mark.parametrize("reader", PATH_READERS)
def test_a_small_deflate_chunk_that_expands_beyond_its_size_is_refused(
    tmp_path: Path, little_memory: None, reader: str
) -> None:
    path = recording(tmp_path / "a.nc", {h5z.FILTER_SHUFFLE: (8,), h5z.FILTER_DEFLATE: (4,)}, deflate_bomb(1_200_000))
    assert path.stat().st_size < ROWS * 24 * 2
    found = r"/data has a chunk of 1,2\d+,\d+ bytes in the file that expands to 1,\d+,\d+ bytes or more .* 1,440,000"
    with pytest.raises(UnsafeFileError if reader != "validate" else Exception, match=found):
        READERS[reader](path)


def test_a_deflate_chunk_is_measured_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "chunk"
    path.write_bytes(deflate_bomb(3_000_000))
    limits = ChunkLimits([h5z.FILTER_DEFLATE], 20_000_000)
    with path.open("rb") as file:
        count = limits.measure(StoredChunk(0, path.stat().st_size), file)
    assert limits.max_bytes < count <= limits.max_bytes + (1 << 18)


def test_large_deflate_chunks_of_the_correct_size_are_read(tmp_path: Path, little_memory: None) -> None:
    values = np.random.default_rng(0).normal(size=(ROWS, 3))
    for stored in (zlib.compress(values.tobytes(), 1), zlib.compress(values.tobytes(), 0)):
        assert len(stored) > UNMEASURED_CHUNK_BYTES
        path = recording(tmp_path / "a.nc", {h5z.FILTER_DEFLATE: (4,)}, stored)
        assert np.array_equal(DataAssembly.from_files(path, **NO_STIMULI).values, values)


def test_chunks_of_write_netcdf_are_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, little_memory: None
) -> None:
    def measure(*_: object) -> int:
        raise AssertionError("a chunk was measured")

    path = tmp_path / "a.nc"
    write_netcdf(DataAssembly(np.random.default_rng(0).normal(size=(2000, 300)), dims=["x", "y"]), path)
    monkeypatch.setattr(ChunkLimits, "measure", measure)
    assert {"deflate"} <= set(inspect(path).variables[0].filters)


def bomb_of_bzip2() -> bytes:
    return bz2.compress(bytes(3_000_000))


def zstd_frame(size: int) -> bytes:
    """Return a zstd frame header that states its size, and a block of zeros."""
    return b"\x28\xb5\x2f\xfd" + b"\xe0" + struct.pack("<Q", size) + bytes(40)


STATED: dict[int, Callable[[int], bytes]] = {
    h5z.FILTER_SZIP: lambda size: struct.pack("<I", size) + bytes(40),
    BLOSC: lambda size: b"\x02\x01\x01\x08" + struct.pack("<III", size, size, 56) + bytes(40),
    ZSTD: zstd_frame,
}


def compressed(path: Path, code: int, stored: bytes) -> Path:
    """Write values in one compressed chunk with netCDF4, then replace the chunk."""
    name: Any = {BZIP2: "bzip2", BLOSC: "blosc_lz", ZSTD: "zstd", h5z.FILTER_SZIP: "szip"}[code]
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("presentation", ROWS)
        file.createDimension("neuroid", 3)
        file.createVariable("data", "f8", ("presentation", "neuroid"), compression=name, chunksizes=(ROWS, 3))[:] = 1
    with h5py.File(path, "r+") as file:
        file["data"].id.write_direct_chunk((0, 0), stored)
    return path


@pytest.mark.parametrize("code", [BZIP2, *STATED])
def test_a_chunk_of_another_compression_that_states_or_has_a_larger_size_is_refused(tmp_path: Path, code: int) -> None:
    if code not in allowed_filters():
        pytest.skip("this netCDF4 does not have the filter")
    stored = bomb_of_bzip2() if code == BZIP2 else STATED[code](2_000_000_000)
    path = compressed(tmp_path / "a.nc", code, stored)
    with pytest.raises(UnsafeFileError, match=r"/data has a chunk of \d+ bytes in the file that expands to"):
        inspect(path)
    if code != BZIP2:
        assert inspect(compressed(tmp_path / "b.nc", code, STATED[code](ROWS * 24))).variables


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({ZSTD: (3,), h5z.FILTER_DEFLATE: (4,)}, "applies deflate after zstd"),
        ({h5z.FILTER_DEFLATE: (4,), h5z.FILTER_SHUFFLE: (8,)}, "applies shuffle after deflate"),
        ({h5z.FILTER_DEFLATE: (4,), h5z.FILTER_FLETCHER32: (), BZIP2: (9,)}, "applies bzip2 after deflate"),
    ],
)
def test_only_a_checksum_may_follow_compression(
    tmp_path: Path, filters: dict[int, tuple[int, ...]], found: str
) -> None:
    path = recording(tmp_path / "a.nc", filters, zlib.compress(bytes(96)), rows=4)
    with pytest.raises(UnsafeFileError, match=f"/data {found}"):
        inspect(path)


def test_a_filter_that_states_another_chunk_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        hostile_hdf5.recording(file, data=False)
        file.create_dataset("data", data=np.arange(12).reshape(4, 3), chunks=(4, 3), scaleoffset=0)
    assert inspect(path).variables
    body, stated = path.read_bytes(), struct.pack("<3I", 0, 12, 0)
    assert body.count(stated) == 1
    path.write_bytes(body.replace(stated, struct.pack("<3I", 0, 2**31 - 1, 0)))
    os.utime(path)
    with pytest.raises(UnsafeFileError, match="/data has the filter scaleoffset for chunks of 2,147,483,647 x 8"):
        inspect(path)
