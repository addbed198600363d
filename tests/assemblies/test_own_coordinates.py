"""A dimension's own coordinate keeps its name through every operation, next to other coordinates of the dimension."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import DataAssembly, NeuroidAssembly, get_levels, merge_data_arrays, walk_coords
from brainio.packaging import write_netcdf
from brainio.stimuli import StimulusSet
from brainio.transform import subset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEUROIDS = {"neuroid": ["n1", "n2", "n3"], "area": ("neuroid", ["V4", "IT", "IT"])}


@pytest.fixture
def a() -> DataAssembly:
    """Two stimuli x three neuroids. Each dimension has a coordinate of its own name and a further one."""
    values = np.arange(6.0).reshape(2, 3)
    made = DataAssembly(values, dims=["stimulus_id", "neuroid"], coords={"stimulus_id": ["s1", "s2"], **NEUROIDS})
    made["object_name"] = "stimulus_id", ["car", "dog"]
    return made


def columns(a: xr.DataArray, dim: str = "neuroid") -> dict[Any, list[Any]]:
    return {name: v.values.tolist() for name, v in a.coords.items() if v.dims == (dim,)}


WHOLE = {"neuroid": ["n1", "n2", "n3"], "area": ["V4", "IT", "IT"]}
KEEPING: dict[str, Callable[[DataAssembly], xr.DataArray]] = {
    "construction": lambda a: a,
    "a re-wrap": DataAssembly,
    "a re-wrap of a DataArray": lambda a: DataAssembly(xr.DataArray(a)),
    "rebuilding from walk_coords": lambda a: DataAssembly(
        a.values, coords={c: (d, v) for c, d, v in walk_coords(a)}, dims=a.dims
    ),
    "rebuilding from a dict of coordinates": lambda a: DataAssembly(a.values, coords=dict(a.coords), dims=a.dims),
    "rebuilding from coords": lambda a: DataAssembly(a.values, coords=a.coords, dims=a.dims),
    "dropping a column and adding it again": lambda a: a.drop_vars("area").assign_coords(area=a["area"].variable),
    "replacing the own coordinate": lambda a: a.assign_coords(neuroid=[1, 2, 3]).assign_coords(
        neuroid=WHOLE["neuroid"]
    ),
    "replacing the column": lambda a: a.assign_coords(area=("neuroid", list("abc"))).assign_coords(
        area=a["area"].variable
    ),
    "resetting the index": lambda a: DataAssembly(a.reset_index("neuroid")),
    "arithmetic": lambda a: a + a,
    "arithmetic with a reordered part": lambda a: a + a[:, ::-1],
    "arithmetic with the own coordinate alone": lambda a: a + a.drop_vars(["area", "object_name"])[:, ::-1],
    "a transposition": lambda a: a.T.T,
    "where": lambda a: a.where(a > 1),
    "a mean of the other dimension": lambda a: a.mean("stimulus_id"),
    "grouping the other dimension": lambda a: a.multi_groupby(["object_name"]).mean(),
    "mapping groups": lambda a: a.groupby("neuroid").map(lambda group: group * 2),
    "mapping groups of a column": lambda a: a.multi_groupby(["area"]).map(lambda group: group * 2),
    "multi_dim_apply": lambda a: a.multi_dim_apply(["object_name", "neuroid"], lambda values, **_: values),
    "concat": lambda a: xr.concat([a[:, :1], a[:, 1:]], dim="neuroid"),
    "concat of the other dimension": lambda a: xr.concat([a[:1], a[1:]], dim="stimulus_id"),
    "merge_data_arrays": lambda a: merge_data_arrays([a[:, 1:], a[:, :1]]),
    "sorting": lambda a: a[:, ::-1].sortby("neuroid"),
    "aligning": lambda a: xr.align(a, a[:, ::-1])[0],
    "subset": lambda a: subset(a, a),
    "stacking the other dimension": lambda a: a.stack(presentation=("stimulus_id",)),
    "a pickle": lambda a: pickle.loads(pickle.dumps(a)),
    "a deep copy": copy.deepcopy,
    "renaming there and back": lambda a: a.rename(neuroid="n").rename(n="neuroid"),
    "unstacking": lambda a: (
        a.stack(both=("stimulus_id", "neuroid"))
        .reset_index("both")
        .set_index(both=["stimulus_id", "neuroid"])
        .unstack("both")
        .assign_coords(area=a["area"].variable)
    ),
}


@pytest.mark.filterwarnings("ignore:In a future version of xarray:FutureWarning")
@pytest.mark.parametrize("operation", KEEPING)
def test_the_own_coordinate_keeps_its_name_and_its_column(a: DataAssembly, operation: str) -> None:
    result = KEEPING[operation](a)
    found = columns(result)
    if operation == "unstacking":
        found.pop("object_name", None)
    assert found == WHOLE
    assert result.sel(area="V4")["neuroid"].values.tolist() == ["n1"]


@pytest.mark.parametrize("dims", [("stimulus_id",), ("stimulus_id", "neuroid")])
def test_stacking_keeps_the_names_of_own_coordinates(a: DataAssembly, dims: tuple[str, ...]) -> None:
    stacked = a.stack(presentation=dims)
    names = [
        name for name in ("stimulus_id", "object_name", "neuroid", "area") if name in columns(stacked, "presentation")
    ]
    assert names == ["stimulus_id", "object_name", "neuroid", "area"][: 2 * len(dims)]
    assert list(stacked.indexes["presentation"].names) == names
    assert sorted(set(stacked["stimulus_id"].values)) == ["s1", "s2"]
    assert stacked.sel(object_name="dog")["stimulus_id"].values.tolist() == ["s2"] * (3 if len(dims) == 2 else 1)


@pytest.mark.parametrize("order", [["neuroid", "area"], ["area", "neuroid"]])
def test_coordinates_can_be_added_in_any_order(order: list[str]) -> None:
    a = DataAssembly(np.zeros(3), dims=["neuroid"])
    for name in order:
        a[name] = "neuroid", WHOLE[name]
    assert columns(a) == WHOLE
    a["neuroid"] = "neuroid", [7, 8, 9]
    assert columns(a) == {**WHOLE, "neuroid": [7, 8, 9]}


def test_adding_an_own_coordinate_keeps_other_levels(assembly: NeuroidAssembly) -> None:
    assembly["neuroid"] = "neuroid", [7, 8, 9]
    assert columns(assembly) == {"neuroid": [7, 8, 9], "neuroid_id": ["n0", "n1", "n2"], "region": ["IT", "V4", "IT"]}


def test_a_file_keeps_the_own_coordinate_and_its_column(a: DataAssembly, tmp_path: Path) -> None:
    write_netcdf(a, tmp_path / "a.nc")
    loaded = DataAssembly.from_files(tmp_path / "a.nc")
    assert columns(loaded) == WHOLE
    assert columns(loaded, "stimulus_id") == {"stimulus_id": ["s1", "s2"], "object_name": ["car", "dog"]}
    assert loaded.values.tolist() == a.values.tolist()


def test_stimuli_are_joined_to_the_own_coordinate_of_a_dimension(a: DataAssembly, tmp_path: Path) -> None:
    stimuli = StimulusSet({"stimulus_id": ["s2", "s1"], "size": [2, 1]})
    write_netcdf(a.drop_vars("object_name"), tmp_path / "a.nc")
    loaded = DataAssembly.from_files(tmp_path / "a.nc", stimulus_set_identifier="lab.Set", stimulus_set=stimuli)
    assert columns(loaded, "stimulus_id") == {"stimulus_id": ["s1", "s2"], "size": [1, 2]}


def test_a_label_of_the_own_coordinate_selects_and_keeps_dimension_and_coordinate(a: DataAssembly) -> None:
    selected = a.sel(neuroid="n2")
    assert (selected.dims, columns(selected)) == (a.dims, {"neuroid": ["n2"], "area": ["IT"]})
    assert columns(a.sel(neuroid=["n3", "n1"])) == {"neuroid": ["n1", "n3"], "area": ["V4", "IT"]}
    assert columns(a.sel(neuroid=slice("n2", "n3"))) == {"neuroid": ["n2", "n3"], "area": ["IT", "IT"]}
    assert columns(a.sel(neuroid={"area": "IT"})) == {"neuroid": ["n2", "n3"]}
    assert columns(a.sel(neuroid=a["area"] == "IT")) == {"neuroid": ["n2", "n3"], "area": ["IT", "IT"]}
    with pytest.raises(KeyError, match=r"no neuroid has neuroid='n9'; near values of 'neuroid'"):
        a.sel(neuroid="n9")


def test_the_own_coordinate_of_a_dropped_dimension_becomes_a_scalar(a: DataAssembly) -> None:
    first = a.isel(neuroid=0)
    assert (first["neuroid"].item(), first["area"].item()) == ("n1", "V4")


def test_groups_of_the_own_coordinate_are_those_of_its_values(a: DataAssembly) -> None:
    a["neuroid"] = "neuroid", ["n1", "n2", "n1"]
    for grouped in (a.groupby("neuroid"), a.multi_groupby(["neuroid"])):
        mean = grouped.mean()
        assert (columns(mean), mean.values.tolist()) == ({"neuroid": ["n1", "n2"]}, [[1.0, 1.0], [4.0, 4.0]])
    both = a.multi_groupby(["area", "neuroid"]).mean()
    assert columns(both) == {"area": ["IT", "IT", "V4"], "neuroid": ["n1", "n2", "n1"]}


def test_dropping_the_own_coordinate_keeps_its_column(a: DataAssembly) -> None:
    dropped = a.drop_vars("neuroid")
    del a.coords["neuroid"]
    for array in (dropped, a):
        assert get_levels(array) == ["stimulus_id", "object_name"]
        assert [name for name, _, _ in walk_coords(array)] == ["stimulus_id", "object_name", "area"]
        assert array.sel(area="V4").sizes["neuroid"] == 1
    assert columns(a.drop("area")) == columns(a.drop_vars("area"))


def test_arithmetic_matches_own_coordinates_by_value_and_never_by_position(a: DataAssembly) -> None:
    weights = xr.DataArray([3.0, 2.0, 1.0], dims=["neuroid"], coords={"neuroid": ["n3", "n2", "n1"]})
    assert (a * weights).values.tolist() == (a.values * [1.0, 2.0, 3.0]).tolist()
    assert (weights * a).transpose(*a.dims).sel(neuroid="n3").values.tolist() == [[6.0], [15.0]]
    assert columns(a * weights[:2]) == {"neuroid": ["n2", "n3"], "area": ["IT", "IT"]}


def test_a_dimension_swapped_for_a_level_has_that_level_as_its_own_coordinate(assembly: NeuroidAssembly) -> None:
    swapped = assembly.swap_dims(neuroid="neuroid_id")
    assert columns(swapped, "neuroid_id") == {"neuroid_id": ["n0", "n1", "n2"], "region": ["IT", "V4", "IT"]}
    assert swapped.sel(region="V4")["neuroid_id"].values.tolist() == ["n1"]
    assert columns(swapped.swap_dims(neuroid_id="neuroid")) == columns(assembly)
    only = assembly.drop_vars("region").swap_dims(neuroid="neuroid_id")
    assert (only + swapped[:, ::-1]).values.tolist() == (assembly * 2).values.tolist()
    assert only.sel(neuroid_id="n1").dims == ("presentation",)


# ------------------------------------------------------------------ one coordinate


def one() -> DataAssembly:
    return DataAssembly([1.0, 2.0], dims=["presentation"], coords={"stimulus_id": ("presentation", ["a", "b"])})


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a,
        lambda a: a + 0,
        lambda a: a.sortby("stimulus_id"),
        lambda a: a.assign_coords(presentation=a["presentation"].astype(str)),
        lambda a: DataAssembly(a.values, coords=dict(a.coords), dims=a.dims),
        lambda a: DataAssembly(a.reset_index("presentation")),
        lambda a: xr.concat([a[:1], a[1:]], dim="presentation"),
        lambda a: merge_data_arrays([a[:1], a[1:]]),
        lambda a: a.assign_coords(turn=("presentation", [0, 1])).sel(turn=[0, 1]).drop_vars("turn"),
    ],
)
@pytest.mark.filterwarnings("ignore:In a future version of xarray:FutureWarning")
def test_the_name_of_a_dimension_means_its_only_coordinate(
    change: Callable[[DataAssembly], DataAssembly],
) -> None:
    a = change(one())
    assert a["presentation"].values.tolist() == ["a", "b"]
    assert a["stimulus_id"].values.tolist() == ["a", "b"]
    assert [name for name, _, _ in walk_coords(a)] == ["stimulus_id"]
    assert (a[0]["presentation"].item(), a[0]["stimulus_id"].item()) == ("a", "a")
    assert a.groupby("presentation").mean()["presentation"].values.tolist() == ["a", "b"]
    assert a.sel(presentation="b").values.tolist() == [2.0]


def test_an_only_coordinate_is_stored_once(tmp_path: Path) -> None:
    write_netcdf(one(), tmp_path / "a.nc")
    loaded = DataAssembly.from_files(tmp_path / "a.nc")
    assert loaded["presentation"].values.tolist() == loaded["stimulus_id"].values.tolist() == ["a", "b"]
    assert [name for name, _, _ in walk_coords(loaded)] == ["stimulus_id"]
    with xr.open_dataset(tmp_path / "a.nc") as file:
        assert "presentation" not in file.variables


def test_assigning_values_to_a_dimension_keeps_its_only_coordinate() -> None:
    a = one().assign_coords(presentation=["x", "y"])
    assert columns(a, "presentation") == {"presentation": ["x", "y"], "stimulus_id": ["a", "b"]}
