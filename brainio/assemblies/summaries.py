"""Numbers behind the charts of assemblies: means by group, time courses, rows of spikes.

Draws nothing (see `plots`).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.assemblies.coordinates import unknown_name_message, values_of
from brainio.assemblies.reductions import can_reduce
from brainio.assemblies.split_halves import split_half_of_positions
from brainio.errors import AssemblyFormatError, GroupbyError
from brainio.units import milliseconds

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import xarray as xr

MISSING = "missing"
TIME_BIN = "time_bin"
_EDGES = ("time_bin_start", "time_bin_end")


class Groups(NamedTuple):
    """The group of each position along a dimension: `codes` are positions in `labels`."""

    dim: Hashable
    labels: list[str]
    codes: np.ndarray


class TimeCourse(NamedTuple):
    """Mean and standard error over the positions of a group, by time bin.

    `centers` of the bins are in ms; `positions` is the number of positions.
    """

    centers: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    positions: int


def group_positions(assembly: xr.DataArray, by: str | Sequence[str]) -> Groups:
    """Group the positions along a dimension by one or several coordinates; missing values are the last group.

    Raises
    ------
    KeyError
        A coordinate does not exist.
    GroupbyError
        A coordinate does not have exactly one dimension, or the coordinates differ in their dimension.
    """
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        if name not in assembly.coords:
            raise KeyError(unknown_name_message(assembly, name, " to group by"))
    dims = {assembly.coords[name].dims for name in names}
    if len(dims) != 1 or len(dim := next(iter(dims))) != 1:
        places = {name: assembly.coords[name].dims for name in names}
        raise GroupbyError(f"cannot group by {places}; expected coordinates of one dimension")
    columns = [pd.Series(values_of(assembly, name)).astype(object) for name in names]
    codes, labels = _sorted_labels(columns)
    return Groups(dim[0], labels, codes)


def _sorted_labels(columns: list[pd.Series[Any]]) -> tuple[np.ndarray, list[str]]:
    factors = [pd.factorize(column, sort=_is_sortable(column)) for column in columns]
    sizes = [len(values) + 1 for _, values in factors]
    parts = [np.where(codes < 0, size - 1, codes) for (codes, _), size in zip(factors, sizes, strict=True)]
    found, codes = np.unique(np.ravel_multi_index(parts, sizes), return_inverse=True)
    texts = [[*map(str, values), MISSING] for _, values in factors]
    places = zip(*np.unravel_index(found, sizes), strict=True)
    return codes, [", ".join(text[place] for text, place in zip(texts, row, strict=True)) for row in places]


def _is_sortable(column: pd.Series[Any]) -> bool:
    return pd.api.types.infer_dtype(column, skipna=True) not in ("mixed", "mixed-integer")


def mean_by_position(assembly: xr.DataArray, dims: Sequence[Hashable]) -> np.ndarray:
    """Average over all dimensions except `dims`, in float64 and without missing values.

    Reads all values; those of a lazy assembly in its chunks.

    Raises
    ------
    AssemblyFormatError
        The values are not numbers.
    """
    if not can_reduce(np.empty(0, assembly.dtype)):
        raise AssemblyFormatError(
            f"values of dtype {assembly.dtype} have no mean; expected booleans, integers or floats"
        )
    others = tuple(number for number, dim in enumerate(assembly.dims) if dim not in dims)
    data = assembly.variable.data
    if isinstance(data, np.ndarray) or not hasattr(data, "dask"):
        means = _nanmean(np.asarray(assembly.variable.values), others)
    else:
        import dask.array as da

        means = np.asarray(da.nanmean(data.astype(np.float64), axis=others))
    remaining = [dim for dim in assembly.dims if dim in dims]
    return np.transpose(means, [remaining.index(dim) for dim in dims])


def _nanmean(values: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NaN where all are missing
        return np.asarray(np.nanmean(values, axis=axis, dtype=np.float64))


def mean_responses(assembly: xr.DataArray, by: str | Sequence[str]) -> dict[str, np.ndarray]:
    """Return the mean responses of positions (neuroids or presentations) by group, without NaN."""
    groups = group_positions(assembly, by)
    means = mean_by_position(assembly, [groups.dim])
    own = {label: means[groups.codes == code] for code, label in enumerate(groups.labels)}
    return {label: values[~np.isnan(values)] for label, values in own.items()}


def time_courses(assembly: xr.DataArray, by: str | None) -> dict[str, TimeCourse]:
    """Return the time course of each group of positions.

    Raises
    ------
    AssemblyFormatError
        The dimension `time_bin` is missing, or its coordinates of start and end.
    """
    centers = _bin_centers(assembly)
    if by is None:
        dim = next((dim for dim in ("neuroid", *assembly.dims) if dim in assembly.dims and dim != TIME_BIN), None)
        if dim is None:
            raise AssemblyFormatError("the assembly has time bins only; expected neuroids or presentations as well")
        groups = Groups(dim, ["all"], np.zeros(assembly.sizes[dim], dtype=np.intp))
    else:
        groups = group_positions(assembly, by)
    if groups.dim == TIME_BIN:
        raise GroupbyError(f"cannot group by {by!r}, a coordinate of time bins; choose one of another dimension")
    means = mean_by_position(assembly, [groups.dim, TIME_BIN])
    order = np.argsort(centers, kind="stable")
    return {
        label: build_time_course(centers[order], means[groups.codes == code][:, order])
        for code, label in enumerate(groups.labels)
    }


def build_time_course(centers: np.ndarray, rows: np.ndarray) -> TimeCourse:
    """Average rows, one for each position, by time bin and without missing values."""
    count = (~np.isnan(rows)).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a single position has no standard error
        error = np.nanstd(rows, axis=0, ddof=1) / np.sqrt(count)
    return TimeCourse(centers, _nanmean(rows, (0,)), error, len(rows))


def _bin_centers(assembly: xr.DataArray) -> np.ndarray:
    if TIME_BIN not in assembly.dims or not {*_EDGES} <= set(assembly.coords):
        raise AssemblyFormatError(
            f"a time course needs the dimension {TIME_BIN!r} with the coordinates {list(_EDGES)} (ms); there are the "
            f"dimensions {assembly.dims} and the coordinates {[str(name) for name in assembly.coords]}"
        )
    start, end = (
        np.broadcast_to(milliseconds(assembly.coords[name].variable, name), assembly.sizes[TIME_BIN]) for name in _EDGES
    )
    return (start + end) / 2


def reliabilities(
    assembly: xr.DataArray, by: str | None, n_splits: int, seed: int, repetition: str, stimulus: str
) -> dict[str, np.ndarray]:
    """Return the defined split-half reliabilities of neuroids (and time bins) by group.

    Raises
    ------
    GroupbyError
        None is defined; and in the cases of `split_half_reliability`.
    """
    by_position = split_half_of_positions(assembly, n_splits, seed, repetition, stimulus)
    if by is None:
        all_values = {"all": by_position.values.ravel()}
    else:
        groups = group_positions(by_position, by)
        values = np.moveaxis(by_position.values, by_position.get_axis_num(groups.dim), 0)
        all_values = {label: values[groups.codes == code].ravel() for code, label in enumerate(groups.labels)}
    defined = {label: values[~np.isnan(values)] for label, values in all_values.items()}
    if not any(map(len, defined.values())):
        raise GroupbyError(
            f"no reliability is defined: it requires two values of {stimulus!r} with two values of {repetition!r}, and "
            f"different responses"
        )
    return defined


def spike_rows(assembly: xr.DataArray, rows: str | Sequence[str]) -> tuple[np.ndarray, Groups]:
    """Return spike times (numbers in their own units, durations in ms) and the row of each spike.

    Raises
    ------
    AssemblyFormatError
        The array does not have `event` as its only dimension.
    """
    if assembly.dims != ("event",):
        raise AssemblyFormatError(
            f"a raster needs spike times along 'event' (a SpikeTimesAssembly); found the dimensions {assembly.dims}"
        )
    return milliseconds(assembly.variable, "the values", "ms"), group_positions(assembly, rows)
