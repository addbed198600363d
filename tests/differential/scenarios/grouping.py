"""Grouping by one and by several levels, and applying over several dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.differential.material import described, gappy, recording
from tests.differential.registry import scenario

LEVELS = (
    ["object_name"],
    ["repetition"],
    ["stimulus_id", "object_name"],
    ["object_name", "stimulus_id"],
    ["stimulus_id", "repetition", "object_name"],
    ["region"],
    ["region", "animal"],
    ["neuroid_id", "region", "animal"],
)
REDUCTIONS = ("mean", "sum", "std", "var", "median", "min", "max", "count", "first", "last")


def combinations_seen(array: Any, groups: list[str]) -> Any:
    """Return the arguments that multi_dim_apply passes to the function: shapes of values, and coordinates."""
    seen: list[Any] = []

    def note(values: Any, **coords: Any) -> Any:
        seen.append([np.squeeze(values).shape, {name: np.asarray(coords[name]) for name in sorted(coords)}])
        return values

    array.multi_dim_apply(groups, note)
    return seen


def demean(group: Any) -> Any:
    return group - group.mean("presentation")


for levels in LEVELS:
    words = ", ".join(levels)
    scenario(f"multi_groupby mean by {words}", lambda levels=levels: recording().multi_groupby(levels).mean())
    dim = "presentation" if levels[0] in ("object_name", "repetition", "stimulus_id") else "neuroid"
    scenario(
        f"multi_groupby mean over the dimension by {words}",
        lambda levels=levels, dim=dim: recording().multi_groupby(levels).mean(dim=dim),
    )
for name in REDUCTIONS:
    scenario(
        f"multi_groupby {name} by one level",
        lambda name=name: getattr(recording().multi_groupby(["object_name"]), name)(),
    )
    scenario(
        f"multi_groupby {name} by two levels",
        lambda name=name: getattr(recording().multi_groupby(["object_name", "stimulus_id"]), name)(),
    )
for name in ("mean", "sum", "std", "median", "count", "min"):
    scenario(
        f"multi_groupby {name} skips missing values",
        lambda name=name: getattr(gappy().multi_groupby(["object_name", "stimulus_id"]), name)(),
    )
for dtype in ("float32", "int64", "int16", "bool"):
    for name in ("mean", "sum", "max"):
        scenario(
            f"multi_groupby {name} of {dtype}",
            lambda dtype=dtype, name=name: getattr(
                recording(dtype=dtype).multi_groupby(["stimulus_id", "object_name"]), name
            )("presentation"),
        )
scenario("multi_groupby with times", lambda: recording(times=True).multi_groupby(["stimulus_id", "object_name"]).mean())
scenario("multi_groupby over the second dimension", lambda: recording(times=True).multi_groupby(["region"]).mean())
scenario(
    "multi_groupby in another order of dimensions",
    lambda: recording().transpose("neuroid", "presentation").multi_groupby(["stimulus_id", "object_name"]).mean(),
)
scenario(
    "multi_groupby drops attrs on request", lambda: described().multi_groupby(["region"]).mean(keep_attrs=False).attrs
)
scenario(
    "multi_groupby keeps attrs on request", lambda: described().multi_groupby(["region"]).mean(keep_attrs=True).attrs
)
scenario("multi_groupby keeps attrs", lambda: described().multi_groupby(["region"]).mean().attrs)
scenario("multi_groupby keeps the name", lambda: recording(name="firing").multi_groupby(["region"]).mean().name)
scenario(
    "multi_groupby by levels of two dimensions is an error",
    lambda: recording().multi_groupby(["object_name", "region"]).mean(),
)
scenario("multi_groupby by an unknown level is an error", lambda: recording().multi_groupby(["colour"]).mean())
scenario("multi_groupby by a dimension", lambda: recording().multi_groupby(["neuroid"]).mean())
for method in ("apply", "map"):
    scenario(
        f"multi_groupby {method} of a reduction by one level",
        lambda method=method: getattr(recording().multi_groupby(["object_name"]), method)(
            lambda g: g.mean("presentation")
        ),
    )
    scenario(
        f"multi_groupby {method} of a reduction by two levels",
        lambda method=method: getattr(recording().multi_groupby(["object_name", "stimulus_id"]), method)(
            lambda g: g.mean("presentation")
        ),
    )
    scenario(
        f"multi_groupby {method} that keeps the shape by one level",
        lambda method=method: getattr(recording().multi_groupby(["object_name"]), method)(demean),
    )
    scenario(
        f"multi_groupby {method} that keeps the shape by two levels",
        lambda method=method: getattr(recording().multi_groupby(["object_name", "repetition"]), method)(demean),
    )
scenario("the groups of a selection", lambda: recording()[1:].multi_groupby(["object_name"]).mean())
scenario("the groups of one presentation", lambda: recording()[:1].multi_groupby(["object_name", "stimulus_id"]).mean())
scenario(
    "grouping a grouped assembly",
    lambda: recording().multi_groupby(["stimulus_id", "object_name"]).mean().multi_groupby(["object_name"]).mean(),
)
scenario(
    "a level can be selected after grouping",
    lambda: recording().multi_groupby(["stimulus_id", "object_name"]).mean().sel(object_name="car").values,
)
scenario("groupby mean by a level", lambda: recording().groupby("object_name").mean())
scenario("groupby mean over the dimension", lambda: recording().groupby("object_name").mean("presentation"))
scenario("groupby sum by a level of numbers", lambda: recording().groupby("repetition").sum("presentation"))
scenario("groupby of the second dimension", lambda: recording().groupby("region").mean("neuroid"))
scenario("groupby by an array", lambda: recording().groupby(recording()["region"]).max("neuroid"))
scenario("groupby gives its groups", lambda: [[label, group] for label, group in recording().groupby("object_name")])
scenario("groupby map that keeps the shape", lambda: recording().groupby("object_name").map(demean))
scenario("groupby map of a reduction", lambda: recording().groupby("object_name").map(lambda g: g.mean("presentation")))
scenario("groupby arithmetic", lambda: recording().groupby("object_name") - recording().groupby("object_name").mean())
scenario("groupby by an unknown level is an error", lambda: recording().groupby("colour").mean())
scenario("groupby first", lambda: recording().groupby("object_name").first())
scenario(
    "multi_dim_apply of a factor",
    lambda: recording().multi_dim_apply(["stimulus_id", "neuroid_id"], lambda v, **_: v * 2),
)
scenario(
    "multi_dim_apply of a number a group",
    lambda: recording().multi_dim_apply(["object_name", "region"], lambda v, **_: np.mean(v)),
)
scenario(
    "multi_dim_apply normalises groups",
    lambda: recording().multi_dim_apply(["object_name", "neuroid_id"], lambda v, **_: v - np.mean(v)),
)
scenario(
    "multi_dim_apply over a dimension",
    lambda: recording().multi_dim_apply(["stimulus_id", "neuroid"], lambda v, **_: v + 1),
)
scenario(
    "multi_dim_apply passes coordinates",
    lambda: recording().multi_dim_apply(
        ["repetition", "neuroid_id"], lambda v, repetition, **_: v + np.max(repetition)
    ),
)
scenario(
    "multi_dim_apply passes the coordinates of single positions",
    lambda: combinations_seen(recording()[[1, 3]], ["stimulus_id", "neuroid_id"]),
)
scenario(
    "multi_dim_apply passes the coordinates of groups",
    lambda: combinations_seen(recording(), ["object_name", "neuroid_id"]),
)
scenario(
    "multi_dim_apply passes blocks of two dimensions", lambda: combinations_seen(recording(), ["object_name", "region"])
)
scenario(
    "multi_dim_apply over blocks of two dimensions",
    lambda: recording().multi_dim_apply(["object_name", "region"], lambda v, **_: v * 2),
)
scenario(
    "multi_dim_apply with times",
    lambda: recording(times=True).multi_dim_apply(
        ["stimulus_id", "neuroid_id", "time_bin_start"], lambda v, time_bin_start, **_: v + time_bin_start
    ),
)
scenario(
    "multi_dim_apply without a group for a dimension is an error",
    lambda: recording(times=True).multi_dim_apply(["stimulus_id", "neuroid_id"], lambda v, **_: v),
)
scenario(
    "multi_dim_apply by an unknown level is an error",
    lambda: recording().multi_dim_apply(["stimulus_id", "colour"], lambda v, **_: v),
)
scenario(
    "multi_dim_apply keeps attrs",
    lambda: described().multi_dim_apply(["stimulus_id", "neuroid_id"], lambda v, **_: v).attrs,
)
scenario(
    "multi_dim_apply of integers",
    lambda: recording(dtype=int).multi_dim_apply(["stimulus_id", "neuroid_id"], lambda v, **_: v),
)
