"""Scales of axes: positions, round ticks, and the formatting of their numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

_MINUS, _TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MAX_PLAIN = 1e7  # larger numbers are powers of ten
_MAX_DECIMALS = 4


class Scale(NamedTuple):
    """A linear map from numbers to positions: `low` to `start`, `high` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


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
    return [round(to_svg * step, decimals) for to_svg in range(first, min(last, first + 20) + 1)]


def tick_labels(values: list[float], step: float) -> list[str]:
    r"""Format ticks alike: with thousands separators, or as powers of ten if they are long.

    >>> tick_labels([0, 50000.0, 100000.0], 50000), tick_labels([0, 0.5], 0.5)
    (['0', '50,000', '100,000'], ['0.0', '0.5'])
    >>> ascii(tick_labels([0, 2e-7], 2e-7))
    "['0', '2\\xd710\\u207b\\u2077']"
    """
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals <= _MAX_DECIMALS and all(abs(value) < _MAX_PLAIN for value in values):
        return [f"{value:,.{decimals}f}".replace("-", _MINUS) for value in values]
    return [_as_power(value, step) for value in values]


def _as_power(value: float, step: float) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    digits = min(9, max(0, exponent - math.floor(math.log10(step) + 1e-9)))
    mantissa = f"{value / 10.0**exponent:.{digits}f}".replace("-", _MINUS)
    return f"{mantissa}{_TIMES}10{str(exponent).translate(_SUPERSCRIPTS)}"


def format_number(value: float) -> str:
    r"""Format a number for a sentence.

    >>> format_number(1234.567), format_number(0.31234), ascii(format_number(-2.5e9))
    ('1,235', '0.312', "'\\u22122.5\\xd710\\u2079'")
    """
    size = abs(value)
    if size and not 1e-3 <= size < _MAX_PLAIN:
        return _as_power(float(f"{value:.3g}"), 10.0 ** (math.floor(math.log10(size)) - 1))
    text = f"{value:,.0f}" if size >= 1000 else f"{value:.3g}"
    return text.replace("-", _MINUS)
