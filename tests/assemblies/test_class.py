"""Operations of xarray keep the class of third-party subclasses, even for a score of one voxel."""

from __future__ import annotations

import copy
import importlib
import operator
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import DataAssembly, NeuroidAssembly, merge_data_arrays
from brainio.assemblies.operations import keep_class_of_first_assembly

if TYPE_CHECKING:
    from collections.abc import Callable


class Score(DataAssembly):
    """A score like in benchmarks: its raw values are an attribute, and selections also apply to them."""

    __slots__ = ()

    def isel(self, *args: Any, **kwargs: Any) -> Any:
        result = super().isel(*args, **kwargs)
        if "raw" in self.attrs and self.attrs["raw"].sizes == self.sizes:
            result.attrs["raw"] = self.attrs["raw"].isel(*args, **kwargs)
        return result


def scores() -> Score:
    coords = {"neuroid_id": ("neuroid", ["v1", "v2", "v3"]), "region": ("neuroid", ["V4", "IT", "IT"])}
    made = Score([0.5, 0.25, 1.0], dims=["neuroid"], coords=coords)
    made.attrs["raw"] = made.copy()
    return made


PLAIN = xr.DataArray(2.0)
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "addition": lambda s: s + 1,
    "reflected subtraction": lambda s: 1 - s,
    "division": lambda s: s / s,
    "division by a number of numpy": lambda s: s / np.float64(2),
    "a number of numpy divided": lambda s: np.float64(2) / s,
    "an array of numpy without dimensions divided": lambda s: np.array(2.0) / s,
    "a DataArray divided": lambda s: PLAIN / s,
    "division by a DataArray": lambda s: s / PLAIN,
    "a power": lambda s: s**2,
    "a comparison": lambda s: s > 0.3,
    "negation": operator.neg,
    "absolute value": abs,
    "the built-in sum": lambda s: sum([s, s]),
    "the built-in max": lambda s: max(s.mean(), s.mean() + 1),
    "numpy.sqrt": np.sqrt,
    "numpy.minimum": lambda s: np.minimum(s, 0.9),
    "numpy.minimum after a DataArray": lambda s: np.minimum(PLAIN, s),
    "numpy.power": lambda s: np.power(s, 2),
    "numpy.clip": lambda s: np.clip(s, 0, 1),
    "numpy.mean": np.mean,
    "apply_ufunc": lambda s: xr.apply_ufunc(lambda values: values / 2, s),
    "apply_ufunc after a number": lambda s: xr.apply_ufunc(np.divide, 1.0, s),
    "apply_ufunc after a DataArray": lambda s: xr.apply_ufunc(np.divide, PLAIN, s),
    "apply_ufunc of two": lambda s: xr.apply_ufunc(np.divide, s, s),
    "apply_ufunc one by one": lambda s: xr.apply_ufunc(lambda value: value, s, vectorize=True),
    "the first output of apply_ufunc": lambda s: xr.apply_ufunc(np.divmod, s, 2, output_core_dims=[[], []])[0],
    "the second output of apply_ufunc": lambda s: xr.apply_ufunc(np.divmod, s, 2, output_core_dims=[[], []])[1],
    "xarray.where": lambda s: xr.where(s < 1, s, 1),
    "xarray.dot": lambda s: xr.dot(s, s),
    "where": lambda s: s.where(s < 1, 1),
    "fillna": lambda s: s.fillna(0),
    "clip": lambda s: s.clip(0, 1),
    "astype": lambda s: s.astype("float32"),
    "isnull": lambda s: s.isnull(),
    "notnull": lambda s: s.notnull(),
    "isin": lambda s: s.isin([1]),
    "round": lambda s: s.round(1),
    "mean": lambda s: s.mean(),
    "median": lambda s: s.median(),
    "std": lambda s: s.std(),
    "sum": lambda s: s.sum(),
    "quantile": lambda s: s.quantile(0.5),
    "a function that reduces": lambda s: s.reduce(np.mean),
    "a copy": lambda s: s.copy(),
    "a deep copy": copy.deepcopy,
    "a pickle": lambda s: pickle.loads(pickle.dumps(s)),
    "expand_dims": lambda s: s.expand_dims("split"),
    "squeeze": lambda s: s.expand_dims("split").squeeze("split"),
    "stack": lambda s: s.expand_dims(["split", "turn"]).stack(both=["split", "turn"]),
    "concat": lambda s: xr.concat([s, s], dim="split"),
    "concat of reductions": lambda s: xr.concat([s.mean(), s.std()], dim="aggregation"),
    "merge_data_arrays": lambda s: merge_data_arrays([s.expand_dims(k=["a"]), s.expand_dims(k=["b"])]),
    "assign_coords": lambda s: s.assign_coords(split=1),
    "assign_attrs": lambda s: s.assign_attrs(ceiling=1),
}
PARTS: dict[str, Callable[[Score], Any]] = {
    "all voxels": lambda s: s,
    "isel": lambda s: s.isel(neuroid=0),
    "a position": lambda s: s[0],
    "iteration": lambda s: next(iter(s)),
    "sel": lambda s: s.sel(neuroid_id="v2"),
    "sel and squeeze": lambda s: s.sel(neuroid_id="v2").squeeze("neuroid"),
    "no coordinates": lambda s: Score(s.values[0]),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_class_of_a_score_survives(operation: str, part: str) -> None:
    assert type(OPERATIONS[operation](PARTS[part](scores()))) is Score


GROUPED: dict[str, Callable[[Any], Any]] = {
    "mean": lambda grouped: grouped.mean(),
    "median": lambda grouped: grouped.median(),
    "first": lambda grouped: grouped.first(),
    "quantile": lambda grouped: grouped.quantile(0.5),
    "map": lambda grouped: grouped.map(lambda group: group / 2),
    "map that reduces": lambda grouped: grouped.map(lambda group: group.mean()),
    "map that makes a score": lambda grouped: grouped.map(lambda group: Score(group.values.mean())),
    "reduce": lambda grouped: grouped.reduce(np.mean),
    "the first group": lambda grouped: next(iter(grouped))[1],
}


@pytest.mark.parametrize("level", ["region", "neuroid_id"])
@pytest.mark.parametrize("operation", GROUPED)
def test_the_class_of_a_score_survives_grouping(operation: str, level: str) -> None:
    assert type(GROUPED[operation](scores().groupby(level))) is Score
    assert type(GROUPED[operation](scores().multi_groupby([level]))) is Score


@pytest.mark.filterwarnings("ignore:In a future version of xarray:FutureWarning")
def test_scores_of_single_voxels_divided_by_their_ceilings_are_scores_again() -> None:
    raw, ceiling = scores(), scores() * 2
    ceiled = [xr.where(c > 0, s / c, 0.0) for s, c in zip(raw, ceiling, strict=True)]
    assert {type(score) for score in ceiled} == {Score}
    whole = xr.concat(ceiled, dim="neuroid")
    assert (type(whole), whole.values.tolist()) == (Score, [0.5, 0.5, 0.5])


def test_the_first_assembly_decides_the_class_of_apply_ufunc() -> None:
    a = NeuroidAssembly([[1.0]], dims=["presentation", "neuroid"])
    assert type(xr.apply_ufunc(np.divide, a, Score(2.0))) is NeuroidAssembly
    assert type(xr.apply_ufunc(np.divide, PLAIN, PLAIN)) is xr.DataArray


def test_apply_ufunc_is_wrapped_once() -> None:
    module = importlib.import_module("xarray.computation.apply_ufunc")
    wrapped = module.apply_dataarray_vfunc
    keep_class_of_first_assembly()
    assert module.apply_dataarray_vfunc is wrapped
