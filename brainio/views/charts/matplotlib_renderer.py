"""Matplotlib renderer of chart descriptions, for figures that people edit and publish.

Draws on given axes and leaves ticks to matplotlib, so that zooming and `set_xlim` keep working. Imports matplotlib when
something is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainio.errors import MissingExtraError
from brainio.installation import install_command
from brainio.views.charts.description import Chart, EventRow, Histogram, Line, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

# Okabe, M. & Ito, K. (2008) Color universal design: colours that people with any colour vision can distinguish.
# Without its yellow, which is hard to see on white, and its black, the colour of boxes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MAX_HORIZONTAL_LETTERS = 40  # of all category labels; longer ones are rotated
_MAX_Y_LABEL = 36  # letters in one line
_MAX_LABELLED_ROWS = 40  # of a raster
_MAX_MARKED_POINTS = 40  # of a line whose points have markers
_MAX_VECTOR_MARKS = 20_000  # more marks are rasterized in a PDF or SVG


def _get_axes(ax: Axes | None, size: tuple[float, float] = (6.4, 4.0)) -> Axes:
    """Return the axes to draw on, by default those of a new figure of `size` inches.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtraError(f"plots need matplotlib: {install_command('plot')}") from error
    return ax if ax is not None else pyplot.subplots(figsize=size, layout="constrained")[1]


def draw_chart(chart: Chart, ax: Axes | None = None) -> Axes:
    """Draw a chart on matplotlib axes, by default those of a new figure, and return them.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> from brainio.views.charts.description import time_course_chart
    >>> chart = time_course_chart([Line("IT", 9, [50, 100], [0.1, 0.9], [0.01, 0.02])], "firing rate", "region")
    >>> draw_chart(chart).get_xlabel()
    'time (ms)'
    """
    ax = _get_axes(ax)
    ax.set(xlabel=chart.x.label, ylabel=_break_before_units(chart.y.label))
    if samples := chart.series_of(Sample):
        _draw_samples(ax, samples)
    if rows := chart.series_of(EventRow):
        _draw_raster(ax, rows)
    lines, histograms = chart.series_of(Line), chart.series_of(Histogram)
    for number, line in enumerate(lines):
        _draw_line(ax, line, number)
    if histograms:
        (_draw_stack if chart.is_stacked else _draw_steps)(ax, histograms)
    if lines or histograms:
        _add_legend(ax, chart)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _add_legend(ax: Axes, chart: Chart) -> None:
    """Add a legend of the series, and last the marker, if any."""
    marker = None
    if chart.marker is not None:
        label = f"median {chart.marker:.2f}"
        marker = ax.axvline(chart.marker, color="black", linestyle="--", linewidth=1.2, label=label)
    handles, _ = ax.get_legend_handles_labels()
    handles.sort(key=lambda handle: handle is marker)
    ax.legend(handles=handles, title=chart.legend_title or None, frameon=False)


def _draw_line(ax: Axes, line: Line, number: int) -> None:
    colour = COLOURS[number % len(COLOURS)]
    style = ("-", "--", ":", "-.")[number // len(COLOURS) % 4]
    x, mean, error = (np.asarray(values, dtype=np.float64) for values in (line.x, line.mean, line.error))
    marker = "o" if len(x) <= _MAX_MARKED_POINTS else None
    ax.plot(x, mean, style, color=colour, marker=marker, markersize=3.5, label=f"{line.name} ({line.size:,})")
    ax.fill_between(x, mean - error, mean + error, color=colour, alpha=0.25, linewidth=0)


def _draw_samples(ax: Axes, samples: Sequence[Sample]) -> None:
    """Draw samples side by side, labelled with their names and sizes."""
    random = np.random.default_rng(0)
    for position, sample in enumerate(samples):
        colour = COLOURS[position if len(samples) <= len(COLOURS) else 0]
        _draw_sample(ax, sample, position, random.uniform(-0.22, 0.22, sample.size), colour)
    is_crowded = sum(len(sample.name) for sample in samples) > _MAX_HORIZONTAL_LETTERS
    separator = " " if is_crowded else "\n"
    ax.set_xticks(range(len(samples)), [f"{sample.name}{separator}({sample.size:,})" for sample in samples])
    if is_crowded:
        for text in ax.get_xticklabels():
            text.set(rotation=40, ha="right", rotation_mode="anchor")
    ax.set_xlim(-0.6, len(samples) - 0.4)


def _draw_sample(ax: Axes, sample: Sample, position: int, jitter: np.ndarray, colour: str) -> None:
    """Draw each value as a point, and a box of the quartiles with the median."""
    values = np.asarray(sample.values, dtype=np.float64)
    opacity = max(0.15, min(0.7, 60 / max(len(values), 1)))
    is_rasterized = len(values) > _MAX_VECTOR_MARKS
    ax.plot(
        position + jitter, values, "o", color=colour, alpha=opacity, markersize=3.5, mew=0, rasterized=is_rasterized
    )
    if len(values):
        box = {"color": "black", "linewidth": 1.2}
        ax.boxplot(
            values, positions=[position], widths=0.56, showfliers=False, whis=(5, 95), manage_ticks=False,
            medianprops=box | {"linewidth": 2.2}, boxprops=box, whiskerprops=box, capprops=box, zorder=3,
        )  # fmt: skip


def _draw_stack(ax: Axes, histograms: Sequence[Histogram]) -> None:
    edges = np.asarray(histograms[0].edges)
    base = np.zeros(len(edges) - 1)
    for number, group in enumerate(histograms):
        ax.bar(
            edges[:-1], group.counts, np.diff(edges), base, align="edge", color=COLOURS[number % len(COLOURS)],
            label=f"{group.name} ({group.size:,})", ec="white", lw=0.5,
        )  # fmt: skip
        base = base + np.asarray(group.counts)


def _draw_steps(ax: Axes, histograms: Sequence[Histogram]) -> None:
    for number, group in enumerate(histograms):
        colour = COLOURS[number % len(COLOURS)]
        label = f"{group.name} ({group.size:,})"
        ax.stairs(group.counts, group.edges, fill=True, color=colour, alpha=0.16)
        ax.stairs(group.counts, group.edges, color=colour, linewidth=1.6, label=label)
        if group.median is not None:
            ax.plot([group.median], [0], "v", color=colour, clip_on=False)


def _draw_raster(ax: Axes, rows: Sequence[EventRow]) -> None:
    """Draw every event as a mark, with the first row at the top."""
    times = np.concatenate([np.asarray(row.times) for row in rows])
    positions = np.repeat(np.arange(len(rows)), [row.size for row in rows])
    height = 0.8 * ax.get_window_extent().height / ax.figure.dpi * 72 / len(rows)
    ax.plot(
        times, positions, linestyle="", marker="|", markersize=min(max(height, 1.0), 60.0), mew=0.5, color="black",
        rasterized=len(times) > _MAX_VECTOR_MARKS,
    )  # fmt: skip
    if len(rows) <= _MAX_LABELLED_ROWS:
        ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)


def _break_before_units(label: str) -> str:
    """Break a long label before its units, since the y-axis is short."""
    name, bracket, units = label.partition(" (")
    return label if len(label) <= _MAX_Y_LABEL else f"{name}\n{bracket.strip()}{units}"
