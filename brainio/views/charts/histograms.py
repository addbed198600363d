"""Pictures of distributions by region: mean responses, split-half reliability."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from brainio.text import plural_of, quantity
from brainio.views.charts.card_values import (
    Histogram,
    count_of,
    groups_of,
    histogram_of,
    mean_of_values,
    measured,
    number,
    record_of,
    text_of,
)
from brainio.views.charts.figure import COLOURS, LETTER, WIDTH, Figure, cut, place, width_of
from brainio.views.charts.plots import counting_scale, labels_of, listed, room_for, titled, x_axis, y_axis
from brainio.views.charts.scales import Scale, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainio.views.charts.figure import Drawing

_MOST_TOGETHER = 3  # outlines over each other; more groups have a row each
_PLOT = 140.0  # height
_RIDGE = 34.0  # height of a row
_LABELS = 140.0  # width of the labels of rows, at most


class _Spread(NamedTuple):
    """How the values of one group are distributed."""

    name: str
    size: int
    median: float | None
    histogram: Histogram


def responses(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw how mean responses are distributed, by region.

    Up to three groups are outlines over each other, more have a row each, scaled to its own tallest bin.

    Parameters
    ----------
    card : mapping
        Of an assembly; `pictures.responses`, `class`, `long_name` and `units` are read.
    prefix : str
        Begins every id in the picture: one of its own in the page.

    Returns
    -------
    Drawing or None
        None: the card does not tell, or its numbers are malformed.

    Examples
    --------
    >>> group = {"value": "IT", "count": 3, "median": 0.5, "counts": [1, 2]}
    >>> card = {"pictures": {"responses": {"of": "neuroid", "edges": [0, 0.5, 1], "groups": [group]}}}
    >>> responses(card, "responses").finding
    'Median of mean responses: IT 0.5 (3 neuroids).'
    """
    picture = record_of(card, "pictures", "responses")
    spreads = _spreads(picture)
    if not spreads:
        return None
    thing = text_of(picture.get("of")) or "neuroid"
    label, what = measured(card), mean_of_values(card, plural=True)
    figure = Figure(prefix)
    bottom = (_outlines if len(spreads) <= _MOST_TOGETHER else _ridges)(figure, spreads, thing, label)
    parts = [
        f"{one.name} {written(one.median)} ({quantity(one.size, thing)})" for one in spreads if one.median is not None
    ]
    more = count_of(picture.get("more"))
    finding = f"Median of {what}: {listed(parts, 8)}." if parts else f"{quantity(len(spreads), 'group')}."
    finding += f" {quantity(more, 'more group')} not drawn." if more else ""
    return figure.finished(bottom, titled(f"{what[:1].upper()}{what[1:]}", picture), finding, *_table(spreads))


