"""A service that is measured: the processes that it has, and the memory that these take."""

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

_PATIENCE = 300  # seconds for a service to be ready
Found = TypeVar("Found")


@dataclass(frozen=True)
class Process:
    """What a process takes: bytes of memory that are its own or shared, open files, threads."""

    pid: int
    memory: int
    files: int
    threads: int


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    pid: int

    def get(self, path: str, **headers: str) -> bytes:
        """Return the body of an answer, as it came over the wire."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=named), timeout=60) as answer:
            body: bytes = answer.read()
        return body

    def workers(self) -> list[int]:
        """Return the processes that answer: the children, or where there is one process, that one."""
        command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.pid)]
        lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        pids = [int(line.split()[0]) for line in lines if "resource_tracker" not in line]
        return sorted(pids) or [self.pid]

    def processes(self) -> list[Process]:
        """Return what all processes take now, the first one first."""
        return [process_of(pid) for pid in dict.fromkeys([self.pid, *self.workers()])]


def process_of(pid: int) -> Process:
    """Return what a process takes now; Linux only."""
    folder = Path("/proc", str(pid))
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return Process(
        pid, int(status["VmRSS"].split()[0]) * 1024, len(list((folder / "fd").iterdir())), int(status["Threads"])
    )


@contextmanager
def serving(folder: Path, catalogs: list[Path], *options: str, **environment: str) -> Iterator[Service]:
    """Start `brainio serve` on a free port with the catalogs, and stop it at the end; its log lies in the folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BRAINIO_")}
    own = {"BRAINIO_HOME": str(folder / "home"), "BRAINIO_CATALOGS": ",".join(map(str, catalogs))}
    command = [sys.executable, "-m", "brainio", "serve", "--port", "0", *options]
    log = folder / "service.log"
    with _running(command, log, inherited | own | environment) as process:
        said = until(lambda: re.search(r"serving at (http://\S+)", log.read_text()), process)
        service = Service(said[1], process.pid)
        until(lambda: _answers(service.url + "/healthz/ready"), process)
        yield service


@contextmanager
def bare(folder: Path, body: bytes) -> Iterator[str]:
    """Start one process of uvicorn with a bare FastAPI route that returns a body at `/`, and give its URL."""
    (folder / "body").write_bytes(body)
    (folder / "bare.py").write_text(
        "import pathlib\nimport fastapi\nBODY = pathlib.Path('body').read_bytes()\napp = fastapi.FastAPI()\n"
        "@app.get('/')\nasync def bare() -> fastapi.Response:\n"
        "    return fastapi.Response(BODY, media_type='application/json')\n"
    )
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--port", "0", "--no-access-log"]
    log = folder / "bare.log"
    with _running(command, log, dict(os.environ), folder) as process:
        url = until(lambda: re.search(r"running on (http://[\d.:]+)", log.read_text()), process)[1]
        until(lambda: _answers(url), process)
        yield url


def until(holds: Callable[[], Found | None], process: "subprocess.Popen[bytes] | None" = None) -> Found:
    """Return the first true answer of a function that is asked again and again, while a process runs."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and (process is None or process.poll() is None):
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise RuntimeError("the service did not become ready, or a worker was not replaced; its log says why")


@contextmanager
def _running(
    command: list[str], log: Path, environment: dict[str, str], folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment, cwd=folder)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=20).close()
    except (urllib.error.URLError, OSError):
        return False
    return True
