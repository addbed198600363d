"""Binning of spike times into counts and rates around stimulus onsets.

No smoothing, no normalization, no spike sorting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from brainio.assemblies.classes import NeuronRecordingAssembly
from brainio.assemblies.coordinates import walk_coords
from brainio.assemblies.stimulus_metadata import STIMULUS_SET, STIMULUS_SET_IDENTIFIER
from brainio.errors import AssemblyFormatError
from brainio.units import milliseconds

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import xarray as xr

    Columns = dict[Hashable, np.ndarray]

_KEPT_ATTRS = ("identifier", STIMULUS_SET_IDENTIFIER, STIMULUS_SET)
_NEUROID_ID = "neuroid_id"
_RECORDING = "recording"
_MS_PER_SECOND = 1000.0


def spikes_to_rates(
    spikes: xr.DataArray,
    stimulus_onsets: xr.DataArray,
    bins: Sequence[tuple[float, float]] | np.ndarray,
    neuroids: xr.DataArray | None = None,
    *,
    unit: Literal["Hz", "count"] = "Hz",
    recording: str = _RECORDING,
) -> NeuronRecordingAssembly:
    """Bin spike times around stimulus onsets: presentation x neuroid x time_bin.

    A spike at time t is in the bin (start, end) of a presentation with the onset o when o + start <= t < o + end.

    Parameters
    ----------
    spikes : SpikeTimesAssembly
        Times along `event`, in any order, with the coordinate `neuroid_id`: durations (`timedelta64`), or numbers in
        `attrs['units']` (h, min, s, ms, us, ns; default: ms).
    stimulus_onsets : xarray.DataArray
        Times along `presentation`, in the same form and by the same clock as the spikes. Its coordinates
        (`stimulus_id`, `repetition`, ...) become those of the presentations.
    bins : sequence of (start, end), or array of shape (n, 2)
        Durations, or ms from stimulus onset (or in `attrs['units']` of an array); `end` is excluded. Bins may overlap,
        have gaps and precede the onset.
    neuroids : xarray.DataArray, optional
        The neuroids to count, in this order, with the coordinate `neuroid_id` along `neuroid`. Its coordinates along
        `neuroid` become those of the result; its values are not used. Default: all neuroids with spikes, sorted,
        without further coordinates. Neuroids without spikes in a bin count as silent.
    unit : {'Hz', 'count'}, default 'Hz'
        Spikes per second, or spikes.
    recording : str, default 'recording'
        Coordinate of `spikes` and `stimulus_onsets` with the recording, if each recording has its own clock:
        presentations count spikes of their own recording only. If `neuroids` has it as well, a neuroid was recorded in
        that recording only, and is NaN in others; the result has it along `presentation`. If neither spikes nor onsets
        have it, there is a single clock.

    Returns
    -------
    NeuronRecordingAssembly
        float64, with `time_bin_start` and `time_bin_end` (ms), `attrs['units']` (the unit), and the identifier and
        stimulus set from the attrs of `spikes`.

    Raises
    ------
    AssemblyFormatError
        A dimension or coordinate is missing, duplicate or has the wrong dimension; a time is not finite, a date or of
        unknown units; `neuroid_id` is missing for a spike or duplicate in `neuroids`; a bin ends before its start.

    Examples
    --------
    >>> from brainio.assemblies import DataAssembly, SpikeTimesAssembly
    >>> spikes = SpikeTimesAssembly([110.0, 149.0, 150.0, 320.0], dims=["event"], coords={
    ...     "neuroid_id": ("event", ["n1", "n1", "n1", "n2"]), "channel": ("event", [1, 1, 1, 2])})
    >>> onsets = DataAssembly([100.0, 300.0], dims=["presentation"], coords={
    ...     "stimulus_id": ("presentation", ["car", "dog"]), "repetition": ("presentation", [0, 0])})
    >>> rates = spikes_to_rates(spikes, onsets, [(0, 50), (50, 100)])
    >>> rates.sel(stimulus_id="car", neuroid_id="n1").values.ravel().tolist()
    [40.0, 20.0]
    >>> rates.sel(neuroid_id="n2", time_bin_start=0).values.ravel().tolist()
    [0.0, 20.0]
    """
    if unit not in ("Hz", "count"):
        raise ValueError(f"unit is {unit!r}; expected 'Hz' or 'count'")
    _require_dim(spikes, "spikes", "event")
    _require_dim(stimulus_onsets, "stimulus_onsets", "presentation")
    edges = _edges(bins)
    ids, along_neuroids = _neuroids(spikes, neuroids)
    result = _counts(spikes, stimulus_onsets, edges, ids, recording)
    if unit == "Hz":
        result *= _MS_PER_SECOND / np.diff(edges, axis=1).ravel()
    along_presentations = _along(stimulus_onsets)
    if {recording} <= along_neuroids.keys() & along_presentations.keys():
        recordings = along_neuroids.pop(recording)
        result[along_presentations[recording][:, np.newaxis] != recordings] = np.nan
    along_bins: Columns = {"time_bin_start": edges[:, 0], "time_bin_end": edges[:, 1]}
    along = {"presentation": along_presentations, "neuroid": along_neuroids, "time_bin": along_bins}
    attrs = {name: spikes.attrs[name] for name in _KEPT_ATTRS if name in spikes.attrs}
    return NeuronRecordingAssembly(result, coords=_coords(along), dims=list(along), attrs=attrs | {"units": unit})


def _counts(spikes: xr.DataArray, onsets: xr.DataArray, edges: np.ndarray, ids: pd.Index, name: str) -> np.ndarray:
    """Count spikes by presentation, neuroid and bin."""
    times, starts = _times(spikes, "spikes"), _times(onsets, "stimulus_onsets")
    of_spikes, of_onsets = _recordings(spikes, onsets, name)
    neuroids = ids.get_indexer(pd.Index(_values(spikes, "spikes", _NEUROID_ID)))
    trains = _SpikeTrains(times, neuroids, of_spikes, len(ids))
    counts = np.empty((len(starts), len(ids), len(edges)))
    for recording in np.unique(of_onsets):
        presentations = np.flatnonzero(of_onsets == recording)
        bins = starts[presentations, np.newaxis, np.newaxis] + edges
        for neuroid in range(len(ids)):
            before = trains.times(recording, neuroid).searchsorted(bins)
            counts[presentations, neuroid] = before[..., 1] - before[..., 0]
    return counts


class _SpikeTrains:
    """Sorted spike times by recording and neuroid."""

    def __init__(self, times: np.ndarray, neuroids: np.ndarray, recordings: np.ndarray, neuroid_count: int) -> None:
        counted = (neuroids >= 0) & (recordings >= 0)
        train = recordings[counted] * neuroid_count + neuroids[counted]
        order = np.lexsort((times[counted], train))
        self._neuroid_count = neuroid_count
        self._times, self._train = times[counted][order], train[order]

    def times(self, recording: int, neuroid: int) -> np.ndarray:
        """Return the spike times of one neuroid in one recording."""
        train = recording * self._neuroid_count + neuroid
        return self._times[slice(*self._train.searchsorted([train, train + 1]))]


def _edges(bins: Sequence[tuple[float, float]] | np.ndarray) -> np.ndarray:
    edges = milliseconds(bins, "bins")
    if edges.ndim != 2 or edges.shape[1] != 2 or not len(edges):
        raise AssemblyFormatError(f"bins have the shape {edges.shape}; expected one (start, end) in ms for each bin")
    wrong = np.flatnonzero(~(np.isfinite(edges).all(axis=1) & (edges[:, 0] < edges[:, 1])))
    if len(wrong):
        start, end = edges[wrong[0]].tolist()
        raise AssemblyFormatError(f"bin {wrong[0]} extends from {start} to {end} ms; expected a start before the end")
    return edges


def _require_dim(array: xr.DataArray, name: str, dim: str) -> None:
    if array.dims != (dim,):
        raise AssemblyFormatError(f"{name} has the dimensions {array.dims}; expected ({dim!r},)")


def _times(array: xr.DataArray, name: str) -> np.ndarray:
    times = milliseconds(array, name)
    wrong = np.flatnonzero(~np.isfinite(times))
    if len(wrong):
        raise AssemblyFormatError(
            f"{name} has no time at {len(wrong)} positions, the first {wrong[0]} ({times[wrong[0]]}); "
            f"expected ms. Drop these positions"
        )
    return times


def _values(array: xr.DataArray, name: str, coordinate: str) -> np.ndarray:
    if coordinate not in array.coords or array.coords[coordinate].dims != array.dims:
        raise AssemblyFormatError(
            f"{name} has no coordinate {coordinate!r} along {array.dims}; it has {[str(c) for c in array.coords]}"
        )
    return array.coords[coordinate].values


def _neuroids(spikes: xr.DataArray, neuroids: xr.DataArray | None) -> tuple[pd.Index, Columns]:
    """Return the ids and coordinates of the neuroids to count."""
    codes, found = pd.factorize(_values(spikes, "spikes", _NEUROID_ID), sort=True)
    if (codes < 0).any():
        raise AssemblyFormatError(f"{int((codes < 0).sum())} spikes have no {_NEUROID_ID!r}; drop them or set it")
    if neuroids is None:
        return pd.Index(found), {_NEUROID_ID: np.asarray(found)}
    _require_dim(neuroids, "neuroids", "neuroid")
    ids = pd.Index(_values(neuroids, "neuroids", _NEUROID_ID))
    if not ids.is_unique:
        raise AssemblyFormatError(
            f"neuroids has the {_NEUROID_ID!r} {ids[ids.duplicated()][0]!r} more than once; drop duplicates"
        )
    return ids, _along(neuroids)


def _recordings(spikes: xr.DataArray, onsets: xr.DataArray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Number the recordings of spikes and onsets; -1 is a recording without stimuli."""
    if name == _RECORDING and name not in spikes.coords and name not in onsets.coords:
        return np.zeros(spikes.size, dtype=np.intp), np.zeros(onsets.size, dtype=np.intp)
    codes, found = pd.factorize(_values(onsets, "stimulus_onsets", name))
    if (codes < 0).any():
        raise AssemblyFormatError(f"{int((codes < 0).sum())} presentations have no {name!r}; drop them or set it")
    own = _values(spikes, "spikes", name)
    numbers = pd.Index(found).get_indexer(pd.Index(own))
    if len(own) and len(found) and (numbers < 0).all():
        raise AssemblyFormatError(
            f"spikes and stimulus_onsets have no {name!r} in common: {own.item(0)!r} and {found.item(0)!r}, for "
            f"example; expected the same names, of the same type"
        )
    return numbers, codes


def _along(array: xr.DataArray) -> Columns:
    return {name: values for name, dims, values in walk_coords(array) if dims == array.dims}


def _coords(along: dict[str, Columns]) -> dict[Hashable, tuple[str, np.ndarray]]:
    coords: dict[Hashable, tuple[str, np.ndarray]] = {}
    for dim, columns in along.items():
        for name, column in columns.items():
            if name in coords:
                raise AssemblyFormatError(
                    f"the coordinate {name!r} would be along {coords[name][0]!r} and {dim!r}; rename one of them"
                )
            coords[name] = (dim, column)
    return coords
