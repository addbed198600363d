"""Packaging loads the written files before publishing, and refuses data that would change."""

import gc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from brainio.assemblies import AssemblyLoader, DataAssembly, NeuroidAssembly
from brainio.errors import PackagingError, PackagingWarning
from brainio.netcdf import writing
from brainio.packaging import (
    create_stimulus_csv,
    create_stimulus_zip,
    package_data_assembly,
    package_stimulus_set,
    stimulus_sets,
    write_netcdf,
)
from brainio.packaging.lab_files import read_recording
from brainio.packaging.readback import check_arrays, value_difference
from brainio.packaging.stimulus_sets import package_stimulus_set_locally
from brainio.stimuli import StimulusSet
from brainio.validation import assembly_problems


def array(values: object = (1.0, 2.0), **coords: Any) -> xr.DataArray:
    return xr.DataArray(
        np.asarray(values), dims=["x"], coords={name: ("x", value) for name, value in coords.items()}, name="data"
    )


def refused(before: xr.DataArray, folder: Path, found: str) -> None:
    with pytest.raises(PackagingError, match=f"(?s){found}"):
        write_netcdf(before, folder / "a.nc")
    assert not list(folder.glob("*a.nc*"))


@pytest.mark.parametrize(
    ("before", "found"),
    [
        (array(k=np.array([0.0, -0.0])), "'k' is -0.0 at position 1 and would come back as 0.0; add 0.0 to it"),
        (array(np.array([1.0, 2.0], dtype=">f8")), "values of the array: has the type >f8 and would have <f8"),
        (array(k=np.array([1, 2], dtype=">i4")), "'k' has the type >i4 and would have <i4"),
        (array(k=np.array([2**53 + 1, None], dtype=object)), "'k' is 9007199254740993 at position 0"),
        (array(x_=[1, 2]), "'x_' would be missing; rename it"),
    ],
    ids=["negative zero", "byte order of values", "byte order of a level", "inexact integer", "name of the dimension"],
)
def test_a_difference_is_an_error_that_names_part_value_and_remedy(
    tmp_path: Path, before: xr.DataArray, found: str
) -> None:
    refused(before, tmp_path, found)


