"""Pictures along time: mean responses with their standard error, and spikes."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from brainio.text import quantity, share
from brainio.views.charts.card_values import (
    count_of,
    groups_of,
    is_range,
    measured,
    number,
    numbers,
    record_of,
    records_of,
    text_of,
)
from brainio.views.charts.figure import LETTER, WIDTH, Figure, cut, in_lines, path_through, place, tenth, width_of
from brainio.views.charts.plots import labels_of, listed, room_for, titled, x_axis, y_axis
from brainio.views.charts.scales import Scale, step_between, ticks, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainio.views.charts.figure import Drawing

_MOST_BINS = 200
_MOST_TOGETHER = 4  # lines in one plot; more groups have a plot each
_MOST_ERRORS = 900  # of all groups
_PLOT = 150.0  # height
_PANEL = 58.0  # height of a plot of one group
_MOST_ROWS, _MOST_SPIKES = 40, 3000
_RASTER = 260.0  # height
_MOST_MARKS = 150  # of a row, so that one sees them one by one
_SMALL = 11.0


class _Course(NamedTuple):
    """The mean response of a group at each time, and its standard error: places of a line, None where undefined."""

    name: str
    size: int
    points: list[tuple[float, float, float] | None]  # time in ms, mean, error

    @property
    def means(self) -> list[float | None]:
        """Without times and errors."""
        return [point and point[1] for point in self.points]


def time_course(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw how the mean response goes with time, by region, in a band of its standard error.

    Up to four groups are lines in one plot, more have a plot each, all with the same axes.

    Parameters
    ----------
    card : mapping
        Of an assembly; `pictures.time_course`, `long_name` and `units` are read.
    prefix : str
        Begins every id in the picture: one of its own in the page.

    Returns
    -------
    Drawing or None
        None: the card does not tell, or its numbers are malformed, or there is one time only.

    Examples
    --------
    >>> group = {"value": "IT", "count": 168, "mean": [0.1, 0.9, 0.4], "error": [0.01, 0.02, 0.02]}
    >>> picture = {"by": "region", "centers_ms": [50, 100, 150], "groups": [group]}
    >>> time_course({"pictures": {"time_course": picture}}, "course").finding
    'Highest mean: IT 0.9 at 100 ms.'
    """
    picture = record_of(card, "pictures", "time_course")
    centers = numbers(picture.get("centers_ms"), _MOST_BINS)
    if not centers or not is_range(centers[0], centers[-1]) or any(b <= a for a, b in pairwise(centers)):
        return None
    courses = [_course(group.value or "all", group.size, group.record, centers) for group in groups_of(picture)]
    drawn = [one for one in courses if one is not None and any(one.points)]
    reach = _reach(drawn)
    if reach is None or None in courses:
        return None
    figure = Figure(prefix)
    label = measured(card)
    bottom = (_together if len(drawn) <= _MOST_TOGETHER else _apart)(figure, drawn, reach, centers, label)
    peaks = [(one.name, max((p for p in one.points if p), key=lambda point: point[1])) for one in drawn]
    finding = f"Highest mean: {listed([f'{name} {written(p[1])} at {written(p[0])} ms' for name, p in peaks], 8)}."
    return figure.finished(
        bottom, titled("Time course", picture), finding, ("ms", *(one.name for one in drawn)),
        [(at, *means) for at, *means in zip(centers, *(one.means for one in drawn), strict=True)],
    )  # fmt: skip


def _course(name: str, count: int, record: Mapping[str, Any], centers: Sequence[float]) -> _Course | None:
    means, errors = record.get("mean"), record.get("error")
    if not isinstance(means, list) or not isinstance(errors, list) or not len(means) == len(errors) == len(centers):
        return None
    points: list[tuple[float, float, float] | None] = []
    for at, mean, error in zip(centers, means, errors, strict=True):
        value, around = number(mean), number(error)
        if (value is None and mean is not None) or (around is None and error is not None) or (around or 0) < 0:
            return None
        points.append(None if value is None else (at, value, around or 0.0))
    return _Course(name, count, points)


