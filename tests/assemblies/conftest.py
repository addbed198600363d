"""An assembly small enough to know by heart."""

from __future__ import annotations

import numpy as np
import pytest

from brainio.assemblies import NeuroidAssembly
from brainio.stimuli import StimulusSet


def make_assembly() -> NeuroidAssembly:
    """Four presentations of three stimuli (`a` twice) to three neuroids; the values count from 0 row by row."""
    stimulus_set = StimulusSet([{"stimulus_id": "a"}, {"stimulus_id": "b"}, {"stimulus_id": "c"}])
    stimulus_set.identifier = "lab.Set"
    return NeuroidAssembly(
        np.arange(12.0).reshape(4, 3),
        coords={
            "stimulus_id": ("presentation", ["a", "b", "a", "c"]),
            "repetition": ("presentation", [0, 0, 1, 0]),
            "category": ("presentation", ["x", "y", "x", "y"]),
            "neuroid_id": ("neuroid", ["n0", "n1", "n2"]),
            "region": ("neuroid", ["IT", "V4", "IT"]),
        },
        dims=["presentation", "neuroid"],
        attrs={"identifier": "lab.A", "stimulus_set_identifier": "lab.Set", "stimulus_set": stimulus_set},
    )


@pytest.fixture
def assembly() -> NeuroidAssembly:
    return make_assembly()
