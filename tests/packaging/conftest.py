"""A small stimulus set and a small assembly, ready to be packaged."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainio.assemblies import NeuroidAssembly
from brainio.stimuli import StimulusSet


@pytest.fixture
def stimuli(tmp_path: Path) -> StimulusSet:
    folder = tmp_path / "images"
    folder.mkdir()
    rows, paths = [], {}
    for number in range(3):
        stimulus_id = f"s{number}"
        paths[stimulus_id] = folder / f"image{number}.png"
        Image.new("RGB", (4, 4), (number, 0, 0)).save(paths[stimulus_id])
        rows.append({"stimulus_id": stimulus_id, "object_name": f"object{number}", "size_px": 4 + number})
    made = StimulusSet(rows)
    made.stimulus_paths = paths
    made.identifier = "lab.Doe2026.stimuli"
    return made


@pytest.fixture
def assembly() -> NeuroidAssembly:
    return NeuroidAssembly(
        np.arange(24, dtype=np.float32).reshape(6, 4, 1),
        coords={
            "stimulus_id": ("presentation", ["s0", "s1", "s2"] * 2),
            "repetition": ("presentation", [0, 0, 0, 1, 1, 1]),
            "neuroid_id": ("neuroid", ["a", "b", "c", "d"]),
            "region": ("neuroid", ["V4", "V4", "IT", "IT"]),
            "time_bin_start": ("time_bin", [70]),
            "time_bin_end": ("time_bin", [170]),
        },
        dims=["presentation", "neuroid", "time_bin"],
    )
