"""Writing netCDF files and reading them back: loaders, joined stimulus metadata, extras, spike times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from brainio.assemblies import (
    AssemblyLoader,
    BehavioralAssembly,
    DataAssembly,
    GroupAppendAssemblyLoader,
    MetadataAssembly,
    NeuroidAssembly,
    PropertyAssembly,
    SpikeTimesAssembly,
    StimulusMergeAssemblyLoader,
    StimulusReferenceAssemblyLoader,
)
from brainio.packaging import write_netcdf
from tests.differential.material import behavior, described, gappy, plain_array, recording, spike_times, stimulus_set
from tests.differential.registry import scenario

if TYPE_CHECKING:
    from pathlib import Path


def stored(folder: Path, array: Any, loader: Any = AssemblyLoader, cls: Any = NeuroidAssembly, **kwargs: Any) -> Any:
    """Write an assembly and read it back with a loader."""
    path = folder / "assembly.nc"
    write_netcdf(array, path)
    return loader(cls, path, **kwargs).load()


def stored_by_xarray(folder: Path, dataset: Any, cls: Any = NeuroidAssembly) -> Any:
    path = folder / "assembly.nc"
    dataset.to_netcdf(path)
    return AssemblyLoader(cls, path).load()


def without_metadata() -> Any:
    """Return the recording without the columns of its stimulus set."""
    return NeuroidAssembly(plain_array().drop_vars("object_name"))


def with_extra(folder: Path) -> Any:
    """Write an assembly and an extra in a group next to it, and read both."""
    path = folder / "assembly.nc"
    write_netcdf(recording(), path)
    extra = DataAssembly(
        np.arange(3.0), {"session_id": ("session", list("xyz")), "day": ("session", [1, 2, 3])}, ["session"]
    )
    write_netcdf(extra, path, append=True, group="sessions")
    return path


def spikes_with_extra(folder: Path) -> Any:
    """Write spike times and an extra, and read them with the loader of the class."""
    path = folder / "spikes.nc"
    write_netcdf(spike_times(), path)
    extra = DataAssembly(
        np.arange(3.0),
        {"stimulus_id": ("presentation", list("abc")), "trial": ("presentation", [0, 1, 2])},
        ["presentation"],
    )
    write_netcdf(extra, path, append=True, group="presentations")
    return SpikeTimesAssembly.from_files(path, stimulus_set_identifier="lab.Set", stimulus_set=stimulus_set())


def missing_in_set(folder: Path) -> Any:
    lacking = stimulus_set()[:2]
    return stored(folder, without_metadata(), StimulusMergeAssemblyLoader, stimulus_set=lacking)


def reordered(folder: Path) -> Any:
    shuffled = stimulus_set()[::-1]
    return stored(folder, without_metadata(), StimulusMergeAssemblyLoader, stimulus_set=shuffled)


def older_names() -> Any:
    return (
        plain_array()
        .drop_vars(["object_name", "repetition"])
        .rename({"stimulus_id": "image_id"})
        .rename("data")
        .to_dataset()
    )


def older(folder: Path) -> Any:
    return stored_by_xarray(folder, older_names())


def older_spikes(folder: Path) -> Any:
    write_netcdf(spike_times(), folder / "s.nc")
    return GroupAppendAssemblyLoader(SpikeTimesAssembly, folder / "s.nc").load()


scenario("a stored assembly is read back", lambda folder: stored(folder, recording()))
scenario("a stored assembly with times is read back", lambda folder: stored(folder, recording(times=True)))
scenario("a stored selection is read back", lambda folder: stored(folder, recording()[:, [0, 2]]))
scenario(
    "a stored assembly in another order is read back",
    lambda folder: stored(folder, recording().transpose("neuroid", "presentation")),
)
scenario("a stored assembly with missing values is read back", lambda folder: stored(folder, gappy()))
for dtype in ("float32", "int64", "int16", "uint8", "bool"):
    scenario(
        f"a stored assembly of {dtype} is read back", lambda folder, dtype=dtype: stored(folder, recording(dtype=dtype))
    )
scenario(
    "a stored assembly of text is read back",
    lambda folder: stored(
        folder, DataAssembly(np.array(["x", "yy"]), {"a": ("p", [1, 2]), "b": ("p", [3, 4])}, ["p"]), cls=DataAssembly
    ),
)
scenario(
    "a stored mean is read back", lambda folder: stored(folder, recording().mean("presentation"), cls=DataAssembly)
)
scenario(
    "a stored attribute is read back",
    lambda folder: stored(folder, recording(attrs={"identifier": "lab.A", "year": 2015})).attrs,
)
scenario("the stimulus set is not stored", lambda folder: sorted(stored(folder, described()).attrs))
scenario("the name of a stored assembly", lambda folder: stored(folder, recording(name="firing")).name)
scenario("a stored scalar is read back", lambda folder: stored(folder, recording().assign_coords(session=7)))
scenario(
    "a stored coordinate of two dimensions is read back",
    lambda folder: stored(
        folder, recording().assign_coords(both=(("presentation", "neuroid"), np.arange(12).reshape(4, 3)))
    ),
)
scenario(
    "a stored vector is read back",
    lambda folder: stored(
        folder, behavior(BehavioralAssembly, stimulus_id=["a", "b"], choice=["x", "y"]), cls=BehavioralAssembly
    ),
)
scenario(
    "one stored coordinate is read back",
    lambda folder: stored(folder, behavior(BehavioralAssembly, stimulus_id=["a", "b"]), cls=BehavioralAssembly),
)
scenario(
    "one stored coordinate can be asked for by name",
    lambda folder: (
        stored(folder, behavior(BehavioralAssembly, stimulus_id=["a", "b"]), cls=BehavioralAssembly)[
            "stimulus_id"
        ].values
    ),
)
scenario(
    "text of many scripts is read back",
    lambda folder: stored(folder, behavior(DataAssembly, a=["ä", "日本", "🐈"], b=["", "x y", "z"]), cls=DataAssembly),
)
scenario(
    "numbers of a level are read back",
    lambda folder: stored(folder, behavior(DataAssembly, a=[1.5, np.nan, 2.5], b=[1, 2, 3]), cls=DataAssembly),
)
scenario(
    "truth values of a level are read back",
    lambda folder: stored(folder, behavior(DataAssembly, a=[True, False, True], b=[1, 2, 3]), cls=DataAssembly),
)
scenario("a stored DataArray is read back", lambda folder: stored(folder, plain_array()))
scenario(
    "a file is written without compression",
    lambda folder: (
        write_netcdf(recording(), folder / "f.nc", compress=False),
        DataAssembly.from_files(folder / "f.nc").values,
    )[1],
)
scenario("writing gives a SHA-1", lambda folder: len(write_netcdf(recording(), folder / "f.nc")))
scenario(
    "the data variable of a written file",
    lambda folder: (write_netcdf(recording(), folder / "f.nc"), list(xr.open_dataset(folder / "f.nc").data_vars))[1],
)
scenario(
    "the dimensions of a written file",
    lambda folder: (
        write_netcdf(recording(), folder / "f.nc"),
        sorted(map(str, xr.open_dataset(folder / "f.nc").sizes)),
    )[1],
)
scenario(
    "the variables of a written file",
    lambda folder: (
        write_netcdf(recording(), folder / "f.nc"),
        sorted(map(str, xr.open_dataset(folder / "f.nc").variables)),
    )[1],
)
scenario(
    "from_files joins the stimulus set",
    lambda folder: (
        write_netcdf(without_metadata(), folder / "f.nc"),
        NeuroidAssembly.from_files(folder / "f.nc", stimulus_set_identifier="lab.Set", stimulus_set=stimulus_set()),
    )[1],
)
scenario(
    "from_files of a property assembly does not join",
    lambda folder: (
        write_netcdf(without_metadata(), folder / "f.nc"),
        PropertyAssembly.from_files(folder / "f.nc", stimulus_set_identifier="lab.Set", stimulus_set=stimulus_set()),
    )[1],
)
scenario(
    "from_files without a stimulus set",
    lambda folder: (write_netcdf(recording(), folder / "f.nc"), NeuroidAssembly.from_files(folder / "f.nc"))[1],
)
scenario(
    "joining adds the columns of the set",
    lambda folder: stored(folder, without_metadata(), StimulusMergeAssemblyLoader, stimulus_set=stimulus_set()),
)
scenario(
    "joining with an identifier",
    lambda folder: (
        stored(
            folder,
            without_metadata(),
            StimulusMergeAssemblyLoader,
            stimulus_set_identifier="lab.Set",
            stimulus_set=stimulus_set(),
        ).attrs
    ),
)
scenario("joining with a set in another order", reordered)
scenario(
    "joining does not replace a level",
    lambda folder: stored(folder, recording(), StimulusMergeAssemblyLoader, stimulus_set=stimulus_set()),
)
scenario(
    "joining along the second dimension",
    lambda folder: stored(
        folder,
        without_metadata().transpose("neuroid", "presentation"),
        StimulusMergeAssemblyLoader,
        stimulus_set=stimulus_set(),
    ),
)
scenario("joining with a set that lacks a stimulus", missing_in_set)
scenario(
    "a joined level can be selected on",
    lambda folder: (
        stored(folder, without_metadata(), StimulusMergeAssemblyLoader, stimulus_set=stimulus_set())
        .sel(object_name="car")
        .values
    ),
)
scenario(
    "a reference does not join",
    lambda folder: stored(
        folder,
        without_metadata(),
        StimulusReferenceAssemblyLoader,
        stimulus_set_identifier="lab.Set",
        stimulus_set=stimulus_set(),
    ),
)
scenario("image_id of older files gives stimulus_id", older)
scenario(
    "a file with two data variables is refused",
    lambda folder: stored_by_xarray(folder, xr.Dataset({"x": ("p", [1, 2]), "y": ("p", [1, 2])}), DataAssembly),
)
scenario(
    "a variable of another name is the data",
    lambda folder: stored_by_xarray(folder, older_names().rename({"data": "dprime"})).name,
)
scenario(
    "a file that is not netCDF is refused",
    lambda folder: ((folder / "f.nc").write_text("no"), DataAssembly.from_files(folder / "f.nc"))[1],
)
scenario("a file that is not there is refused", lambda folder: DataAssembly.from_files(folder / "f.nc"))
scenario(
    "an extra is read from its group",
    lambda folder: AssemblyLoader(MetadataAssembly, with_extra(folder), group="sessions").load(),
)
scenario("the root beside an extra is read", lambda folder: AssemblyLoader(NeuroidAssembly, with_extra(folder)).load())
scenario(
    "extras of a neuroid assembly are not read by its loader",
    lambda folder: sorted(NeuroidAssembly.from_files(with_extra(folder)).attrs),
)
scenario(
    "extras are read by the group loader",
    lambda folder: GroupAppendAssemblyLoader(NeuroidAssembly, with_extra(folder)).load().attrs["sessions"],
)
scenario(
    "a group that is not there is refused",
    lambda folder: AssemblyLoader(MetadataAssembly, with_extra(folder), group="days").load(),
)
scenario("spike times are read with their extras", spikes_with_extra)
scenario("spike times without extras are read", older_spikes)
scenario("spike times are selected", lambda: spike_times().sel(neuroid_id=["n0"]).values)
scenario("spike times are masked", lambda: spike_times()[spike_times()["neuroid_id"] == "n1"])
scenario("spike times validate", lambda: spike_times().validate())
scenario("spike times are made", spike_times)
scenario("spikes are counted by neuroid", lambda: spike_times().multi_groupby(["neuroid_id"]).count())
scenario(
    "spikes are counted by neuroid and presentation",
    lambda: (
        SpikeTimesAssembly(
            np.arange(4.0), {"neuroid_id": ("event", list("aabb")), "trial": ("event", [0, 0, 0, 1])}, ["event"]
        )
        .multi_groupby(["neuroid_id", "trial"])
        .count()
    ),
)
scenario("spike times beside a level named presentation", lambda: spike_times()["presentation"].values)
scenario(
    "the loader of each class",
    lambda: [
        cls.get_loader_class()
        for cls in (DataAssembly, NeuroidAssembly, PropertyAssembly, SpikeTimesAssembly, MetadataAssembly)
    ],
)
scenario(
    "a stored sum over groups is read back",
    lambda folder: stored(folder, recording().multi_groupby(["stimulus_id", "object_name"]).sum()),
)
