"""Workloads of the floor: the least work that gives the result of a workload, with raw library calls."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.contexts import SPLITS, RawContext
from benchmarks.data_files import STIMULI
from benchmarks.workloads import TimedCall


def dict_access(_: RawContext) -> TimedCall:
    """Look up a key in a dict."""
    entries = {("assembly", STIMULI): object()}
    return TimedCall(lambda: entries["assembly", STIMULI], 10_000)


def dict_access_large(context: RawContext) -> TimedCall:
    """Look up a key in a large dict."""
    entries = {("assembly", f"lab.Name{number}"): number for number in range(context.sizes.entries)}
    last = f"lab.Name{context.sizes.entries - 1}"
    return TimedCall(lambda: entries["assembly", last], 10_000)


def read_csv(context: RawContext) -> TimedCall:
    """Read the table of the stimulus set."""
    return TimedCall(lambda: pd.read_csv(context.paths.csv))


def open_dataarray(context: RawContext) -> TimedCall:
    """Read the recording with xarray."""
    return TimedCall(lambda: read_with_xarray(context.paths.netcdf))


def open_written(context: RawContext) -> TimedCall:
    """Read the file written by this project with xarray."""
    return TimedCall(lambda: read_with_xarray(context.paths.written_path("ours", ".nc")))


def read_with_xarray(path: Path) -> object:
    """Read the only variable of a file with its coordinates, and close the file."""
    import xarray as xr

    with xr.open_dataarray(path) as array:
        return array.load()


def bincount(context: RawContext) -> TimedCall:
    """Average the presentations of each stimulus with one weighted bincount per neuroid."""
    values, stimulus = context.values, context.stimulus
    return TimedCall(lambda: _group_means(values, stimulus))


def _group_means(values: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    counts = np.bincount(stimulus)
    return np.stack([np.bincount(stimulus, weights=row) / counts for row in values[:, :, 0]])


def bincount_nan(context: RawContext) -> TimedCall:
    """Average the values that are not missing with two weighted bincounts per neuroid."""
    values, stimulus = context.values_with_missing, context.stimulus
    return TimedCall(lambda: _group_means_nan(values, stimulus))


def _group_means_nan(values: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    means = []
    for row in values[:, :, 0]:
        missing = np.isnan(row)
        sums = np.bincount(stimulus, weights=np.where(missing, 0, row))
        means.append(sums / np.bincount(stimulus, weights=~missing))
    return np.stack(means)


def bincount_twice(context: RawContext) -> TimedCall:
    """Compute the standard deviations of each stimulus with two weighted bincounts per neuroid."""
    values, stimulus = context.values, context.stimulus
    return TimedCall(lambda: _group_deviations(values, stimulus))


def _group_deviations(values: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    counts = np.bincount(stimulus)
    deviations = []
    for row in values[:, :, 0]:
        means = np.bincount(stimulus, weights=row) / counts
        deviations.append(np.sqrt(np.bincount(stimulus, weights=(row - means[stimulus]) ** 2) / counts))
    return np.stack(deviations)


def sorted_groups(context: RawContext) -> TimedCall:
    """Compute the median of each stimulus; all stimuli have the same number of repetitions."""
    values, order = context.values, _presentation_table(context)
    return TimedCall(lambda: np.stack([np.median(row[order], axis=1) for row in values[:, :, 0]]))


def _presentation_table(context: RawContext) -> np.ndarray:
    """Return the position of the presentation of each stimulus (rows) and repetition (columns)."""
    return np.lexsort([context.repetition, context.stimulus]).reshape(-1, context.repetition.max() + 1)


def loop_over_groups(context: RawContext) -> TimedCall:
    """Apply numpy to the repetitions of each stimulus in a loop."""
    sizes = context.sizes
    values, positions = (
        context.values[: sizes.apply_neuroids],
        list(_presentation_table(context)[: sizes.apply_stimuli]),
    )
    return TimedCall(lambda: np.stack([values[:, group].max(axis=1) for group in positions], axis=1))


def bincount_by_id(context: RawContext) -> TimedCall:
    """Average the presentations of each stimulus, in the order of their ids."""
    values = context.values
    order = np.argsort(pd.read_csv(context.paths.csv)["stimulus_id"].to_numpy(dtype="U40"))
    rank = np.argsort(order)[context.stimulus]
    return TimedCall(lambda: _group_means(values, rank)[:, :, None])


def split_halves(context: RawContext) -> TimedCall:
    """Average both halves of each split and correlate them over stimuli for each neuroid."""
    values, order = context.values, _presentation_table(context)
    return TimedCall(lambda: np.stack([_split_half_reliability(row[order]) for row in values[:, :, 0]])[:, None])


def _split_half_reliability(table: np.ndarray) -> float:
    """Return the reliability of one neuroid from its table of stimuli and repetitions."""
    random = np.random.default_rng(0)
    repetitions = table.shape[1]
    corrected = []
    for _ in range(SPLITS):
        first = random.permutation(repetitions) < repetitions // 2
        halves = [table[:, half].mean(axis=1, dtype=float) for half in (first, ~first)]
        correlation = np.corrcoef(halves)[0, 1]
        corrected.append(2 * correlation / (1 + correlation))
    return float(np.mean(corrected))


def mean_of_all(context: RawContext) -> TimedCall:
    """Average all presentations."""
    values = context.values
    return TimedCall(lambda: values.mean(axis=1))


def python_calls(context: RawContext) -> TimedCall:
    """Call the function of `multi_dim_apply` with each value."""
    sizes = context.sizes
    values = context.values[: sizes.apply_neuroids, : sizes.apply_stimuli, 0]
    coords = {f"coordinate{number}": number for number in range(13)}

    def identity(value: float, **_: int) -> float:
        return value

    return TimedCall(lambda: [identity(value, **coords) for value in values.ravel()])


def isin(context: RawContext) -> TimedCall:
    """Select the values of a quarter of the stimuli with `np.isin`."""
    ids = np.sort(pd.read_csv(context.paths.csv)["stimulus_id"].to_numpy(dtype="U40"))
    values = context.values[:, : len(ids), 0].copy()
    selected = ids[::4]
    return TimedCall(lambda: values[:, np.isin(ids, selected)])


def mask(context: RawContext) -> TimedCall:
    """Select the values of one region with a mask."""
    values, regions = context.values, context.regions
    return TimedCall(lambda: values[regions == "IT"])


def deflate(context: RawContext) -> TimedCall:
    """Write the raw values to netCDF, shuffled and deflated at level 4."""
    return TimedCall(lambda: _deflate(context.values, context.paths.written_path("floor", ".nc")))


def _deflate(values: np.ndarray, path: Path) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        for number, size in enumerate(values.shape):
            file.createDimension(f"d{number}", size)
        dims = [f"d{number}" for number in range(values.ndim)]
        file.createVariable("data", "f4", dims, compression="zlib", complevel=4, shuffle=True)[...] = values


def copy_and_hash(context: RawContext) -> TimedCall:
    """Copy the archive and hash the copy."""
    return TimedCall(lambda: _copy_and_hash(context.paths.zip, context.paths.written_path("floor", ".zip")))


def _copy_and_hash(source: Path, target: Path) -> str:
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


FLOORS: dict[str, Callable[[RawContext], TimedCall]] = {
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
        python_calls,
        isin,
        mask,
        deflate,
        copy_and_hash,
    )
}
