"""Real processes for tests, forked from a server that has imported everything, so that many start quickly.

`start` and `join` run functions, `run_captured` returns what a function printed, and `run_code` is `python -c` without
the second of CPU time that the imports take.
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_LIBRARIES = ("pytest", "boto3", "filelock", "netCDF4")
_OF_DATABASES = ("alembic.command", "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite")
_COMMANDS = ("cards", "catalogs", "fetching", "info", "packaging", "relations", "search", "upkeep", "validation")
_OURS = (
    "assemblies",
    "catalogs.backends.sql.schema",
    "cache.pruning",
    "fetch",
    "packaging",
    "cli.commands",
    *(f"cli.{name}" for name in _COMMANDS),
)
_CONTEXT.set_forkserver_preload(
    [
        *_LIBRARIES,
        *_OF_DATABASES,
        *(f"brainio.{name}" for name in _OURS),
        "tests.reliability.faulty_lab",
        "tests.reliability.faults",
    ]
)
PATIENCE = 120.0  # seconds after which a process hangs


def start(work: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Start a process that calls a function with the environment of this process."""
    process = _CONTEXT.Process(target=_run, args=(dict(os.environ), work, arguments), daemon=True)
    process.start()
    return process


def join(processes: Iterable[BaseProcess]) -> list[int | None]:
    """Wait for processes and return their exit codes. None: the process hung and was killed."""
    end = time.monotonic() + PATIENCE
    return [exit_code(process, end - time.monotonic()) for process in list(processes)]


def exit_code(process: BaseProcess, timeout: float) -> int | None:
    """Wait for a process and return its exit code. None: the process exceeded the timeout and was killed."""
    process.join(max(0.0, timeout))
    code = process.exitcode
    process.kill()
    process.join()
    return code


def run_captured(
    work: Callable[..., object],
    *arguments: Any,
    environment: Mapping[str, str] | None = None,
    folder: Path | str | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a function in a separate process, and return its exit code and its output."""
    with tempfile.TemporaryDirectory() as name:
        outputs = Path(name) / "stdout", Path(name) / "stderr"
        process = start(_capture, work, arguments, dict(environment or {}), folder or Path.cwd(), outputs)
        (code,) = join([process])
        assert code is not None, f"{work.__name__}{arguments} hung"
        stdout, stderr = (path.read_text(encoding="utf-8") for path in outputs)
    return subprocess.CompletedProcess([work.__name__], code, stdout, stderr)


def run_code(code: str, *arguments: str, folder: Path | str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run Python code like `python -c CODE ARGUMENTS`."""
    return run_captured(execute, code, arguments, folder=folder)


def _run(environment: dict[str, str], work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    work(*arguments)


def _capture(
    work: Callable[..., object],
    arguments: tuple[Any, ...],
    environment: dict[str, str],
    folder: Path | str,
    outputs: tuple[Path, Path],
) -> None:
    os.environ.update(environment)
    for descriptor, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)
    os.chdir(folder)
    try:
        work(*arguments)
    finally:
        atexit._run_exitfuncs()  # processes of multiprocessing skip exit functions


def execute(code: str, arguments: tuple[str, ...]) -> None:
    """Execute Python code as the main program of this process."""
    sys.argv = ["-c", *arguments]
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
