"""Publish a stimulus set in two versions, and assemblies that refer to one of them."""

import warnings
from pathlib import Path

from brainio.assemblies import BehavioralAssembly
from brainio.errors import PackagingWarning
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet

SET, ASSEMBLY = "lab.Doe2026.texts", "lab.Doe2026"


def publish_set(folder: Path, hue: str, **facts: str) -> None:
    """Publish a version of a stimulus set of two texts; the values of its column `hue` contain a text."""
    paths = {name: folder / f"{name}.txt" for name in ("a", "b")}
    for name, path in paths.items():
        path.write_text(name)
    stimuli = StimulusSet([{"stimulus_id": name, "hue": f"{hue} {name}"} for name in paths])
    stimuli.stimulus_paths = paths
    package_stimulus_set(folder / "lab.csv", stimuli, SET, folder / "store", entry_facts=facts)


def recorded_answers() -> BehavioralAssembly:
    return BehavioralAssembly([1, 0], coords={"stimulus_id": ("presentation", ["a", "b"])}, dims=["presentation"])


def publish_assembly(folder: Path, name: str = ASSEMBLY, version: str | None = None) -> Path:
    store = folder / "store"
    package_data_assembly(
        folder / "lab.csv", recorded_answers(), name, SET, "BehavioralAssembly", store, stimulus_set_version=version
    )
    return store / f"assy_{name.replace('.', '_')}.nc"


def publish_second_version(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PackagingWarning)
        publish_set(folder, "new", version="2")
