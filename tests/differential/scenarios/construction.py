"""Creating assemblies from every kind of input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import (
    BehavioralAssembly,
    DataAssembly,
    MetadataAssembly,
    ModelFeaturesAssembly,
    NeuroidAssembly,
    NeuronRecordingAssembly,
    PropertyAssembly,
    SpikeTimesAssembly,
    gather_indexes,
    is_fastpath,
    walk_coords,
)
from tests.differential.material import behavior, coordinates, described, plain_array, recording
from tests.differential.registry import scenario


class Score(DataAssembly):
    """A subclass of a third party."""

    __slots__ = ()


def rebuilt(array: Any) -> Any:
    """Rebuild an assembly from its values and coordinates, like published scripts."""
    return type(array)(array.values, coords={c: (d, v) for c, d, v in walk_coords(array)}, dims=array.dims)


def multi_index_array() -> Any:
    """Return an array of xarray with a multi-index of its own."""
    return plain_array().set_index(presentation=["stimulus_id", "repetition", "object_name"])


CLASSES = (
    DataAssembly,
    BehavioralAssembly,
    NeuroidAssembly,
    NeuronRecordingAssembly,
    ModelFeaturesAssembly,
    PropertyAssembly,
    MetadataAssembly,
)
for made in CLASSES:
    scenario(f"{made.__name__} is made from an array and coordinates", lambda made=made: recording(made))
scenario("an assembly is made from lists", lambda: DataAssembly([[1, 2], [3, 4]], dims=["presentation", "neuroid"]))
scenario("an assembly without coordinates has none", lambda: DataAssembly(np.ones(3), dims=["presentation"]))
scenario("an assembly without dims gets those of xarray", lambda: DataAssembly(np.ones((2, 2))))
scenario("an assembly of one number has no dimensions", lambda: DataAssembly(3.5))
scenario("an assembly of nothing is one missing value", lambda: DataAssembly())
scenario("an assembly is made from a DataArray", lambda: NeuroidAssembly(plain_array()))
scenario("an assembly is made from a DataArray with a multi-index", lambda: NeuroidAssembly(multi_index_array()))
scenario("an assembly is made from a pandas Series", lambda: DataAssembly(pd.Series([1.0, 2.0], name="v")))
scenario("an assembly is made from a DataFrame", lambda: DataAssembly(pd.DataFrame({"x": [1, 2], "y": [3, 4]})))
scenario(
    "an assembly takes a multi-index as a coordinate",
    lambda: DataAssembly(
        np.arange(3),
        coords={
            "presentation": pd.MultiIndex.from_arrays([list("abc"), [1, 2, 3]], names=["stimulus_id", "repetition"])
        },
        dims=["presentation"],
    ),
)
scenario("an assembly takes coordinates as a list", lambda: DataAssembly([1, 2], [("presentation", [7, 8])]))
scenario(
    "an assembly takes coordinates that are arrays",
    lambda: DataAssembly(
        np.arange(4), coords={k: recording()[k] for k in ("stimulus_id", "repetition")}, dims=["presentation"]
    ),
)
scenario("an assembly has a name and attrs", lambda: recording(name="firing", attrs={"k": 1}))
scenario("an assembly is re-wrapped", lambda: NeuroidAssembly(recording()))
scenario("an assembly is re-wrapped with its attrs", lambda: NeuroidAssembly(described()))
scenario("an assembly is re-wrapped with other attrs", lambda: NeuroidAssembly(described(), attrs={"other": 1}))
scenario("an assembly is re-wrapped under another name", lambda: NeuroidAssembly(recording(), name="other"))
scenario("an assembly is re-wrapped in another class", lambda: BehavioralAssembly(recording()))
scenario("an assembly is re-wrapped in DataArray", lambda: xr.DataArray(recording()))
scenario("an assembly is re-wrapped in the class of somebody else", lambda: Score(recording()))
scenario("the class of somebody else is kept by selecting", lambda: Score(recording())[1:])
scenario("the class of somebody else is kept by arithmetic", lambda: Score(recording()) * 2)
scenario("the class of somebody else is kept by a mean", lambda: Score(recording()).mean("neuroid"))
scenario("the class of somebody else is kept by grouping", lambda: Score(recording()).multi_groupby(["region"]).mean())
scenario("an assembly is rebuilt from walk_coords", lambda: rebuilt(recording()))
scenario("an assembly with times is rebuilt from walk_coords", lambda: rebuilt(recording(times=True)))
scenario("a selection is rebuilt from walk_coords", lambda: rebuilt(recording()[1:, [0, 2]]))
scenario("an assembly takes its own coords", lambda: NeuroidAssembly(np.zeros((4, 3)), coords=recording().coords))
scenario(
    "an assembly takes the coords of another with dims",
    lambda: NeuroidAssembly(np.zeros((4, 3)), coords=recording().coords, dims=recording().dims),
)
scenario("gathering indexes twice changes nothing", lambda: gather_indexes(gather_indexes(recording())))
scenario("gathering indexes of a DataArray indexes its coordinates", lambda: gather_indexes(plain_array()))
scenario("one coordinate on a dimension is an index too", lambda: behavior(BehavioralAssembly, stimulus_id=["a", "b"]))
scenario(
    "one coordinate on a dimension can be asked for by name",
    lambda: behavior(BehavioralAssembly, stimulus_id=["a", "b"])["stimulus_id"].values,
)
scenario(
    "a coordinate named as its dimension is an index",
    lambda: DataAssembly([1, 2], coords={"neuroid": ("neuroid", [5, 6])}, dims=["neuroid"]),
)
scenario(
    "a coordinate named as its dimension beside another",
    lambda: DataAssembly(
        [1, 2], coords={"neuroid": ("neuroid", [5, 6]), "region": ("neuroid", ["IT", "V4"])}, dims=["neuroid"]
    ),
)
scenario("coordinates of a wrong length are refused", lambda: behavior(DataAssembly, a=[1, 2], b=[1]))
scenario("NeuroidAssembly refuses to validate other dimensions", lambda: recording().mean("neuroid").validate())
scenario("NeuroidAssembly validates with times", lambda: recording(times=True).validate())
scenario("NeuroidAssembly validates in any order", lambda: recording().transpose("neuroid", "presentation").validate())
scenario("SpikeTimesAssembly refuses to validate other dimensions", lambda: recording(SpikeTimesAssembly).validate())
scenario("the seventh argument tells the fast path", lambda: is_fastpath(0, None, None, None, None, None, True))
scenario("no argument tells no fast path", lambda: is_fastpath(0, coords={}))
scenario(
    "two tables of coordinates are united",
    lambda: NeuroidAssembly(
        np.zeros((4, 3, 2)), {**coordinates(), **coordinates(times=True)}, recording(times=True).dims
    ),
)
