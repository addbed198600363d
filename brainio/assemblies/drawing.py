"""Draws the plots of assemblies with matplotlib. What is drawn is computed in `summaries`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainio.errors import MissingExtraError
from brainio.installation import install_command
from brainio.views.labels import name_of_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.axes import Axes

    from brainio.assemblies.summaries import Course, Groups

# Okabe, M. & Ito, K. (2008) Color universal design: told apart with any colour vision.
# Without its yellow, which is hardly seen on white, and its black, in which boxes are drawn.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MOST_LETTERS = 40  # of labels side by side
_MOST_UPRIGHT = 36  # letters of a label along the vertical axis
_MOST_LABELLED = 40  # rows of a raster that have a label
_MOST_VECTORS = 20_000  # marks that a PDF or SVG has one by one


def axes_or_new(ax: Axes | None, size: tuple[float, float] = (6.4, 4.0)) -> Axes:
    """Give the axes to draw on, by default of a new figure.

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


def draw_responses(responses: Mapping[str, np.ndarray], by: str, what: str, ax: Axes) -> Axes:
    """Draw each value as a point, and a box from the lower to the upper quartile with the median."""
    random = np.random.default_rng(0)
    for place, values in enumerate(responses.values()):
        colour = COLOURS[place if len(responses) <= len(COLOURS) else 0]
        aside = random.uniform(-0.22, 0.22, len(values))
        dense = max(0.15, min(0.7, 60 / max(len(values), 1)))
        many = len(values) > _MOST_VECTORS
        ax.plot(place + aside, values, "o", color=colour, alpha=dense, markersize=3.5, mew=0, rasterized=many)
        if len(values):
            box = {"color": "black", "linewidth": 1.2}
            ax.boxplot(
                values, positions=[place], widths=0.56, showfliers=False, whis=(5, 95), manage_ticks=False,
                medianprops=box | {"linewidth": 2.2}, boxprops=box, whiskerprops=box, capprops=box, zorder=3,
            )  # fmt: skip
    crowded = sum(map(len, responses)) > _MOST_LETTERS
    between = " " if crowded else "\n"
    names = [f"{label}{between}({len(values):,})" for label, values in responses.items()]
    ax.set_xticks(range(len(names)), names)
    if crowded:
        for text in ax.get_xticklabels():
            text.set(rotation=40, ha="right", rotation_mode="anchor")
    ax.set(xlabel=by, ylabel=_upright(what), xlim=(-0.6, len(names) - 0.4))
    return _plain(ax)


def draw_reliability(reliabilities: Mapping[str, np.ndarray], by: str | None, of: str, bins: int, ax: Axes) -> Axes:
    """Draw stacked histograms with a line at the median of all."""
    together = np.concatenate(list(reliabilities.values()))
    if len(reliabilities) > len(COLOURS):
        reliabilities, by = {"all": together}, None
    edges = np.linspace(min(0.0, float(together.min())), max(1.0, float(together.max())), bins + 1)
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(reliabilities))]
    labels = [f"{label} ({len(values):,})" for label, values in reliabilities.items()]
    ax.hist(
        list(reliabilities.values()), bins=list(edges), stacked=True, color=colours, label=labels, ec="white", lw=0.5
    )
    median = float(np.median(together))
    ax.axvline(median, color="black", linestyle="--", linewidth=1.2, label=f"median {median:.2f}")
    ax.set(xlabel="split-half reliability (Spearman-Brown corrected)", ylabel=f"number of {of}")
    ax.legend(title=by, frameon=False)
    return _plain(ax)


def draw_time_courses(courses: Mapping[str, Course], by: str | None, of: str, what: str, ax: Axes) -> Axes:
    """Draw the mean as a line, its standard error as a band around it."""
    for place, (label, course) in enumerate(courses.items()):
        colour = COLOURS[place % len(COLOURS)]
        style = ("-", "--", ":", "-.")[place // len(COLOURS) % 4]
        marker = "o" if len(course.centers) <= 40 else None
        name = f"{label} ({course.positions:,})"
        ax.plot(course.centers, course.mean, style, color=colour, marker=marker, markersize=3.5, label=name)
        low, high = course.mean - course.error, course.mean + course.error
        ax.fill_between(course.centers, low, high, color=colour, alpha=0.25, linewidth=0)
    ax.set(xlabel="time (ms)", ylabel=_upright(what))
    ax.legend(title=f"{by} (number of {of})" if by else f"number of {of}", frameon=False)
    return _plain(ax)


def draw_raster(times: np.ndarray, rows: Groups, by: str, what: str, ax: Axes) -> Axes:
    """Draw every spike as a mark, the first row on top."""
    count = len(rows.labels)
    height = 0.8 * ax.get_window_extent().height / ax.figure.dpi * 72 / max(count, 1)
    many = len(times) > _MOST_VECTORS
    size = min(max(height, 1.0), 60.0)
    ax.plot(times, rows.codes, linestyle="", marker="|", markersize=size, mew=0.5, color="black", rasterized=many)
    if count <= _MOST_LABELLED:
        ax.set_yticks(range(count), rows.labels)
    ax.set(xlabel=what, ylabel=by, ylim=(count - 0.4, -0.6))
    return _plain(ax)


def label_of(array: xr.DataArray, otherwise: str) -> str:
    """Say what the values are, with their units."""
    name, units = name_of_values(array) or otherwise, array.attrs.get("units")
    return f"{name} ({units})" if units else str(name)


def _upright(label: str) -> str:
    """Put the units of a long label below it: along the vertical axis there is less room."""
    name, bracket, units = label.partition(" (")
    return label if len(label) <= _MOST_UPRIGHT else f"{name}\n{bracket.strip()}{units}"


def _plain(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    return ax
