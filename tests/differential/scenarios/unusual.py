"""Unusual coordinates: missing values, mixed types, dates, nothing at all, one name twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import DataAssembly, merge_data_arrays, walk_coords
from brainio.packaging import write_netcdf
from brainio.transform import subset
from tests.differential.material import behavior, recording
from tests.differential.registry import scenario

LEVELS: dict[str, Any] = {
    "missing numbers": [1.5, np.nan, 1.5, np.nan],
    "only missing numbers": [np.nan] * 4,
    "missing text": np.array(["x", None, "x", None], dtype=object),
    "missing text as NaN": np.array(["x", np.nan, "x", np.nan], dtype=object),
    "mixed types": np.array(["x", 1, 2.5, "x"], dtype=object),
    "truth values beside text": np.array(["x", True, "a", False], dtype=object),
    "dates beside text": np.array(["x", pd.Timestamp("2020-01-02"), "a", pd.Timestamp("2020-01-01")], dtype=object),
    "numbers in objects": np.array([3, 1, 2, 1], dtype=object),
    "dates": np.array(["2020-01-02", "2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[ns]"),
    "missing dates": np.array(["2020-01-02", "NaT", "2020-01-02", "NaT"], dtype="datetime64[ns]"),
    "durations": np.array([3, 1, 3, 2], dtype="timedelta64[s]").astype("timedelta64[ns]"),
    "truth values": [True, False, True, False],
    "small numbers": np.array([3, 1, 3, 2], dtype="int8"),
    "unsigned numbers": np.array([3, 1, 3, 2], dtype="uint16"),
    "float32 numbers": np.array([0.1, 0.2, 0.1, 0.3], dtype="float32"),
    "bytes": np.array([b"x", b"y", b"x", b"y"]),
    "tuples": np.array([("a", 1), ("b", 2), ("a", 1), ("c", 3), None], dtype=object)[:4],
    "tuples of mixed types": np.array([("a", 1), (1, "b"), ("a", 0), (0, "b"), None], dtype=object)[:4],
    "empty text": ["", "x", "", "y"],
    "categories": pd.Categorical(["x", "y", "x", "z"]),
    "complex numbers": np.array([1j, 2, 1j, 3]),
}
MIXED = np.array(["b", 2, "a", 1.5, "b", 1, "c"], dtype=object)
WHOLE = [0, 1, 2, 3, 4, 5, 6]
PARTS = {
    "two parts": (WHOLE[:3], WHOLE[3:]),
    "the second part first": (WHOLE[3:], WHOLE[:3]),
    "parts that overlap": (WHOLE[1:], WHOLE[:3]),
    "three parts": (WHOLE[4:], WHOLE[2:4], WHOLE[:2]),
    "a whole and a part": (WHOLE, WHOLE[:2]),
    "a part and the whole": (WHOLE[:2], WHOLE),
    "a whole and its reverse": (WHOLE, WHOLE[::-1]),
    "a part twice and another": (WHOLE[2:], WHOLE[2:], WHOLE[:2]),
    "a part and nothing": (WHOLE[2:], []),
    "nothing and two parts": ([], WHOLE[2:], WHOLE[:2]),
    "parts without text": ([3, 1], [1]),
    "parts without numbers": ([4, 2], [6]),
}


def array(level: Any) -> Any:
    """Return a vector with an unusual level next to a usual one."""
    return behavior(DataAssembly, level=level, trial=list(range(len(level), 0, -1)))


def trials_first(level: Any) -> Any:
    return behavior(DataAssembly, trial=list(range(len(level), 0, -1)), level=level)


def mixed_neuroids() -> Any:
    return DataAssembly(
        np.arange(6.0).reshape(2, 3),
        {"trial": ("p", [2, 1]), "side": ("p", ["l", "r"]), "level": ("n", MIXED[:3]), "site": ("n", [3, 1, 2])},
        ["p", "n"],
    )


def first_selected(level: Any) -> Any:
    made = array(level)
    return made.sel(level=made["level"].values[0]).values


def stored(folder: Any, level: Any) -> Any:
    write_netcdf(array(level), folder / "f.nc")
    return DataAssembly.from_files(folder / "f.nc")


def empty() -> Any:
    return recording()[:0]


def repeated() -> Any:
    return DataAssembly(np.arange(4).reshape(2, 2), dims=["x", "x"])


for case, values in LEVELS.items():
    scenario(f"{case} in a level stay unchanged", lambda v=values: array(v))
    scenario(f"{case} in a level are selected on", lambda v=values: first_selected(v))
    scenario(f"{case} in a level are sorted by", lambda v=values: array(v).sortby("level").values)
    scenario(f"{case} in a level are grouped by", lambda v=values: array(v).multi_groupby(["level"]).mean())
    scenario(
        f"{case} in one of two levels are grouped by", lambda v=values: array(v).multi_groupby(["level", "trial"]).sum()
    )
    scenario(f"{case} in a level are grouped by as xarray does", lambda v=values: array(v).groupby("level").mean())
    scenario(
        f"{case} in a level are concatenated",
        lambda v=values: xr.concat([array(v)[:2], array(v)[2:]], dim="presentation"),
    )
    scenario(f"{case} in a level are matched", lambda v=values: array(v) - array(v)[::-1])
    scenario(f"{case} in a level are merged", lambda v=values: merge_data_arrays([array(v)[:2], array(v)[2:]]))
    scenario(
        f"{case} in a level are cut by",
        lambda v=values: subset(array(v), array(v)[1:3], subset_dims=["presentation"]).values,
    )
    scenario(f"{case} in a level are listed", lambda v=values: {n: np.asarray(x) for n, _, x in walk_coords(array(v))})
for case, parts in PARTS.items():
    scenario(f"mixed types merged from {case}", lambda p=parts: merge_data_arrays([array(MIXED)[list(q)] for q in p]))
    scenario(
        f"mixed types in the second level merged from {case}",
        lambda p=parts: merge_data_arrays([trials_first(MIXED)[list(q)] for q in p]),
    )
scenario(
    "mixed types in the only level are merged",
    lambda: merge_data_arrays([behavior(DataAssembly, level=MIXED[i]) for i in ([2, 0, 1], [3, 5, 6])]).values,
)
scenario(
    "mixed types in a dimension's coordinate are merged",
    lambda: merge_data_arrays([DataAssembly([1, 2], {"x": MIXED[i]}, ["x"]) for i in ([2, 1], [0, 3])]),
)
scenario(
    "mixed types of neuroids are merged", lambda: merge_data_arrays([mixed_neuroids()[:, i] for i in ([2, 0], [1])])
)
scenario(
    "mixed types of neuroids are merged with other presentations",
    lambda: merge_data_arrays([mixed_neuroids()[1:, 1:], mixed_neuroids()[:1, :2]]),
)
scenario(
    "mixed types of neuroids are joined when presentations are concatenated",
    lambda: xr.concat([mixed_neuroids()[1:, 1:], mixed_neuroids()[:1, :2]], dim="p", join="outer"),
)
scenario("mixed types are aligned", lambda: list(xr.align(array(MIXED)[2:], array(MIXED)[:4], join="outer")))
for case, cut in {
    "cut": slice(1, None),
    "without text": [3, 1, 5],
    "without numbers": [4, 2],
    "reversed": slice(6, None, -1),
}.items():
    scenario(
        f"mixed types that were {case} are grouped by", lambda c=cut: array(MIXED)[c].multi_groupby(["level"]).sum()
    )
    scenario(
        f"mixed types that were {case} are grouped by as xarray does",
        lambda c=cut: array(MIXED)[c].groupby("level").sum(),
    )
scenario(
    "mixed types that were concatenated are grouped by",
    lambda: xr.concat([array(MIXED)[4:], array(MIXED)[:4]], dim="presentation").multi_groupby(["level"]).first(),
)
scenario(
    "mixed types in a dimension's coordinate are grouped by",
    lambda: DataAssembly(np.arange(7.0), {"x": MIXED}, ["x"]).multi_groupby(["x"]).sum(),
)
scenario(
    "mixed types are mapped by groups",
    lambda: array(MIXED).multi_groupby(["level"]).apply(lambda g: g.mean("presentation")),
)
scenario("mixed types are unstacked", lambda: array(MIXED).unstack("presentation"))
scenario("numbers and None in objects stay unchanged", lambda: array(np.array([3, None, 2.5, 1], dtype=object)))
scenario("truth values and None in objects stay unchanged", lambda: array(np.array([True, None, False], dtype=object)))
scenario(
    "dates beside numbers in a level stay unchanged",
    lambda: array(np.array([1, pd.Timestamp("2020-01-02"), 0], dtype=object)),
)
scenario(
    "tuples beside text in a level are grouped by",
    lambda: array(np.array([("b", 1), "Z", ("a", 0), "ab", None], dtype=object)[:4]).multi_groupby(["level"]).sum(),
)
for case in (
    "dates",
    "truth values",
    "numbers in objects",
    "missing numbers",
    "small numbers",
    "float32 numbers",
    "empty text",
):
    scenario(f"{case} in a level are stored", lambda folder, v=LEVELS[case]: stored(folder, v))

scenario("an empty assembly is made", empty)
scenario(
    "an empty assembly is made from nothing",
    lambda: DataAssembly(
        np.zeros((0, 2)), {"a": ("x", []), "b": ("x", []), "c": ("y", [1, 2]), "d": ("y", [3, 4])}, ["x", "y"]
    ),
)
scenario("an empty assembly is re-wrapped", lambda: DataAssembly(empty()))
scenario("an empty assembly is grouped", lambda: empty().multi_groupby(["object_name", "stimulus_id"]).mean())
scenario("an empty assembly is reduced", lambda: empty().mean("presentation").values)
scenario("an empty assembly is summed", lambda: empty().sum("presentation").values)
scenario("an empty assembly is concatenated", lambda: xr.concat([empty(), recording()], dim="presentation"))
scenario("an empty assembly is added", lambda: (empty() + recording()).shape)
scenario("an empty assembly is sorted", lambda: empty().sortby("object_name").shape)
scenario("an empty assembly is cut to nothing", lambda: subset(recording(), empty(), dims_must_match=False).shape)
scenario(
    "an empty mask selects nothing", lambda: recording()[(recording()["region"] == "V1").values[:1].repeat(4)].shape
)
scenario("one name for two dimensions", repeated)
scenario("one name for two dimensions: mean", lambda: repeated().mean())
scenario("one name for two dimensions: arithmetic", lambda: repeated() + 1)
scenario(
    "one name for two dimensions: with coordinates",
    lambda: DataAssembly(np.arange(4).reshape(2, 2), {"a": ("x", [1, 2]), "b": ("x", [3, 4])}, ["x", "x"]),
)
scenario(
    "one name for two dimensions: grouped",
    lambda: (
        DataAssembly(np.arange(4).reshape(2, 2), {"a": ("x", [1, 2]), "b": ("x", [3, 4])}, ["x", "x"])
        .multi_groupby(["a"])
        .mean()
    ),
)
scenario("a number with a scalar coordinate", lambda: DataAssembly(1.5, {"session": 7}))
scenario("a scalar stays a scalar", lambda: recording().assign_coords(session=7).mean("presentation"))
scenario(
    "a scalar stays a scalar when grouped",
    lambda: recording().assign_coords(session=7).multi_groupby(["object_name"]).mean(),
)
scenario("a scalar stays when re-wrapped", lambda: DataAssembly(recording().assign_coords(session="s")))
two = {"both": (("presentation", "neuroid"), np.arange(12).reshape(4, 3))}
scenario("a coordinate of two dimensions stays", lambda: recording().assign_coords(two))
scenario("a coordinate of two dimensions is cut", lambda: recording().assign_coords(two)[1:, :1])
scenario("a coordinate of two dimensions when reduced", lambda: recording().assign_coords(two).mean("presentation"))
scenario(
    "a coordinate of two dimensions when grouped",
    lambda: recording().assign_coords(two).multi_groupby(["object_name"]).mean(),
)
scenario("a coordinate of two dimensions when re-wrapped", lambda: DataAssembly(recording().assign_coords(two)))
scenario("a coordinate of two dimensions when sorted", lambda: recording().assign_coords(two).sortby("object_name"))
scenario("a coordinate of two dimensions when transposed", lambda: recording().assign_coords(two).T)
scenario("doubled rows of all levels", lambda: recording()[[0, 0, 1]])
scenario(
    "doubled rows of all levels are grouped",
    lambda: recording()[[0, 0, 1]].multi_groupby(["object_name", "stimulus_id"]).mean(),
)
scenario("doubled rows of all levels plus themselves", lambda: recording()[[0, 0, 1]] + recording()[[0, 0, 1]])
scenario("doubled rows of all levels in another order", lambda: recording()[[0, 0, 1]] + recording()[[1, 0, 0]])
scenario(
    "a level of one value", lambda: behavior(DataAssembly, a=["x", "x"], b=["y", "y"]).multi_groupby(["a", "b"]).mean()
)
scenario(
    "infinite values are grouped",
    lambda: behavior(DataAssembly, a=[np.inf, -np.inf, np.inf], b=[1, 2, 3]).multi_groupby(["a"]).sum(),
)
scenario(
    "the mean of a group of missing values",
    lambda: (
        recording()
        .where(recording()["object_name"] == "car")
        .multi_groupby(["object_name", "stimulus_id"])
        .mean()
        .values
    ),
)
scenario(
    "the sum of a group of missing values",
    lambda: (
        recording()
        .where(recording()["object_name"] == "car")
        .multi_groupby(["object_name", "stimulus_id"])
        .sum()
        .values
    ),
)