@pytest.mark.parametrize(
    ("before", "found"),
    [
        (array(k=np.array([2**70, 1], dtype=object)), "'k' has integers beyond 64 bits"),
        (array(k=np.array([2**1030, 0.5], dtype=object)), "'k' has integers beyond 64 bits"),
        (array(np.array([b"a", b"b"])), "the data has values of the types bytes; decode"),
        (array(k=np.array([b"a", b"\xff"])), "'k' has bytes that are not UTF-8"),
        (array(k=np.array([pd.Timestamp("2026-01-01", tz="UTC")] * 2)), "'k' has dates with a time zone"),
        (array(k=np.array([1, 2], dtype="f2")), "'k' has the type float16"),
        (array(np.array([1, 2], dtype="f2")), "the data has the type float16"),
        (array(k=np.array([1, 2], dtype=np.longdouble)), "'k' has the type float128"),
        (array(k=np.array([1j, 2])), "'k' has the type complex128"),
        (array(k=np.array([pd.Interval(0, 1)] * 2, dtype=object)), "'k' has values of the types Interval"),
        (array(np.array([1j, 2])), "the data has the type complex128, which netCDF cannot store; store .real"),
        (
            array(k=np.array(["1678-01-01T00:00:00.000000001", "2262-01-01"], "M8[ns]")),
            "'k' has values of the type datetime64.ns. that xarray cannot store in one unit .*; convert them to text",
        ),
        (array().rename(x="data"), "dimension 'data' has a name that"),
        (array().rename(x="string5"), "dimension 'string5' has a name that"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_a_file_lacks_are_refused_before_it_is_written(
    tmp_path: Path, before: xr.DataArray, found: str
) -> None:
    refused(before, tmp_path, found)


NAN_WITH_PAYLOAD = np.array([0x7FF8000000000123, 0xFFF0000000000001], dtype=np.uint64).view(np.float64)


@pytest.mark.parametrize(
    "values",
    [
        NAN_WITH_PAYLOAD,
        np.array([-0.0, 0.0]),
        np.array([np.inf, 5e-324]),
        np.array([-0.0, np.nan], dtype=np.float32),
        np.array([2**63 - 1, -(2**63)]),
        np.array([2**64 - 1, 0], dtype=np.uint64),
        np.array([True, False]),
    ],
    ids=["NaN with payload", "zeros", "extremes", "float32", "int64", "uint64", "bool"],
)
def test_values_load_bit_for_bit(tmp_path: Path, values: np.ndarray) -> None:
    write_netcdf(array(values), tmp_path / "a.nc")
    loaded = AssemblyLoader(DataAssembly, tmp_path / "a.nc").load()
    assert loaded.dtype == values.dtype
    assert loaded.values.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([1, 2], np.array([1, 2], dtype=np.int64)),
        ([1, None], np.array([1.0, np.nan])),
        ([1.5, 2], np.array([1.5, 2.0])),
        ([True, False], np.array([True, False])),
        ([None, np.nan], np.array([np.nan, np.nan])),
        (["a", None], np.array(["a", np.nan], dtype=object)),
        ([pd.Timestamp("2026-01-01"), None], np.array(["2026-01-01", "NaT"], dtype="M8[ns]")),
    ],
    ids=["integers", "with missing", "numbers", "truths", "all missing", "text", "dates"],
)
def test_objects_load_as_numbers(tmp_path: Path, before: list[Any], after: np.ndarray) -> None:
    values = np.empty(2, dtype=object)
    values[:] = before
    write_netcdf(array(k=values), tmp_path / "a.nc")
    loaded = AssemblyLoader(DataAssembly, tmp_path / "a.nc").load()["k"]
    assert loaded.dtype == after.dtype
    assert pd.Series(loaded.values).equals(pd.Series(after))


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns"])
def test_dates_and_durations_of_every_unit_load_unchanged(tmp_path: Path, unit: str) -> None:
    dates = np.array(["2026-11-30", "NaT"], dtype=f"M8[{unit}]")
    durations = np.array([36, "NaT"], dtype=f"m8[{unit}]")
    for values in (dates, durations):
        write_netcdf(array(values, k=values), tmp_path / "a.nc")
        loaded = AssemblyLoader(DataAssembly, tmp_path / "a.nc").load()
        for part in (loaded, loaded["k"]):
            assert part.values[0] == values[0]
            assert np.isnat(part.values[1])


def damaged(path: Path, change: Callable[[netCDF4.Dataset], None]) -> None:
    with netCDF4.Dataset(path, "a") as file:
        change(file)


def another_value(file: netCDF4.Dataset) -> None:
    file["data"][1, 2] = 99.0


def another_level(file: netCDF4.Dataset) -> None:
    file["repetition"][1] = 5


def another_attribute(file: netCDF4.Dataset) -> None:
    file["data"].setncattr("units", "kHz")


def another_name(file: netCDF4.Dataset) -> None:
    file.renameVariable("region", "area")
    file["data"].coordinates = file["data"].coordinates.replace("region", "area")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (another_value, "values of the array: is .* at position 1, 2 and would come back as 99.0"),
        (another_level, "'repetition' is 1 at position 1 and would come back as 5"),
        (another_attribute, "'units' of the array is 'Hz' and would come back as 'kHz'"),
        (another_name, "'area' would appear.*'region' would be missing"),
    ],
)
def test_a_file_that_differs_from_the_assembly_is_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[netCDF4.Dataset], None], found: str
) -> None:
    assembly = NeuroidAssembly(
        np.arange(6.0).reshape(2, 3),
        dims=["presentation", "neuroid"],
        coords={
            "stimulus_id": ("presentation", ["a", "b"]),
            "repetition": ("presentation", [0, 1]),
            "neuroid_id": ("neuroid", [1, 2, 3]),
            "region": ("neuroid", ["V4", "V4", "IT"]),
        },
        attrs={"units": "Hz"},
    )
    write_variables = writing._write_variables

    def write_wrongly(dataset: netCDF4.Dataset, *args: Any) -> None:
        write_variables(dataset, *args)
        change(dataset)

    monkeypatch.setattr(writing, "_write_variables", write_wrongly)
    with pytest.raises(PackagingError, match=f"(?s){found}"):
        package_data_assembly(None, assembly, "lab.Doe2026", "lab.Set", "NeuroidAssembly", bucket_name=tmp_path / "f")
    assert not (tmp_path / "f").exists()
    with pytest.raises(PackagingError, match=f"(?s){found}"):
        write_netcdf(assembly, tmp_path / "a.nc")
    assert not list(tmp_path.glob("*.nc*"))


