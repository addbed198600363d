"""The numbers of a card, checked: cards come from anybody, so whatever has another form than expected is None."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from brainio.text import printable
from brainio.views.rendering import format_value

MOST_BINS = 200
_MOST = 1e100  # of a number that is drawn; differences and products stay finite
_MOST_COUNT = 10**15
_FINEST = 1e-9  # of a range, relative to its numbers: below that 64-bit floats have no round ticks
_LABEL = 60  # characters


class Histogram(NamedTuple):
    """Counts between k + 1 ascending edges."""

    edges: list[float]
    counts: list[int]


class Group(NamedTuple):
    """Some of what is counted: all of one region, say; `value` is None where nothing is grouped."""

    value: str | None
    size: int
    record: Mapping[str, Any]


def number(value: Any) -> float | None:
    """Return a finite number of a size that can be drawn.

    >>> number(1), number(True), number("1"), number(float("nan")), number(10**400)
    (1.0, None, None, None, None)
    """
    if type(value) not in (int, float) or not abs(value) <= _MOST:
        return None
    return float(value) if abs(value) >= 1 / _MOST else 0.0


def numbers(value: Any, most: int) -> list[float] | None:
    """Return a list of numbers, of which there may be `most`."""
    if not isinstance(value, list) or len(value) > most:
        return None
    found = [number(one) for one in value]
    return None if None in found else [one for one in found if one is not None]


def count_of(value: Any) -> int | None:
    """Return a number of things.

    >>> count_of(3), count_of(-1), count_of(2.5)
    (3, None, None)
    """
    return value if type(value) is int and 0 <= value <= _MOST_COUNT else None


def text_of(value: Any, most: int = _LABEL) -> str | None:
    r"""Return a value that names something, as it can be shown on one line.

    >>> text_of("V4\n"), text_of(4.0), text_of([])
    ('V4', '4', None)
    """
    if isinstance(value, str):
        return format_value(printable(" ".join(value[: 4 * most].split())), most) or None
    return format_value(value, most) if type(value) is bool or number(value) is not None else None


def record_of(value: Any, *names: str) -> Mapping[str, Any]:
    """Follow names into records; {} where there is no record of that name."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def records_of(value: Any, most: int) -> list[Mapping[str, Any]]:
    """Return the first records of a list; [] where one of them is no record."""
    if not isinstance(value, list):
        return []
    return value[:most] if all(isinstance(one, Mapping) for one in value[:most]) else []


def is_range(low: float, high: float) -> bool:
    """Tell whether two numbers are far enough from each other for an axis with ticks.

    >>> is_range(0, 1), is_range(1, 1), is_range(1e15, 1e15 + 1)
    (True, False, False)
    """
    return high - low > max(_FINEST * max(abs(low), abs(high)), 1 / _MOST)


def histogram_of(edges: Any, counts: Any) -> Histogram | None:
    """Return a histogram that counts something."""
    at = numbers(edges, MOST_BINS + 1)
    tall = counts_of(counts)
    if at is None or tall is None or len(at) != len(tall) + 1 or not any(tall):
        return None
    ascends = all(low < high for low, high in pairwise(at)) and is_range(at[0], at[-1])
    return Histogram(at, tall) if ascends else None


def counts_of(value: Any) -> list[int] | None:
    """Return a list of numbers of things, one a bin."""
    if not isinstance(value, list) or len(value) > MOST_BINS:
        return None
    found = [count_of(one) for one in value]
    return None if None in found else [one for one in found if one is not None]


def groups_of(picture: Mapping[str, Any], most: int = 8) -> list[Group]:
    """Return the groups of a picture; [] where one of them is malformed."""
    found = []
    for record in records_of(picture.get("groups"), most):
        size, value = count_of(record.get("count")), record.get("value")
        name = text_of(value)
        if size is None or (name is None and value not in (None, "")):
            return []
        found.append(Group(name, size, record))
    return found


def measured(card: Mapping[str, Any]) -> str:
    """Return the label of an axis of values, or of means of them, with their units.

    >>> measured({"long_name": "firing rate", "units": "Hz"}), measured({"class": "PropertyAssembly"})
    ('firing rate (Hz)', 'mean value')
    """
    name, units = text_of(card.get("long_name"), 52) or mean_of_values(card), text_of(card.get("units"), 32)
    return f"{name} ({units})" if units else name


def mean_of_values(card: Mapping[str, Any], *, plural: bool = False) -> str:
    """Return what a mean over the values of an assembly is; of one dimension, what each value is.

    >>> mean_of_values({"long_name": "reaction time"}), mean_of_values({"dims": ["presentation"]}, plural=True)
    ('mean reaction time', 'responses')
    """
    name, dims = name_of_values(card, plural=plural), card.get("dims")
    is_mean = not isinstance(dims, list) or len(dims) > 1
    return f"mean {name}" if is_mean and not name.lower().startswith("mean ") else name


def name_of_values(card: Mapping[str, Any], *, plural: bool = False) -> str:
    """Return what each value of an assembly is: by its card, else by its class.

    >>> name_of_values({"long_name": "reaction time"}), name_of_values({"class": "PropertyAssembly"}, plural=True)
    ('reaction time', 'values')
    """
    name = text_of(card.get("long_name"), 52)
    if name is not None:
        return name
    kind = card.get("class")
    return f"{_VALUES.get(kind if isinstance(kind, str) else '', 'response')}{'s' if plural else ''}"


_VALUES = {
    "DataAssembly": "value",
    "MetadataAssembly": "value",
    "ModelFeaturesAssembly": "activation",
    "PropertyAssembly": "value",
}
