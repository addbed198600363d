"""Functions that tests run in a worker process, among them crashes and hangs like those of HDF5 on malicious files."""

import ctypes
import os
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from brainio.errors import AssemblyFormatError, FormatWarning
from brainio.worker_process import call_in_worker


def pid() -> int:
    return os.getpid()


def pid_of_nested_call() -> Any:
    return call_in_worker("tests.worker_functions:pid", [], subject="nested", paths=[])


def crash() -> None:
    ctypes.string_at(0)


def hang() -> None:
    while True:
        pass


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def grow() -> None:
    blocks = []
    while True:
        blocks.append(bytearray(os.urandom(1 << 10) * (20 << 10)))


def allocate(size: int) -> None:
    bytearray(size)


def fail(known: bool) -> None:
    warnings.warn("odd", FormatWarning, stacklevel=1)
    raise AssemblyFormatError("a.nc is damaged") if known else LookupError("unknown encoding")


def write_noise() -> str:
    os.write(1, b"HDF5-DIAG: Error detected\n")
    sys.stdout.flush()
    return "result"


def answer_raw(text: str) -> None:
    """Write an answer to the pipe of the worker, as injected code could."""
    answers = next(fd for fd in range(3, 64) if _is_pipe(fd))
    os.write(answers, text.encode() + b"\n")
    threading.Event().wait()


def _is_pipe(fd: int) -> bool:
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink()).startswith("pipe:")
    except OSError:
        return False


def search_path() -> list[str]:
    return sys.path


def environment(name: str) -> str | None:
    return os.environ.get(name)
