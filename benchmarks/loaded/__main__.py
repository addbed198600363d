"""Load tests of a real `brainio serve` with wrk: `python -m benchmarks.loaded`.

Prints a table of results and targets. Generates the data from a seed in a temporary folder, and uses only loopback
addresses. Rates are medians of rounds, and are compared with a bare FastAPI route in the same rounds; wrk shares the
machine with the service. Parts: `entries` (JSON of entries, compared with the bare route), `search` (at a steady
rate), `pages` (at a steady rate, and their size), `memory` (minutes of mixed load while a catalog changes), `killed`
(workers killed under load).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.__main__ import machine
from benchmarks.loaded.endurance import measure_kills, measure_memory
from benchmarks.loaded.latency import LoadSettings, Result, measure_entries, measure_pages, measure_search
from benchmarks.loaded.wrk import require_wrk

PARTS: dict[str, Callable[[LoadSettings], list[Result]]] = {
    "entries": measure_entries,
    "search": measure_search,
    "pages": measure_pages,
    "memory": measure_memory,
    "killed": measure_kills,
}
_TINY = {"entries": 200, "rounds": 1, "seconds": 1.0, "minutes": 0.05, "kill_seconds": 6.0}
TEMPORARY = "temporary"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loaded", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help="run only these parts"
    )
    parser.add_argument("--entries", type=int, default=100_000, help="size of the catalog (default 100,000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of part entries (default 5)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="duration of a run (default 10; search at least 30)"
    )
    parser.add_argument("--search-rate", type=float, default=50.0, help="searches per second (default 50)")
    parser.add_argument("--page-rate", type=float, default=20.0, help="pages per second (default 20)")
    parser.add_argument("--minutes", type=float, default=10.0, help="duration of part memory (default 10)")
    parser.add_argument("--kill-seconds", type=float, default=60.0, help="duration of part killed (default 60)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the service (default 2)")
    parser.add_argument("--database", metavar="URL", help=f"database of the service; {TEMPORARY}: a new PostgreSQL")
    parser.add_argument("--seed", type=int, default=0, help="seed of the data (default 0)")
    parser.add_argument("--tiny", action="store_true", help="use minimal data; tests the benchmarks only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    return parser.parse_args()


def main() -> None:
    """Generate the data, run the parts, print the tables and write the results."""
    options = arguments()
    require_wrk()
    sizes = {name: getattr(options, name) for name in _TINY} | (_TINY if options.tiny else {})
    record: dict[str, Any] = {"machine": machine(), "seed": options.seed, **sizes, "parts": {}}
    with tempfile.TemporaryDirectory() as folder, _database(options.database) as database:
        _generate_data(Path(folder), int(sizes["entries"]), options.seed)
        settings = LoadSettings(
            data=Path(folder),
            seed=options.seed,
            search_rate=options.search_rate,
            page_rate=options.page_rate,
            workers=options.workers,
            options=database,
            **sizes,
        )
        for part in options.only:
            begin = time.monotonic()
            results = PARTS[part](settings)
            print(
                tabulate([_cells(result) for result in results], [part, "found", "target", "met"], tablefmt="github"),
                "\n",
                flush=True,
            )
            record["parts"][part] = [asdict(result) for result in results]
            print(f"{part}: measured in {time.monotonic() - begin:.0f} s", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")


def _cells(result: Result) -> list[str]:
    return [result.title, result.text, result.target, {True: "yes", False: "no", None: ""}[result.met]]


def _generate_data(folder: Path, entries: int, seed: int) -> None:
    command = [sys.executable, "-m", "benchmarks.loaded.data", str(folder), str(entries), str(seed)]
    own = {"BRAINIO_HOME": str(folder / "home"), "BRAINIO_CATALOGS": ""}
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | own)


@contextmanager
def _database(option: str | None) -> Iterator[tuple[str, ...]]:
    """Yield the database options of the service; start a PostgreSQL server if requested."""
    if option != TEMPORARY:
        yield ("--database", option) if option else ()
        return
    from tests.postgres import Postgres, find_programs

    folder = find_programs()
    if folder is None:
        sys.exit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with Postgres(folder) as server:
        yield "--database", server.create_database()


if __name__ == "__main__":
    main()
