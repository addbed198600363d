"""Repetition averages and split-half reliability, against direct implementations."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import (
    DataAssembly,
    GroupbyError,
    NeuroidAssembly,
    average_repetition,
    spearman_brown_correction,
    split_half_reliability,
)


def recording(stimuli: int = 12, repetitions: int = 5, seed: int = 0) -> NeuroidAssembly:
    """Return shuffled presentations to three neuroids of decreasing reliability."""
    random = np.random.default_rng(seed)
    order = random.permutation(stimuli * repetitions)
    stimulus, repetition = (x.ravel()[order] for x in np.indices((stimuli, repetitions)))
    noise = random.normal(size=(len(order), 3)) * [0.1, 1, 10]
    return NeuroidAssembly(
        random.normal(size=(stimuli, 3))[stimulus] + noise,
        coords={
            "stimulus_id": ("presentation", [f"s{i:02}" for i in stimulus]),
            "object_name": ("presentation", [f"o{i % 3}" for i in stimulus]),
            "repetition": ("presentation", repetition),
            "neuroid_id": ("neuroid", [7, 8, 9]),
            "region": ("neuroid", ["IT", "V4", "IT"]),
        },
        dims=["presentation", "neuroid"],
        attrs={"identifier": "lab.A"},
    )


def direct_reliability(a: NeuroidAssembly, n_splits: int, seed: int) -> np.ndarray:
    """Compute the reliability in loops over neuroids, splits, halves and stimuli, with `numpy.corrcoef`."""
    random = np.random.default_rng(seed)
    labels = np.unique(a["repetition"].values)
    corrected = np.full((n_splits, a.sizes["neuroid"]), np.nan)
    for split in range(n_splits):
        first = labels[random.permutation(len(labels)) < len(labels) // 2]
        in_first = np.isin(a["repetition"].values, first)
        for neuroid in range(a.sizes["neuroid"]):
            values = a.values[:, neuroid]
            pairs = []
            for stimulus in np.unique(a["stimulus_id"].values):
                own = (a["stimulus_id"].values == stimulus) & ~np.isnan(values)
                if (own & in_first).any() and (own & ~in_first).any():
                    pairs.append((values[own & in_first].mean(), values[own & ~in_first].mean()))
            if len(pairs) > 1:
                r = np.corrcoef(*np.transpose(pairs))[0, 1]
                corrected[split, neuroid] = 2 * r / (1 + r)
    return np.nanmean(corrected, axis=0)


@pytest.mark.parametrize("stimuli", [12, 100])  # the index stores the codes of 100 stimuli in one byte each
def test_reliability_agrees_with_a_direct_implementation(stimuli: int) -> None:
    a = recording(stimuli)
    result = split_half_reliability(a, n_splits=4, seed=3)
    np.testing.assert_allclose(result.values, direct_reliability(a, 4, 3), rtol=1e-9)
    assert isinstance(result, DataAssembly)
    assert result.dims == ("neuroid",)
    assert list(result.indexes["neuroid"].names) == ["neuroid_id", "region"]
    assert result.attrs == {"identifier": "lab.A"}
    assert result.sel(neuroid_id=7).item() > 0.95


def test_stimuli_without_values_in_both_halves_are_left_out() -> None:
    a = recording()
    random = np.random.default_rng(1)
    a = a[np.sort(random.permutation(a.sizes["presentation"])[:40])]
    a = a.copy(data=np.where(random.random(a.shape) < 0.2, np.nan, a.values))
    np.testing.assert_allclose(split_half_reliability(a, 6).values, direct_reliability(a, 6, 0), rtol=1e-9)


def test_rare_repetitions_are_split_too() -> None:
    a = recording()
    own = np.arange(a.sizes["presentation"])
    flat = xr.DataArray(a).reset_index("presentation")
    trials = NeuroidAssembly(flat.assign_coords(repetition=("presentation", own)))
    result = split_half_reliability(trials, 6)
    np.testing.assert_allclose(result.values, direct_reliability(trials, 6, 0), rtol=1e-9)
    missing = trials.copy(data=np.where(np.random.default_rng(1).random(a.shape) < 0.2, np.nan, a.values))
    np.testing.assert_allclose(split_half_reliability(missing, 6).values, direct_reliability(missing, 6, 0), rtol=1e-9)


def test_every_position_of_the_other_dimensions_has_a_separate_reliability() -> None:
    a = recording()
    bins = xr.concat([xr.DataArray(a).reset_index(["presentation", "neuroid"])] * 2, "time_bin")
    both = NeuroidAssembly(bins.transpose("neuroid", "presentation", "time_bin").assign_coords(time_bin=[70, 170]))
    result = split_half_reliability(both, 2)
    assert result.dims == ("neuroid", "time_bin")
    np.testing.assert_allclose(result.values, np.stack([split_half_reliability(a, 2).values] * 2, axis=1), rtol=1e-9)


def test_the_seed_determines_the_splits() -> None:
    a = recording()
    assert split_half_reliability(a, 3, seed=1).identical(split_half_reliability(a, 3, seed=1))
    assert not split_half_reliability(a, 3, seed=1).equals(split_half_reliability(a, 3, seed=2))


def test_presentations_without_a_stimulus_do_not_count() -> None:
    a = recording()
    ids = a["stimulus_id"].values.copy()
    ids[ids == "s03"] = None
    unnamed = NeuroidAssembly(
        xr.DataArray(a).reset_index("presentation").assign_coords(stimulus_id=("presentation", ids))
    )
    expected = split_half_reliability(a[a["stimulus_id"].values != "s03"])
    np.testing.assert_allclose(split_half_reliability(unnamed).values, expected.values, rtol=1e-9)


def test_reliability_is_missing_if_the_correlation_is_undefined() -> None:
    a = recording()
    values = a.values.copy()
    values[:, 0] = np.nan
    values[:, 1] = 4.0
    assert np.isnan(split_half_reliability(a.copy(data=values)).values).tolist() == [True, True, False]


def test_integers_and_float32_have_a_reliability() -> None:
    a = recording()
    for dtype in (np.float32, np.int16):
        typed = a.copy(data=(a.values * 100).astype(dtype))
        result = split_half_reliability(typed, 2)
        assert result.dtype == np.float64
        expected = direct_reliability(typed.copy(data=typed.values.astype(float)), 2, 0)
        np.testing.assert_allclose(result.values, expected, rtol=1e-5)


def test_invalid_input_to_reliability_is_an_error_that_explains_it() -> None:
    a = recording()
    with pytest.raises(KeyError, match=r"'trial'.*repetition"):
        split_half_reliability(a, repetition="trial")
    with pytest.raises(GroupbyError, match=r"region.*neuroid"):
        split_half_reliability(a, stimulus="region")
    with pytest.raises(GroupbyError, match="1 values of 'repetition'"):
        split_half_reliability(a[a["repetition"].values == 0])
    with pytest.raises(GroupbyError, match="complex128"):
        split_half_reliability(a.copy(data=a.values * 1j))


def test_the_average_of_repetitions_agrees_with_a_loop() -> None:
    a = recording()
    values = a.values.copy()
    values[0, 0] = np.nan
    a = a.copy(data=values)
    average = average_repetition(a)
    assert type(average) is NeuroidAssembly
    assert average.dims == a.dims
    assert average.attrs == a.attrs
    assert list(average.indexes["presentation"].names) == ["stimulus_id", "object_name"]
    assert average["stimulus_id"].values.tolist() == [f"s{i:02}" for i in range(12)]
    for stimulus in average["stimulus_id"].values:
        expected = np.nanmean(values[a["stimulus_id"].values == stimulus], axis=0)
        np.testing.assert_allclose(average.sel(stimulus_id=stimulus).values[0], expected, rtol=1e-12)


def test_other_coordinates_that_distinguish_repetitions_can_be_named() -> None:
    a = recording()
    a = a.assign_coords(session=("presentation", a["repetition"].values // 2))
    assert average_repetition(a).sizes["presentation"] == 36
    assert average_repetition(a, ["repetition", "session"]).sizes["presentation"] == 12


def test_averaging_requires_a_coordinate_to_group_by() -> None:
    a = recording()
    with pytest.raises(GroupbyError, match=r"presentation.*repetition"):
        average_repetition(a, ["repetition", "stimulus_id", "object_name"])
    with pytest.raises(GroupbyError, match="neuroid_id"):
        average_repetition(split_half_reliability(a))


def test_spearman_brown_predicts_longer_measurements() -> None:
    assert spearman_brown_correction(0.5) == pytest.approx(2 / 3)
    assert spearman_brown_correction(0.5, n=3) == pytest.approx(0.75)
    np.testing.assert_allclose(spearman_brown_correction(np.array([0.0, 1.0])), [0, 1])
    reliability = split_half_reliability(recording(), 1)
    assert isinstance(spearman_brown_correction(reliability, 0.5), DataAssembly)
