"""Data of the scenarios: a small recording, a stimulus set and their files.

Results are typed loosely: the scenarios run with two versions of the same interface.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from brainio.assemblies import NeuroidAssembly, SpikeTimesAssembly
from brainio.stimuli import StimulusSet


def coordinates(times: bool = False) -> dict[str, Any]:
    """Return the coordinates of the recording."""
    coords: dict[str, Any] = {
        "stimulus_id": ("presentation", ["a", "b", "a", "c"]),
        "repetition": ("presentation", [0, 0, 1, 0]),
        "object_name": ("presentation", ["dog", "car", "dog", "car"]),
        "neuroid_id": ("neuroid", ["n0", "n1", "n2"]),
        "region": ("neuroid", ["IT", "V4", "IT"]),
        "animal": ("neuroid", ["Tito", "Tito", "Chabo"]),
    }
    if times:
        coords["time_bin_start"] = ("time_bin", [70, 90])
        coords["time_bin_end"] = ("time_bin", [90, 110])
    return coords


def recording(cls: Any = NeuroidAssembly, times: bool = False, dtype: Any = float, **kwargs: Any) -> Any:
    """Return four presentations of three stimuli (`a` twice) to three neuroids, without attrs unless given."""
    shape = (4, 3, 2) if times else (4, 3)
    dims = ["presentation", "neuroid", "time_bin"][: len(shape)]
    values = (np.arange(np.prod(shape)) * 7 % 11).reshape(shape).astype(dtype)
    return cls(values, coords=coordinates(times), dims=dims, **kwargs)


def described(**kwargs: Any) -> Any:
    """Return the recording with the attrs of a loaded one."""
    attrs = {"identifier": "lab.A", "stimulus_set_identifier": "lab.Set", "stimulus_set": stimulus_set()}
    return recording(attrs=attrs, **kwargs)


def gappy() -> Any:
    """Return the recording with one missing value."""
    array = recording()
    array.values[1, 2] = np.nan
    return array


def behavior(cls: Any, **coords: Any) -> Any:
    """Return one value for each presentation of the given coordinates."""
    size = len(next(iter(coords.values())))
    return cls(
        np.arange(float(size)), coords={k: ("presentation", v) for k, v in coords.items()}, dims=["presentation"]
    )


def plain_array() -> Any:
    """Return an array of xarray with two coordinates a dimension and no index."""
    return recording(xr.DataArray)


def spike_times() -> Any:
    """Return five spikes of two neuroids."""
    return SpikeTimesAssembly(
        np.array([0.1, 0.25, 0.3, 1.5, 2.0]),
        coords={"neuroid_id": ("event", ["n0", "n0", "n1", "n1", "n0"]), "presentation": ("event", [0, 0, 0, 1, 1])},
        dims=["event"],
    )


def stimulus_set() -> Any:
    """Return a set of three stimuli."""
    table = StimulusSet(
        [
            {"stimulus_id": "a", "object_name": "dog", "size": 1.5},
            {"stimulus_id": "b", "object_name": "car", "size": 2.5},
            {"stimulus_id": "c", "object_name": "car", "size": 3.5},
        ]
    )
    table.identifier = "lab.Set"
    table.stimulus_paths = {i: Path(f"/stimuli/{i}.png") for i in "abc"}
    return table


CSV = "stimulus_id,filename,object_name,size\na,a.png,dog,1.5\nb,b.png,car,2.5\nc,c.png,car,3.5\n"


def stimulus_files(folder: Path, text: str = CSV, key: str = "stimulus_id") -> tuple[Path, Path]:
    """Write a CSV and the files of three stimuli; give the path of the CSV and of the folder."""
    csv_path = folder / "set.csv"
    csv_path.write_text(text.replace("stimulus_id", key))
    directory = folder / "files"
    directory.mkdir(exist_ok=True)
    for name in "abc":
        (directory / f"{name}.png").write_bytes(name.encode())
    return csv_path, directory
