"""Operations keep the class, attrs, indexes and text of an assembly."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from brainio.assemblies import (
    ASSEMBLY_CLASSES,
    BehavioralAssembly,
    DataAssembly,
    GroupAppendAssemblyLoader,
    MetadataAssembly,
    ModelFeaturesAssembly,
    NeuroidAssembly,
    NeuronRecordingAssembly,
    PropertyAssembly,
    SpikeTimesAssembly,
    StimulusMergeAssemblyLoader,
    StimulusReferenceAssemblyLoader,
    average_repetition,
    gather_indexes,
    is_fastpath,
    merge_data_arrays,
    walk_coords,
)
from brainio.errors import AssemblyFormatError
from brainio.stimuli import StimulusSet
from brainio.transform import subset

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATIONS: dict[str, Callable[[NeuroidAssembly], Any]] = {
    "slice": lambda a: a[1:],
    "mask": lambda a: a[a["category"] == "x"],
    "isel list": lambda a: a.isel(neuroid=[0]),
    "isel int": lambda a: a.isel(presentation=0),
    "add": lambda a: a + 1,
    "radd": lambda a: 1 - a,
    "plain array first": lambda a: xr.DataArray(np.arange(4.0), dims=["presentation"]) * a,
    "dimension coordinate": lambda a: a * xr.DataArray(np.arange(3.0), coords={"neuroid": [7, 8, 9]}, dims=["neuroid"]),
    "dimension coordinate first": lambda a: (
        xr.DataArray(np.arange(3.0), coords={"neuroid": [7, 8, 9]}, dims=["neuroid"]) * a
    ),
    "fewer levels": lambda a: a - a.drop_vars("region").mean("presentation"),
    "reordered": lambda a: a - a[::-1],
    "compare": lambda a: (a > 3) & (a < 9),
    "negate": lambda a: -a,
    "ufunc": np.sqrt,
    "ufunc of two": lambda a: np.add(a, a),
    "ufunc array first": lambda a: np.add(np.ones((4, 3)), a),
    "mean": lambda a: a.mean("presentation"),
    "mean of all": lambda a: a.mean(),
    "quantile": lambda a: a.quantile(0.5, "neuroid"),
    "where": lambda a: a.where(a > 3),
    "where other": lambda a: a.where(a > 3, -a),
    "where drop": lambda a: a.where(a["category"] == "x", drop=True),
    "fillna": lambda a: a.where(a > 3).fillna(0),
    "clip": lambda a: a.clip(1, 2),
    "astype": lambda a: a.astype(int),
    "isnull": lambda a: a.isnull(),
    "notnull": lambda a: a.notnull(),
    "isin": lambda a: a.isin([1, 2]),
    "round": lambda a: a.round(1),
    "combine_first": lambda a: a.where(a > 3).combine_first(a),
    "dot": lambda a: a.dot(a, dim="neuroid"),
    "groupby": lambda a: a.groupby("category").mean(),
    "groupby arithmetic": lambda a: a.groupby("category") - a.groupby("category").mean(),
    "groupby map": lambda a: a.groupby("category").map(lambda group: group - group.mean("presentation")),
    "multi_groupby": lambda a: a.multi_groupby(["category", "stimulus_id"]).mean(),
    "stack": lambda a: a.stack(both=("presentation", "neuroid")),
    "concat": lambda a: xr.concat([a, a], dim="presentation"),
    "concat new dimension": lambda a: xr.concat([a, a], dim=pd.Index([1, 2], name="split")),
    "concat new dimension of text": lambda a: xr.concat([a, a], dim=pd.Index(["train", "test"], name="split")),
    "expand_dims of text": lambda a: a.expand_dims(split=pd.Index(["train", "test"])),
    "reindex of text": lambda a: a.expand_dims(split=["test"]).reindex(split=pd.Index(["train", "test"])),
    "sortby": lambda a: a.sortby(["stimulus_id", "neuroid_id"]),
    "transpose": lambda a: a.transpose("neuroid", "presentation"),
    "expand_dims": lambda a: a.expand_dims("split"),
    "assign_coords": lambda a: a.assign_coords(new=("neuroid", [1, 2, 3]), scalar="text"),
    "drop_vars": lambda a: a.drop_vars("category"),
    "rename": lambda a: a.rename(category="kind", neuroid="unit"),
    "squeeze": lambda a: a[:1].squeeze(),
    "align": lambda a: xr.align(a, a[::-1], join="inner")[1],
    "outer align": lambda a: xr.align(a[:2], a[2:], join="outer")[1],
    "reset and re-wrap": lambda a: type(a)(a.reset_index("presentation")),
    "copy": lambda a: a.copy(),
    "deepcopy": copy.deepcopy,
    "pickle": lambda a: pickle.loads(pickle.dumps(a)),
    "rebuild": lambda a: type(a)(
        a.values, coords={c: (d, v) for c, d, v in walk_coords(a)}, dims=a.dims, attrs=a.attrs
    ),
    "sel": lambda a: a.sel(region="IT"),
    "sel of a list": lambda a: a.sel(stimulus_id=["a", "c"]),
    "sel on both": lambda a: a.sel(region="IT", stimulus_id="a"),
    "multisel": lambda a: a.multisel(region="IT", stimulus_id="a"),
    "merge": lambda a: merge_data_arrays([a[:2], a[2:]]),
    "average": average_repetition,
    "subset": lambda a: subset(a, a[[2, 0]]),
}


class TheirAssembly(NeuroidAssembly):
    """A class of a third party."""

    __slots__ = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


@pytest.mark.parametrize("cls", [NeuroidAssembly, TheirAssembly])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_keeps_class_attrs_indexes_and_text(
    assembly: NeuroidAssembly, name: str, cls: type[NeuroidAssembly]
) -> None:
    result = OPERATIONS[name](cls(assembly))
    assert type(result) is cls
    assert result.attrs["stimulus_set"].identifier == "lab.Set"
    assert result.attrs["identifier"] == "lab.A"
    for coordinate in result.coords.values():
        assert coordinate.ndim == 0 or coordinate.name in result.xindexes
        assert coordinate.dtype.kind not in "USOT" or coordinate.dtype == object
        assert coordinate.dtype != object or {type(value) for value in np.ravel(coordinate.values)} <= {str, tuple}
    assert gather_indexes(result) is result


def test_only_one_dimensional_coordinates_become_levels() -> None:
    a = DataAssembly(
        np.zeros((2, 3)),
        coords={"s": 5, "two": (("p", "q"), np.ones((2, 3))), "u": ("p", [1, 2]), "v": ("p", ["k", "l"])},
        dims=["p", "q"],
    )
    assert list(a.indexes["p"].names) == ["u", "v"]
    assert a["two"].dims == ("p", "q")
    assert a["s"].item() == 5
    assert "q" not in a.indexes


def test_a_single_coordinate_keeps_its_name_and_can_be_selected() -> None:
    a = DataAssembly([1.0, 2.0], coords={"neuroid_id": ("neuroid", ["n0", "n1"])}, dims=["neuroid"])
    assert a["neuroid_id"].values.tolist() == ["n0", "n1"]
    assert a.sel(neuroid_id="n1").values.tolist() == [2.0]


def test_the_own_coordinate_of_a_dimension_is_a_level_with_its_name() -> None:
    a = DataAssembly([1.0, 2.0], coords={"n": ("n", ["i", "j"]), "region": ("n", ["a", "b"])}, dims=["n"])
    assert list(a.indexes["n"].names) == ["n", "region"]


def test_rewrapping_shares_values_and_indexes(assembly: NeuroidAssembly) -> None:
    wrapped = BehavioralAssembly(assembly)
    assert type(wrapped) is BehavioralAssembly
    assert np.shares_memory(wrapped.values, assembly.values)
    assert wrapped.xindexes["presentation"] is assembly.xindexes["presentation"]
    wrapped.attrs["own"] = 1
    assert "own" not in assembly.attrs


@pytest.mark.parametrize("how", ["assign_coords", "item", "coords"])
def test_an_added_coordinate_can_be_selected_at_once(assembly: NeuroidAssembly, how: str) -> None:
    if how == "assign_coords":
        a = assembly.assign_coords(layer=("neuroid", ["p", "q", "p"]))
    else:
        a = assembly.copy()
        if how == "item":
            a["layer"] = ("neuroid", ["p", "q", "p"])
        else:
            a.coords["layer"] = ("neuroid", ["p", "q", "p"])
    assert a.sel(layer="p")["neuroid_id"].values.tolist() == ["n0", "n2"]
    assert "layer" not in assembly.coords


def test_assigning_one_level_leaves_the_others_in_place(assembly: NeuroidAssembly) -> None:
    a = assembly.copy()
    a["repetition"] = a["repetition"] + 10
    assert list(a.indexes["presentation"].names) == ["stimulus_id", "repetition", "category"]
    assert a["repetition"].values.tolist() == [10, 10, 11, 10]
    assert assembly["repetition"].values.tolist() == [0, 0, 1, 0]


def test_dropping_one_level_leaves_the_others(assembly: NeuroidAssembly) -> None:
    assert list(assembly.drop_vars("repetition").indexes["presentation"].names) == ["stimulus_id", "category"]
    a = assembly.copy()
    del a["category"]
    assert list(a.indexes["presentation"].names) == ["stimulus_id", "repetition"]
    assert "category" in assembly.coords


def test_expand_dims_then_a_list_names_the_new_dimension(assembly: NeuroidAssembly) -> None:
    a = assembly.expand_dims("split")
    a["split"] = [3]
    b = assembly.expand_dims("split")
    b["split"] = ("split", [3])
    assert a.identical(b)
    assert a.sel(split=3).dims == ("presentation", "neuroid")


def test_reset_index_gives_plain_coordinates_until_the_next_wrap(assembly: NeuroidAssembly) -> None:
    flat = assembly.reset_index(["presentation", "neuroid"])
    assert not flat.xindexes
    assert flat["region"].values.tolist() == ["IT", "V4", "IT"]
    assert NeuroidAssembly(flat).sel(region="V4").shape == (4, 1)


def test_isel_int_drops_the_dimension_and_leaves_its_levels_as_scalars(assembly: NeuroidAssembly) -> None:
    a = assembly.isel(presentation=2)
    assert a.dims == ("neuroid",)
    assert {name: a[name].item() for name in ["stimulus_id", "repetition"]} == {"stimulus_id": "a", "repetition": 1}
    assert a["presentation"].item() == ("a", 1, "x")


def test_slices_concatenate_to_the_whole_again(assembly: NeuroidAssembly) -> None:
    whole = xr.concat([assembly[:2], assembly[2:]], dim="presentation")
    assert whole.identical(assembly)


def test_arithmetic_matches_reordered_presentations(assembly: NeuroidAssembly) -> None:
    difference = assembly - assembly[[3, 1, 0, 2]]
    assert (difference == 0).all()
    assert difference["repetition"].values.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    "names", [["category", "repetition", "stimulus_id"], ["repetition", "stimulus_id", "category"]]
)
def test_arithmetic_matches_presentations_with_levels_in_any_order(assembly: NeuroidAssembly, names: list[str]) -> None:
    coords = {name: (assembly[name].dims, assembly[name].values) for name in [*names, "region", "neuroid_id"]}
    other = NeuroidAssembly(assembly.values, coords=coords, dims=assembly.dims)[[2, 0, 3, 1], ::-1]
    assert (assembly - other).values.tolist() == np.zeros((4, 3)).tolist()
    assert (other - assembly).values.tolist() == np.zeros((4, 3)).tolist()


def test_arithmetic_of_equal_presentations_works_with_repeated_rows(assembly: NeuroidAssembly) -> None:
    twice = assembly[[0, 0, 1]]
    coords = {name: (twice[name].dims, twice[name].values) for name in twice.xindexes if name not in twice.dims}
    again = NeuroidAssembly(twice.values, coords=coords, dims=twice.dims)
    assert (twice + again).values.tolist() == (2 * assembly.values[[0, 0, 1]]).tolist()


def test_presentations_that_cannot_be_matched_are_not_combined_by_position(assembly: NeuroidAssembly) -> None:
    with pytest.raises(ValueError, match="presentation"):
        assembly - assembly.drop_vars("category")[::-1]


def test_an_assigned_array_is_matched_by_its_index(assembly: NeuroidAssembly) -> None:
    a = assembly.assign_coords(again=assembly["stimulus_id"][[3, 1, 0, 2]])
    assert a["again"].values.tolist() == a["stimulus_id"].values.tolist()


def test_dropping_a_dimension_s_coordinate_drops_its_levels(assembly: NeuroidAssembly) -> None:
    assert set(assembly.drop_vars("presentation").coords) == {"neuroid", "neuroid_id", "region"}


def test_attrs_and_name_can_be_given_to_a_wrapped_array(assembly: NeuroidAssembly) -> None:
    wrapped = NeuroidAssembly(assembly, attrs={"own": 1}, name="other")
    assert (wrapped.attrs, wrapped.name) == ({"own": 1}, "other")
    assert (assembly.name, "own" in assembly.attrs) == (None, False)


def test_operations_drop_attrs_if_xarray_is_configured_to(assembly: NeuroidAssembly) -> None:
    with xr.set_options(keep_attrs=False):
        assert (assembly + assembly).attrs == {}
        assert assembly.mean("neuroid").attrs == {}


def test_combining_keeps_the_stimulus_set_only_if_identifiers_agree(assembly: NeuroidAssembly) -> None:
    other = assembly.copy()
    other.attrs["stimulus_set"] = StimulusSet([{"stimulus_id": "a"}])
    assert (assembly + other).attrs["stimulus_set"] is assembly.attrs["stimulus_set"]
    other.attrs["stimulus_set_identifier"] = "lab.Other"
    ways: list[Any] = [assembly + other, np.add(assembly, other), assembly.where(assembly > 3, other)]
    for combined in ways:
        assert "stimulus_set" not in combined.attrs


def test_copies_share_the_stimulus_set(assembly: NeuroidAssembly) -> None:
    for made in (assembly.copy(), copy.deepcopy(assembly), assembly[1:], assembly.mean("neuroid")):
        assert made.attrs["stimulus_set"] is assembly.attrs["stimulus_set"]


def test_identical_compares_stimulus_sets_as_tables(assembly: NeuroidAssembly) -> None:
    same = assembly.copy()
    same.attrs["stimulus_set"] = assembly.attrs["stimulus_set"].copy()
    assert assembly.identical(same)
    same.attrs["stimulus_set"] = StimulusSet([{"stimulus_id": "z"}])
    assert not assembly.identical(same)
    assert not assembly.identical(assembly + 1)
    del same.attrs["stimulus_set"]
    assert not assembly.identical(same)
    assert not assembly.identical(assembly.reset_index("presentation"))


def test_sortby_takes_an_array_with_another_index_by_position(assembly: NeuroidAssembly) -> None:
    by = xr.DataArray([3, 1, 2, 0], coords={"presentation": [9, 8, 7, 6]}, dims=["presentation"])
    assert assembly.sortby(by).values[:, 0].tolist() == [9.0, 3.0, 6.0, 0.0]


def test_sortby_matches_an_array_with_the_same_rows_in_another_order(assembly: NeuroidAssembly) -> None:
    by = assembly.isel(neuroid=0, drop=True)[::-1]
    assert assembly.sortby(by, ascending=False).values[:, 0].tolist() == [9.0, 6.0, 3.0, 0.0]


def test_sortby_an_indexed_array_of_another_length_puts_unnamed_rows_last() -> None:
    a = DataAssembly([1, 2, 3], coords={"i": ("p", ["x", "y", "z"]), "k": ("p", [0, 1, 2])}, dims=["p"])
    by = DataAssembly([5, 4], coords={"k": ("p", [1, 2]), "i": ("p", ["y", "z"])}, dims=["p"])
    assert a.sortby(by).values.tolist() == [3, 2, 1]
    other = xr.DataArray([0, 1], coords={"i": ["z", "x"]}, dims=["i"]).stack(p=["i"])
    assert a.sortby(other).values.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="length 3 by an array of length 2"):
        a.sortby(xr.DataArray([0, 1], dims=["p"]))


def test_sortby_puts_missing_values_last() -> None:
    a = DataAssembly([1, 2, 3], coords={"t": ("p", ["b", None, "a"]), "n": ("p", [1, 2, 3])}, dims=["p"])
    assert a.sortby("t").values.tolist() == [3, 1, 2]


def test_sortby_descending_puts_missing_values_last_too() -> None:
    a = DataAssembly([1, 2, 3], coords={"t": ("p", [1.0, np.nan, 2.0]), "n": ("p", [5, 5, 5])}, dims=["p"])
    assert a.sortby("t", ascending=False).values.tolist() == [3, 1, 2]
    assert a.sortby(["n", "t"], ascending=False).values.tolist() == [3, 1, 2]
    assert a.sortby("p", ascending=False).values.tolist() == [3, 1, 2]


@pytest.mark.parametrize("wrap", [lambda a: a, lambda a: {"raw": a}, lambda a: [a, 1], lambda a: a.values])
def test_attrs_that_hold_arrays_are_compared_by_content(assembly: NeuroidAssembly, wrap: Callable[..., Any]) -> None:
    raw = assembly.where(assembly > 3)
    scores = [DataAssembly(0.5, attrs={"raw": wrap(part.copy(deep=True))}) for part in (raw, raw, raw + 1)]
    assert scores[0].identical(scores[1])
    assert not scores[0].identical(scores[2])
    assert not scores[0].identical(DataAssembly(0.5, attrs={"raw": 1}))
    assert not DataAssembly(0.5, attrs={"raw": 1}).identical(scores[0])
    assert scores[0].identical(copy.deepcopy(scores[0]))
    assert (scores[0] + scores[2]).item() == 1
    assert xr.concat(scores, dim="split").shape == (3,)


def test_converting_every_coordinate_to_text_keeps_all_levels(assembly: NeuroidAssembly) -> None:
    a = assembly.copy()
    for name in a.coords:
        a[name] = a[name].astype(str)
    assert list(a.indexes["presentation"].names) == ["stimulus_id", "repetition", "category"]
    assert a.sel(repetition="1", stimulus_id="a").values.tolist() == [[6.0, 7.0, 8.0]]
    assert assembly["neuroid"].astype(str).values[0] == str(assembly["neuroid"].values[0])


def test_a_third_party_subclass_keeps_its_own_attrs() -> None:
    class Score(DataAssembly):
        __slots__ = ()

    score = Score([0.5, 0.1], coords={"aggregation": ["center", "error"]}, dims=["aggregation"], attrs={"raw": 1})
    center = score.sel(aggregation="center")
    assert type(center) is Score
    assert center.dims == ()
    assert center.attrs == {"raw": 1}
    assert float(center) == 0.5


def test_a_new_array_ignores_levels_of_a_removed_dimension(assembly: NeuroidAssembly) -> None:
    coords = {name: value for name, value in assembly.coords.items() if name != "neuroid"}
    values = np.corrcoef(assembly.values)
    for matrix in (
        DataAssembly(values, coords=coords, dims=["presentation", "presentation_2"]),
        DataAssembly(values, coords, ["presentation", "presentation_2"]),
    ):
        assert list(matrix.indexes["presentation"].names) == ["stimulus_id", "repetition", "category"]
        assert "neuroid_id" not in matrix.coords
    with pytest.raises(ValueError, match="neuroid"):
        DataAssembly(values, coords={"w": ("neuroid", [1])}, dims=["presentation", "presentation_2"])


def test_is_fastpath_reads_the_keyword_and_the_seventh_argument() -> None:
    assert not is_fastpath(1)
    assert is_fastpath(1, fastpath=True)
    assert is_fastpath(1, None, None, None, None, None, True)
    assert not is_fastpath(1, None, None, None, None, None, False)
    assert not is_fastpath(1, None, None, None, None, True)


@pytest.mark.parametrize(
    ("cls", "loader"),
    [
        (DataAssembly, StimulusMergeAssemblyLoader),
        (BehavioralAssembly, StimulusMergeAssemblyLoader),
        (NeuroidAssembly, StimulusMergeAssemblyLoader),
        (NeuronRecordingAssembly, StimulusMergeAssemblyLoader),
        (ModelFeaturesAssembly, StimulusMergeAssemblyLoader),
        (PropertyAssembly, StimulusReferenceAssemblyLoader),
        (SpikeTimesAssembly, GroupAppendAssemblyLoader),
        (MetadataAssembly, StimulusReferenceAssemblyLoader),
    ],
)
def test_each_class_names_its_loader(cls: type[DataAssembly], loader: type) -> None:
    assert cls.get_loader_class() is loader


def test_validate_refuses_wrong_dimensions(assembly: NeuroidAssembly) -> None:
    assembly.validate()
    assembly.expand_dims("time_bin").validate()
    with pytest.raises(AssemblyFormatError, match="presentation x neuroid"):
        assembly.expand_dims("trial").validate()
    with pytest.raises(AssemblyFormatError, match="event"):
        SpikeTimesAssembly(assembly).validate()
    SpikeTimesAssembly([0.1], coords={"neuroid_id": ("event", ["n0"])}, dims=["event"]).validate()


def test_a_pickle_of_the_earlier_implementation_has_all_its_levels() -> None:
    # of brainscore-brainio 1.1.0 with xarray 2022.3: 4 presentations x 3 neuroids x 1 time bin
    path = Path(__file__).parent / "data" / "brainscore_brainio_1_1_0.pkl"
    old = pickle.loads(path.read_bytes())
    assert type(old) is NeuroidAssembly
    assert list(old.indexes["presentation"].names) == ["stimulus_id", "repetition"]
    assert old["stimulus_id"].values.tolist() == ["a", "b", "a", "c"]
    assert old["neuroid"].values.tolist() == ["n0", "n1", "n2"]
    assert old["two"].dims == ("presentation", "neuroid")
    assert old["w"].item() == 3
    assert old.sel(stimulus_id="a").sel(time_bin=70).values.tolist() == [[0.0, 1.0, 2.0], [6.0, 7.0, 8.0]]
    assert (old[1:] + old[1:]).attrs == {"identifier": "lab.A"}
    assert pickle.loads(pickle.dumps(old)).identical(old)


def test_every_class_allowed_in_catalogs_is_listed() -> None:
    assert set(ASSEMBLY_CLASSES) == {
        "DataAssembly",
        "BehavioralAssembly",
        "NeuroidAssembly",
        "NeuronRecordingAssembly",
        "ModelFeaturesAssembly",
        "PropertyAssembly",
        "SpikeTimesAssembly",
        "MetadataAssembly",
    }
    assert all(cls.__name__ == name for name, cls in ASSEMBLY_CLASSES.items())


def test_set_index_with_one_coordinate_names_the_dimension_as_in_xarray(assembly: NeuroidAssembly) -> None:
    by_id = assembly.reset_index("neuroid").set_index(neuroid="neuroid_id")
    assert by_id.sel(neuroid="n1").values.tolist() == [1.0, 4.0, 7.0, 10.0]
    assert list(
        assembly.reset_index("neuroid").set_index(neuroid=["region", "neuroid_id"]).indexes["neuroid"].names
    ) == [
        "region",
        "neuroid_id",
    ]


def test_single_positions_can_be_concatenated_again(assembly: NeuroidAssembly) -> None:
    parts = [assembly.isel(presentation=position) for position in range(4)]
    whole = NeuroidAssembly(xr.concat(parts, dim="presentation", coords="different", compat="equals", join="outer"))
    assert whole.sel(stimulus_id="c").values.tolist() == [[9.0, 10.0, 11.0]]
    assert list(whole.indexes["presentation"].names) == ["stimulus_id", "repetition", "category"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda a: a["nope"],
        lambda a: a.coords["nope"],
        lambda a: a.sel(nope=1),
        lambda a: a.sortby("nope"),
        lambda a: a.sortby(["region", "nope"]),
        lambda a: a.groupby(["category", "nope"]),
        lambda a: a.drop_vars(["region", "nope"]),
        lambda a: a.multi_dim_apply(["nope", "region"], lambda values, **_: values),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(
    assembly: NeuroidAssembly, ask: Callable[[NeuroidAssembly], Any]
) -> None:
    names = r"\('presentation', 'neuroid'\).*\['stimulus_id', 'repetition', 'category', 'neuroid_id', 'region'\]"
    with pytest.raises((KeyError, ValueError), match=f"no coordinate or dimension 'nope'.*{names}"):
        ask(assembly)
    assert assembly.drop_vars("nope", errors="ignore").identical(assembly)
    assert not hasattr(assembly, "nope")


@pytest.mark.parametrize("method", ["to_netcdf", "to_zarr"])
def test_an_unwritable_array_is_refused_before_a_file_is_created(tmp_path: Path, method: str) -> None:
    levels = {"stimulus_id": ("presentation", ["a", "b"]), "repetition": ("presentation", [0, 1])}
    with pytest.raises(AssemblyFormatError, match=r"levels of presentation; nothing was written.*write_netcdf"):
        getattr(DataAssembly([1.0, 2.0], levels, ["presentation"]), method)(tmp_path / "a.nc")
    joined = DataAssembly([1.0, 2.0], dims=["x"], attrs={"stimulus_set": StimulusSet({"stimulus_id": ["a"]})})
    with pytest.raises(AssemblyFormatError, match=r"attribute 'stimulus_set'; nothing was written.*write_netcdf"):
        getattr(joined, method)(tmp_path / "a.nc")
    assert not (tmp_path / "a.nc").exists()


def test_an_array_without_levels_is_written_by_xarray(tmp_path: Path) -> None:
    DataAssembly([1.0, 2.0], dims=["x"], name="v").to_netcdf(tmp_path / "a.nc")
    with xr.open_dataarray(tmp_path / "a.nc") as read:
        assert read.values.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.groupby("region").mean(),
        lambda a: a.multi_groupby(["region", "neuroid_id"]).mean("neuroid"),
        lambda a: a.multi_groupby(["region"]).map(lambda group: group),
        lambda a: a.sel(region="V4"),
        lambda a: a.sel(region="V4", neuroid_id="n1"),
        lambda a: a.isel(neuroid=0),
    ],
)
def test_attributes_of_coordinates_are_kept(
    assembly: NeuroidAssembly, change: Callable[[NeuroidAssembly], xr.DataArray]
) -> None:
    described = assembly.assign_coords(region=("neuroid", assembly["region"].values, {"long_name": "cortical area"}))
    assert change(described)["region"].attrs == {"long_name": "cortical area"}
