"""The floors: the least work that could do what a workload does, by raw library calls."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.contexts import RawContext
from benchmarks.places import STIMULI
from benchmarks.workloads import Timed


def dict_access(_: RawContext) -> Timed:
    """Look a key up."""
    entries = {("assembly", STIMULI): object()}
    return Timed(lambda: entries["assembly", STIMULI], 10_000)


def dict_access_large(context: RawContext) -> Timed:
    """Look a key up among many."""
    entries = {("assembly", f"lab.Name{number}"): number for number in range(context.sizes.entries)}
    last = f"lab.Name{context.sizes.entries - 1}"
    return Timed(lambda: entries["assembly", last], 10_000)


def read_csv(context: RawContext) -> Timed:
    """Read the table of the stimulus set."""
    return Timed(lambda: pd.read_csv(context.places.csv))


def open_dataarray(context: RawContext) -> Timed:
    """Read the recording by xarray alone."""
    return Timed(lambda: read_by_xarray(context.places.netcdf))


def open_written(context: RawContext) -> Timed:
    """Read the file that this project wrote by xarray alone."""
    return Timed(lambda: read_by_xarray(context.places.written("ours", ".nc")))


def read_by_xarray(path: Path) -> object:
    """Read the only variable of a file with its coordinates, and close the file."""
    import xarray as xr

    with xr.open_dataarray(path) as array:
        return array.load()


def bincount(context: RawContext) -> Timed:
    """Average the presentations of each stimulus: one weighted bincount a row."""
    values, stimulus = context.values, context.stimulus
    return Timed(lambda: _group_means(values, stimulus))


def _group_means(values: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    counts = np.bincount(stimulus)
    return np.stack([np.bincount(stimulus, weights=row) / counts for row in values[:, :, 0]])


def bincount_nan(context: RawContext) -> Timed:
    """Average what is present: two weighted bincounts a row."""
    values, stimulus = context.values_with_nan, context.stimulus
    return Timed(lambda: _group_means_nan(values, stimulus))


def _group_means_nan(values: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    means = []
    for row in values[:, :, 0]:
        missing = np.isnan(row)
        sums = np.bincount(stimulus, weights=np.where(missing, 0, row))
        means.append(sums / np.bincount(stimulus, weights=~missing))
    return np.stack(means)


def mean_of_all(context: RawContext) -> Timed:
    """Average all presentations."""
    values = context.values
    return Timed(lambda: values.mean(axis=1))


def calls_alone(context: RawContext) -> Timed:
    """Call the function of `multi_dim_apply` on each value."""
    sizes = context.sizes
    values = context.values[: sizes.apply_neuroids, : sizes.apply_stimuli, 0]
    coords = {f"coordinate{number}": number for number in range(13)}

    def identity(value: float, **_: int) -> float:
        return value

    return Timed(lambda: [identity(value, **coords) for value in values.ravel()])


def isin(context: RawContext) -> Timed:
    """Find which stimuli are among a quarter of them, and take their values."""
    ids = np.sort(pd.read_csv(context.places.csv)["stimulus_id"].to_numpy(dtype="U40"))
    values = context.values[:, : len(ids), 0].copy()
    wanted = ids[::4]
    return Timed(lambda: values[:, np.isin(ids, wanted)])


def mask(context: RawContext) -> Timed:
    """Take the values of one region."""
    values, regions = context.values, context.regions
    return Timed(lambda: values[regions == "IT"])


def deflate(context: RawContext) -> Timed:
    """Deflate the bare values once, level 4 behind a shuffle."""
    return Timed(lambda: _deflate(context.values, context.places.written("floor", ".nc")))


def _deflate(values: np.ndarray, path: Path) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        for number, size in enumerate(values.shape):
            file.createDimension(f"d{number}", size)
        dims = [f"d{number}" for number in range(values.ndim)]
        file.createVariable("data", "f4", dims, compression="zlib", complevel=4, shuffle=True)[...] = values


def copy_and_hash(context: RawContext) -> Timed:
    """Copy the archive and hash the copy."""
    return Timed(lambda: _copy_and_hash(context.places.zip, context.places.written("floor", ".zip")))


def _copy_and_hash(source: Path, target: Path) -> str:
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


FLOORS: dict[str, Callable[[RawContext], Timed]] = {
    function.__name__: function
    for function in (
        dict_access,
        dict_access_large,
        read_csv,
        open_dataarray,
        open_written,
        bincount,
        bincount_nan,
        mean_of_all,
        calls_alone,
        isin,
        mask,
        deflate,
        copy_and_hash,
    )
}
