"""A picture of an array: a strip, a sheet or a block, with its dimensions and their sizes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from brainio.text import quantity
from brainio.views.charts.card_values import count_of, text_of
from brainio.views.charts.figure import LETTER, WIDTH, Figure, cut, place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainio.views.charts.figure import Drawing

_SHORT, _LONG = 16.0, 96.0  # sides


def dimensions(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw the dimensions of an assembly: the first goes down, the second across, the third back.

    Sides grow with the logarithm of their size.

    Parameters
    ----------
    card : mapping
        Of an assembly; `dims` and `shape` are read.
    prefix : str
        Begins every id in the picture: one of its own in the page.

    Returns
    -------
    Drawing or None
        None: the card does not tell, or is malformed, or there are not two or three dimensions: a single one is said
        faster than drawn.

    Examples
    --------
    >>> dimensions({"dims": ["presentation", "neuroid"], "shape": [2560, 168]}, "dimensions").rows
    [('presentation', 2560), ('neuroid', 168)]
    """
    dims, shape = card.get("dims"), card.get("shape")
    if not isinstance(dims, list) or not isinstance(shape, list) or not 2 <= len(dims) == len(shape) <= 3:
        return None
    sizes = [(text_of(dim), count_of(size)) for dim, size in zip(dims, shape, strict=True)]
    checked = [(dim, size) for dim, size in sizes if dim is not None and size is not None]
    if len(checked) < len(dims):
        return None
    figure = Figure(prefix)
    bottom = _block(figure, checked)
    finding = f"{' by '.join(quantity(size, dim) for dim, size in checked)}."
    return figure.finished(bottom, "Dimensions", finding, ("dimension", "size"), [*checked])


def _block(figure: Figure, sizes: list[tuple[str, int]]) -> float:
    """Draw the front, and where there is a third dimension the top and the side of a block."""
    down = _side(sizes[0][1])
    across = _side(sizes[1][1])
    back = 0.55 * _side(sizes[2][1]) if len(sizes) > 2 else 0.0
    left, top = 120.0, LETTER + 12 + back
    right, bottom = left + across, top + down
    name, size = sizes[0]
    figure.text(left - 8, top + down / 2, cut(name, left - 8), "", "end")
    figure.text(left - 8, top + down / 2 + LETTER + 2, f"{size:,}", "number", "end")
    front = f"M{place(left)} {place(top)}h{place(across)}v{place(down)}h{place(-across)}z"
    figure.path(front, "face")
    if back:
        slant = f"l{place(back)} {place(-back)}"
        figure.path(f"M{place(left)} {place(top)}{slant}h{place(across)}l{place(-back)} {place(back)}z", "face top")
        figure.path(f"M{place(right)} {place(top)}{slant}v{place(down)}l{place(-back)} {place(back)}z", "face side")
        name, size = sizes[2]
        figure.text(right + back + 8, top - back + 4, cut(f"{name} {size:,}", WIDTH - right - back - 8))
    name, size = sizes[1]
    figure.text(left, bottom + LETTER + 4, cut(f"{name} {size:,}", WIDTH - left))
    return bottom + LETTER + 10


def _side(size: int) -> float:
    return min(_LONG, _SHORT + 18 * math.log10(max(size, 1)))
