"""One picture: shapes, words and ids as SVG text, and what is said of it.

No colour, font or script stands in it, so that a page with a strict content security policy can show it: classes name
what a shape is, and the stylesheet `service/assets/drawings.css` says how that looks, in light and dark.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from brainio.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 360.0  # of every picture: its letters are legible where a phone is as wide
LETTER = 12.0  # height of a letter
COLOURS = 6  # that the stylesheet has; each has its own texture and dashes
OTHERS = COLOURS  # the number of the grey one

_WIDE, _CAPITAL = 0.62, 0.75  # average width of a letter, of its height
_AS_WIDE_AS_HIGH = frozenset("mwMW%@")
# What is drawn over the colour of an area, so that nobody has to tell colours apart: stripes, dots, ...
_TEXTURES = ("", "M0 0V6", "M0 3H6", "M3 2.2v1.6", "M0 0V6M0 3H6", "M0 1.5H6M0 4.5H6", "")
_TURNED = ("", "rotate(45)", "", "", "rotate(45)", "rotate(-45)", "")


class Drawing(NamedTuple):
    """A picture, and the same in words and numbers.

    Attributes
    ----------
    title : str
        What it shows.
    finding : str
        What one sees, in a sentence or two.
    svg : Markup
        An `<svg>` element, ready to stand in a page.
    headings : tuple of str
        Of the table with the numbers.
    rows : list of tuple of (str or int or float or None)
        The table with the numbers. Nothing in it is escaped.
    """

    title: str
    finding: str
    svg: Markup
    headings: tuple[str, ...]
    rows: list[tuple[str | int | float | None, ...]]


class Figure:
    """Shapes that come to stand in one `<svg>`. Ids in it begin with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._parts: list[str] = []
        self._textures: set[int] = set()

    def text(self, x: float, y: float, said: str, kind: str = "", anchor: str = "") -> None:
        """Write on the baseline `y`; `anchor` is "", "middle" or "end"."""
        classes = " ".join(filter(None, ("dr-text", kind and f"dr-{kind}", anchor and f"dr-{anchor}")))
        self._parts.append(f'<text class="{classes}" x="{place(x)}" y="{place(y)}">{_escaped(said)}</text>')

    def rect(self, x: float, y: float, width: float, height: float, colour: int, told: str) -> None:
        """Fill a rectangle; `told` is what a pointer on it is told."""
        where = f'x="{place(x)}" y="{place(y)}" width="{place(max(width, 0.5))}" height="{place(height)}"'
        self._parts.append(f"<rect {self._filled(colour)} {where}><title>{_escaped(told)}</title></rect>")

    def area(self, d: str, colour: int) -> None:
        """Fill what a path encloses."""
        self._parts.append(f'<path {self._filled(colour)} d="{d}"/>')

    def path(self, d: str, classes: str) -> None:
        """Draw a path as the stylesheet says; `classes` are names without `dr-`, separated by spaces."""
        named = " ".join(f"dr-{name}" for name in classes.split())
        self._parts.append(f'<path class="{named}" d="{d}"/>')

    def begin_link(self, href: str, told: str) -> None:
        """Make what follows a link, until `end_link`; `told` is what who does not see it is told."""
        self._parts.append(f'<a class="dr-link" href="{_escaped(href)}" aria-label="{_escaped(told)}">')

    def end_link(self) -> None:
        """End the link."""
        self._parts.append("</a>")

    def area_legend(self, names: Sequence[tuple[int, str]], y: float) -> float:
        """Name the colours of areas; see `_legend`."""
        return self._legend(
            names, y, lambda x, top, colour: self.area(f"M{place(x)} {place(top - 9)}h11v10h-11z", colour)
        )

    def line_legend(self, names: Sequence[tuple[int, str]], y: float) -> float:
        """Name the colours and dashes of lines; see `_legend`."""
        return self._legend(
            names, y, lambda x, top, colour: self.path(f"M{place(x)} {place(top - 4)}h20", f"line s{colour}"), swatch=20
        )

    def _legend(self, names: Sequence[tuple[int, str]], y: float, draw: _Swatch, swatch: float = 11) -> float:
        """Write names with swatches in lines below `y`, and return where the last line ends."""
        x, baseline = 0.0, y + LETTER
        for colour, name in names:
            said = cut(name, WIDTH - swatch - 5)
            wide = swatch + 5 + width_of(said)
            if x and x + wide > WIDTH:
                x, baseline = 0.0, baseline + LETTER + 4
            draw(x, baseline, colour)
            self.text(x + swatch + 5, baseline, said)
            x += wide + 12
        return baseline + 4

    def _filled(self, colour: int) -> str:
        if not _TEXTURES[colour]:
            return f'class="dr-area dr-f{colour}"'
        self._textures.add(colour)
        return f'class="dr-area" fill="url(#{escape(self._prefix)}-f{colour})"'

    def _definitions(self) -> str:
        patterns = [
            f'<pattern id="{escape(self._prefix)}-f{colour}" width="6" height="6" patternUnits="userSpaceOnUse"'
            f' patternTransform="{_TURNED[colour]}"><path class="dr-f{colour}" d="M0 0h6v6h-6z"/>'
            f'<path class="dr-texture" d="{_TEXTURES[colour]}"/></pattern>'
            for colour in sorted(self._textures)
        ]
        return f"<defs>{''.join(patterns)}</defs>" if patterns else ""

    def finished(
        self,
        height: float,
        title: str,
        finding: str,
        headings: tuple[str, ...],
        rows: list[tuple[str | int | float | None, ...]],
    ) -> Drawing:
        """Put the shapes together; `height` is how far down they reach."""
        name = escape(self._prefix)
        # What has role "img" is one thing to a screen reader, and links in it were lost.
        role = "group" if any(part.startswith("<a ") for part in self._parts) else "img"
        svg = (
            f'<svg class="dr" role="{role}" viewBox="0 0 {place(WIDTH)} {place(height)}"'
            f' aria-labelledby="{name}-title {name}-finding">'
            f'<title id="{name}-title">{_escaped(title)}</title><desc id="{name}-finding">{_escaped(finding)}</desc>'
            f"{self._definitions()}{''.join(self._parts)}</svg>"
        )
        return Drawing(title, finding, Markup(svg), headings, rows)  # noqa: S704 - every text in it was escaped


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    _Swatch: TypeAlias = Callable[[float, float, int], None]


