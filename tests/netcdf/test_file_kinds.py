"""Every kind of netCDF file that netCDF4 can read passes the inspection, and gives the same values."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import netCDF4
import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import AssemblyLoader, DataAssembly
from brainio.netcdf.inspection import inspect

VALUES = np.arange(4000.0).reshape(80, 50)
NO_STIMULI: dict[str, Any] = {"stimulus_set_identifier": None, "stimulus_set": None}
Options = dict[str, Any]


def write(path: Path, unlimited: bool = False, dtype: str = "f8", **options: Any) -> None:
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("presentation", None if unlimited else 80)
        file.createDimension("neuroid", 50)
        file.createVariable("data", dtype, ("presentation", "neuroid"), **options)[:] = VALUES
        file.createVariable("repetition", "i4", ("presentation",))[:] = np.arange(80)
        file["data"].coordinates = "repetition"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="contiguous"),
        pytest.param({"zlib": True, "shuffle": True, "fletcher32": True}, id="deflate-shuffle-fletcher32"),
        pytest.param({"compression": "szip"}, id="szip"),
        pytest.param({"compression": "bzip2"}, id="bzip2"),
        pytest.param({"compression": "zstd"}, id="zstd"),
        pytest.param({"compression": "blosc_lz4"}, id="blosc"),
        pytest.param({"unlimited": True}, id="unlimited"),
        pytest.param({"chunksizes": (7, 50)}, id="chunks-that-do-not-divide"),
        pytest.param({"dtype": ">f8"}, id="big-endian"),
        pytest.param({"dtype": "i4"}, id="integers"),
        pytest.param({"zlib": True, "significant_digits": 3, "dtype": "f4"}, id="quantized"),
    ],
)
@pytest.mark.filterwarnings("ignore:endian-ness")
def test_files_of_netcdf4_are_read(tmp_path: Path, options: Options) -> None:
    path = tmp_path / "a.nc"
    write(path, **options)
    assembly = DataAssembly.from_files(path, **NO_STIMULI)
    assert np.allclose(assembly.values, VALUES, rtol=1e-2)
    assert inspect(path).data_variable(None).shape == (80, 50)  # type: ignore[union-attr]


def enumeration(path: Path) -> None:
    with netCDF4.Dataset(path, "w") as file:
        kind = file.createEnumType(np.uint8, "answer", {"no": 0, "yes": 1})
        file.createDimension("presentation", 3)
        file.createVariable("data", kind, ("presentation",))[:] = [0, 1, 1]


def characters(path: Path) -> None:
    data = xr.DataArray([1.0, 2.0], dims="presentation", coords={"word": ("presentation", ["a", "bc"])}, name="data")
    data.to_netcdf(path, encoding={"word": {"dtype": "S1"}})


def texts(path: Path) -> None:
    data = xr.DataArray([1.0, 2.0], dims="presentation", coords={"word": ("presentation", ["a", "bc"])}, name="data")
    data.to_netcdf(path, engine="h5netcdf")


def groups(path: Path) -> None:
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("event", 3)
        file.createVariable("data", "f8", ("event",))[:] = [1, 2, 3]
        inner = file.createGroup("outer").createGroup("inner")
        inner.createDimension("neuroid", 2)
        inner.createVariable("values", "f8", ("neuroid",))[:] = [1, 2]


def compact(path: Path) -> None:
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"data", h5py.h5t.IEEE_F64LE, space, plan)
        file["event"] = np.arange(3)
        file["event"].make_scale("event")
        file["data"][...] = [1, 2, 3]
        file["data"].dims[0].attach_scale(file["event"])


def user_block(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        file["event"] = np.arange(3)
        file["event"].make_scale("event")
        file["data"] = [1.0, 2.0, 3.0]
        file["data"].dims[0].attach_scale(file["event"])


def latest_format(path: Path) -> None:
    with h5py.File(path, "w", libver="latest", track_order=True) as file:
        file["event"] = np.arange(3)
        file["event"].make_scale("event")
        file["data"] = [1.0, 2.0, 3.0]
        file["data"].dims[0].attach_scale(file["event"])


def soft_link_to_a_variable(path: Path) -> None:
    latest_format(path)
    with h5py.File(path, "a") as file:
        file["session"] = h5py.SoftLink("/event")


@pytest.mark.parametrize(
    "build", [enumeration, characters, texts, groups, compact, latest_format, soft_link_to_a_variable, user_block]
)
def test_files_of_other_kinds_are_read_by_path_and_by_stream(tmp_path: Path, build: Callable[[Path], None]) -> None:
    path = tmp_path / "a.nc"
    build(path)
    assembly = DataAssembly.from_files(path, **NO_STIMULI)
    streamed = DataAssembly.from_files(io.BytesIO(path.read_bytes()), **NO_STIMULI)
    assert assembly.values.tolist() == streamed.values.tolist()
    assert assembly.size in (2, 3)


def test_a_sparse_file_of_400_mb_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("presentation", 100_000)
        file.createDimension("neuroid", 1000)
        data = file.createVariable("data", "f4", ("presentation", "neuroid"), chunksizes=(1000, 1000), zlib=True)
        data[:10, :10] = 1
    assert path.stat().st_size < 20_000
    lazy = DataAssembly.from_files(path, chunks="auto", **NO_STIMULI)
    assert float(lazy[:10, :10].mean().values) == 1


FORMATS = [
    ("scipy", "NETCDF3_CLASSIC"),
    ("scipy", "NETCDF3_64BIT"),
    ("netcdf4", "NETCDF3_64BIT_DATA"),
    ("netcdf4", "NETCDF4_CLASSIC"),
    ("netcdf4", "NETCDF4"),
    ("h5netcdf", "NETCDF4"),
]


@pytest.mark.parametrize("options", [{}, {"in_blocks": True}, {"chunks": -1}], ids=["eager", "blocks", "dask"])
@pytest.mark.parametrize(("engine", "file_format"), FORMATS)
@pytest.mark.parametrize("name", [None, "rates"])
def test_files_that_xarray_writes_in_every_format_are_read(
    tmp_path: Path, engine: Any, file_format: Any, name: str | None, options: Options
) -> None:
    array = xr.DataArray(
        np.arange(6, dtype=np.float32).reshape(2, 3),
        dims=["presentation", "neuroid"],
        coords={"word": ("presentation", ["é", ""]), "k": ("neuroid", np.arange(3, dtype=np.int32)), "depth": 2.5},
        attrs={"units": "Hz"},
        name=name,
    )
    array.to_netcdf(tmp_path / "a.nc", engine=engine, format=file_format)
    loaded = AssemblyLoader(DataAssembly, tmp_path / "a.nc", **options).load()
    assert loaded.name == name
    assert loaded.dtype == np.float32
    assert loaded.values.tolist() == array.values.tolist()
    assert [loaded[name].values.tolist() for name in array.coords] == [
        array[name].values.tolist() for name in array.coords
    ]
    assert loaded.attrs == {"units": "Hz"}


@pytest.mark.parametrize("calendar", ["360_day", "noleap", "standard"])
def test_dates_of_every_calendar_load_lazily(tmp_path: Path, calendar: str) -> None:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("presentation", 2)
        data = file.createVariable("data", "f8", ("presentation",))
        data.setncatts({"units": "days since 2001-01-01", "calendar": calendar})
        data[...] = [0.0, 1.0]
    lazy, loaded = (AssemblyLoader(DataAssembly, path, chunks=chunks).load() for chunks in ("auto", None))
    assert lazy.values.tolist() == loaded.values.tolist()
