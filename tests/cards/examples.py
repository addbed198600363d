"""Data whose cards together have every field of a card."""

from pathlib import Path

import numpy as np
from PIL import Image

from brainio.assemblies import BehavioralAssembly, DataAssembly, MetadataAssembly, NeuroidAssembly, SpikeTimesAssembly
from brainio.cards import compute_card
from brainio.catalogs import resolve
from brainio.catalogs.cards import Card, read_card
from brainio.catalogs.entries import CARD_FIELD
from brainio.stimuli import StimulusSet

FACTS = {
    "license": "CC-BY-4.0",
    "citation": "Doe, J. (2026). On cards.",
    "doi": "10.1234/cards",
    "authors": [{"name": "Josiah Carberry", "orcid": "0000-0002-1825-0097"}, "Jane Doe"],
    "species": ["Macaca mulatta"],
    "regions": ["IT", "V4"],
    "animals": ["Chabo", "Tito"],
    "status_reason": "a test",
}


def recording(stimuli: int = 6, repetitions: int = 4, neuroids: int = 5, bins: int = 3) -> NeuroidAssembly:
    """Return responses of neuroids with increasing noise; one value is missing, and one is infinite."""
    random = np.random.default_rng(0)
    signal = random.normal(size=(stimuli, 1, neuroids, bins))
    noise = random.normal(size=(stimuli, repetitions, neuroids, bins)) * np.linspace(0.1, 3, neuroids)[:, None]
    values = (signal + noise).reshape(stimuli * repetitions, neuroids, bins)
    values[0, 0, 0], values[1, -1, 0] = np.nan, np.inf
    starts = np.arange(bins) * 10 + 50
    return NeuroidAssembly(
        values,
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", np.repeat([f"s{number}" for number in range(stimuli)], repetitions)),
            "repetition": ("presentation", np.tile(np.arange(repetitions), stimuli)),
            "neuroid_id": ("neuroid", np.arange(neuroids)),
            "region": ("neuroid", ["IT"] * (neuroids - 2) + ["V4"] * 2),
            "animal": ("neuroid", ["Chabo", "Tito"] * (neuroids // 2) + ["Tito"] * (neuroids % 2)),
            "time_bin_start": ("time_bin", starts),
            "time_bin_end": ("time_bin", starts + 10),
        },
        attrs={
            "identifier": "lab.Doe2026",
            "stimulus_set": StimulusSet(
                {"stimulus_id": [f"s{number}" for number in range(stimuli)], "object_name": "car"}
            ),
            "stimulus_set_identifier": "lab.Doe2026",
            "units": "spikes/s",
            "long_name": "firing rate",
        },
    )


def many_regions() -> NeuroidAssembly:
    """Return responses of a neuroid in each of twelve regions to stimuli with one to seventy presentations."""
    shown = np.repeat(np.arange(70), np.arange(1, 71))
    starts = np.arange(2) * 10
    return NeuroidAssembly(
        np.sin(np.arange(len(shown))[:, None, None] * 1.3 + np.arange(12)[:, None] + np.arange(2)),
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", [f"s{number}" for number in shown]),
            "repetition": ("presentation", np.concatenate([np.arange(number) for number in range(1, 71)])),
            "region": ("neuroid", [f"area {number}" for number in range(12)]),
            "time_bin_start": ("time_bin", starts),
            "time_bin_end": ("time_bin", starts + 10),
        },
    )


def choices() -> BehavioralAssembly:
    return BehavioralAssembly(
        np.array(["car", "dog", "car", None], dtype=object),
        dims=["presentation"],
        coords={
            "stimulus_id": ("presentation", ["a", "b", "a", "b"]),
            "subject": ("presentation", ["x", "x", "y", "y"]),
        },
    )


def spikes() -> SpikeTimesAssembly:
    neuroids = MetadataAssembly(
        [0.0, 0.0],
        dims=["neuroid"],
        coords={"neuroid_id": ("neuroid", ["n1", "n2"]), "region": ("neuroid", ["IT"] * 2)},
    )
    return SpikeTimesAssembly(
        [0.1, 0.2, 0.35],
        dims=["event"],
        coords={"neuroid_id": ("event", ["n1", "n1", "n2"]), "stimulus_id": ("event", ["a", "a", "b"])},
        attrs={"neuroid_metadata": neuroids},
    )


def stimuli(folder: Path) -> StimulusSet:
    """Return three images, one of them damaged, a text, and a file that does not exist."""
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    Image.new("L", (20, 30)).save(folder / "b.jpg")
    (folder / "c.PNG").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    (folder / "d.txt").write_text("The horse raced past the barn fell.")
    names = ["a.png", "b.jpg", "c.PNG", "d.txt", "e.png"]
    stimulus_set = StimulusSet(
        {
            "stimulus_id": [name[0] for name in names],
            "object_name": ["car", "car", "dog", None, "car"],
            "size": [1.5, 2.0, np.nan, np.inf, 2.0],
        }
    )
    stimulus_set.identifier = "lab.Doe2026"
    stimulus_set.stimulus_paths = {name[0]: folder / name for name in names}
    return stimulus_set


def angles() -> StimulusSet:
    """Return stimuli without files at twelve angles."""
    return StimulusSet({"stimulus_id": [f"s{number}" for number in range(12)], "angle": np.arange(12) * 15.0})


def cards(folder: Path) -> list[Card]:
    examples: list[DataAssembly | StimulusSet] = [
        recording(),
        many_regions(),
        choices(),
        spikes(),
        stimuli(folder),
        angles(),
    ]
    facts_only = read_card(resolve("assembly", "THINGS_TVSD_test_Assembly"))
    first, *others = (compute_card(data, version="2", facts=FACTS) for data in examples)
    packaged = first | {CARD_FIELD: {"csv": "a" * 40, "zip": "b" * 40}}
    return [packaged, *others, facts_only]
