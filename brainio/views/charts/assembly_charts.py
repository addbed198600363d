"""SVG charts of an assembly's card: its dimensions, responses, reliability, time course and raster.

The functions named `..._of_card` validate one field of `pictures` and return the description of a chart, which any
renderer can draw, or None if the field is missing or malformed: cards come from third parties. Charts with too little
to show are None as well. Charts that count by a coordinate are in `bars`.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from brainio.text import plural_of, quantity, share
from brainio.views.charts.bars import populations, repetitions
from brainio.views.charts.card_values import (
    is_range,
    mean_of_values,
    nested_record,
    valid_bins,
    valid_count,
    valid_groups,
    valid_number,
    valid_numbers,
    valid_records,
    valid_text,
    values_label,
)
from brainio.views.charts.description import (
    Axis,
    Chart,
    EventRow,
    Histogram,
    Line,
    format_number,
    histogram_table,
    join_first,
    reliability_chart,
    time_course_chart,
    title_by,
)
from brainio.views.charts.svg_renderer import render_svg
from brainio.views.charts.svg_shapes import LINE_HEIGHT, WIDTH, Figure, step_between, ticks, to_svg, truncate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainio.views.charts.svg_shapes import Drawing

_MIN_SIDE, _MAX_SIDE = 16.0, 96.0
_MAX_BINS = 200
_MAX_LISTED = 8
_MAX_ROWS, _MAX_SPIKES = 40, 3000
_MAX_MARKS_PER_ROW = 150  # more cannot be distinguished


def dimensions(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw the two or three dimensions of an assembly as a block.

    The first dimension is the height, the second the width, the third the depth, all on a logarithmic scale.

    Parameters
    ----------
    card : mapping
        Card of an assembly, with `dims` and `shape`.
    prefix : str
        Prefix of every id in the SVG; must be unique in the page.

    Returns
    -------
    Drawing or None
        None if the card is malformed, or does not have two or three dimensions.

    Examples
    --------
    >>> dimensions({"dims": ["presentation", "neuroid"], "shape": [2560, 168]}, "dimensions").rows
    [('presentation', 2560), ('neuroid', 168)]
    """
    dims, shape = card.get("dims"), card.get("shape")
    if not isinstance(dims, list) or not isinstance(shape, list) or not 2 <= len(dims) == len(shape) <= 3:
        return None
    sizes = [(valid_text(dim), valid_count(size)) for dim, size in zip(dims, shape, strict=True)]
    labelled = [(dim, size) for dim, size in sizes if dim is not None and size is not None]
    if len(labelled) < len(dims):
        return None
    figure = Figure(prefix)
    bottom = _draw_block(figure, labelled)
    finding = f"{' by '.join(quantity(size, dim) for dim, size in labelled)}."
    return figure.to_drawing(bottom, "Dimensions", finding, ("dimension", "size"), [*labelled])


def _draw_block(figure: Figure, sizes: list[tuple[str, int]]) -> float:
    """Draw the front of a block, and its top and side if there is a third dimension; return the lower end."""
    down = _side_length(sizes[0][1])
    across = _side_length(sizes[1][1])
    back = 0.55 * _side_length(sizes[2][1]) if len(sizes) > 2 else 0.0
    left, top = 120.0, LINE_HEIGHT + 12 + back
    right, bottom = left + across, top + down
    name, size = sizes[0]
    figure.text(left - 8, top + down / 2, truncate(name, left - 8), "", "end")
    figure.text(left - 8, top + down / 2 + LINE_HEIGHT + 2, f"{size:,}", "number", "end")
    front = f"M{to_svg(left)} {to_svg(top)}h{to_svg(across)}v{to_svg(down)}h{to_svg(-across)}z"
    figure.path(front, "face")
    if back:
        slant = f"l{to_svg(back)} {to_svg(-back)}"
        figure.path(
            f"M{to_svg(left)} {to_svg(top)}{slant}h{to_svg(across)}l{to_svg(-back)} {to_svg(back)}z",
            "face top",
        )
        figure.path(
            f"M{to_svg(right)} {to_svg(top)}{slant}v{to_svg(down)}l{to_svg(-back)} {to_svg(back)}z",
            "face side",
        )
        name, size = sizes[2]
        figure.text(right + back + 8, top - back + 4, truncate(f"{name} {size:,}", WIDTH - right - back - 8))
    name, size = sizes[1]
    figure.text(left, bottom + LINE_HEIGHT + 4, truncate(f"{name} {size:,}", WIDTH - left))
    return bottom + LINE_HEIGHT + 10


def _side_length(size: int) -> float:
    return min(_MAX_SIDE, _MIN_SIDE + 18 * math.log10(max(size, 1)))


