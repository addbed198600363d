"""Cutting one assembly to another."""

from __future__ import annotations

import numpy as np

from brainio.assemblies import DataAssembly
from brainio.transform import index_efficient, subset
from tests.differential.material import behavior, described, recording
from tests.differential.registry import scenario

scenario("subset that would match more presentations is an error", lambda: subset(recording(), recording()[1:3]))
scenario("subset by presentations", lambda: subset(recording(), recording()[[1, 3]]))
scenario(
    "subset by presentations of which levels match more",
    lambda: subset(recording(), recording()[1:3], dims_must_match=False),
)
scenario("subset by itself", lambda: subset(recording(), recording()))
scenario("subset keeps the order of the source", lambda: subset(recording(), recording()[[2, 0]]).values)
scenario(
    "subset by a transposed target",
    lambda: subset(recording(), recording()[[1, 3]].transpose("neuroid", "presentation")),
)
scenario("subset of both dimensions", lambda: subset(recording(), recording()[[0, 2], :1]))
scenario("subset of one dimension", lambda: subset(recording(), recording()[:, [2, 0]], subset_dims=["neuroid"]))
scenario(
    "subset by a level",
    lambda: subset(recording(), recording().sel(neuroid=np.array([True, False, True])), subset_dims=["neuroid_id"]),
)
scenario(
    "subset by a level with several rows each",
    lambda: subset(
        recording(),
        behavior(DataAssembly, stimulus_id=["a", "b"], k=[1, 2]),
        subset_dims=["stimulus_id"],
        dims_must_match=False,
    ),
)
scenario(
    "subset by a target with fewer levels",
    lambda: subset(
        recording(),
        behavior(DataAssembly, stimulus_id=["a", "b"], repetition=[0, 0]),
        subset_dims=["presentation"],
        dims_must_match=False,
    ),
)
scenario(
    "subset by shared levels that each match",
    lambda: (
        subset(
            recording(),
            behavior(DataAssembly, stimulus_id=["c", "b"], object_name=["car", "car"], new=[1, 2]),
            subset_dims=["presentation"],
            dims_must_match=False,
        ).values
    ),
)
scenario(
    "subset compares the numbers of rows only",
    lambda: subset(
        recording(),
        behavior(DataAssembly, stimulus_id=["a", "q"], object_name=["dog", "car"]),
        subset_dims=["presentation"],
    ),
)
scenario("subset by an unknown dimension is an error", lambda: subset(recording(), recording(), subset_dims=["time"]))
scenario("subset keeps attrs", lambda: subset(described(), described()[[1, 3]]).attrs)
scenario("subset with times", lambda: subset(recording(times=True), recording(times=True)[[1, 3], :, :1]))
scenario(
    "subset that repeats",
    lambda: subset(
        recording()[[1, 3]],
        behavior(DataAssembly, stimulus_id=["c", "b", "c"], k=[1, 2, 3]),
        subset_dims=["stimulus_id"],
        dims_must_match=False,
        repeat=True,
    ),
)
scenario(
    "subset to nothing",
    lambda: (
        subset(
            recording(),
            behavior(DataAssembly, stimulus_id=["q"], k=[1]),
            subset_dims=["stimulus_id"],
            dims_must_match=False,
        ).shape
    ),
)
scenario(
    "index_efficient finds positions", lambda: list(index_efficient(np.array(["b", "a", "c"]), np.array(["c", "b"])))
)
scenario("index_efficient repeats", lambda: list(index_efficient(np.array(["b", "a", "c"]), np.array(["c", "b", "c"]))))
scenario(
    "index_efficient of doubled sources", lambda: list(index_efficient(np.array(["a", "b", "a"]), np.array(["a", "b"])))
)
scenario(
    "index_efficient of doubled sources and targets",
    lambda: list(index_efficient(np.array(["a", "b", "a"]), np.array(["a", "a"]))),
)
scenario("index_efficient of nothing shared", lambda: list(index_efficient(np.array(["a"]), np.array(["z"]))))
scenario("index_efficient of numbers", lambda: list(index_efficient(np.array([3, 1, 2]), np.array([1, 2, 3]))))
scenario("index_efficient of lists", lambda: list(index_efficient([3, 1, 2], [2, 3])))
