"""Latency of concurrent searches over HTTP: `python -m benchmarks.search_latency [--entries 100000] [--rate 50]`.

Starts `brainio serve` on a generated catalog, with its index in SQLite and then in a new PostgreSQL server. Sends
different searches at a steady rate, without waiting for earlier responses: one to three words of titles, authors and
identifiers, with and without filters, some mistyped. Latency counts from the scheduled time of a search. The client and
the servers share this machine.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

import httpx
from tabulate import tabulate

from benchmarks.search_index import ANIMALS, CLASSES, REGIONS, TOPICS, VERBS, entry_name, write_catalog
from tests.postgres import Postgres, find_programs

_START_TIMEOUT = 300  # seconds


def random_search(rng: random.Random, entries: int) -> str:
    """Return the path and query of a random search."""
    kind = rng.random()
    topics = rng.sample([*TOPICS, *ANIMALS, *REGIONS, *VERBS], k=rng.choice([1, 2, 2, 3]))
    if kind < 0.2:
        words = entry_name(rng.randrange(entries))
    elif kind < 0.4:
        words = f"Author{rng.randrange(20_000)} {topics[0]}"
    elif kind < 0.45:
        words = f"{topics[0]} zebra{rng.randrange(1000)}"
    else:
        words = " ".join(topics)
    query = {"q": words}
    if rng.random() < 0.4:
        query["year"] = str(rng.randrange(1990, 2026))
    if rng.random() < 0.2:
        query["class"] = rng.choice(CLASSES)
    if rng.random() < 0.1:
        query["region"] = rng.choice(["V1", "V2", "V4", "MT"])
    return f"/api/v1/search?{urlencode(query)}"


@contextmanager
def serving(folder: Path, port: int, database: str, workers: int) -> Iterator[str]:
    """Run the service, and yield its URL once it can search."""
    environment = {"BRAINIO_HOME": str(folder / "home"), "BRAINIO_CATALOGS": str(folder / "generated.csv")}
    environment |= {"BRAINIO_SERVE_DATABASE": database, "BRAINIO_SERVE_ACCESS_LOG": "false"}
    command = [sys.executable, "-m", "brainio", "serve", "--port", str(port), "--workers", str(workers)]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log, env=os.environ | environment)
        try:
            end = time.monotonic() + _START_TIMEOUT
            while time.monotonic() < end:
                try:
                    with urllib.request.urlopen(f"{url}/api/v1/search?limit=0") as response:
                        if "generated" in json.load(response)["facets"]["catalog"]:
                            break
                except OSError:
                    time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            process.wait()


async def send_searches(url: str, paths: list[str], rate: float) -> list[float]:
    """Send searches at a rate per second, and return the latency of each in seconds."""
    limits = httpx.Limits(max_connections=200, keepalive_expiry=1)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=limits) as client:
        begin = time.perf_counter()

        async def send(number: int, path: str) -> float:
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            response = await client.get(path)
            response.raise_for_status()
            return time.perf_counter() - due

        return await asyncio.gather(*(send(number, path) for number, path in enumerate(paths)))


def measure(url: str, entries: int, rate: float, seconds: int, seed: int) -> dict[str, float]:
    """Return percentiles of the latency in ms, after a warm-up."""
    rng = random.Random(seed)
    asyncio.run(send_searches(url, [random_search(rng, entries) for _ in range(int(rate * 3))], rate))
    paths = [random_search(rng, entries) for _ in range(int(rate * seconds))]
    latencies = asyncio.run(send_searches(url, paths, rate))
    cuts = quantiles([seconds * 1e3 for seconds in latencies], n=100)
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "slowest": max(latencies) * 1e3}


def main() -> None:
    """Measure both databases, print the table and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_latency", description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=50, help="searches a second (default 50)")
    parser.add_argument("--seconds", type=int, default=30, help="duration of each measurement (default 30)")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the service (default 1)")
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    options = parser.parse_args()
    results = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_catalog(folder, options.entries, options.seed)
        databases = {"SQLite": ""}
        if (programs := find_programs()) is not None:
            databases["PostgreSQL"] = stack.enter_context(Postgres(programs)).create_database()
        for name, database in databases.items():
            with serving(folder, options.port, database, options.workers) as url:
                results[name] = measure(url, options.entries, options.rate, options.seconds, options.seed)
    rows = [
        {"index in": name} | {title: f"{ms:.0f} ms" for title, ms in latencies.items()}
        for name, latencies in results.items()
    ]
    print(f"{options.entries:,} entries, {options.rate:g} searches a second for {options.seconds} s")
    print(tabulate(rows, headers="keys", tablefmt="github"))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
