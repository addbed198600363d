"""netCDF files store attributes of assemblies without loss, and without effect on values."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from brainio.assemblies import AssemblyLoader, DataAssembly, NeuroidAssembly
from brainio.errors import AssemblyFormatError, PackagingError
from brainio.netcdf.attributes import decode_attributes, encode_attributes, equal_attributes
from brainio.packaging import write_netcdf

INTERPRETED: dict[str, Any] = {
    "scale_factor": 0.01,
    "add_offset": np.float32(3),
    "_FillValue": 100,
    "missing_value": [100, 200],
    "_Unsigned": "true",
    "units": "ms since stimulus onset",
    "calendar": "noleap",
    "dtype": "bool",
    "coordinates": "region layer",
    "grid_mapping": "crs",
    "bounds": "time_bounds",
    "climatology": "c",
    "cell_measures": "area: a",
    "formula_terms": "a: b",
    "geometry": "g",
    "_Encoding": "latin-1",
    "valid_range": [0, 1],
    "least_significant_digit": 1,
    "NAME": "x",
    "CLASS": "DIMENSION_SCALE",
    "REFERENCE_LIST": "x",
    "DIMENSION_LIST": "x",
    "_NCProperties": "version=2",
    "_nc3_strict": 1,
    "brainio_attr_scale_factor": 2.0,
    "brainio_missing": "empty",
    "brainio_lists": "[]",
}


def load(assembly: xr.DataArray, folder: Path, **options: Any) -> DataAssembly:
    write_netcdf(assembly, folder / "a.nc")
    loaded: DataAssembly = AssemblyLoader(DataAssembly, folder / "a.nc", **options).load()
    return loaded


def test_a_scale_factor_that_survives_arithmetic_does_not_scale_values(tmp_path: Path) -> None:
    counts = xr.DataArray(
        np.array([[100], [200]], dtype=np.int16), dims=["presentation", "neuroid"], attrs={"scale_factor": 0.01}
    )
    with xr.set_options(keep_attrs=True):
        assembly = NeuroidAssembly(counts * 0.01)
    loaded = load(assembly, tmp_path)
    assert loaded.values.tolist() == [[1.0], [2.0]]
    assert loaded.attrs["scale_factor"] == 0.01


def test_units_with_since_stay_text(tmp_path: Path) -> None:
    assembly = DataAssembly([1.0, 2.0], dims=["time_bin"], coords={"time_bin_start": ("time_bin", [70, 170])})
    assembly["time_bin_start"].attrs["units"] = "ms since stimulus onset"
    loaded = load(assembly, tmp_path)
    assert loaded["time_bin_start"].values.tolist() == [70, 170]
    assert loaded["time_bin_start"].attrs["units"] == "ms since stimulus onset"


@pytest.mark.parametrize("options", [{}, {"in_blocks": True}, {"chunks": -1}], ids=["eager", "blocks", "dask"])
@pytest.mark.parametrize(
    "values",
    [
        np.array([100, 200], dtype=np.int16),
        np.array([100, 200], dtype=np.uint8),
        np.array([100.5, np.nan]),
        np.array([True, False]),
        np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
        np.array([5, 6], dtype="timedelta64[ns]"),
        np.array(["x", ""], dtype=object),
    ],
    ids=["int16", "uint8", "float64", "bool", "dates", "durations", "text"],
)
def test_interpreted_attributes_are_stored_without_effect_on_data_and_coordinates(
    tmp_path: Path, values: np.ndarray, options: dict[str, Any]
) -> None:
    array = xr.DataArray(
        values, dims=["x"], coords={"c": ("x", values, INTERPRETED), "k": ("x", [1, 2])}, attrs=INTERPRETED
    )
    loaded = load(array, tmp_path, **options)
    for part in (loaded, loaded["c"]):
        assert part.dtype == values.dtype
        assert pd.Series(part.values).equals(pd.Series(values))
        assert set(part.attrs) == set(INTERPRETED)
        for name, value in INTERPRETED.items():
            assert equal_attributes(value, part.attrs[name]), name


@pytest.mark.parametrize("units", ["seconds", "milliseconds", "days"])
def test_units_that_earlier_xarray_reads_as_durations_are_stored(tmp_path: Path, units: str) -> None:
    loaded = load(DataAssembly([1.5], dims=["x"], attrs={"units": units}), tmp_path)
    assert loaded.attrs["units"] == units
    with netCDF4.Dataset(tmp_path / "a.nc") as file:
        assert "units" not in file["data"].ncattrs()


def test_other_readers_read_the_same_values_and_escaped_attributes(tmp_path: Path) -> None:
    write_netcdf(
        DataAssembly([1, 2], dims=["x"], attrs={"scale_factor": 0.5, "units": "Hz", "valid": True}), tmp_path / "a.nc"
    )
    with xr.open_dataarray(tmp_path / "a.nc") as read:
        assert read.values.tolist() == [1, 2]
        assert read.attrs == {"brainio_attr_scale_factor": 0.5, "units": "Hz", "brainio_json_valid": "true"}


def test_files_of_other_programs_are_decoded_by_their_attributes(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("x", 2)
        data = file.createVariable("data", "i2", ("x",))
        data.set_auto_maskandscale(False)
        data[:] = [100, 200]
        data.setncatts({"scale_factor": 0.01, "long_name": "rate"})
    loaded = AssemblyLoader(DataAssembly, tmp_path / "a.nc").load()
    np.testing.assert_allclose(loaded.values, [1.0, 2.0])
    assert loaded.attrs["long_name"] == "rate"
    assert "scale_factor" not in loaded.attrs


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.True_,
        [True, False],
        np.array([True, False]),
        [],
        (),
        [1],
        np.array([1], dtype=np.float32),
        ["a"],
        [""],
        "",
        [1, 2],
        (1, 2),
        [1, 2.5],
        [1, "a", None],
        [[1, 2], [3]],
        {"a": [1, {"b": None}]},
        {},
        5,
        np.uint8(5),
        np.float32(0.1),
        np.int16(-3),
        np.array(7, dtype=">i4"),
        2**63,
        2**70,
        [2**70, 1],
        [2**53 + 1, 0.5],
        float("nan"),
        float("-inf"),
        "ünïcödé 🧠\r\n\t",
        ["é", "a\nb"],
        np.array(["a", "b"]),
        np.zeros(0, dtype=np.int32),
        "x" * 100_000,
        {"texts": np.array([1, 2])},
    ],
    ids=repr,
)
def test_attribute_values_are_loaded_unchanged(tmp_path: Path, value: object) -> None:
    loaded = load(DataAssembly([1.0], dims=["x"], attrs={"a": value}), tmp_path)
    assert equal_attributes(value, loaded.attrs["a"])


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (b"x", "decode it to text"),
        (1j, "convert it to text, float64 or int64"),
        (np.float16(1), "float64"),
        (np.longdouble(1), "float64"),
        (np.datetime64("2026-01-01"), "convert it to text"),
        (pd.Timestamp("2026-01-01"), "convert it"),
        (np.zeros((2, 2)), "tolist"),
        ({1: "a"}, "convert it"),
        ({"a": {1, 2}}, "convert it"),
        ("a\0b", "remove the character"),
        ({"a": "b\0"}, "remove the character"),
        (["a", "\ud800"], "remove the character"),
        (Path("x"), "convert it"),
    ],
    ids=repr,
)
def test_values_that_netcdf_attributes_cannot_store_are_refused_with_a_remedy(
    tmp_path: Path, value: object, remedy: str
) -> None:
    with pytest.raises(PackagingError, match=f"(?s)'a'.*{remedy}"):
        write_netcdf(DataAssembly([1.0], dims=["x"], attrs={"a": value}), tmp_path / "a.nc")
    assert not list(tmp_path.glob("*a.nc*"))


@pytest.mark.parametrize("name", ["a/b", "-a", "a ", "", "e\u0301", "a\tb", "a" * 300, 5, "\ud800"], ids=repr)
def test_names_that_netcdf_would_change_are_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(PackagingError):
        write_netcdf(DataAssembly([1.0], dims=["x"], attrs={name: 1}), tmp_path / "a.nc")
    with pytest.raises(PackagingError):
        write_netcdf(DataAssembly([1.0], dims=[name]), tmp_path / "a.nc")
    with pytest.raises(PackagingError):
        write_netcdf(xr.DataArray([1.0], dims=["x"], coords={name: ("x", [1])}), tmp_path / "a.nc")
    assert not list(tmp_path.glob("*a.nc*"))


def test_none_is_not_stored(tmp_path: Path) -> None:
    assert load(DataAssembly([1.0], dims=["x"], attrs={"a": None}), tmp_path).attrs == {}


def test_invalid_json_is_an_error_that_names_the_attribute(tmp_path: Path) -> None:
    write_netcdf(DataAssembly([1.0], dims=["x"], attrs={"a": True}), tmp_path / "a.nc")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
        file["data"].setncattr("brainio_json_a", "[" * 100_000)
    with pytest.raises(AssemblyFormatError, match="brainio_json_a"):
        AssemblyLoader(DataAssembly, tmp_path / "a.nc").load()


def test_encoded_attributes_can_be_encoded_again() -> None:
    encoded = encode_attributes(encode_attributes(INTERPRETED))  # type: ignore[arg-type]
    assert decode_attributes(decode_attributes(encoded)).keys() == INTERPRETED.keys()


@pytest.mark.parametrize("name", ["rates", "a b", "é", "x" * 1000])
def test_an_array_keeps_its_name(tmp_path: Path, name: str) -> None:
    assert load(DataAssembly([1.0], dims=["x"], name=name), tmp_path).name == name


@pytest.mark.parametrize("name", [None, "data"])
def test_an_array_without_a_name_is_named_data(tmp_path: Path, name: str | None) -> None:
    assert load(DataAssembly([1.0], dims=["x"], name=name), tmp_path).name == "data"


@pytest.mark.parametrize("name", [5, "a\0", "\ud800"])
def test_a_name_that_is_not_text_is_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(PackagingError, match="rename"):
        write_netcdf(xr.DataArray([1.0], dims=["x"], name=name), tmp_path / "a.nc")
