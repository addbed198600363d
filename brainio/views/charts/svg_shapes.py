"""SVG shapes of a figure: paths, text, links, legends and axes.

The SVG contains no colour, font or script, so that pages with a strict content security policy can include it: classes
name the role of a shape, and the stylesheet `service/assets/drawings.css` defines its look in light and dark mode.
"""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from brainio.text import printable
from brainio.views.charts.description import tick_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    _Swatch: TypeAlias = Callable[[float, float, int], None]

WIDTH = 360.0  # of every figure, so that text is legible on a phone
LINE_HEIGHT = 12.0
_TICK = 4.0
_SMALL = 11.0  # height of tick labels
COLOURS = 6  # in the stylesheet, each with a texture
OTHERS = COLOURS  # grey
_LOWERCASE, _UPPERCASE = 0.62, 0.75  # average width of a letter relative to its height
_SQUARE_LETTERS = frozenset("mwMW%@")

# Stripes and dots over the colours of areas, for readers who cannot distinguish colours.
_TEXTURES = ("", "M0 0V6", "M0 3H6", "M3 2.2v1.6", "M0 0V6M0 3H6", "M0 1.5H6M0 4.5H6", "")
_TEXTURE_TRANSFORMS = ("", "rotate(45)", "", "", "rotate(45)", "rotate(-45)", "")


class Drawing(NamedTuple):
    """An SVG chart, and the same information as text and numbers.

    Attributes
    ----------
    title : str
        What the chart shows.
    finding : str
        Text alternative in a sentence or two.
    svg : Markup
        An `<svg>` element to include in a page.
    headings : tuple of str
        Headings of the table.
    rows : list of tuple of (str or int or float or None)
        Rows of the table, not escaped.
    """

    title: str
    finding: str
    svg: Markup
    headings: tuple[str, ...]
    rows: list[tuple[str | int | float | None, ...]]


