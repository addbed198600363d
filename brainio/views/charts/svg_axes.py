"""SVG axes: lines, ticks and labels at the left of and below a plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from brainio.views.charts.scales import Scale, step_between, tick_labels, ticks
from brainio.views.charts.svg_shapes import LINE_HEIGHT, WIDTH, text_width, to_svg, wrap

if TYPE_CHECKING:
    from brainio.views.charts.svg_shapes import Figure

_TICK = 4.0
_SMALL = 11.0  # height of tick labels


def draw_x_axis(figure: Figure, scale: Scale, y: float, label: str) -> float:
    """Draw the axis below a plot and return its lower end."""
    for count in (6, 4, 3, 2):
        step = step_between(scale.low, scale.high, count)
        values = ticks(scale.low, scale.high, step)
        names = tick_labels(values, step)
        if sum(text_width(name, _SMALL) + 8 for name in names) <= scale.end - scale.start:
            break
    marks = "".join(f"M{to_svg(scale(value))} {to_svg(y)}v{to_svg(_TICK)}" for value in values)
    figure.path(f"M{to_svg(scale.start)} {to_svg(y)}H{to_svg(scale.end)}{marks}", "axis")
    for value, name in zip(values, names, strict=True):
        half = text_width(name, _SMALL) / 2
        figure.text(min(max(scale(value), half), WIDTH - half), y + _TICK + _SMALL, name, "small", "middle")
    below = y + _TICK + _SMALL
    for line in wrap(label, WIDTH - 20):
        below += LINE_HEIGHT + 4
        half = text_width(line) / 2
        middle = min(max((scale.start + scale.end) / 2, half), WIDTH - half)
        figure.text(middle, below, line, "", "middle")
    return below + 5


def count_scale(tallest: float, bottom: float, top: float) -> tuple[Scale, float]:
    """Return the vertical scale of counts, which ends at a round number, and its step."""
    step = step_between(0, tallest, 3, integers=True)
    return Scale(0, step * math.ceil(tallest / step - 1e-9), bottom, top), step


def draw_y_axis(figure: Figure, scale: Scale, step: float, left: float, right: float, label: str = "") -> None:
    """Draw grid lines with their numbers at the left, and the label of the axis above them in up to two lines."""
    values = ticks(scale.low, scale.high, step)
    for value, name in zip(values, tick_labels(values, step), strict=True):
        figure.path(f"M{to_svg(left)} {to_svg(scale(value))}H{to_svg(right)}", "grid")
        figure.text(left - 5, scale(value) + 4, name, "small", "end")
    for row, line in enumerate(reversed(wrap(label, WIDTH))):
        figure.text(0, scale.end - 11 - row * _SMALL, line, "small")


def width_of_labels(low: float, high: float, step: float) -> float:
    """Return the width of the tick labels of a vertical axis."""
    names = tick_labels(ticks(low, high, step), step)
    return 6 + max(text_width(name, _SMALL) for name in names)