def packaged(assembly: xr.DataArray, folder: Path, **options: Any) -> None:
    package_data_assembly(
        None, assembly, "lab.Doe2026", "lab.Doe2026.stimuli", "NeuroidAssembly", bucket_name=folder / "f", **options
    )


def test_coordinates_joined_while_loading_are_compared_too(
    assembly: NeuroidAssembly, stimuli: StimulusSet, tmp_path: Path
) -> None:
    joined = assembly.assign_coords(
        object_name=("presentation", ["object0", "object1", "object2"] * 2),
        size_px=("presentation", np.array([4, 5, 6] * 2, dtype=np.int16)),
    )
    joined.attrs["stimulus_set"] = stimuli
    packaged(joined, tmp_path)
    path = next((tmp_path / "f").glob("*.nc"))
    loaded = NeuroidAssembly.from_files(path, stimulus_set_identifier=None, stimulus_set=stimuli)
    assert loaded["size_px"].dtype == np.int16
    assert loaded["object_name"].values.tolist() == joined["object_name"].values.tolist()


def test_ids_with_another_spelling_than_in_the_set_are_refused(
    assembly: NeuroidAssembly, stimuli: StimulusSet, tmp_path: Path
) -> None:
    numbered = assembly.assign_coords(stimulus_id=("presentation", ["1", "2", "3"] * 2))
    numbered.attrs["stimulus_set"] = stimuli.assign(stimulus_id=["01", "02", "03"])
    with pytest.raises(PackagingError, match=r"(?s)stimulus_id.*'1'"):
        packaged(numbered, tmp_path)
    assert not (tmp_path / "f").exists()


