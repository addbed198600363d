"""Changing dimensions, order and coordinates; copying."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import xarray as xr

from brainio.assemblies import DataAssembly
from tests.differential.material import behavior, described, plain_array, recording
from tests.differential.registry import scenario


def split(value: int = 3) -> Any:
    """Add a dimension and then a coordinate to the mean of each neuroid, like published scripts."""
    array = recording().mean("presentation").expand_dims("split")
    array["split"] = [value]
    return array


def added(array: Any) -> Any:
    array["day"] = "presentation", [1, 2, 1, 2]
    return array


def copied_then_changed(copier: Any) -> Any:
    array = recording()
    other = copier(array)
    other.values[0, 0] = 99
    return array.values[0, 0]


scenario("transpose by names", lambda: recording(times=True).transpose("time_bin", "neuroid", "presentation"))
scenario("transpose with an ellipsis", lambda: recording(times=True).transpose("neuroid", ...))
scenario("transpose of everything", lambda: recording().T)
scenario("transpose by an unknown name is an error", lambda: recording().transpose("time", "neuroid", "presentation"))
scenario("expand_dims adds a dimension", lambda: recording().expand_dims("split"))
scenario("expand_dims then a coordinate", split)
scenario("expand_dims with values", lambda: recording().expand_dims({"split": [1]}))
scenario("expand_dims of a mean", lambda: recording().mean().expand_dims("split"))
scenario("squeeze a dimension of length one", lambda: recording(times=True)[:, :, [0]].squeeze("time_bin"))
scenario("squeeze gives the values", lambda: recording(times=True)[:, :, [0]].squeeze("time_bin").values)
scenario("squeeze and drop", lambda: recording(times=True)[:, :, [0]].squeeze("time_bin", drop=True))
scenario("squeeze nothing", lambda: recording().squeeze())
scenario("squeeze a longer dimension is an error", lambda: recording().squeeze("neuroid"))
scenario("stack two dimensions", lambda: recording().stack(both=["presentation", "neuroid"]))
scenario("stack two dimensions of three", lambda: recording(times=True).stack(both=["neuroid", "time_bin"]))
scenario("stack gives the values in order", lambda: recording().stack(both=["neuroid", "presentation"]).values)
scenario(
    "stack dimensions without coordinates",
    lambda: DataAssembly(np.arange(4).reshape(2, 2), dims=["x", "y"]).stack(z=["x", "y"]),
)
scenario(
    "stack dimensions whose coordinates are named as they are",
    lambda: DataAssembly(np.arange(4).reshape(2, 2), {"x": [1, 2], "y": [3, 4]}, ["x", "y"]).stack(z=["x", "y"]),
)
scenario(
    "unstack stacked dimensions",
    lambda: (
        DataAssembly(np.arange(4).reshape(2, 2), {"x": [1, 2], "y": [3, 4]}, ["x", "y"])
        .stack(z=["x", "y"])
        .unstack("z")
    ),
)
scenario("unstack two levels", lambda: behavior(DataAssembly, a=[1, 1, 2, 2], b=[3, 4, 3, 4]).unstack("presentation"))
scenario("reset_index gives plain coordinates", lambda: recording().reset_index("presentation"))
scenario("reset_index then a re-wrap", lambda: DataAssembly(recording().reset_index("presentation")))
scenario("reset_index of a level", lambda: recording().reset_index("object_name"))
scenario("reset_index of a list of dimensions", lambda: recording().reset_index(["presentation", "neuroid"]))
scenario("reset_index that drops a level", lambda: recording().reset_index("object_name", drop=True))
scenario("reset_index of an unknown level is an error", lambda: recording().reset_index("colour"))
scenario(
    "set_index appends a coordinate",
    lambda: recording().reset_index("object_name").set_index(presentation="object_name", append=True),
)
scenario(
    "set_index of a DataArray, wrapped",
    lambda: DataAssembly(plain_array().set_index(presentation=["stimulus_id", "repetition"])),
)
scenario(
    "set_index after reset_index",
    lambda: (
        recording().reset_index("presentation").set_index(presentation=["stimulus_id", "repetition", "object_name"])
    ),
)
scenario("assign_coords adds a coordinate", lambda: recording().assign_coords(day=("presentation", [1, 2, 1, 2])))
scenario(
    "assign_coords adds a coordinate, wrapped",
    lambda: DataAssembly(recording().assign_coords(day=("presentation", [1, 2, 1, 2]))),
)
scenario(
    "an added coordinate can be selected on at once",
    lambda: recording().assign_coords(day=("presentation", [1, 2, 1, 2])).sel(day=1).values,
)
scenario(
    "an added coordinate can be selected on after a re-wrap",
    lambda: DataAssembly(recording().assign_coords(day=("presentation", [1, 2, 1, 2]))).sel(day=1).values,
)
scenario(
    "assign_coords replaces a level", lambda: recording().assign_coords(object_name=("presentation", [1, 2, 1, 2]))
)
scenario("assign_coords adds a scalar", lambda: recording().assign_coords(session=7))
scenario("assign_coords of a wrong length is an error", lambda: recording().assign_coords(day=("presentation", [1])))
scenario(
    "assign_coords of two dimensions",
    lambda: recording().assign_coords(both=(("presentation", "neuroid"), np.ones((4, 3)))),
)
scenario("a coordinate is added in brackets", lambda: added(recording()))
scenario("a coordinate is added in brackets, wrapped", lambda: DataAssembly(added(recording())))
scenario("drop_vars of a level leaves the others", lambda: recording().drop_vars("object_name"))
scenario("drop_vars of a scalar", lambda: recording().assign_coords(session=7).drop_vars("session"))
scenario("drop_vars of a dimension leaves no level", lambda: recording().drop_vars("presentation"))
scenario("drop_vars of an unknown name is an error", lambda: recording().drop_vars("colour"))
scenario("rename a dimension", lambda: recording().rename({"presentation": "trial"}))
scenario("rename a dimension to one of three names", lambda: recording().rename(neuroid="unit")["region"].values)
scenario("rename the assembly", lambda: recording().rename("firing"))
scenario("rename a level", lambda: recording().rename({"object_name": "label"}))
scenario("swap_dims to a new name", lambda: recording().swap_dims({"presentation": "trial"}))
scenario("sortby a level", lambda: recording().sortby("object_name"))
scenario("sortby two levels", lambda: recording().sortby(["object_name", "stimulus_id"]))
scenario("sortby descending", lambda: recording().sortby("neuroid_id", ascending=False))
scenario("sortby descending with ties", lambda: recording().sortby("object_name", ascending=False))
scenario("sortby levels of two dimensions", lambda: recording().sortby(["neuroid_id", "stimulus_id"]))
scenario("sortby a dimension", lambda: recording()[[3, 0, 2, 1]].sortby("presentation"))
scenario("sortby an array of values", lambda: recording().sortby(xr.DataArray([3, 1, 2, 0], dims=["presentation"])))
scenario("sortby its own level as an array", lambda: recording().sortby(recording()["object_name"]))
scenario("sortby the values of a neuroid", lambda: recording().sortby(recording()[:, 0]))
scenario("sortby an unknown name is an error", lambda: recording().sortby("colour"))
scenario("a copy is the same", lambda: recording().copy())
scenario("a deep copy is the same", lambda: copy.deepcopy(recording()))
scenario("a pickled assembly is the same", lambda: pickle.loads(pickle.dumps(recording())))
scenario("a pickled assembly has its attrs", lambda: pickle.loads(pickle.dumps(described())).attrs)
scenario("a pickled selection is the same", lambda: pickle.loads(pickle.dumps(recording()[:, [0, 2]])))
scenario("a copied assembly is the same", lambda: copy.copy(recording()))
scenario("a deep copy has its own values", lambda: copied_then_changed(copy.deepcopy))
scenario("a copy has its own values", lambda: copied_then_changed(lambda a: a.copy()))
scenario("a shallow copy shares values", lambda: copied_then_changed(lambda a: a.copy(deep=False)))
scenario("a re-wrapped assembly shares values", lambda: copied_then_changed(DataAssembly))
scenario("a copy with other data", lambda: recording().copy(data=np.zeros((4, 3))))
scenario(
    "slices share the stimulus set",
    lambda: (lambda a: a[1:].attrs["stimulus_set"] is a.attrs["stimulus_set"])(described()),
)
scenario(
    "copies share the stimulus set",
    lambda: (lambda a: a.copy().attrs["stimulus_set"] is a.attrs["stimulus_set"])(described()),
)
scenario("an attribute can be asked for by a dot", lambda: described().identifier)
scenario("a level can be asked for by a dot", lambda: recording().region.values)
scenario("stimulus_set can be asked for by a dot", lambda: described().stimulus_set)
scenario("an attr is assigned", lambda: (lambda a: (a.attrs.update(x=1), a.attrs)[1])(recording()))
scenario("to_dataset gives the array back", lambda: recording(name="v").to_dataset()["v"].values)
scenario("to_series of a level", lambda: recording()["object_name"].to_series().tolist())
scenario("to_dataframe has all levels", lambda: sorted(recording(name="v").to_dataframe().reset_index().columns))
scenario("to_pandas is a table", lambda: recording().to_pandas().to_numpy())
scenario("reindexing by a level of one dimension", lambda: DataAssembly([1, 2], {"x": [1, 2]}, ["x"]).reindex(x=[2, 3]))
scenario(
    "interpolating along a dimension of numbers",
    lambda: DataAssembly([1.0, 2.0], {"x": [1, 3]}, ["x"]).sel(x=2.2, method="nearest"),
)
