"""SVG bar charts: populations and repetitions of an assembly, values of a column of a stimulus set.

Each function validates the numbers of a card and returns a `Drawing`, or None if they are missing or malformed.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from brainio.text import plural_of, quantity
from brainio.views.charts.card_values import (
    is_range,
    nested_record,
    valid_bins,
    valid_count,
    valid_number,
    valid_records,
    valid_text,
)
from brainio.views.charts.description import format_number, join_first
from brainio.views.charts.svg_shapes import (
    COLOURS,
    OTHERS,
    WIDTH,
    Figure,
    Scale,
    count_scale,
    draw_x_axis,
    draw_y_axis,
    text_width,
    truncate,
    width_of_labels,
)
from brainio.views.rendering import format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from brainio.views.charts.card_values import Bins
    from brainio.views.charts.svg_shapes import Drawing

    _Link: TypeAlias = Callable[[Any], str | None]


_ROW_HEIGHT, _BAR_HEIGHT = 21.0, 13.0
_HISTOGRAM_HEIGHT = 130.0
_MAX_NAME_WIDTH = 180.0  # of the names of rows
_MAX_RECORDS = 100
_MAX_ROWS = 16
_MAX_REPETITION_ROWS = 8  # more numbers of repetitions are drawn as a histogram
_MAX_TOOLTIP_NAME = 24  # characters; there may be a hundred tooltips
_UNKNOWN = "not stated"
_EVENT = "event"
_MAX_VALUES = 12  # of a column, which have a bar each


class Part(NamedTuple):
    """A part of a horizontal bar."""

    size: int
    colour: int
    tooltip: str


class Bar(NamedTuple):
    """A horizontal bar with a name and parts; `href` makes it a link."""

    name: str
    parts: list[Part]
    href: str | None = None

    @property
    def size(self) -> int:
        """The sum of the parts."""
        return sum(part.size for part in self.parts)


def _draw_bars(figure: Figure, bars: Sequence[Bar], top: float) -> float:
    """Draw horizontal bars with names at the left and numbers at the right; return the lower end."""
    most = max(bar.size for bar in bars)
    after = max(text_width(f"{bar.size:,}") for bar in bars) + 6
    left = min(max(text_width(bar.name) for bar in bars) + 8, _MAX_NAME_WIDTH)
    scale = Scale(0, max(most, 1), left, WIDTH - after)
    for row, bar in enumerate(bars):
        y = top + row * _ROW_HEIGHT
        baseline = y + _BAR_HEIGHT - 2
        if bar.href:
            figure.begin_link(bar.href, f"{bar.name}: {bar.size:,}")
        figure.text(left - 8, baseline, truncate(bar.name, left - 8), "", "end")
        start = 0
        for part in bar.parts:
            figure.rect(
                scale(start), y, scale(start + part.size) - scale(start), _BAR_HEIGHT, part.colour, part.tooltip
            )
            start += part.size
        figure.text(scale(start) + 6, baseline, f"{bar.size:,}", "number")
        if bar.href:
            figure.end_link()
    return top + len(bars) * _ROW_HEIGHT


class _VerticalBar(NamedTuple):
    """A bar between two positions of the x-axis; `href` makes it a link."""

    low: float
    high: float
    size: int
    tooltip: str
    href: str | None = None


def _draw_vertical_bars(figure: Figure, bars: Sequence[_VerticalBar], y_label: str, x_label: str) -> float:
    """Draw bars along an x-axis and return the lower end."""
    bottom = 20 + _HISTOGRAM_HEIGHT
    y, step = count_scale(max(bar.size for bar in bars), bottom, 20)
    left = width_of_labels(0, y.high, step)
    x = Scale(bars[0].low, bars[-1].high, left, WIDTH - 6)
    draw_y_axis(figure, y, step, left, WIDTH - 6, y_label)
    for bar in filter(lambda bar: bar.size, bars):
        width = x(bar.high) - x(bar.low)
        gap = min(1.0, width / 5)
        if bar.href:
            figure.begin_link(bar.href, bar.tooltip)
        figure.rect(x(bar.low) + gap / 2, y(bar.size), width - gap, bottom - y(bar.size), 0, bar.tooltip)
        if bar.href:
            figure.end_link()
    return draw_x_axis(figure, x, bottom, x_label)


def populations(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw the number of neuroids by region and animal.

    Parameters
    ----------
    card : mapping
        Card of an assembly, with `pictures.populations` or `counts`.
    prefix : str
        Prefix of every id in the SVG; must be unique in the page.

    Returns
    -------
    Drawing or None
        A row per region, a colour per animal. None if the numbers are missing or malformed.

    Examples
    --------
    >>> counts = [{"region": "IT", "animal": "Chabo", "count": 168}, {"region": "V4", "animal": "Tito", "count": 128}]
    >>> populations({"pictures": {"populations": counts}}, "populations").finding
    '168 neuroids in IT, 128 in V4; animals: Chabo 168, Tito 128.'
    """
    populations = _populations(card)
    if not any(count for _, _, count in populations):
        return None
    tallies = valid_records(card.get("counts"), 10)
    counted = _counted_dim(card, tallies)
    names = [record.get("coordinate") for record in tallies]
    animal_name = "subject" if "subject" in names and "animal" not in names else "animal"
    regions, animals = _totals(populations, 0), _totals(populations, 1)
    if {*regions} == {*animals} == {_UNKNOWN}:
        return None
    if {*regions} == {_UNKNOWN}:
        return _draw_by_one(animals, counted, animal_name, prefix)
    if {*animals} == {_UNKNOWN}:
        return _draw_by_one(regions, counted, "region", prefix)
    return _draw_by_both(populations, regions, animals, (counted, animal_name), prefix)


