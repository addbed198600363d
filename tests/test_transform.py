from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly, NeuroidAssembly
from brainio.errors import SubsetError
from brainio.transform import index_efficient, subset
from tests.tiers import scaled_examples


def stimuli(ids: list[str], **levels: list[Any]) -> DataAssembly:
    coords = {"stimulus_id": ids, **levels}
    return DataAssembly(
        np.zeros(len(ids)), coords={name: ("presentation", v) for name, v in coords.items()}, dims=["presentation"]
    )


def test_a_subset_stays_in_the_order_of_the_source(assembly: NeuroidAssembly) -> None:
    cut = subset(assembly, assembly[[2, 0]])
    assert type(cut) is NeuroidAssembly
    assert cut.attrs == assembly.attrs
    assert cut.values[:, 0].tolist() == [0.0, 6.0]
    assert subset(assembly, assembly[::-1]).identical(assembly)
    assert subset(assembly, assembly.transpose("neuroid", "presentation")).identical(assembly)


def test_both_dimensions_are_reduced(assembly: NeuroidAssembly) -> None:
    assert subset(assembly, assembly[:, [2, 0]], subset_dims=["neuroid"])["neuroid_id"].values.tolist() == ["n0", "n2"]
    cut = subset(assembly, assembly[[0, 2], :1])
    assert cut.values.tolist() == [[0.0], [6.0]]


def test_each_shared_level_must_match_on_its_own(assembly: NeuroidAssembly) -> None:
    target = stimuli(["c", "b"], category=["y", "x"], new=[1, 2])
    cut = subset(assembly, target, subset_dims=["presentation"], dims_must_match=False)
    assert cut["stimulus_id"].values.tolist() == ["b", "c"]


def test_a_subset_by_one_level_is_possible(assembly: NeuroidAssembly) -> None:
    cut = subset(assembly, stimuli(["c", "a"]), subset_dims=["stimulus_id"], dims_must_match=False)
    assert cut["stimulus_id"].values.tolist() == ["a", "a", "c"]
    assert subset(assembly, assembly[[0, 2]], subset_dims=["stimulus_id"]).sizes["presentation"] == 2


def test_rows_repeat_as_often_as_the_target_names_them(assembly: NeuroidAssembly) -> None:
    target = stimuli(["c", "a", "c"])
    cut = subset(assembly, target, subset_dims=["stimulus_id"], dims_must_match=False, repeat=True)
    assert cut["stimulus_id"].values.tolist() == ["a", "a", "c", "c"]
    assert cut.values[:, 0].tolist() == [0.0, 6.0, 9.0, 9.0]


def test_a_different_number_of_rows_is_an_error_that_names_a_row(assembly: NeuroidAssembly) -> None:
    with pytest.raises(SubsetError, match=r"2 rows match.*target has 4.*'repetition': 1.*0 times in the source and 1"):
        subset(assembly[:2], assembly)
    with pytest.raises(SubsetError, match=r"'a'.*2 times in the source and 1 times in the target"):
        subset(assembly, assembly[:2], subset_dims=["stimulus_id"])
    with pytest.raises(SubsetError, match=r"3 rows match along 'presentation', the target has 2"):
        subset(assembly, stimuli(["c", "a"], category=["y", "x"]))
    with pytest.raises(AssertionError, match="'nope'"):
        subset(assembly, assembly, subset_dims=["nope"])


def test_a_target_without_shared_levels_is_an_error(assembly: NeuroidAssembly) -> None:
    other = DataAssembly([1], coords={"other": ("presentation", [1])}, dims=["presentation"])
    with pytest.raises(SubsetError, match="no common coordinate"):
        subset(assembly, other)
    with pytest.raises(SubsetError, match="no common coordinate"):
        subset(assembly, DataAssembly([1.0, 2.0, 3.0, 4.0], dims=["presentation"]), dims_must_match=False)


def test_the_target_may_have_fewer_levels_than_the_source_and_others(assembly: NeuroidAssembly) -> None:
    assert subset(assembly, stimuli(["c", "b"]))["stimulus_id"].values.tolist() == ["b", "c"]
    cut = subset(assembly, stimuli(["c", "b"], new=[1, 2]), subset_dims=["presentation"])
    assert cut["stimulus_id"].values.tolist() == ["b", "c"]


@pytest.mark.filterwarnings("ignore:Duplicate dimension names:UserWarning")
def test_both_copies_of_a_repeated_dimension_are_reduced() -> None:
    square = NeuroidAssembly(
        np.arange(25.0).reshape(5, 5),
        coords={"stimulus_id": ("presentation", [0, 1, 2, 3, 4]), "meta": ("presentation", np.zeros(5)), "side": 12},
        dims=["presentation", "presentation"],
    )
    target = DataAssembly(np.zeros(3), coords={"stimulus_id": [0, 2, 3]}, dims=["stimulus_id"])
    cut = subset(square, target.stack(presentation=("stimulus_id",)), subset_dims=("presentation",), repeat=True)
    assert cut.values.tolist() == [[0.0, 2.0, 3.0], [10.0, 12.0, 13.0], [15.0, 17.0, 18.0]]
    assert cut["side"] == 12


def test_missing_values_match_missing_values() -> None:
    a = DataAssembly([1, 2, 3], coords={"f": ("p", [1.0, np.nan, 2.0]), "g": ("p", ["u", "v", None])}, dims=["p"])
    assert subset(a, a).identical(a)
    assert subset(a, a[[1]]).values.tolist() == [2]


def test_plain_arrays_are_reduced_too() -> None:
    indexed = xr.DataArray([0, 1, 2], coords={"q": [1, 2, 3]}, dims=["q"])
    assert subset(indexed, indexed[[2, 0]]).values.tolist() == [0, 2]
    bare = xr.DataArray([0, 1, 2], dims=["q"])
    assert subset(bare, bare[:2]).values.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("source_values", "target_values", "expected"),
    [
        ([3, 1, 2, 1], [1, 3], [1, 3, 0]),
        ([1, 1, 2], [1, 1], [0, 0, 1]),
        ([2, 1, 2, 1], [2, 2, 1], [1, 3, 0, 0, 2]),
        (["a", "b", "c"], ["c", "a", "c"], [0, 2, 2]),
        ([1, 2], [5], []),
        ([], [1], []),
        ([1.0, np.nan], [np.nan, 1.0], [0]),
    ],
)
def test_index_efficient_returns_positions_sorted_by_value(
    source_values: list[Any], target_values: list[Any], expected: list[int]
) -> None:
    assert index_efficient(np.array(source_values), np.array(target_values)) == expected


values = st.lists(st.sampled_from("abcde"), min_size=1, max_size=12)


@settings(max_examples=scaled_examples(60), deadline=None)
@given(values, values)
def test_a_subset_holds_exactly_the_rows_that_the_target_names(ids: list[str], target_ids: list[str]) -> None:
    cut = subset(stimuli(ids), stimuli(target_ids), dims_must_match=False)
    assert cut["stimulus_id"].values.tolist() == [name for name in ids if name in target_ids]
