"""Selecting by level, by position and by mask."""

from __future__ import annotations

import numpy as np

from brainio.assemblies import DataAssembly
from tests.differential.material import behavior, described, gappy, recording
from tests.differential.registry import scenario

scenario("a scalar of a level selects its positions", lambda: recording().sel(object_name="car").values)
scenario("a scalar of a level keeps the dimension and the other levels", lambda: recording().sel(object_name="car"))
scenario("a scalar of a level of numbers selects", lambda: recording().sel(repetition=0))
scenario("a scalar that leaves one position keeps the dimension", lambda: recording().sel(stimulus_id="b"))
scenario("a scalar that leaves one level keeps its name", lambda: recording().sel(stimulus_id="a", repetition=1))
scenario(
    "scalars of all levels keep the dimension", lambda: recording().sel(neuroid_id="n1", region="V4", animal="Tito")
)
scenario("scalars of two dimensions select", lambda: recording().sel(object_name="car", region="IT"))
scenario("a scalar of a level of the second dimension selects", lambda: recording().sel(region="IT"))
scenario("a scalar of a time level selects", lambda: recording(times=True).sel(time_bin_start=70))
scenario("a scalar drops the level on request", lambda: recording().sel(object_name="car", drop=True))
scenario("selecting keeps attrs", lambda: described().sel(region="IT").attrs)
scenario("selecting keeps missing values", lambda: gappy().sel(region="IT").values)
scenario("a list of a level selects by membership", lambda: recording().sel(object_name=["car"]))
scenario("a list of a level keeps the order of the assembly", lambda: recording().sel(stimulus_id=["c", "a"]))
scenario("an array of a level selects by membership", lambda: recording().sel(neuroid_id=np.array(["n2", "n0"])))
scenario("a list of one value keeps the dimension", lambda: recording().sel(neuroid_id=["n1"]))
scenario("a slice of a level selects by membership", lambda: recording().sel(stimulus_id=slice("a", "b")))
scenario("a slice of positions selects", lambda: recording()[1:3])
scenario("a slice with a step selects", lambda: recording()[::2])
scenario("a reversed assembly", lambda: recording()[::-1])
scenario("no match is an error", lambda: recording().sel(region="V1"))
scenario("an unknown level is an error", lambda: recording().sel(colour="red"))
scenario("a list without a match is an error", lambda: recording().sel(region=["V1"]))
scenario("two scalars that never meet are an error", lambda: recording().sel(stimulus_id="b", repetition=1))
scenario("a mask selects positions", lambda: recording()[np.array([True, False, True, False])])
scenario("a mask array selects positions", lambda: recording()[recording()["object_name"] == "car"])
scenario("a mask of values selects positions", lambda: recording()[(recording()["object_name"] == "car").values])
scenario("sel takes a mask of the dimension", lambda: recording().sel(neuroid=np.array([True, False, True])))
scenario("sel takes a mask array", lambda: recording().sel(presentation=recording()["object_name"] == "car"))
scenario("isel takes a mask", lambda: recording().isel(neuroid=np.array([True, False, True])))
scenario("isin gives a mask", lambda: recording()[recording()["object_name"].isin(["car"])])
scenario("a mask in a dictionary selects", lambda: recording()[{"presentation": recording()["repetition"] == 0}])
scenario("positions in a dictionary select", lambda: recording()[{"presentation": [3, 0]}])
scenario(
    "two masks are combined",
    lambda: recording()[((recording()["object_name"] == "dog") & (recording()["repetition"] == 1)).values],
)
scenario("a dimension with a dictionary of levels selects", lambda: recording().sel(neuroid={"region": "IT"}))
scenario(
    "a dimension with two levels in a dictionary selects",
    lambda: recording().sel(neuroid={"region": "IT", "animal": "Tito"}),
)
scenario("loc selects by a level", lambda: recording().loc[{"region": "IT"}])
scenario("a tuple of all levels selects one position", lambda: recording().sel(presentation=("a", 1, "dog")).values)
scenario("a list of tuples of all levels selects positions", lambda: recording().sel(presentation=[("a", 1, "dog")]))
scenario("isel of an integer drops the dimension", lambda: recording().isel(presentation=1))
scenario("isel of an integer gives the values", lambda: recording().isel(presentation=1).values)
scenario("isel of an integer keeps the class", lambda: type(recording().isel(presentation=1)))
scenario(
    "isel of an integer leaves the levels as scalars", lambda: recording().isel(presentation=1)["object_name"].item()
)
scenario("isel of a list selects in its order", lambda: recording().isel(presentation=[2, 0]))
scenario("isel of a slice selects", lambda: recording().isel(neuroid=slice(1, None)))
scenario("isel of no position gives an empty assembly", lambda: recording().isel(neuroid=[]))
scenario("isel beyond the end is an error", lambda: recording().isel(neuroid=7))
scenario("positions of two dimensions select", lambda: recording()[[0, 3], [2, 1]])
scenario("an integer in brackets drops the dimension", lambda: recording()[0].values)
scenario("iterating gives the presentations", lambda: [row.values for row in recording()])
scenario("a selection of a selection", lambda: recording()[1:].sel(neuroid=np.array([True, True, False])))
scenario("multisel keeps a selected level along the dimension", lambda: recording().multisel(object_name="car"))
scenario("multisel of two dimensions", lambda: recording().multisel(object_name="car", region="IT"))
scenario("multisel of two levels of a dimension", lambda: recording().multisel(object_name="dog", repetition=0))
scenario("multisel of one position", lambda: recording().multisel(stimulus_id="b"))
scenario("multisel of all levels", lambda: recording().multisel(stimulus_id="a", repetition=1, object_name="dog"))
scenario("multisel of a list", lambda: recording().multisel(stimulus_id=["a", "c"]))
scenario("multisel without a match is an error", lambda: recording().multisel(region="V1"))
scenario("multisel keeps attrs", lambda: described().multisel(region="IT").attrs)
scenario("a level can be asked for after a mask", lambda: recording()[:, [0, 2]]["region"].values)
scenario("head takes the first positions", lambda: recording().head(presentation=2))
scenario("tail takes the last positions", lambda: recording().tail(presentation=2))
scenario("thin takes every second position", lambda: recording().thin(presentation=2))
scenario("drop_isel leaves positions away", lambda: recording().drop_isel(presentation=[0]))
scenario("dropna leaves presentations with missing values away", lambda: gappy().dropna("presentation"))
scenario(
    "multisel in a dimension of two levels",
    lambda: recording(times=True).transpose("time_bin", "presentation", "neuroid").multisel(time_bin_start=70),
)
scenario(
    "a scalar of a level of fractions selects",
    lambda: behavior(DataAssembly, size=[0.5, 1.5, 0.5], trial=[1, 2, 3]).sel(size=0.5).values,
)
