"""Asks a service on this machine with `wrk` (Debian: apt-get install wrk), and reads what it measured."""

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
class Ask:
    """One request, and what the answer has to be.

    Attributes
    ----------
    path : str
        With the query.
    status : int
        Of the answer.
    headers : tuple of str
        Lines such as `Range: bytes=0-9`.
    body : Path or None
        A file that holds the body which is expected; None: any.
    """

    path: str
    status: int = 200
    headers: tuple[str, ...] = ()
    body: Path | None = None

    @property
    def line(self) -> str:
        """As the script reads it."""
        return "\t".join((self.path, str(self.status), "|".join(self.headers) or "-", str(self.body or "-")))


@dataclass(frozen=True)
class Measured:
    """What one run found.

    Attributes
    ----------
    requests, seconds, bytes
        That were answered, in which time, with how many bytes.
    p50_ms, p95_ms, p99_ms, most_ms
        Times of answers. wrk adds the times of requests that a slow answer kept from being made.
    broken, timeouts
        Connections that broke, and answers that took more than ten seconds.
    refused
        Answers with a status of 400 or more.
    wrong, first_wrong
        Answers that were not as expected (counted where they were compared), and one of them in words.
    late
        Requests that were made more than 10 ms after their time, since all connections were waiting.
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
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def is_clean(self) -> bool:
        """Whether every request was answered, and none with an error."""
        return not (self.broken or self.timeouts or self.refused or self.wrong)


def need_wrk() -> None:
    """End the program where wrk is not installed."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")


def ask(
    url: str, asks: Sequence[Ask], seconds: float, *, rate: float = 0, connections: int = 32, compare: bool = False
) -> Measured:
    """Ask for addresses in turn.

    Parameters
    ----------
    url : str
        Of the service, on 127.0.0.1.
    asks : sequence of Ask
        From the first to the last, and again.
    seconds : float
        How long; rounded to whole seconds, one at least.
    rate : float, default 0
        Requests a second; 0: as fast as answers come.
    connections : int, default 32
        That are open at once.
    compare : bool, default False
        Whether answers are compared with what is expected; each connection has a thread of wrk then.
    """
    if _LOOPBACK.fullmatch(url) is None:
        raise ValueError(f"{url} is no address of this machine's loopback interface")
    threads = connections if compare else 1
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as addresses:
        addresses.write("".join(f"{one.line}\n" for one in asks))
        addresses.flush()
        options = [f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        command = [
            "wrk",
            *options,
            "-s",
            str(_SCRIPT),
            url,
            "--",
            addresses.name,
            str(rate),
            str(threads),
            str(int(compare)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    _, is_there, told = done.stdout.partition("MEASURED\t")
    if done.returncode or not is_there:
        sys.exit(f"wrk did not measure {url}: {done.stdout}{done.stderr}")
    figures, _, first_wrong = told.rstrip("\n").partition("\t")
    return Measured(**json.loads(figures), first_wrong=first_wrong)
