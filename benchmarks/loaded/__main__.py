"""Puts a real `brainio serve` under load with wrk, and prints a table of what is found beside what is wanted.

Everything is made from a seed in a temporary folder, on loopback addresses only. Rates are medians of rounds beside a
bare FastAPI route that is asked in the same rounds; wrk runs on the same machine and takes its share of it. Parts:
`entries` (JSON of entries beside the bare route), `search` (at a steady rate), `pages` (at a steady rate, and their
bytes), `memory` (minutes of mixed load while a catalog changes), `killed` (workers killed under load).
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
from benchmarks.loaded.endurance import measure_killing, measure_memory
from benchmarks.loaded.latency import Line, Plan, measure_entries, measure_pages, measure_search
from benchmarks.loaded.wrk import need_wrk

PARTS: dict[str, Callable[[Plan], list[Line]]] = {
    "entries": measure_entries,
    "search": measure_search,
    "pages": measure_pages,
    "memory": measure_memory,
    "killed": measure_killing,
}
_TINY = {"entries": 200, "rounds": 1, "seconds": 1.0, "minutes": 0.05, "kill_seconds": 6.0}
TEMPORARY = "temporary"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loaded", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help="these parts only"
    )
    parser.add_argument("--entries", type=int, default=100_000, help="of the catalog (default 100,000)")
    parser.add_argument("--rounds", type=int, default=5, help="of entries and the bare route in turn (default 5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (default 10; of search 30 at least)")
    parser.add_argument("--search-rate", type=float, default=50.0, help="searches a second (default 50)")
    parser.add_argument("--page-rate", type=float, default=20.0, help="pages a second (default 20)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of mixed load (default 10)")
    parser.add_argument("--kill-seconds", type=float, default=60.0, help="of load with kills (default 60)")
    parser.add_argument("--workers", type=int, default=2, help="processes that answer (default 2)")
    parser.add_argument("--database", metavar="URL", help=f"of `brainio serve`; {TEMPORARY}: PostgreSQL made for this")
    parser.add_argument("--seed", type=int, default=0, help="of the data (default 0)")
    parser.add_argument("--tiny", action="store_true", help="to see that it works; figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    return parser.parse_args()


def main() -> None:
    """Make the data, measure, print and write."""
    options = arguments()
    need_wrk()
    sizes = {name: getattr(options, name) for name in _TINY} | (_TINY if options.tiny else {})
    result: dict[str, Any] = {"machine": machine(), "seed": options.seed, **sizes, "parts": {}}
    with tempfile.TemporaryDirectory() as folder, _database(options.database) as database:
        _make(Path(folder), int(sizes["entries"]), options.seed)
        plan = Plan(
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
            lines = PARTS[part](plan)
            print(
                tabulate([_cells(line) for line in lines], [part, "found", "wanted", "met"], tablefmt="github"),
                "\n",
                flush=True,
            )
            result["parts"][part] = [asdict(line) for line in lines]
            print(f"{part}: measured in {time.monotonic() - begin:.0f} s", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def _cells(line: Line) -> list[str]:
    return [line.what, line.found, line.wanted, {True: "yes", False: "no", None: ""}[line.met]]


def _make(folder: Path, entries: int, seed: int) -> None:
    command = [sys.executable, "-m", "benchmarks.loaded.data", str(folder), str(entries), str(seed)]
    own = {"BRAINIO_HOME": str(folder / "home"), "BRAINIO_CATALOGS": ""}
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | own)


@contextmanager
def _database(said: str | None) -> Iterator[tuple[str, ...]]:
    """Give the options of the service that name a database."""
    if said != TEMPORARY:
        yield ("--database", said) if said else ()
        return
    from tests.postgres import Postgres, find_programs

    folder = find_programs()
    if folder is None:
        sys.exit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with Postgres(folder) as server:
        yield "--database", server.create_database()


if __name__ == "__main__":
    main()
