"""Generation of the benchmark data from a seed: `python -m benchmarks.data FOLDER MODE SEED`.

Uses only raw libraries, so that no implementation reads files that it wrote itself. Files have the paths that both
implementations expect below BRAINIO_HOME: `<stem of NAME>/NAME`.
"""

import csv
import hashlib
import json
import shutil
import struct
import sys
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd

from benchmarks.data_files import ASSEMBLY, BUCKET, PACKAGES, SIZES, STIMULI, DataPaths, Sizes

_RECORD = "made.json"  # written last, with the parameters of the data
_VERSION = 2  # of the data; increase it to generate existing folders again
_COLUMNS = ("identifier", "lookup_type", "class", "location_type", "location", "sha1", "stimulus_set_identifier")
_MEMBER_TIME = (1980, 1, 1, 0, 0, 0)


def generate(folder: Path, mode: str, seed: int) -> None:
    """Write all files of a mode into a folder, unless they exist."""
    parameters = {"version": _VERSION, "seed": seed, "mode": mode, "sizes": asdict(SIZES[mode])}
    record = folder / _RECORD
    if record.exists() and json.loads(record.read_text()) == parameters:
        return
    paths, sizes = DataPaths(folder), SIZES[mode]
    _clear(paths)
    rng = np.random.default_rng(seed)
    table = stimulus_table(rng, sizes.stimuli)
    for path in (paths.csv, paths.zip, paths.netcdf):
        path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(paths.csv, index=False)
    write_archive(paths.zip, table["filename"].tolist(), sizes.pixels, rng)
    write_recording(paths.netcdf, sizes, sizes.repetitions, table["stimulus_id"].tolist(), rng)
    write_catalogs(paths, sizes.entries)
    write_store(paths, sizes, rng)
    record.write_text(json.dumps(parameters))


def _clear(paths: DataPaths) -> None:
    """Remove the files of other data, and the files that implementations wrote from these."""
    shutil.rmtree(paths.home, ignore_errors=True)
    for pattern in ("scaled-*", "written-*"):
        for path in paths.folder.glob(pattern):
            path.unlink()


def generate_scaled(folder: Path, mode: str, seed: int, factor: int) -> None:
    """Write the recording with `factor` times the repetitions for `--scaling`, unless it exists."""
    paths, sizes = DataPaths(folder), SIZES[mode]
    target = paths.scaled_path(factor)
    if target.exists():
        return
    part = target.with_suffix(".part")
    stimuli = pd.read_csv(paths.csv)["stimulus_id"].tolist()
    rng = np.random.default_rng([seed, factor])
    write_recording(part, sizes, sizes.repetitions * factor, stimuli, rng, neuroids=sizes.scaling_neuroids)
    part.rename(target)