def place(value: float) -> str:
    """Write a place to a tenth.

    >>> place(3.0), place(0.25), place(-0.04)
    ('3', '.2', '0')
    """
    tenths = round(value * 10)
    return tenth(tenths)


@lru_cache(maxsize=8192)
def tenth(tenths: int) -> str:
    """Write tenths as shortly as SVG reads them.

    >>> tenth(30), tenth(-5), tenth(123)
    ('3', '-.5', '12.3')
    """
    whole, rest = divmod(abs(tenths), 10)
    sign = "-" if tenths < 0 else ""
    return f"{sign}{whole or ''}.{rest}" if rest else f"{sign if whole else ''}{whole}"


def path_through(points: Sequence[tuple[float, float]]) -> str:
    """Write a line through points in steps, which is shorter than in places, and does not drift.

    >>> path_through([(0, 10), (1.5, 9.5), (3, 12)])
    'M0 10l1.5-.5 1.5 2.5'
    """
    at = [(round(x * 10), round(y * 10)) for x, y in points]
    steps = (_pair(x - x0, y - y0) for (x0, y0), (x, y) in pairwise(at))
    rest = " ".join(steps)
    return f"M{_pair(*at[0])}l{rest}" if rest else f"M{_pair(*at[0])}h.1"


def _pair(x: int, y: int) -> str:
    second = tenth(y)
    return f"{tenth(x)}{second if second.startswith('-') else ' ' + second}"


def width_of(text: str, letter: float = LETTER) -> float:
    """Estimate how wide a text is.

    >>> round(width_of("brb")), round(width_of("abw"))
    (22, 27)
    """
    return letter * sum(map(_share, text))


def _share(one: str) -> float:
    """Estimate how wide a letter is, of its height."""
    if one in _AS_WIDE_AS_HIGH or unicodedata.east_asian_width(one) in "WF":
        return 1.0
    return _CAPITAL if one.isupper() else _WIDE


def cut(text: str, width: float, letter: float = LETTER) -> str:
    """Cut a text to a width.

    >>> cut("primary visual cortex", 90)
    'primary v…'
    """
    if width_of(text, letter) <= width:
        return text
    while text and width_of(text, letter) + letter > width:
        text = text[:-1]
    return text.rstrip() + "…"


def in_lines(text: str, width: float, most: int = 2) -> list[str]:
    """Break a text into lines, the last of which is cut.

    >>> in_lines("contrast sensitivity (log10)", 150)
    ['contrast sensitivity', '(log10)']
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(lines) < most and width_of(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [cut(line, width) for line in lines]


def _escaped(text: str) -> str:
    return str(escape(printable(text)))
