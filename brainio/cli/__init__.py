"""The command `brainio`: the entry point, which handles Ctrl-C from the first import to the last line.

The commands themselves, `brainio.cli.commands`, are imported by `main`, where an interruption no longer shows a
traceback.
"""

import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType

EXIT_INTERRUPTED = 130  # as shells report a process that SIGINT ended
_RETRY_SECONDS = 0.01

_is_interrupted = False


def main(prog_name: str | None = None) -> None:
    """Run the command line of this process, and exit.

    Ctrl-C ends every command with one line and exit code 130; a second Ctrl-C, during the cleanup, ends the process
    at once.

    Parameters
    ----------
    prog_name : str, optional
        The name of the program in help and usage; by default that of the process.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise it is ignored, as under nohup
        signal.signal(signal.SIGINT, _interrupt)
        sys.unraisablehook = _interrupt_again
    try:
        from brainio.cli.commands import main as commands

        commands(prog_name=prog_name)
    except BaseException as error:
        # Libraries turn an interrupted import into errors of their own.
        if not _is_interrupted or (isinstance(error, SystemExit) and not error.code):
            raise
        _exit_interrupted()


def _interrupt(_number: int, _frame: "FrameType | None") -> NoReturn:
    global _is_interrupted
    _is_interrupted = True
    raise KeyboardInterrupt


def _interrupt_again(unraisable: "UnraisableHookArgs") -> None:
    """Interrupt the main thread once more if Python dropped the first interruption, as in `__del__` and callbacks."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        main_thread = threading.main_thread().ident
        retry = threading.Timer(_RETRY_SECONDS, signal.pthread_kill, (main_thread, signal.SIGINT))
        retry.daemon = True
        retry.start()
    else:
        sys.__unraisablehook__(unraisable)


def _exit_interrupted() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with suppress(OSError, ValueError, AttributeError):  # nobody reads it, or it is closed or missing
        sys.stderr.write("\ninterrupted\n" if sys.stderr.isatty() else "interrupted\n")
        sys.stderr.flush()
    sys.exit(EXIT_INTERRUPTED)
