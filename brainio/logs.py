"""Loggers of this package: what they log controls no terminal and forges no line, whatever a catalog or file says.

`logging` is imported when the first message is logged: its import is a cost that commands without transfers need not
pay.
"""

from typing import TYPE_CHECKING, Any, cast

from brainio.text import printable_line

if TYPE_CHECKING:
    import logging


class _LazyLogger:
    """Stands for a logger until it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        import logging

        logger = logging.getLogger(self._name)
        logger.addFilter(_make_printable)  # the same one again is not added again
        return getattr(logger, attribute)


def get_logger(name: str) -> "logging.Logger":
    """Return the logger of that name, whose messages are single lines without characters that act on a terminal.

    Examples
    --------
    >>> get_logger("brainio.cache").name
    'brainio.cache'
    """
    return cast("logging.Logger", _LazyLogger(name))


def _make_printable(record: "logging.LogRecord") -> bool:
    record.msg, record.args = printable_line(record.getMessage()), ()
    return True
