"""Loading files of brainscore-brainio 1.1.0, of older xarray, and broken files."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

from brainio.assemblies import (
    AssemblyLoader,
    DataAssembly,
    GroupAppendAssemblyLoader,
    MetadataAssembly,
    NeuroidAssembly,
    NeuronRecordingAssembly,
    PropertyAssembly,
    SpikeTimesAssembly,
    StimulusMergeAssemblyLoader,
    hdf5_access,
    walk_coords,
)
from brainio.assemblies.index import AssemblyIndex
from brainio.errors import AssemblyFormatError, FormatWarning
from brainio.netcdf import reading
from brainio.packaging import write_netcdf
from brainio.stimuli import StimulusSet
from tests.tiers import scaled_examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write_file(
    path: Path, key: str = "stimulus_id", variable: str = "data", ids: tuple[object, ...] = ("a", "b", "a")
) -> Path:
    """Write a file in the published layout: an attribute names coordinates, and text has variable length."""
    with netCDF4.Dataset(path, "w") as file:
        file.identifier = "lab.A"
        file.createDimension("neuroid", 2)
        file.createDimension("presentation", 3)
        is_text = isinstance(ids[0], str)
        column = file.createVariable(key, str if is_text else "i8", ("presentation",))
        column[:] = np.array(ids, dtype=object if is_text else "i8")
        file.createVariable("repetition", "i8", ("presentation",))[:] = [0, 0, 1]
        file.createVariable("neuroid_id", str, ("neuroid",))[:] = np.array(["n0", "n1"], dtype=object)
        data = file.createVariable(variable, "f4", ("neuroid", "presentation"))
        data[:] = np.arange(6).reshape(2, 3)
        data.unit = "Hz"
        data.coordinates = f"{key} repetition neuroid_id"
        extra = file.createGroup("trials")
        extra.createDimension("trial", 2)
        extra.createVariable("trial_id", "i8", ("trial",))[:] = [5, 6]
        extra.createVariable("block", str, ("trial",))[:] = np.array(["u", "v"], dtype=object)
        values = extra.createVariable("data", "f8", ("trial",))
        values[:] = [0.5, 0.6]
        values.coordinates = "trial_id block"
    return path


def write_column(path: Path, dim: str, key: str, values: list[object], **attributes: str) -> Path:
    """Write a file with one dimension and one coordinate along it."""
    column = np.array(values)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension(dim, len(column))
        kind = str if column.dtype.kind == "U" else column.dtype
        variable = file.createVariable(key, kind, (dim,))
        variable[:] = column.astype(object) if kind is str else column
        variable.setncatts(attributes)
        data = file.createVariable("data", "f4", (dim,))
        data[:] = np.arange(len(column))
        data.coordinates = key
    return path


@pytest.fixture
def stimulus_set() -> StimulusSet:
    table = StimulusSet(
        {
            "stimulus_id": ["b", "a", "z"],
            "filename": ["b.png", "a.png", "z.png"],
            "size": [2, 1, 9],
            "repetition": [7, 7, 7],
        }
    )
    table["object"] = np.array(["dog", np.nan, "zebra"], dtype=object)
    table.identifier = "lab.Set"
    return table


@pytest.mark.filterwarnings("ignore:.* keeps its own coordinates:brainio.errors.FormatWarning")
def test_loading_joins_stimulus_columns_along_the_presentation(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    a = NeuronRecordingAssembly.from_files(
        write_file(tmp_path / "a.nc"), stimulus_set_identifier="lab.Set", stimulus_set=stimulus_set
    )
    assert type(a) is NeuronRecordingAssembly
    assert a.dims == ("neuroid", "presentation")
    assert list(a.indexes["presentation"].names) == ["stimulus_id", "repetition", "filename", "size", "object"]
    assert a["size"].values.tolist() == [1, 2, 1]
    assert a["size"].dtype == np.int64
    assert a["filename"].values.tolist() == ["a.png", "b.png", "a.png"]
    assert a["repetition"].values.tolist() == [0, 0, 1]
    assert a["object"].values[1] == "dog"
    assert np.isnan(a["object"].values[0])
    assert a.sel(object="dog").values.tolist() == [[1.0], [4.0]]
    assert a.name == "data"
    assert a.attrs["identifier"] == "lab.A"
    assert a.attrs["unit"] == "Hz"
    assert a.attrs["stimulus_set_identifier"] == "lab.Set"
    assert a.attrs["stimulus_set"] is stimulus_set


@pytest.mark.filterwarnings("ignore:.* keeps its own coordinates:brainio.errors.FormatWarning")
def test_a_load_creates_one_assembly_and_one_index_per_dimension(
    tmp_path: Path, stimulus_set: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = record_created(monkeypatch, DataAssembly, AssemblyIndex)
    a = NeuroidAssembly.from_files(write_file(tmp_path / "a.nc"), stimulus_set=stimulus_set)
    extra = a.attrs["trials"]
    assert [id(each) for each in created if isinstance(each, DataAssembly)] == [id(a), id(extra)]
    indexes = [a.xindexes["presentation"], a.xindexes["neuroid"], extra.xindexes["trial"]]
    assert [id(each) for each in created if isinstance(each, AssemblyIndex)] == list(map(id, indexes))


def record_created(monkeypatch: pytest.MonkeyPatch, *classes: type) -> list[object]:
    """Record the objects of classes and their subclasses that the test creates from now on."""
    created: list[object] = []
    for cls in classes:
        initialize = cls.__dict__["__init__"]

        def record(self: object, *args: Any, initialize: Callable[..., None] = initialize, **kwargs: Any) -> None:
            created.append(self)
            initialize(self, *args, **kwargs)

        monkeypatch.setattr(cls, "__init__", record)
    return created


@pytest.mark.filterwarnings("ignore:.* keeps its own coordinates:brainio.errors.FormatWarning")
def test_joining_twice_adds_nothing(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    loader = StimulusMergeAssemblyLoader(NeuroidAssembly, write_file(tmp_path / "a.nc"), stimulus_set=stimulus_set)
    once = loader.load()
    assert loader.merge_stimulus_set_meta(once, stimulus_set).identical(once)


def test_a_dimension_named_stimulus_id_without_that_coordinate_is_an_error(
    tmp_path: Path, stimulus_set: StimulusSet
) -> None:
    path = write_column(tmp_path / "a.nc", "stimulus_id", "repetition", [0, 1])
    with pytest.raises(AssemblyFormatError, match=r"has no coordinate 'stimulus_id' .*; it has \['repetition'\]"):
        DataAssembly.from_files(path, stimulus_set=stimulus_set)


def test_missing_stimuli_are_an_error_that_names_them(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    named = r"a\.nc has 1 stimuli, in 2 of 3 presentations, that the stimulus set lab\.Set of 1 lacks, such as 'a'\."
    with pytest.raises(AssemblyFormatError, match=f"{named}.*allow_missing_stimuli=True"):
        NeuroidAssembly.from_files(write_file(tmp_path / "a.nc"), stimulus_set=stimulus_set[:1])
    many = write_column(tmp_path / "m.nc", "presentation", "stimulus_id", [f"s{number}" for number in range(9)])
    with pytest.raises(AssemblyFormatError, match=r"has 9 stimuli, .*'s0', 's1', 's2', 's3', 's4'\. "):
        DataAssembly.from_files(many, stimulus_set=stimulus_set)
    with pytest.raises(AssemblyFormatError, match=r"has 2 stimuli, in 3 of 3.* of 0 lacks, such as 'a', 'b'"):
        NeuroidAssembly.from_files(tmp_path / "a.nc", stimulus_set=stimulus_set[:0])


@pytest.mark.parametrize(
    "column",
    [
        np.array(["u", "v"], dtype=object),
        np.array(["x", 3], dtype=object),
        np.array([5, 6]),
        np.array([5, 6], "u1"),
        np.array([0.5, 1.5]),
        np.array([0.5, 1.5], "f4"),
        np.array([True, False]),
        np.array(["2020-01-01", "2020-01-02"], "M8[ns]"),
        np.array([1, 2], "m8[ns]"),
    ],
    ids=lambda column: column.dtype.name,
)
@pytest.mark.parametrize("ids", [("a", "z", "b"), ("a", "z", "z"), ("z", "z", "z")])
def test_presentations_without_a_stimulus_have_missing_values_if_allowed(
    tmp_path: Path, column: np.ndarray, ids: tuple[str, ...]
) -> None:
    path = write_file(tmp_path / "a.nc", ids=ids)
    stimuli = StimulusSet({"stimulus_id": ["a", "b"], "column": column})
    a = NeuroidAssembly.from_files(path, stimulus_set=stimuli, allow_missing_stimuli=True)
    expected = pd.Series(column, index=["a", "b"]).reindex(ids).to_numpy()  # same result as brainscore-brainio
    pd.testing.assert_index_equal(*[pd.Index(values, dtype=values.dtype) for values in (a["column"].values, expected)])
    assert a["stimulus_id"].values.tolist() == list(ids)
    assert a.values.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    counts = a.multi_groupby(["column"]).count()
    assert counts.sum("column").values.tolist() == [3, 3]
    assert pd.isna(counts["column"].values[-1])


def test_presentations_without_an_id_have_missing_values_if_allowed(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    path = write_column(tmp_path / "h.nc", "presentation", "stimulus_id", [1.0, np.nan])
    numbered = stimulus_set.assign(stimulus_id=["1", "2", "3"])
    with pytest.raises(AssemblyFormatError, match=r"in 1 of 2 presentations.*lacks, such as those without an id"):
        DataAssembly.from_files(path, stimulus_set=numbered)
    a = DataAssembly.from_files(path, stimulus_set=numbered, allow_missing_stimuli=True)
    np.testing.assert_array_equal(a["size"].values, [2.0, np.nan])
    assert a["stimulus_id"].values[0] == "1"
    assert np.isnan(a["stimulus_id"].values[1])


@pytest.mark.filterwarnings("ignore:.* keeps its own coordinates:brainio.errors.FormatWarning")
def test_allowing_missing_stimuli_changes_nothing_if_none_is_missing(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    path = write_file(tmp_path / "a.nc")
    for cls in (NeuroidAssembly, PropertyAssembly):
        strict = cls.from_files(path, stimulus_set=stimulus_set)
        assert cls.from_files(path, stimulus_set=stimulus_set, allow_missing_stimuli=True).identical(strict)
    whole = NeuroidAssembly.from_files(path, stimulus_set=stimulus_set[:0], allow_missing_stimuli=True)
    assert whole["object"].isnull().all()


def test_values_and_text_are_loaded_and_the_file_is_closed(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.nc")
    a = AssemblyLoader(NeuroidAssembly, path).load()
    path.unlink()
    assert isinstance(a.variable._data, np.ndarray)
    assert a["neuroid_id"].values.tolist() == ["n0", "n1"]
    assert a["neuroid_id"].dtype == object
    assert a.values.dtype == np.float32


@pytest.mark.filterwarnings("ignore:.* keeps its own coordinates:brainio.errors.FormatWarning")
def test_image_id_of_older_files_is_kept_and_gives_stimulus_id(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    a = NeuroidAssembly.from_files(write_file(tmp_path / "a.nc", key="image_id"), stimulus_set=stimulus_set)
    assert list(a.indexes["presentation"].names)[:3] == ["image_id", "repetition", "stimulus_id"]
    assert a["stimulus_id"].values.tolist() == a["image_id"].values.tolist() == ["a", "b", "a"]


def test_numeric_ids_become_the_text_of_the_stimulus_set(tmp_path: Path) -> None:
    table = StimulusSet({"stimulus_id": ["007", "001"], "size": [7, 1]})
    path = write_file(tmp_path / "a.nc", ids=(1, 7, 1))
    assert DataAssembly.from_files(path)["stimulus_id"].values.tolist() == ["1", "7", "1"]
    joined = DataAssembly.from_files(path, stimulus_set=table)
    assert joined["stimulus_id"].values.tolist() == ["001", "007", "001"]
    assert joined["size"].values.tolist() == [1, 7, 1]


def test_float_ids_become_the_text_of_the_stimulus_set(tmp_path: Path) -> None:
    path = write_column(tmp_path / "f.nc", "presentation", "stimulus_id", [1.0, 7.0, 1.5])
    assert DataAssembly.from_files(path)["stimulus_id"].values.tolist() == ["1", "7", "1.5"]
    table = StimulusSet({"stimulus_id": ["1", "7", "1.5"], "size": [1, 7, 2]})
    assert DataAssembly.from_files(path, stimulus_set=table)["size"].values.tolist() == [1, 7, 2]
    holes = write_column(tmp_path / "h.nc", "presentation", "stimulus_id", [1.0, np.nan])
    with pytest.raises(AssemblyFormatError, match="without an id"):
        DataAssembly.from_files(holes, stimulus_set=table)


@pytest.mark.parametrize("dims", [(), ("presentation", "neuroid")])
def test_ids_without_a_single_dimension_cannot_be_joined(
    tmp_path: Path, stimulus_set: StimulusSet, dims: tuple[str, ...]
) -> None:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("presentation", 2)
        file.createDimension("neuroid", 2)
        file.createVariable("stimulus_id", "i8", dims)[...] = 1
        data = file.createVariable("data", "f4", ("presentation", "neuroid"))
        data[:] = 0
        data.coordinates = "stimulus_id"
    assert np.shape(NeuroidAssembly.from_files(path)["stimulus_id"]) == (2,) * len(dims)
    with pytest.raises(AssemblyFormatError, match=r"a\.nc: the coordinate 'stimulus_id' has the dimensions \("):
        NeuroidAssembly.from_files(path, stimulus_set=stimulus_set)


def test_a_set_without_ids_cannot_be_joined(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    with pytest.raises(AssemblyFormatError, match=r"a\.nc cannot be joined.*'stimulus_id'.*found \['filename'"):
        NeuroidAssembly.from_files(
            write_file(tmp_path / "a.nc"), stimulus_set=stimulus_set.drop(columns=["stimulus_id"])
        )


@pytest.mark.parametrize("cls", [NeuroidAssembly, SpikeTimesAssembly])
def test_a_file_with_other_dimensions_than_its_class_loads_with_a_warning(
    tmp_path: Path, cls: type[DataAssembly]
) -> None:
    path = write_column(tmp_path / "p.nc", "presentation", "stimulus_id", ["a", "b"])
    with pytest.warns(FormatWarning, match=rf"p\.nc has the wrong form for a {cls.__name__}.*\('presentation',\)"):
        assert cls.from_files(path).dims == ("presentation",)


def test_dates_that_cannot_be_decoded_are_an_error_that_names_file_and_variable(tmp_path: Path) -> None:
    path = write_column(tmp_path / "d.nc", "presentation", "day", [1, 2], units="days since nonsense")
    with pytest.raises(AssemblyFormatError, match=r"(?s)d\.nc has values that cannot be decoded.*'day'"):
        DataAssembly.from_files(path)


def test_the_data_variable_may_have_any_name(tmp_path: Path) -> None:
    a = AssemblyLoader(DataAssembly, write_file(tmp_path / "a.nc", variable="responses")).load()
    assert a.name == "responses"


@pytest.mark.filterwarnings("ignore:.* keeps its own coordinates:brainio.errors.FormatWarning")
def test_a_group_is_read_and_extras_become_attrs(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    path = write_file(tmp_path / "a.nc")
    extra = AssemblyLoader(DataAssembly, path, group="trials").load()
    assert extra.sel(block="v").values.tolist() == [0.6]
    assert "trials" not in extra.attrs
    for loader in (AssemblyLoader, StimulusMergeAssemblyLoader, GroupAppendAssemblyLoader):
        a = loader(NeuroidAssembly, path).load()
        assert type(a.attrs["trials"]) is MetadataAssembly
        assert a.attrs["trials"]["trial_id"].values.tolist() == [5, 6]
    joined = NeuroidAssembly.from_files(path, stimulus_set_identifier="lab.Set", stimulus_set=stimulus_set)
    assert joined.attrs["trials"].attrs["stimulus_set"] is stimulus_set
    assert joined.attrs["trials"].attrs["stimulus_set_identifier"] == "lab.Set"


def test_spike_times_have_extras_and_no_stimulus_columns(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    path = write_column(tmp_path / "s.nc", "event", "stimulus_id", ["a", "b"])
    with netCDF4.Dataset(path, "a") as file:
        group = file.createGroup("session/trials")
        group.createDimension("trial", 1)
        group.createVariable("data", "f8", ("trial",))[:] = 3
    a = SpikeTimesAssembly.from_files(path, stimulus_set_identifier="lab.Set", stimulus_set=stimulus_set)
    assert a.attrs["session/trials"].values.tolist() == [3.0]
    assert "filename" not in a.coords


@pytest.mark.parametrize("name", ["identifier", "stimulus_set", "stimulus_set_identifier"])
def test_a_group_with_the_name_of_an_attribute_is_refused(tmp_path: Path, name: str) -> None:
    path = write_file(tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as file:
        group = file.createGroup(name)
        group.createDimension("x", 1)
        group.createVariable("data", "f8", ("x",))[:] = 3
    with pytest.raises(AssemblyFormatError, match=rf"a\.nc has a group '{name}'"):
        NeuroidAssembly.from_files(path)


def test_a_property_assembly_is_not_joined(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    a = PropertyAssembly.from_files(write_file(tmp_path / "a.nc"), stimulus_set=stimulus_set)
    assert "filename" not in a.coords
    assert a.attrs["stimulus_set"] is stimulus_set
    assert a.attrs["stimulus_set_identifier"] is None


def test_character_arrays_read_as_text(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "c.nc", "w") as file:
        file.createDimension("x", 2)
        file.createDimension("length", 3)
        file.createVariable("name", "S1", ("x", "length"))[:] = netCDF4.stringtochar(np.array(["abc", "de"], "S3"))
        data = file.createVariable("data", "f4", ("x",))
        data[:] = [1, 2]
        data.coordinates = "name"
    assert [values.tolist() for _, _, values in walk_coords(DataAssembly.from_files(tmp_path / "c.nc"))] == [
        ["abc", "de"]
    ]


@pytest.mark.parametrize("kind", ["fixed", "any"])
@settings(max_examples=scaled_examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["", "a", "same start, other end 1", "same start, other end 2", "日本", "aaaaaaaaé"]),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_text_is_read_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, texts: list[str]) -> None:
    monkeypatch.setattr(reading, "_TEXT_BLOCK_ROWS", 5)
    encoded = np.array([text.encode() for text in texts])
    width = max(1, encoded.dtype.itemsize)
    with netCDF4.Dataset(tmp_path / "t.nc", "w") as file:
        file.createDimension("x", len(texts))
        if kind == "fixed":
            file.createDimension("width", width)
            name = file.createVariable("name", "S1", ("x", "width"))
            name.setncattr("_Encoding", "utf-8")
            name.set_auto_chartostring(False)
            name[:] = encoded.astype(f"S{width}").view("S1").reshape(len(texts), width)
        else:
            file.createVariable("name", str, ("x",))[:] = np.array(texts, dtype=object)
        file.createVariable("data", "f4", ("x",))[:] = np.arange(len(texts))
        file["data"].coordinates = "name"
    a = DataAssembly.from_files(tmp_path / "t.nc")
    assert a["name"].values.tolist() == texts
    assert a["name"].dtype == object
    assert a.sel(name=texts[-1]).values.tolist() == [n for n, text in enumerate(texts) if text == texts[-1]]


@pytest.mark.parametrize(
    ("dtype", "attributes"),
    [
        ("f4", {}),
        ("f8", {}),
        (">f4", {}),
        ("i2", {}),
        ("f4", {"_FillValue": np.float32(np.nan)}),
        ("f4", {"_FillValue": np.float32(2)}),
        ("f8", {"missing_value": 1.0}),
        ("i4", {"_FillValue": np.int32(1)}),
        ("i2", {"scale_factor": 0.5}),
        ("f4", {"add_offset": 3.0}),
        ("i1", {"_Unsigned": "true"}),
        ("i1", {"dtype": "bool"}),
        ("f8", {"units": "days since 2020-01-01"}),
        ("i4", {"units": "seconds"}),
        ("i4", {"units": "spikes"}),
    ],
)
def test_values_are_decoded_by_their_attributes(tmp_path: Path, dtype: str, attributes: dict[str, Any]) -> None:
    path = tmp_path / "v.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("x", 4)
        for name in ("data", "column"):
            variable = file.createVariable(
                name,
                dtype,
                ("x",),
                fill_value=attributes.get("_FillValue"),
                endian="big" if dtype[0] == ">" else "native",
            )
            variable.set_auto_maskandscale(False)
            variable.setncatts({key: value for key, value in attributes.items() if key != "_FillValue"})
            variable[:] = [0, 1, 2, 3] if attributes.get("dtype") != "bool" else [0, 1, 1, 0]
        file["data"].coordinates = "column"
    expected = xr.load_dataarray(path)
    loaded = DataAssembly.from_files(path)
    opened = DataAssembly.from_files(path, chunks="auto") if find_spec("dask") else loaded
    for a in (loaded, opened):
        for found, reference in ((a, expected), (a["column"], expected["column"])):
            assert found.dtype == reference.dtype
            np.testing.assert_array_equal(found.values, reference.values)


def test_a_coordinate_with_an_underscore_prefix_gets_its_name_back(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "u.nc", "w") as file:
        file.createDimension("choice", 2)
        file.createVariable("choice_", str, ("choice",))[:] = np.array(["car", "dog"], dtype=object)
        data = file.createVariable("data", "f4", ("choice",))
        data[:] = [1, 2]
        data.coordinates = "choice_"
    assert DataAssembly.from_files(tmp_path / "u.nc").sel(choice="dog").item() == 2


@pytest.mark.parametrize("count", [0, 2])
def test_a_file_without_exactly_one_data_variable_is_an_error(tmp_path: Path, count: int) -> None:
    path = tmp_path / "n.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("x", 2)
        for number in range(count):
            file.createVariable(f"v{number}", "f4", ("x",))[:] = [1, 2]
    with pytest.raises(AssemblyFormatError, match=rf"n\.nc has {count} data variables"):
        DataAssembly.from_files(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_assembly_file_is_an_error_that_names_it(tmp_path: Path, share: float) -> None:
    whole = write_file(tmp_path / "a.nc").read_bytes()
    cut = tmp_path / "cut.nc"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(AssemblyFormatError, match=r"cut\.nc cannot be read"):
        DataAssembly.from_files(cut)


def test_other_bytes_and_unknown_groups_are_errors(tmp_path: Path) -> None:
    (tmp_path / "t.nc").write_text("<html>not found</html>")
    with pytest.raises(AssemblyFormatError, match=r"t\.nc cannot be read"):
        DataAssembly.from_files(tmp_path / "t.nc")
    with pytest.raises(AssemblyFormatError, match="group 'nope'"):
        AssemblyLoader(DataAssembly, write_file(tmp_path / "a.nc"), group="nope").load()
    with pytest.raises(FileNotFoundError):
        DataAssembly.from_files(tmp_path / "absent.nc")


@pytest.mark.filterwarnings("ignore:.* keeps its own coordinates:brainio.errors.FormatWarning")
def test_many_threads_load_at_once(tmp_path: Path, stimulus_set: StimulusSet) -> None:
    path = write_file(tmp_path / "a.nc")
    loaded: list[NeuroidAssembly] = []
    start = threading.Barrier(8)

    def load() -> None:
        start.wait()
        for _ in range(5):
            loaded.append(NeuroidAssembly.from_files(path, stimulus_set=stimulus_set))  # noqa: PERF401 - a thread's work

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 40
    assert all(a.identical(loaded[0]) for a in loaded)


def test_requested_chunks_leave_values_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask")
    path = write_file(tmp_path / "a.nc")
    monkeypatch.setenv("BRAINIO_CHUNKS", "{'neuroid': 1}")
    a = NeuroidAssembly.from_files(path)
    assert a.chunks is not None
    assert a.sel(stimulus_id="a").compute().values.tolist() == [[0.0, 2.0], [3.0, 5.0]]
    monkeypatch.setenv("BRAINIO_CHUNKS", "many")
    with pytest.raises(AssemblyFormatError, match="BRAINIO_CHUNKS='many'"):
        NeuroidAssembly.from_files(path)


def test_exclusive_access_blocks_lazy_readers_of_xarray_and_can_be_nested() -> None:
    def is_free() -> bool:
        answers: list[bool] = []

        def ask() -> None:
            answers.append(NETCDF4_PYTHON_LOCK.acquire(blocking=False))
            if answers[0]:
                NETCDF4_PYTHON_LOCK.release()

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        return answers[0]

    assert is_free()
    with hdf5_access():
        with hdf5_access():
            assert not is_free()
        assert not is_free()
    assert is_free()


# Each _RefCounter of xarray has a separate lock: threads can lose a count, and `__del__` raises KeyError.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_lazy_values_are_read_while_other_threads_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask")
    path = write_file(tmp_path / "a.nc")
    monkeypatch.setenv("BRAINIO_CHUNKS", "{'neuroid': 1}")

    def work(number: int) -> float:
        a = pickle.loads(pickle.dumps(NeuroidAssembly.from_files(path)))
        with hdf5_access():
            write_file(tmp_path / f"{number}.nc")
        return float(a.mean().values)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(60))) == {2.5}


def test_attributes_of_numeric_ids_are_kept(tmp_path: Path) -> None:
    ids = xr.DataArray([1, 7], dims=["presentation"], attrs={"long_name": "number of the picture"})
    a = DataAssembly([1.0, 2.0], coords={"stimulus_id": ids}, dims=["presentation"])
    write_netcdf(a, tmp_path / "a.nc")
    found = DataAssembly.from_files(tmp_path / "a.nc")["stimulus_id"]
    assert found.values.tolist() == ["1", "7"]
    assert found.attrs == {"long_name": "number of the picture"}