def stimulus_table(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Return the table of a stimulus set: `stimulus_id`, `filename` and 18 columns of metadata."""
    ids = [hashlib.sha1(f"stimulus {number}".encode()).hexdigest() for number in range(count)]
    objects = np.arange(count) % 64
    floats = ("s", "ty", "tz", "rxy", "rxz", "ryz", "rxy_semantic", "rxz_semantic", "ryz_semantic", "size")
    return pd.DataFrame(
        {
            "stimulus_id": ids,
            "filename": [f"{id_}.png" for id_ in ids],
            "category_name": [f"category{number % 8}" for number in objects],
            "object_name": [f"object{number:02d}" for number in objects],
            "background_id": [hashlib.sha1(f"ground {number % 400}".encode()).hexdigest() for number in range(count)],
            "image_file_name": [f"image{number:05d}.png" for number in range(count)],
            "variation": rng.integers(0, 7, count),
            "var": [f"V{number % 3 * 3}" for number in range(count)],
            "session": rng.integers(0, 12, count),
            "is_control": rng.random(count) < 0.1,
            **{name: rng.normal(size=count).round(6) for name in floats},
        }
    )


def write_archive(path: Path, names: list[str], pixels: int, rng: np.random.Generator) -> None:
    """Write a ZIP archive of square PNG images of incompressible noise."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name, _MEMBER_TIME), _png(rng.bytes(pixels * pixels * 3), pixels))


def _png(noise: bytes, pixels: int) -> bytes:
    rows = b"".join(b"\0" + noise[start : start + pixels * 3] for start in range(0, len(noise), pixels * 3))
    header = struct.pack(">IIBBBBB", pixels, pixels, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def write_recording(
    path: Path,
    sizes: Sizes,
    repetitions: int,
    stimuli: list[str],
    rng: np.random.Generator,
    neuroids: int | None = None,
) -> None:
    """Write a recording in the layout of published files: variable-length text, compressed numbers.

    The values are firing rates from spike counts in bins of 70 ms: float32, neuroid x presentation x time_bin, with
    shuffled presentations. They are generated in chunks of neuroids, to limit memory.
    """
    neuroids = neuroids or sizes.neuroids
    order = rng.permutation(len(stimuli) * repetitions)
    stimulus, repetition = order % len(stimuli), order // len(stimuli)
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        for name, size in (("neuroid", neuroids), ("presentation", len(order)), ("time_bin", 1)):
            file.createDimension(name, size)
        file.setncatts({"identifier": ASSEMBLY, "stimulus_set_identifier": STIMULI})
        coordinates = {
            "presentation": {
                "stimulus_id": np.array(stimuli, dtype=object)[stimulus],
                "repetition": repetition,
                "stimulus": stimulus,
            },
            "neuroid": neuroid_coordinates(rng, neuroids),
            "time_bin": {"time_bin_start": np.array([70]), "time_bin_end": np.array([170])},
        }
        for dim, columns in coordinates.items():
            for name, values in columns.items():
                _write_coordinate(file, name, dim, values)
        chunks = (max(1, neuroids // 8), min(len(order), 32768), 1)
        dims = ("neuroid", "presentation", "time_bin")
        data = file.createVariable("data", "f4", dims, compression="zlib", complevel=4, chunksizes=chunks)
        data.coordinates = " ".join(name for columns in coordinates.values() for name in columns)
        for start in range(0, neuroids, chunks[0]):
            rates = rng.gamma(2.0, 1.5, size=(min(chunks[0], neuroids - start), len(stimuli)))
            counts = np.stack([rng.poisson(rate[stimulus]) for rate in rates])
            data[start : start + len(counts), :, 0] = counts.astype(np.float32) / np.float32(0.07)


def _write_coordinate(file: netCDF4.Dataset, name: str, dim: str, values: np.ndarray) -> None:
    if values.dtype == object:
        file.createVariable(name, str, (dim,))[:] = values
    else:
        file.createVariable(name, values.dtype, (dim,), compression="zlib", complevel=4)[:] = values


def neuroid_coordinates(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Return ten coordinates of neuroids."""
    numbers = np.arange(count)
    texts: dict[str, list[str]] = {
        "neuroid_id": [f"animal{number % 2}_{number:03d}" for number in numbers],
        "animal": [f"animal{number % 2}" for number in numbers],
        "region": ["V4" if number % 3 == 0 else "IT" for number in numbers],
        "arr": [f"array{number % 3}" for number in numbers],
        "hemisphere": ["L" if number % 2 else "R" for number in numbers],
        "subregion": [f"part{number % 4}" for number in numbers],
    }
    return {
        **{name: np.array(column, dtype=object) for name, column in texts.items()},
        "x": rng.integers(0, 10, count),
        "y": rng.integers(0, 10, count),
        "col": numbers % 10,
        "row": numbers // 10,
    }


def write_catalogs(paths: DataPaths, entries: int) -> None:
    """Write the catalog of three rows, and one of `entries` assemblies without files."""
    rows = [
        (STIMULI, "stimulus_set", "StimulusSet", paths.csv, ""),
        (STIMULI, "stimulus_set", "", paths.zip, ""),
        (ASSEMBLY, "assembly", "NeuronRecordingAssembly", paths.netcdf, STIMULI),
    ]
    with paths.catalog.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for identifier, kind, cls, path, stimulus_set in rows:
            digest = hashlib.sha1(path.read_bytes()).hexdigest()
            location = f"https://benchmark.s3.amazonaws.com/{path.name}"
            writer.writerow((identifier, kind, cls, "S3", location, digest, stimulus_set))
    with paths.large_catalog.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for number in range(entries):
            location = f"https://benchmark.s3.amazonaws.com/assy_{number}.nc"
            writer.writerow(
                (f"lab.Name{number}", "assembly", "NeuroidAssembly", "S3", location, f"{number:040x}", STIMULI)
            )


def write_store(paths: DataPaths, sizes: Sizes, rng: np.random.Generator) -> None:
    """Write the files to fetch, which contain noise, and the catalog that lists them."""
    paths.large.parent.mkdir(parents=True, exist_ok=True)
    files = {"benchmark.Large": (paths.large, sizes.large_bytes)}
    files |= {f"benchmark.Package{number}": (paths.package(number), sizes.package_bytes) for number in range(PACKAGES)}
    with paths.packages_catalog.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for identifier, (path, size) in files.items():
            path.write_bytes(rng.bytes(size))
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, "sha1").hexdigest()
            location = f"https://{BUCKET}.s3.amazonaws.com/{path.name}"
            writer.writerow((identifier, "assembly", "NeuroidAssembly", "S3", location, digest, ""))


def main(arguments: list[str]) -> None:
    """Generate the data of a mode, and for each further argument the recording for `--scaling` by that factor."""
    folder, mode, seed = Path(arguments[0]), arguments[1], int(arguments[2])
    generate(folder, mode, seed)
    for factor in arguments[3:]:
        generate_scaled(folder, mode, seed, int(factor))


if __name__ == "__main__":
    main(sys.argv[1:])
