"""The numbers behind the plots of assemblies: means by group, their course over time, rows of spikes. Draws nothing."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.assemblies.coordinates import no_such_name, values_of
from brainio.assemblies.reductions import can_reduce
from brainio.assemblies.split_halves import split_half_of_positions
from brainio.assemblies.times import milliseconds
from brainio.errors import AssemblyFormatError, GroupbyError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import xarray as xr

MISSING = "missing"
TIME_BIN = "time_bin"
_EDGES = ("time_bin_start", "time_bin_end")


class Groups(NamedTuple):
    """Which group each position of a dimension belongs to: `codes` count into `labels`."""

    dim: Hashable
    labels: list[str]
    codes: np.ndarray


class Course(NamedTuple):
    """Mean and its standard error over positions, by time bin; `centers` in ms, `positions` of the group."""

    centers: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    positions: int


def groups_by(assembly: xr.DataArray, by: str | Sequence[str]) -> Groups:
    """Group the positions of a dimension by one or several of its coordinates; missing values are the last group.

    Raises
    ------
    KeyError
        There is no such coordinate.
    GroupbyError
        A coordinate has no dimension, or several, or they do not lie on one.
    """
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        if name not in assembly.coords:
            raise KeyError(no_such_name(assembly, name, " to group by"))
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


def mean_of_each(assembly: xr.DataArray, kept: Sequence[Hashable]) -> np.ndarray:
    """Average over all other dimensions, in float64 and without missing values; dimensions in the order of `kept`.

    All values are read, of a lazy assembly in its chunks.

    Raises
    ------
    AssemblyFormatError
        The values are no numbers.
    """
    if not can_reduce(np.empty(0, assembly.dtype)):
        raise AssemblyFormatError(
            f"values of dtype {assembly.dtype} have no mean; expected booleans, integers or floats"
        )
    others = tuple(number for number, dim in enumerate(assembly.dims) if dim not in kept)
    data = assembly.variable.data
    if isinstance(data, np.ndarray) or not hasattr(data, "dask"):
        means = _nanmean(np.asarray(assembly.variable.values), others)
    else:
        import dask.array as da

        means = np.asarray(da.nanmean(data.astype(np.float64), axis=others))
    left = [dim for dim in assembly.dims if dim in kept]
    return np.transpose(means, [left.index(dim) for dim in kept])


def _nanmean(values: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all are missing: NaN
        return np.asarray(np.nanmean(values, axis=axis, dtype=np.float64))


def responses_by(assembly: xr.DataArray, by: str | Sequence[str]) -> dict[str, np.ndarray]:
    """Give the mean response of each position (neuroid, or presentation), by group; NaN is left out."""
    groups = groups_by(assembly, by)
    means = mean_of_each(assembly, [groups.dim])
    own = {label: means[groups.codes == code] for code, label in enumerate(groups.labels)}
    return {label: values[~np.isnan(values)] for label, values in own.items()}


def time_courses(assembly: xr.DataArray, by: str | None) -> dict[str, Course]:
    """Give mean and standard error over the positions of each group, by time bin.

    Raises
    ------
    AssemblyFormatError
        There is no dimension `time_bin`, or its bins have no start and end.
    """
    centers = _bin_centers(assembly)
    if by is None:
        dim = next((dim for dim in ("neuroid", *assembly.dims) if dim in assembly.dims and dim != TIME_BIN), None)
        if dim is None:
            raise AssemblyFormatError("the assembly has time bins only; expected neuroids or presentations as well")
        groups = Groups(dim, ["all"], np.zeros(assembly.sizes[dim], dtype=np.intp))
    else:
        groups = groups_by(assembly, by)
    if groups.dim == TIME_BIN:
        raise GroupbyError(f"cannot group by {by!r}, a coordinate of time bins; name one of another dimension")
    means = mean_of_each(assembly, [groups.dim, TIME_BIN])
    order = np.argsort(centers, kind="stable")
    return {
        label: course_of(centers[order], means[groups.codes == code][:, order])
        for code, label in enumerate(groups.labels)
    }


def course_of(centers: np.ndarray, rows: np.ndarray) -> Course:
    """Average rows of positions by time bin, without missing values."""
    count = (~np.isnan(rows)).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a single position there is no error
        error = np.nanstd(rows, axis=0, ddof=1) / np.sqrt(count)
    return Course(centers, _nanmean(rows, (0,)), error, len(rows))


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
    """Give the split-half reliability of every neuroid (and time bin), by group, without those that have none.

    Raises
    ------
    GroupbyError
        None has one, or the reasons of `split_half_reliability`.
    """
    of_each = split_half_of_positions(assembly, n_splits, seed, repetition, stimulus)
    if by is None:
        found = {"all": of_each.values.ravel()}
    else:
        groups = groups_by(of_each, by)
        values = np.moveaxis(of_each.values, of_each.get_axis_num(groups.dim), 0)
        found = {label: values[groups.codes == code].ravel() for code, label in enumerate(groups.labels)}
    defined = {label: values[~np.isnan(values)] for label, values in found.items()}
    if not any(map(len, defined.values())):
        raise GroupbyError(
            f"no reliability is defined: it takes two values of {stimulus!r} that have two values of {repetition!r}, "
            f"and responses that differ"
        )
    return defined


def spike_rows(assembly: xr.DataArray, rows: str | Sequence[str]) -> tuple[np.ndarray, Groups]:
    """Give the times of spikes, numbers in their own units and durations in ms, and the row of each.

    Raises
    ------
    AssemblyFormatError
        The array has other dimensions than `event`.
    """
    if assembly.dims != ("event",):
        raise AssemblyFormatError(
            f"a raster needs spike times along 'event' (a SpikeTimesAssembly); found the dimensions {assembly.dims}"
        )
    return milliseconds(assembly.variable, "the values", "ms"), groups_by(assembly, rows)