def responses(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw the distribution of mean responses by region: up to three outlines in one plot, or a row for each region.

    Takes `prefix` as `dimensions` does. Returns None if the card lacks the numbers or they are malformed.
    """
    return _render(responses_of_card(card), prefix)


def reliability(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw the distribution of split-half reliability, stacked by region, with a line at the median.

    Takes `prefix` as `dimensions` does. Returns None if the card lacks the numbers or they are malformed.
    """
    return _render(reliability_of_card(card), prefix)


def time_course(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw the mean response over time by region: up to four lines in one plot, or a plot for each region.

    Takes `prefix` as `dimensions` does. Returns None if the card lacks the numbers or they are malformed.
    """
    return _render(time_course_of_card(card), prefix)


def raster(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw spikes as marks, a row for each neuroid or presentation.

    Takes `prefix` as `dimensions` does. Returns None if the card lacks the numbers or they are malformed.
    """
    return _render(raster_of_card(card), prefix)


def _render(chart: Chart | None, prefix: str) -> Drawing | None:
    return render_svg(chart, prefix) if chart else None


def responses_of_card(card: Mapping[str, Any]) -> Chart | None:
    """Build a chart of the distribution of mean responses by region.

    Examples
    --------
    >>> group = {"value": "IT", "count": 3, "median": 0.5, "counts": [1, 2]}
    >>> card = {"pictures": {"responses": {"of": "neuroid", "edges": [0, 0.5, 1], "groups": [group]}}}
    >>> responses_of_card(card).finding
    'Median of mean responses: IT 0.5 (3 neuroids).'
    """
    record = nested_record(card, "pictures", "responses")
    histograms = _histograms(record)
    if not histograms:
        return None
    counted = valid_text(record.get("of")) or "neuroid"
    values = mean_of_values(card, plural=True)
    medians = [
        f"{group.name} {format_number(group.median)} ({quantity(group.size, counted)})"
        for group in histograms
        if group.median is not None
    ]
    finding = f"Median of {values}: {join_first(medians, _MAX_LISTED)}." if medians else ""
    finding = finding or f"{quantity(len(histograms), 'group')}."
    omitted = valid_count(record.get("more"))
    finding += f" {quantity(omitted, 'more group')} not drawn." if omitted else ""
    edges = histograms[0].edges
    headings, rows = histogram_table(histograms)
    return Chart(
        title=title_by(f"{values[:1].upper()}{values[1:]}", valid_text(record.get("by"))),
        finding=finding,
        x=Axis(values_label(card), edges[0], edges[-1]),
        y=Axis(plural_of(counted), 0, max(max(histogram.counts) for histogram in histograms)),
        series=tuple(histograms),
        headings=headings,
        rows=rows,
        counted=counted,
    )


def reliability_of_card(card: Mapping[str, Any]) -> Chart | None:
    """Build a chart of the distribution of split-half reliability by region; None for a single value.

    Examples
    --------
    >>> record = {"edges": [0, 0.5, 1], "groups": [{"value": "IT", "count": 3, "counts": [1, 2]}]}
    >>> reliability_of_card({"pictures": {"reliability": record}, "reliability": {"median": 0.7}}).finding
    'Median split-half reliability 0.7 over 3 values; IT 3.'
    """
    record = nested_record(card, "pictures", "reliability")
    histograms = _histograms(record)
    if sum(histogram.size for histogram in histograms) < 2:
        return None
    median = valid_number(nested_record(card, "reliability").get("median"))
    return reliability_chart(histograms, median, valid_text(record.get("by")), "split-half reliability", "values")


def _histograms(record: Mapping[str, Any]) -> list[Histogram]:
    """Return the histogram of each group; an empty list if one is malformed."""
    histograms = []
    for group in valid_groups(record):
        bins = valid_bins(record.get("edges"), group.record.get("counts"))
        if bins is None:
            return []
        median = valid_number(group.record.get("median"))
        is_inside = median is not None and bins.edges[0] <= median <= bins.edges[-1]
        name = group.value or "all"
        histograms.append(Histogram(name, group.size, bins.edges, bins.counts, median if is_inside else None))
    return histograms


def time_course_of_card(card: Mapping[str, Any]) -> Chart | None:
    """Build a chart of the mean response over time by region; None for a single time.

    Examples
    --------
    >>> group = {"value": "IT", "count": 168, "mean": [0.1, 0.9, 0.4], "error": [0.01, 0.02, 0.02]}
    >>> record = {"by": "region", "centers_ms": [50, 100, 150], "groups": [group]}
    >>> time_course_of_card({"pictures": {"time_course": record}}).finding
    'Highest mean: IT 0.9 at 100 ms.'
    """
    record = nested_record(card, "pictures", "time_course")
    centers = valid_numbers(record.get("centers_ms"), _MAX_BINS)
    if not centers or not is_range(centers[0], centers[-1]) or any(b <= a for a, b in pairwise(centers)):
        return None
    lines = []
    for group in valid_groups(record):
        line = _line(group.value or "all", group.size, group.record, centers)
        if line is None:
            return None
        if line.segments():
            lines.append(line)
    if not lines:
        return None
    chart = time_course_chart(lines, values_label(card), valid_text(record.get("by")))
    has_range = chart.y.low is not None and chart.y.high is not None and is_range(chart.y.low, chart.y.high)
    return chart if has_range else None


def _line(name: str, size: int, record: Mapping[str, Any], centers: Sequence[float]) -> Line | None:
    means, errors = record.get("mean"), record.get("error")
    if not isinstance(means, list) or not isinstance(errors, list) or not len(means) == len(errors) == len(centers):
        return None
    checked_means, checked_errors = [valid_number(mean) for mean in means], [valid_number(error) for error in errors]
    for checked, values in ((checked_means, means), (checked_errors, errors)):
        if any(new is None and old is not None for new, old in zip(checked, values, strict=True)):
            return None
    if any((error or 0) < 0 for error in checked_errors):
        return None
    return Line(name, size, centers, checked_means, checked_errors)


def raster_of_card(card: Mapping[str, Any]) -> Chart | None:
    """Build a raster of spikes; None if there are more than 40 rows or 3,000 spikes.

    If a row has more spikes than can be distinguished, the x-axis ends at an earlier round time.

    Examples
    --------
    >>> record = {"rows": [{"label": "cell 1", "times": [3.5, 9, 12]}], "rows_of": "neuroid_id", "total": 7}
    >>> raster_of_card({"pictures": {"raster": record}, "units": "ms"}).finding
    '3 spikes in 1 row, from 3.5 to 12 ms; 7 rows in all.'
    """
    record = nested_record(card, "pictures", "raster")
    records = valid_records(record.get("rows"), _MAX_ROWS)
    labels_and_times = [(valid_text(row.get("label")), valid_numbers(row.get("times"), _MAX_SPIKES)) for row in records]
    rows = [
        EventRow(label, sorted(times)) for label, times in labels_and_times if label is not None and times is not None
    ]
    spikes = [time for row in rows for time in row.times]
    if len(rows) < len(records) or not spikes or len(spikes) > _MAX_SPIKES or not is_range(min(spikes), max(spikes)):
        return None
    units = valid_text(card.get("units"), 40) or ""
    low, high = min(spikes), max(spikes)
    end = _last_drawn_time(rows, low, high)
    total_spikes = _count_spikes(card)
    is_part = total_spikes is not None and total_spikes > len(spikes)
    drawn = share(len(spikes), total_spikes, "spike") if is_part and total_spikes else quantity(len(spikes), "spike")
    finding = f"{drawn} in {quantity(len(rows), 'row')}, "
    finding += f"from {format_number(low)} to {format_number(high)} {units}".strip()
    total_rows = record.get("total")
    if type(total_rows) is int and len(rows) < total_rows < 10**15:
        finding += f"; {quantity(total_rows, 'row')} in all"
    if end < high:
        finding += f"; drawn up to {format_number(end)} {units}".rstrip()
    rows_of = valid_text(record.get("rows_of")) or "row"
    return Chart(
        title="Spikes",
        finding=f"{finding}.",
        x=Axis(f"time ({units})" if units else "time", 0.0 if 0 < low < 0.2 * end else low, end),
        y=Axis(rows_of),
        series=tuple(rows),
        headings=(rows_of, "spikes drawn" if is_part else "spikes"),
        rows=tuple((row.name, row.size) for row in rows),
    )


def _count_spikes(card: Mapping[str, Any]) -> int | None:
    """Return the number of spikes of the assembly, of which a raster shows the first; None if unknown."""
    shape = card.get("shape")
    return valid_count(shape[0]) if isinstance(shape, list) and len(shape) == 1 else None


def _last_drawn_time(rows: Sequence[EventRow], low: float, high: float) -> float:
    """Return the time at which the raster ends: the last spike, or a round time before the fullest row is too full."""
    fullest = max(rows, key=lambda row: row.size)
    full = fullest.times[_MAX_MARKS_PER_ROW] if fullest.size > _MAX_MARKS_PER_ROW else high
    if full >= high or not is_range(low, full):
        return high
    return max((time for time in ticks(low, full, step_between(low, full, 5)) if time > low), default=high)


ASSEMBLY_CHARTS = (dimensions, populations, responses, time_course, raster, reliability, repetitions)
