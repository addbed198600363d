"""Promises of pictures drawn from cards: they say what the numbers say, whoever wrote the card, whoever looks."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brainio
from brainio.views import drawings
from tests.views.pages import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable

    from brainio.views.drawings import Drawing

CARDS = Path(brainio.__file__).parents[1] / "catalogs" / "brainio_demo" / "cards"
CSS = (Path(brainio.__file__).parent / "service" / "assets" / "drawings.css").read_text(encoding="utf-8")
NAMES = [draw.__name__ for draw in drawings.OF_ASSEMBLIES]
LARGEST = 40_000  # bytes of a picture


def assembly_card(regions: int = 2, animals: int = 2, bins: int = 24, rows: int = 6) -> dict[str, Any]:
    """A card with every picture that an assembly may have."""
    edges = [number / 10 for number in range(-5, 26)]
    centers = [number * 10 - 95.5 for number in range(bins)]
    of = [{"value": f"area {r}", "count": 40 + r, "median": 0.5 + r / 10} for r in range(regions)]
    counts = [[(7 * place + 11 * r) % 23 for place in range(30)] for r in range(regions)]
    mean = [[(place * (r + 3)) % 17 / 8 for place in range(bins)] for r in range(regions)]
    pairs = [(f"area {r}", f"monkey {a}", 30 * r + a + 1) for r in range(regions) for a in range(animals)]
    grouped = [group | {"counts": counts[r]} for r, group in enumerate(of)]
    return {
        "dims": ["presentation", "neuroid", "time_bin"],
        "shape": [148480, 168, bins],
        "long_name": "firing rate",
        "units": "spikes/s",
        "counts": [{"coordinate": "region", "dim": "neuroid", "counts": [{"value": "IT", "count": 168}]}],
        "reliability": {"median": 0.71},
        "pictures": {
            "populations": [{"region": r, "animal": a, "count": n} for r, a, n in pairs],
            "responses": {"by": "region", "of": "neuroid", "edges": edges, "groups": grouped},
            "reliability": {"by": "region", "edges": edges, "groups": grouped},
            "repetitions": [{"repetitions": 28, "stimuli": 640}, {"repetitions": 50, "stimuli": 2560}],
            "time_course": {
                "by": "region",
                "centers_ms": centers,
                "groups": [group | {"mean": mean[r], "error": [0.1] * bins} for r, group in enumerate(of)],
            },
            "raster": {
                "rows": [
                    {"label": f"cell {row}", "times": [row + 6.5 * place for place in range(75)]} for row in range(rows)
                ],
                "rows_of": "neuroid_id",
                "shown": rows,
                "total": 1210,
            },
        },
    }


def histogram_record(**more: Any) -> dict[str, Any]:
    return {"name": "azimuth", "histogram": {"edges": [-180, -90, 0, 90, 180], "counts": [4, 1500, 0, 9]}, **more}


def common_record(**more: Any) -> dict[str, Any]:
    common = [{"value": "face", "count": 640}, {"value": "hand", "count": 64}]
    return {"name": "kind", "distinct": 2, "most_common": common, **more}


def draw(name: str, card: dict[str, Any]) -> Drawing | None:
    function: Callable[[dict[str, Any], str], Drawing | None] = getattr(drawings, name)
    return function(card, f"p-{name}")


def drawn(name: str, card: dict[str, Any]) -> Drawing:
    found = draw(name, card)
    assert found is not None
    return found


def every_drawing(card: dict[str, Any]) -> list[Drawing]:
    return [found for name in NAMES if (found := draw(name, card))]


def element(drawing: Drawing) -> ET.Element:
    """Parse as XML, which is stricter than HTML."""
    return ET.fromstring(drawing.svg)


def written(drawing: Drawing) -> list[str]:
    return [text.text or "" for text in element(drawing).iter("text")]


def classes_of(drawing: Drawing) -> set[str]:
    return {name for one in element(drawing).iter() for name in one.get("class", "").split()}


def examples() -> list[Drawing]:
    """Pictures of every form: few and many groups, short and long, both kinds of columns."""
    cards = [assembly_card(), assembly_card(1, 1), assembly_card(5, 8, rows=40), assembly_card(8, 3, bins=200)]
    cards[1]["pictures"]["repetitions"] = [{"repetitions": n, "stimuli": 70 - n} for n in range(1, 61)]
    records = [histogram_record(), common_record(), common_record(distinct=900)]
    of_columns = [drawings.column(record, f"c{number}", str) for number, record in enumerate(records)]
    return [*(one for card in cards for one in every_drawing(card)), *(one for one in of_columns if one)]


def test_populations_are_told_by_region_and_animal() -> None:
    card = {
        "pictures": {
            "populations": [
                {"region": "IT", "animal": "Chabo", "count": 1000},
                {"region": "V4", "animal": "Tito", "count": 70},
                {"region": "IT", "animal": "Tito", "count": 58},
            ]
        }
    }
    drawing = drawn("populations", card)
    assert drawing.title == "Neuroids by region and animal"
    assert drawing.finding == "1,058 neuroids in IT, 70 in V4; animals: Chabo 1,000, Tito 128."
    assert drawing.headings == ("region", "animal", "neuroids")
    assert drawing.rows == [("IT", "Chabo", 1000), ("V4", "Tito", 70), ("IT", "Tito", 58)]
    assert {"Chabo", "Tito", "IT", "1,058", "V4", "70"} <= set(written(drawing))


def test_the_length_of_a_bar_is_its_count() -> None:
    populations = [{"region": "IT", "animal": None, "count": 300}, {"region": "V4", "animal": None, "count": 100}]
    bars = [*element(drawn("populations", {"pictures": {"populations": populations}})).iter("rect")]
    assert float(bars[0].attrib["width"]) == pytest.approx(3 * float(bars[1].attrib["width"]), abs=0.3)


def test_a_card_without_pictures_still_shows_what_it_counts() -> None:
    card = json.loads((CARDS / "assembly" / "modelfest.Carney1999.json").read_text())
    card.pop("pictures", None)
    drawing = drawn("populations", card)
    assert drawing.title == "Presentations by subject"
    assert drawing.finding == "172 presentations of abw, 172 of acm, 172 of amn, 172 of bam and 12 more."


def test_rows_that_are_too_many_are_counted_not_drawn() -> None:
    populations = [{"region": f"r{number}", "animal": None, "count": 5} for number in range(40)]
    drawing = drawn("populations", {"pictures": {"populations": populations}})
    assert "and 24 more regions, 120 together" in written(drawing)
    assert len(drawing.rows) == 40


def test_animals_beyond_the_palette_share_one_part_of_each_bar() -> None:
    root = element(drawn("populations", assembly_card(2, 9)))
    told = [title.text for bar in root.iter("rect") for title in bar.iter("title")]
    assert sum("others" in (text or "") for text in told) == 2
    assert "4 others" in [text.text for text in root.iter("text")]


def test_responses_name_the_median_of_each_region() -> None:
    drawing = drawn("responses", assembly_card())
    assert drawing.finding == "Median of mean responses: area 0 0.5 (40 neuroids), area 1 0.6 (41 neuroids)."
    assert {"firing rate (spikes/s)", "area 0 (40)", "area 1 (41)", "neuroids"} <= set(written(drawing))
    assert drawing.headings == ("from", "to", "area 0", "area 1")
    assert drawing.rows[1] == (-0.4, -0.3, 7, 18)


def test_the_outline_of_a_histogram_is_as_tall_as_its_counts() -> None:
    group = {"value": None, "count": 40, "median": 0.5, "counts": [10, 20]}
    card = {"pictures": {"responses": {"of": "neuroid", "edges": [0, 1, 2], "groups": [group]}}}
    path = next(one for one in element(drawn("responses", card)).iter("path") if one.get("class") == "dr-line dr-s0")
    first, second, axis = map(float, re.findall(r"V([\d.]+)", path.attrib["d"]))
    assert axis - second == pytest.approx(2 * (axis - first), abs=0.2)


def test_groups_that_were_left_out_are_said() -> None:
    card = assembly_card()
    card["pictures"]["responses"]["more"] = 3
    assert drawn("responses", card).finding.endswith("3 more groups not drawn.")


def test_reliability_has_a_line_at_its_median() -> None:
    drawing = drawn("reliability", assembly_card())
    assert "median 0.71" in written(drawing)
    assert "dr-median" in classes_of(drawing)
    assert drawing.finding.startswith("Median split-half reliability 0.71 over 81 values")


def test_repetitions_are_told_one_by_one_where_they_are_few() -> None:
    drawing = drawn("repetitions", assembly_card())
    assert drawing.finding == "640 stimuli were presented 28 times, 2,560 stimuli 50 times."
    assert drawing.rows == [("28", 640), ("50", 2560)]


def test_repetitions_in_ranges_are_told_as_ranges() -> None:
    rows = [{"repetitions": 1, "stimuli": 1}, {"repetitions": 2, "to": 9, "stimuli": 30}]
    drawing = drawn("repetitions", {"pictures": {"repetitions": rows}})
    assert drawing.finding == "1 stimulus was presented once, 30 stimuli 2 to 9 times."


def test_a_time_course_says_when_responses_are_highest() -> None:
    course = {"by": "region", "centers_ms": [-50, 50, 150], "groups": []}
    course["groups"] = [{"value": "IT", "count": 9, "mean": [0.1, None, 0.9], "error": [0.1, None, 0.2]}]
    drawing = drawn("time_course", {"pictures": {"time_course": course}})
    assert drawing.finding == "Highest mean: IT 0.9 at 150 ms."
    assert drawing.rows == [(-50, 0.1), (50, None), (150, 0.9)]
    assert {"time (ms)", "mean response"} <= set(written(drawing))


def test_what_is_not_defined_is_a_gap_in_the_line() -> None:
    means = [1.0, 2.0, None, 3.0, 4.0]
    course = {"centers_ms": [1, 2, 3, 4, 5], "groups": [{"value": None, "count": 1, "mean": means, "error": means}]}
    drawing = drawn("time_course", {"pictures": {"time_course": course}})
    line = next(one for one in element(drawing).iter("path") if one.get("class") == "dr-line dr-s0")
    assert line.attrib["d"].count("M") == 2


def test_every_spike_of_a_short_raster_is_a_mark() -> None:
    card = {"units": "ms", "pictures": {"raster": {"rows": [{"label": "a", "times": [1, 20, 300]}], "rows_of": "cell"}}}
    drawing = drawn("raster", card)
    marks = next(one for one in element(drawing).iter("path") if one.get("class") == "dr-spikes")
    assert marks.attrib["d"].count("v") == 3
    assert drawing.rows == [("a", 3)]
    assert "time (ms)" in written(drawing)


def test_a_raster_with_more_spikes_than_one_sees_ends_early_and_says_so() -> None:
    card = {"units": "ms", "pictures": {"raster": {"rows": [{"label": "a", "times": [*range(0, 20000, 10)]}]}}}
    drawing = drawn("raster", card)
    assert drawing.finding == "2,000 spikes in 1 row, from 0 to 19,990 ms; drawn up to 1,500 ms."
    assert "1,500" in written(drawing)


def test_a_column_is_drawn_by_its_histogram_or_its_most_common_values() -> None:
    spread, common = drawings.column(histogram_record(), "a"), drawings.column(common_record(missing=3), "b")
    assert spread is not None
    assert common is not None
    assert spread.finding == "1,513 values from −180 to 180, most (1,500) between −90 and 0."  # noqa: RUF001
    assert common.finding == "Values: face (640), hand (64). Missing in 3 rows."
    assert common.rows == [("face", 640), ("hand", 64)]


def test_bars_lead_where_they_are_told_to() -> None:
    record = common_record(most_common=[{"value": 'a"&<', "count": 3}, {"value": 4.0, "count": 2}])
    drawing = drawings.column(record, "c", {'a"&<': '?kind=a"&<'}.get)
    assert drawing is not None
    assert [link.attrib["href"] for link in element(drawing).iter("a")] == ['?kind=a"&<']
    assert element(drawing).attrib["role"] == "group"  # links in what has role "img" do not exist for screen readers


@pytest.mark.parametrize("name", NAMES)
def test_a_card_without_the_numbers_draws_nothing(name: str) -> None:
    assert draw(name, {}) is None
    assert draw(name, {"pictures": {}}) is None


def test_real_cards_are_drawn() -> None:
    for path in CARDS.rglob("*.json"):
        card = json.loads(path.read_text())
        columns = [drawings.column(column, "c") for column in card.get("columns", [])]
        assert every_drawing(card) or any(columns), path.name


def test_a_screen_reader_is_told_the_finding() -> None:
    for drawing in examples():
        root = element(drawing)
        named = [
            one.text for name in root.attrib["aria-labelledby"].split() for one in root.iter() if one.get("id") == name
        ]
        assert named == [drawing.title, drawing.finding]


def test_ids_of_a_page_are_distinct_by_their_prefix() -> None:
    found = [one for name in NAMES if (one := draw(name, assembly_card(4, 7)))]
    ids = [one.attrib["id"] for drawing in found for one in element(drawing).iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids)) > 2 * len(found)
    for drawing in found:
        known = {one.get("id") for one in element(drawing).iter()}
        assert set(re.findall(r"url\(#([^)]+)\)", drawing.svg)) <= known


def test_a_strict_policy_for_content_allows_all_of_it() -> None:
    for drawing in examples():
        for one in element(drawing).iter():
            assert one.tag not in ("script", "style", "image", "use", "foreignObject")
            assert not [name for name in one.attrib if name == "style" or name.startswith("on")]


def test_every_class_has_a_look() -> None:
    for drawing in examples():
        assert [name for name in classes_of(drawing) if not re.search(rf"\.{name}\b", CSS)] in ([], ["dr-area"])


def test_groups_are_told_apart_without_colour() -> None:
    areas = {
        one.attrib["fill"]
        for one in element(drawn("populations", assembly_card(2, 6))).iter("rect")
        if "fill" in one.attrib
    }
    assert len(areas) == 5  # textures; the sixth is plain
    dashes = re.findall(r"\.dr-s\d \{[^}]*dasharray: ([\d. ]+)", CSS)
    assert len(set(dashes)) == 3


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_and_colours_are_legible(mode: int) -> None:
    colours = [
        dict(re.findall(r"--dr-(\w+): (#\w{6})", block)) for block in re.findall(r"\{[^{}]*--dr-paper:[^}]*\}", CSS)
    ]
    assert len(colours) == 2
    paper = luminance(colours[mode].pop("paper"))
    colours[mode].pop("line")
    for name, colour in colours[mode].items():
        light, dark = sorted([luminance(colour), paper], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, name


def test_words_stay_within_the_picture() -> None:
    for drawing in examples():
        root = element(drawing)
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for text in root.iter("text"):
            x, y, wide = float(text.attrib["x"]), float(text.attrib["y"]), 5.5 * len(text.text or "")
            classes = text.attrib["class"].split()
            start = x - wide if "dr-end" in classes else x - wide / 2 if "dr-middle" in classes else x
            assert -1 <= start <= start + wide <= width + 8, (drawing.title, text.text)
            assert 8 <= y <= height, (drawing.title, text.text)


def test_no_picture_is_large() -> None:
    card = assembly_card(8, 12, bins=200, rows=40)
    for place, group in enumerate(card["pictures"]["time_course"]["groups"]):
        group["mean"] = [(-1) ** (number + place) * 1e6 * (number % 7 + 0.123456) for number in range(200)]
        group["error"] = [3e5 + number * 1.01 for number in range(200)]
    torn = assembly_card(8, 12, bins=200, rows=40)
    for group in torn["pictures"]["time_course"]["groups"]:
        group["mean"][::2] = [None] * 100
    quoted = json.loads(re.sub(r"(area|monkey|cell) (\d+)", lambda found: r"\"" * 60 + found[2], json.dumps(torn)))
    for number, one in enumerate(quoted["pictures"]["populations"]):
        one["animal"] = f"{number % 12}" + '"' * 100
    for drawing in [*every_drawing(card), *every_drawing(torn), *every_drawing(quoted), *examples()]:
        assert len(drawing.svg.encode()) <= LARGEST, drawing.title
        assert len(drawing.rows) <= 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(SCRIPT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
HOSTILE = JSON | st.sampled_from(
    [10**400, -1, 1e308, -1e308, 5e-324, float("nan"), float("inf"), SCRIPT * 200, "\ud800", [[[[]]]]]
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, one in inner for place in places(one, (*at, name)))]


def with_value(value: Any, at: tuple[Any, ...], put: Any) -> Any:
    value = copy.deepcopy(value)
    inner = value
    for name in at[:-1]:
        inner = inner[name]
    inner[at[-1]] = put
    return value


def holds(drawing: Drawing | None) -> None:
    """What every drawing promises."""
    if drawing is None:
        return
    root = element(drawing)
    assert len(drawing.svg.encode()) <= LARGEST
    assert not [one for one in root.iter() if one.tag in ("script", "img", "a")]
    assert "nan" not in drawing.svg.replace(drawing.finding, "") or "nan" in json.dumps(written(drawing))
    drawing.svg.encode("utf-8")
    for one in root.iter():
        for name in ("d", "x", "y", "width", "height", "viewBox"):
            assert re.fullmatch(r"[-\d. MLHVZlhvmz]*", one.get(name, "")), one.get(name)
            assert not re.search(r"\d{6}", one.get(name, ""))


@given(JSON)
def test_whatever_stands_for_pictures_draws_or_not_and_never_fails(value: Any) -> None:
    for name in NAMES:
        holds(draw(name, {"pictures": value, "counts": value, "dims": value, "shape": value}))
        holds(draw(name, {"pictures": {name: value, "raster": {"rows": value}}, "units": value}))
    holds(drawings.column({"histogram": value, "most_common": value}, "c"))


SMALL = assembly_card(2, 2, bins=4, rows=2)
PLACES = [place for place in places(SMALL) if place]
NAMED = [at for at in PLACES if at[0] == "pictures" and at[-1] in ("region", "animal", "value", "label")]


@settings(max_examples=200)
@given(st.sampled_from(PLACES), HOSTILE)
def test_one_hostile_value_in_a_good_card_does_no_harm(at: tuple[Any, ...], value: Any) -> None:
    card = with_value(SMALL, at, value)
    for name in NAMES:
        holds(draw(name, card))


@given(st.sampled_from([place for place in places(histogram_record()) if place]), HOSTILE)
def test_one_hostile_value_in_a_column_does_no_harm(at: tuple[Any, ...], value: Any) -> None:
    holds(drawings.column(with_value(histogram_record(), at, value), "c"))


@given(st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=30, unique=True).map(sorted))
def test_any_ascending_edges_give_axes_that_can_be_read(edges: list[float]) -> None:
    drawing = drawings.column({"histogram": {"edges": edges, "counts": [1] * (len(edges) - 1)}}, "c")
    holds(drawing)
    if drawing is not None:
        labels = [text.text for text in element(drawing).iter("text") if "dr-middle" in text.attrib["class"]]
        assert len(labels) == len(set(labels)) >= 2


def test_ten_thousand_groups_are_no_burden() -> None:
    card = assembly_card()
    for picture in card["pictures"].values():
        many = picture if isinstance(picture, list) else picture.get("groups") or picture["rows"]
        many *= 5000
    for name in NAMES:
        holds(draw(name, card))


@pytest.mark.parametrize("at", NAMED)
def test_script_in_a_name_is_shown_as_text(at: tuple[Any, ...]) -> None:
    card = with_value(SMALL, at, SCRIPT)
    before, after = every_drawing(SMALL), every_drawing(card)
    assert len(before) == len(after)
    assert any("<script>" in "".join(element(drawing).itertext()) for drawing in after)
    for drawing in after:
        holds(drawing)


def test_drawing_imports_nothing_heavy() -> None:
    heavy = ["numpy", "pandas", "xarray", "PIL", "matplotlib"]
    program = f"import sys, brainio.views.drawings\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