def _reach(courses: Sequence[_Course]) -> tuple[float, float] | None:
    """Return the lowest and the highest place of all bands; None where they leave nothing to draw."""
    points = [point for one in courses for point in one.points if point]
    if not points:
        return None
    low, high = min(mean - error for _, mean, error in points), max(mean + error for _, mean, error in points)
    if 0 < low < 0.5 * high:
        low = 0.0
    return (low, high) if is_range(low, high) else None


def _draw_course(figure: Figure, course: _Course, colour: int, x: Scale, y: Scale, thinned: int = 1) -> None:
    """Draw each stretch of defined means: a line, below it a band with every `thinned`-th of its errors."""
    band, line = "", ""
    for is_defined, stretch in groupby(course.points, bool):
        if is_defined:
            points = [point for point in stretch if point]
            around = [*points[:-1:thinned], points[-1]]
            upper = [(x(at), y(mean + error)) for at, mean, error in around]
            lower = [(x(at), y(mean - error)) for at, mean, error in reversed(around)]
            band += path_through(upper + lower) + "z"
            line += path_through([(x(at), y(mean)) for at, mean, _ in points])
    figure.path(band, f"veil f{colour}")
    figure.path(line, f"line s{colour}")


def _together(
    figure: Figure, courses: Sequence[_Course], reach: tuple[float, float], centers: Sequence[float], label: str
) -> float:
    top = LETTER * len(in_lines(label, WIDTH)) + 14
    if len(courses) > 1:
        top += figure.line_legend(labels_of(courses), 0)
    bottom = top + _PLOT
    y, step = Scale(*reach, bottom, top), step_between(*reach, 4)
    left = room_for(*reach, step)
    x = Scale(centers[0], centers[-1], left, WIDTH - 6)
    y_axis(figure, y, step, left, WIDTH - 6, label)
    _mark_onset(figure, x, bottom, top)
    for colour, one in enumerate(courses):
        _draw_course(figure, one, colour, x, y)
    return x_axis(figure, x, bottom, "time (ms)")