def reliability(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw how split-half reliability is distributed: stacked by region, with a line at the median of all.

    Parameters
    ----------
    card : mapping
        Of an assembly; `pictures.reliability` and `reliability.median` are read.
    prefix : str
        Begins every id in the picture: one of its own in the page.

    Returns
    -------
    Drawing or None
        None: the card does not tell, or its numbers are malformed, or there is one value only.

    Examples
    --------
    >>> picture = {"edges": [0, 0.5, 1], "groups": [{"value": "IT", "count": 3, "counts": [1, 2]}]}
    >>> reliability({"pictures": {"reliability": picture}, "reliability": {"median": 0.7}}, "reliability").finding
    'Median split-half reliability 0.7 over 3 values; IT 3.'
    """
    picture = record_of(card, "pictures", "reliability")
    spreads = _spreads(picture)
    total = sum(one.size for one in spreads)
    if total < 2:
        return None
    median = number(record_of(card, "reliability").get("median"))
    finding = (
        f"Median split-half reliability {written(median)} over" if median is not None else "Split-half reliability of"
    )
    finding += f" {quantity(total, 'value')}; {listed([f'{one.name} {one.size:,}' for one in spreads], 8)}."
    figure = Figure(prefix)
    crowded = len(spreads) > COLOURS
    bottom = _stacked(figure, [_together(spreads)] if crowded else spreads, median)
    title = titled("Split-half reliability", {} if crowded else picture)
    return figure.finished(bottom, title, finding, *_table(spreads))


def _spreads(picture: Mapping[str, Any]) -> list[_Spread]:
    """Return what is distributed how; [] where one group is malformed."""
    found = []
    for group in groups_of(picture):
        histogram = histogram_of(picture.get("edges"), group.record.get("counts"))
        if histogram is None:
            return []
        median = number(group.record.get("median"))
        inside = median is not None and histogram.edges[0] <= median <= histogram.edges[-1]
        found.append(_Spread(group.value or "all", group.size, median if inside else None, histogram))
    return found


def _together(spreads: Sequence[_Spread]) -> _Spread:
    counts = [sum(of_bin) for of_bin in zip(*(one.histogram.counts for one in spreads), strict=True)]
    return _Spread("all", sum(one.size for one in spreads), None, Histogram(spreads[0].histogram.edges, counts))


def _table(spreads: Sequence[_Spread]) -> tuple[tuple[str, ...], list[tuple[str | int | float | None, ...]]]:
    counts = zip(*(one.histogram.counts for one in spreads), strict=True)
    rows = [(*edges, *of_bin) for edges, of_bin in zip(pairwise(spreads[0].histogram.edges), counts, strict=True)]
    return ("from", "to", *(one.name for one in spreads)), rows


def _outline(edges: Sequence[float], counts: Sequence[int], x: Scale, y: Scale) -> str:
    """Return the path of a histogram, from the axis up and back to it."""
    up = "".join(f"V{place(y(count))}H{place(x(edge))}" for edge, count in zip(edges[1:], counts, strict=True))
    return f"M{place(x(edges[0]))} {place(y(0))}{up}V{place(y(0))}"


def _outlines(figure: Figure, spreads: Sequence[_Spread], thing: str, label: str) -> float:
    top = LETTER + 14
    if len(spreads) > 1:
        top += figure.line_legend(labels_of(spreads), 0)
    bottom = top + _PLOT
    y, step = counting_scale(max(max(one.histogram.counts) for one in spreads), bottom, top)
    edges = spreads[0].histogram.edges
    left = room_for(0, y.high, step)
    x = Scale(edges[0], edges[-1], left, WIDTH - 6)
    y_axis(figure, y, step, left, WIDTH - 6, plural_of(thing))
    if any(one.median is not None for one in spreads):
        figure.text(WIDTH, top - 11, "\N{BLACK DOWN-POINTING TRIANGLE} median", "small", "end")
    for colour, one in enumerate(spreads):
        figure.path(_outline(edges, one.histogram.counts, x, y) + "z", f"veil f{colour}")
    for colour, one in enumerate(spreads):
        figure.path(_outline(edges, one.histogram.counts, x, y), f"line s{colour}")
        if one.median is not None:
            figure.path(f"M{place(x(one.median))} {place(bottom)}l-4-7h8z", f"mark f{colour}")
    return x_axis(figure, x, bottom, label)


def _ridges(figure: Figure, spreads: Sequence[_Spread], thing: str, label: str) -> float:
    edges = spreads[0].histogram.edges
    left = min(_LABELS, 8 + max(width_of(said) for one in spreads for said in (one.name, quantity(one.size, thing))))
    x = Scale(edges[0], edges[-1], left, WIDTH - 6)
    bottom = 4.0
    if any(one.median is not None for one in spreads):
        figure.text(WIDTH, 11, "dashed: median", "small", "end")
        bottom += LETTER
    for one in spreads:
        bottom += _RIDGE
        y = Scale(0, max(one.histogram.counts), bottom, bottom - _RIDGE + 6)
        figure.text(0, bottom - 15, cut(one.name, left - 8))
        figure.text(0, bottom - 2, cut(quantity(one.size, thing), left - 8, 11), "small")
        figure.path(_outline(edges, one.histogram.counts, x, y) + "z", "veil f0")
        figure.path(_outline(edges, one.histogram.counts, x, y), "line s0")
        if one.median is not None:
            figure.path(f"M{place(x(one.median))} {place(bottom)}V{place(bottom - _RIDGE + 6)}", "median")
    return x_axis(figure, x, bottom + 4, label)


def _stacked(figure: Figure, spreads: Sequence[_Spread], median: float | None) -> float:
    top = 16.0
    if len(spreads) > 1:
        top += figure.area_legend(labels_of(spreads), 0)
    top += LETTER + 2
    bottom = top + _PLOT
    edges = spreads[0].histogram.edges
    heights = [
        *accumulate(
            (one.histogram.counts for one in spreads), lambda low, high: [*map(sum, zip(low, high, strict=True))]
        )
    ]
    y, step = counting_scale(max(heights[-1]), bottom, top)
    left = room_for(0, y.high, step)
    x = Scale(edges[0], edges[-1], left, WIDTH - 6)
    y_axis(figure, y, step, left, WIDTH - 6, "values")
    for colour in reversed(range(len(spreads))):  # the tallest first: each hides the lower part of the one before
        figure.area(_outline(edges, heights[colour], x, y) + "z", colour)
    if median is not None and edges[0] <= median <= edges[-1]:
        said = f"median {written(median)}"
        at = min(max(x(median), left + width_of(said) / 2), WIDTH - width_of(said) / 2)
        figure.path(f"M{place(x(median))} {place(bottom)}V{place(top - 4)}", "median")
        figure.text(at, top - 8, said, "", "middle")
    return x_axis(figure, x, bottom, "split-half reliability")
