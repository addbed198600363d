"""Guarantees of chart descriptions: SVG and matplotlib draw the same chart, from lists as from arrays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from brainio.views.charts.assembly_charts import (
    raster_of_card,
    reliability_of_card,
    responses_of_card,
    time_course_of_card,
)
from brainio.views.charts.description import Axis, Chart, Line, Sample, time_course_chart
from brainio.views.charts.matplotlib_renderer import draw_chart
from brainio.views.charts.svg_renderer import render_svg
from tests.views.cards import assembly_card, element, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUILDERS = [responses_of_card, reliability_of_card, time_course_of_card, raster_of_card]


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")


def card_chart(build: Callable[[dict[str, Any]], Chart | None]) -> Chart:
    chart = build(assembly_card())
    assert chart is not None
    return chart


@pytest.mark.parametrize("build", BUILDERS)
def test_both_renderers_label_the_axes_and_groups_of_a_card(build: Callable[[dict[str, Any]], Chart | None]) -> None:
    chart = card_chart(build)
    ax = draw_chart(chart)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (chart.x.label, chart.y.label)
    legend = ax.get_legend()
    labels = [text.get_text() for text in legend.get_texts()] if legend else []
    labels += [text.get_text() for text in ax.get_yticklabels()]
    svg_texts = texts_of(render_svg(chart, "c"))
    assert chart.x.label in svg_texts
    for series in chart.series:
        names = {series.name, f"{series.name} ({series.size:,})"}
        assert names & {*labels}
        assert names & {*svg_texts}


def test_matplotlib_draws_the_numbers_of_a_card() -> None:
    card = assembly_card()
    pictures = card["pictures"]
    course = draw_chart(card_chart(time_course_of_card))
    for line, group in zip(course.lines, pictures["time_course"]["groups"], strict=True):
        np.testing.assert_allclose(np.asarray(line.get_ydata(), dtype=float), group["mean"])
    bars: list[Any] = [*draw_chart(card_chart(reliability_of_card)).patches]
    counts = [count for group in pictures["reliability"]["groups"] for count in group["counts"]]
    assert [bar.get_height() for bar in bars] == counts
    (marks,) = draw_chart(card_chart(raster_of_card)).lines
    assert len(np.asarray(marks.get_xdata())) == sum(len(row["times"]) for row in pictures["raster"]["rows"])
    steps: list[Any] = [*draw_chart(card_chart(responses_of_card)).patches]
    first = pictures["responses"]["groups"][0]
    assert steps[0].get_data().values.tolist() == first["counts"]


def test_arrays_with_nan_are_drawn_as_lists_with_none() -> None:
    x, mean, error = [0, 10, 20, 30], [1.0, None, 2.5, 2.0], [0.1, None, None, 0.2]
    arrays = [np.array([np.nan if value is None else value for value in values]) for values in (x, mean, error)]
    from_lists = render_svg(time_course_chart([Line("IT", 4, x, mean, error)], "rate (Hz)", None), "c")
    from_arrays = render_svg(time_course_chart([Line("IT", 4, *arrays)], "rate (Hz)", None), "c")
    assert from_arrays.svg == from_lists.svg
    assert from_arrays.rows == from_lists.rows
    line = next(path for path in element(from_lists).iter("path") if path.get("class") == "dr-line dr-s0")
    assert len(re.findall("M", line.attrib["d"])) == 2


def test_a_line_without_defined_means_has_no_range_but_can_be_plotted() -> None:
    chart = time_course_chart([Line("IT", 1, [0, 10], [None, None], [None, None])], "rate", None)
    assert (chart.finding, chart.y.low) == ("No mean is defined.", None)
    assert draw_chart(chart).get_ylabel() == "rate"
    with pytest.raises(ValueError, match="axis of the chart 'Time course' has no range"):
        render_svg(chart, "c")


def test_samples_are_refused_as_svg() -> None:
    chart = Chart("Responses", "Median 2.", Axis("region"), Axis("rate"), (Sample("IT", [1.0, 2.0, 3.0]),))
    with pytest.raises(ValueError, match="'Responses' has no lines, histograms or events"):
        render_svg(chart, "c")
    assert [label.get_text() for label in draw_chart(chart).get_xticklabels()] == ["IT\n(3)"]
