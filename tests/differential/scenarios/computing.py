"""Arithmetic, reductions and other calculations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from brainio.assemblies import NeuroidAssembly
from tests.differential.material import described, gappy, recording
from tests.differential.registry import scenario

if TYPE_CHECKING:
    from collections.abc import Callable

REDUCTIONS = ("mean", "sum", "std", "var", "median", "min", "max", "count", "prod", "any", "all")
ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "adding a number": lambda a: a + 1,
    "adding to a number": lambda a: 1 + a,
    "subtracting from a number": lambda a: 1 - a,
    "dividing": lambda a: a / 2,
    "a power": lambda a: a**2,
    "a remainder": lambda a: a % 3,
    "a negative": lambda a: -a,
    "an absolute value": lambda a: abs(a - 3),
    "a comparison": lambda a: a > 3,
    "equality": lambda a: a == a[::1],
    "adding itself": lambda a: a + a,
    "adding an array of numpy": lambda a: a + np.ones((4, 3)),
    "an in-place addition": lambda a: a.__iadd__(1),
    "a difference to the mean": lambda a: a - a.mean("presentation"),
    "a difference to the mean of neuroids": lambda a: a - a.mean("neuroid"),
    "a z-score": lambda a: (a - a.mean("presentation")) / a.std("presentation"),
    "a square root": np.sqrt,
    "where": lambda a: a.where(a > 3),
    "where by a level": lambda a: a.where(a["object_name"] == "car"),
    "where with another value": lambda a: a.where(a > 3, 0),
    "where that drops": lambda a: a.where(a["object_name"] == "car", drop=True),
    "clip": lambda a: a.clip(1, 5),
    "astype": lambda a: a.astype(int),
    "isnull": lambda a: a.isnull(),
    "notnull": lambda a: a.notnull(),
    "round": lambda a: a.round(1),
    "isin": lambda a: a.isin([1, 2]),
    "a cumulative sum": lambda a: a.cumsum("presentation"),
    "a shift": lambda a: a.shift(presentation=1),
    "a roll": lambda a: a.roll(presentation=1),
    "a difference along a dimension": lambda a: a.diff("presentation"),
    "a correlation": lambda a: xr.corr(a, a, "presentation"),
    "apply_ufunc": lambda a: xr.apply_ufunc(np.abs, a),
    "reduce": lambda a: a.reduce(np.median, "presentation"),
    "a quantile": lambda a: a.quantile(0.5, "presentation"),
    "argmax": lambda a: a.argmax("neuroid"),
    "ones_like": xr.ones_like,
    "zeros_like": xr.zeros_like,
    "a dot product": lambda a: a.dot(a, "neuroid"),
}
for name, calculation in ELEMENTWISE.items():
    scenario(f"computing: {name}", lambda calculation=calculation: calculation(recording()))
for name in REDUCTIONS:
    scenario(f"reducing over presentations: {name}", lambda name=name: getattr(recording(), name)("presentation"))
    scenario(f"reducing over everything: {name}", lambda name=name: getattr(recording(), name)())
for name in ("mean", "sum", "std", "median", "max", "count"):
    scenario(f"reducing skips missing values: {name}", lambda name=name: getattr(gappy(), name)("presentation"))
for dtype in ("float32", "int64", "bool", "int16"):
    scenario(f"the mean of {dtype}", lambda dtype=dtype: recording(dtype=dtype).mean("presentation"))
    scenario(f"the sum of {dtype}", lambda dtype=dtype: recording(dtype=dtype).sum("presentation"))
scenario("reducing over two dimensions", lambda: recording(times=True).mean(["neuroid", "time_bin"]))
scenario("reducing over an axis", lambda: recording().mean(axis=0))
scenario("reducing over an unknown dimension is an error", lambda: recording().mean("time"))
scenario("a mean of missing values that are not skipped", lambda: gappy().mean("presentation", skipna=False))
scenario("a mean keeps attrs on request", lambda: described().mean("presentation", keep_attrs=True).attrs)
scenario("a mean keeps attrs", lambda: described().mean("presentation").attrs)
scenario("a mean drops attrs on request", lambda: described().mean("presentation", keep_attrs=False).attrs)
scenario("arithmetic keeps attrs", lambda: (described() + 1).attrs)
scenario("arithmetic of two assemblies keeps attrs", lambda: (described() + described()).attrs)
scenario("fillna fills missing values", lambda: gappy().fillna(0))
scenario("combine_first fills missing values", lambda: gappy().combine_first(recording()))
scenario("arithmetic matches reordered presentations", lambda: recording() - recording()[::-1])
scenario("arithmetic matches reordered neuroids", lambda: recording() - recording()[:, [2, 0, 1]])
scenario("arithmetic keeps only shared presentations", lambda: recording() + recording()[1:3])
scenario("arithmetic with a vector over neuroids", lambda: recording() * xr.DataArray([1, 2, 3], dims=["neuroid"]))
scenario("arithmetic with a vector that comes first", lambda: xr.DataArray([1, 2, 3], dims=["neuroid"]) * recording())
scenario("assemblies with other levels", lambda: recording() - recording().mean("presentation") * 2)
scenario("values are assigned by position", lambda: assigned(0, -1))
scenario("values are assigned by a dictionary", lambda: assigned({"neuroid": 1}, -1))
scenario("values are assigned by a mask", lambda: assigned(np.array([True, False, False, True]), -1))
scenario(
    "equals tells the same from other values", lambda: [a.equals(recording()) for a in (recording(), recording() + 1)]
)
scenario("identical tells the same assemblies", lambda: recording().identical(recording()))
scenario("identical never raises because of the stimulus set", lambda: described().identical(described()))
scenario("an assembly of one value becomes a number", lambda: float(recording().mean()))
scenario("broadcasting gives all dimensions", lambda: xr.broadcast(recording(), recording()[0])[1].values)
scenario("a comparison of text levels", lambda: (recording()["region"] == "IT").values)


def assigned(key: Any, value: float) -> Any:
    """Assign to a part of a recording."""
    array: Any = NeuroidAssembly(recording())
    array[key] = value
    return array
