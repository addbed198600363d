"""Selecting by levels, and joining indexes by their codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly, NeuroidAssembly, get_levels
from tests.tiers import scaled_examples


def test_scalar_sel_keeps_the_dimension_and_the_other_levels(assembly: NeuroidAssembly) -> None:
    selected = assembly.sel(region="IT")
    assert selected.dims == ("presentation", "neuroid")
    assert selected["neuroid_id"].values.tolist() == ["n0", "n2"]
    assert selected["region"].item() == "IT"
    assert selected["region"].dtype == object
    assert list(selected.xindexes["neuroid"].to_pandas_index().names) == ["neuroid_id"]
    assert get_levels(selected) == ["stimulus_id", "repetition", "category"]


def test_scalar_sel_of_one_position_keeps_the_dimension(assembly: NeuroidAssembly) -> None:
    selected = assembly.sel(stimulus_id="c", region="V4")
    assert selected.shape == (1, 1)
    assert selected["neuroid_id"].dims == ("neuroid",)
    assert selected.sel(neuroid_id="n1").dims == ("presentation", "neuroid")


def test_scalar_sel_of_every_level_keeps_the_dimension(assembly: NeuroidAssembly) -> None:
    selected = assembly.sel(neuroid_id="n2", region="IT")
    assert selected.dims == ("presentation", "neuroid")
    assert (selected["neuroid_id"].item(), selected["region"].item()) == ("n2", "IT")
    assert selected.values.tolist() == [[2.0], [5.0], [8.0], [11.0]]


@pytest.mark.parametrize("label", [["c", "a"], np.array(["c", "a"]), slice("c", None)], ids=["list", "array", "slice"])
def test_several_labels_select_by_membership_in_the_order_of_the_assembly(
    assembly: NeuroidAssembly, label: object
) -> None:
    expected = ["c"] if isinstance(label, slice) else ["a", "a", "c"]
    assert assembly.sel(stimulus_id=label)["stimulus_id"].values.tolist() == expected


def test_slice_of_a_level_includes_both_ends(assembly: NeuroidAssembly) -> None:
    assert assembly.sel(repetition=slice(0, 0)).sizes["presentation"] == 3
    assert assembly.sel(stimulus_id=slice("b", "c"))["stimulus_id"].values.tolist() == ["b", "c"]


def test_boolean_mask_selects_positions(assembly: NeuroidAssembly) -> None:
    mask = [True, False, False, True]
    assert assembly.sel(presentation=mask)["stimulus_id"].values.tolist() == ["a", "c"]
    assert assembly.sel(presentation=assembly["category"] == "y")["stimulus_id"].values.tolist() == ["b", "c"]
    with pytest.raises(IndexError, match="2 values"):
        assembly.sel(presentation=[True, False])


def test_a_level_can_be_selected_by_its_dimension(assembly: NeuroidAssembly) -> None:
    assert assembly.sel(neuroid={"region": "V4"}).identical(assembly.sel(region="V4"))


def test_drop_removes_selected_levels(assembly: NeuroidAssembly) -> None:
    assert "region" not in assembly.sel(region="IT", drop=True).coords


def test_rows_can_be_selected_as_tuples(assembly: NeuroidAssembly) -> None:
    assert assembly.sel(neuroid=("n1", "V4")).dims == ("presentation",)
    assert assembly.sel(neuroid=[("n2", "IT"), ("n0", "IT")])["neuroid_id"].values.tolist() == ["n2", "n0"]


def test_no_match_names_the_level_and_near_values(assembly: NeuroidAssembly) -> None:
    with pytest.raises(KeyError, match=r"category='z'.*near values of 'category': \['x', 'y'\]"):
        assembly.sel(category="z")
    with pytest.raises(KeyError, match=r"repetition=5.*\[0, 1\]"):
        assembly.sel(repetition=5)
    with pytest.raises(KeyError, match="stimulus_id='b', repetition=1 at once"):
        assembly.sel(stimulus_id="b", repetition=1)
    with pytest.raises(KeyError, match=r"no coordinate or dimension 'categorie'.*'category'"):
        assembly.sel(categorie="x")


def test_a_value_removed_by_slicing_does_not_match(assembly: NeuroidAssembly) -> None:
    with pytest.raises(KeyError, match=r"stimulus_id='c'.*\['a', 'b'\]"):
        assembly[:2].sel(stimulus_id="c")


def test_loc_assigns_by_level(assembly: NeuroidAssembly) -> None:
    assembly.loc[{"region": "IT"}] = 0
    assert assembly.values.tolist() == [[0, 1, 0], [0, 4, 0], [0, 7, 0], [0, 10, 0]]


def test_multisel_keeps_selected_levels_along_the_dimension(assembly: NeuroidAssembly) -> None:
    selected = assembly.multisel(category="x", region="IT")
    assert selected.values.tolist() == [[0.0, 2.0], [6.0, 8.0]]
    assert selected["category"].values.tolist() == ["x", "x"]
    assert selected["region"].values.tolist() == ["IT", "IT"]


def test_a_missing_value_can_be_selected() -> None:
    a = DataAssembly([1, 2], coords={"f": ("p", [0.5, np.nan]), "g": ("p", ["u", None])}, dims=["p"])
    assert a.sel(f=np.nan).values.tolist() == [2]
    assert a.sel(g="u").values.tolist() == [1]


def test_numbers_are_matched_in_the_precision_of_the_level() -> None:
    a = DataAssembly([1, 2], coords={"f": ("p", np.array([0.1, 0.2], "f4")), "n": ("p", [1, 2])}, dims=["p"])
    assert a.sel(f=0.1).values.tolist() == [1]
    assert a.sel(n=2.0).values.tolist() == [2]


def test_a_selected_dimension_coordinate_drops_its_dimension_as_in_xarray() -> None:
    a = DataAssembly([1, 2], coords={"choice": ["dog", "car"]}, dims=["choice"])
    assert a.sel(choice="car").dims == ()
    assert a.sel(choice=["car", "dog"]).values.tolist() == [2, 1]
    assert a["choice"].dtype == object


def test_ambiguous_rows_are_an_error_when_they_must_be_matched(assembly: NeuroidAssembly) -> None:
    with pytest.raises(ValueError, match="several positions have the same values"):
        xr.align(assembly[[0, 0, 1]], assembly, join="inner")


def test_concat_of_parts_with_other_levels_names_them(assembly: NeuroidAssembly) -> None:
    with pytest.raises(ValueError, match="one part has the levels"):
        xr.concat([assembly, assembly.drop_vars("category")], dim="presentation")


rows = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), min_size=1, max_size=12, unique=True)


def of_rows(pairs: list[tuple[str, int]]) -> DataAssembly:
    names, numbers = zip(*pairs, strict=True)
    values = [ord(name) * 10 + number for name, number in pairs]
    return DataAssembly(values, coords={"i": ("p", list(names)), "r": ("p", list(numbers))}, dims=["p"])


@settings(max_examples=scaled_examples(60), deadline=None)
@given(rows, rows)
def test_align_matches_rows_in_any_order(first: list[tuple[str, int]], second: list[tuple[str, int]]) -> None:
    left, right = xr.align(of_rows(first), of_rows(second), join="inner")
    expected = [row for row in first if row in second]
    assert list(zip(left["i"].values, left["r"].values, strict=True)) == expected
    assert left.values.tolist() == right.values.tolist() == [ord(name) * 10 + number for name, number in expected]
    outer, _ = xr.align(of_rows(first), of_rows(second), join="outer")
    joined = list(zip(outer["i"].values, outer["r"].values, strict=True))
    assert set(joined) == {*first, *second}
    assert set(first) == set(second) or joined == sorted(joined)


@settings(max_examples=scaled_examples(60), deadline=None)
@given(rows, st.sampled_from("abcd"))
def test_sel_finds_what_a_plain_loop_finds(pairs: list[tuple[str, int]], label: str) -> None:
    a = of_rows(pairs)
    expected = [number for name, number in pairs if name == label]
    if expected:
        assert a.sel(i=label)["r"].values.tolist() == expected
    else:
        with pytest.raises(KeyError):
            a.sel(i=label)


def test_rows_can_be_dropped_by_position_and_selected_by_an_index(assembly: NeuroidAssembly) -> None:
    kept = assembly.drop_isel(presentation=[0, 2])
    assert kept.identical(assembly[[1, 3]])
    assert assembly.sel(presentation=assembly.indexes["presentation"][[3, 1]]).identical(assembly[[3, 1]])


def test_a_mask_for_a_dimension_selects_positions_even_if_its_first_level_is_boolean() -> None:
    a = DataAssembly([0, 1, 2], coords={"is_face": ("p", [True, False, True]), "n": ("p", [7, 8, 9])}, dims=["p"])
    for mask in ([True, False, False], np.array([True, False, False]), a["n"] == 7):
        assert a.sel(p=mask).values.tolist() == [0]
        assert a.multisel(p=mask).values.tolist() == [0]
    assert a.sel(p=[False, False, False]).values.tolist() == []
    assert a.sel(p=True).values.tolist() == [0, 2]
    assert a.sel(p=[False]).values.tolist() == [1]


def test_unstacking_gives_a_missing_value_a_separate_position() -> None:
    levels: dict[str, Any] = {
        "text": ["a", None, "b"],
        "number": [1.5, np.nan, 0.5],
        "day": np.array(["2020-01-02", "NaT", "2020-01-01"], dtype="M8[ns]"),
    }
    for name, values in levels.items():
        a = DataAssembly([1.0, 2.0, 4.0], coords={name: ("p", values), "k": ("p", [7, 7, 7])}, dims=["p"])
        flat = a.unstack("p").isel(k=0)
        order = np.argsort(np.array(values)[[0, 2]])
        assert flat.values.tolist() == [*np.array([1.0, 4.0])[order], 2.0]
        assert flat[name].isnull().values.tolist() == [False, False, True]
        assert a.unstack("p").stack(p=[name, "k"]).sizes == {"p": 3}
