"""Pictures of what a column of a stimulus set holds."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from brainio.text import quantity
from brainio.views.charts.card_values import count_of, histogram_of, number, record_of, records_of, text_of
from brainio.views.charts.figure import Figure
from brainio.views.charts.plots import Bar, Part, Upright, listed, rows_of_bars, upright_bars
from brainio.views.charts.scales import written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from brainio.views.charts.card_values import Histogram
    from brainio.views.charts.figure import Drawing

    _Link: TypeAlias = Callable[[Any], str | None]

_MOST_ROWS = 12


def column(record: Mapping[str, Any], prefix: str, link: _Link | None = None) -> Drawing | None:
    """Draw which values a column of a stimulus set has.

    Parameters
    ----------
    record : mapping
        Of the column in the card: its `histogram` is read, else `most_common`.
    prefix : str
        Begins every id in the picture: one of its own in the page.
    link : callable, optional
        Given a value of `most_common`, or a range of a histogram as `low..<high`, returns where its bar leads to; by
        default, and where it returns None, bars are no links.

    Returns
    -------
    Drawing or None
        None: the record does not tell, or its numbers are malformed.

    Examples
    --------
    >>> record = {"name": "kind", "distinct": 3, "most_common": [{"value": "face", "count": 640}]}
    >>> drawing = column(record, "kind", link=lambda value: f"?kind={value}")
    >>> drawing.finding, 'href="?kind=face"' in drawing.svg
    ('Most common of 3 values: face (640).', True)
    """
    name = text_of(record.get("name")) or "value"
    histogram = record_of(record, "histogram")
    if histogram:
        return _distribution(record, name, prefix, link)
    found = records_of(record.get("most_common"), _MOST_ROWS)
    values = [(one.get("value"), text_of(one.get("value")), count_of(one.get("count"))) for one in found]
    checked = [(value, text, count) for value, text, count in values if text is not None and count is not None]
    if len(checked) < len(values) or not any(count for _, _, count in checked):
        return None
    distinct = count_of(record.get("distinct"))
    many = distinct is not None and distinct > len(checked)
    if not many and all(number(value) is not None for value, _, _ in checked):
        checked.sort(key=lambda one: number(one[0]) or 0.0)
    bars = [
        Bar(text, [Part(count, 0, f"{text}: {count:,}")], link(value) if link else None)
        for value, text, count in checked
    ]
    said = listed([f"{text} ({count:,})" for _, text, count in checked], 3 if many else _MOST_ROWS)
    finding = f"Most common of {distinct:,} values: {said}." if many else f"Values: {said}."
    finding += _missing(record)
    figure = Figure(prefix)
    bottom = rows_of_bars(figure, bars, 4)
    if many and distinct is not None:
        figure.text(0, bottom + 10, f"and {distinct - len(checked):,} more", "small")
        bottom += 16
    return figure.finished(bottom, f"Values of {name}", finding, (name, "rows"), [one[1:] for one in checked])


def _distribution(record: Mapping[str, Any], name: str, prefix: str, link: _Link | None) -> Drawing | None:
    histogram = histogram_of(record_of(record, "histogram").get("edges"), record_of(record, "histogram").get("counts"))
    if histogram is None:
        return None
    rows = [(*edges, n) for edges, n in zip(pairwise(histogram.edges), histogram.counts, strict=True)]
    bars = [
        Upright(
            low,
            high,
            n,
            f"{written(low)} to {written(high)}: {n:,}",
            link(_range(low, high, histogram)) if link else None,
        )
        for low, high, n in rows
    ]
    low, high, most = max(rows, key=lambda row: row[2])
    figure = Figure(prefix)
    bottom = upright_bars(figure, bars, "rows", name)
    finding = (
        f"{sum(histogram.counts):,} values from {written(rows[0][0])} to {written(rows[-1][1])}, "
        f"most ({most:,}) between {written(low)} and {written(high)}.{_missing(record)}"
    )
    return figure.finished(bottom, f"Distribution of {name}", finding, ("from", "to", "rows"), [*rows])


def _range(low: float, high: float, histogram: Histogram) -> str:
    """Write the range of a bin, which has its lower edge; the last one has both."""
    first, last = (repr(edge).removesuffix(".0") for edge in (low, high))
    return f"{first}..{'' if high == histogram.edges[-1] else '<'}{last}"


def _missing(record: Mapping[str, Any]) -> str:
    missing = count_of(record.get("missing"))
    return f" Missing in {quantity(missing, 'row')}." if missing else ""
