from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import (
    DataAssembly,
    DataPoint,
    NeuroidAssembly,
    array_is_element,
    coords_for_dim,
    flatten_index,
    gather_indexes,
    get_levels,
    get_metadata,
    walk_coords,
)

ALL = ["stimulus_id", "repetition", "category", "neuroid_id", "region"]


@pytest.fixture
def plain() -> xr.DataArray:
    return xr.DataArray(
        np.zeros((2, 3)),
        coords={"i": ("p", ["a", "b"]), "r": ("p", [0, 1]), "k": ("n", [4, 5, 6]), "n": [7, 8, 9], "w": 3},
        dims=["p", "n"],
    )


def test_walk_coords_yields_levels_in_order(assembly: NeuroidAssembly) -> None:
    walked = list(walk_coords(assembly))
    assert [name for name, _, _ in walked] == ALL
    assert [dims for _, dims, _ in walked] == [("presentation",)] * 3 + [("neuroid",)] * 2
    assert walked[0][2].dtype == object
    assert walked[1][2].tolist() == [0, 0, 1, 0]


def test_walk_coords_yields_plain_coordinates_and_scalars(plain: xr.DataArray) -> None:
    assert [(name, dims) for name, dims, _ in walk_coords(plain)] == [
        ("i", ("p",)),
        ("r", ("p",)),
        ("k", ("n",)),
        ("n", ("n",)),
        ("w", ()),
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ALL),
        ({"dims": ("presentation",)}, ["stimulus_id", "repetition", "category"]),
        ({"dims": ("neuroid", "presentation")}, ALL),
        ({"dims": ()}, []),
        ({"include_coords": False}, ALL),
        ({"include_indexes": False}, ALL),
        ({"include_multi_indexes": True}, ["presentation", *ALL[:3], "neuroid", *ALL[3:]]),
        ({"include_levels": False}, []),
        ({"include_levels": False, "include_multi_indexes": True}, ["presentation", "neuroid"]),
    ],
)
def test_get_metadata_picks_kinds(assembly: NeuroidAssembly, options: dict[str, Any], expected: list[str]) -> None:
    assert list(get_metadata(assembly, names_only=True, **options)) == expected


def test_coordinates_of_given_dimensions_exclude_scalars(plain: xr.DataArray) -> None:
    assert list(get_metadata(plain, dims=("p",), names_only=True)) == ["i", "r"]


def test_an_index_keeps_its_position_and_appends_new_levels(assembly: NeuroidAssembly) -> None:
    added = assembly.assign_coords(new=("presentation", [1, 2, 3, 4]), other=("neuroid", [1, 2, 3]), scalar=1)
    assert [name for name, _, _ in walk_coords(added)] == [*ALL[:3], "new", *ALL[3:], "other", "scalar"]


def test_get_metadata_distinguishes_plain_indexes_from_plain_coordinates(plain: xr.DataArray) -> None:
    assert list(get_metadata(plain, names_only=True, include_coords=False)) == ["n"]
    assert list(get_metadata(plain, names_only=True, include_indexes=False)) == ["i", "r", "k", "w"]


def test_the_only_coordinate_of_a_dimension_is_an_index_without_levels() -> None:
    a = DataAssembly(
        np.zeros((2, 3)),
        coords={"up": ("a", ["x", "y"]), "down": ("a", [1, 2]), "sideways": ("b", [4, 5, 6])},
        dims=["a", "b"],
    )
    assert get_levels(a) == ["up", "down"]
    assert list(get_metadata(a, names_only=True, include_coords=False, include_levels=False)) == ["sideways"]
    assert list(get_metadata(a, names_only=True, include_indexes=False, include_multi_indexes=True)) == [
        "a",
        "up",
        "down",
    ]
    assert [name for name, _, _ in walk_coords(a)] == ["up", "down", "sideways"]
    assert get_levels(xr.DataArray(a).reset_index(["up", "down"])) == []
    assert get_levels(a.reset_index(list(a.indexes))) == []


def test_get_levels_and_coords_for_dim(assembly: NeuroidAssembly, plain: xr.DataArray) -> None:
    assert get_levels(assembly) == ALL
    assert get_levels(plain) == []
    assert coords_for_dim(assembly, "presentation") == {}
    assert {name: values.tolist() for name, values in coords_for_dim(plain, "p").items()} == {
        "i": ["a", "b"],
        "r": [0, 1],
    }
    assert list(coords_for_dim(plain, "n")) == ["k"]


@pytest.mark.parametrize(
    ("arr", "element", "expected"),
    [(("p",), "p", True), (("p", "n"), "p", False), ((), "p", False), (np.array([1, 1]), 1, False), ([2], 1, False)],
)
def test_array_is_element_compares_the_only_element(arr: Any, element: Any, expected: bool) -> None:
    assert array_is_element(arr, element) is expected


def test_gathering_twice_changes_nothing(plain: xr.DataArray) -> None:
    once = gather_indexes(plain)
    assert list(once.indexes["p"].names) == ["i", "r"]
    assert list(once.indexes["n"].names) == ["n", "k"]
    assert once["i"].dtype == object
    assert gather_indexes(once) is once


def test_flatten_index_reverses_gathering(assembly: NeuroidAssembly) -> None:
    flat = flatten_index(assembly)
    assert type(flat) is xr.DataArray
    assert not flat.xindexes
    assert list(flat.coords) == ALL
    assert flat.attrs == assembly.attrs
    assert np.shares_memory(flat.values, assembly.values)
    assert NeuroidAssembly(flat).identical(assembly)


def test_text_of_every_kind_is_read_as_objects_of_str() -> None:
    a = DataAssembly(
        [1, 2], coords={"u": ("x", np.array(["é", "b"])), "s": ("x", np.array([b"a", b"b"])), "t": "scalar"}, dims=["x"]
    )
    for name in ("u", "s", "t"):
        assert a[name].dtype == object
        assert all(type(value) is str for value in np.ravel(a[name].values))


def test_data_point_has_a_value_and_its_coordinates() -> None:
    point = DataPoint(1.5, "n0", "p1")
    assert (point.value, point.neuroid, point.presentation) == (1.5, "n0", "p1")
