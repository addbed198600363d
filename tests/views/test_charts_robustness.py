"""Guarantees of SVG charts for arbitrary cards and for all readers: robustness, accessibility, bounded size."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brainio
from brainio.views import charts
from tests.tiers import scaled_examples
from tests.views.cards import (
    LARGEST,
    NAMES,
    assembly_card,
    classes_of,
    draw,
    draw_existing,
    element,
    every_drawing,
    examples,
    histogram_record,
    texts_of,
)
from tests.views.pages import SCRIPT

if TYPE_CHECKING:
    from brainio.views.charts import Drawing

CSS = (Path(brainio.__file__).parent / "service" / "assets" / "drawings.css").read_text(encoding="utf-8")


def test_screen_readers_get_title_and_finding() -> None:
    for drawing in examples():
        root = element(drawing)
        named = [
            node.text
            for name in root.attrib["aria-labelledby"].split()
            for node in root.iter()
            if node.get("id") == name
        ]
        assert named == [drawing.title, drawing.finding]


def test_ids_of_a_page_are_distinct_by_their_prefix() -> None:
    drawings = every_drawing(assembly_card(4, 7))
    ids = [node.attrib["id"] for drawing in drawings for node in element(drawing).iter() if "id" in node.attrib]
    assert len(ids) == len(set(ids)) > 2 * len(drawings)
    for drawing in drawings:
        known = {node.get("id") for node in element(drawing).iter()}
        assert set(re.findall(r"url\(#([^)]+)\)", drawing.svg)) <= known


def test_a_strict_content_security_policy_allows_charts() -> None:
    for drawing in examples():
        for node in element(drawing).iter():
            assert node.tag not in ("script", "style", "image", "use", "foreignObject")
            assert not [name for name in node.attrib if name == "style" or name.startswith("on")]


def test_the_stylesheet_defines_every_class() -> None:
    for drawing in examples():
        assert [name for name in classes_of(drawing) if not re.search(rf"\.{name}\b", CSS)] in ([], ["dr-area"])


def test_groups_can_be_distinguished_without_colour() -> None:
    areas = {
        bar.attrib["fill"]
        for bar in element(draw_existing("populations", assembly_card(2, 6))).iter("rect")
        if "fill" in bar.attrib
    }
    assert len(areas) == 5  # textures; the sixth is plain
    dashes = re.findall(r"\.dr-s\d \{[^}]*dasharray: ([\d. ]+)", CSS)
    assert len(set(dashes)) == 3


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
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


def test_text_stays_within_the_chart() -> None:
    for drawing in examples():
        root = element(drawing)
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for text in root.iter("text"):
            x, y, wide = float(text.attrib["x"]), float(text.attrib["y"]), 5.5 * len(text.text or "")
            classes = text.attrib["class"].split()
            start = x - wide if "dr-end" in classes else x - wide / 2 if "dr-middle" in classes else x
            assert -1 <= start <= start + wide <= width + 8, (drawing.title, text.text)
            assert 8 <= y <= height, (drawing.title, text.text)


def test_no_chart_is_large() -> None:
    card = assembly_card(8, 12, bins=200, rows=40)
    for place, group in enumerate(card["pictures"]["time_course"]["groups"]):
        group["mean"] = [(-1) ** (number + place) * 1e6 * (number % 7 + 0.123456) for number in range(200)]
        group["error"] = [3e5 + number * 1.01 for number in range(200)]
    torn = assembly_card(8, 12, bins=200, rows=40)
    for group in torn["pictures"]["time_course"]["groups"]:
        group["mean"][::2] = [None] * 100
    quoted = json.loads(re.sub(r"(area|monkey|cell) (\d+)", lambda found: r"\"" * 60 + found[2], json.dumps(torn)))
    for number, population in enumerate(quoted["pictures"]["populations"]):
        population["animal"] = f"{number % 12}" + '"' * 100
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
    return [at, *(place for name, item in inner for place in places(item, (*at, name)))]


def with_value(value: Any, at: tuple[Any, ...], put: Any) -> Any:
    value = copy.deepcopy(value)
    inner = value
    for name in at[:-1]:
        inner = inner[name]
    inner[at[-1]] = put
    return value


def check_guarantees(drawing: Drawing | None) -> None:
    """Check the guarantees of every drawing."""
    if drawing is None:
        return
    root = element(drawing)
    assert len(drawing.svg.encode()) <= LARGEST
    assert not [node for node in root.iter() if node.tag in ("script", "img", "a")]
    assert "nan" not in drawing.svg.replace(drawing.finding, "") or "nan" in json.dumps(texts_of(drawing))
    drawing.svg.encode("utf-8")
    for node in root.iter():
        for name in ("d", "x", "y", "width", "height", "viewBox"):
            assert re.fullmatch(r"[-\d. MLHVZlhvmz]*", node.get(name, "")), node.get(name)
            assert not re.search(r"\d{6}", node.get(name, ""))


@given(JSON)
def test_arbitrary_cards_never_fail(value: Any) -> None:
    for name in NAMES:
        check_guarantees(draw(name, {"pictures": value, "counts": value, "dims": value, "shape": value}))
        check_guarantees(draw(name, {"pictures": {name: value, "raster": {"rows": value}}, "units": value}))
    check_guarantees(charts.column({"histogram": value, "most_common": value}, "c"))


SMALL = assembly_card(2, 2, bins=4, rows=2)
PLACES = [place for place in places(SMALL) if place]
NAMED = [at for at in PLACES if at[0] == "pictures" and at[-1] in ("region", "animal", "value", "label")]


@settings(max_examples=scaled_examples(200), deadline=None)
@given(st.sampled_from(PLACES), HOSTILE)
def test_a_hostile_value_in_a_valid_card_does_no_harm(at: tuple[Any, ...], value: Any) -> None:
    card = with_value(SMALL, at, value)
    for name in NAMES:
        check_guarantees(draw(name, card))


@settings(deadline=None)
@given(st.sampled_from([place for place in places(histogram_record()) if place]), HOSTILE)
def test_a_hostile_value_in_a_column_does_no_harm(at: tuple[Any, ...], value: Any) -> None:
    check_guarantees(charts.column(with_value(histogram_record(), at, value), "c"))


@given(st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=30, unique=True).map(sorted))
def test_any_ascending_edges_give_distinct_ticks(edges: list[float]) -> None:
    drawing = charts.column({"histogram": {"edges": edges, "counts": [1] * (len(edges) - 1)}}, "c")
    check_guarantees(drawing)
    if drawing is not None:
        labels = [text.text for text in element(drawing).iter("text") if "dr-middle" in text.attrib["class"]]
        assert len(labels) == len(set(labels)) >= 2


def test_ten_thousand_groups_do_not_slow_charts_down() -> None:
    card = assembly_card()
    for picture in card["pictures"].values():
        many = picture if isinstance(picture, list) else picture.get("groups") or picture["rows"]
        many *= 5000
    for name in NAMES:
        check_guarantees(draw(name, card))


@pytest.mark.parametrize("at", NAMED)
def test_script_in_a_name_is_shown_as_text(at: tuple[Any, ...]) -> None:
    card = with_value(SMALL, at, SCRIPT)
    before, after = every_drawing(SMALL), every_drawing(card)
    assert len(before) == len(after)
    assert any("<script>" in "".join(element(drawing).itertext()) for drawing in after)
    for drawing in after:
        check_guarantees(drawing)
