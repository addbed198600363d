"""Run `brainio serve` in its own process, and write the catalog of a lab for it to serve."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.fork_server import SERVICE_MODULES, ForkedProcess, fork

TOP = Path(__file__).parents[2]
CARNEY, ROKEM = "lab.Carney1999", "lab.Rokem2006"

# Most tests need no profiles, and the worker process that builds them uses CPU time.
_DEFAULTS = {"BRAINIO_SERVE_REFRESH_SECONDS": "0.1", "BRAINIO_SERVE_PROFILES": "false"}


def make_lab(folder: Path) -> Path:
    """Copy the demo catalog with its files, under identifiers of no installed catalog; return the CSV file."""
    shutil.copytree(TOP / "catalogs" / "brainio_demo", folder)
    catalog = folder / "lab.csv"
    text = (folder / "brainio_demo.csv").read_text()
    catalog.write_text(text.replace("modelfest.Carney1999,", f"{CARNEY},").replace("herz.Rokem2006,", f"{ROKEM},"))
    (folder / "brainio_demo.csv").unlink()
    return catalog


class ServiceProcess:
    """Context manager that runs `brainio serve` on a free port.

    Attributes
    ----------
    url
        Address of the service.
    client
        Client for paths of the service. It does not follow redirects.
    """

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINIO_", "AWS_"))}
        self._environment = inherited | {"BRAINIO_HOME": str(home)} | _DEFAULTS | environment
        self._options = options
        self._lines: list[str] = []
        self._read = threading.Thread(target=self._collect, daemon=True)

    def __enter__(self) -> Self:
        self.process = self._start()
        self._read.start()
        self.url = self.wait_until(lambda: next((line.split()[2] for line in self.lines if "serving at" in line), ""))
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False, verify=False)
        self.wait_until(self._is_ready)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.stop()
        self._read.join()

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the process to end, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    @property
    def lines(self) -> list[str]:
        """Lines of standard output and standard error so far."""
        return list(self._lines)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the log records of an event."""
        records = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [record for record in records if record["event"] == event]

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Send a GET request; underscores in the names of headers become hyphens."""
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def wait_until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """Call a function until it returns a true value, and return that; fail after some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError("".join(self.lines))

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


class NewInterpreterProcess(ServiceProcess):
    """`brainio serve` in a new interpreter instead of a forked process, for tests of the process itself."""

    def _run(self, arguments: list[str], stderr: int) -> subprocess.Popen[bytes] | ForkedProcess:
        return run_interpreter(arguments, self._environment, stderr)


def all_pages(service: ServiceProcess, field: str, path: str) -> list[dict[str, Any]]:
    """Return the items in a field of all pages that follow a path."""
    items, next_page = [], path
    while next_page:
        page = service.get(next_page).raise_for_status().json()
        items += page[field]
        next_page = page["next"]
    return items


def run_interpreter(arguments: list[str], environment: dict[str, str], stderr: int) -> subprocess.Popen[bytes]:
    """Start `python -m brainio` in a new interpreter."""
    return subprocess.Popen([sys.executable, "-m", "brainio", *arguments], stderr=stderr, env=environment)
