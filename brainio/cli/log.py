"""What the library logs while a command runs, told as warnings are.

A module of its own, since the import of `logging` is a cost that commands without transfers need not pay.
"""

import logging

from brainio.cli.output import warn


class _Told(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warn(record.getMessage())


_told = _Told(logging.WARNING)


def tell_log() -> None:
    """Tell the warnings that brainio logs from now on."""
    logging.getLogger("brainio").addHandler(_told)
