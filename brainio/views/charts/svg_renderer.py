"""SVG renderer of chart descriptions: lines with bands, histograms and rasters, sized for a phone.

Chooses the layout by the number of groups: a few share one plot, more have a row each. `svg_shapes` writes the
shapes and axes.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from brainio.text import quantity
from brainio.views.charts.description import Chart, EventRow, Histogram, Line, Sample, format_number
from brainio.views.charts.svg_shapes import (
    LINE_HEIGHT,
    WIDTH,
    Drawing,
    Figure,
    Scale,
    count_scale,
    draw_x_axis,
    draw_y_axis,
    format_tenths,
    path_through,
    step_between,
    text_width,
    to_svg,
    truncate,
    width_of_labels,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_RIGHT = WIDTH - 6  # end of the x-axis
_MAX_LINES_PER_PLOT = 4
_MAX_STEPS_PER_PLOT = 3
_MAX_BAND_POINTS = 900  # of all groups that have a plot each; bounds the size of the SVG
_LINES_HEIGHT, _STEPS_HEIGHT, _RASTER_HEIGHT = 150.0, 140.0, 260.0
_PANEL_HEIGHT, _RIDGE_HEIGHT = 58.0, 34.0  # of a group that has its own row
_MAX_NAME_WIDTH = 140.0
_SMALL = 11.0


def render_svg(chart: Chart, prefix: str) -> Drawing:
    """Draw a chart as SVG.

    Parameters
    ----------
    chart : Chart
        Lines, histograms or a raster.
    prefix : str
        Prefix of every id in the SVG; must be unique in the page.

    Raises
    ------
    ValueError
        The series are samples, whose single values would make the SVG too large.

    Examples
    --------
    >>> from brainio.views.charts.description import time_course_chart
    >>> chart = time_course_chart([Line("IT", 9, [50, 100], [0.1, 0.9], [0.01, 0.02])], "firing rate", "region")
    >>> drawing = render_svg(chart, "course")
    >>> "course-title" in drawing.svg, "time (ms)" in drawing.svg
    (True, True)
    """
    figure = Figure(prefix)
    return figure.to_drawing(_draw(figure, chart), chart.title, chart.finding, chart.headings, [*chart.rows])


def _draw(figure: Figure, chart: Chart) -> float:
    """Draw the series and return the height of the figure."""
    if lines := chart.series_of(Line):
        return (_draw_lines if len(lines) <= _MAX_LINES_PER_PLOT else _draw_panels)(figure, chart, lines)
    if rows := chart.series_of(EventRow):
        return _draw_raster(figure, chart, rows)
    histograms = chart.series_of(Histogram)
    if not histograms:
        raise ValueError(f"the chart {chart.title!r} has no lines, histograms or events to draw as SVG")
    if chart.is_stacked:
        return _draw_stack(figure, chart, histograms)
    return (_draw_steps if len(histograms) <= _MAX_STEPS_PER_PLOT else _draw_ridges)(figure, chart, histograms)


def _legend_entries(groups: Sequence[Line | Histogram | Sample | EventRow]) -> list[tuple[int, str]]:
    return [(colour, f"{group.name} ({group.size:,})") for colour, group in enumerate(groups)]


def _range_of(chart: Chart) -> tuple[float, float, float, float]:
    """Return the ranges of x and y."""
    x, y = chart.x, chart.y
    if x.low is None or x.high is None or y.low is None or y.high is None:
        raise ValueError(f"an axis of the chart {chart.title!r} has no range")
    return x.low, x.high, y.low, y.high


def _draw_lines(figure: Figure, chart: Chart, lines: Sequence[Line]) -> float:
    x_low, x_high, y_low, y_high = _range_of(chart)
    top = LINE_HEIGHT * len(wrap(chart.y.label, WIDTH)) + 14
    if len(lines) > 1:
        top += figure.line_legend(_legend_entries(lines), 0)
    bottom = top + _LINES_HEIGHT
    y, step = Scale(y_low, y_high, bottom, top), step_between(y_low, y_high, 4)
    left = width_of_labels(y_low, y_high, step)
    x = Scale(x_low, x_high, left, _RIGHT)
    draw_y_axis(figure, y, step, left, _RIGHT, chart.y.label)
    _mark_onset(figure, x, bottom, top)
    for colour, line in enumerate(lines):
        _draw_line(figure, line, colour, x, y)
    return draw_x_axis(figure, x, bottom, chart.x.label)


def _draw_panels(figure: Figure, chart: Chart, lines: Sequence[Line]) -> float:
    x_low, x_high, y_low, y_high = _range_of(chart)
    step = step_between(y_low, y_high, 2)
    left = width_of_labels(y_low, y_high, step)
    x = Scale(x_low, x_high, left, _RIGHT)
    band_step = -(-len(lines[0].x) * len(lines) // _MAX_BAND_POINTS)
    bottom = 4.0
    for text in wrap(chart.y.label, WIDTH):
        bottom += LINE_HEIGHT
        figure.text(0, bottom - 5, text, "small")
    for line, (_, label) in zip(lines, _legend_entries(lines), strict=True):
        top, bottom = bottom + 22, bottom + _PANEL_HEIGHT
        y = Scale(y_low, y_high, bottom, top)
        draw_y_axis(figure, y, step, left, _RIGHT)
        _mark_onset(figure, x, bottom, top)
        _draw_line(figure, line, 0, x, y, band_step)
        figure.text(left, top - 6, truncate(label, WIDTH - left))
    return draw_x_axis(figure, x, bottom + 4, chart.x.label)


def _draw_line(figure: Figure, line: Line, colour: int, x: Scale, y: Scale, band_step: int = 1) -> None:
    """Draw each segment as a line on a band, whose outline uses every `band_step`-th point."""
    bands, means = "", ""
    for segment in line.segments():
        sampled = [*segment[:-1:band_step], segment[-1]]
        upper = [(x(at), y(mean + error)) for at, mean, error in sampled]
        lower = [(x(at), y(mean - error)) for at, mean, error in reversed(sampled)]
        bands += path_through(upper + lower) + "z"
        means += path_through([(x(at), y(mean)) for at, mean, _ in segment])
    figure.path(bands, f"veil f{colour}")
    figure.path(means, f"line s{colour}")


def _mark_onset(figure: Figure, x: Scale, bottom: float, top: float) -> None:
    if x.low < 0 < x.high:
        figure.path(f"M{to_svg(x(0))} {to_svg(bottom)}V{to_svg(top)}", "median")


def _outline(edges: Sequence[float], counts: Sequence[int], x: Scale, y: Scale) -> str:
    """Return the path of a histogram, from the axis and back to it."""
    base = to_svg(y(0))
    steps = zip(edges[1:], counts, strict=True)
    path = "".join(f"V{to_svg(y(count))}H{to_svg(x(edge))}" for edge, count in steps)
    return f"M{to_svg(x(edges[0]))} {base}{path}V{base}"


def _draw_steps(figure: Figure, chart: Chart, histograms: Sequence[Histogram]) -> float:
    x_low, x_high, _, tallest = _range_of(chart)
    top = LINE_HEIGHT + 14
    if len(histograms) > 1:
        top += figure.line_legend(_legend_entries(histograms), 0)
    bottom = top + _STEPS_HEIGHT
    y, step = count_scale(tallest, bottom, top)
    left = width_of_labels(0, y.high, step)
    x = Scale(x_low, x_high, left, _RIGHT)
    draw_y_axis(figure, y, step, left, _RIGHT, chart.y.label)
    if any(histogram.median is not None for histogram in histograms):
        figure.text(WIDTH, top - 11, "\N{BLACK DOWN-POINTING TRIANGLE} median", "small", "end")
    for colour, histogram in enumerate(histograms):
        figure.path(_outline(histogram.edges, histogram.counts, x, y) + "z", f"veil f{colour}")
    for colour, histogram in enumerate(histograms):
        figure.path(_outline(histogram.edges, histogram.counts, x, y), f"line s{colour}")
        if histogram.median is not None:
            triangle = f"M{to_svg(x(histogram.median))} {to_svg(bottom)}l-4-7h8z"
            figure.path(triangle, f"mark f{colour}")
    return draw_x_axis(figure, x, bottom, chart.x.label)


def _draw_ridges(figure: Figure, chart: Chart, histograms: Sequence[Histogram]) -> float:
    """Draw a row for each histogram, scaled to its own tallest bin."""
    x_low, x_high, _, _ = _range_of(chart)
    labels = [(group.name, quantity(group.size, chart.counted)) for group in histograms]
    left = min(_MAX_NAME_WIDTH, 8 + max(text_width(text) for label in labels for text in label))
    x = Scale(x_low, x_high, left, _RIGHT)
    bottom = 4.0
    if any(histogram.median is not None for histogram in histograms):
        figure.text(WIDTH, 11, "dashed: median", "small", "end")
        bottom += LINE_HEIGHT
    for histogram, (name, size) in zip(histograms, labels, strict=True):
        bottom += _RIDGE_HEIGHT
        y = Scale(0, max(histogram.counts), bottom, bottom - _RIDGE_HEIGHT + 6)
        figure.text(0, bottom - 15, truncate(name, left - 8))
        figure.text(0, bottom - 2, truncate(size, left - 8, _SMALL), "small")
        figure.path(_outline(histogram.edges, histogram.counts, x, y) + "z", "veil f0")
        figure.path(_outline(histogram.edges, histogram.counts, x, y), "line s0")
        if histogram.median is not None:
            start = f"M{to_svg(x(histogram.median))} {to_svg(bottom)}"
            figure.path(f"{start}V{to_svg(y.end)}", "median")
    return draw_x_axis(figure, x, bottom + 4, chart.x.label)


def _draw_stack(figure: Figure, chart: Chart, histograms: Sequence[Histogram]) -> float:
    x_low, x_high, _, tallest = _range_of(chart)
    top = 16.0
    if len(histograms) > 1:
        top += figure.area_legend(_legend_entries(histograms), 0)
    top += LINE_HEIGHT + 2
    bottom = top + _STEPS_HEIGHT
    heights = [
        *accumulate(
            (histogram.counts for histogram in histograms),
            lambda lower, counts: [*map(sum, zip(lower, counts, strict=True))],
        )
    ]
    y, step = count_scale(tallest, bottom, top)
    left = width_of_labels(0, y.high, step)
    x = Scale(x_low, x_high, left, _RIGHT)
    draw_y_axis(figure, y, step, left, _RIGHT, chart.y.label)
    for colour in reversed(range(len(histograms))):  # the tallest first; each hides the lower part of the previous
        figure.area(_outline(histograms[colour].edges, heights[colour], x, y) + "z", colour)
    if chart.marker is not None and x_low <= chart.marker <= x_high:
        label = f"median {format_number(chart.marker)}"
        half = text_width(label) / 2
        start = f"M{to_svg(x(chart.marker))} {to_svg(bottom)}"
        figure.path(f"{start}V{to_svg(top - 4)}", "median")
        figure.text(min(max(x(chart.marker), left + half), WIDTH - half), top - 8, label, "", "middle")
    return draw_x_axis(figure, x, bottom, chart.x.label)


def _draw_raster(figure: Figure, chart: Chart, rows: Sequence[EventRow]) -> float:
    if chart.x.low is None or chart.x.high is None:
        raise ValueError(f"the x-axis of the chart {chart.title!r} has no range")
    pitch = min(28.0, max(6.5, _RASTER_HEIGHT / len(rows)))
    label_step = -(-13 // int(pitch))  # rows between labels, which must not overlap
    left = min(10 + max(text_width(row.name, _SMALL) for row in rows), 120.0)
    x = Scale(chart.x.low, chart.x.high, left, WIDTH - 8)
    height = round(0.8 * pitch)
    bottom = 4 + pitch * len(rows)
    for number, row in enumerate(rows):
        middle = 4 + pitch * (number + 0.5)
        if number % label_step == 0:
            figure.text(left - 8, middle + 4, truncate(row.name, left - 8, _SMALL), "small", "end")
        tenths = sorted({round(10 * x(time)) for time in row.times if time <= x.high})
        if tenths:
            start = f"M{format_tenths(tenths[0])} {to_svg(middle - height / 2)}v{height}"
            steps = "".join(f"m{format_tenths(b - a)}-{height}v{height}" for a, b in pairwise(tenths))
            figure.path(start + steps, "spikes")
    return draw_x_axis(figure, x, bottom + 2, chart.x.label)
