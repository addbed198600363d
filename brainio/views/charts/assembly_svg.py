"""SVG charts of an assembly's card: its dimensions, responses, reliability, time course and raster."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from brainio.text import quantity
from brainio.views.charts.bars import populations, repetitions
from brainio.views.charts.card_charts import raster_of_card, reliability_of_card, responses_of_card, time_course_of_card
from brainio.views.charts.card_values import valid_count, valid_text
from brainio.views.charts.svg_renderer import render_svg
from brainio.views.charts.svg_shapes import LINE_HEIGHT, WIDTH, Figure, to_svg, truncate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainio.views.charts.description import Chart
    from brainio.views.charts.svg_shapes import Drawing

_MIN_SIDE, _MAX_SIDE = 16.0, 96.0


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


ASSEMBLY_CHARTS = (dimensions, populations, responses, time_course, raster, reliability, repetitions)
