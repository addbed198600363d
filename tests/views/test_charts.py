"""Guarantees of SVG charts of cards: the chart, its text and its table agree with the numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import brainio
from brainio.assemblies import NeuroidAssembly, SpikeTimesAssembly
from brainio.cards import compute_card
from brainio.views import charts
from tests.views.cards import (
    NAMES,
    assembly_card,
    classes_of,
    common_record,
    draw,
    draw_existing,
    element,
    every_drawing,
    histogram_record,
    texts_of,
)

CARDS = Path(brainio.__file__).parents[1] / "catalogs" / "brainio_demo" / "cards"
LINE = "dr-line dr-s0"


def test_populations_are_counted_by_region_and_animal() -> None:
    card = {
        "pictures": {
            "populations": [
                {"region": "IT", "animal": "Chabo", "count": 1000},
                {"region": "V4", "animal": "Tito", "count": 70},
                {"region": "IT", "animal": "Tito", "count": 58},
            ]
        }
    }
    drawing = draw_existing("populations", card)
    assert drawing.title == "Neuroids by region and animal"
    assert drawing.finding == "1,058 neuroids in IT, 70 in V4; animals: Chabo 1,000, Tito 128."
    assert drawing.headings == ("region", "animal", "neuroids")
    assert drawing.rows == [("IT", "Chabo", 1000), ("V4", "Tito", 70), ("IT", "Tito", 58)]
    assert {"Chabo", "Tito", "IT", "1,058", "V4", "70"} <= set(texts_of(drawing))


def test_the_length_of_a_bar_is_its_count() -> None:
    populations = [{"region": "IT", "animal": None, "count": 300}, {"region": "V4", "animal": None, "count": 100}]
    bars = [*element(draw_existing("populations", {"pictures": {"populations": populations}})).iter("rect")]
    assert float(bars[0].attrib["width"]) == pytest.approx(3 * float(bars[1].attrib["width"]), abs=0.3)


def test_counts_replace_missing_populations() -> None:
    card = json.loads((CARDS / "assembly" / "modelfest.Carney1999.json").read_text())
    card.pop("pictures", None)
    drawing = draw_existing("populations", card)
    assert drawing.title == "Presentations by subject"
    assert drawing.finding == "172 presentations of abw, 172 of acm, 172 of amn, 172 of bam and 12 more."


def test_further_rows_are_summed_up() -> None:
    populations = [{"region": f"r{number}", "animal": None, "count": 5} for number in range(40)]
    drawing = draw_existing("populations", {"pictures": {"populations": populations}})
    assert "and 24 more regions, 120 together" in texts_of(drawing)
    assert len(drawing.rows) == 40


def test_animals_beyond_the_palette_share_one_part_of_each_bar() -> None:
    root = element(draw_existing("populations", assembly_card(2, 9)))
    tooltips = [title.text for bar in root.iter("rect") for title in bar.iter("title")]
    assert sum("others" in (text or "") for text in tooltips) == 2
    assert "4 others" in [text.text for text in root.iter("text")]


def test_responses_name_the_median_of_each_region() -> None:
    drawing = draw_existing("responses", assembly_card())
    assert drawing.finding == "Median of mean firing rate: area 0 0.5 (40 neuroids), area 1 0.6 (41 neuroids)."
    assert {"firing rate (spikes/s)", "area 0 (40)", "area 1 (41)", "neuroids"} <= set(texts_of(drawing))
    assert drawing.headings == ("from", "to", "area 0", "area 1")
    assert drawing.rows[1] == (-0.4, -0.3, 7, 18)


def test_the_outline_of_a_histogram_is_as_tall_as_its_counts() -> None:
    group = {"value": None, "count": 40, "median": 0.5, "counts": [10, 20]}
    card = {"pictures": {"responses": {"of": "neuroid", "edges": [0, 1, 2], "groups": [group]}}}
    path = next(path for path in element(draw_existing("responses", card)).iter("path") if path.get("class") == LINE)
    first, second, axis = map(float, re.findall(r"V([\d.]+)", path.attrib["d"]))
    assert axis - second == pytest.approx(2 * (axis - first), abs=0.2)


def test_the_number_of_omitted_groups_is_stated() -> None:
    card = assembly_card()
    card["pictures"]["responses"]["more"] = 3
    assert draw_existing("responses", card).finding.endswith("3 more groups not drawn.")


def test_reliability_has_a_line_at_its_median() -> None:
    drawing = draw_existing("reliability", assembly_card())
    assert "median 0.71" in texts_of(drawing)
    assert "dr-median" in classes_of(drawing)
    assert drawing.finding.startswith("Median split-half reliability 0.71 over 81 values")


def test_few_numbers_of_repetitions_have_a_row_each() -> None:
    drawing = draw_existing("repetitions", assembly_card())
    assert drawing.finding == "640 stimuli were presented 28 times, 2,560 stimuli 50 times."
    assert drawing.rows == [("28", 640), ("50", 2560)]


def test_ranges_of_repetitions_are_stated_as_ranges() -> None:
    rows = [{"repetitions": 1, "stimuli": 1}, {"repetitions": 2, "to": 9, "stimuli": 30}]
    drawing = draw_existing("repetitions", {"pictures": {"repetitions": rows}})
    assert drawing.finding == "1 stimulus was presented once, 30 stimuli 2 to 9 times."


def test_a_time_course_states_the_time_of_the_highest_response() -> None:
    course = {"by": "region", "centers_ms": [-50, 50, 150], "groups": []}
    course["groups"] = [{"value": "IT", "count": 9, "mean": [0.1, None, 0.9], "error": [0.1, None, 0.2]}]
    drawing = draw_existing("time_course", {"pictures": {"time_course": course}})
    assert drawing.finding == "Highest mean: IT 0.9 at 150 ms."
    assert drawing.rows == [(-50, 0.1), (50, None), (150, 0.9)]
    assert {"time (ms)", "mean response"} <= set(texts_of(drawing))


def test_undefined_means_are_gaps_in_the_line() -> None:
    means = [1.0, 2.0, None, 3.0, 4.0]
    course = {"centers_ms": [1, 2, 3, 4, 5], "groups": [{"value": None, "count": 1, "mean": means, "error": means}]}
    drawing = draw_existing("time_course", {"pictures": {"time_course": course}})
    line = next(path for path in element(drawing).iter("path") if path.get("class") == LINE)
    assert line.attrib["d"].count("M") == 2


def test_every_spike_of_a_short_raster_is_a_mark() -> None:
    card = {"units": "ms", "pictures": {"raster": {"rows": [{"label": "a", "times": [1, 20, 300]}], "rows_of": "cell"}}}
    drawing = draw_existing("raster", card)
    marks = next(path for path in element(drawing).iter("path") if path.get("class") == "dr-spikes")
    assert marks.attrib["d"].count("v") == 3
    assert drawing.rows == [("a", 3)]
    assert "time (ms)" in texts_of(drawing)


def test_a_raster_with_too_many_spikes_ends_early_and_states_it() -> None:
    card = {"units": "ms", "pictures": {"raster": {"rows": [{"label": "a", "times": [*range(0, 20000, 10)]}]}}}
    drawing = draw_existing("raster", card)
    assert drawing.finding == "2,000 spikes in 1 row, from 0 to 19,990 ms; drawn up to 1,500 ms."
    assert "1,500" in texts_of(drawing)


def test_a_column_is_drawn_by_its_histogram_or_its_most_common_values() -> None:
    spread, common = charts.column(histogram_record(), "a"), charts.column(common_record(missing=3), "b")
    assert spread is not None
    assert common is not None
    assert spread.finding == "1,513 values from −180 to 180, most (1,500) between −90 and 0."  # noqa: RUF001
    assert common.finding == "Values: face (640), hand (64). Missing in 3 rows."
    assert common.rows == [("face", 640), ("hand", 64)]


def test_bars_link_to_the_given_urls() -> None:
    record = common_record(most_common=[{"value": 'a"&<', "count": 3}, {"value": 4.0, "count": 2}])
    drawing = charts.column(record, "c", {'a"&<': '?kind=a"&<'}.get)
    assert drawing is not None
    assert [link.attrib["href"] for link in element(drawing).iter("a")] == ['?kind=a"&<']
    assert element(drawing).attrib["role"] == "group"  # screen readers skip links in role "img"


def test_bars_of_a_histogram_link_to_their_range() -> None:
    drawing = charts.column(histogram_record(), "c", lambda value: f"?{value}")
    assert drawing is not None
    links = [link.attrib["href"] for link in element(drawing).iter("a")]
    assert links == ["?-180..<-90", "?-90..<0", "?90..180"]  # a bin has its lower edge, the last one both; 0 has no bar


def test_a_single_number_is_not_drawn() -> None:
    assert charts.dimensions({"dims": ["event"], "shape": [1797]}, "d") is None
    group = {"value": "all", "count": 1, "counts": [0, 1]}
    assert charts.reliability({"pictures": {"reliability": {"edges": [0, 0.5, 1], "groups": [group]}}}, "r") is None


@pytest.mark.parametrize("name", NAMES)
def test_a_card_without_the_numbers_draws_nothing(name: str) -> None:
    assert draw(name, {}) is None
    assert draw(name, {"pictures": {}}) is None


def test_cards_of_the_demo_catalog_are_drawn() -> None:
    for path in CARDS.rglob("*.json"):
        card = json.loads(path.read_text())
        columns = [charts.column(column, "c") for column in card.get("columns", [])]
        assert every_drawing(card) or any(columns), path.name


def test_svg_charts_import_no_heavy_libraries() -> None:
    heavy = ["numpy", "pandas", "xarray", "PIL", "matplotlib"]
    program = f"import sys, brainio.views.charts\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ------------------------------------------------------------------ names of values, and what counts count


@pytest.mark.parametrize(
    ("card", "title", "label"),
    [
        ({}, "Mean responses", "mean response"),
        ({"class": "PropertyAssembly"}, "Mean values", "mean value"),
        ({"class": "ModelFeaturesAssembly"}, "Mean activations", "mean activation"),
        ({"long_name": "reaction time", "units": "ms"}, "Mean reaction time", "reaction time (ms)"),
        ({"long_name": "mean rate"}, "Mean rate", "mean rate"),
        ({"long_name": "rt", "dims": ["presentation"]}, "Rt", "rt"),
    ],
)
def test_charts_name_their_values(card: dict[str, object], title: str, label: str) -> None:
    groups = [{"value": None, "count": 3, "median": 0.5, "counts": [1, 2]}]
    picture = {"by": None, "of": "presentation", "edges": [0, 0.5, 1], "groups": groups}
    drawing = draw_existing("responses", {**card, "pictures": {"responses": picture}})
    assert drawing.title == title
    assert drawing.finding.startswith(f"Median of {title[0].lower()}{title[1:]}: ")
    assert {label, "presentations"} <= set(texts_of(drawing))


def test_a_chart_of_spikes_by_region_counts_neuroids() -> None:
    regions = ["IT", "IT", "IT", "V4"]
    spikes = SpikeTimesAssembly(
        [1.0, 2.0, 3.0, 4.0],
        dims=["event"],
        coords={"neuroid_id": ("event", ["a", "a", "b", "c"]), "region": ("event", regions)},
    )
    drawing = draw_existing("populations", compute_card(spikes))
    assert (drawing.title, drawing.finding) == ("Neuroids by region", "2 neuroids in IT, 1 in V4.")
    without_ids = spikes.drop_vars("neuroid_id")
    assert draw_existing("populations", compute_card(without_ids)).finding == "3 events in IT, 1 in V4."


def test_a_chart_of_subjects_counts_presentations_if_regions_belong_to_neuroids() -> None:
    recording = NeuroidAssembly(
        np.zeros((3, 2)),
        dims=["presentation", "neuroid"],
        coords={
            "subject": ("presentation", ["s1", "s1", "s2"]),
            "stimulus_id": ("presentation", ["a", "b", "c"]),
            "neuroid_id": ("neuroid", ["n1", "n2"]),
            "region": ("neuroid", ["IT", "V4"]),
        },
    )
    assert draw_existing("populations", compute_card(recording)).finding == "1 neuroid in IT, 1 in V4."
    trials = recording.drop_vars("region")
    assert draw_existing("populations", compute_card(trials)).finding == "2 presentations of s1, 1 of s2."


def test_a_raster_of_the_first_spikes_states_their_total() -> None:
    times = np.arange(5000.0)
    spikes = SpikeTimesAssembly(times, dims=["event"], coords={"neuroid_id": ("event", ["a", "b"] * 2500)})
    drawing = draw_existing("raster", compute_card(spikes))
    assert drawing.finding.startswith("3,000 of the 5,000 spikes in 2 rows, from 0 to 2,999")
    assert drawing.headings == ("neuroid_id", "spikes drawn")


def test_dimensions_have_their_plural() -> None:
    dims = {"dims": ["neuroid", "neuroid_property"], "shape": [5, 2]}
    assert draw_existing("dimensions", dims).finding == "5 neuroids by 2 neuroid_properties."
