"""Validated values of cards: every reader returns None or an empty result for values of an unexpected form."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from brainio.text import printable
from brainio.views.rendering import format_value

_MAX_BINS = 200
_MAX_NUMBER = 1e100  # keeps differences and products finite
_MAX_COUNT = 10**15
_MIN_RELATIVE_RANGE = 1e-9  # below it, 64-bit floats have no round ticks
_MAX_LABEL = 60  # characters


class Bins(NamedTuple):
    """Counts of k bins between k + 1 ascending edges."""

    edges: list[float]
    counts: list[int]


class Group(NamedTuple):
    """A group of a chart, such as a region; `value` is None if the chart has no groups."""

    value: str | None
    size: int
    record: Mapping[str, Any]


def valid_number(value: Any) -> float | None:
    """Return a number if it is finite and can be drawn, else None.

    >>> valid_number(1), valid_number(True), valid_number("1"), valid_number(float("nan")), valid_number(10**400)
    (1.0, None, None, None, None)
    """
    if type(value) not in (int, float) or not abs(value) <= _MAX_NUMBER:
        return None
    return float(value) if abs(value) >= 1 / _MAX_NUMBER else 0.0


def valid_numbers(value: Any, max_length: int) -> list[float] | None:
    """Return a list of at most `max_length` valid numbers, else None."""
    if not isinstance(value, list) or len(value) > max_length:
        return None
    checked = [valid_number(item) for item in value]
    return None if None in checked else [item for item in checked if item is not None]


def valid_count(value: Any) -> int | None:
    """Return a value if it is a count, else None.

    >>> valid_count(3), valid_count(-1), valid_count(2.5)
    (3, None, None)
    """
    return value if type(value) is int and 0 <= value <= _MAX_COUNT else None


def valid_text(value: Any, max_length: int = _MAX_LABEL) -> str | None:
    r"""Return a label as text on one line, or None if it is neither text nor a number.

    >>> valid_text("V4\n"), valid_text(4.0), valid_text([])
    ('V4', '4', None)
    """
    if isinstance(value, str):
        return format_value(printable(" ".join(value[: 4 * max_length].split())), max_length) or None
    return format_value(value, max_length) if type(value) is bool or valid_number(value) is not None else None


def nested_record(value: Any, *names: str) -> Mapping[str, Any]:
    """Return the nested record at a path of names; empty if it does not exist."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def valid_records(value: Any, limit: int) -> list[Mapping[str, Any]]:
    """Return the first records of a list; empty if an item is not a record."""
    if not isinstance(value, list):
        return []
    return value[:limit] if all(isinstance(item, Mapping) for item in value[:limit]) else []


def is_range(low: float, high: float) -> bool:
    """Return whether an axis between two numbers can have distinct ticks.

    >>> is_range(0, 1), is_range(1, 1), is_range(1e15, 1e15 + 1)
    (True, False, False)
    """
    return high - low > max(_MIN_RELATIVE_RANGE * max(abs(low), abs(high)), 1 / _MAX_NUMBER)


def valid_bins(edges: Any, counts: Any) -> Bins | None:
    """Return the bins of a histogram with at least one count, else None."""
    checked_edges = valid_numbers(edges, _MAX_BINS + 1)
    checked_counts = _valid_counts(counts)
    if checked_edges is None or checked_counts is None or not any(checked_counts):
        return None
    if len(checked_edges) != len(checked_counts) + 1:
        return None
    is_ascending = all(low < high for low, high in pairwise(checked_edges))
    is_valid = is_ascending and is_range(checked_edges[0], checked_edges[-1])
    return Bins(checked_edges, checked_counts) if is_valid else None


def _valid_counts(value: Any) -> list[int] | None:
    """Return a list of counts, one per bin, else None."""
    if not isinstance(value, list) or len(value) > _MAX_BINS:
        return None
    checked = [valid_count(item) for item in value]
    return None if None in checked else [item for item in checked if item is not None]


def valid_groups(chart: Mapping[str, Any], limit: int = 8) -> list[Group]:
    """Return the groups of a chart in a card; empty if one is malformed."""
    groups = []
    for record in valid_records(chart.get("groups"), limit):
        size, value = valid_count(record.get("count")), record.get("value")
        name = valid_text(value)
        if size is None or (name is None and value not in (None, "")):
            return []
        groups.append(Group(name, size, record))
    return groups


def values_label(card: Mapping[str, Any]) -> str:
    """Return the label of an axis of values or their means, with units.

    >>> values_label({"long_name": "firing rate", "units": "Hz"}), values_label({"class": "PropertyAssembly"})
    ('firing rate (Hz)', 'mean value')
    """
    name, units = valid_text(card.get("long_name"), 52) or mean_of_values(card), valid_text(card.get("units"), 32)
    return f"{name} ({units})" if units else name


def mean_of_values(card: Mapping[str, Any], *, plural: bool = False) -> str:
    """Return the name of means over the values; of an assembly with one dimension, the name of the values.

    >>> mean_of_values({"long_name": "reaction time"}), mean_of_values({"dims": ["presentation"]}, plural=True)
    ('mean reaction time', 'responses')
    """
    name, dims = name_of_values(card, plural=plural), card.get("dims")
    is_mean = not isinstance(dims, list) or len(dims) > 1
    return f"mean {name}" if is_mean and not name.lower().startswith("mean ") else name


def name_of_values(card: Mapping[str, Any], *, plural: bool = False) -> str:
    """Return the name of the values of an assembly: `long_name`, else a name by its class.

    >>> name_of_values({"long_name": "reaction time"}), name_of_values({"class": "PropertyAssembly"}, plural=True)
    ('reaction time', 'values')
    """
    name = valid_text(card.get("long_name"), 52)
    if name is not None:
        return name
    kind = card.get("class")
    return f"{_NAMES_BY_CLASS.get(kind if isinstance(kind, str) else '', 'response')}{'s' if plural else ''}"


_NAMES_BY_CLASS = {
    "DataAssembly": "value",
    "MetadataAssembly": "value",
    "ModelFeaturesAssembly": "activation",
    "PropertyAssembly": "value",
}
