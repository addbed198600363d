"""How problems look on a terminal: for each code its places and findings, then once what was expected and the remedy.

Knows text only.
"""

from __future__ import annotations

import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainio.validation.problems import Problem

DEFAULT_WIDTH = 100
_LONGEST_PLACE = 36
_INDENT = 2
_LABELS = 10  # columns of "expected  "


def section(title: str, by_code: Mapping[str, Sequence[Problem]], width: int, shown: int) -> str:
    """Lay out the problems of one severity.

    Parameters
    ----------
    title : str
        Heads them.
    by_code : mapping
        Code -> its problems.
    width : int
        Columns of the terminal.
    shown : int
        How many problems of one code are told one by one.
    """
    places = [one.place for problems in by_code.values() for one in problems[:shown]]
    longest = max(map(len, places))
    place_width = max(_LABELS, min(longest, _LONGEST_PLACE, width // 3))
    blocks = [_block(code, problems, (place_width, width), shown) for code, problems in by_code.items()]
    return "\n\n".join([f"{title.upper()}\n{'=' * len(title)}", *blocks])


def _block(code: str, problems: Sequence[Problem], widths: tuple[int, int], shown: int) -> str:
    told = problems[:shown]
    lines = [code]
    for one in told:
        lines += _row(one.place, one.found, widths)
    if len(problems) > shown:
        lines += _row("", f"... and {len(problems) - shown} more", widths)
    for expected, fix in dict.fromkeys((one.expected, one.fix) for one in told):
        lines += _row("expected", expected, widths) + _row("fix", fix, widths)
    return "\n".join(lines)


def _row(left: str, right: str, widths: tuple[int, int]) -> list[str]:
    """Wrap two cells beside each other."""
    left_width, width = widths
    cells = zip_longest(
        textwrap.wrap(left, left_width),
        textwrap.wrap(right, width - left_width - 2 * _INDENT),
        fillvalue="",
    )
    return [f"{'':{_INDENT}}{one:{left_width}}{'':{_INDENT}}{other}".rstrip() for one, other in cells]
