from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly, NeuroidAssembly, merge_data_arrays
from brainio.errors import AssemblyFormatError
from tests.tiers import scaled_examples


def _table(rows: list[tuple[object, int]], values: dict[tuple[object, int], float]) -> DataAssembly:
    level = np.array([*(row[0] for row in rows), None], dtype=object)[:-1]
    trial = np.array([row[1] for row in rows], dtype=int)
    return DataAssembly(
        np.array([values[row] for row in rows], dtype=float), {"level": ("x", level), "trial": ("x", trial)}, ["x"]
    )


def _vector(levels: list[object]) -> DataAssembly:
    rows = [(level, number) for number, level in enumerate(levels)]
    return _table(rows, {row: float(number) for number, row in enumerate(rows)})


def test_merged_parts_are_sorted_by_their_coordinates(assembly: NeuroidAssembly) -> None:
    merged = merge_data_arrays([assembly[2:], assembly[:2]])
    assert type(merged) is NeuroidAssembly
    assert merged["stimulus_id"].values.tolist() == ["a", "a", "b", "c"]
    assert merged["repetition"].values.tolist() == [0, 1, 0, 0]
    assert merged.values[:, 0].tolist() == [0.0, 6.0, 3.0, 9.0]
    assert merged.attrs["stimulus_set"] is assembly.attrs["stimulus_set"]


def test_values_missing_in_all_parts_are_nan(assembly: NeuroidAssembly) -> None:
    merged = merge_data_arrays([assembly[:2, :2], assembly[2:, 2:]])
    expected = [[0, 1, np.nan], [np.nan, np.nan, 8], [3, 4, np.nan], [np.nan, np.nan, 11]]
    np.testing.assert_array_equal(merged.values, expected)


@pytest.mark.parametrize("empty_first", [True, False])
def test_merging_with_an_empty_assembly_keeps_the_order(assembly: NeuroidAssembly, empty_first: bool) -> None:
    shuffled = assembly[[3, 0, 2, 1]]
    merged = merge_data_arrays([assembly[:0], shuffled] if empty_first else [shuffled, assembly[:0]])
    assert merged.identical(shuffled)


def test_merging_an_assembly_with_itself_returns_it(assembly: NeuroidAssembly) -> None:
    shuffled = assembly[[3, 0, 2]]
    assert merge_data_arrays([shuffled, shuffled, assembly[:0]]).identical(shuffled)
    assert merge_data_arrays([shuffled, shuffled, assembly[1:2]])["stimulus_id"].values.tolist() == ["a", "a", "b", "c"]


def test_merging_types_that_cannot_be_compared_keeps_the_order_of_the_parts() -> None:
    mixed = _vector(["b", 2, "a", 1.5, "b"])
    assert merge_data_arrays([mixed[3:], mixed[:4]]).values.tolist() == [3, 4, 0, 1, 2]
    numbers = merge_data_arrays([mixed[[3, 1]], mixed[[1]]])
    assert numbers["level"].values.tolist() == [1.5, 2]
    assert numbers.values.tolist() == [3, 1]


def test_a_single_level_of_several_types_is_merged_numbers_first() -> None:
    parts = [DataAssembly([0, 1], {"level": ("x", np.array(v, dtype=object))}, ["x"]) for v in (["b", 2], ["a", 1])]
    assert merge_data_arrays(parts)["level"].values.tolist() == [1, 2, "a", "b"]


rows = st.tuples(st.sampled_from(["a", "b", 1, 2.5, None]), st.integers(0, 3))


@settings(max_examples=scaled_examples(60), deadline=None)
@given(st.lists(rows, max_size=8, unique=True), st.data())
def test_parts_of_mixed_types_or_empty_merge_to_a_dictionary_of_their_rows(
    table: list[tuple[object, int]], data: st.DataObject
) -> None:
    values = {row: float(number) for number, row in enumerate(table)}
    some = st.permutations(table).flatmap(lambda order: st.integers(0, len(order)).map(lambda count: order[:count]))
    parts = data.draw(st.lists(some if table else st.just([]), min_size=1, max_size=3))
    merged = merge_data_arrays([_table(part, values) for part in parts])
    found = zip(merged["level"].values.tolist(), merged["trial"].values.tolist(), merged.values.tolist(), strict=True)
    expected = {(level, trial): values[level, trial] for part in parts for level, trial in part}
    assert {(None if level != level else level, trial): value for level, trial, value in found} == expected
    assert merged.sizes["x"] == len(expected)


def test_a_single_assembly_merges_to_itself(assembly: NeuroidAssembly) -> None:
    assert merge_data_arrays([assembly]).identical(assembly)


def test_conflicting_values_and_empty_lists_are_errors(assembly: NeuroidAssembly) -> None:
    with pytest.raises(xr.MergeError):
        merge_data_arrays([assembly, assembly + 1])
    with pytest.raises(AssemblyFormatError, match="nothing to merge"):
        merge_data_arrays([])


def test_merging_assemblies_of_different_stimulus_sets_keeps_none(assembly: NeuroidAssembly) -> None:
    other = assembly[2:].copy()
    other.attrs["stimulus_set_identifier"] = "lab.Other"
    assert "stimulus_set" not in merge_data_arrays([assembly[:2], other]).attrs


@pytest.mark.parametrize("name", ["neuroid_id", "region"])
def test_assemblies_with_a_replaced_level_can_be_aligned(assembly: NeuroidAssembly, name: str) -> None:
    other = assembly.assign_coords({name: ("neuroid", [f"{number}" for number in range(assembly.sizes["neuroid"])])})
    merged = merge_data_arrays([assembly, other])
    assert merged.sizes["neuroid"] == 2 * assembly.sizes["neuroid"]
    aligned = xr.align(assembly, other, join="outer")
    assert aligned[0].indexes["neuroid"].equals(aligned[1].indexes["neuroid"])
