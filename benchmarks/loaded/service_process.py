"""The service under test: start it, and read the memory of its processes."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_START_TIMEOUT = 300  # seconds
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class ProcessUsage:
    """Resources of a process: resident memory in bytes, open files and threads."""

    pid: int
    memory: int
    files: int
    threads: int


@dataclass(frozen=True)
class Service:
    """A running `brainio serve`."""

    url: str
    pid: int

    def get(self, path: str, **headers: str) -> bytes:
        """Return the body of a response without decoding it."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=60) as response:
            body: bytes = response.read()
        return body

    def workers(self) -> list[int]:
        """Return the ids of the worker processes; a service with a single process has no others."""
        command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.pid)]
        lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        pids = [int(line.split()[0]) for line in lines if "resource_tracker" not in line]
        return sorted(pids) or [self.pid]

    def usage(self) -> list[ProcessUsage]:
        """Return the resources of all processes, starting with the main process."""
        return [process_usage(pid) for pid in dict.fromkeys([self.pid, *self.workers()])]


def process_usage(pid: int) -> ProcessUsage:
    """Return the resources of a process; Linux only."""
    folder = Path("/proc", str(pid))
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return ProcessUsage(
        pid, int(status["VmRSS"].split()[0]) * 1024, len(list((folder / "fd").iterdir())), int(status["Threads"])
    )


@contextmanager
def run_service(folder: Path, catalogs: list[Path], *options: str, **environment: str) -> Iterator[Service]:
    """Run `brainio serve` on a free port with the catalogs; its log is in the folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BRAINIO_")}
    own = {"BRAINIO_HOME": str(folder / "home"), "BRAINIO_CATALOGS": ",".join(map(str, catalogs))}
    command = [sys.executable, "-m", "brainio", "serve", "--port", "0", *options]
    log = folder / "service.log"
    with _run(command, log, inherited | own | environment) as process:
        match = wait_for(lambda: re.search(r"serving at (http://\S+)", log.read_text()), process)
        service = Service(match[1], process.pid)
        wait_for(lambda: _responds(service.url + "/healthz/ready"), process)
        yield service


@contextmanager
def bare_route(folder: Path, body: bytes) -> Iterator[str]:
    """Run one process of uvicorn with a bare FastAPI route that returns a body at `/`, and yield its URL."""
    (folder / "body").write_bytes(body)
    (folder / "bare.py").write_text(
        "import pathlib\nimport fastapi\nBODY = pathlib.Path('body').read_bytes()\napp = fastapi.FastAPI()\n"
        "@app.get('/')\nasync def bare() -> fastapi.Response:\n"
        "    return fastapi.Response(BODY, media_type='application/json')\n"
    )
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--port", "0", "--no-access-log"]
    log = folder / "bare.log"
    with _run(command, log, dict(os.environ), folder) as process:
        url = wait_for(lambda: re.search(r"running on (http://[\d.:]+)", log.read_text()), process)[1]
        wait_for(lambda: _responds(url), process)
        yield url


def wait_for(poll: Callable[[], Answer | None], process: "subprocess.Popen[bytes] | None" = None) -> Answer:
    """Call a function until it returns a true value, while a process runs, and return that value."""
    end = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < end and (process is None or process.poll() is None):
        answer = poll()
        if answer:
            return answer
        time.sleep(0.05)
    raise RuntimeError("the service did not become ready, or did not replace a worker; see its log")


@contextmanager
def _run(
    command: list[str], log: Path, environment: dict[str, str], folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=folder)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _responds(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=20).close()
    except (urllib.error.URLError, OSError):
        return False
    return True
