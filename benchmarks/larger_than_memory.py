"""Average of an assembly larger than memory: `python -m benchmarks.larger_than_memory [--size GB] [--distributed]`.

Writes the assembly first: regular float32 values, which need little disk space, in chunks like those of `write_netcdf`.
Then loads it lazily through a catalog, averages over repetitions, checks the averages, and prints the duration and the
peak resident memory of this process and of each worker.
"""

import argparse
import csv
import hashlib
import os
import resource
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import netCDF4
import numpy as np

ASSEMBLY, STIMULI = "benchmark.Large", "benchmark.LargeStimuli"
NEUROIDS = 512
STIMULUS_COUNT = 3200
CHUNK = (8, 2048)  # neuroids, presentations
BLOCK = (32, 32768)  # written at once; a multiple of CHUNK


def generate(folder: Path, gigabytes: float) -> None:
    """Write stimulus set, assembly and catalog, with one block in memory at a time."""
    ids = [f"stimulus{number:04d}" for number in range(STIMULUS_COUNT)]
    rows = "".join(f"{id_},{id_}.txt,category{number % 8}\n" for number, id_ in enumerate(ids))
    (folder / "stimuli.csv").write_text(f"stimulus_id,filename,category_name\n{rows}")
    with zipfile.ZipFile(folder / "stimuli.zip", "w") as archive:
        for id_ in ids:
            archive.writestr(f"{id_}.txt", id_)
    repetitions = max(1, round(gigabytes * 1e9 / 4 / NEUROIDS / STIMULUS_COUNT))
    write_recording(folder / "recording.nc", ids, repetitions)
    files = [
        (STIMULI, "stimulus_set", "StimulusSet", "stimuli.csv", ""),
        (STIMULI, "stimulus_set", "", "stimuli.zip", ""),
        (ASSEMBLY, "assembly", "NeuronRecordingAssembly", "recording.nc", STIMULI),
    ]
    with (folder / "large.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("identifier", "lookup_type", "class", "location_type", "location", "sha1", "stimulus_set_identifier")
        )
        for identifier, kind, cls, name, stimuli in files:
            with (folder / name).open("rb") as content:
                sha1 = hashlib.file_digest(content, "sha1").hexdigest()
            writer.writerow((identifier, kind, cls, "file", (folder / name).as_uri(), sha1, stimuli))


def write_recording(path: Path, ids: list[str], repetitions: int) -> None:
    """Write the recording: all stimuli in order, once per repetition, with the values of `response`."""
    count = len(ids) * repetitions
    texts = np.array(ids, dtype="S").view("S1").reshape(len(ids), -1)
    with netCDF4.Dataset(path, "w") as file:
        file.setncatts({"identifier": ASSEMBLY, "stimulus_set_identifier": STIMULI})
        for name, size in (("neuroid", NEUROIDS), ("presentation", count), ("characters", texts.shape[1])):
            file.createDimension(name, size)
        stimulus = file.createVariable("stimulus_id", "S1", ("presentation", "characters"), zlib=True, complevel=4)
        stimulus.setncattr("_Encoding", "utf-8")
        repetition = file.createVariable("repetition", "i4", ("presentation",), zlib=True, complevel=4)
        for number in range(repetitions):
            rows = slice(number * len(ids), (number + 1) * len(ids))
            stimulus[rows] = texts
            repetition[rows] = number
        file.createVariable("neuroid_id", "i4", ("neuroid",))[:] = np.arange(NEUROIDS)
        chunks = (CHUNK[0], min(CHUNK[1], count))
        block = (BLOCK[0], min(BLOCK[1], count))
        data = file.createVariable(
            "data", "f4", ("neuroid", "presentation"), zlib=True, complevel=4, shuffle=True, chunksizes=chunks
        )
        data.set_var_chunk_cache(size=1 << 20)
        data.coordinates = "stimulus_id repetition neuroid_id"
        for first in range(0, NEUROIDS, block[0]):
            neuroids = np.arange(first, first + block[0])[:, None]
            for start in range(0, count, block[1]):
                stop = min(start + block[1], count)
                data[first : first + block[0], start:stop] = response(neuroids, np.arange(start, stop) % len(ids))


def response(neuroid: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    """Return the values of neuroids for stimuli, which are the same in each repetition."""
    return (stimulus // 16 + neuroid).astype(np.float32) / np.float32(8)


def average() -> np.ndarray:
    """Average over repetitions, and report; the same on one process and on a cluster."""
    import brainio

    began = time.perf_counter()
    assembly = brainio.get_assembly(ASSEMBLY, chunks="auto")
    print(f"opened {assembly.nbytes / 1e9:.2f} GB lazily in {time.perf_counter() - began:.1f} s, {assembly.sizes}")
    print(
        f"chunks: {[max(sizes) for sizes in assembly.chunks]}, levels: {list(assembly.indexes['presentation'].names)}"
    )
    began = time.perf_counter()
    averaged = assembly.multi_groupby(["category_name", "stimulus_id"]).mean(dim="presentation").compute()
    print(f"averaged over repetitions in {time.perf_counter() - began:.1f} s: {averaged.sizes}")
    order = np.array([int(id_[-4:]) for id_ in averaged["stimulus_id"].values])
    expected = response(averaged["neuroid_id"].values[:, None], order)
    if not np.array_equal(averaged.transpose("neuroid", ...).values, expected):
        raise SystemExit("the averages differ from the expected values")
    return averaged.values


def peak_gigabytes() -> float:
    """Return the peak of resident memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def main() -> None:
    """Write the assembly, average it, and print duration and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=12, help="size of the values in GB (default 12)")
    parser.add_argument("--distributed", action="store_true", help="use a dask.distributed LocalCluster of two workers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        generate(Path(folder), options.size)
        size = (Path(folder) / "recording.nc").stat().st_size
        print(
            f"wrote {size / 1e6:.1f} MB on disk in {time.perf_counter() - began:.1f} s, peak {peak_gigabytes():.2f} GB"
        )
        os.environ["BRAINIO_HOME"] = str(Path(folder) / "home")
        os.environ["BRAINIO_CATALOGS"] = str(Path(folder) / "large.csv")
        if options.distributed:
            from dask.distributed import Client, LocalCluster

            with (
                LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
                Client(cluster) as client,
            ):
                average()
                peaks = client.run(peak_gigabytes)
                print(f"peak resident memory of the workers: {[f'{peak:.2f} GB' for peak in peaks.values()]}")
        else:
            average()
    print(f"peak resident memory of this process: {peak_gigabytes():.2f} GB")


if __name__ == "__main__":
    main()
