"""Fork processes of brainio from a server process that has imported all modules, instead of starting interpreters.

Imports take most of the CPU time of a short process: 2 s for a service, 1 s for a command. A forked process has its
own environment, working directory, signals and exit code. Tests of imports, and of Ctrl-C during imports, start a new
interpreter.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

TOP = Path(__file__).parents[1]
COMMAND_MODULES = (
    "brainio.cli.commands",
    "brainio.fetch.load",
    "brainio.catalogs.registry",
    "h5py",
    "netCDF4",
    "pandas",
    "requests",
    "rich.table",
    "xarray",
)
SERVICE_MODULES = (
    *COMMAND_MODULES,
    "alembic.command",
    "alembic.config",
    "brainio.cli.service",
    "brainio.service.app",
    "brainio.service.server",
    "boto3",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.server",
    "uvloop",
)
# Interpreters and libraries read these when they start; a forked process would ignore other values.
_STARTUP_VARIABLES = ("PYTHON", "LC_", "LANG", "OMP_", "OPENBLAS_", "HDF5_", "PROMETHEUS_")


class ForkedProcess:
    """A process that the fork server started, with the interface of `subprocess.Popen`.

    Attributes
    ----------
    pid : int
        Process id; the process is a child of the fork server.
    returncode : int or None
        Exit code as in `subprocess.Popen`; None while the process runs.
    """

    def __init__(self, pid: int, exit_code: Future[int]) -> None:
        self.pid = pid
        self._exit_code = exit_code

    @property
    def returncode(self) -> int | None:
        return self._exit_code.result() if self._exit_code.done() else None

    def poll(self) -> int | None:
        """Return the exit code; None while the process runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the process to end, and return its exit code."""
        try:
            return self._exit_code.result(timeout)
        except TimeoutError:
            raise subprocess.TimeoutExpired(f"pid {self.pid}", timeout or 0) from None

    def send_signal(self, number: int) -> None:
        """Send a signal to the process unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process."""
        self.send_signal(signal.SIGKILL)


def fork(
    arguments: list[str], environment: dict[str, str], modules: tuple[str, ...], *, stdout: int, stderr: int
) -> ForkedProcess | None:
    """Run the command `brainio` in a process that the fork server of this test process forks.

    Parameters
    ----------
    arguments : list of str
        Arguments of the command.
    environment : dict
        The whole environment of the process.
    modules : tuple of str
        Modules that the fork server imports before it forks.
    stdout, stderr : int
        File descriptors.

    Returns
    -------
    ForkedProcess or None
        None if the environment has variables that only a new interpreter reads.
    """
    server = _server(os.getpid())
    if _startup_variables(environment) != server.startup_variables:
        return None
    return server.fork(arguments, environment, modules, (stdout, stderr))


@cache
def _server(_pid: int) -> _ForkServer:
    return _ForkServer()


def _startup_variables(environment: Any) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_STARTUP_VARIABLES)}


class _ForkServer:
    """Client of the fork server in the test process, which starts it and ends it."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINIO_", "AWS_"))}
        self.startup_variables = _startup_variables(environment)
        self._socket, other = socket.socketpair()
        command = [sys.executable, "-m", "tests.fork_server", str(other.fileno())]
        self._process = subprocess.Popen(
            command,
            cwd=TOP,
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[other.fileno()],
            start_new_session=True,  # Ctrl-C reaches the test process, which ends this one
        )
        other.close()
        self._lock = threading.Lock()
        self._forked: SimpleQueue[ForkedProcess] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        atexit.register(self._stop)

    def fork(
        self, arguments: list[str], environment: dict[str, str], modules: tuple[str, ...], outputs: tuple[int, int]
    ) -> ForkedProcess:
        request = {
            "arguments": arguments,
            "environment": environment,
            "folder": str(Path.cwd()),
            "modules": modules,
        }
        with self._lock:
            line = json.dumps(request).encode() + b"\n"
            sent = socket.send_fds(self._socket, [line], outputs)
            self._socket.sendall(line[sent:])
            return self._forked.get(timeout=120)

    def _read(self) -> None:
        exit_codes: dict[int, Future[int]] = {}
        for line in self._socket.makefile():
            message = json.loads(line)
            pid = message["pid"]
            if "exit_code" in message:
                exit_codes.pop(pid).set_result(message["exit_code"])
            else:
                exit_codes[pid] = Future()
                self._forked.put(ForkedProcess(pid, exit_codes[pid]))

    def _stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait()


# ---------------------------------------------------------------------- in the fork server


class _Request:
    """A command that a forked process runs."""

    def __init__(self, line: bytes, outputs: list[int]) -> None:
        request = json.loads(line)
        self.modules: list[str] = request["modules"]
        self._arguments: list[str] = request["arguments"]
        self._environment: dict[str, str] = request["environment"]
        self._folder: str = request["folder"]
        self.outputs = outputs

    def run(self) -> None:
        """Run the command in this process, which has just been forked."""
        from brainio.cli import main

        for number, descriptor in enumerate(self.outputs, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(self._environment)
        os.chdir(self._folder)
        tempfile.tempdir = None  # it was computed for another TMPDIR
        sys.argv = ["brainio", *self._arguments]
        main(prog_name="brainio")


def serve(control: socket.socket) -> _Request | None:
    """Fork a process for each request; return the request in the forked process, and None after the last."""
    children: set[int] = set()
    wakeup, alarm = socket.socketpair()
    for end in (wakeup, alarm):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(alarm.fileno())
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(wakeup, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if wakeup in ready:
                wakeup.recv(4096)
                _report_ended(control, children)
            if control not in ready:
                continue
            request = _receive(control)
            if request is None:
                break
            for name in request.modules:
                with suppress(ModuleNotFoundError):  # a missing module only costs time; a test reports it
                    importlib.import_module(name)
            gc.freeze()  # a collection in a forked process would copy the memory of the modules
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for end in (wakeup, alarm, control):
                    end.close()
                return request
            children.add(pid)
            for descriptor in request.outputs:
                os.close(descriptor)
            _send(control, pid=pid)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return None


def _receive(control: socket.socket) -> _Request | None:
    line, outputs, _, _ = socket.recv_fds(control, 1 << 16, 2)
    while line and not line.endswith(b"\n"):
        line += control.recv(1 << 16)
    return _Request(line, outputs) if line else None


def _report_ended(control: socket.socket, children: set[int]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children.remove(pid)
            _send(control, pid=pid, exit_code=os.waitstatus_to_exitcode(status))


def _send(control: socket.socket, **message: int) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _control:
        _request = serve(_control)
    if _request is not None:
        _request.run()
