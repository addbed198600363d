"""Functions of groups: results of equal and of different forms are combined, and errors name invalid ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import GroupbyError, NeuroidAssembly, group_functions

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = ["category", "stimulus_id"]
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda group: group.mean("presentation"),
    "one value": lambda group: group.max(),
    "same": lambda group: group,
    "centered": lambda group: group - group.mean("presentation"),
    "first position": lambda group: group.isel(presentation=0, drop=True),
    "other dimension away": lambda group: group.mean("neuroid"),
    "other dimension less": lambda group: group.mean("presentation").isel(neuroid=[2, 0]),
    "new dimension": lambda group: group.quantile([0.0, 1.0], "presentation"),
    "transposed": lambda group: (group * 2).transpose("neuroid", "presentation"),
    "fewer coordinates": lambda group: group.drop_vars(["repetition", "region"]),
    "new coordinate": lambda group: group.assign_coords(scalar=1, own=("neuroid", [1, 2, 3])),
    "other attrs": lambda group: group.max("presentation").assign_attrs(extra=1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dims", [("presentation", "neuroid"), ("neuroid", "presentation")], ids=str)
def test_results_of_equal_form_are_combined_as_in_xarray(
    assembly: NeuroidAssembly, name: str, dims: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    grouped = assembly.transpose(*dims).multi_groupby(LEVELS)
    quick = grouped.map(FUNCTIONS[name])
    monkeypatch.setattr(group_functions, "_have_equal_form", lambda *_: False)
    by_xarray = grouped.apply(FUNCTIONS[name])
    assert quick.identical(by_xarray)
    assert list(quick.coords) == list(by_xarray.coords)
    assert list(quick.xindexes) == list(by_xarray.xindexes)


def test_results_of_different_forms_are_aligned(assembly: NeuroidAssembly) -> None:
    def two_of_three(group: Any) -> Any:
        return group.max("presentation")[: 2 if group["category"].values[0] == "x" else 3]

    answer = assembly.multi_groupby(["category"]).map(two_of_three)
    np.testing.assert_array_equal(answer.values, [[6.0, 7.0, np.nan], [9.0, 10.0, 11.0]])
    mixed = assembly.multi_groupby(["category"]).map(lambda group: group.sum("presentation").astype(dtype_of(group)))
    assert mixed.values.tolist() == [[6.0, 8.0, 10.0], [12.0, 14.0, 16.0]]
    assert mixed.dtype == np.float64


def dtype_of(group: Any) -> str:
    """Return a different type for each of two groups."""
    return "f4" if group["category"].values[0] == "x" else "f8"


def test_results_of_two_kinds_are_an_error_that_names_both(assembly: NeuroidAssembly) -> None:
    with pytest.raises(GroupbyError, match=r"\('presentation', 'neuroid'\) for a group of .*expected \('neuroid',\)"):
        assembly.multi_groupby(["category"]).map(lambda g: g.max("presentation") if g[0, 0] < 1 else g)


def test_the_function_is_called_once_for_each_group_in_their_order(assembly: NeuroidAssembly) -> None:
    calls: list[tuple[list[Any], Any]] = []

    def record(group: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append((group["repetition"].values.tolist(), (args, kwargs)))
        return group.astype(dtype_of(group))  # results of different forms, which xarray combines

    assembly.multi_groupby(LEVELS).map(record, args=(1,), own=2)
    assert calls == [([0, 1], ((1,), {"own": 2})), ([0], ((1,), {"own": 2})), ([0], ((1,), {"own": 2}))]


def test_results_of_group_functions_stay_lazy(assembly: NeuroidAssembly) -> None:
    pytest.importorskip("dask")
    lazy = assembly.chunk().multi_groupby(LEVELS).map(lambda group: group.max("presentation"))
    assert lazy.chunks is not None
    assert lazy.compute().identical(assembly.multi_groupby(LEVELS).max())


def test_coordinates_of_two_dimensions_are_restored_too(assembly: NeuroidAssembly) -> None:
    two = assembly.assign_coords(two=(("presentation", "neuroid"), np.arange(12).reshape(4, 3)))
    assert xr.DataArray(two.multi_groupby(["category"]).map(lambda group: group)["two"]).identical(two["two"])
