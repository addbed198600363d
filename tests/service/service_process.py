"""A real service in a process of its own, asked over real HTTP; and a lab on this machine for it to serve."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.fork_server import SERVICE_MODULES, ForkedProcess, fork

TOP = Path(__file__).parents[2]
CARNEY, ROKEM = "lab.Carney1999", "lab.Rokem2006"

# Most tests want no process beside the service that takes its time.
_SETTINGS = {"BRAINIO_SERVE_REFRESH_SECONDS": "0.1", "BRAINIO_SERVE_PROFILES": "false"}


def make_lab(folder: Path) -> Path:
    """Copy the demo's catalog with its files, under identifiers that no installed catalog has; return its CSV file."""
    shutil.copytree(TOP / "catalogs" / "brainio_demo", folder)
    catalog = folder / "lab.csv"
    text = (folder / "brainio_demo.csv").read_text()
    catalog.write_text(text.replace("modelfest.Carney1999,", f"{CARNEY},").replace("herz.Rokem2006,", f"{ROKEM},"))
    (folder / "brainio_demo.csv").unlink()
    return catalog


class ServiceProcess:
    """`brainio serve` on a free port, between ``with`` and the end of its block.

    Attributes
    ----------
    url
        Of the service.
    client
        Asks it; paths are enough, and redirects are not followed.
    """

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINIO_", "AWS_"))}
        self._environment = inherited | {"BRAINIO_HOME": str(home)} | _SETTINGS | environment
        self._options = options
        self._lines: list[str] = []
        self._read = threading.Thread(target=self._collect, daemon=True)

    def __enter__(self) -> Self:
        self.process = self._start()
        self._read.start()
        self.url = self._until(lambda: next((line.split()[2] for line in self.lines if "serving at" in line), ""))
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)
        self._until(self._is_ready)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.stop()
        self._read.join()

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Tell it to stop, wait until it has, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    @property
    def lines(self) -> list[str]:
        """What it has said so far."""
        return list(self._lines)

    def requests(self) -> list[dict[str, Any]]:
        """Return the lines of log of requests that it answered."""
        told = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [one for one in told if one["event"] == "request"]

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for something."""
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def eventually(self, holds: Any, seconds: float = 60) -> Any:
        """Return the first true answer of a function, which is asked until there is one, or for so long."""
        return self._until(holds, seconds)

    def _start(self) -> subprocess.Popen[bytes] | ForkedProcess:
        arguments = ["serve", "--port", "0", *self._options]
        self._stderr, writable = os.pipe()
        try:
            return self._run(arguments, writable)
        finally:
            os.close(writable)

    def _run(self, arguments: list[str], stderr: int) -> subprocess.Popen[bytes] | ForkedProcess:
        process = fork(arguments, self._environment, SERVICE_MODULES, stdout=stderr, stderr=stderr)
        return process or run_interpreter(arguments, self._environment, stderr)

    def _collect(self) -> None:
        with os.fdopen(self._stderr) as lines:
            self._lines.extend(lines)

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/healthz/ready").status_code == 200
        except httpx.TransportError:
            return False

    def _until(self, holds: Any, seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = holds()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError("".join(self.lines))


class NewInterpreterProcess(ServiceProcess):
    """`brainio serve` in a new interpreter instead of a forked one: for tests of the process itself."""

    def _run(self, arguments: list[str], stderr: int) -> subprocess.Popen[bytes] | ForkedProcess:
        return run_interpreter(arguments, self._environment, stderr)


def run_interpreter(arguments: list[str], environment: dict[str, str], stderr: int) -> subprocess.Popen[bytes]:
    """Start `python -m brainio`."""
    return subprocess.Popen([sys.executable, "-m", "brainio", *arguments], stderr=stderr, env=environment)
