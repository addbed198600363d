"""Package a stimulus set and an assembly with every kind of value into a folder: `python same_bytes.py FOLDER`.

Runs with any Python that has brainio. Writes a catalog, its cards and its files, and prints the date and the versions
of the libraries as JSON. `test_same_bytes.py` compares the files of different environments.
"""

import datetime
import json
import os
import sys
import warnings
import zlib
from pathlib import Path

import netCDF4
import numpy as np

from brainio.assemblies import NeuronRecordingAssembly
from brainio.errors import PackagingWarning
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet

NAME = "lab.Doe2026"
STIMULI, REPETITIONS, NEUROIDS = 40, 3, 30
# A pixel: a file that is stored without compression.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92"
    "ef0000000049454e44ae426082"
)


def stimuli(folder: Path) -> StimulusSet:
    """Create images and texts, and a table of text, integers, floats and booleans with missing values."""
    folder.mkdir(parents=True)
    ids = [f"stimulus{number:02}" for number in range(STIMULI)]
    paths = {
        stimulus_id: folder / f"{stimulus_id}.{'png' if number % 2 else 'txt'}"
        for number, stimulus_id in enumerate(ids)
    }
    for number, path in enumerate(paths.values()):
        path.write_bytes(PNG if path.suffix == ".png" else f"naïve {number} ".encode() * 500)
    numbers = np.arange(STIMULI)
    made = StimulusSet(
        {
            "stimulus_id": ids,
            "object_name": (["café", "chien", ""] * STIMULI)[:STIMULI],
            "size_px": 4 + numbers % 5,
            "angle": np.where(numbers % 7, numbers / 3 * np.pi, np.nan),
            "is_natural": numbers % 2 == 0,
        }
    )
    made.stimulus_paths = paths
    return made


def recording(shown: StimulusSet) -> NeuronRecordingAssembly:
    """Create responses with coordinates of every kind, without a random generator."""
    presentations, neuroids = np.arange(STIMULI * REPETITIONS), np.arange(NEUROIDS)
    values = np.sin(presentations[:, None, None] % STIMULI * 1.7 + neuroids[:, None]) + presentations[:, None, None] / 3
    values = (values + np.arange(4) * 0.1).astype(np.float32)
    values[presentations % 11 == 0, 3] = np.nan
    return NeuronRecordingAssembly(
        values,
        coords={
            "stimulus_id": ("presentation", np.tile(shown["stimulus_id"].to_numpy(dtype=object), REPETITIONS)),
            "repetition": ("presentation", presentations // STIMULI),
            "reaction_s": ("presentation", np.where(presentations % 5, presentations / 7, np.nan)),
            "was_correct": ("presentation", presentations % 3 == 0),
            "day": ("presentation", np.datetime64("2026-01-01", "ns") + presentations % 4 * np.timedelta64(1, "D")),
            "neuroid_id": ("neuroid", [f"n{number}" for number in neuroids]),
            "region": ("neuroid", np.where(neuroids % 2, "IT", "V4").astype(object)),
            "animal": ("neuroid", np.array(["Zoë", None, "m2"] * (NEUROIDS // 3), dtype=object)),
            "depth_mm": ("neuroid", (neuroids / 9).astype(np.float32)),
            "time_bin_start": ("time_bin", [0, 50, 100, 150]),
            "time_bin_end": ("time_bin", [50, 100, 150, 200]),
        },
        dims=["presentation", "neuroid", "time_bin"],
        attrs={"units": "Hz", "sampling_rate_hz": 30000.0},
    )


def main(folder: Path) -> None:
    """Package both, and print the versions of the libraries."""
    warnings.simplefilter("ignore", PackagingWarning)
    shown = stimuli(folder / "raw")
    catalog, files = folder / "made" / "lab.csv", folder / "made" / "files"
    catalog.parent.mkdir()
    facts = {"species": "Macaca mulatta", "authors": [{"name": "Zoë Carberry", "orcid": "0000-0002-1825-0097"}]}
    licence = {"license": "CC0-1.0"}
    package_stimulus_set(catalog, shown, NAME, files, entry_facts=licence, card_facts=facts)
    made = recording(shown)
    package_data_assembly(catalog, made, NAME, NAME, bucket_name=files, entry_facts=licence, card_facts=facts)
    mask = os.umask(0)
    made_with = {
        "python": sys.version.split()[0],
        "netCDF4": [netCDF4.__version__, netCDF4.__netcdf4libversion__, netCDF4.__hdf5libversion__],
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "umask": f"{mask:03o}",
    }
    print(json.dumps(made_with))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