def test_extras_are_compared(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    extra = array(k=np.array([0.0, -0.0]))
    with pytest.raises(PackagingError, match=r"in the extra 'more', the coordinate 'k' is -0.0"):
        packaged(assembly, tmp_path, extras={"more": extra})
    assert not (tmp_path / "f").exists()
    packaged(assembly, tmp_path, extras={"more": extra.assign_coords(k=extra["k"] + 0.0)})


def test_a_dry_run_compares_too(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    wrong = assembly.assign_coords(depth=("neuroid", [0.0, 1.0, 2.0, 3.0]))
    plain = xr.DataArray(wrong).reset_index("neuroid").assign_coords(depth=("neuroid", [0.0, -0.0, 1.0, 2.0]))
    with pytest.raises(PackagingError, match=r"'depth' is -0\.0"):
        packaged(plain, tmp_path, dry_run=True)


@pytest.mark.parametrize("chunks", [{"x": 7}, {"x": 10_000}])
def test_lazy_values_are_compared_block_by_block(tmp_path: Path, chunks: dict[str, int]) -> None:
    dask = pytest.importorskip("dask.array")
    values = np.arange(100_000.0).reshape(10_000, 10)
    lazy = xr.DataArray(dask.from_array(values, chunks=(chunks["x"], 10)), dims=["x", "y"])
    write_netcdf(lazy, tmp_path / "a.nc")
    check_arrays(tmp_path / "a.nc", {"": lazy})
    values[9_999, 9] = -1.0
    with pytest.raises(PackagingError, match=r"is -1.0 at position 9999, 9 and would come back as 99999.0"):
        check_arrays(tmp_path / "a.nc", {"": xr.DataArray(values, dims=["x", "y"])})


def test_reading_back_needs_memory_for_single_blocks_only(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200_000, 100)).astype(np.float32)  # 80 MB
    large = xr.DataArray(values, dims=["presentation", "neuroid"], coords={"k": ("presentation", np.arange(200_000))})
    write_netcdf(large, tmp_path / "a.nc", compress=False)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    check_arrays(tmp_path / "a.nc", {"": large})
    assert status("VmHWM") - before < 64 << 20


def status(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def test_no_file_stays_open(tmp_path: Path) -> None:
    write_netcdf(array(k=[1, 2]), tmp_path / "a.nc")
    gc.collect()
    targets = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert not [target for target in targets if str(tmp_path) in str(target)]


def test_missing_values_of_every_kind_are_the_same_label() -> None:
    before = np.array([None, np.nan, pd.NA, pd.NaT, "x"], dtype=object)
    after = np.array([np.nan] * 4 + ["x"], dtype=object)
    assert value_difference(before, after) is None
    assert value_difference(np.array(["x"], dtype=object), np.array([np.nan], dtype=object)) is not None
    assert value_difference(np.array(["1"], dtype=object), np.array([1])) is not None
    assert value_difference(NAN_WITH_PAYLOAD, np.array([np.nan, np.nan]), are_labels=True) is None
    assert value_difference(NAN_WITH_PAYLOAD, np.array([np.nan, np.nan])) is not None


def rewrite_archive(path: Path, change: Callable[[str, bytes], dict[str, bytes]]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            for new_name, new_content in change(name, content).items():
                archive.writestr(new_name, new_content)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda name, content: {name: content[:-1] + b"x"}, "the archive has other bytes than those written"),
        (lambda name, content: {name: content + b"x"}, "the archive has other bytes than those written"),
        (lambda name, content: {name: content[:-1]}, "the archive has other bytes than those written"),
        (lambda name, content: {f"other/{name}": content}, "lacks the file s0.png of the stimulus 's0'"),
        (lambda name, content: {f"../{name}": content}, "cannot be loaded.*is unsafe"),
    ],
    ids=["other bytes", "more bytes", "fewer bytes", "another name", "a name that cannot be unpacked"],
)
def test_an_archive_that_differs_from_the_stimuli_is_never_published(
    stimuli: StimulusSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[str, bytes], dict[str, bytes]],
    found: str,
) -> None:
    def create_wrongly(stimulus_set: StimulusSet, path: Path) -> tuple[str, list[str]]:
        done = create_stimulus_zip(stimulus_set, path)
        rewrite_archive(path, change)
        return done

    monkeypatch.setattr(stimulus_sets, "create_stimulus_zip", create_wrongly)
    with pytest.raises(PackagingError, match=f"(?s){found}"):
        package_stimulus_set(None, stimuli, "lab.Doe2026", bucket_name=tmp_path / "f")
    with pytest.raises(PackagingError, match=f"(?s){found}"):
        package_stimulus_set_locally(stimuli, "lab.Doe2026", downloads_path=tmp_path / "g")
    assert not (tmp_path / "f").exists()
    assert not list((tmp_path / "g").iterdir())


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda table: table.assign(size_px=[4, 5, 7]), "'size_px' is 6 at position 2 and would come back as 7"),
        (lambda table: table.assign(size_px=[4.0, 5.0, 6.0]), "'size_px' has the type int64 and would have float64"),
        (lambda table: table.assign(object_name=["object0", None, "object2"]), "'object_name' is 'object1' at"),
        (lambda table: table.drop(columns="size_px"), "the columns are .* and would be"),
        (lambda table: table[::-1], "'stimulus_id' is 's0' at position 0 and would come back as 's2'"),
    ],
    ids=["value", "type", "missing text", "column", "order"],
)
def test_a_table_that_differs_from_the_stimulus_set_is_never_published(
    stimuli: StimulusSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[StimulusSet], StimulusSet],
    found: str,
) -> None:
    monkeypatch.setattr(
        stimulus_sets, "write_stimulus_csv", lambda table, path: create_stimulus_csv(change(table), path)
    )
    with pytest.raises(PackagingError, match=f"(?s){found}"):
        package_stimulus_set(None, stimuli, "lab.Doe2026", bucket_name=tmp_path / "f")
    assert not (tmp_path / "f").exists()


