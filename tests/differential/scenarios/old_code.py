"""Idioms of libraries from 2021 to 2023: dropped dimensions, own coordinates, names of levels, fetchers, scores."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from brainio import assemblies, fetch, packaging
from brainio.assemblies import DataAssembly, NeuroidAssembly, walk_coords
from tests.differential.material import behavior, recording
from tests.differential.registry import scenario

if TYPE_CHECKING:
    from pathlib import Path


class Score(DataAssembly):
    """A score like in benchmarks."""

    __slots__ = ()


def one_bin() -> Any:
    return recording(times=True)[:, :, [0]]


def squeezed() -> Any:
    return one_bin().squeeze("time_bin")


def own() -> Any:
    """Return stimuli x neuroids whose first dimension has an own coordinate and an added column."""
    coords = {"stimulus_id": ["s1", "s2"], "neuroid_id": ("neuroid", ["n0", "n1"]), "region": ("neuroid", ["V4", "IT"])}
    array = NeuroidAssembly(np.arange(4.0).reshape(2, 2), coords=coords, dims=["stimulus_id", "neuroid"])
    array["object_name"] = "stimulus_id", ["car", "dog"]
    return array


def one_coordinate() -> Any:
    return behavior(DataAssembly, stimulus_id=["a", "b"])


def voxels() -> Any:
    coords = {"neuroid_id": ("neuroid", ["v1", "v2"]), "region": ("neuroid", ["V4", "IT"])}
    return Score([0.5, 0.25], coords=coords, dims=["neuroid"])


def dated() -> Any:
    when = np.array(["2020-01-01T01", "2020-01-01T02", "2020-01-02T01"], dtype="M8[ns]")
    return behavior(DataAssembly, stimulus_id=["a", "b", "a"], when=when)


def fetcher(folder: Path, location: str, name: str = "a.nc") -> Any:
    before, fetch._local_data_path = fetch._local_data_path, str(folder)
    try:
        made = fetch.BotoFetcher(location, name)
    finally:
        fetch._local_data_path = before
    return {attribute: getattr(made, attribute) for attribute in ATTRIBUTES}


ATTRIBUTES = ("location", "local_filename", "bucketname", "relative_path")


def loaded_with_chunks(folder: Path, text: str) -> Any:
    packaging.write_netcdf(recording(), folder / "a.nc")
    os.environ["BRAINIO_CHUNKS"] = text
    try:
        array = assemblies.AssemblyLoader(cls=NeuroidAssembly, file_path=folder / "a.nc").load()
    finally:
        del os.environ["BRAINIO_CHUNKS"]
    return array.values


def expanded_again() -> Any:
    array = squeezed().expand_dims("time_bin")
    return array["time_bin"].values


def time_bins_one_by_one() -> Any:
    array = recording(times=True)
    return [array.isel(time_bin=number)["time_bin"].values[()] for number in range(2)]


# ------------------------------------------------------------------ dropped dimensions
scenario("old code: the tuple of a squeezed dimension", lambda: squeezed()["time_bin"].values[()])
scenario(
    "old code: the tuple of a dropped position", lambda: recording().isel(presentation=1)["presentation"].values[()]
)
scenario("old code: the tuple of the first position", lambda: recording()[0]["presentation"].values[()])
scenario("old code: the tuples of iterated positions", lambda: [row["presentation"].values[()] for row in recording()])
scenario("old code: the tuple of each time bin", time_bins_one_by_one)
scenario("old code: the tuple after a mean", lambda: squeezed().mean("presentation")["time_bin"].values[()])
scenario("old code: the tuple after arithmetic", lambda: (squeezed() + squeezed())["time_bin"].values[()])
scenario("old code: the tuple after a selection", lambda: squeezed().sel(region="IT")["time_bin"].values[()])
scenario(
    "old code: the tuple after grouping",
    lambda: squeezed().multi_groupby(["stimulus_id"]).mean()["time_bin"].values[()],
)
scenario("old code: a dropped dimension expanded again", expanded_again)
scenario(
    "old code: squeeze that drops coordinates", lambda: "time_bin" in one_bin().squeeze("time_bin", drop=True).coords
)
scenario("old code: the values without the dropped dimension", lambda: squeezed().values)
scenario(
    "old code: the listed coordinates of a dropped dimension",
    lambda: sorted({c for c, _, _ in walk_coords(squeezed())}),
)
scenario("old code: the dropped position of an only coordinate", lambda: one_coordinate()[0]["presentation"].values[()])

# ------------------------------------------------------------------ names of levels and dimensions
scenario(
    "old code: squeeze by the level that a selection left",
    lambda: one_bin().sel(time_bin_start=70).squeeze("time_bin_end").values,
)
scenario(
    "old code: the dimensions after such a squeeze",
    lambda: list(one_bin().sel(time_bin_start=70).squeeze("time_bin_end").dims),
)
scenario(
    "old code: mean over the level that a selection left",
    lambda: recording(times=True).sel(time_bin_start=70).mean("time_bin_end").values,
)
scenario(
    "old code: transpose by the level that a selection left",
    lambda: recording(times=True).sel(time_bin_start=70).transpose("time_bin_end", "neuroid", "presentation").values,
)
scenario(
    "old code: isel by the level that a selection left",
    lambda: recording(times=True).sel(time_bin_start=70).isel(time_bin_end=0).values,
)

# ------------------------------------------------------------------ own coordinates
scenario("old code: the values of an own coordinate", lambda: own()["stimulus_id"].values)
scenario("old code: a column next to an own coordinate", lambda: own()["object_name"].values)
scenario(
    "old code: stack of a dimension with an own coordinate",
    lambda: list(own().stack(presentation=("stimulus_id",))["presentation"].to_index().names)[:1],
)
scenario(
    "old code: the values of a stacked own coordinate",
    lambda: own().stack(presentation=("stimulus_id",))["stimulus_id"].values,
)
scenario(
    "old code: the column of a stacked own coordinate",
    lambda: own().stack(presentation=("stimulus_id",))["object_name"].values,
)
scenario("old code: sorting by an own coordinate", lambda: own()[[1, 0]].sortby("stimulus_id").values)
scenario("old code: grouping by an own coordinate", lambda: own().groupby("stimulus_id").mean()["stimulus_id"].values)
scenario("old code: a mean keeps the own coordinate", lambda: own().mean("neuroid")["stimulus_id"].values)
scenario("old code: the values of an only coordinate", lambda: one_coordinate()["presentation"].values)
scenario("old code: an only coordinate in coords", lambda: "presentation" in one_coordinate().coords)
scenario("old code: selecting by an only coordinate", lambda: one_coordinate().sel(presentation=["b"]).values)
scenario("old code: grouping by an only coordinate", lambda: one_coordinate().groupby("presentation").mean().values)

# ------------------------------------------------------------------ grouping
scenario("old code: groups of hours", lambda: dated().groupby("when.hour").mean().values)
scenario("old code: the hours of groups", lambda: dated().groupby("when.hour").mean()["hour"].values)
scenario("old code: groups of days", lambda: dated().groupby("when.day").sum().values)
scenario("old code: groupby of two levels is an error", lambda: recording().groupby(["stimulus_id", "repetition"]))
scenario(
    "old code: the mean of half floats that exceed their range together",
    lambda: (
        behavior(DataAssembly, stimulus_id=["a"] * 4, repetition=list(range(4)))
        .copy(data=np.full(4, 60000, dtype=np.float16))
        .multi_groupby(["stimulus_id"])
        .mean()
        .values
    ),
)
scenario(
    "old code: the sum of small integers",
    lambda: (
        behavior(DataAssembly, stimulus_id=["a"] * 4, repetition=list(range(4)))
        .copy(data=np.full(4, 100, dtype=np.int8))
        .multi_groupby(["stimulus_id"])
        .sum()
        .values
    ),
)

# ------------------------------------------------------------------ scores of single voxels
scenario("old code: the class of one voxel's score", lambda: type(voxels()[0]).__name__)
scenario("old code: the class of iterated scores", lambda: [type(score).__name__ for score in voxels()])
scenario("old code: the class of a ratio", lambda: type(voxels()[0] / voxels()[1]).__name__)
scenario("old code: the class of a mean", lambda: type(voxels().mean()).__name__)
scenario("old code: the class of a median", lambda: type(voxels().median("neuroid")).__name__)
scenario(
    "old code: the class of scores together", lambda: type(xr.concat([voxels()[0], voxels()[1]], "voxel")).__name__
)
scenario("old code: the class of a minimum", lambda: type(np.minimum(voxels()[0], 1)).__name__)
scenario("old code: the class of apply_ufunc", lambda: type(xr.apply_ufunc(np.sqrt, voxels()[0])).__name__)
scenario("old code: the class of xarray.where", lambda: type(xr.where(voxels() > 0.3, voxels(), 0)).__name__)
scenario(
    "old code: the class of scores by region", lambda: type(voxels().groupby("region").map(lambda v: v.mean())).__name__
)
scenario(
    "old code: the class of scores that a function makes",
    lambda: type(recording().groupby("neuroid_id").map(lambda v: Score(v.values.mean()))).__name__,
)

# ------------------------------------------------------------------ names
scenario("old code: the kinds of entries", lambda: [packaging.TYPE_ASSEMBLY, packaging.TYPE_STIMULUS_SET])
scenario("old code: the name of the setting for chunks", lambda: assemblies.BRAINIO_CHUNKS)
scenario(
    "old code: a fetcher knows bucket and key",
    lambda folder: fetcher(folder, "https://lab-bucket.s3.amazonaws.com/folder/a.nc"),
)
scenario(
    "old code: a fetcher knows another region",
    lambda folder: fetcher(folder, "https://lab-bucket.s3.eu-west-1.amazonaws.com/a.nc", "b.nc"),
)
scenario(
    "old code: a redirected cache",
    lambda: isinstance(fetch.get_local_data_path(), str),
)
scenario(
    "old code: multi_groupby gives a bridge",
    lambda: isinstance(recording().multi_groupby(["region", "animal"]), assemblies.GroupbyBridge),
)
scenario("old code: no chunks load values", lambda folder: loaded_with_chunks(folder, "None"))
scenario("old code: a data point", lambda: vars(assemblies.DataPoint(1.5, "n", "p")))
