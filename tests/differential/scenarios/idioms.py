"""Idioms of scripts: scores, splits, features, and rarely used parts of xarray's interface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import BehavioralAssembly, DataAssembly, ModelFeaturesAssembly, NeuroidAssembly, walk_coords
from tests.differential.material import coordinates, gappy, recording
from tests.differential.registry import scenario


def score() -> Any:
    """Return a center and an error, like benchmarks report them."""
    return DataAssembly([0.5, 0.1], coords={"aggregation": ["center", "error"]}, dims=["aggregation"])


def choices() -> Any:
    """Return probabilities of choices for presentations."""
    return BehavioralAssembly(
        np.arange(8.0).reshape(4, 2),
        coords={
            "stimulus_id": ("presentation", list("abcd")),
            "truth": ("presentation", ["dog", "car", "dog", "car"]),
            "choice": ("choice", ["dog", "car"]),
        },
        dims=["presentation", "choice"],
    )


def repetitions_averaged(array: Any) -> Any:
    levels = [level for level in ("stimulus_id", "object_name") if level in {c for c, _, _ in walk_coords(array)}]
    return array.multi_groupby(levels).mean(dim="presentation").transpose("presentation", "neuroid")


def halves() -> Any:
    array = recording()
    first = array[(array["repetition"] == 0).values]
    return xr.concat([half.mean("presentation") for half in (first, array)], dim="half")


def split_scores() -> Any:
    parts = []
    for number in range(2):
        part = recording().mean("presentation").expand_dims("split")
        part["split"] = [number]
        parts.append(part)
    return xr.concat(parts, dim="split")


def scalar_splits() -> Any:
    return xr.concat([recording().mean("presentation").assign_coords(split=number) for number in range(2)], dim="split")


def corrected(array: Any) -> Any:
    array.attrs["raw"] = array.copy()
    return array * 2


def features() -> Any:
    return ModelFeaturesAssembly(
        np.arange(6.0).reshape(2, 3),
        coords={
            "stimulus_id": ("presentation", ["a", "b"]),
            "model": ("presentation", ["m", "m"]),
            "neuroid_id": ("neuroid", [0, 1, 2]),
            "layer": ("neuroid", ["x", "x", "y"]),
        },
        dims=["presentation", "neuroid"],
    )


def written(array: Any, key: Any, value: Any) -> Any:
    array[key] = value
    return array


def located(array: Any, key: Any, value: Any) -> Any:
    array.loc[key] = value
    return array


def renumbered() -> Any:
    array = recording()
    array["neuroid_id"] = "neuroid", [7, 8, 9]
    return array


scenario("scores: the center is selected", lambda: score().sel(aggregation="center"))
scenario("scores: the center as a number", lambda: score().sel(aggregation="center").item())
scenario("scores: a list of aggregations is selected", lambda: score().sel(aggregation=["error"]))
scenario("scores: brackets select by position", lambda: score()[0].item())
scenario(
    "scores: a coordinate that labels a dimension is compared", lambda: (score()["aggregation"] == "center").values
)
scenario("scores: an unknown label is an error", lambda: score().sel(aggregation="median"))
scenario("scores: multiplied", lambda: score() * score())
scenario("scores: stacked over layers", lambda: xr.concat([score().expand_dims("layer")] * 2, dim="layer"))
scenario("scores: an attr that is an assembly", lambda: corrected(score()).shape)
scenario("scores: an assembly of numbers by label", lambda: score().to_series().to_dict())
scenario("scores: squeezed", lambda: score()[[0]].squeeze())
scenario("scores: reindexed", lambda: score().reindex(aggregation=["error", "center"]))
scenario("scores: joined by pd.Index", lambda: xr.concat([score(), score()], dim=pd.Index(["l1", "l2"], name="layer")))
scenario("scores: maximum over layers", lambda: xr.concat([score(), score() * 2], dim="layer").max("layer"))
scenario("scores: argmax", lambda: score().argmax().item())
scenario("choices: the choice of a presentation", lambda: choices()["choice"][choices().argmax("choice").values].values)
scenario("choices: one choice is selected", lambda: choices().sel(choice="dog"))
scenario("choices: a level of the other dimension is selected", lambda: choices().sel(truth="dog").values)
scenario("choices: grouped by truth", lambda: choices().multi_groupby(["truth"]).mean())
scenario("choices: grouped by choice", lambda: choices().multi_groupby(["choice"]).mean())
scenario("choices: sums over choices", lambda: choices().sum("choice"))
scenario("choices: stacked", lambda: choices().stack(pair=["presentation", "choice"]))
scenario("choices: transposed", lambda: choices().T)
scenario("choices: made", choices)
scenario("choices: renamed", lambda: choices().rename(choice="label"))
scenario("choices: listed", lambda: sorted(name for name, _, _ in walk_coords(choices())))
scenario("repetitions are averaged", lambda: repetitions_averaged(recording()))
scenario("repetitions of a selection are averaged", lambda: repetitions_averaged(recording()[:, [0, 2]]))
scenario("halves are concatenated", halves)
scenario("splits are concatenated", split_scores)
scenario("a split is selected", lambda: split_scores().sel(split=1))
scenario("the mean over splits", lambda: split_scores().mean("split"))
scenario("scalars become a coordinate of the new dimension", scalar_splits)
scenario("features: made", features)
scenario("features: a layer is selected by mask", lambda: features()[:, (features()["layer"] == "x").values])
scenario(
    "features: two layers are concatenated", lambda: xr.concat([features()[:, :2], features()[:, 2:]], dim="neuroid")
)
scenario("features: grouped by layer", lambda: features().multi_groupby(["layer"]).mean())
scenario(
    "features: rows by a list of ids",
    lambda: features()[[list(features()["stimulus_id"].values).index(i) for i in "ba"]],
)
scenario(
    "features: expanded by time",
    lambda: (
        features()
        .expand_dims("time_bin")
        .assign_coords(time_bin_start=("time_bin", [70]), time_bin_end=("time_bin", [170]))
    ),
)
scenario(
    "features: expanded by time and wrapped",
    lambda: NeuroidAssembly(
        features()
        .expand_dims("time_bin")
        .assign_coords(time_bin_start=("time_bin", [70]), time_bin_end=("time_bin", [170]))
    ),
)
scenario("ids replaced", renumbered)
scenario("ids replaced and wrapped", lambda: NeuroidAssembly(renumbered()))
scenario("a numpy scalar selects", lambda: recording().sel(stimulus_id=np.str_("b")).values)
scenario("a numpy integer selects", lambda: recording().sel(repetition=np.int64(1)).values)
scenario("a float selects an integer", lambda: recording().sel(repetition=1.0).values)
scenario(
    "a boolean level selects",
    lambda: (
        NeuroidAssembly(recording().assign_coords(ok=("presentation", [True, False, True, True]))).sel(ok=True).values
    ),
)
scenario("negative positions", lambda: recording()[-1].values)
scenario("the last axis", lambda: recording()[..., 0].values)
scenario("positions found by numpy", lambda: recording()[np.where(recording()["object_name"] == "car")[0]])
scenario(
    "positions of both dimensions point by point",
    lambda: (
        recording().isel(presentation=xr.DataArray([0, 1], dims="p"), neuroid=xr.DataArray([1, 2], dims="p")).values
    ),
)
scenario("isel that drops", lambda: recording().isel(presentation=0, drop=True))
scenario("isel of a missing dimension that is ignored", lambda: recording().isel(time_bin=0, missing_dims="ignore"))
scenario("values set by a dictionary", lambda: written(recording(), {"presentation": 0}, -1))
scenario("values set by loc", lambda: located(recording(), {"region": "IT"}, -1))
scenario("values set everywhere", lambda: written(recording(), ..., 0))
scenario("np.mean", lambda: float(np.mean(recording())))
scenario("np.array", lambda: np.array(recording()))
scenario("np.unique of the values", lambda: np.unique(recording()))
scenario("np.corrcoef", lambda: np.corrcoef(recording()[:, 0], recording()[:, 1]))
scenario("np.isnan", lambda: np.isnan(gappy()).values)
scenario("np.maximum", lambda: np.maximum(recording(), 3).values)
scenario("np.matmul of values", lambda: recording().values.T @ recording().values)
scenario("np.testing accepts an assembly", lambda: np.testing.assert_array_equal(recording(), recording().values))
scenario("the length", lambda: len(recording()))
scenario("the dtype", lambda: str(recording(dtype="float32").dtype))
scenario("the number of dimensions", lambda: recording().ndim)
scenario("the axis of a dimension", lambda: recording().get_axis_num("neuroid"))
scenario("the names of an index", lambda: list(recording().get_index("neuroid").names))
scenario(
    "the values of a level of an index", lambda: recording().indexes["neuroid"].get_level_values("region").tolist()
)
scenario("reindex_like", lambda: recording()[:2].reindex_like(recording()).values)
scenario("pipe", lambda: recording().pipe(lambda a: a + 1))
scenario("assign_attrs", lambda: recording().assign_attrs(k=1))
scenario("a rolling mean", lambda: recording().rolling(presentation=2).mean().values)
scenario(
    "a weighted mean",
    lambda: recording().weighted(xr.DataArray([1, 1, 1, 0], dims=["presentation"])).mean("presentation").values,
)
scenario("a pad", lambda: DataAssembly([1.0, 2.0], dims=["x"]).pad(x=1))
scenario("groupby_bins", lambda: recording().groupby_bins("repetition", [-1, 0, 1]).mean("presentation").values)
scenario("groupby count", lambda: recording().groupby("object_name").count("presentation").values)
scenario("groupby std", lambda: recording().groupby("object_name").std("presentation").values)
scenario("groupby apply", lambda: recording().groupby("object_name").apply(lambda g: g.max("presentation")))
scenario("groupby reduce", lambda: recording().groupby("object_name").reduce(np.mean, "presentation"))
scenario(
    "groupby of an unnamed array",
    lambda: (
        recording()
        .groupby(xr.DataArray(["x", "y", "x", "y"], dims=["presentation"], name="k"))
        .mean("presentation")
        .values
    ),
)
scenario(
    "groupby of a stacked dimension",
    lambda: recording()[:1].stack(z=["presentation", "neuroid"]).groupby("region").mean().values,
)
scenario("groups and their sizes", lambda: {k: len(v) for k, v in recording().groupby("object_name").groups.items()})
scenario("the number of groups", lambda: len(recording().groupby("stimulus_id")))
scenario("xr.where", lambda: xr.where(recording() > 3, 1, 0).values)
scenario("xr.full_like", lambda: xr.full_like(recording(), 7))
scenario(
    "apply_ufunc over a dimension",
    lambda: xr.apply_ufunc(lambda v: v.mean(axis=-1), recording(), input_core_dims=[["neuroid"]]),
)
scenario("a dataset of assemblies", lambda: xr.Dataset({"v": recording(), "w": recording() + 1})["w"].values)
scenario("a dataset keeps levels", lambda: xr.Dataset({"v": recording()})["region"].values)
scenario("to_dict", lambda: recording().to_dict()["dims"])
scenario("idxmax along a dimension of labels", lambda: score().idxmax("aggregation").item())
scenario("a difference to a DataArray", lambda: recording() - xr.DataArray(recording()))
scenario("a difference from a DataArray", lambda: (xr.DataArray(recording()) - recording()).values)
scenario("a difference of two classes", lambda: recording() - recording(BehavioralAssembly))
scenario(
    "scalars that differ are dropped",
    lambda: recording().assign_coords(session=1) + recording().assign_coords(session=2),
)
scenario(
    "scalars that agree are kept", lambda: recording().assign_coords(session=1) + recording().assign_coords(session=1)
)
scenario("a presentation is subtracted", lambda: (recording() - recording()[0]).values)
scenario(
    "a presentation is subtracted with its coordinates",
    lambda: recording() - recording()[0].drop_vars("presentation", errors="ignore"),
)
scenario("an assembly of a dtype that wraps", lambda: recording(dtype="uint8") + np.uint8(250))
scenario("integers are averaged by groups", lambda: recording(dtype=int).multi_groupby(["object_name"]).mean())
scenario("the median of an even number of integers", lambda: recording(dtype=int).median("presentation"))
scenario("a truth value of one number", lambda: bool(recording().mean() > 1))
scenario(
    "sorted and compared", lambda: recording()[::-1].sortby("presentation").equals(recording().sortby("presentation"))
)
scenario("all equal", lambda: bool((recording() == recording()).all()))
scenario("a level is compared with a level", lambda: (recording()["stimulus_id"] == recording()["object_name"]).values)
scenario("a level as a dictionary key", lambda: {str(k): 1 for k in recording()["region"].values})
scenario("a level is iterated", lambda: [value.item() for value in recording()["region"]])
scenario("a level has its class", lambda: type(recording()["region"]))
scenario("a level has its coordinates", lambda: sorted(map(str, recording()["region"].to_index().names)))
scenario(
    "coordinates of two assemblies are zipped",
    lambda: NeuroidAssembly(
        np.zeros((4, 3)),
        coords={
            **{k: v for k, v in coordinates().items() if v[0] == "neuroid"},
            **{c: (d, v) for c, d, v in walk_coords(recording()) if d == ("presentation",)},
        },
        dims=["presentation", "neuroid"],
    ),
)
scenario(
    "attrs are changed in a copy only", lambda: (lambda a: (a.copy().attrs.update(k=1), dict(a.attrs))[1])(recording())
)
