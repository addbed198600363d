"""Load generation with `wrk` (Debian: apt-get install wrk) on this machine, and its results."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("requests.lua")
_LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(frozen=True)
class Request:
    """A request and the expected response.

    Attributes
    ----------
    path : str
        Path with the query.
    status : int
        Expected status.
    headers : tuple of str
        Header lines such as `Range: bytes=0-9`.
    body : Path or None
        File with the expected body; None accepts any body.
    """

    path: str
    status: int = 200
    headers: tuple[str, ...] = ()
    body: Path | None = None

    @property
    def line(self) -> str:
        """The line of the request in the input of the script."""
        return "\t".join((self.path, str(self.status), "|".join(self.headers) or "-", str(self.body or "-")))


@dataclass(frozen=True)
class LoadResult:
    """Result of one run of wrk.

    Attributes
    ----------
    requests, seconds, bytes
        Number of responses, duration of the run, and size of the responses.
    p50_ms, p95_ms, p99_ms, most_ms
        Percentiles and maximum of the latency, including requests that a slow response delayed.
    broken, timeouts
        Number of broken connections, and of responses after more than ten seconds.
    refused
        Number of responses with a status of 400 or more.
    wrong, first_wrong
        Number of responses that differ from the expected ones (if compared), and a description of one of them.
    late
        Number of requests sent more than 10 ms after their scheduled time, because all connections were busy.
    """

    requests: int
    seconds: float
    bytes: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float
    broken: int
    timeouts: int
    refused: int
    wrong: int
    late: int
    first_wrong: str

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def is_clean(self) -> bool:
        """Whether every request has a response, and none is an error."""
        return not (self.broken or self.timeouts or self.refused or self.wrong)


def require_wrk() -> None:
    """Exit with a message if wrk is not installed."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")


def send_load(
    url: str,
    requests: Sequence[Request],
    seconds: float,
    *,
    rate: float = 0,
    connections: int = 32,
    compare: bool = False,
) -> LoadResult:
    """Send requests to a service repeatedly, in order.

    Parameters
    ----------
    url : str
        URL of the service, on 127.0.0.1.
    requests : sequence of Request
        The requests.
    seconds : float
        Duration, rounded to whole seconds, at least one.
    rate : float, default 0
        Requests per second; 0 sends the next request after each response.
    connections : int, default 32
        Number of connections.
    compare : bool, default False
        Compare each response with the expected one; each connection then uses its own thread of wrk.
    """
    if _LOOPBACK.fullmatch(url) is None:
        raise ValueError(f"{url} is not on the loopback interface; expected http://127.0.0.1:PORT")
    threads = connections if compare else 1
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.write("".join(f"{request.line}\n" for request in requests))
        file.flush()
        options = [f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        command = [
            "wrk",
            *options,
            "-s",
            str(_SCRIPT),
            url,
            "--",
            file.name,
            str(rate),
            str(threads),
            str(int(compare)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    _, marker, output = done.stdout.partition("MEASURED\t")
    if done.returncode or not marker:
        sys.exit(f"wrk did not measure {url}: {done.stdout}{done.stderr}")
    figures, _, first_wrong = output.rstrip("\n").partition("\t")
    return LoadResult(**json.loads(figures), first_wrong=first_wrong)
