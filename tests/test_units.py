"""Times are converted by their units or refused, never counted as zero."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from brainio.assemblies import DataAssembly, NeuronRecordingAssembly, SpikeTimesAssembly, spikes_to_rates
from brainio.assemblies.summaries import spike_rows, time_courses
from brainio.cards import compute_card
from brainio.errors import AssemblyFormatError
from brainio.units import milliseconds
from brainio.validation import assembly_problems
from brainio.views import array_html

SPIKES_MS, ONSETS_MS, BINS_MS = [110.0, 120.0, 149.0, 320.0], [100.0, 300.0], [(0, 50), (50, 150)]
EXPECTED = [[3.0, 0.0], [1.0, 0.0]]


def spikes_at(times: Any, **attrs: Any) -> SpikeTimesAssembly:
    values = np.asarray(times)
    return SpikeTimesAssembly(
        values,
        dims=["event"],
        coords={"neuroid_id": ("event", ["n1"] * len(values)), "k": ("event", range(len(values)))},
        attrs=attrs,
    )


def onsets_at(times: Any, **attrs: Any) -> DataAssembly:
    coords = {"stimulus_id": ("presentation", ["car", "dog"]), "repetition": ("presentation", [0, 0])}
    return DataAssembly(np.asarray(times), dims=["presentation"], coords=coords, attrs=attrs)


def counts(spikes: xr.DataArray, onsets: xr.DataArray, bins: Any = None) -> list[list[float]]:
    rates = spikes_to_rates(spikes, onsets, BINS_MS if bins is None else bins, unit="count")
    assert rates["time_bin_start"].values.tolist() == [0.0, 50.0]
    return [[float(value) for value in row] for row in rates.values[:, 0]]


def in_units(times: list[float], unit: str) -> np.ndarray:
    factor = {"s": 1000, "ms": 1, "us": 0.001, "ns": 0.000001}[unit]
    return np.asarray(times) / factor


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_durations_are_counted_like_numbers_in_ms(unit: str) -> None:
    spikes = in_units(SPIKES_MS, unit).astype(f"timedelta64[{unit}]")
    onsets = in_units(ONSETS_MS, unit).astype(f"timedelta64[{unit}]")
    assert counts(spikes_at(spikes), onsets_at(onsets)) == EXPECTED


@pytest.mark.parametrize("spike_unit", ["s", "ms", "us"])
@pytest.mark.parametrize("onset_unit", ["s", "ms", "us"])
def test_units_of_spikes_and_onsets_are_converted(spike_unit: str, onset_unit: str) -> None:
    spikes = spikes_at(in_units(SPIKES_MS, spike_unit), units=spike_unit)
    onsets = onsets_at(in_units(ONSETS_MS, onset_unit), units=f"{onset_unit} since the start")
    assert counts(spikes, onsets) == EXPECTED


@pytest.mark.parametrize(
    "bins",
    [
        np.array([[0, 50], [50, 150]], dtype="timedelta64[ms]"),
        [(pd.Timedelta("0ms"), pd.Timedelta("50ms")), (pd.Timedelta("50ms"), pd.Timedelta("150ms"))],
        [tuple(datetime.timedelta(milliseconds=edge) for edge in edges) for edges in BINS_MS],
        xr.DataArray(np.array(BINS_MS) / 1000, dims=["time_bin", "edge"], attrs={"units": "s"}),
    ],
    ids=["timedelta64", "pandas", "datetime", "units"],
)
def test_bins_are_converted(bins: Any) -> None:
    assert counts(spikes_at(SPIKES_MS), onsets_at(ONSETS_MS), bins) == EXPECTED


@pytest.mark.parametrize(
    ("times", "attrs", "found"),
    [
        (np.array(["2026-01-01"] * 2, dtype="M8[ns]"), {}, "are dates.*Subtract"),
        ([1.0, 2.0], {"units": "samples"}, "units 'samples'.*convert the times to ms"),
        ([1.0, 2.0], {"units": 3}, "units 3"),
        (np.array(["1", "2"], dtype=object), {}, "string"),
        ([True, False], {}, "boolean"),
        (np.array([1, "NaT"], dtype="m8[ms]"), {}, "no time at 1 positions"),
    ],
    ids=["dates", "samples", "a number as unit", "text", "truths", "missing"],
)
def test_other_times_are_refused(times: Any, attrs: dict[str, Any], found: str) -> None:
    with pytest.raises(AssemblyFormatError, match=f"(?s)spikes.*{found}"):
        spikes_to_rates(spikes_at(times, **attrs), onsets_at(ONSETS_MS), BINS_MS)
    with pytest.raises(AssemblyFormatError, match=f"(?s)stimulus_onsets.*{found}"):
        spikes_to_rates(spikes_at(SPIKES_MS), onsets_at(times, **attrs), BINS_MS)


def test_missing_durations_are_missing_times() -> None:
    found = milliseconds(np.array([1, "NaT"], dtype="m8[s]"), "times")
    assert found[0] == 1000.0
    assert np.isnan(found[1])


def recording(**attrs: Any) -> NeuronRecordingAssembly:
    assembly = NeuronRecordingAssembly(
        np.arange(12.0).reshape(2, 3, 2),
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", ["a", "b"]),
            "repetition": ("presentation", [0, 0]),
            "neuroid_id": ("neuroid", [1, 2, 3]),
            "region": ("neuroid", ["V4", "V4", "IT"]),
            "time_bin_start": ("time_bin", [0.07, 0.17]),
            "time_bin_end": ("time_bin", [0.17, 0.27]),
        },
    )
    for name in ("time_bin_start", "time_bin_end"):
        assembly[name].attrs.update(attrs)
    return assembly


def test_time_bins_in_seconds_are_shown_in_ms() -> None:
    assembly = recording(units="s")
    assert [round(center) for center in time_courses(assembly, None)["all"].centers] == [120, 220]
    card = compute_card(assembly, identifier="lab.Doe2026", class_name="NeuronRecordingAssembly")
    assert (card["time_bins"]["start_ms"], card["time_bins"]["end_ms"]) == (70.0, 270.0)
    assert "from 70 to 270 ms" in array_html(assembly)


def test_time_bins_of_unknown_units_are_shown_in_no_unit_and_refused_by_packaging() -> None:
    assembly = recording(units="samples")
    with pytest.raises(AssemblyFormatError, match="samples"):
        time_courses(assembly, None)
    assert "time_bins" not in compute_card(assembly, identifier="lab.Doe2026", class_name="NeuronRecordingAssembly")
    assert "0.07 to 0.27 ms" not in array_html(assembly)
    found = [problem.code for problem in assembly_problems(assembly, NeuronRecordingAssembly)]
    assert "time-bin-not-number" in found


def test_a_raster_of_durations_is_drawn_in_ms() -> None:
    times, _ = spike_rows(spikes_at(np.array([1, 2], dtype="m8[s]")), "neuroid_id")
    assert times.tolist() == [1000.0, 2000.0]
    times, _ = spike_rows(spikes_at([1.0, 2.0], units="s"), "neuroid_id")
    assert times.tolist() == [1.0, 2.0]