def _counted_dim(card: Mapping[str, Any], tallies: Sequence[Mapping[str, Any]]) -> str:
    """Return the dimension of regions or animals, whose positions are counted; for spikes, neuroids."""
    dims = {valid_text(record.get("coordinate")): valid_text(record.get("dim")) for record in tallies}
    dim = next((dim for name in ("region", "animal", "subject") if (dim := dims.get(name))), "neuroid")
    return "neuroid" if dim == _EVENT and "populations" in nested_record(card, "pictures") else dim


def _populations(card: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Return region, animal and count; region or animal is unknown if the card counts only the other."""
    pictures = nested_record(card, "pictures")
    if "populations" in pictures:
        records = valid_records(pictures["populations"], _MAX_RECORDS)
        rows = [(record.get("region"), record.get("animal"), record.get("count")) for record in records]
    else:
        by_name = {valid_text(record.get("coordinate")): record for record in valid_records(card.get("counts"), 10)}
        name = next((name for name in ("region", "animal", "subject") if name in by_name), None)
        records = valid_records(nested_record(by_name, name).get("counts"), _MAX_RECORDS) if name else []
        pairs = [(record.get("value"), record.get("count")) for record in records]
        rows = [(value, None, count) if name == "region" else (None, value, count) for value, count in pairs]
    checked = [(_label(region), _label(animal), valid_count(count)) for region, animal, count in rows]
    if any(None in row for row in checked):
        return []
    return [(region, animal, count) for region, animal, count in checked if region and animal and count is not None]


def _label(value: Any) -> str | None:
    return _UNKNOWN if value is None or value == "" else valid_text(value)


def _totals(populations: Sequence[tuple[str, str, int]], column: int) -> Counter[str]:
    totals: Counter[str] = Counter()
    for population in populations:
        totals[str(population[column])] += population[2]
    return Counter(dict(totals.most_common()))


def _draw_by_one(totals: Counter[str], counted: str, by: str, prefix: str) -> Drawing:
    figure = Figure(prefix)
    bars = [Bar(name, [Part(count, 0, f"{name}: {quantity(count, counted)}")]) for name, count in totals.items()]
    bottom = _draw_first_bars(figure, bars, f"more {by}", 4)
    finding = f"{_shares(totals, counted, 'in' if by == 'region' else 'of')}."
    return figure.to_drawing(
        bottom, f"{_things(counted)} by {by}", finding, (by, plural_of(counted)), [*totals.items()]
    )


def _draw_by_both(
    populations: Sequence[tuple[str, str, int]],
    regions: Counter[str],
    animals: Counter[str],
    words: tuple[str, str],
    prefix: str,
) -> Drawing:
    counted, animal_name = words
    colours = {name: rank for rank, name in enumerate(animals)}
    if len(colours) > COLOURS:
        colours = {name: rank if rank < COLOURS - 1 else OTHERS for name, rank in colours.items()}
    figure = Figure(prefix)
    named = [(rank, name) for name, rank in colours.items() if rank != OTHERS]
    others = len(colours) - len(named)
    legend = [*named, (OTHERS, f"{others:,} others")] if others else named
    top = figure.area_legend(legend, 0) + 8
    bars = []
    for region in regions:
        own = [(colours[animal], animal, count) for where, animal, count in populations if where == region and count]
        label = format_value(region, _MAX_TOOLTIP_NAME)
        parts = [
            Part(n, colour, f"{label}, {format_value(animal, _MAX_TOOLTIP_NAME)}: {quantity(n, counted)}")
            for colour, animal, n in sorted(own)
            if colour != OTHERS
        ]
        rest = sum(n for colour, _, n in own if colour == OTHERS)
        if rest:
            parts.append(Part(rest, OTHERS, f"{label}, others: {quantity(rest, counted)}"))
        bars.append(Bar(region, parts))
    bottom = _draw_first_bars(figure, bars, "more region", top)
    by_animal = join_first([f"{name} {count:,}" for name, count in animals.items()], 6)
    finding = f"{_shares(regions, counted, 'in')}; {animal_name}s: {by_animal}."
    headings = ("region", animal_name, plural_of(counted))
    return figure.to_drawing(
        bottom, f"{_things(counted)} by region and {animal_name}", finding, headings, [*populations]
    )


def _things(counted: str) -> str:
    return plural_of(f"{counted[:1].upper()}{counted[1:]}")


def _shares(totals: Counter[str], counted: str, where: str) -> str:
    """Return the counts by group as text; the first one names the things counted."""
    named = [f"{quantity(count, counted)} {where} {name}" for name, count in totals.most_common(1)]
    return join_first([*named, *(f"{count:,} {where} {name}" for name, count in totals.most_common()[1:])])


def _draw_first_bars(figure: Figure, bars: Sequence[Bar], rest_name: str, top: float) -> float:
    """Draw the first bars, and state the sum of the others."""
    bottom = _draw_bars(figure, bars[:_MAX_ROWS], top)
    rest = bars[_MAX_ROWS:]
    if not rest:
        return bottom
    figure.text(
        0, bottom + 10, f"and {quantity(len(rest), rest_name)}, {sum(bar.size for bar in rest):,} together", "small"
    )
    return bottom + 16


def repetitions(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw the number of stimuli by the number of their presentations.

    Parameters
    ----------
    card : mapping
        Card of an assembly, with `pictures.repetitions`.
    prefix : str
        Prefix of every id in the SVG; must be unique in the page.

    Returns
    -------
    Drawing or None
        None if the numbers are missing or malformed.

    Examples
    --------
    >>> card = {"pictures": {"repetitions": [{"repetitions": 28, "stimuli": 12}, {"repetitions": 50, "stimuli": 3200}]}}
    >>> repetitions(card, "repetitions").finding
    '12 stimuli were presented 28 times, 3,200 stimuli 50 times.'
    """
    rows: list[tuple[int, int, int]] = []
    for record in valid_records(nested_record(card, "pictures").get("repetitions"), 60):
        low, stimuli = valid_count(record.get("repetitions")), valid_count(record.get("stimuli"))
        high = valid_count(record.get("to")) if "to" in record else low
        if low is None or high is None or stimuli is None or high < low or (rows and low <= rows[-1][1]):
            return None
        rows.append((low, high, stimuli))
    if not any(stimuli for _, _, stimuli in rows) or not is_range(rows[0][0] - 0.5, rows[-1][1] + 0.5):
        return None
    figure = Figure(prefix)
    bottom = (_draw_repetition_rows if len(rows) <= _MAX_REPETITION_ROWS else _draw_repetition_histogram)(figure, rows)
    most = sorted(rows, key=lambda row: -row[2])[:3] if len(rows) > _MAX_REPETITION_ROWS else rows
    sentences = [f"{quantity(n, 'stimulus')} {_times(low, high)}" for low, high, n in most]
    low, high, n = most[0]
    sentences[0] = f"{quantity(n, 'stimulus')} {'was' if n == 1 else 'were'} presented {_times(low, high)}"
    finding = f"{join_first(sentences, 3)}{' (the most frequent numbers)' if len(rows) > _MAX_REPETITION_ROWS else ''}."
    return figure.to_drawing(
        bottom, "Presentations of each stimulus", finding, ("presentations", "stimuli"),
        [(f"{low:,}" if low == high else f"{low:,} to {high:,}", n) for low, high, n in rows],
    )  # fmt: skip


def _draw_repetition_rows(figure: Figure, rows: Sequence[tuple[int, int, int]]) -> float:
    bars = [
        Bar(_times(low, high), [Part(n, 0, f"{_times(low, high)}: {quantity(n, 'stimulus')}")]) for low, high, n in rows
    ]
    figure.text(0, 11, "presented", "small")
    figure.text(WIDTH, 11, "stimuli", "small", "end")
    return _draw_bars(figure, bars, 20)


def _draw_repetition_histogram(figure: Figure, rows: Sequence[tuple[int, int, int]]) -> float:
    bars = [
        _VerticalBar(low - 0.5, high + 0.5, n, f"{_times(low, high)}: {quantity(n, 'stimulus')}")
        for low, high, n in rows
    ]
    return _draw_vertical_bars(figure, bars, "stimuli", "presentations of a stimulus")


def _times(low: int, high: int) -> str:
    if (low, high) == (1, 1):
        return "once"
    return f"{low:,} times" if low == high else f"{low:,} to {high:,} times"


def column(record: Mapping[str, Any], prefix: str, link: _Link | None = None) -> Drawing | None:
    """Draw the values of a column of a stimulus set.

    Parameters
    ----------
    record : mapping
        Record of the column in the card, with `histogram` or `most_common`.
    prefix : str
        Prefix of every id in the SVG; must be unique in the page.
    link : callable, optional
        Returns the URL of a bar for a value of `most_common`, or for a range of a histogram as `low..<high`; None for a
        bar without a link. By default bars have no links.

    Returns
    -------
    Drawing or None
        None if the numbers are missing or malformed.

    Examples
    --------
    >>> record = {"name": "kind", "distinct": 3, "most_common": [{"value": "face", "count": 640}]}
    >>> drawing = column(record, "kind", link=lambda value: f"?kind={value}")
    >>> drawing.finding, 'href="?kind=face"' in drawing.svg
    ('Most common of 3 values: face (640).', True)
    """
    name = valid_text(record.get("name")) or "value"
    histogram = nested_record(record, "histogram")
    if histogram:
        return _distribution(record, name, prefix, link)
    commons = valid_records(record.get("most_common"), _MAX_VALUES)
    values = [(item.get("value"), valid_text(item.get("value")), valid_count(item.get("count"))) for item in commons]
    checked = [(value, text, count) for value, text, count in values if text is not None and count is not None]
    if len(checked) < len(values) or not any(count for _, _, count in checked):
        return None
    distinct = valid_count(record.get("distinct"))
    is_part = distinct is not None and distinct > len(checked)
    if not is_part and all(valid_number(value) is not None for value, _, _ in checked):
        checked.sort(key=lambda item: valid_number(item[0]) or 0.0)
    bars = [
        Bar(text, [Part(count, 0, f"{text}: {count:,}")], link(value) if link else None)
        for value, text, count in checked
    ]
    listing = join_first([f"{text} ({count:,})" for _, text, count in checked], 3 if is_part else _MAX_VALUES)
    finding = f"Most common of {distinct:,} values: {listing}." if is_part else f"Values: {listing}."
    finding += _missing(record)
    figure = Figure(prefix)
    bottom = _draw_bars(figure, bars, 4)
    if is_part and distinct is not None:
        figure.text(0, bottom + 10, f"and {distinct - len(checked):,} more", "small")
        bottom += 16
    return figure.to_drawing(bottom, f"Values of {name}", finding, (name, "rows"), [item[1:] for item in checked])


def _distribution(record: Mapping[str, Any], name: str, prefix: str, link: _Link | None) -> Drawing | None:
    histogram = valid_bins(
        nested_record(record, "histogram").get("edges"), nested_record(record, "histogram").get("counts")
    )
    if histogram is None:
        return None
    rows = [(*edges, n) for edges, n in zip(pairwise(histogram.edges), histogram.counts, strict=True)]
    bars = [
        _VerticalBar(
            low,
            high,
            n,
            f"{format_number(low)} to {format_number(high)}: {n:,}",
            link(_format_bin_range(low, high, histogram)) if link else None,
        )
        for low, high, n in rows
    ]
    low, high, most = max(rows, key=lambda row: row[2])
    figure = Figure(prefix)
    bottom = _draw_vertical_bars(figure, bars, "rows", name)
    finding = (
        f"{sum(histogram.counts):,} values from {format_number(rows[0][0])} to {format_number(rows[-1][1])}, "
        f"most ({most:,}) between {format_number(low)} and {format_number(high)}.{_missing(record)}"
    )
    return figure.to_drawing(bottom, f"Distribution of {name}", finding, ("from", "to", "rows"), [*rows])


def _format_bin_range(low: float, high: float, histogram: Bins) -> str:
    """Format the range of a bin as a filter: it includes its lower edge, the last bin both edges."""
    first, last = (repr(edge).removesuffix(".0") for edge in (low, high))
    return f"{first}..{'' if high == histogram.edges[-1] else '<'}{last}"


def _missing(record: Mapping[str, Any]) -> str:
    missing = valid_count(record.get("missing"))
    return f" Missing in {quantity(missing, 'row')}." if missing else ""
