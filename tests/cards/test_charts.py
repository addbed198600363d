"""The numbers behind charts: they agree with the data, for any data, and their size is bounded."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainio.assemblies import BehavioralAssembly, DataAssembly, NeuroidAssembly, SpikeTimesAssembly
from brainio.assemblies.summaries import mean_by_position, reliabilities, time_courses
from brainio.cards import arrays, charts, compute_card
from brainio.catalogs.cards import LARGEST_CARD, card_bytes
from brainio.netcdf import chunks as chunks_module
from brainio.packaging import write_netcdf
from tests.cards.examples import many_regions, recording, spikes


def finite(assembly: DataAssembly) -> NeuroidAssembly:
    return NeuroidAssembly(assembly.where(np.isfinite(assembly)))


def six_digits(values: Any) -> list[float]:
    return [float(f"{value:.6g}") for value in np.ravel(values)]


# ------------------------------------------------------------------ recordings


def test_populations_count_neuroids_by_region_and_animal() -> None:
    assembly = recording()
    pairs = Counter(zip(assembly["region"].values, assembly["animal"].values, strict=True))
    populations = compute_card(assembly)["pictures"]["populations"]
    assert {(record["region"], record["animal"]): record["count"] for record in populations} == pairs
    assert [record["count"] for record in populations] == sorted(pairs.values(), reverse=True)


def test_missing_regions_and_animals_count_as_null() -> None:
    assembly = NeuroidAssembly(
        np.zeros((2, 3)),
        dims=["presentation", "neuroid"],
        coords={"region": ("neuroid", ["IT", None, "IT"]), "stimulus_id": ("presentation", ["a", "b"])},
    )
    chart = compute_card(assembly)["pictures"]["populations"]
    assert chart == [{"region": "IT", "animal": None, "count": 2}, {"region": None, "animal": None, "count": 1}]


def test_responses_are_the_mean_responses_of_neuroids_by_region() -> None:
    assembly = finite(recording())
    means = mean_by_position(assembly, ["neuroid"])
    chart = compute_card(recording())["pictures"]["responses"]
    assert (chart["by"], chart["of"]) == ("region", "neuroid")
    for group in chart["groups"]:
        own = means[assembly["region"].values == group["value"]]
        assert (group["count"], group["median"]) == (len(own), float(f"{np.median(own):.6g}"))
        assert group["counts"] == np.histogram(own, chart["edges"])[0].tolist()


def test_responses_of_behaviour_are_those_of_presentations() -> None:
    assembly = BehavioralAssembly(
        np.arange(10.0), dims=["presentation"], coords={"subject": ("presentation", ["x"] * 10)}
    )
    chart = compute_card(assembly)["pictures"]["responses"]
    assert (chart["of"], chart["by"], [group["value"] for group in chart["groups"]]) == ("presentation", None, [None])
    assert sum(chart["groups"][0]["counts"]) == 10


def test_only_the_largest_regions_have_groups_and_the_others_are_counted() -> None:
    chart = compute_card(many_regions())["pictures"]
    for name in ("responses", "reliability", "time_course"):
        assert len(chart[name]["groups"]) == 8, name
        assert chart[name]["more"] == 4, name


def test_repetitions_count_stimuli_by_their_presentations() -> None:
    assembly = recording().isel(presentation=slice(0, -1))
    chart = compute_card(assembly)["pictures"]["repetitions"]
    assert chart == [{"repetitions": 3, "stimuli": 1}, {"repetitions": 4, "stimuli": 5}]


def test_many_distinct_repetition_counts_are_binned() -> None:
    chart = compute_card(many_regions())["pictures"]["repetitions"]
    assert sum(bin_["stimuli"] for bin_ in chart) == 70
    assert len(chart) <= 60
    assert all(bin_["repetitions"] <= bin_["to"] for bin_ in chart)
    for bin_ in chart:
        assert bin_["stimuli"] == len({*range(1, 71)} & {*range(bin_["repetitions"], bin_["to"] + 1)})


def test_the_reliability_histogram_agrees_with_the_summary() -> None:
    card = compute_card(recording())
    chart = card["pictures"]["reliability"]
    assert sum(group["count"] for group in chart["groups"]) == card["reliability"]["defined_for"]
    by_region = reliabilities(recording(), "region", 10, 0, "repetition", "stimulus_id")
    for group in chart["groups"]:
        expected = np.clip(six_digits(by_region[group["value"]][np.isfinite(by_region[group["value"]])]), -1, 1)
        assert group["counts"] == np.histogram(expected, chart["edges"])[0].tolist()


def test_sampled_neuroids_are_grouped_by_their_own_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    assembly = recording(neuroids=40, bins=1)
    monkeypatch.setattr(arrays, "_MAX_RELIABILITY_VALUES", assembly.sizes["presentation"] * 10)
    chart = compute_card(assembly)["pictures"]["reliability"]
    positions = np.linspace(0, 39, 10).astype(int)
    expected = Counter(assembly["region"].values[positions])
    assert {group["value"]: group["count"] for group in chart["groups"]} == expected


def test_the_time_course_is_mean_and_error_over_neuroids() -> None:
    chart = compute_card(recording())["pictures"]["time_course"]
    expected = time_courses(finite(recording()), "region")
    assert chart["centers_ms"] == [55.0, 65.0, 75.0]
    for group in chart["groups"]:
        course = expected[group["value"]]
        assert (group["mean"], group["error"]) == (six_digits(course.mean), six_digits(course.error))


def test_neighbours_of_many_time_bins_are_averaged_and_sorted() -> None:
    bins = 450
    starts = np.arange(bins)[::-1]
    assembly = NeuroidAssembly(
        np.broadcast_to(starts, (2, 3, bins)).astype(float),
        dims=["presentation", "neuroid", "time_bin"],
        coords={"time_bin_start": ("time_bin", starts), "time_bin_end": ("time_bin", starts + 1)},
    )
    chart = compute_card(assembly)["pictures"]["time_course"]
    assert chart["centers_ms"] == [1.5 + 3 * number for number in range(150)]
    assert chart["groups"] == [
        {"value": None, "count": 3, "mean": [1.0 + 3 * number for number in range(150)], "error": [0.0] * 150}
    ]


def test_a_time_course_that_needs_too_much_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "_MAX_CELLS", 14)
    assert "time_course" not in compute_card(recording())["pictures"]


def test_stimuli_are_ordered_by_their_mean_response() -> None:
    assembly = finite(recording(stimuli=20))
    shown = assembly["stimulus_id"].values
    means = {name: float(np.nanmean(assembly.values[shown == name])) for name in np.unique(shown)}
    order = sorted(means, key=lambda name: -means[name])
    chart = compute_card(recording(stimuli=20))["pictures"]["stimuli"]
    assert [stimulus["stimulus_id"] for stimulus in chart["strongest"]] == order[:8]
    assert [stimulus["stimulus_id"] for stimulus in chart["weakest"]] == order[:-9:-1]
    assert chart["strongest"][0]["mean"] == float(f"{means[order[0]]:.6g}")
    assert {stimulus["presentations"] for stimulus in chart["strongest"]} == {4}


@pytest.mark.parametrize("dims", [("neuroid", "presentation", "time_bin"), ("time_bin", "neuroid", "presentation")])
def test_the_order_of_dimensions_does_not_matter(dims: tuple[str, ...]) -> None:
    assert compute_card(recording().transpose(*dims))["pictures"] == compute_card(recording())["pictures"]


def test_lazy_values_give_the_same_charts_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_data_without_finite_numbers_have_no_charts_of_them(assembly: DataAssembly) -> None:
    assert compute_card(assembly).get("pictures", {}).keys() <= {"populations"}


def test_constant_values_have_one_bin() -> None:
    chart = compute_card(DataAssembly(np.full((3, 5), 7.5), dims=["presentation", "neuroid"]))["pictures"]["responses"]
    assert (len(chart["edges"]), chart["groups"][0]["counts"]) == (2, [5])


# ------------------------------------------------------------------ spikes


def random_spikes(count: int, rows: int, **coords: Any) -> SpikeTimesAssembly:
    times = np.random.default_rng(0).permutation(count).astype(float)
    return SpikeTimesAssembly(
        times, dims=["event"], coords={"neuroid_id": ("event", np.arange(count) % rows), **coords}
    )


def test_a_raster_has_sorted_times_by_neuroid() -> None:
    chart = compute_card(spikes())["pictures"]["raster"]
    assert chart == {
        "rows_of": "neuroid_id",
        "rows": [{"label": "n1", "times": [0.1, 0.2]}, {"label": "n2", "times": [0.35]}],
        "shown": 2,
        "total": 2,
    }


def test_a_raster_has_the_first_spikes_of_the_first_rows() -> None:
    assembly = random_spikes(20_000, 100)
    chart = compute_card(assembly)["pictures"]["raster"]
    assert (chart["shown"], chart["total"], len(chart["rows"])) == (40, 100, 40)
    assert [row["label"] for row in chart["rows"]] == [str(number) for number in range(40)]
    shown = np.sort(assembly.values[assembly["neuroid_id"].values < 40])[: charts._MAX_SPIKES]
    assert sorted(time for row in chart["rows"] for time in row["times"]) == shown.tolist()


def test_blocks_of_spikes_give_the_same_raster(monkeypatch: pytest.MonkeyPatch) -> None:
    assembly = random_spikes(20_000, 100)
    whole = compute_card(assembly)["pictures"]["raster"]
    monkeypatch.setattr(chunks_module, "BLOCK_BYTES", 8000)
    assert compute_card(assembly)["pictures"]["raster"] == whole


def test_spikes_of_one_neuroid_have_a_row_for_each_presentation() -> None:
    stimulus = np.array(["a", "b", None], dtype=object)[np.arange(9) % 3]
    assembly = random_spikes(9, 1, stimulus_id=("event", stimulus), repetition=("event", np.arange(9) // 5))
    chart = compute_card(assembly)["pictures"]["raster"]
    assert chart["rows_of"] == "stimulus_id, repetition"
    assert [row["label"] for row in chart["rows"]] == ["a, 0", "a, 1", "b, 0", "b, 1", "missing, 0", "missing, 1"]


def test_spikes_without_coordinates_have_no_raster() -> None:
    assert "pictures" not in compute_card(SpikeTimesAssembly([1.0, 2.0], dims=["event"]))


def test_populations_of_spikes_count_neuroids() -> None:
    assembly = random_spikes(100, 4, region=("event", np.where(np.arange(100) % 4 == 3, "V4", "IT")))
    chart = compute_card(assembly)["pictures"]["populations"]
    assert chart == [{"region": "IT", "animal": None, "count": 3}, {"region": "V4", "animal": None, "count": 1}]


# ------------------------------------------------------------------ bounds


def test_a_card_with_the_largest_charts_is_small_enough_for_readers() -> None:
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
