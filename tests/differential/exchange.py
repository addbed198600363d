"""Files that one implementation writes and the other reads: netCDF in both directions, pickles in one.

`data/` has the files of brainscore-brainio 1.1.0.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from brainio.assemblies import BehavioralAssembly, DataAssembly, NeuroidAssembly, SpikeTimesAssembly
from brainio.packaging import write_netcdf
from tests.differential.material import behavior, described, gappy, recording, spike_times, stimulus_set

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITTEN: dict[str, tuple[Any, Callable[[], Any]]] = {
    "recording": (NeuroidAssembly, recording),
    "recording_with_times": (NeuroidAssembly, lambda: recording(times=True)),
    "recording_with_attrs": (NeuroidAssembly, described),
    "float32": (NeuroidAssembly, lambda: recording(dtype="float32")),
    "integers": (NeuroidAssembly, lambda: recording(dtype="int64")),
    "truth_values": (NeuroidAssembly, lambda: recording(dtype=bool)),
    "missing_value": (NeuroidAssembly, gappy),
    "transposed": (NeuroidAssembly, lambda: recording().transpose("neuroid", "presentation")),
    "selection": (NeuroidAssembly, lambda: recording()[1:, [0, 2]]),
    "two_levels": (BehavioralAssembly, lambda: behavior(BehavioralAssembly, stimulus_id=["a", "b"], choice=["x", "y"])),
    "one_level": (BehavioralAssembly, lambda: behavior(BehavioralAssembly, stimulus_id=["a", "b"])),
    "level_with_gap": (DataAssembly, lambda: behavior(DataAssembly, a=[1.5, np.nan, 2.5], b=[1, 2, 3])),
    "text_of_many_scripts": (DataAssembly, lambda: behavior(DataAssembly, a=["ä", "日本"], b=["", "x y"])),
    "scalar": (NeuroidAssembly, lambda: recording().assign_coords(session=7)),
    "spikes": (SpikeTimesAssembly, spike_times),
}


PICKLED: dict[str, Callable[[], Any]] = {
    **{name: WRITTEN[name][1] for name in ("recording", "recording_with_times", "recording_with_attrs", "selection")},
    **{name: WRITTEN[name][1] for name in ("two_levels", "level_with_gap", "scalar", "spikes")},
    "grouped": lambda: recording().multi_groupby(["stimulus_id", "object_name"]).mean(),
    "stimulus_set": stimulus_set,
}


def write_files(folder: Path) -> None:
    """Write every file and pickle with the `brainio` of this interpreter."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, make) in WRITTEN.items():
        (folder / f"{name}.nc").unlink(missing_ok=True)
        write_netcdf(make(), folder / f"{name}.nc")
    for name, make in PICKLED.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(make()))


def reader(name: str) -> Callable[[Path], Any]:
    """Return the function that reads one of the files."""
    cls = WRITTEN[name][0]
    stimuli = {"stimulus_set_identifier": "lab.Set", "stimulus_set": stimulus_set()} if name == "recording" else {}
    return lambda folder: cls.from_files(folder / f"{name}.nc", **stimuli)


def unpickler(name: str) -> Callable[[Path], Any]:
    """Return the function that reads one of the pickles."""
    return lambda folder: pickle.loads((folder / f"{name}.pkl").read_bytes())


def _named(kind: str, name: str) -> str:
    return f"the {kind} {name.replace('_', ' ')} is read"


FILE_READERS = {_named("file", name): reader(name) for name in WRITTEN}
PICKLE_READERS = {_named("pickle", name): unpickler(name) for name in PICKLED}
READERS = {**FILE_READERS, **PICKLE_READERS}
