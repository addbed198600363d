"""Readers never return uninitialized memory for unwritten values."""

import io
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from brainio.assemblies import DataAssembly
from brainio.errors import AssemblyFormatError, UnsafeFileError
from tests.security.test_hostile_hdf5 import READERS, watchdog

__all__ = ["watchdog"]  # a fixture
LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunksizes": (100, 100)},
    "compressed": {"chunksizes": (100, 100), "compression": "zlib"},
}
PATH_READERS = [name for name in READERS if not name.startswith("stream")]


def write(path: Path, rows: int, fill_value: Any, **layout: Any) -> None:
    """Write only the first rows of 1,000 x 1,000 values."""
    with netCDF4.Dataset(path, "w") as file:
        for name in ("presentation", "neuroid"):
            file.createDimension(name, 1000)
        data = file.createVariable("data", "f4", ("presentation", "neuroid"), fill_value=fill_value, **layout)
        if rows:
            data[:rows] = 1.0


@pytest.mark.parametrize("reader", PATH_READERS)
def test_unwritten_values_without_a_fill_value_are_refused_by_every_reader(tmp_path: Path, reader: str) -> None:
    write(tmp_path / "a.nc", 0, False)
    with pytest.raises(AssemblyFormatError, match="/data has unwritten values and no fill value"):
        READERS[reader](tmp_path / "a.nc")


@pytest.mark.parametrize(("layout", "rows"), [("contiguous", 0), ("chunked", 0), ("chunked", 900), ("compressed", 900)])
def test_unwritten_values_are_refused_in_every_storage_layout(tmp_path: Path, layout: str, rows: int) -> None:
    write(tmp_path / "a.nc", rows, False, **LAYOUTS[layout])
    with pytest.raises(UnsafeFileError, match="allowed: written values, or a fill value"):
        DataAssembly.from_files(tmp_path / "a.nc")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_written_values_and_fill_values_are_read(tmp_path: Path, layout: str) -> None:
    write(tmp_path / "a.nc", 1000, False, **LAYOUTS[layout])
    assert (DataAssembly.from_files(tmp_path / "a.nc").values == 1).all()
    write(tmp_path / "b.nc", 0, -5.0, **LAYOUTS[layout])
    assert np.isnan(DataAssembly.from_files(tmp_path / "b.nc").values).all()


def test_a_stream_has_zeros_in_place_of_unwritten_values(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", 0, False)
    stream = io.BytesIO((tmp_path / "a.nc").read_bytes())
    for _ in range(3):
        np.full((1000, 1000), 7.0, "f4")  # the next array reuses its memory
        assert not DataAssembly.from_files(stream).values.any()
