"""Parts that several pictures have: axes, rows of bars, the words for numbers of things."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from brainio.views.charts.card_values import text_of
from brainio.views.charts.figure import LETTER, WIDTH, cut, in_lines, place, width_of
from brainio.views.charts.scales import Scale, step_between, tick_labels, ticks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainio.views.charts.figure import Figure

_TICK = 4.0
_SMALL = 11.0  # height of the letters along axes
_ROW, _BAR = 21.0, 13.0  # pitch of rows of bars, height of a bar
_PLOT = 130.0  # height of a histogram
_MOST_NAME = 180.0  # width of the names of rows


class Part(NamedTuple):
    """A part of a bar."""

    size: int
    colour: int
    told: str


class Bar(NamedTuple):
    """A row with its name and the parts of its bar, which begin at the left; `href` makes it a link."""

    name: str
    parts: list[Part]
    href: str | None = None

    @property
    def size(self) -> int:
        """All parts together."""
        return sum(part.size for part in self.parts)


class Sized(Protocol):
    """What a line, an outline or an area stands for."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...


def titled(what: str, picture: Mapping[str, Any]) -> str:
    """Say what a picture shows, and by what its groups differ.

    >>> titled("Time course", {"by": "region"}), titled("Time course", {"by": None})
    ('Time course by region', 'Time course')
    """
    by = text_of(picture.get("by"))
    return f"{what} by {by}" if by else what


def labels_of(groups: Sequence[Sized]) -> list[tuple[int, str]]:
    """Return the entries of a legend: the colour of each group, and its name with its size."""
    return [(colour, f"{one.name} ({one.size:,})") for colour, one in enumerate(groups)]


def listed(parts: Sequence[str], most: int = 4) -> str:
    """Join the first parts of a sentence, and say how many more there are.

    >>> listed(["168 neuroids in IT", "128 in V4"]), listed(["a", "b", "c"], most=1)
    ('168 neuroids in IT, 128 in V4', 'a and 2 more')
    """
    rest = len(parts) - most
    return ", ".join(parts) if rest <= 0 else f"{', '.join(parts[:most])} and {rest:,} more"


def x_axis(figure: Figure, scale: Scale, y: float, label: str) -> float:
    """Draw the axis below a plot, and return how far down it reaches."""
    for about in (6, 4, 3, 2):
        step = step_between(scale.low, scale.high, about)
        at = ticks(scale.low, scale.high, step)
        names = tick_labels(at, step)
        if sum(width_of(name, _SMALL) + 8 for name in names) <= scale.end - scale.start:
            break
    marks = "".join(f"M{place(scale(value))} {place(y)}v{place(_TICK)}" for value in at)
    figure.path(f"M{place(scale.start)} {place(y)}H{place(scale.end)}{marks}", "axis")
    for value, name in zip(at, names, strict=True):
        half = width_of(name, _SMALL) / 2
        figure.text(min(max(scale(value), half), WIDTH - half), y + _TICK + _SMALL, name, "small", "middle")
    below = y + _TICK + _SMALL
    for line in in_lines(label, WIDTH - 20):
        below += LETTER + 4
        half = width_of(line) / 2
        middle = min(max((scale.start + scale.end) / 2, half), WIDTH - half)
        figure.text(middle, below, line, "", "middle")
    return below + 5


def counting_scale(tallest: float, bottom: float, top: float) -> tuple[Scale, float]:
    """Return the upright scale of a number of things, up to a round number, and its step."""
    step = step_between(0, tallest, 3, whole=True)
    return Scale(0, step * math.ceil(tallest / step - 1e-9), bottom, top), step


def y_axis(figure: Figure, scale: Scale, step: float, left: float, right: float, label: str = "") -> None:
    """Draw thin lines across a plot with their numbers at its left, and above them what they are in up to two lines."""
    at = ticks(scale.low, scale.high, step)
    for value, name in zip(at, tick_labels(at, step), strict=True):
        figure.path(f"M{place(left)} {place(scale(value))}H{place(right)}", "grid")
        figure.text(left - 5, scale(value) + 4, name, "small", "end")
    for row, line in enumerate(reversed(in_lines(label, WIDTH))):
        figure.text(0, scale.end - 11 - row * _SMALL, line, "small")


def room_for(low: float, high: float, step: float) -> float:
    """Return how far from the left a plot begins whose upright axis has these numbers."""
    names = tick_labels(ticks(low, high, step), step)
    return 6 + max(width_of(name, _SMALL) for name in names)


def rows_of_bars(figure: Figure, bars: Sequence[Bar], top: float) -> float:
    """Draw a bar a row, its name at the left and its number at the right; return how far down they reach."""
    most = max(bar.size for bar in bars)
    after = max(width_of(f"{bar.size:,}") for bar in bars) + 6
    left = min(max(width_of(bar.name) for bar in bars) + 8, _MOST_NAME)
    scale = Scale(0, max(most, 1), left, WIDTH - after)
    for row, bar in enumerate(bars):
        y = top + row * _ROW
        baseline = y + _BAR - 2
        if bar.href:
            figure.begin_link(bar.href, f"{bar.name}: {bar.size:,}")
        figure.text(left - 8, baseline, cut(bar.name, left - 8), "", "end")
        done = 0
        for part in bar.parts:
            figure.rect(scale(done), y, scale(done + part.size) - scale(done), _BAR, part.colour, part.told)
            done += part.size
        figure.text(scale(done) + 6, baseline, f"{bar.size:,}", "number")
        if bar.href:
            figure.end_link()
    return top + len(bars) * _ROW


class Upright(NamedTuple):
    """A bar from one place of an axis to another; `href` makes it a link."""

    low: float
    high: float
    size: int
    told: str
    href: str | None = None


def upright_bars(figure: Figure, bars: Sequence[Upright], things: str, label: str) -> float:
    """Draw bars along an axis, and return how far down they reach."""
    bottom = 20 + _PLOT
    y, step = counting_scale(max(bar.size for bar in bars), bottom, 20)
    left = room_for(0, y.high, step)
    x = Scale(bars[0].low, bars[-1].high, left, WIDTH - 6)
    y_axis(figure, y, step, left, WIDTH - 6, things)
    for bar in (one for one in bars if one.size):
        width = x(bar.high) - x(bar.low)
        gap = min(1.0, width / 5)
        if bar.href:
            figure.begin_link(bar.href, bar.told)
        figure.rect(x(bar.low) + gap / 2, y(bar.size), width - gap, bottom - y(bar.size), 0, bar.told)
        if bar.href:
            figure.end_link()
    return x_axis(figure, x, bottom, label)
