"""Concatenating, aligning and merging."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import BehavioralAssembly, DataAssembly, merge_data_arrays
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
scenario("merge with an empty assembly", lambda: merge_data_arrays([recording()[[3, 0, 2, 1]], recording()[:0]]))
