"""Listing coordinates and levels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from brainio.assemblies import array_is_element, coords_for_dim, get_levels, get_metadata, walk_coords
from tests.differential.material import plain_array, recording
from tests.differential.registry import scenario


def listed(entries: Any) -> Any:
    return sorted([name, list(dims), np.asarray(values).tolist()] for name, dims, values in entries)


def in_order(entries: Any) -> Any:
    return [name for name, _, _ in entries]


def with_scalar() -> Any:
    return recording().assign_coords(session=7)


def with_two_dimensions() -> Any:
    return recording().assign_coords(both=(("presentation", "neuroid"), np.ones((4, 3))))


ARRAYS = {
    "an assembly": recording,
    "an assembly with times": lambda: recording(times=True),
    "an assembly with a scalar": with_scalar,
    "an assembly with a coordinate of two dimensions": with_two_dimensions,
    "a DataArray": plain_array,
    "a selection": lambda: recording()[1:, [0]],
    "a transposed assembly": lambda: recording().transpose("neuroid", "presentation"),
}
for case, make in ARRAYS.items():
    scenario(f"walk_coords of {case}", lambda make=make: listed(walk_coords(make())))
    scenario(f"get_levels of {case}", lambda make=make: sorted(map(str, get_levels(make()))))
    scenario(
        f"coords_for_dim of {case}",
        lambda make=make: {
            str(k): np.asarray(getattr(v, "values", v)) for k, v in coords_for_dim(make(), "neuroid").items()
        },
    )
    scenario(f"get_metadata of {case}", lambda make=make: listed(get_metadata(make())))
    scenario(
        f"get_metadata of a dimension of {case}", lambda make=make: listed(get_metadata(make(), dims=("neuroid",)))
    )
for coords, indexes, levels in itertools.product((True, False), repeat=3):
    chosen = {"include_coords": coords, "include_indexes": indexes, "include_levels": levels}
    words = ", ".join(f"{k.split('_')[1]} {v}" for k, v in chosen.items())
    scenario(
        f"get_metadata names with {words}",
        lambda chosen=chosen: sorted(get_metadata(with_scalar(), names_only=True, **chosen)),
    )
scenario(
    "get_metadata of whole multi-indexes",
    lambda: sorted(get_metadata(recording(), names_only=True, include_multi_indexes=True, include_levels=False)),
)
scenario("get_metadata of an unknown dimension is empty", lambda: list(get_metadata(recording(), dims=("time",))))
scenario("walk_coords lists in order", lambda: in_order(walk_coords(recording())))
scenario("get_metadata lists in order", lambda: in_order(get_metadata(recording())))
scenario("get_levels lists in order", lambda: list(get_levels(recording())))
scenario("array_is_element finds a row", lambda: array_is_element(np.array([[1, 2], [3, 4]]), np.array([3, 4])))
scenario("array_is_element misses a row", lambda: array_is_element(np.array([[1, 2], [3, 4]]), np.array([4, 3])))
scenario("array_is_element finds text", lambda: array_is_element(np.array(["a", "b"]), "b"))
scenario("array_is_element finds a number", lambda: array_is_element(np.array([1, 2]), 2))
scenario("array_is_element misses a number", lambda: array_is_element(np.array([1, 2]), 5))
scenario("array_is_element of nothing", lambda: array_is_element(np.array([]), 5))
scenario("array_is_element of a list", lambda: array_is_element([1, 2, 3], 3))
scenario("a dimension gives tuples of all levels", lambda: recording()["presentation"].values.tolist())
scenario("the index of a dimension names its levels", lambda: list(recording()["presentation"].to_index().names))
scenario("the index of a dimension is a multi-index", lambda: recording().indexes["neuroid"])
scenario("the unique values of a level", lambda: np.unique(recording()["object_name"]))
scenario("the values of a level", lambda: recording()["object_name"].values)
scenario("an array that is a level", lambda: recording()["region"].values.tolist())
scenario("a level that does not exist is an error", lambda: recording()["colour"])
scenario("hasattr tells levels", lambda: [hasattr(recording(), name) for name in ("region", "colour")])
scenario("a name is among the coords", lambda: "neuroid" in recording().coords)
scenario("a level is among the coords", lambda: "region" in recording().coords)
scenario("the names of the coords", lambda: sorted(recording().coords))
scenario("the names of the indexes", lambda: sorted(recording().indexes))
scenario("sizes tell the lengths of dimensions", lambda: dict(recording().sizes))