class Figure:
    """Collects the shapes of an `<svg>` element, whose ids begin with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._parts: list[str] = []
        self._textures: set[int] = set()

    def text(self, x: float, y: float, content: str, kind: str = "", anchor: str = "") -> None:
        """Add text on the baseline `y`; `anchor` is "", "middle" or "end"."""
        classes = " ".join(filter(None, ("dr-text", kind and f"dr-{kind}", anchor and f"dr-{anchor}")))
        self._parts.append(f'<text class="{classes}" x="{to_svg(x)}" y="{to_svg(y)}">{_escape(content)}</text>')

    def rect(self, x: float, y: float, width: float, height: float, colour: int, tooltip: str) -> None:
        """Add a filled rectangle with a tooltip."""
        attributes = f'x="{to_svg(x)}" y="{to_svg(y)}" width="{to_svg(max(width, 0.5))}" height="{to_svg(height)}"'
        self._parts.append(
            f"<rect {self._fill_attributes(colour)} {attributes}><title>{_escape(tooltip)}</title></rect>"
        )

    def area(self, d: str, colour: int) -> None:
        """Add a filled path."""
        self._parts.append(f'<path {self._fill_attributes(colour)} d="{d}"/>')

    def path(self, d: str, classes: str) -> None:
        """Add a path with classes of the stylesheet, without their prefix `dr-`."""
        prefixed = " ".join(f"dr-{name}" for name in classes.split())
        self._parts.append(f'<path class="{prefixed}" d="{d}"/>')

    def begin_link(self, href: str, label: str) -> None:
        """Start a link with a label for screen readers; it ends at `end_link`."""
        self._parts.append(f'<a class="dr-link" href="{_escape(href)}" aria-label="{_escape(label)}">')

    def end_link(self) -> None:
        """End the link."""
        self._parts.append("</a>")

    def area_legend(self, names: Sequence[tuple[int, str]], y: float) -> float:
        """Add a legend of areas and return its lower end."""
        return self._legend(
            names,
            y,
            lambda x, top, colour: self.area(f"M{to_svg(x)} {to_svg(top - 9)}h11v10h-11z", colour),
        )

    def line_legend(self, names: Sequence[tuple[int, str]], y: float) -> float:
        """Add a legend of lines and return its lower end."""
        return self._legend(
            names,
            y,
            lambda x, top, colour: self.path(f"M{to_svg(x)} {to_svg(top - 4)}h20", f"line s{colour}"),
            swatch=20,
        )

    def _legend(self, names: Sequence[tuple[int, str]], y: float, draw: _Swatch, swatch: float = 11) -> float:
        """Add names with swatches in rows below `y` and return the lower end."""
        x, baseline = 0.0, y + LINE_HEIGHT
        for colour, name in names:
            label = truncate(name, WIDTH - swatch - 5)
            width = swatch + 5 + text_width(label)
            if x and x + width > WIDTH:
                x, baseline = 0.0, baseline + LINE_HEIGHT + 4
            draw(x, baseline, colour)
            self.text(x + swatch + 5, baseline, label)
            x += width + 12
        return baseline + 4

    def _fill_attributes(self, colour: int) -> str:
        if not _TEXTURES[colour]:
            return f'class="dr-area dr-f{colour}"'
        self._textures.add(colour)
        return f'class="dr-area" fill="url(#{escape(self._prefix)}-f{colour})"'

    def _texture_definitions(self) -> str:
        patterns = [
            f'<pattern id="{escape(self._prefix)}-f{colour}" width="6" height="6" patternUnits="userSpaceOnUse"'
            f' patternTransform="{_TEXTURE_TRANSFORMS[colour]}"><path class="dr-f{colour}" d="M0 0h6v6h-6z"/>'
            f'<path class="dr-texture" d="{_TEXTURES[colour]}"/></pattern>'
            for colour in sorted(self._textures)
        ]
        return f"<defs>{''.join(patterns)}</defs>" if patterns else ""

    def to_drawing(
        self,
        height: float,
        title: str,
        finding: str,
        headings: tuple[str, ...],
        rows: list[tuple[str | int | float | None, ...]],
    ) -> Drawing:
        """Assemble the SVG; `height` is the lower end of the shapes."""
        name = escape(self._prefix)
        # Screen readers treat role "img" as one object and skip links in it.
        role = "group" if any(part.startswith("<a ") for part in self._parts) else "img"
        svg = (
            f'<svg class="dr" role="{role}" viewBox="0 0 {to_svg(WIDTH)} {to_svg(height)}"'
            f' aria-labelledby="{name}-title {name}-finding">'
            f'<title id="{name}-title">{_escape(title)}</title><desc id="{name}-finding">{_escape(finding)}</desc>'
            f"{self._texture_definitions()}{''.join(self._parts)}</svg>"
        )
        return Drawing(title, finding, Markup(svg), headings, rows)  # noqa: S704 - every text in it is escaped


def to_svg(value: float) -> str:
    """Format a coordinate, rounded to a tenth.

    >>> to_svg(3.0), to_svg(0.25), to_svg(-0.04)
    ('3', '.2', '0')
    """
    tenths = round(value * 10)
    return format_tenths(tenths)


@lru_cache(maxsize=8192)
def format_tenths(tenths: int) -> str:
    """Format tenths in the shortest notation of SVG.

    >>> format_tenths(30), format_tenths(-5), format_tenths(123)
    ('3', '-.5', '12.3')
    """
    whole, rest = divmod(abs(tenths), 10)
    sign = "-" if tenths < 0 else ""
    return f"{sign}{whole or ''}.{rest}" if rest else f"{sign if whole else ''}{whole}"


def path_through(points: Sequence[tuple[float, float]]) -> str:
    """Format a line through points as relative steps, which are short and do not accumulate rounding errors.

    >>> path_through([(0, 10), (1.5, 9.5), (3, 12)])
    'M0 10l1.5-.5 1.5 2.5'
    """
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    steps = (_pair(x - x0, y - y0) for (x0, y0), (x, y) in pairwise(tenths))
    rest = " ".join(steps)
    return f"M{_pair(*tenths[0])}l{rest}" if rest else f"M{_pair(*tenths[0])}h.1"


def _pair(x: int, y: int) -> str:
    second = format_tenths(y)
    return f"{format_tenths(x)}{second if second.startswith('-') else ' ' + second}"


def text_width(text: str, letter: float = LINE_HEIGHT) -> float:
    """Estimate the width of a text.

    >>> round(text_width("brb")), round(text_width("abw"))
    (22, 27)
    """
    return letter * sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    """Estimate the width of a letter relative to its height."""
    if letter in _SQUARE_LETTERS or unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return _UPPERCASE if letter.isupper() else _LOWERCASE


def truncate(text: str, width: float, letter: float = LINE_HEIGHT) -> str:
    """Truncate a text to a width.

    >>> truncate("primary visual cortex", 90)
    'primary v…'
    """
    if text_width(text, letter) <= width:
        return text
    while text and text_width(text, letter) + letter > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(text: str, width: float, max_lines: int = 2) -> list[str]:
    """Break a text into lines, and truncate the last one.

    >>> wrap("contrast sensitivity (log10)", 150)
    ['contrast sensitivity', '(log10)']
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(lines) < max_lines and text_width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [truncate(line, width) for line in lines]


def _escape(text: str) -> str:
    return str(escape(printable(text)))


class Scale(NamedTuple):
    """A linear map from numbers to positions: `low` to `start`, `high` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


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


def count_scale(tallest: float, bottom: float, top: float) -> tuple[Scale, float]:
    """Return the vertical scale of counts, which ends at a round number, and its step."""
    step = step_between(0, tallest, 3, integers=True)
    return Scale(0, step * math.ceil(tallest / step - 1e-9), bottom, top), step


def step_between(low: float, high: float, count: int, integers: bool = False) -> float:
    """Return 1, 2 or 5 times a power of ten that divides a range into about `count` steps.

    >>> step_between(0, 168, 4), step_between(0, 3, 6, integers=True)
    (50.0, 1.0)
    """
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    return max(step, 1.0) if integers else step


def ticks(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of a step from `low` to `high`.

    >>> ticks(-0.31, 0.42, 0.2)
    [-0.2, 0.0, 0.2, 0.4]
    """
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    decimals = max(0, -math.floor(math.log10(step)))
    return [round(number * step, decimals) for number in range(first, min(last, first + 20) + 1)]
