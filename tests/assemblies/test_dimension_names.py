"""Methods accept the name of a level in place of the name of its dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import DataAssembly, NeuroidAssembly

if TYPE_CHECKING:
    from collections.abc import Callable

COORDS = {
    "stimulus_id": ("presentation", ["a", "b", "a"]),
    "repetition": ("presentation", [0, 0, 1]),
    "neuroid_id": ("neuroid", [1, 2]),
    "region": ("neuroid", ["V4", "IT"]),
    "time_bin_start": ("time_bin", [70]),
    "time_bin_end": ("time_bin", [170]),
}
DIMS = ("presentation", "neuroid", "time_bin")


def recording() -> NeuroidAssembly:
    return NeuroidAssembly(np.arange(6.0).reshape(3, 2, 1), dims=DIMS, coords=COORDS)


# Each method is called with names of dimensions and with names of levels.
METHODS: dict[str, Callable[[Any, str, str, str], Any]] = {
    "squeeze": lambda a, p, n, t: a.squeeze(t),
    "squeeze of a list": lambda a, p, n, t: a.squeeze([t]),
    "squeeze that drops coordinates": lambda a, p, n, t: a.squeeze(dim=t, drop=True),
    "isel": lambda a, p, n, t: a.isel({p: 0}),
    "isel by keyword": lambda a, p, n, t: a.isel(**{p: [0, 2], n: slice(1)}),
    "a dict of positions": lambda a, p, n, t: a[{n: 0}],
    "mean": lambda a, p, n, t: a.mean(p),
    "mean by keyword": lambda a, p, n, t: a.mean(dim=p, skipna=False),
    "mean of several": lambda a, p, n, t: a.mean([p, n]),
    "mean of a tuple": lambda a, p, n, t: a.mean((p, t)),
    "sum": lambda a, p, n, t: a.sum(n),
    "std": lambda a, p, n, t: a.std(dim=p, ddof=1),
    "var": lambda a, p, n, t: a.var(p),
    "median": lambda a, p, n, t: a.median(p),
    "min": lambda a, p, n, t: a.min(p),
    "max": lambda a, p, n, t: a.max(p),
    "prod": lambda a, p, n, t: a.prod(p),
    "count": lambda a, p, n, t: a.count(p),
    "any": lambda a, p, n, t: (a > 1).any(p),
    "all": lambda a, p, n, t: (a > 1).all(p),
    "cumsum": lambda a, p, n, t: a.cumsum(p),
    "quantile": lambda a, p, n, t: a.quantile(0.5, p),
    "argmax": lambda a, p, n, t: a.argmax(p),
    "argmin": lambda a, p, n, t: a.argmin(dim=p),
    "reduce": lambda a, p, n, t: a.reduce(np.mean, p),
    "transpose": lambda a, p, n, t: a.transpose(t, p, n),
    "transpose of some": lambda a, p, n, t: a.transpose(n, ...),
    "dropna": lambda a, p, n, t: a.where(a > 1).dropna(p),
    "diff": lambda a, p, n, t: a.diff(p),
    "shift": lambda a, p, n, t: a.shift({p: 1}),
    "roll": lambda a, p, n, t: a.roll(**{p: 1}),
    "head": lambda a, p, n, t: a.head({p: 1}),
    "tail": lambda a, p, n, t: a.tail({p: 1}),
    "thin": lambda a, p, n, t: a.thin({p: 2}),
    "dot": lambda a, p, n, t: a.dot(a, dim=p),
    "the number of the axis": lambda a, p, n, t: DataAssembly(a.get_axis_num(n)),
    "stack": lambda a, p, n, t: a.stack(pair=(p, n)),
    "stack by a dict": lambda a, p, n, t: a.stack({"pair": [n, t]}),
    "unstack": lambda a, p, n, t: a.unstack(n),
    "the mean of groups": lambda a, p, n, t: a.groupby("region").mean(n),
    "the mean of groups over another dimension": lambda a, p, n, t: a.groupby("region").mean([n, t]),
    "the standard deviation of groups": lambda a, p, n, t: a.groupby("stimulus_id").std(dim=p),
    "the mean of multi_groupby": lambda a, p, n, t: a.multi_groupby(["stimulus_id"]).mean(dim=p),
    "the quantile of multi_groupby": lambda a, p, n, t: a.multi_groupby(["stimulus_id"]).quantile(0.5, dim=p),
    "multi_dim_apply": lambda a, p, n, t: a.multi_dim_apply([p, n, t], lambda values, **_: values),
}


@pytest.mark.parametrize(
    "names", [("stimulus_id", "neuroid_id", "time_bin_start"), ("repetition", "region", "time_bin_end")]
)
@pytest.mark.parametrize("method", METHODS)
def test_a_level_name_means_its_dimension(method: str, names: tuple[str, str, str]) -> None:
    result, expected = METHODS[method](recording(), *names), METHODS[method](recording(), *DIMS)
    assert type(result) is type(expected)
    xr.testing.assert_identical(xr.DataArray(result), xr.DataArray(expected))


def test_the_remaining_level_of_a_selection_means_its_dimension() -> None:
    selected = recording().sel(time_bin_start=70)
    assert selected.squeeze("time_bin_end").dims == ("presentation", "neuroid")
    assert selected.transpose("time_bin_end", "neuroid", "presentation").dims == ("time_bin", "neuroid", "presentation")
    assert selected.mean("time_bin_end").dims == ("presentation", "neuroid")


def test_the_name_of_a_dimension_has_priority_over_an_equal_level_name() -> None:
    a = DataAssembly(np.zeros((2, 3)), dims=["x", "y"], coords={"k": ("x", [1, 2]), "y": [1, 2, 3]})
    assert a.rename(k="z").mean("y").dims == ("x",)
    assert a.isel(y=0).dims == ("x",)


@pytest.mark.parametrize(
    "call",
    [
        lambda a: a.mean("nothing"),
        lambda a: a.squeeze("nothing"),
        lambda a: a.isel(nothing=0),
        lambda a: a.transpose("nothing", ...),
        lambda a: a.sel(time_bin_start=70).mean("time_bin_start"),
    ],
)
def test_an_unknown_name_raises_the_same_error_as_in_xarray(call: Callable[[Any], Any]) -> None:
    with pytest.raises((ValueError, KeyError), match=r"nothing|time_bin_start"):
        call(recording())


def test_two_levels_of_one_dimension_cannot_both_be_keys() -> None:
    with pytest.raises(ValueError, match=r"several of \['stimulus_id', 'repetition'\] mean the same dimension"):
        recording().isel(stimulus_id=0, repetition=0)
    assert recording().mean(["stimulus_id", "repetition"]).dims == ("neuroid", "time_bin")
