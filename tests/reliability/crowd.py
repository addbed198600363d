"""Real processes for tests: forked from a server that has imported everything, so that many start quickly."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from multiprocessing.process import BaseProcess
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_LIBRARIES = ("pytest", "boto3", "filelock", "netCDF4")
_OURS = ("assemblies", "cache.upkeep", "fetch", "packaging")
_CONTEXT.set_forkserver_preload(
    [*_LIBRARIES, *(f"brainio.{name}" for name in _OURS), "tests.reliability.faulty_lab", "tests.reliability.faults"]
)
PATIENCE = 120.0  # seconds after which a process hangs


def start(work: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Start a process that does some work under the environment of this one."""
    process = _CONTEXT.Process(target=_run, args=(dict(os.environ), work, arguments), daemon=True)
    process.start()
    return process


def join(processes: Iterable[BaseProcess]) -> list[int | None]:
    """Wait for processes and return how each ended; None: it hung, and was killed."""
    end = time.monotonic() + PATIENCE
    return [ended(process, end - time.monotonic()) for process in list(processes)]


def ended(process: BaseProcess, patience: float) -> int | None:
    """Wait for a process and return how it ended; None: not within so many seconds, and then it is killed."""
    process.join(max(0.0, patience))
    code = process.exitcode
    process.kill()
    process.join()
    return code


def _run(environment: dict[str, str], work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    work(*arguments)
