"""Plots of assemblies draw the numbers of a direct computation, labelled with their units."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import dask.array as da
import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt

from brainio.assemblies import DataAssembly, NeuroidAssembly, SpikeTimesAssembly, split_half_reliability
from brainio.assemblies.summaries import mean_responses, reliabilities, time_courses
from brainio.errors import AssemblyFormatError, GroupbyError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

mpl.use("Agg")
REGIONS = ["V4", "IT", "IT", "V4", "IT", None]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def recording() -> NeuroidAssembly:
    """Ten stimuli x four repetitions, six neuroids, three time bins, with 10% missing values."""
    random = np.random.default_rng(0)
    stimulus, repetition = (part.ravel() for part in np.indices((10, 4)))
    tuning = random.normal(size=(10, 6, 1))[stimulus]
    values = tuning + random.normal(size=(40, 6, 3))
    values[random.random(values.shape) < 0.1] = np.nan
    return NeuroidAssembly(
        values,
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", stimulus),
            "object_name": ("presentation", np.array(["car", "dog"])[stimulus % 2]),
            "repetition": ("presentation", repetition),
            "neuroid_id": ("neuroid", np.arange(6)),
            "region": ("neuroid", np.array(REGIONS, dtype=object)),
            "animal": ("neuroid", ["a", "a", "b", "b", "b", "b"]),
            "time_bin_start": ("time_bin", [170, 70, 270]),
            "time_bin_end": ("time_bin", [270, 170, 370]),
        },
        attrs={"units": "Hz", "long_name": "firing rate"},
    )


def points(ax: Axes) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata()) for line in ax.lines if line.get_marker() == "o"]


def test_the_plots_of_xarray_are_available(recording: NeuroidAssembly) -> None:
    ours: Any = recording.plot
    theirs: Any = xr.DataArray(recording).plot
    assert {name for name in dir(theirs) if not name.startswith("_")} < set(dir(ours))
    counts, _, _ = ours.hist(bins=7)
    expected, _, _ = theirs.hist(bins=7)
    assert counts.tolist() == expected.tolist()
    assert ours() is not None


def test_plots_of_xarray_take_dimensions_with_many_coordinates(recording: NeuroidAssembly) -> None:
    image: Any = recording.isel(time_bin=0).plot.imshow()
    np.testing.assert_array_equal(image.get_array().filled(np.nan), recording.isel(time_bin=0).values)
    (line,) = recording.isel(presentation=0, neuroid=1).plot.line(x="time_bin_start")
    assert line.get_xdata().tolist() == [170, 70, 270]


def test_responses_are_the_mean_of_each_neuroid_by_region(recording: NeuroidAssembly) -> None:
    ax = recording.plot.responses()
    drawn = points(ax)
    for values, region in zip(drawn, ["IT", "V4", None], strict=True):
        own = [n for n in range(6) if REGIONS[n] == region]
        np.testing.assert_allclose(values, [np.nanmean(recording.values[:, n]) for n in own])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["IT\n(3)", "V4\n(2)", "missing\n(1)"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("region", "firing rate (Hz)")


def test_responses_of_presentations_are_grouped_by_their_own_coordinates(recording: NeuroidAssembly) -> None:
    found = mean_responses(recording, "object_name")
    own = recording["object_name"].values == "dog"
    np.testing.assert_allclose(found["dog"], np.nanmean(recording.values[own], axis=(1, 2)))


def test_combinations_of_coordinates_are_groups(recording: NeuroidAssembly) -> None:
    found = mean_responses(recording, ["region", "animal"])
    counts = {label: len(values) for label, values in found.items()}
    assert counts == {"IT, a": 1, "IT, b": 2, "V4, a": 1, "V4, b": 1, "missing, b": 1}
    np.testing.assert_allclose(found["V4, b"], np.nanmean(recording.values[:, 3]))


@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool])
def test_values_of_every_numeric_type_have_responses(recording: NeuroidAssembly, dtype: Any) -> None:
    typed = recording.fillna(0).astype(dtype)
    found = mean_responses(typed, "neuroid_id")
    np.testing.assert_allclose(
        [*found.values()], typed.values.astype(float).mean(axis=(0, 2))[:, np.newaxis], rtol=1e-6
    )


def test_lazy_values_are_drawn_like_loaded_ones(recording: NeuroidAssembly) -> None:
    lazy = recording.copy(data=da.from_array(recording.values, chunks=(7, 6, 1)))
    for found, expected in zip(
        mean_responses(lazy, "region").values(), mean_responses(recording, "region").values(), strict=True
    ):
        np.testing.assert_allclose(found, expected)


def test_time_courses_are_mean_and_standard_error_over_neuroids(recording: NeuroidAssembly) -> None:
    ax = recording.plot.time_course()
    course = time_courses(recording, "region")["IT"]
    own = [n for n in range(6) if REGIONS[n] == "IT"]
    of_each = np.nanmean(recording.values[:, own], axis=0)[:, [1, 0, 2]]
    np.testing.assert_allclose(course.centers, [120, 220, 320])
    np.testing.assert_allclose(course.mean, of_each.mean(axis=0))
    np.testing.assert_allclose(course.error, of_each.std(axis=0, ddof=1) / np.sqrt(3))
    np.testing.assert_allclose(points(ax)[0], course.mean)
    band = np.asarray(ax.collections[0].get_paths()[0].vertices)
    np.testing.assert_allclose([band[:, 1].min(), band[:, 1].max()], [
        (course.mean - course.error).min(), (course.mean + course.error).max()])  # fmt: skip
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "firing rate (Hz)")
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["IT (3)", "V4 (2)", "missing (1)"]


def test_a_group_of_one_neuroid_has_a_time_course_without_error_band(recording: NeuroidAssembly) -> None:
    course = time_courses(recording, "region")["missing"]
    np.testing.assert_allclose(course.mean, np.nanmean(recording.values[:, 5], axis=0)[[1, 0, 2]])
    assert np.isnan(course.error).all()


def test_without_regions_all_neuroids_are_one_course(recording: NeuroidAssembly) -> None:
    plain = recording.drop_vars(["region"])
    (drawn,) = points(plain.plot.time_course())
    np.testing.assert_allclose(drawn, np.nanmean(recording.values, axis=0).mean(axis=0)[[1, 0, 2]])


def test_courses_of_presentations_are_means_over_neuroids(recording: NeuroidAssembly) -> None:
    course = time_courses(recording, "object_name")["car"]
    own = recording["object_name"].values == "car"
    of_each = np.nanmean(recording.values[own], axis=1)[:, [1, 0, 2]]
    np.testing.assert_allclose(course.mean, of_each.mean(axis=0))
    np.testing.assert_allclose(course.error, of_each.std(axis=0, ddof=1) / np.sqrt(20))


def test_labels_of_many_groups_with_long_names_do_not_overlap(recording: NeuroidAssembly) -> None:
    named = recording.assign_coords(area=("neuroid", [f"a long name {number}" for number in range(6)]))
    named.attrs |= {"long_name": "change of fluorescence", "units": "percent of the baseline"}
    ax = named.plot.responses("area")
    assert ax.get_ylabel() == "change of fluorescence\n(percent of the baseline)"
    ax.figure.canvas.draw()
    labels = ax.get_xticklabels()
    assert {label.get_rotation() for label in labels} == {40}
    assert labels[0].get_text() == "a long name 0 (1)"


def test_the_histogram_counts_the_reliability_of_each_neuroid_and_time_bin(recording: NeuroidAssembly) -> None:
    ax = recording.plot.reliability(n_splits=4, seed=2, bins=12)
    expected = split_half_reliability(recording, 4, seed=2)
    edges = np.linspace(min(0.0, expected.values.min()), 1.0, 13)
    bars_of_all: list[Any] = [*ax.patches]
    heights = np.array([bar.get_height() for bar in bars_of_all]).reshape(3, 12)
    for bars, region in zip(heights, ["IT", "V4", None], strict=True):
        own = [n for n in range(6) if REGIONS[n] == region]
        assert bars.tolist() == np.histogram(expected.values[own].ravel(), edges)[0].tolist()
    assert f"median {np.median(expected.values):.2f}" in [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[union-attr]
    assert ax.get_ylabel() == "number of neuroids x time bins"


def test_neuroids_without_reliability_are_left_out(recording: NeuroidAssembly) -> None:
    silent = recording.copy(data=np.where(np.arange(6)[:, np.newaxis] == 1, 0.0, recording.values))
    found = reliabilities(silent, "region", 2, 0, "repetition", "stimulus_id")
    assert {region: len(values) for region, values in found.items()} == {"IT": 6, "V4": 6, "missing": 3}
    with pytest.raises(GroupbyError, match="no reliability is defined"):
        (recording * 0).fillna(0).plot.reliability()


@pytest.fixture
def spikes() -> SpikeTimesAssembly:
    return SpikeTimesAssembly(
        [5.0, 1.0, 3.0, 2.0],
        dims=["event"],
        coords={"neuroid_id": ("event", ["b", "a", "b", "a"]), "recording": ("event", [1, 1, 2, 2])},
        attrs={"units": "ms", "long_name": "time of the spike"},
    )


def test_a_raster_has_each_spike_in_the_row_of_its_neuroid(spikes: SpikeTimesAssembly) -> None:
    ax = spikes.plot.raster()
    (line,) = ax.lines
    assert sorted(zip(*map(np.asarray, line.get_data()), strict=True)) == [(1.0, 0), (2.0, 0), (3.0, 1), (5.0, 1)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    low, high = ax.get_ylim()
    assert low > high  # the first row is at the top
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time of the spike (ms)", "neuroid_id")


def test_rows_of_a_raster_may_be_combinations(spikes: SpikeTimesAssembly) -> None:
    ax = spikes.plot.raster(["recording", "neuroid_id"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1, a", "1, b", "2, a", "2, b"]


def test_plots_use_the_given_axes(recording: NeuroidAssembly, spikes: SpikeTimesAssembly) -> None:
    _, axes = plt.subplots(2, 2)
    assert recording.plot.responses(ax=axes[0, 0]) is axes[0, 0]
    assert recording.plot.reliability(ax=axes[0, 1]) is axes[0, 1]
    assert recording.plot.time_course(ax=axes[1, 0]) is axes[1, 0]
    assert spikes.plot.raster(ax=axes[1, 1]) is axes[1, 1]
    assert plt.get_fignums() == [1]


def test_plot_errors_name_missing_and_existing_coordinates(
    recording: NeuroidAssembly, spikes: SpikeTimesAssembly
) -> None:
    with pytest.raises(KeyError, match=r"'area' to group by.*neuroid.*region"):
        recording.plot.responses("area")
    with pytest.raises(GroupbyError, match=r"'region': \('neuroid',\).*'repetition': \('presentation',\)"):
        recording.plot.responses(["region", "repetition"])
    with pytest.raises(AssemblyFormatError, match=r"'time_bin'.*time_bin_start.*presentation.*stimulus_id"):
        recording.isel(time_bin=0).plot.time_course()
    with pytest.raises(GroupbyError, match="coordinate of time bins"):
        recording.plot.time_course("time_bin_start")
    with pytest.raises(AssemblyFormatError, match=r"'event'.*presentation"):
        recording.plot.raster()
    with pytest.raises(KeyError, match=r"'trial'.*neuroid_id"):
        spikes.plot.raster("trial")
    with pytest.raises(KeyError, match=r"'trial'.*repetition"):
        recording.plot.reliability(repetition="trial")
    with pytest.raises(AssemblyFormatError, match=r"dtype .*expected booleans"):
        DataAssembly(["a"], dims=["x"], coords={"region": ("x", ["IT"])}).plot.responses()


def test_plots_without_matplotlib_are_an_error_that_names_the_extra(
    recording: NeuroidAssembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[plot\]"):
        recording.plot.responses()


def test_assemblies_do_not_load_matplotlib_before_something_is_drawn() -> None:
    program = "import sys, brainio.assemblies; print([n for n in ('matplotlib', 'jinja2', 'PIL') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
