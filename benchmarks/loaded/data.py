"""Generation of the catalogs to serve: `python -m benchmarks.loaded.data FOLDER ENTRIES SEED`.

Writes a large catalog without files, a packaged data set, and a catalog that changes during tests. `BRAINIO_HOME` gets
the profiles.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.data import neuroid_coordinates, stimulus_table, write_archive
from benchmarks.loaded.request_paths import CHANGING, GENERATED, LAB, LAB_DATA, STIMULI, stimulus_id
from benchmarks.search_index import write_catalog
from brainio.assemblies import NeuronRecordingAssembly
from brainio.cards import build_profile
from brainio.catalogs import add_catalog, entries_of
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet

_PIXELS, _NEUROIDS, _REPETITIONS = 128, 32, 6


def generate(folder: Path, entries: int, seed: int) -> None:
    """Write all catalogs into a folder."""
    write_catalog(folder, entries, seed)
    header = (folder / GENERATED).read_text().partition("\n")[0]
    (folder / CHANGING).write_text(f"{header}\n")
    rng = np.random.default_rng(seed)
    table = stimulus_table(rng, STIMULI)
    table["stimulus_id"] = [stimulus_id(number) for number in range(STIMULI)]
    with tempfile.TemporaryDirectory() as work:
        archive = Path(work, "stimuli.zip")
        write_archive(archive, table["filename"].tolist(), _PIXELS, rng)
        with zipfile.ZipFile(archive) as members:
            members.extractall(work)
        stimuli = StimulusSet(table)
        stimuli.stimulus_paths = {
            id_: Path(work, name) for id_, name in zip(table["stimulus_id"], table["filename"], strict=True)
        }
        package_stimulus_set(folder / LAB, stimuli, LAB_DATA, folder / "files")
    package_data_assembly(folder / LAB, _recording(table, rng), LAB_DATA, LAB_DATA, bucket_name=folder / "files")
    add_catalog(folder / LAB)
    for entry in entries_of(LAB_DATA):
        build_profile(entry)


def _recording(table: pd.DataFrame, rng: np.random.Generator) -> NeuronRecordingAssembly:
    stimulus = np.tile(np.arange(STIMULI), _REPETITIONS)
    rates = rng.gamma(2.0, 5.0, size=(STIMULI, _NEUROIDS))[stimulus]
    coordinates = {
        "stimulus_id": ("presentation", table["stimulus_id"].to_numpy()[stimulus]),
        "repetition": ("presentation", np.repeat(np.arange(_REPETITIONS), STIMULI)),
        **{name: ("neuroid", values) for name, values in neuroid_coordinates(rng, _NEUROIDS).items()},
        "time_bin_start": ("time_bin", [70]),
        "time_bin_end": ("time_bin", [170]),
    }
    counts = rng.poisson(rates)[:, :, None].astype(np.float32)
    return NeuronRecordingAssembly(counts, coords=coordinates, dims=["presentation", "neuroid", "time_bin"])


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
