"""How long searches take over HTTP while others search: `python -m benchmarks.search_latency [--entries 100000] [--rate 50]`.

Starts `brainio serve` on a generated catalog, once with its index in SQLite and once in PostgreSQL, and asks so many
different questions a second, whether or not the ones before were answered: words of titles, authors and identifiers,
one to three at a time, with and without filters, some mistyped, some pages further on. Times begin when a question was
due. The server of PostgreSQL is a new one; whoever asks and both servers share the machine.
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

from benchmarks.search_index import _CLASSES, _VERBS, ANIMALS, PLACES, TOPICS, name_of, write_catalog
from tests.postgres import Postgres, find_programs

_LONGEST_START = 300  # seconds


def question(rng: random.Random, entries: int) -> str:
    """Return the address of one search."""
    kind = rng.random()
    topics = rng.sample([*TOPICS, *ANIMALS, *PLACES, *_VERBS], k=rng.choice([1, 2, 2, 3]))
    if kind < 0.2:
        words = name_of(rng.randrange(entries))
    elif kind < 0.4:
        words = f"Author{rng.randrange(20_000)} {topics[0]}"
    elif kind < 0.45:
        words = f"{topics[0]} zebra{rng.randrange(1000)}"
    else:
        words = " ".join(topics)
    asked = {"q": words}
    if rng.random() < 0.4:
        asked["year"] = str(rng.randrange(1990, 2026))
    if rng.random() < 0.2:
        asked["class"] = rng.choice(_CLASSES)
    if rng.random() < 0.1:
        asked["region"] = rng.choice(["V1", "V2", "V4", "MT"])
    return f"/api/v1/search?{urlencode(asked)}"


@contextmanager
def serving(folder: Path, port: int, database: str, workers: int) -> Iterator[str]:
    """Run the service until the end of the block, and return its URL once it can search."""
    environment = {"BRAINIO_HOME": str(folder / "home"), "BRAINIO_CATALOGS": str(folder / "generated.csv")}
    environment |= {"BRAINIO_SERVE_DATABASE": database, "BRAINIO_SERVE_ACCESS_LOG": "false"}
    command = [sys.executable, "-m", "brainio", "serve", "--port", str(port), "--workers", str(workers)]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log, env=os.environ | environment)
        try:
            end = time.monotonic() + _LONGEST_START
            while time.monotonic() < end:
                try:
                    with urllib.request.urlopen(f"{url}/api/v1/search?limit=0") as answer:
                        if "generated" in json.load(answer)["facets"]["catalog"]:
                            break
                except OSError:
                    time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            process.wait()


async def ask_all(url: str, questions: list[str], rate: float) -> list[float]:
    """Ask so many questions a second and return how long each took, in seconds."""
    limits = httpx.Limits(max_connections=200, keepalive_expiry=1)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=limits) as client:
        begin = time.perf_counter()

        async def ask(number: int, path: str) -> float:
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            answer = await client.get(path)
            answer.raise_for_status()
            return time.perf_counter() - due

        return await asyncio.gather(*(ask(number, path) for number, path in enumerate(questions)))


def measured(url: str, entries: int, rate: float, seconds: int, seed: int) -> dict[str, float]:
    """Return percentiles of the times of questions, in ms, after some others that nobody counts."""
    rng = random.Random(seed)
    asyncio.run(ask_all(url, [question(rng, entries) for _ in range(int(rate * 3))], rate))
    questions = [question(rng, entries) for _ in range(int(rate * seconds))]
    taken = asyncio.run(ask_all(url, questions, rate))
    cuts = quantiles([one * 1e3 for one in taken], n=100)
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "slowest": max(taken) * 1e3}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_latency", description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=50, help="questions a second (default 50)")
    parser.add_argument("--seconds", type=int, default=30, help="of each measurement (default 30)")
    parser.add_argument("--workers", type=int, default=1, help="processes of the service (default 1)")
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    said = parser.parse_args()
    found = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_catalog(folder, said.entries, said.seed)
        databases = {"SQLite": ""}
        if (installed := find_programs()) is not None:
            databases["PostgreSQL"] = stack.enter_context(Postgres(installed)).create_database()
        for name, database in databases.items():
            with serving(folder, said.port, database, said.workers) as url:
                found[name] = measured(url, said.entries, said.rate, said.seconds, said.seed)
    rows = [{"index in": name} | {title: f"{ms:.0f} ms" for title, ms in one.items()} for name, one in found.items()]
    print(f"{said.entries:,} entries, {said.rate:g} questions a second for {said.seconds} s")
    print(tabulate(rows, headers="keys", tablefmt="github"))
    if said.json:
        said.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
