"""Reductions by group numbers agree with pandas and xarray on random arrays, with the documented precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly, average_repetition
from brainio.assemblies.reductions import REDUCTIONS, GroupNumbers, can_reduce, reduce_groups
from tests.tiers import scaled_examples

DTYPES = ["float32", "float64", "bool", "int8", "int32", "int64", "uint16"]
LEVELS = {
    "text": st.sampled_from(["b", "a", "c", None]),
    "integer": st.integers(-2, 2),
    "float": st.sampled_from([0.5, -1.0, float("nan")]),
    "bool": st.booleans(),
    "day": st.sampled_from([np.datetime64("2020-01-02"), np.datetime64("2019-01-01"), np.datetime64("NaT", "D")]),
}


def values_of(dtype: str, size: int) -> st.SearchStrategy[np.ndarray]:
    element: st.SearchStrategy[Any] = st.integers(0, 1) if dtype == "bool" else st.integers(0, 100)
    if dtype.startswith("float"):
        element = st.floats(-1000, 1000, width=32) | st.just(float("nan"))
    return st.lists(element, min_size=size, max_size=size).map(lambda cells: np.array(cells).astype(dtype))


@st.composite
def assemblies(draw: st.DrawFn) -> tuple[DataAssembly, list[str]]:
    """Draw an assembly of one to three dimensions, with coordinates of the dimension `p` to group by."""
    length = draw(st.integers(1, 12))
    dims = draw(st.permutations(["p", "n", "t"][: draw(st.integers(1, 3))]))
    sizes = {"p": length, "n": 3, "t": 2}
    shape = [sizes[dim] for dim in dims]
    kinds = draw(st.lists(st.sampled_from(sorted(LEVELS)), min_size=1, max_size=3))
    coords: dict[str, Any] = {"n_id": ("n", [1, 2, 3]), "n_area": ("n", list("xyx"))} if "n" in dims else {}
    for number, kind in enumerate(kinds):
        column = draw(st.lists(LEVELS[kind], min_size=length, max_size=length))
        coords[f"g{number}"] = ("p", np.array(column, dtype=object if kind == "text" else None))
    coords["position"] = ("p", range(length))
    dtype = draw(st.sampled_from(["float32", "float64"]) | st.sampled_from(DTYPES))
    values = draw(values_of(dtype, int(np.prod(shape)))).reshape(shape)
    return DataAssembly(values, coords=coords, dims=dims, attrs={"a": 1}), [f"g{n}" for n in range(len(kinds))]


def pandas_answer(a: DataAssembly, names: list[str], method: str) -> pd.DataFrame:
    columns = np.moveaxis(a.values, a.get_axis_num("p"), 0).reshape(a.sizes["p"], -1)
    if columns.dtype == np.float32 or (columns.dtype == bool and method in ("mean", "std", "var", "median")):
        columns = columns.astype(float)
    keys = [pd.Series(a[name].values, name=name) for name in names]
    grouped = pd.DataFrame(columns).groupby(keys, dropna=False, sort=True)
    return getattr(grouped, method)(**({"ddof": 0} if method in ("std", "var") else {}))


@pytest.mark.parametrize("method", sorted(REDUCTIONS))
@settings(max_examples=scaled_examples(30), deadline=None)
@given(case=assemblies())
def test_grouping_agrees_with_pandas(method: str, case: tuple[DataAssembly, list[str]]) -> None:
    a, names = case
    result = getattr(a.multi_groupby(names), method)()
    expected = pandas_answer(a, names, method)
    dim = names[0] if len(names) == 1 else "p"
    assert result.dims == tuple(dim if d == "p" else d for d in a.dims)
    assert result.dtype == dtype_of(method, a.dtype)
    rounding = 2.0**-23 if result.dtype == np.float32 else 1e-9
    pandas_error = 1e-3 if method in ("std", "var") else 1e-9  # for values that hardly differ
    found = np.moveaxis(result.values, result.get_axis_num(dim), 0).reshape(len(expected), -1)
    np.testing.assert_allclose(found.astype(float), expected.to_numpy().astype(float), rtol=rounding, atol=pandas_error)
    assert_keys(result, names, expected.index)
    assert result.attrs == {"a": 1}
    assert {"n_id", "n_area"} & set(result.coords) == {"n_id", "n_area"} & set(a.coords)


def dtype_of(method: str, dtype: np.dtype) -> np.dtype:
    """Return the dtype of a reduction of values of some dtype."""
    if method == "count":
        return np.dtype(np.int64)
    if method in ("min", "max", "first", "last") or dtype == np.float32:
        return dtype
    return np.zeros(1, dtype).sum().dtype if method == "sum" else np.dtype(float)


def assert_keys(result: xr.DataArray, names: list[str], keys: pd.Index) -> None:
    for name in names:
        found, expected = (pd.Index(column) for column in (result[name].values, keys.get_level_values(name)))
        assert [None if pd.isna(k) else k for k in found] == [None if pd.isna(k) else k for k in expected]


@settings(max_examples=scaled_examples(60), deadline=None)
@given(assemblies(), st.sampled_from(["map", "apply"]))
def test_functions_of_groups_agree_with_pandas(case: tuple[DataAssembly, list[str]], method: str) -> None:
    a, names = case
    a = a.astype(float).transpose("p", ...)
    columns = pd.DataFrame(a.values.reshape(a.sizes["p"], -1))
    grouped = columns.groupby([pd.Series(a[name].values, name=name) for name in names], dropna=False, sort=True)
    ranges = getattr(a.multi_groupby(names), method)(lambda group: group.max("p") - group.min("p"))
    expected = grouped.max() - grouped.min()
    np.testing.assert_allclose(ranges.values.reshape(expected.shape), expected.to_numpy(), atol=1e-9)
    assert_keys(ranges, names, expected.index)
    centered = getattr(a.multi_groupby(names), method)(lambda group, by: by * (group - group.mean("p")), by=2)
    shifted = 2 * (columns - grouped.transform("mean"))
    np.testing.assert_allclose(centered.values.reshape(shifted.shape), shifted.to_numpy(), atol=1e-9)
    assert centered["position"].values.tolist() == list(range(a.sizes["p"]))


@settings(max_examples=scaled_examples(60), deadline=None)
@given(assemblies())
def test_every_presentation_is_in_one_group(case: tuple[DataAssembly, list[str]]) -> None:
    a, names = case
    grouped = a.multi_groupby(names)
    positions = [number for own in grouped.groups.values() for number in own]
    assert sorted(positions) == list(range(a.sizes["p"]))
    assert [number for _, group in grouped for number in group["position"].values] == positions
    assert all(own == sorted(own) for own in grouped.groups.values())
    assert [len(own) for own in a.groupby(names[0]).groups.values()] == [
        len(own) for own in a.multi_groupby(names[:1]).groups.values()
    ]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy warns about groups with only NaN
@pytest.mark.parametrize("method", sorted(REDUCTIONS))
@settings(max_examples=scaled_examples(30), deadline=None)
@given(case=assemblies(), skipna=st.sampled_from([None, True, False]), ddof=st.sampled_from([0, 1]))
def test_grouping_by_one_level_agrees_with_xarray(
    method: str, case: tuple[DataAssembly, list[str]], skipna: bool | None, ddof: int
) -> None:
    a, names = case
    arguments: dict[str, Any] = {} if method == "count" else {"skipna": skipna}
    if method in ("std", "var"):
        arguments["ddof"] = ddof
    grouped = a.groupby(names[0])
    expected = getattr(xr.core.groupby.DataArrayGroupBy, method)(grouped, **arguments)
    result = getattr(grouped, method)(**arguments)
    xr.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-3)
    assert (type(result), result.dtype, result.dims) == (type(expected), expected.dtype, expected.dims)
    assert (result.attrs, list(result.coords)) == (expected.attrs, list(expected.coords))
    assert result.xindexes.keys() == expected.xindexes.keys()


def test_float32_means_are_computed_in_float64_and_rounded_once() -> None:
    values = np.random.default_rng(0).normal(1e4, 1, size=(2, 200_000)).astype(np.float32)
    codes = np.arange(200_000) % 2
    for method in ("mean", "sum", "std", "var", "median"):
        result = reduce_groups(method, values, 1, GroupNumbers(codes, 2))
        exact = [getattr(np, method)(values[:, codes == group].astype(float), axis=1) for group in (0, 1)]
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, np.stack(exact, axis=1), rtol=2**-24 * 1.01)


def test_deviations_of_large_values_are_not_lost() -> None:
    values = np.array([1e9, 1e9 + 1, 1e9 + 2])
    assert reduce_groups("var", values, 0, GroupNumbers(np.zeros(3, int), 1)).tolist() == [2 / 3]


def test_sums_of_large_integers_are_exact() -> None:
    values = np.array([2**60 + 1, 1, 2**60 + 1], dtype=np.int64)
    assert reduce_groups("sum", values, 0, GroupNumbers(np.array([0, 1, 0]), 2)).tolist() == [2**61 + 2, 1]


@pytest.mark.parametrize("method", sorted(REDUCTIONS))
@pytest.mark.parametrize("shape", [(300, 1000), (1000, 300), (40, 1000, 3)])
def test_arrays_of_several_tiles_are_reduced_whole(method: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    values = np.where(random.random(shape) < 0.1, np.nan, random.normal(size=shape))
    for axis in (0, 1):
        codes = random.permutation(np.arange(shape[axis]) % 7)
        result = reduce_groups(method, values, axis, GroupNumbers(codes, 7))
        for group in range(7):
            own = pd.DataFrame(np.moveaxis(values, axis, 0)[codes == group].reshape((codes == group).sum(), -1))
            if method in ("first", "last"):
                expected = (own.bfill().iloc[0] if method == "first" else own.ffill().iloc[-1]).to_numpy()
            else:
                expected = getattr(own, method)(**({"ddof": 0} if method in ("std", "var") else {})).to_numpy()
            found = np.moveaxis(result, axis, 0)[group].ravel()
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_more_groups_than_16_bits_can_count_are_reduced() -> None:
    codes = np.random.default_rng(0).permutation(70_000)
    for method in ("sum", "median", "min", "first"):
        assert reduce_groups(method, codes * 2, 0, GroupNumbers(codes, len(codes))).tolist() == list(
            range(0, 140_000, 2)
        )


def test_levels_with_more_combinations_than_an_integer_can_count_are_grouped_in_order() -> None:
    rng = np.random.default_rng(0)
    columns = {f"g{number}": rng.permutation(5000) for number in range(6)}
    a = DataAssembly(np.arange(5000), coords={name: ("p", c) for name, c in columns.items()}, dims=["p"])
    grouped = a.multi_groupby(list(columns)).sum()
    assert grouped.values.tolist() == np.argsort(columns["g0"]).tolist()
    assert grouped["g5"].values.tolist() == columns["g5"][grouped.values].tolist()


def test_other_kinds_of_values_are_left_to_xarray() -> None:
    assert not any(can_reduce(np.empty(0, dtype)) for dtype in ("O", "complex64", "M8[ns]", "U3"))
    times = np.array(["2020-01-03", "2020-01-01", "2020-01-02"], dtype="M8[ns]")
    a = DataAssembly(times, coords={"g": ("p", ["x", "y", "x"]), "n": ("p", [1, 2, 3])}, dims=["p"])
    assert a.multi_groupby(["g"]).min().values.tolist() == [times[2].item(), times[1].item()]
    assert a.groupby("g").max().values.tolist() == [times[0].item(), times[1].item()]


@pytest.mark.parametrize("method", ["mean", "median", "min", "max", "std", "var"])
@pytest.mark.parametrize("is_lazy", [False, True])
@pytest.mark.parametrize("values", [[60000, 60000, 60000, 60000], [60000, np.nan, 60000, 60000], [0.1, 0.2, 0.3, 5e4]])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_half_floats_are_accumulated_in_double_precision(method: str, is_lazy: bool, values: list[float]) -> None:
    coords = {"stimulus_id": ("presentation", ["a"] * 4), "repetition": ("presentation", range(4))}
    a = DataAssembly(np.array(values, dtype=np.float16), dims=["presentation"], coords=coords)
    expected = getattr(np, f"nan{method}")(a.values.astype(np.float64)).astype(np.float16)
    if is_lazy:
        pytest.importorskip("dask")
        a = a.chunk({"presentation": 3})
    for grouped in (a.multi_groupby(["stimulus_id"]), a.groupby("stimulus_id")):
        result = getattr(grouped, method)()
        assert (result.dtype, result.values.tolist()) == (np.float16, [expected])
    if method == "mean":
        assert average_repetition(a).values.tolist() == [expected]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "bool", "int64"])
@pytest.mark.parametrize("method", ["sum", "mean", "std", "var", "median"])
def test_small_integers_do_not_overflow(dtype: str, method: str) -> None:
    largest = 1 if dtype == "bool" else np.iinfo(dtype).max
    values = np.where(np.arange(300) % 3, largest, 0).astype(dtype)
    a = DataAssembly(values, dims=["presentation"], coords={"k": ("presentation", ["a"] * 300)})
    with np.errstate(over="ignore"):
        expected = getattr(np, method)(values)
    result = getattr(a.multi_groupby(["k"]), method)()
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result.values, [expected], rtol=1e-12)
