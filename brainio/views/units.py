"""Units of time, as attributes of arrays state them."""

from __future__ import annotations

TIME_UNITS = {
    "h": 3_600_000.0,
    "min": 60_000.0,
    "s": 1000.0,
    "ms": 1.0,
    "us": 0.001,
    "ns": 0.000001,
}
_NAMES = {
    "h": ("hr", "hrs", "hour", "hours"),
    "min": ("mins", "minute", "minutes"),
    "s": ("sec", "secs", "second", "seconds"),
    "ms": ("msec", "msecs", "millisecond", "milliseconds"),
    "us": ("µs", "μs", "usec", "usecs", "microsecond", "microseconds"),
    "ns": ("nsec", "nsecs", "nanosecond", "nanoseconds"),
}
_UNITS = {name: TIME_UNITS[unit] for unit, names in _NAMES.items() for name in (unit, *names)}


def milliseconds_per(units: object) -> float | None:
    """Return how many milliseconds a unit has; None where it is not a unit of time.

    Parameters
    ----------
    units : object
        An attribute `units`, such as `'s'` or `'ms since stimulus onset'`; None means milliseconds.

    Examples
    --------
    >>> milliseconds_per("s"), milliseconds_per("ms since stimulus onset"), milliseconds_per(None)
    (1000.0, 1.0, 1.0)
    >>> milliseconds_per("samples")
    """
    if units is None:
        return 1.0
    return _UNITS.get(units.partition(" since ")[0].strip()) if isinstance(units, str) else None
