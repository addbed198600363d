"""Grouping: order, coordinates, missing values, and agreement of the fast path with a plain loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly, GroupbyError, NeuroidAssembly
from tests.tiers import scaled_examples

if TYPE_CHECKING:
    from collections.abc import Callable


def test_groups_are_sorted_and_the_index_of_the_dimension(assembly: NeuroidAssembly) -> None:
    mean = assembly.multi_groupby(["category", "stimulus_id"]).mean(dim="presentation")
    assert type(mean) is NeuroidAssembly
    assert mean.dims == ("presentation", "neuroid")
    assert mean.values.tolist() == [[3.0, 4.0, 5.0], [3.0, 4.0, 5.0], [9.0, 10.0, 11.0]]
    assert list(mean.indexes["presentation"].names) == ["category", "stimulus_id"]
    assert mean["category"].values.tolist() == ["x", "y", "y"]
    assert mean["stimulus_id"].values.tolist() == ["a", "b", "c"]
    assert mean.sel(stimulus_id="c", region="V4").values.tolist() == [[10.0]]


def test_a_single_coordinate_names_the_dimension(assembly: NeuroidAssembly) -> None:
    mean = assembly.multi_groupby(["region"]).mean("neuroid")
    assert mean.dims == ("presentation", "region")
    assert mean["region"].values.tolist() == ["IT", "V4"]
    assert mean.values.tolist() == [[1.0, 1.0], [4.0, 4.0], [7.0, 7.0], [10.0, 10.0]]


def test_the_grouped_dimension_keeps_its_position(assembly: NeuroidAssembly) -> None:
    mean = assembly.transpose("neuroid", "presentation").multi_groupby(["category", "stimulus_id"]).mean()
    assert mean.dims == ("neuroid", "presentation")
    assert mean.values[0].tolist() == [3.0, 3.0, 9.0]


def test_grouping_by_a_dimension_groups_by_all_its_levels(assembly: NeuroidAssembly) -> None:
    total = assembly.multi_groupby(["neuroid"]).sum()
    assert list(total.indexes["neuroid"].names) == ["neuroid_id", "region"]


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("sum", (), [[6.0, 8.0, 10.0], [12.0, 14.0, 16.0]]),
        ("count", (), [[2, 2, 2], [2, 2, 2]]),
        ("max", (), [[6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]),
        ("first", (), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]),
        ("std", (), [[3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]),
        ("reduce", (np.max,), [[6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]),
        ("map", (lambda group: group.mean("presentation"),), [[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]),
        ("apply", (lambda group: group.mean("presentation"),), [[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]),
    ],
)
def test_reductions_return_a_value_per_group(
    assembly: NeuroidAssembly, method: str, arguments: tuple[Any, ...], expected: list[list[float]]
) -> None:
    result = getattr(assembly.multi_groupby(["category"]), method)(*arguments)
    assert result.dims == ("category", "neuroid")
    assert result["category"].values.tolist() == ["x", "y"]
    assert result["neuroid_id"].values.tolist() == ["n0", "n1", "n2"]
    assert result.values.tolist() == expected


def test_mean_over_all_dimensions_returns_one_value_per_group(assembly: NeuroidAssembly) -> None:
    assert assembly.multi_groupby(["category", "stimulus_id"]).mean(...).values.tolist() == [4.0, 4.0, 10.0]


def test_mapping_to_the_same_shape_keeps_the_order_and_all_levels(assembly: NeuroidAssembly) -> None:
    same = assembly.multi_groupby(["category", "stimulus_id"]).map(lambda group: group)
    assert same.identical(assembly)


def test_iteration_and_groups_name_the_same_positions(assembly: NeuroidAssembly) -> None:
    grouped = assembly.multi_groupby(["category", "stimulus_id"])
    assert grouped.groups == {("x", "a"): [0, 2], ("y", "b"): [1], ("y", "c"): [3]}
    assert len(grouped) == 3
    assert {key: group.sizes["presentation"] for key, group in grouped} == {("x", "a"): 2, ("y", "b"): 1, ("y", "c"): 1}


def test_missing_values_form_the_last_group() -> None:
    a = DataAssembly(
        [0.0, 1.0, 2.0, 3.0], coords={"f": ("p", [1, np.nan, 1, 2]), "g": ("p", ["u", None, "u", np.nan])}, dims=["p"]
    )
    for mean in (a.multi_groupby(["f"]).mean(), a.groupby("f").mean()):
        assert mean.values.tolist() == [1.0, 3.0, 1.0]
        np.testing.assert_array_equal(mean["f"].values, [1, 2, np.nan])
    for total in (a.multi_groupby(["g"]).sum(), a.groupby("g").sum()):
        assert total.values.tolist() == [2.0, 4.0]
        assert total["g"].values[0] == "u"
    assert (a.groupby("g") - a.groupby("g").mean()).values.tolist() == [-1.0, -1.0, 1.0, 1.0]


MIXED = np.array(["b", 2, "a", 1.5, "b", True, None], dtype=object)


@pytest.mark.parametrize("positions", [[0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0], [3, 1, 5], [4, 2], [1, 6, 0, 2]])
def test_values_of_several_types_are_grouped_numbers_first(positions: list[int]) -> None:
    a = DataAssembly(np.arange(7.0), coords={"g": ("p", MIXED), "n": ("p", range(7))}, dims=["p"])[positions]
    expected: dict[Any, float] = {}
    for value, number in zip(MIXED[positions], positions, strict=True):
        expected[value] = expected.get(value, 0) + number
    keys = sorted(expected, key=lambda key: (key is None, isinstance(key, str), key or 0))
    for total in (a.multi_groupby(["g"]).sum(), a.groupby("g").sum(), a.reset_index("p").multi_groupby(["g"]).sum()):
        assert [None if value != value else value for value in total["g"].values.tolist()] == keys
        assert total.values.tolist() == [expected[key] for key in keys]


def test_nan_is_skipped_by_default() -> None:
    a = DataAssembly(
        [1.0, np.nan, 3.0, np.nan], coords={"g": ("p", ["u", "u", "v", "w"]), "n": ("p", range(4))}, dims="p"
    )
    np.testing.assert_array_equal(a.multi_groupby(["g"]).mean().values, [1.0, 3.0, np.nan])
    np.testing.assert_array_equal(a.multi_groupby(["g"]).sum().values, [1.0, 3.0, 0.0])
    np.testing.assert_array_equal(a.multi_groupby(["g"]).mean(skipna=False).values, [np.nan, 3.0, np.nan])


def test_an_invalid_grouping_is_an_error_that_explains_it(assembly: NeuroidAssembly) -> None:
    with pytest.raises(GroupbyError, match=r"category.*presentation.*region.*neuroid"):
        assembly.multi_groupby(["category", "region"])
    for group in (lambda: assembly.multi_groupby(["nope"]), lambda: assembly.groupby("nope")):
        with pytest.raises(KeyError, match=r"'nope'.*stimulus_id.*region"):
            group()
    with pytest.raises(GroupbyError, match="list of one or more"):
        assembly.multi_groupby([])
    with pytest.raises(GroupbyError, match="multisel"):
        assembly.sel(category="x").multi_groupby(["category", "stimulus_id"])
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = assembly.multi_groupby(["category"]).nope


def test_an_empty_assembly_has_no_groups(assembly: NeuroidAssembly) -> None:
    assert assembly[:0].multi_groupby(["category", "stimulus_id"]).mean().shape == (0, 3)


def test_multi_dim_apply_calls_with_values_and_coordinates_of_each_combination(assembly: NeuroidAssembly) -> None:
    calls: list[tuple[Any, dict[str, Any]]] = []

    def record(values: Any, **coords: Any) -> Any:
        calls.append((values, coords))
        return values + 1

    result = assembly.multi_dim_apply(["neuroid_id", "stimulus_id"], record)
    assert result.values.tolist() == (assembly.values + 1).tolist()
    assert result["region"].values.tolist() == ["IT", "V4", "IT"]
    assert [(coords["neuroid_id"], np.unique(coords["stimulus_id"]).tolist()) for _, coords in calls] == [
        (neuroid, [stimulus]) for stimulus in "abc" for neuroid in ("n0", "n1", "n2")
    ]
    values, coords = calls[1]
    assert values.tolist() == [1.0, 7.0]
    assert coords["repetition"].tolist() == [0, 1]
    assert (coords["neuroid_id"], coords["region"]) == ("n1", "V4")
    assert calls[-1][0] == 11.0


def test_multi_dim_apply_passes_blocks_if_groups_have_several_positions(assembly: NeuroidAssembly) -> None:
    centered = assembly.multi_dim_apply(["category", "region"], lambda values, **_: values - values.mean())
    assert centered.values.tolist() == [[-4, -3, -2], [-4, -3, -2], [2, 3, 4], [2, 3, 4]]


def test_multi_dim_apply_requires_one_group_for_each_dimension(assembly: NeuroidAssembly) -> None:
    with pytest.raises(KeyError, match="neuroid"):
        assembly.multi_dim_apply(["stimulus_id"], lambda values, **_: values)
    with pytest.raises(KeyError, match="one coordinate for each"):
        assembly.multi_dim_apply(["stimulus_id", "category"], lambda values, **_: values)
    with pytest.raises(KeyError):
        assembly.multi_dim_apply(["nope", "region"], lambda values, **_: values)


def test_a_result_of_another_shape_is_an_error_that_names_the_expected_one(assembly: NeuroidAssembly) -> None:
    with pytest.raises(GroupbyError, match=r"'presentation': 1.*'presentation': 2.*expected"):
        assembly.multi_groupby(["category"]).map(lambda group: group[:1])
    with pytest.raises(GroupbyError, match=r"returned a float for a group of sizes.*expected an assembly"):
        assembly.multi_groupby(["category"]).map(lambda group: float(group.sum()))
    with pytest.raises(GroupbyError, match=r"returned shape \(3,\); expected \(2,\).*'stimulus_id': \['a'\]"):
        assembly.multi_dim_apply(["neuroid_id", "stimulus_id"], lambda values, **_: np.zeros(3))
    with pytest.raises(GroupbyError, match=r"returned shape \(3,\); expected \(2, 2\)"):
        assembly.multi_dim_apply(["region", "category"], lambda values, **_: np.zeros(3))


def test_multi_dim_apply_accepts_an_array_of_one_value_as_a_value(assembly: NeuroidAssembly) -> None:
    single = assembly[:2].multi_dim_apply(["neuroid_id", "stimulus_id"], lambda value, **_: np.array([value + 1]))
    assert single.values.tolist() == (assembly.values[:2] + 1).tolist()


def test_multi_dim_apply_works_on_a_scalar() -> None:
    assert DataAssembly(2.0).multi_dim_apply([], lambda value: value + 1).item() == 3.0


def test_errors_of_the_function_are_raised_unchanged(assembly: NeuroidAssembly) -> None:
    def fail(_: Any, **__: Any) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        assembly.multi_dim_apply(["neuroid_id", "stimulus_id"], fail)


def test_attrs_of_a_grouped_result_are_kept_by_default(assembly: NeuroidAssembly) -> None:
    grouped = assembly.multi_groupby(["category"])
    assert grouped.mean().attrs["identifier"] == "lab.A"
    assert grouped.mean(keep_attrs=False).attrs == {}
    with xr.set_options(keep_attrs=False):
        assert grouped.std().attrs == {}
        assert assembly.groupby("category").max().attrs == {}


def test_reductions_without_a_fast_path_are_left_to_xarray(assembly: NeuroidAssembly) -> None:
    grouped = assembly.groupby("category")
    assert grouped.sum(min_count=3).isnull().all()
    assert grouped.mean(...).values.tolist() == [4.0, 7.0]
    assert grouped.mean("neuroid").identical(assembly.mean("neuroid"))
    assert grouped.quantile(1.0, "presentation")[:, 0].values.tolist() == [6.0, 9.0]
    assert {key: group["stimulus_id"].values.tolist() for key, group in grouped} == {"x": ["a", "a"], "y": ["b", "c"]}
    assert grouped.groups == {"x": [0, 2], "y": [1, 3]}
    assert grouped.map(lambda group: group - group.mean("presentation")).values[:, 0].tolist() == [-3, -3, 3, 3]
    assert (grouped - grouped.mean()).values[:, 0].tolist() == [-3, -3, 3, 3]


cells = st.tuples(
    st.sampled_from(["a", "b", None]), st.integers(0, 2), st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))
)


@settings(max_examples=scaled_examples(60), deadline=None)
@given(st.lists(cells, min_size=1, max_size=20))
def test_means_of_the_fast_path_agree_with_a_loop_over_groups(table: list[tuple[str | None, int, float]]) -> None:
    names, numbers, values = zip(*table, strict=True)
    a = DataAssembly(np.array(values), coords={"g": ("p", list(names)), "n": ("p", list(numbers))}, dims=["p"])
    mean = a.multi_groupby(["g", "n"]).mean()
    keys = sorted(set(zip(names, numbers, strict=True)), key=lambda key: (key[0] is None, key[0] or "", key[1]))
    expected = []
    for key in keys:
        own = np.array([v for g, n, v in table if (g, n) == key])
        own = own[~np.isnan(own)]
        expected.append(own.mean() if len(own) else np.nan)
    np.testing.assert_allclose(mean.values, expected, rtol=1e-9, atol=1e-6)
    assert mean["n"].values.tolist() == [n for _, n in keys]


def test_grouping_works_on_lazy_values(assembly: NeuroidAssembly) -> None:
    pytest.importorskip("dask")
    lazy = assembly.chunk({"presentation": 2})
    mean = lazy.multi_groupby(["category"]).mean()
    assert isinstance(mean, xr.DataArray)
    assert mean.compute().values.tolist() == [[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]


def test_groupby_of_xarray_loses_no_presentation_with_any_level_name() -> None:
    a = DataAssembly([1.0, 2.0, 4.0], coords={"i": ("p", [1, 2, 3]), "t": ("p", ["x", None, "x"])}, dims=["p"])
    for by in ("t", ["t"], a["t"]):
        assert a.groupby(by).sum().values.tolist() == [5.0, 2.0]


@pytest.mark.parametrize("order", [["p", "n", "t"], ["t", "p", "n"], ["n", "t", "p"]], ids=str)
@pytest.mark.parametrize("over", [["p", "n"], ["p", "t", "n"], ...], ids=str)
@pytest.mark.parametrize("method", ["mean", "sum", "std", "median", "max", "count"])
def test_several_dimensions_are_reduced_at_once_as_precisely_as_one(order: list[str], over: Any, method: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(1e4, 1, size=(300, 20, 3)).astype("f4")
    values[rng.random(values.shape) < 0.1] = np.nan
    groups = rng.integers(0, 4, 300)
    a = DataAssembly(
        values, dims=["p", "n", "t"], coords={"g": ("p", groups), "k": ("p", range(300)), "m": ("t", [5, 6, 7])}
    )
    result = getattr(a.transpose(*order).multi_groupby(["g"]), method)(over)
    axes = (0, 1) if over == ["p", "n"] else None
    function = {"count": lambda own, axis: (~np.isnan(own)).sum(axis)}.get(method, getattr(np, f"nan{method}", None))
    assert function is not None
    expected = np.stack([function(values[groups == group].astype(float), axis=axes) for group in range(4)])
    assert result.dtype == (np.int64 if method == "count" else np.float32)
    kept = ["t"] if axes else []
    assert list(result.dims) == ["g" if d == "p" else d for d in order if d in ["p", *kept]]
    np.testing.assert_allclose(result.transpose("g", *kept).values, expected, rtol=2**-24 * 1.01)
    assert ("m" in result.coords) is bool(kept)


def test_presentations_with_missing_values_form_a_group_in_every_grouping() -> None:
    levels = {"t": ("p", np.array(["x", None, "x"], dtype=object)), "k": ("p", [1, 2, 3])}
    a = DataAssembly([1.0, 2.0, 4.0], coords=levels, dims=["p"])
    alone = DataAssembly([1.0, 2.0, 4.0], coords={"p": [0.5, np.nan, 0.5]}, dims=["p"])
    for grouped in (
        alone.groupby("p"),
        alone.multi_groupby(["p"]),
        a.reset_index("p").groupby("t"),
        a.groupby(a["t"].rename("k")),
        a.groupby(xr.DataArray([0.5, np.nan, 0.5], dims=["p"])),
        a.groupby(a["k"].where(a["k"] == 2).isnull().where(a["k"] != 2)),
    ):
        assert grouped.sum().values.tolist() == [5.0, 2.0]
        assert pd.isna(grouped.sum().coords[grouped.sum().dims[0]].values[-1])
    assert (a.groupby(a["t"].rename("g")) - a.groupby(a["t"].rename("g")).mean()).values.tolist() == [-1.5, 0.0, 1.5]


def test_a_reduction_to_another_shape_is_an_error_that_names_the_expected_one(assembly: NeuroidAssembly) -> None:
    grouped = assembly.multi_groupby(["category"])
    for answer, shape in ((np.zeros(7), r"\(7,\)"), (1.0, r"\(\)"), (np.zeros((1, 3)), r"\(1, 3\)")):
        with pytest.raises(
            GroupbyError, match=rf"returned shape {shape} for a group of shape \(2, 3\); expected \(3,\)"
        ):
            grouped.reduce(lambda *_, answer=answer, **__: answer)
    assert grouped.reduce(np.max, "presentation").identical(grouped.max())
    assert grouped.reduce(np.sum, ...).values.tolist() == grouped.sum(...).values.tolist()


def test_a_sum_of_too_few_integers_is_missing(assembly: NeuroidAssembly) -> None:
    whole = assembly.astype(int).multi_groupby(["stimulus_id"]).sum(min_count=2)
    np.testing.assert_array_equal(whole.values, [[6, 8, 10], [np.nan] * 3, [np.nan] * 3])


WHEN = np.array(["2020-01-01T01", "2020-01-01T02", "2020-01-02T01", "2020-01-02T05"], dtype="M8[ns]")


def dated(when: np.ndarray = WHEN) -> DataAssembly:
    coords = {
        "stimulus_id": ("presentation", list("abab")),
        "when": ("presentation", when),
        "turn": ("presentation", [0, 0, 1, 1]),
    }
    return DataAssembly(np.arange(4.0), dims=["presentation"], coords=coords)


@pytest.mark.parametrize("part", ["hour", "dayofyear", "season", "date"])
def test_grouping_by_a_part_of_a_date_agrees_with_xarray(part: str) -> None:
    a = dated()
    plain = xr.DataArray(a.values, dims=["presentation"], coords={"when": ("presentation", WHEN)})
    expected = plain.groupby(f"when.{part}").mean()
    result = a.groupby(f"when.{part}").mean()
    assert type(result) is DataAssembly
    assert (result.dims, result.values.tolist()) == (expected.dims, expected.values.tolist())
    assert result[part].values.tolist() == expected[part].values.tolist()


def test_presentations_without_a_date_are_the_last_group_of_its_parts() -> None:
    when = WHEN.copy()
    when[0] = "NaT"
    result = dated(when).groupby("when.hour").sum()
    assert result["hour"].values[:-1].tolist() == [1, 2, 5]
    assert np.isnan(result["hour"].values[-1])
    assert result.values.tolist() == [2.0, 1.0, 3.0, 0.0]


@pytest.mark.parametrize("name", ["nothing.hour", "when.nothing", "stimulus_id.hour"])
def test_a_part_of_a_date_that_does_not_exist_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError, match=f"no coordinate '{name}' to group by"):
        dated().groupby(name)


@pytest.mark.parametrize(
    "group",
    [
        lambda a: a.groupby(["stimulus_id", "turn"]),
        lambda a: a.groupby(("stimulus_id", "turn")),
        lambda a: a.groupby([a["stimulus_id"], a["turn"]]),
        lambda a: a.groupby(stimulus_id=xr.groupers.UniqueGrouper(), turn=xr.groupers.UniqueGrouper()),
        lambda a: a.groupby(["stimulus_id", "when.hour"]),
    ],
)
def test_groupby_of_several_levels_names_multi_groupby(group: Callable[[DataAssembly], Any]) -> None:
    with pytest.raises(GroupbyError, match=r"call multi_groupby\(\['stimulus_id', '(turn|when.hour)'\]\)"):
        group(dated())


def test_grouping_by_coordinates_without_levels_agrees_with_xarray() -> None:
    a = dated().reset_index("presentation")
    plain = xr.DataArray(a.values, dims=["presentation"], coords={k: v.variable for k, v in a.coords.items()})
    result, expected = (array.groupby(["stimulus_id", "turn"]).mean() for array in (a, plain))
    assert (result.dims, result.values.tolist()) == (expected.dims, expected.values.tolist())


def test_groups_combine_with_their_means_next_to_scalar_coordinates(assembly: NeuroidAssembly) -> None:
    selected = assembly.sel(repetition=0)
    means = selected.groupby("region").mean()
    before = means.copy()
    centered = selected.groupby("region") - means
    assert centered["repetition"].item() == 0
    assert list(centered.indexes["neuroid"].names) == list(assembly.indexes["neuroid"].names)
    expected = [
        value - means.sel(region=region).values.ravel()
        for value, region in zip(selected.transpose("neuroid", ...).values, selected["region"].values, strict=True)
    ]
    np.testing.assert_array_equal(centered.transpose("neuroid", ...).values, expected)
    assert means.identical(before)
    assert "repetition" not in (selected.groupby("region") - means.assign_coords(repetition=1)).coords
    assert (selected.groupby("region") - means.assign_coords(day=3))["day"].item() == 3
