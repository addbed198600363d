"""The floors: the least work that could do what a workload does, by raw library calls."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.contexts import SPLITS, RawContext
from benchmarks.data_files import STIMULI
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


def bincount_twice(context: RawContext) -> Timed:
    """Add up the values of each stimulus, then the squares of their distances to the mean, row by row."""
    values, stimulus = context.values, context.stimulus
    return Timed(lambda: _group_deviations(values, stimulus))


def _group_deviations(values: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    counts = np.bincount(stimulus)
    deviations = []
    for row in values[:, :, 0]:
        means = np.bincount(stimulus, weights=row) / counts
        deviations.append(np.sqrt(np.bincount(stimulus, weights=(row - means[stimulus]) ** 2) / counts))
    return np.stack(deviations)


def sorted_groups(context: RawContext) -> Timed:
    """Take the median of each stimulus, all of which have the same number of repetitions."""
    values, order = context.values, _in_table(context)
    return Timed(lambda: np.stack([np.median(row[order], axis=1) for row in values[:, :, 0]]))


def _in_table(context: RawContext) -> np.ndarray:
    """Give the position of each stimulus (rows) and repetition (columns)."""
    return np.lexsort([context.repetition, context.stimulus]).reshape(-1, context.repetition.max() + 1)


def loop_over_groups(context: RawContext) -> Timed:
    """Call numpy with the repetitions of each of some stimuli."""
    sizes = context.sizes
    values, positions = context.values[: sizes.apply_neuroids], list(_in_table(context)[: sizes.apply_stimuli])
    return Timed(lambda: np.stack([values[:, own].max(axis=1) for own in positions], axis=1))


def bincount_by_id(context: RawContext) -> Timed:
    """Average the presentations of each stimulus, in the order of their ids."""
    values = context.values
    order = np.argsort(pd.read_csv(context.places.csv)["stimulus_id"].to_numpy(dtype="U40"))
    rank = np.argsort(order)[context.stimulus]
    return Timed(lambda: _group_means(values, rank)[:, :, None])


def split_halves(context: RawContext) -> Timed:
    """Average both halves of each split and correlate them over stimuli, neuroid by neuroid."""
    values, order = context.values, _in_table(context)
    return Timed(lambda: np.stack([_reliability(row[order]) for row in values[:, :, 0]])[:, None])


def _reliability(table: np.ndarray) -> float:
    """Tell the reliability of one neuroid from its table of stimuli and repetitions."""
    random = np.random.default_rng(0)
    repetitions = table.shape[1]
    corrected = []
    for _ in range(SPLITS):
        first = random.permutation(repetitions) < repetitions // 2
        halves = [table[:, half].mean(axis=1, dtype=float) for half in (first, ~first)]
        correlation = np.corrcoef(halves)[0, 1]
        corrected.append(2 * correlation / (1 + correlation))
    return float(np.mean(corrected))


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
        bincount_twice,
        sorted_groups,
        loop_over_groups,
        bincount_by_id,
        split_halves,
        mean_of_all,
        calls_alone,
        isin,
        mask,
        deflate,
        copy_and_hash,
    )
}
