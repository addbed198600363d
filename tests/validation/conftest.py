"""A valid stimulus set and assembly, in memory and as files, in which tests plant faults."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainio.assemblies import NeuroidAssembly
from brainio.stimuli import StimulusSet

COUNT = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with twelve pictures and their table."""
    folder = tmp_path / "stimuli"
    folder.mkdir()
    lines = ["stimulus_id,filename,object_name,size_px"]
    for number in range(COUNT):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / f"im{number}.png")
        lines.append(f"s{number},im{number}.png,object{number % 3},{4 + number}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def stimuli(folder: Path) -> StimulusSet:
    """A stimulus set of twelve pictures on disk."""
    stimuli = StimulusSet.from_files(folder / "table.csv", folder)
    stimuli.identifier = "lab.Doe2026.stimuli"
    return stimuli


@pytest.fixture
def assembly() -> NeuroidAssembly:
    """Two presentations of each stimulus to four neuroids, in two time bins."""
    ids = [f"s{number}" for number in range(COUNT)] * 2
    return NeuroidAssembly(
        np.arange(len(ids) * 8, dtype=np.float32).reshape(len(ids), 4, 2),
        coords={
            "stimulus_id": ("presentation", ids),
            "repetition": ("presentation", [0] * COUNT + [1] * COUNT),
            "object_name": ("presentation", [f"object{number % 3}" for number in range(COUNT)] * 2),
            "neuroid_id": ("neuroid", ["a", "b", "c", "d"]),
            "region": ("neuroid", ["V4", "V4", "IT", "IT"]),
            "time_bin_start": ("time_bin", [70, 170]),
            "time_bin_end": ("time_bin", [170, 270]),
        },
        dims=["presentation", "neuroid", "time_bin"],
        attrs={"identifier": "lab.Doe2026", "stimulus_set_identifier": "lab.Doe2026.stimuli"},
    )
