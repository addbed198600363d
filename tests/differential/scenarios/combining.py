"""Concatenating, aligning and merging."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import BehavioralAssembly, DataAssembly, NeuroidAssembly, merge_data_arrays
from tests.differential.material import behavior, described, recording
from tests.differential.registry import scenario


def other_set(array: Any) -> Any:
    array.attrs["stimulus_set_identifier"] = "lab.Other"
    return array


def both(*arrays: Any, **kwargs: Any) -> list[Any]:
    return list(xr.align(*arrays, **kwargs))


scenario("concat along presentations", lambda: xr.concat([recording()[:2], recording()[2:]], dim="presentation"))
scenario("concat along neuroids", lambda: xr.concat([recording()[:, :1], recording()[:, 1:]], dim="neuroid"))
scenario("concat the same presentations twice", lambda: xr.concat([recording(), recording()], dim="presentation"))
scenario("concat along a new dimension", lambda: xr.concat([recording(), recording() + 1], dim="split"))
scenario(
    "concat along a new dimension with values",
    lambda: xr.concat([recording(), recording() + 1], dim=pd.Index([1, 2], name="split")),
)
scenario(
    "concat along a new dimension that is an array",
    lambda: xr.concat([recording(), recording() + 1], dim=xr.DataArray([5, 6], dims=["split"], name="split")),
)
scenario("concat of means", lambda: xr.concat([recording().mean(), recording().max()], dim="aggregation"))
scenario(
    "concat of expanded means",
    lambda: xr.concat([recording().mean("presentation").expand_dims("split") for _ in range(2)], dim="split"),
)
scenario("concat of one assembly", lambda: xr.concat([recording()], dim="presentation"))
scenario(
    "concat keeps the class",
    lambda: type(xr.concat([recording(BehavioralAssembly)[:1], recording(BehavioralAssembly)[1:]], dim="presentation")),
)
scenario("concat of no assembly is an error", lambda: xr.concat([], dim="presentation"))
scenario(
    "concat with times",
    lambda: xr.concat([recording(times=True)[..., :1], recording(times=True)[..., 1:]], dim="time_bin"),
)
scenario(
    "concat keeps attrs that are equal", lambda: xr.concat([described()[:2], described()[2:]], dim="presentation").attrs
)
scenario(
    "concat of presentations whose neuroids are reordered",
    lambda: xr.concat([recording()[:2], recording()[2:, [2, 1, 0]]], dim="presentation"),
)
scenario(
    "concat of presentations whose neuroids differ",
    lambda: xr.concat([recording()[:2, :2], recording()[2:, 1:]], dim="presentation"),
)
scenario(
    "concat of presentations and shared neuroids",
    lambda: xr.concat([recording()[:2, :2], recording()[2:, 1:]], dim="presentation", join="inner"),
)
scenario(
    "concat of vectors",
    lambda: xr.concat(
        [behavior(DataAssembly, a=[1, 2], b=[3, 4]), behavior(DataAssembly, a=[5], b=[6])], dim="presentation"
    ),
)
scenario(
    "concat of other levels is an error or fills",
    lambda: xr.concat(
        [behavior(DataAssembly, a=[1, 2], b=[3, 4]), behavior(DataAssembly, a=[5], c=[6])], dim="presentation"
    ),
)
scenario("align equal assemblies", lambda: both(recording(), recording() + 1))
scenario("align inner", lambda: both(recording(), recording()[1:3], join="inner"))
scenario("align outer", lambda: both(recording()[:3], recording()[1:], join="outer"))
scenario("align left", lambda: both(recording()[:3], recording()[1:], join="left"))
scenario("align reordered presentations", lambda: both(recording(), recording()[::-1]))
scenario("align reordered presentations to the left", lambda: both(recording(), recording()[::-1], join="left"))
scenario("align exact refuses other presentations", lambda: both(recording(), recording()[1:], join="exact"))
scenario("align exact accepts equal presentations", lambda: both(recording(), recording(), join="exact"))
scenario("align two dimensions", lambda: both(recording()[1:, :2], recording()[:3, 1:]))
scenario("align nothing shared", lambda: both(recording()[:1], recording()[1:])[0].shape)
scenario("merge presentations", lambda: merge_data_arrays([recording()[:2], recording()[2:]]))
scenario("merge presentations in another order", lambda: merge_data_arrays([recording()[2:], recording()[:2]]))
scenario("merge neuroids", lambda: merge_data_arrays([recording()[:, :1], recording()[:, 1:]]))
scenario("merge blocks that leave holes", lambda: merge_data_arrays([recording()[:2, :1], recording()[2:, 1:]]))
scenario("merge overlapping presentations", lambda: merge_data_arrays([recording()[:3], recording()[2:]]))
scenario("merge one assembly", lambda: merge_data_arrays([recording()]))
scenario("merge an assembly with itself", lambda: merge_data_arrays([recording(), recording()]))
scenario("merge three assemblies", lambda: merge_data_arrays([recording()[:1], recording()[1:2], recording()[2:]]))
scenario("merge with times", lambda: merge_data_arrays([recording(times=True)[:2], recording(times=True)[2:]]))
scenario("merge conflicting values is an error", lambda: merge_data_arrays([recording(), recording() + 1]))
scenario("merge nothing is an error", lambda: merge_data_arrays([]))
scenario("merge keeps the name", lambda: merge_data_arrays([recording(name="v")[:2], recording(name="v")[2:]]).name)
scenario("merge keeps attrs", lambda: merge_data_arrays([described()[:2], described()[2:]]).attrs)
scenario(
    "merge fills missing values from the other",
    lambda: merge_data_arrays([recording().where(recording() > 3), recording().where(recording() <= 3)]).values,
)
scenario("combining assemblies of two stimulus sets", lambda: sorted((described() + other_set(described())).attrs))
scenario(
    "concat of assemblies of two stimulus sets",
    lambda: sorted(xr.concat([described()[:2], other_set(described())[2:]], dim="presentation").attrs),
)
scenario(
    "xr.merge of assemblies of two names",
    lambda: sorted(map(str, xr.merge([recording(name="v"), recording(name="w")]).data_vars)),
)
scenario("np.concatenate of the values", lambda: np.concatenate([recording(), recording()]))
scenario(
    "merge of float32",
    lambda: merge_data_arrays([recording(dtype="float32")[:2], recording(dtype="float32")[2:]]),
)
scenario("merge of integers", lambda: merge_data_arrays([recording(dtype=int)[:2], recording(dtype=int)[2:]]))
SHUFFLED = [3, 0, 2, 1]
EMPTY = {
    "with an empty assembly": (SHUFFLED, []),
    "an empty assembly with another": ([], SHUFFLED),
    "an empty assembly between two": (SHUFFLED[:2], [], SHUFFLED[2:]),
    "two empty assemblies and another": ([], [], SHUFFLED),
    "an assembly twice and an empty one": (SHUFFLED, SHUFFLED, []),
    "an empty assembly between one twice": (SHUFFLED, [], SHUFFLED),
    "an assembly, its reverse and an empty one": (SHUFFLED, SHUFFLED[::-1], []),
    "empty assemblies": ([], []),
    "doubled rows with an empty assembly": ([3, 0, 0], []),
    "an assembly twice and a part": (SHUFFLED, SHUFFLED, [0]),
    "an assembly twice and others": (SHUFFLED[:3], SHUFFLED[:3], SHUFFLED[3:]),
    "a shuffled assembly with itself": (SHUFFLED, SHUFFLED),
    "a shuffled assembly with a part": (SHUFFLED, [0]),
}


def of_nothing() -> Any:
    levels = ("stimulus_id", "repetition", "object_name")
    neuroids = {name: ("neuroid", recording()[name].values) for name in ("neuroid_id", "region", "animal")}
    nothing: dict[str, Any] = {name: ("presentation", []) for name in levels}
    return NeuroidAssembly(np.zeros((0, 3)), {**nothing, **neuroids}, ["presentation", "neuroid"])


for case, parts in EMPTY.items():
    scenario(f"merge {case}", lambda p=parts: merge_data_arrays([recording()[list(q)] for q in p]))
scenario(
    "merge with neuroids and no presentation", lambda: merge_data_arrays([recording()[SHUFFLED, :2], recording()[:0]])
)
scenario("merge with no neuroid", lambda: merge_data_arrays([recording()[:, [2, 0, 1]], recording()[:, :0]]))
scenario(
    "merge no neuroid with no presentation",
    lambda: merge_data_arrays([recording()[SHUFFLED, :0], recording()[:0, ::-1]]),
)
scenario(
    "merge with an empty assembly with times",
    lambda: merge_data_arrays([recording(times=True)[SHUFFLED][..., ::-1], recording(times=True)[:0]]),
)
scenario("merge with an assembly made of nothing", lambda: merge_data_arrays([recording()[SHUFFLED], of_nothing()]))
scenario("merge an assembly made of nothing", lambda: merge_data_arrays([of_nothing(), recording()[SHUFFLED]]))
scenario(
    "merge missing values with an empty assembly",
    lambda: merge_data_arrays([gaps := behavior(DataAssembly, a=[3, np.nan, 2], b=["x", None, "a"]), gaps[:0]]),
)
scenario(
    "merge one level with an empty assembly",
    lambda: merge_data_arrays([level := behavior(DataAssembly, a=[3, 1, 2]), level[:0]]).values,
)
scenario(
    "merge of integers with an empty assembly",
    lambda: merge_data_arrays([recording(dtype=int)[SHUFFLED], recording(dtype=int)[:0]]),
)
scenario(
    "merge of float32 with an empty assembly",
    lambda: merge_data_arrays([recording(dtype="float32")[SHUFFLED], recording(dtype="float32")[:0]]),
)
scenario("merge with an empty assembly keeps attrs", lambda: merge_data_arrays([described()[:0], described()]).attrs)
scenario("align outer with an empty assembly", lambda: both(recording()[SHUFFLED], recording()[:0], join="outer"))