def test_columns_of_every_type_pass_the_check(stimuli: StimulusSet, tmp_path: Path) -> None:
    typed = stimuli.assign(
        code=["007", "NA", ""],
        note=["a\rb", np.nan, 'x,\n"y"'],
        count=pd.array([1, None, 3], dtype="Int64"),
        share=np.array([0.1, np.nan, -0.0], dtype=np.float32),
        is_shown=np.array([True, False, None], dtype=object),
        day=np.array(["2026-01-01", "NaT", "2026-01-03"], dtype="M8[s]"),
    )
    typed.stimulus_paths = stimuli.stimulus_paths
    package_stimulus_set(None, typed, "lab.Doe2026", bucket_name=tmp_path / "f")
    loaded = StimulusSet.from_files(tmp_path / "f" / "stimulus_lab_Doe2026.csv", tmp_path)
    assert loaded["share"].tolist()[0] == float(np.float32(0.1))
    assert loaded["code"].tolist() == ["007", "NA", ""]


@pytest.mark.parametrize("rows", [3, 700_000], ids=["read at once", "left in the file"])
def test_numpy_files_of_another_byte_order_are_packaged_in_native_order(tmp_path: Path, rows: int) -> None:
    np.save(tmp_path / "rates.npy", np.arange(rows * 4.0).reshape(rows, 4).astype(">f8"))
    rates = read_recording(tmp_path / "rates.npy", dims=["x", "y"])
    assert rates.dtype == np.dtype("=f8")
    write_netcdf(rates, tmp_path / "a.nc", compress=False)
    loaded = AssemblyLoader(DataAssembly, tmp_path / "a.nc").load()
    assert loaded.values[-1].tolist() == [rows * 4.0 - 4, rows * 4.0 - 3, rows * 4.0 - 2, rows * 4.0 - 1]


def test_validation_finds_another_byte_order_too(assembly: NeuroidAssembly) -> None:
    found = assembly_problems(assembly.astype(">f4"), NeuroidAssembly)
    assert [problem.code for problem in found] == ["type-unstorable"]


def test_an_array_in_the_attributes_of_a_coordinate_is_not_dropped_silently(tmp_path: Path) -> None:
    before = array(k=[1, 2])
    before["k"].attrs["more"] = array()
    refused(before, tmp_path, "attribute 'more' of the coordinate 'k' .* would come back as None; convert or delete it")


def test_attributes_of_coordinates_that_are_also_in_the_set_are_kept(
    assembly: NeuroidAssembly, stimuli: StimulusSet, tmp_path: Path
) -> None:
    names = xr.DataArray(["object0", "object1", "object2"] * 2, dims=["presentation"], attrs={"long_name": "object"})
    described = assembly.assign_coords(object_name=names).assign_attrs(stimulus_set=stimuli)
    packaged(described, tmp_path)
    loaded = NeuroidAssembly.from_files(next((tmp_path / "f").glob("*.nc")), stimulus_set=stimuli)
    assert loaded["object_name"].attrs == {"long_name": "object"}


def test_arrays_in_attributes_that_a_file_lacks_are_named(tmp_path: Path) -> None:
    with pytest.warns(PackagingWarning, match="lacks the arrays in the attributes 'sessions'"):
        write_netcdf(array().assign_attrs(sessions=array()), tmp_path / "a.nc")
