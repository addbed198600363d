from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import NeuroidAssembly, merge_data_arrays
from brainio.errors import AssemblyFormatError


def test_parts_merge_to_the_whole_sorted_by_their_coordinates(assembly: NeuroidAssembly) -> None:
    merged = merge_data_arrays([assembly[2:], assembly[:2]])
    assert type(merged) is NeuroidAssembly
    assert merged["stimulus_id"].values.tolist() == ["a", "a", "b", "c"]
    assert merged["repetition"].values.tolist() == [0, 1, 0, 0]
    assert merged.values[:, 0].tolist() == [0.0, 6.0, 3.0, 9.0]
    assert merged.attrs["stimulus_set"] is assembly.attrs["stimulus_set"]


def test_values_that_no_part_has_are_nan(assembly: NeuroidAssembly) -> None:
    merged = merge_data_arrays([assembly[:2, :2], assembly[2:, 2:]])
    expected = [[0, 1, np.nan], [np.nan, np.nan, 8], [3, 4, np.nan], [np.nan, np.nan, 11]]
    np.testing.assert_array_equal(merged.values, expected)


def test_a_single_assembly_merges_to_itself(assembly: NeuroidAssembly) -> None:
    assert merge_data_arrays([assembly]).identical(assembly)


def test_conflicting_values_and_empty_lists_are_errors(assembly: NeuroidAssembly) -> None:
    with pytest.raises(xr.MergeError):
        merge_data_arrays([assembly, assembly + 1])
    with pytest.raises(AssemblyFormatError, match="nothing to merge"):
        merge_data_arrays([])


def test_merging_what_names_other_stimulus_sets_keeps_none(assembly: NeuroidAssembly) -> None:
    other = assembly[2:].copy()
    other.attrs["stimulus_set_identifier"] = "lab.Other"
    assert "stimulus_set" not in merge_data_arrays([assembly[:2], other]).attrs
