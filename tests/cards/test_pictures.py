"""Promises of the pictures of cards: their numbers are those of the data, whatever lies in them, within bounds."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brainio.assemblies import BehavioralAssembly, DataAssembly, NeuroidAssembly, SpikeTimesAssembly
from brainio.assemblies.summaries import mean_of_each, reliabilities, time_courses
from brainio.cards import arrays, charts, compute_card
from brainio.cards.columns import bin_edges, count_by_bin
from brainio.catalogs.cards import LARGEST_CARD, card_bytes
from brainio.netcdf import chunks as chunks_module
from brainio.packaging import write_netcdf
from brainio.stimuli import StimulusSet
from tests.cards.examples import crowd, recording, spikes

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def finite(assembly: DataAssembly) -> NeuroidAssembly:
    return NeuroidAssembly(assembly.where(np.isfinite(assembly)))


def six(values: Any) -> list[float]:
    return [float(f"{value:.6g}") for value in np.ravel(values)]


# ------------------------------------------------------------------ histograms


@given(st.lists(FINITE, min_size=1), st.integers(1, 60))
@example([5e-324], 1)
def test_every_number_is_in_a_bin_and_edges_ascend(values: list[float], bins: int) -> None:
    edges = bin_edges(min(values), max(values), bins)
    assert edges == sorted(set(edges))
    assert 2 <= len(edges) <= bins + 2
    assert edges[0] <= min(values)
    assert max(values) <= edges[-1]
    counts = count_by_bin(np.array(values), edges)
    own = [sum(low <= value < high for value in values) for low, high in itertools.pairwise(edges)]
    own[-1] += values.count(edges[-1])
    assert counts == own


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1), st.integers(1, 60))
def test_edges_of_integers_lie_between_them_and_bins_hold_equally_many(values: list[int], bins: int) -> None:
    edges = bin_edges(min(values), max(values), bins, integers=True)
    assert {edge % 1 for edge in edges} == {0.5}
    assert len(set(np.diff(edges))) == 1
    assert edges[0] < min(values) <= max(values) < edges[-1]


def column(values: Any) -> dict[str, Any]:
    (found,) = compute_card(StimulusSet({"size": values}))["columns"]
    return found


def test_a_column_of_numbers_has_a_histogram_of_its_finite_rows() -> None:
    found = column([*np.arange(30) / 10, np.nan, np.inf, 0.0])["histogram"]
    assert found["edges"][:3] == [0.0, 0.2, 0.4]
    assert found["counts"] == [3, *[2] * 14]


@pytest.mark.parametrize("values", [np.arange(10), [f"{number}" for number in range(20)], np.arange(20) > 3])
def test_few_numbers_texts_and_truth_values_have_no_histogram(values: Any) -> None:
    assert "histogram" not in column(values)


def test_numbers_beyond_floats_are_left_out_of_a_histogram() -> None:
    values = np.array([*range(12), 10**400], dtype=object)
    assert sum(column(values)["histogram"]["counts"]) == 12


# ------------------------------------------------------------------ recordings


def test_populations_count_neuroids_by_region_and_animal() -> None:
    assembly = recording()
    pairs = Counter(zip(assembly["region"].values, assembly["animal"].values, strict=True))
    found = compute_card(assembly)["pictures"]["populations"]
    assert {(one["region"], one["animal"]): one["count"] for one in found} == pairs
    assert [one["count"] for one in found] == sorted(pairs.values(), reverse=True)


def test_what_has_no_region_or_animal_counts_as_null() -> None:
    assembly = NeuroidAssembly(
        np.zeros((2, 3)),
        dims=["presentation", "neuroid"],
        coords={"region": ("neuroid", ["IT", None, "IT"]), "stimulus_id": ("presentation", ["a", "b"])},
    )
    found = compute_card(assembly)["pictures"]["populations"]
    assert found == [{"region": "IT", "animal": None, "count": 2}, {"region": None, "animal": None, "count": 1}]


def test_responses_are_the_mean_responses_of_neuroids_by_region() -> None:
    assembly = finite(recording())
    means = mean_of_each(assembly, ["neuroid"])
    found = compute_card(recording())["pictures"]["responses"]
    assert (found["by"], found["of"]) == ("region", "neuroid")
    for group in found["groups"]:
        own = means[assembly["region"].values == group["value"]]
        assert (group["count"], group["median"]) == (len(own), float(f"{np.median(own):.6g}"))
        assert group["counts"] == np.histogram(own, found["edges"])[0].tolist()


def test_responses_of_behaviour_are_those_of_presentations() -> None:
    assembly = BehavioralAssembly(
        np.arange(10.0), dims=["presentation"], coords={"subject": ("presentation", ["x"] * 10)}
    )
    found = compute_card(assembly)["pictures"]["responses"]
    assert (found["of"], found["by"], [group["value"] for group in found["groups"]]) == ("presentation", None, [None])
    assert sum(found["groups"][0]["counts"]) == 10


def test_of_many_regions_the_largest_are_told_and_the_rest_is_counted() -> None:
    found = compute_card(crowd())["pictures"]
    for name in ("responses", "reliability", "time_course"):
        assert len(found[name]["groups"]) == 8, name
        assert found[name]["more"] == 4, name


def test_repetitions_say_how_many_stimuli_have_how_many_presentations() -> None:
    assembly = recording().isel(presentation=slice(0, -1))
    found = compute_card(assembly)["pictures"]["repetitions"]
    assert found == [{"repetitions": 3, "stimuli": 1}, {"repetitions": 4, "stimuli": 5}]


def test_many_numbers_of_repetitions_are_put_into_bins_that_hold_all_stimuli() -> None:
    found = compute_card(crowd())["pictures"]["repetitions"]
    assert sum(one["stimuli"] for one in found) == 70
    assert len(found) <= 60
    assert all(one["repetitions"] <= one["to"] for one in found)
    for one in found:
        assert one["stimuli"] == len({*range(1, 71)} & {*range(one["repetitions"], one["to"] + 1)})


def test_the_reliability_histogram_is_of_what_the_summary_counts() -> None:
    card = compute_card(recording())
    found = card["pictures"]["reliability"]
    assert sum(group["count"] for group in found["groups"]) == card["reliability"]["defined_for"]
    by_region = reliabilities(recording(), "region", 10, 0, "repetition", "stimulus_id")
    for group in found["groups"]:
        expected = np.clip(six(by_region[group["value"]][np.isfinite(by_region[group["value"]])]), -1, 1)
        assert group["counts"] == np.histogram(expected, found["edges"])[0].tolist()


def test_a_sample_of_neuroids_is_told_by_their_own_regions(monkeypatch: pytest.MonkeyPatch) -> None:

    assembly = recording(neuroids=40, bins=1)
    monkeypatch.setattr(arrays, "_MAX_RELIABILITY_VALUES", assembly.sizes["presentation"] * 10)
    found = compute_card(assembly)["pictures"]["reliability"]
    positions = np.linspace(0, 39, 10).astype(int)
    expected = Counter(assembly["region"].values[positions])
    assert {group["value"]: group["count"] for group in found["groups"]} == expected


def test_the_time_course_is_mean_and_error_over_neuroids() -> None:
    found = compute_card(recording())["pictures"]["time_course"]
    expected = time_courses(finite(recording()), "region")
    assert found["centers_ms"] == [55.0, 65.0, 75.0]
    for group in found["groups"]:
        course = expected[group["value"]]
        assert (group["mean"], group["error"]) == (six(course.mean), six(course.error))


def test_of_many_time_bins_neighbours_are_averaged_and_bins_are_sorted() -> None:
    bins = 450
    starts = np.arange(bins)[::-1]
    assembly = NeuroidAssembly(
        np.broadcast_to(starts, (2, 3, bins)).astype(float),
        dims=["presentation", "neuroid", "time_bin"],
        coords={"time_bin_start": ("time_bin", starts), "time_bin_end": ("time_bin", starts + 1)},
    )
    found = compute_card(assembly)["pictures"]["time_course"]
    assert found["centers_ms"] == [1.5 + 3 * number for number in range(150)]
    assert found["groups"] == [
        {"value": None, "count": 3, "mean": [1.0 + 3 * number for number in range(150)], "error": [0.0] * 150}
    ]


def test_a_time_course_that_would_take_much_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "_MAX_CELLS", 14)
    assert "time_course" not in compute_card(recording())["pictures"]


def test_stimuli_are_ordered_by_their_mean_response() -> None:
    assembly = finite(recording(stimuli=20))
    shown = assembly["stimulus_id"].values
    means = {one: float(np.nanmean(assembly.values[shown == one])) for one in np.unique(shown)}
    order = sorted(means, key=lambda one: -means[one])
    found = compute_card(recording(stimuli=20))["pictures"]["stimuli"]
    assert [one["stimulus_id"] for one in found["strongest"]] == order[:8]
    assert [one["stimulus_id"] for one in found["weakest"]] == order[:-9:-1]
    assert found["strongest"][0]["mean"] == float(f"{means[order[0]]:.6g}")
    assert {one["presentations"] for one in found["strongest"]} == {4}


@pytest.mark.parametrize("dims", [("neuroid", "presentation", "time_bin"), ("time_bin", "neuroid", "presentation")])
def test_the_order_of_dimensions_does_not_matter(dims: tuple[str, ...]) -> None:
    assert compute_card(recording().transpose(*dims))["pictures"] == compute_card(recording())["pictures"]


def test_lazy_values_give_the_same_pictures_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_netcdf(recording(), tmp_path / "a.nc")
    whole = compute_card(NeuroidAssembly.from_files(tmp_path / "a.nc"))["pictures"]
    lazy = NeuroidAssembly.from_files(tmp_path / "a.nc", chunks={"presentation": 7, "neuroid": 2, "time_bin": 2})
    assert compute_card(lazy)["pictures"] == whole
    assert compute_card(NeuroidAssembly.from_files(tmp_path / "a.nc", in_blocks=True))["pictures"] == whole
    monkeypatch.setattr(chunks_module, "BLOCK_BYTES", 300)
    assert compute_card(NeuroidAssembly.from_files(tmp_path / "a.nc"))["pictures"] == whole


@pytest.mark.parametrize(
    "assembly",
    [
        DataAssembly(3.0),
        DataAssembly(np.zeros((0, 3)), dims=["presentation", "neuroid"]),
        DataAssembly(np.full((3, 2), np.nan), dims=["presentation", "neuroid"]),
        DataAssembly(np.array([1 + 2j, 3]), dims=["neuroid"]),
        DataAssembly(np.array(["2026-01-01", "2026-01-02"], dtype="M8[ns]"), dims=["presentation"]),
        DataAssembly(np.array([None, []], dtype=object), dims=["presentation"]),
    ],
    ids=["a scalar", "nothing", "all missing", "complex", "dates", "objects"],
)
def test_what_has_no_numbers_has_no_pictures_of_them(assembly: DataAssembly) -> None:
    assert compute_card(assembly).get("pictures", {}).keys() <= {"populations"}


def test_constant_values_have_one_bin() -> None:
    found = compute_card(DataAssembly(np.full((3, 5), 7.5), dims=["presentation", "neuroid"]))["pictures"]["responses"]
    assert (len(found["edges"]), found["groups"][0]["counts"]) == (2, [5])


# ------------------------------------------------------------------ spikes


def fired(count: int, rows: int, **coords: Any) -> SpikeTimesAssembly:
    times = np.random.default_rng(0).permutation(count).astype(float)
    return SpikeTimesAssembly(
        times, dims=["event"], coords={"neuroid_id": ("event", np.arange(count) % rows), **coords}
    )


def test_a_raster_has_sorted_times_by_neuroid() -> None:
    found = compute_card(spikes())["pictures"]["raster"]
    assert found == {
        "rows_of": "neuroid_id",
        "rows": [{"label": "n1", "times": [0.1, 0.2]}, {"label": "n2", "times": [0.35]}],
        "shown": 2,
        "total": 2,
    }


def test_of_many_spikes_the_first_are_shown_of_the_first_rows() -> None:
    assembly = fired(20_000, 100)
    found = compute_card(assembly)["pictures"]["raster"]
    assert (found["shown"], found["total"], len(found["rows"])) == (40, 100, 40)
    assert [row["label"] for row in found["rows"]] == [str(number) for number in range(40)]
    shown = np.sort(assembly.values[assembly["neuroid_id"].values < 40])[: charts._MAX_SPIKES]
    assert sorted(time for row in found["rows"] for time in row["times"]) == shown.tolist()


def test_blocks_of_spikes_give_the_same_raster(monkeypatch: pytest.MonkeyPatch) -> None:
    assembly = fired(20_000, 100)
    whole = compute_card(assembly)["pictures"]["raster"]
    monkeypatch.setattr(chunks_module, "BLOCK_BYTES", 8000)
    assert compute_card(assembly)["pictures"]["raster"] == whole


def test_spikes_of_one_neuroid_have_a_row_for_each_presentation() -> None:
    stimulus = np.array(["a", "b", None], dtype=object)[np.arange(9) % 3]
    assembly = fired(9, 1, stimulus_id=("event", stimulus), repetition=("event", np.arange(9) // 5))
    found = compute_card(assembly)["pictures"]["raster"]
    assert found["rows_of"] == "stimulus_id, repetition"
    assert [row["label"] for row in found["rows"]] == ["a, 0", "a, 1", "b, 0", "b, 1", "missing, 0", "missing, 1"]


def test_spikes_that_nothing_tells_apart_have_no_raster() -> None:
    assert "pictures" not in compute_card(SpikeTimesAssembly([1.0, 2.0], dims=["event"]))


def test_populations_of_spikes_count_neuroids() -> None:
    assembly = fired(100, 4, region=("event", np.where(np.arange(100) % 4 == 3, "V4", "IT")))
    found = compute_card(assembly)["pictures"]["populations"]
    assert found == [{"region": "IT", "animal": None, "count": 3}, {"region": "V4", "animal": None, "count": 1}]


# ------------------------------------------------------------------ bounds


def test_a_card_with_all_pictures_at_their_bounds_is_one_that_readers_take() -> None:
    size = 400
    long = [f"{number:03} " + "x" * 300 for number in range(size)]
    starts = np.arange(1000)
    assembly = NeuroidAssembly(
        np.random.default_rng(0).normal(size=(8, size, 1000)),
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", long[:4] * 2),
            "repetition": ("presentation", [0] * 4 + [1] * 4),
            "region": ("neuroid", long),
            "animal": ("neuroid", long[::-1]),
            "time_bin_start": ("time_bin", starts),
            "time_bin_end": ("time_bin", starts + 1),
        },
    )
    card = compute_card(assembly)
    assert {*card["pictures"]} >= {"populations", "responses", "reliability", "time_course", "stimuli"}
    assert len(card_bytes(card)) < LARGEST_CARD / 2
