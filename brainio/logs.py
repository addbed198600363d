"""Loggers whose messages are safe to print: one line, without control characters.

Messages quote catalogs and files, which must not control a terminal or forge a line of a log. `logging` is imported
with the first message, so that commands without transfers start faster.
"""

from typing import TYPE_CHECKING, Any, cast

from brainio.text import printable_line

if TYPE_CHECKING:
    import logging


class _LazyLogger:
    """A logger that is created when it is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        import logging

        logger = logging.getLogger(self._name)
        logger.addFilter(_make_printable)  # the logger ignores a filter that it already has
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
