"""Chart descriptions: the content of a chart and the text of its numbers, independent of the library that draws it.

A `Chart` holds axes, series, a title, a text alternative and a table. `assembly_charts` builds charts from the numbers
of a card, `brainio.assemblies.plots` from the values of an assembly; `svg_renderer` and `matplotlib_renderer` draw
them. Nothing here knows pixels, colours or fonts. Imports no numpy, but series accept its arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, TypeVar

from brainio.text import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    Values: TypeAlias = Sequence[float | None] | np.ndarray

Cell: TypeAlias = "str | int | float | None"
_MAX_STACKED = 6  # groups that renderers have colours for
_MAX_LISTED = 8
_MINUS, _TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MAX_PLAIN = 1e7  # larger numbers are powers of ten
_MAX_DECIMALS = 4  # of a tick
_S = TypeVar("_S")


@dataclass(frozen=True)
class Axis:
    """The label and the range of an axis of a chart.

    Attributes
    ----------
    label : str, default ''
        Name of the quantity, with its units.
    low, high : float, optional
        Range of the data. Each renderer chooses its own ticks: SVG shows exactly this range, matplotlib adds margins
        and allows zooming. None if the axis has a position for each series instead of numbers.
    """

    label: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """The mean of a group along the x-axis with a band of one standard error; None or NaN if undefined.

    `size` is the number of positions in the group.
    """

    name: str
    size: int
    x: Values
    mean: Values
    error: Values

    def segments(self) -> list[list[tuple[float, float, float]]]:
        """Return x, mean and error of each stretch of defined means; an undefined error is 0."""
        segments: list[list[tuple[float, float, float]]] = [[]]
        for x, mean, error in zip(self.x, self.mean, self.error, strict=True):
            if _is_defined(mean):
                segments[-1].append((x, mean, error if _is_defined(error) else 0.0))
            elif segments[-1]:
                segments.append([])
        return [segment for segment in segments if segment]


@dataclass(frozen=True)
class Histogram:
    """Steps of a histogram of one group: `counts` between ascending `edges`. `median` is that of the values."""

    name: str
    size: int
    edges: Sequence[float]
    counts: Sequence[int]
    median: float | None = None


@dataclass(frozen=True)
class Sample:
    """The values of one group, drawn as points with a box: median, quartiles, 5th and 95th percentile."""

    name: str
    values: Values

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.values)


@dataclass(frozen=True)
class EventRow:
    """A row of a raster: the times of its events."""

    name: str
    times: Sequence[float] | np.ndarray

    @property
    def size(self) -> int:
        """The number of events."""
        return len(self.times)


Series: TypeAlias = Line | Histogram | Sample | EventRow


@dataclass(frozen=True)
class Chart:
    """A chart: axes, series, and the same information as text and as a table.

    Attributes
    ----------
    title : str
        What the chart shows.
    finding : str
        Text alternative: what a reader sees in the chart, in a sentence or two.
    x, y : Axis
        The axes.
    series : tuple of Line, Histogram, Sample or EventRow
        One kind per chart, in the order of the legend.
    headings : tuple of str
        Headings of the table.
    rows : tuple of tuple
        Rows of the table with the numbers.
    counted : str, default 'value'
        What the sizes of groups count, in the singular.
    legend_title : str, default ''
        Title of the legend.
    is_stacked : bool, default False
        Whether histograms are stacked.
    marker : float, optional
        The x of a vertical line at the median of all values.
    """

    title: str
    finding: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    counted: str = "value"
    legend_title: str = ""
    is_stacked: bool = False
    marker: float | None = None

    def series_of(self, kind: type[_S]) -> list[_S]:
        """Return the series of one kind."""
        return [series for series in self.series if isinstance(series, kind)]


def time_course_chart(lines: Sequence[Line], label: str, by: str | None, legend_title: str = "") -> Chart:
    """Build a chart of mean responses over time in ms; the y-axis has no range if no mean is defined.

    Examples
    --------
    >>> chart = time_course_chart([Line("IT", 168, [50, 100], [0.1, 0.9], [0.01, 0.02])], "firing rate (Hz)", "region")
    >>> chart.title, chart.finding
    ('Time course by region', 'Highest mean: IT 0.9 at 100 ms.')
    """
    points = [[point for segment in line.segments() for point in segment] for line in lines]
    bands = [(mean - error, mean + error) for own in points for _, mean, error in own]
    low = min((lower for lower, _ in bands), default=None)
    high = max((upper for _, upper in bands), default=None)
    if low is not None and high is not None and 0 < low < 0.5 * high:
        low = 0.0
    peaks = [(line.name, max(own, key=lambda point: point[1])) for line, own in zip(lines, points, strict=True) if own]
    parts = [f"{name} {format_number(mean)} at {format_number(x)} ms" for name, (x, mean, _) in peaks]
    centers = lines[0].x
    means = [[mean if _is_defined(mean) else None for mean in line.mean] for line in lines]
    return Chart(
        title=title_by("Time course", by),
        finding=f"Highest mean: {join_first(parts, _MAX_LISTED)}." if parts else "No mean is defined.",
        x=Axis("time (ms)", centers[0], centers[-1]),
        y=Axis(label, low, high),
        series=tuple(lines),
        headings=("ms", *(line.name for line in lines)),
        rows=tuple((x, *values) for x, *values in zip(centers, *means, strict=True)),
        legend_title=legend_title,
    )


def reliability_chart(
    histograms: Sequence[Histogram], median: float | None, by: str | None, x_label: str, y_label: str
) -> Chart:
    """Build a chart of the distribution of split-half reliability, stacked by group with a line at the median.

    More than six groups are drawn as one, but listed in the table.
    """
    total = sum(histogram.size for histogram in histograms)
    start = (
        "Split-half reliability of" if median is None else f"Median split-half reliability {format_number(median)} over"
    )
    sizes = join_first([f"{histogram.name} {histogram.size:,}" for histogram in histograms], _MAX_LISTED)
    is_merged = len(histograms) > _MAX_STACKED
    edges = histograms[0].edges
    heights = [sum(counts) for counts in zip(*(histogram.counts for histogram in histograms), strict=True)]
    headings, rows = histogram_table(histograms)
    return Chart(
        title=title_by("Split-half reliability", None if is_merged else by),
        finding=f"{start} {quantity(total, 'value')}; {sizes}.",
        x=Axis(x_label, edges[0], edges[-1]),
        y=Axis(y_label, 0, max(heights)),
        series=(Histogram("all", total, edges, heights),) if is_merged else tuple(histograms),
        headings=headings,
        rows=rows,
        legend_title="" if is_merged or by is None else by,
        is_stacked=True,
        marker=median,
    )


def histogram_table(histograms: Sequence[Histogram]) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
    """Return headings and rows of a table of histograms with the same edges."""
    counts = zip(*(histogram.counts for histogram in histograms), strict=True)
    bins = zip(pairwise(histograms[0].edges), counts, strict=True)
    headings = ("from", "to", *(histogram.name for histogram in histograms))
    return headings, tuple((*edges, *of_bin) for edges, of_bin in bins)


def title_by(title: str, by: str | None) -> str:
    """Add the grouping coordinate to a title.

    >>> title_by("Time course", "region"), title_by("Time course", None)
    ('Time course by region', 'Time course')
    """
    return f"{title} by {by}" if by else title


def join_first(parts: Sequence[str], limit: int = 4) -> str:
    """Join the first parts of a list, and add the number of omitted ones.

    >>> join_first(["168 neuroids in IT", "128 in V4"]), join_first(["a", "b", "c"], limit=1)
    ('168 neuroids in IT, 128 in V4', 'a and 2 more')
    """
    omitted = len(parts) - limit
    return ", ".join(parts) if omitted <= 0 else f"{', '.join(parts[:limit])} and {omitted:,} more"


def _is_defined(value: float | None) -> TypeGuard[float]:
    return value is not None and value == value  # NaN differs from itself


def format_number(value: float) -> str:
    r"""Format a number for a sentence.

    >>> format_number(1234.567), format_number(0.31234), ascii(format_number(-2.5e9))
    ('1,235', '0.312', "'\\u22122.5\\xd710\\u2079'")
    """
    size = abs(value)
    if size and not 1e-3 <= size < _MAX_PLAIN:
        return _format_power(float(f"{value:.3g}"), 10.0 ** (math.floor(math.log10(size)) - 1))
    text = f"{value:,.0f}" if size >= 1000 else f"{value:.3g}"
    return text.replace("-", _MINUS)


def tick_labels(values: list[float], step: float) -> list[str]:
    r"""Format ticks alike: with thousands separators, or as powers of ten if they are long.

    >>> tick_labels([0, 50000.0, 100000.0], 50000), tick_labels([0, 0.5], 0.5)
    (['0', '50,000', '100,000'], ['0.0', '0.5'])
    >>> ascii(tick_labels([0, 2e-7], 2e-7))
    "['0', '2\\xd710\\u207b\\u2077']"
    """
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals <= _MAX_DECIMALS and all(abs(value) < _MAX_PLAIN for value in values):
        return [f"{value:,.{decimals}f}".replace("-", _MINUS) for value in values]
    return [_format_power(value, step) for value in values]


def _format_power(value: float, step: float) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    digits = min(9, max(0, exponent - math.floor(math.log10(step) + 1e-9)))
    mantissa = f"{value / 10.0**exponent:.{digits}f}".replace("-", _MINUS)
    return f"{mantissa}{_TIMES}10{str(exponent).translate(_SUPERSCRIPTS)}"