def _apart(
    figure: Figure, courses: Sequence[_Course], reach: tuple[float, float], centers: Sequence[float], label: str
) -> float:
    step = step_between(*reach, 2)
    left = room_for(*reach, step)
    x = Scale(centers[0], centers[-1], left, WIDTH - 6)
    thinned = -(-len(centers) * len(courses) // _MOST_ERRORS)  # or the picture became large
    bottom = 4.0
    for line in in_lines(label, WIDTH):
        bottom += LETTER
        figure.text(0, bottom - 5, line, "small")
    for one, (_, said) in zip(courses, labels_of(courses), strict=True):
        top, bottom = bottom + 22, bottom + _PANEL
        y = Scale(*reach, bottom, top)
        y_axis(figure, y, step, left, WIDTH - 6)
        _mark_onset(figure, x, bottom, top)
        _draw_course(figure, one, 0, x, y, thinned)
        figure.text(left, top - 6, cut(said, WIDTH - left))
    return x_axis(figure, x, bottom + 4, "time (ms)")


def _mark_onset(figure: Figure, x: Scale, bottom: float, top: float) -> None:
    if x.low < 0 < x.high:
        figure.path(f"M{place(x(0))} {place(bottom)}V{place(top)}", "median")


def raster(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw spikes as marks, a row for each neuroid or presentation: from the first on, as many as are told apart.

    Parameters
    ----------
    card : mapping
        Of an assembly of spike times; `pictures.raster` and `units` are read.
    prefix : str
        Begins every id in the picture: one of its own in the page.

    Returns
    -------
    Drawing or None
        None: the card does not tell, or its numbers are malformed, or there are more than 40 rows or 3,000 spikes.

    Examples
    --------
    >>> picture = {"rows": [{"label": "cell 1", "times": [3.5, 9, 12]}], "rows_of": "neuroid_id", "total": 7}
    >>> raster({"pictures": {"raster": picture}, "units": "ms"}, "raster").finding
    '3 spikes in 1 row, from 3.5 to 12 ms; 7 rows in all.'
    """
    picture = record_of(card, "pictures", "raster")
    records = records_of(picture.get("rows"), _MOST_ROWS)
    rows = [(text_of(one.get("label")), numbers(one.get("times"), _MOST_SPIKES)) for one in records]
    checked = [(label, sorted(times)) for label, times in rows if label is not None and times is not None]
    spikes = [time for _, times in checked for time in times]
    if len(checked) < len(rows) or not spikes or len(spikes) > _MOST_SPIKES or not is_range(min(spikes), max(spikes)):
        return None
    units = text_of(card.get("units"), 40) or ""
    low, high = min(spikes), max(spikes)
    figure = Figure(prefix)
    until = _end_of_marks([times for _, times in checked], low, high)
    bottom = _spikes(figure, checked, low, until, f"time ({units})" if units else "time")
    total = picture.get("total")
    more = f"; {quantity(total, 'row')} in all" if type(total) is int and len(checked) < total < 10**15 else ""
    more += f"; drawn up to {written(until)} {units}".rstrip() if until < high else ""
    across = f"from {written(low)} to {written(high)} {units}".strip()
    every = _count_of_spikes(card)
    is_part = every is not None and every > len(spikes)
    drawn = share(len(spikes), every, "spike") if is_part and every is not None else quantity(len(spikes), "spike")
    finding = f"{drawn} in {quantity(len(checked), 'row')}, {across}{more}."
    headings = (text_of(picture.get("rows_of")) or "row", "spikes drawn" if is_part else "spikes")
    return figure.finished(bottom, "Spikes", finding, headings, [(label, len(times)) for label, times in checked])


def _count_of_spikes(card: Mapping[str, Any]) -> int | None:
    """Return how many spikes an assembly has, of which a raster shows the first; None where its card does not tell."""
    shape = card.get("shape")
    return count_of(shape[0]) if isinstance(shape, list) and len(shape) == 1 else None


def _end_of_marks(rows: Sequence[list[float]], low: float, high: float) -> float:
    """Return up to where spikes are drawn: to the end, or to a round time at which the fullest row is full."""
    fullest = max(rows, key=len)
    full = fullest[_MOST_MARKS] if len(fullest) > _MOST_MARKS else high
    if full >= high or not is_range(low, full):
        return high
    return max((at for at in ticks(low, full, step_between(low, full, 5)) if at > low), default=high)


def _spikes(figure: Figure, rows: Sequence[tuple[str, list[float]]], low: float, high: float, label: str) -> float:
    pitch = min(28.0, max(6.5, _RASTER / len(rows)))
    every = -(-13 // int(pitch))  # rows that have a label, so that labels do not overlap
    left = min(10 + max(width_of(name, _SMALL) for name, _ in rows), 120.0)
    x = Scale(0.0 if 0 < low < 0.2 * high else low, high, left, WIDTH - 8)
    tall = round(0.8 * pitch)
    bottom = 4 + pitch * len(rows)
    for row, (name, times) in enumerate(rows):
        middle = 4 + pitch * (row + 0.5)
        if row % every == 0:
            figure.text(left - 8, middle + 4, cut(name, left - 8, _SMALL), "small", "end")
        at = sorted({round(10 * x(time)) for time in times if time <= high})
        if at:
            start = f"M{tenth(at[0])} {place(middle - tall / 2)}v{tall}"
            steps = "".join(f"m{tenth(b - a)}-{tall}v{tall}" for a, b in pairwise(at))
            figure.path(start + steps, "spikes")
    return x_axis(figure, x, bottom + 2, label)
