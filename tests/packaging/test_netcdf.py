"""NetCDF files of assemblies."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

from brainio.assemblies import DataAssembly, NeuroidAssembly
from brainio.errors import PackagingError
from brainio.netcdf import writing
from brainio.packaging import write_netcdf
from brainio.stimuli import StimulusSet

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def stored(values: object, folder: Path) -> np.ndarray:
    """Write values as a coordinate and read them with xarray alone."""
    length = len(np.asarray(values, dtype=object))
    write_netcdf(
        DataAssembly(np.zeros(length), coords={"c": ("x", values), "k": ("x", range(length))}, dims=["x"]),
        folder / "c.nc",
    )
    with xr.open_dataarray(folder / "c.nc") as read:
        return read["c"].load().values


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("netcdf")


@settings(deadline=None)  # the first example also pays for imports
@given(st.lists(TEXT, min_size=1, max_size=5))
def test_text_loads_as_str(folder: Path, values: list[str]) -> None:
    read = stored(np.array(values, dtype=object), folder)
    assert read.dtype == object
    assert read.tolist() == values


@settings(deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"]),
        hnp.array_shapes(max_dims=3),
    )
)
def test_values_load_with_their_type(folder: Path, values: np.ndarray) -> None:
    write_netcdf(DataAssembly(values, dims=[f"d{axis}" for axis in range(values.ndim)]), folder / "v.nc")
    with xr.open_dataarray(folder / "v.nc") as read:
        assert read.dtype == values.dtype
        assert read.name == "data"
        np.testing.assert_array_equal(read.values, values)


def test_dates_load_with_nanosecond_precision(tmp_path: Path) -> None:
    dates = np.array(["2026-01-01T00:00:00.000000001", "1950-06-01T12:00:00"], dtype="datetime64[ns]")
    np.testing.assert_array_equal(stored(dates, tmp_path), dates)


def test_missing_text_becomes_empty_text_and_missing_numbers_stay_missing(tmp_path: Path) -> None:
    assert stored(np.array(["a", None, np.nan], dtype=object), tmp_path).tolist() == ["a", "", ""]
    np.testing.assert_array_equal(stored(np.array([1, None], dtype=object), tmp_path), [1.0, np.nan])


def test_a_text_of_a_thousand_words_is_stored_whole(tmp_path: Path) -> None:
    texts = ["word " * 1000, "", "short"]
    assert stored(np.array(texts, dtype=object), tmp_path).tolist() == texts


@pytest.mark.parametrize("values", [[1, "a"], [("a",), "b"], ["a\0b", "c"], [True, None]])
def test_unsupported_values_are_refused_by_name_before_a_file_exists(tmp_path: Path, values: list[object]) -> None:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    with pytest.raises(PackagingError, match="'c'"):
        stored(column, tmp_path)
    assert not (tmp_path / "c.nc").exists()


def test_an_unsupported_attribute_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="'when'"):
        write_netcdf(DataAssembly([1.0], dims=["x"], attrs={"when": {"a": {1, 2}}}), tmp_path / "a.nc")


def test_an_empty_dimension_is_refused_by_name(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="neuroid"):
        write_netcdf(assembly.isel(neuroid=slice(0, 0)), tmp_path / "a.nc")


def test_complex_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="complex"):
        write_netcdf(DataAssembly([1j], dims=["x"]), tmp_path / "a.nc")


def test_the_same_assembly_gives_the_same_bytes(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    assert write_netcdf(assembly, tmp_path / "a.nc") == write_netcdf(assembly.copy(deep=True), tmp_path / "b.nc")
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_attributes_are_stored_but_the_stimulus_set_is_not(
    assembly: NeuroidAssembly, stimuli: StimulusSet, tmp_path: Path
) -> None:
    assembly.attrs.update(identifier="lab.Doe2026", stimulus_set=stimuli, numbers=[1, 2], words=["a", "b"])
    write_netcdf(assembly, tmp_path / "a.nc")
    with xr.open_dataarray(tmp_path / "a.nc") as read:
        assert set(read.attrs) == {"identifier", "numbers", "words"}
    with netCDF4.Dataset(tmp_path / "a.nc") as dataset:
        assert dataset.identifier == "lab.Doe2026"


def test_a_group_is_appended_to_the_same_file(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    first = write_netcdf(assembly, tmp_path / "a.nc")
    extra = DataAssembly([1, 2], coords={"unit": ("bin", ["a", "b"]), "k": ("bin", [0, 1])}, dims=["bin"])
    assert write_netcdf(extra, tmp_path / "a.nc", append=True, group="extra") != first
    with xr.open_dataarray(tmp_path / "a.nc", group="extra") as read:
        assert read["unit"].values.tolist() == ["a", "b"]
    with xr.open_dataarray(tmp_path / "a.nc") as read:
        np.testing.assert_array_equal(read.values, assembly.values)


@pytest.mark.parametrize(("group", "message"), [(None, "root"), ("extra", "'extra'"), ("region", "'region'")])
def test_an_existing_group_is_refused_by_name_and_the_file_is_unchanged(
    assembly: NeuroidAssembly, tmp_path: Path, group: str | None, message: str
) -> None:
    write_netcdf(assembly, tmp_path / "a.nc")
    write_netcdf(assembly, tmp_path / "a.nc", append=True, group="extra")
    before = (tmp_path / "a.nc").read_bytes()
    with pytest.raises(PackagingError, match=message):
        write_netcdf(assembly, tmp_path / "a.nc", append=True, group=group)
    assert (tmp_path / "a.nc").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if ".nc" in path.name] == ["a.nc"]


def test_a_reader_of_a_file_sees_the_old_one_while_a_group_is_appended(
    assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    write_netcdf(assembly, tmp_path / "a.nc")
    (tmp_path / "link.nc").hardlink_to(tmp_path / "a.nc")
    before = (tmp_path / "link.nc").read_bytes()
    write_netcdf(assembly, tmp_path / "a.nc", append=True, group="extra")
    assert (tmp_path / "link.nc").read_bytes() == before != (tmp_path / "a.nc").read_bytes()


def test_a_loaded_assembly_can_be_written_even_with_attributes_that_are_none(
    assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    sha1 = write_netcdf(assembly, tmp_path / "a.nc")
    loaded = NeuroidAssembly.from_files(tmp_path / "a.nc")
    assert loaded.attrs["stimulus_set_identifier"] is None
    assert write_netcdf(loaded, tmp_path / "b.nc") == sha1


def test_an_uncomputed_dask_assembly_can_be_written(
    assembly: NeuroidAssembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha1 = write_netcdf(assembly, tmp_path / "a.nc")
    monkeypatch.setenv("BRAINIO_CHUNKS", "{'presentation': 2}")
    assert write_netcdf(NeuroidAssembly.from_files(tmp_path / "a.nc"), tmp_path / "b.nc") == sha1


def test_lazy_arrays_of_xarray_are_not_read_while_a_file_is_written(
    assembly: NeuroidAssembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = []

    def watched(*args: Any, **keywords: Any) -> netCDF4.Dataset:
        is_free = NETCDF4_PYTHON_LOCK.acquire(blocking=False)
        if is_free:
            NETCDF4_PYTHON_LOCK.release()
        locked.append(not is_free)
        return netCDF4.Dataset(*args, **keywords)

    monkeypatch.setattr(writing, "netCDF4", SimpleNamespace(Dataset=watched))
    write_netcdf(assembly, tmp_path / "a.nc")
    assert locked == [True]


def test_an_assembly_without_compression_has_the_same_values(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    large = xr.concat([assembly] * 300, dim="presentation")
    write_netcdf(large, tmp_path / "small.nc")
    write_netcdf(large, tmp_path / "large.nc", compress=False)
    assert (tmp_path / "small.nc").stat().st_size < (tmp_path / "large.nc").stat().st_size
    with xr.open_dataarray(tmp_path / "small.nc") as first, xr.open_dataarray(tmp_path / "large.nc") as second:
        assert first.load().identical(second.load())
