"""Spike times in bins around stimulus onsets, against a direct count."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.assemblies import (
    DataAssembly,
    MetadataAssembly,
    NeuronRecordingAssembly,
    SpikeTimesAssembly,
    spikes_to_rates,
)
from brainio.errors import AssemblyFormatError
from brainio.stimuli import StimulusSet


def spikes_at(times: list[float], **columns: list[Any]) -> SpikeTimesAssembly:
    return SpikeTimesAssembly(times, coords={k: ("event", v) for k, v in columns.items()}, dims=["event"])


def onsets_at(times: list[float], **columns: list[Any]) -> DataAssembly:
    columns = {"stimulus_id": [f"s{i}" for i in range(len(times))], **columns}
    return DataAssembly(times, coords={k: ("presentation", v) for k, v in columns.items()}, dims=["presentation"])


def neuroids_named(*ids: str, **columns: list[Any]) -> MetadataAssembly:
    columns = {"neuroid_id": list(ids), **columns}
    coords = {k: ("neuroid", v) for k, v in columns.items()}
    return MetadataAssembly(np.zeros(len(ids)), coords=coords, dims=["neuroid"])


# Few distinct times put spikes on the edges of bins. Floats do not represent tenths exactly.
TIMES = st.integers(-30, 60).map(lambda tenths: tenths / 10)
BINS = st.tuples(TIMES, st.integers(1, 40)).map(lambda bin_: (bin_[0], bin_[0] + bin_[1] / 10))
SPIKES = st.lists(st.tuples(TIMES, st.sampled_from("abcz"), st.sampled_from("uvw")), max_size=60)
ONSETS = st.lists(st.tuples(TIMES, st.sampled_from("uvx")), max_size=8)


@settings(deadline=None)
@given(spikes=SPIKES, onsets=ONSETS, bins=st.lists(BINS, min_size=1, max_size=5))
def test_counts_agree_with_a_loop_over_all_spikes(
    spikes: list[tuple[float, str, str]], onsets: list[tuple[float, str]], bins: list[tuple[float, float]]
) -> None:
    shown = [(recording, time, neuroid) for time, neuroid, recording in spikes]
    if onsets:  # no common recording would be an error
        shown += [(onsets[0][1], 0.0, "a")]
    assembly = spikes_at(
        [time for _, time, _ in shown],
        neuroid_id=[neuroid for *_, neuroid in shown],
        recording=[recording for recording, *_ in shown],
    )
    counts = spikes_to_rates(
        assembly,
        onsets_at([time for time, _ in onsets], recording=[recording for _, recording in onsets]),
        bins,
        neuroids_named("b", "silent", "a", "c"),
        unit="count",
    )
    expected = [
        [
            [
                sum(r == recording and n == neuroid and onset + start <= t < onset + end for r, t, n in shown)
                for start, end in bins
            ]
            for neuroid in ("b", "silent", "a", "c")
        ]
        for onset, recording in onsets
    ]
    assert counts.dims == ("presentation", "neuroid", "time_bin")
    assert counts.shape == (len(onsets), 4, len(bins))
    assert counts.values.tolist() == expected


@settings(deadline=None)
@given(order=st.permutations(range(5)), width=st.integers(1, 1000))
def test_rates_are_counts_per_second_for_spikes_in_any_order(order: list[int], width: int) -> None:
    times = np.array([0.0, 0.5, 3.0, 7.0, 900.0])[order]
    spikes = spikes_at(times.tolist(), neuroid_id=["n"] * 5)
    rates = spikes_to_rates(spikes, onsets_at([0.0]), [(0, width)])
    counts = spikes_to_rates(spikes, onsets_at([0.0]), [(0, width)], unit="count")
    assert rates.values.ravel() == pytest.approx(counts.values.ravel() * 1000 / width)
    assert (rates.attrs["units"], counts.attrs["units"]) == ("Hz", "count")


@settings(deadline=None)
@given(edges=st.lists(TIMES, min_size=2, max_size=6, unique=True).map(sorted), times=st.lists(TIMES, max_size=30))
def test_bins_without_gaps_count_every_spike_once(edges: list[float], times: list[float]) -> None:
    spikes, onset = spikes_at(times, neuroid_id=["n"] * len(times)), onsets_at([0.7])
    bins, whole = list(itertools.pairwise(edges)), [(edges[0], edges[-1])]
    neuroid = neuroids_named("n")
    parts = spikes_to_rates(spikes, onset, bins, neuroid, unit="count")
    assert parts.values.sum() == spikes_to_rates(spikes, onset, whole, neuroid, unit="count").values.sum()


def test_metadata_of_presentations_neuroids_and_bins_are_kept() -> None:
    spikes = spikes_at([10.0, 20.0], neuroid_id=["n1", "n2"])
    onsets = onsets_at([0.0, 5.0, 50.0], repetition=[0, 1, 0], category=["x", None, "y"])
    neuroids = neuroids_named("n3", "n2", "n1", region=["V1", "V4", "IT"])
    rates = spikes_to_rates(spikes, onsets, np.array([[-10, 0], [0, 10], [10, 30]]), neuroids)
    assert type(rates) is NeuronRecordingAssembly
    assert rates.dtype == np.float64
    for name in ("stimulus_id", "repetition", "category"):
        assert rates[name].dims == ("presentation",)
        assert rates[name].values.tolist() == onsets[name].values.tolist()
    assert rates["region"].values.tolist() == ["V1", "V4", "IT"]
    assert rates["time_bin_start"].values.tolist() == [-10, 0, 10]
    assert rates["time_bin_end"].values.tolist() == [0, 10, 30]
    assert rates.sel(region="IT", stimulus_id="s1").values.tolist() == [[[0, 100, 0]]]
    assert rates.sel(neuroid_id="n3").values.sum() == 0


def test_the_result_names_the_stimulus_set_and_has_no_extras() -> None:
    stimulus_set = StimulusSet([{"stimulus_id": "s0"}])
    spikes = spikes_at([1.0], neuroid_id=["n"])
    named = {"identifier": "lab.A", "stimulus_set_identifier": "lab.Set", "stimulus_set": stimulus_set}
    spikes.attrs = {**named, "units": "ms", "stimulus_onsets": onsets_at([0.0])}
    rates = spikes_to_rates(spikes, spikes.attrs["stimulus_onsets"], [(0, 10)])
    assert rates.attrs == {**named, "units": "Hz"}


def test_a_neuroid_has_missing_values_in_other_recordings() -> None:
    spikes = spikes_at([1.0, 1.0], neuroid_id=["n1", "n2"], recording=["mon", "tue"])
    onsets = onsets_at([0.0, 0.0], recording=["mon", "tue"])
    neuroids = neuroids_named("n1", "n2", recording=["mon", "tue"])
    counts = spikes_to_rates(spikes, onsets, [(0, 2)], neuroids, unit="count")
    np.testing.assert_array_equal(counts.values[..., 0], [[1, np.nan], [np.nan, 1]])
    assert counts["recording"].dims == ("presentation",)
    assert spikes_to_rates(spikes, onsets, [(0, 2)], unit="count").values[..., 0].tolist() == [[1, 0], [0, 1]]


def test_recordings_can_have_another_name() -> None:
    spikes = spikes_at([1.0, 1.5, 2.0], neuroid_id=["n"] * 3, session=[7, 8, 8])
    counts = spikes_to_rates(
        spikes, onsets_at([0.0, 0.0, 0.0], session=[8, 7, 9]), [(0, 5)], unit="count", recording="session"
    )
    assert counts.values.ravel().tolist() == [2, 1, 0]


def test_plain_arrays_and_empty_spike_times_are_accepted() -> None:
    spikes = xr.DataArray(np.array([], dtype=float), coords={"neuroid_id": ("event", [])}, dims=["event"])
    onsets = xr.DataArray([3.0], coords={"stimulus_id": ("presentation", ["a"])}, dims=["presentation"])
    assert spikes_to_rates(spikes, onsets, [(0, 1)]).shape == (1, 0, 1)
    assert spikes_to_rates(spikes, onsets, [(0, 1)], neuroids_named("n")).values.tolist() == [[[0.0]]]


SPIKE = spikes_at([1.0], neuroid_id=["n"])
ONSET = onsets_at([0.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": [(0, 10), (20, 20)]}, r"bin 1 extends from 20\.0 to 20\.0 ms"),
        ({"bins": [(0, np.nan)]}, r"bin 0 extends from 0\.0 to nan ms"),
        ({"bins": [0, 10]}, r"bins have the shape \(2,\); expected one \(start, end\)"),
        ({"bins": []}, r"bins have the shape \(0,\)"),
        ({"spikes": spikes_at([1.0], channel=["n"])}, r"spikes has no coordinate 'neuroid_id' along \('event',\)"),
        (
            {"spikes": spikes_at([np.nan], neuroid_id=["n"])},
            r"spikes has no time at 1 positions, the first 0",
        ),
        ({"spikes": spikes_at([1.0, 2.0], neuroid_id=["n", None])}, r"1 spikes have no 'neuroid_id'"),
        ({"spikes": ONSET}, r"spikes has the dimensions \('presentation',\); expected \('event',\)"),
        ({"stimulus_onsets": SPIKE}, r"stimulus_onsets has the dimensions \('event',\)"),
        ({"stimulus_onsets": onsets_at([np.inf])}, r"stimulus_onsets has no time at 1 positions"),
        ({"stimulus_onsets": onsets_at([0.0], recording=["u"])}, r"spikes has no coordinate 'recording'"),
        ({"recording": "session"}, r"stimulus_onsets has no coordinate 'session'"),
        ({"neuroids": neuroids_named("n", "m", "n")}, r"'n' more than once"),
        ({"neuroids": ONSET}, r"neuroids has the dimensions \('presentation',\); expected \('neuroid',\)"),
        (
            {"neuroids": neuroids_named("n", stimulus_id=["s"])},
            r"'stimulus_id' would be along 'presentation' and 'neu",
        ),
    ],
)
def test_invalid_arguments_raise_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AssemblyFormatError, match=message):
        spikes_to_rates(**{"spikes": SPIKE, "stimulus_onsets": ONSET, "bins": [(0, 10)], **arguments})


def test_recordings_of_different_types_raise_an_error() -> None:
    spikes = spikes_at([1.0], neuroid_id=["n"], recording=["1"])
    with pytest.raises(AssemblyFormatError, match="no 'recording' in common: '1' and 1, for example"):
        spikes_to_rates(spikes, onsets_at([0.0], recording=[1]), [(0, 10)])


def test_presentations_and_spikes_without_a_recording_are_reported() -> None:
    spikes = spikes_at([1.0], neuroid_id=["n"], recording=["u"])
    with pytest.raises(AssemblyFormatError, match="1 presentations have no 'recording'"):
        spikes_to_rates(spikes, onsets_at([0.0, 1.0], recording=["u", None]), [(0, 10)])


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="unit is 'kHz'; expected 'Hz' or 'count'"):
        spikes_to_rates(SPIKE, ONSET, [(0, 1)], unit="kHz")  # type: ignore[arg-type]  # a mistake
