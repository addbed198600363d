"""Loggers of this package: what they log controls no terminal and forges no line, whatever a catalog or file says.

Importing `logging` costs time, so that only modules import this one that load when data are fetched or read.
"""

import logging

from brainio.text import printable_line


def get_logger(name: str) -> logging.Logger:
    """Return the logger of that name, whose messages are single lines without characters that act on a terminal.

    Examples
    --------
    >>> get_logger("brainio.cache").name
    'brainio.cache'
    """
    logger = logging.getLogger(name)
    logger.addFilter(_make_printable)  # the same one again is not added again
    return logger


def _make_printable(record: logging.LogRecord) -> bool:
    record.msg, record.args = printable_line(record.getMessage()), ()
    return True
