"""Missing text stays missing in netCDF files, and empty text stays empty."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from brainio.assemblies import AssemblyLoader, DataAssembly
from brainio.errors import AssemblyFormatError
from brainio.packaging import write_netcdf

OPTIONS: list[dict[str, Any]] = [{}, {"in_blocks": True}, {"chunks": -1}]
TEXTS = {
    "both": ["x", np.nan, ""],
    "only missing": ["x", np.nan, "y"],
    "only empty": ["x", "", "y"],
    "long": ["x" * 2000, None, ""],
    "mostly missing": [None, "", pd.NA],
    "not ASCII": ["é", None, ""],
}


def as_objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def with_none(values: np.ndarray) -> list[Any]:
    return [None if pd.isna(value) else value for value in values.ravel()]


def load(array: xr.DataArray, folder: Path, **options: Any) -> DataAssembly:
    write_netcdf(array, folder / "a.nc")
    loaded: DataAssembly = AssemblyLoader(DataAssembly, folder / "a.nc", **options).load()
    return loaded


def test_a_level_with_missing_and_empty_text_has_three_groups(tmp_path: Path) -> None:
    assembly = DataAssembly([1.0, 2.0, 3.0], dims=["x"], coords={"c": ("x", as_objects(["x", np.nan, ""]))})
    loaded = load(assembly, tmp_path)
    assert loaded.groupby("c").mean().sizes == assembly.groupby("c").mean().sizes
    assert loaded.groupby("c").mean().sizes["c"] == 3
    assert loaded.sel(c="").values.tolist() == [3.0]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_missing_text_stays_missing_in_every_kind_of_variable(
    tmp_path: Path, texts: list[Any], options: dict[str, Any]
) -> None:
    values = as_objects(texts)
    array = xr.DataArray(
        np.stack([values, values[::-1]]),
        dims=["y", "x"],
        coords={
            "c": ("x", values),
            "k": ("x", [1, 2, 3]),
            "two": (("y", "x"), np.stack([values[::-1], values])),
            "one": np.array(None, dtype=object) if texts[1] is None else np.array("", dtype=object),
        },
    )
    loaded = load(array, tmp_path, **options)
    for before, after in ((array, loaded), *((array[name], loaded[name]) for name in ("c", "two", "one"))):
        assert with_none(after.values) == with_none(before.values)
    assert with_none(loaded[1:, ::2].values) == with_none(array[1:, ::2].values)


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_missing_text_stays_missing_in_a_dimension_coordinate(tmp_path: Path, texts: list[Any]) -> None:
    array = xr.DataArray([1.0, 2.0, 3.0], dims=["x"], coords={"x": as_objects(texts)})
    assert with_none(load(array, tmp_path)["x"].values) == with_none(array["x"].values)


def test_missing_text_stays_missing_in_a_stream(tmp_path: Path) -> None:
    write_netcdf(
        DataAssembly(as_objects(["x", None, ""]), dims=["x"], coords={"c": ("x", as_objects(["", None, "y"]))}),
        tmp_path / "a.nc",
    )
    with (tmp_path / "a.nc").open("rb") as file:
        loaded = AssemblyLoader(DataAssembly, file).load()
        assert with_none(loaded.values) == ["x", None, ""]
        assert with_none(loaded["c"].values) == ["", None, "y"]


def test_other_readers_see_empty_text(tmp_path: Path) -> None:
    write_netcdf(
        DataAssembly([1.0, 2.0, 3.0], dims=["x"], coords={"c": ("x", as_objects(["x", None, ""]))}), tmp_path / "a.nc"
    )
    with xr.open_dataarray(tmp_path / "a.nc") as read:
        assert read["c"].values.tolist() == ["x", "", ""]


@pytest.mark.parametrize("mark", ["other", 7, -1, 0.5, [0, 99]])
def test_a_damaged_missing_attribute_is_an_error(tmp_path: Path, mark: Any) -> None:
    write_netcdf(DataAssembly([1.0, 2.0], dims=["x"], coords={"c": ("x", as_objects(["x", None]))}), tmp_path / "a.nc")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
        file["c"].setncattr("brainio_missing", mark)
    with pytest.raises(AssemblyFormatError, match="brainio_missing"):
        AssemblyLoader(DataAssembly, tmp_path / "a.nc").load()
