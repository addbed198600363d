"""How many requests a second the service answers, beside a bare FastAPI route that returns the same bytes.

`python -m benchmarks.served` starts both in turn, one process each, with `wrk` (Debian: apt-get install wrk) asking,
and prints a table: medians of the rounds, and ratios to the bare route of the same round.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENTRY = "/api/v1/entries/brainio_demo/assembly/modelfest.Carney1999"
PATHS = {
    "entry": ENTRY,
    "entry, known to the client": ENTRY,
    "catalog as CSV": "/catalogs/brainscore",
    "search": "/api/v1/search?q=macaque+IT",
    "list of 100 entries": "/api/v1/entries?limit=100",
    "file of 38 kB": "/api/v1/files/brainio_demo/assembly/nc/modelfest.Carney1999",
}
BARE = """
import pathlib
import fastapi
BODY = pathlib.Path({path!r}).read_bytes()
app = fastapi.FastAPI()
@app.get("/")
async def bare() -> fastapi.Response:
    return fastapi.Response(BODY, media_type="application/json")
"""


@contextmanager
def started(command: list[str], url: str, folder: Path, **environment: str) -> Iterator[None]:
    """Start a server, and stop it at the end."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log, cwd=folder, env=os.environ | environment)
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(url).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait()


def asked(url: str, seconds: int, *headers: str) -> tuple[float, float]:
    """Return requests a second and the 99th percentile in ms of a run of wrk."""
    options = [option for header in headers for option in ("-H", header)]
    command = ["wrk", "--latency", "-t1", "-c32", f"-d{seconds}s", *options, url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", told)
    if rate is None or slowest is None or "Non-2xx or 3xx" in told:
        sys.exit(f"wrk did not measure {url}:\n{told}")
    return float(rate[1]), float(slowest[1]) * {"us": 0.001, "ms": 1, "s": 1000}[slowest[2]]


def one_round(folder: Path, seconds: int, port: int) -> dict[str, tuple[float, float]]:
    """Measure every path, and the bare route."""
    found = {}
    url = f"http://127.0.0.1:{port}"
    serve = [sys.executable, "-m", "brainio", "serve", "--port", str(port)]
    with started(serve, f"{url}/healthz/ready", folder, BRAINIO_HOME=str(folder / "home")):
        with urllib.request.urlopen(url + ENTRY) as answer:
            body, tag = answer.read(), answer.headers["ETag"]
        for name, path in PATHS.items():
            headers = [f"If-None-Match: {tag}"] if name.endswith("client") else []
            found[name] = asked(url + path, seconds, *headers)
    (folder / "body").write_bytes(body)
    (folder / "bare.py").write_text(BARE.format(path=str(folder / "body")))
    bare = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(port), "--no-access-log"]
    with started(bare, url, folder):
        found["bare FastAPI route"] = asked(url + "/", seconds)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--json", type=Path)
    said = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as folder:
        rounds = [one_round(Path(folder), said.seconds, said.port) for _ in range(said.rounds)]
    table = {}
    for name in rounds[0]:
        rates = [one[name][0] for one in rounds]
        ratios = [one[name][0] / one["bare FastAPI route"][0] for one in rounds]
        slowest = statistics.median(one[name][1] for one in rounds)
        table[name] = {"requests/s": statistics.median(rates), "ratio": statistics.median(ratios), "p99 ms": slowest}
        print(
            f"{name:30s} {table[name]['requests/s']:8.0f}/s {table[name]['ratio']:6.2f} x bare  p99 {slowest:6.1f} ms"
        )
    if said.json:
        said.json.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
