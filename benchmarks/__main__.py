"""Runs the benchmarks: `python -m benchmarks [--quick] [--peer PYTHON]`, from the top of the project.

This process imports none of the libraries: its own peak memory would count for the processes that it starts.
"""

import argparse
import json
import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cases import FACTORS, ROWS, Row
from benchmarks.data_files import SIZES
from benchmarks.implementations import PEER, Position, Side, SideError, install_peer
from benchmarks.measurements import measure, measure_scaling
from benchmarks.report import as_record, scaling_table, table

_REPEATS = {"full": 5, "quick": 3, "tiny": 1}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--quick", dest="mode", action="store_const", const="quick", help="under a minute: 1/77 of the data"
    )
    mode.add_argument(
        "--tiny", dest="mode", action="store_const", const="tiny", help="to see that it works; times mean nothing"
    )
    parser.set_defaults(mode="full")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[row.name for row in ROWS], help="these rows only")
    parser.add_argument(
        "--scaling", action="store_true", help="1, 4 and 16 times the presentations instead of the table"
    )
    parser.add_argument("--repeats", type=_positive, metavar="N", help="runs of each side of which the median is taken")
    parser.add_argument("--seed", type=int, default=0, help="of the data (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", default=_default_cache(), help="where data are kept (%(default)s)"
    )
    peer = parser.add_mutually_exclusive_group()
    peer.add_argument("--peer", metavar="PYTHON", help="interpreter of an environment with brainscore-brainio 1.1.0")
    peer.add_argument(
        "--install-peer", action="store_true", help="make that environment in the cache folder (Python 3.11)"
    )
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {text}")
    return number


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "brainio-benchmarks"


def machine() -> dict[str, Any]:
    """Describe the machine."""
    cpus = Path("/proc/cpuinfo")
    models = [line for line in cpus.read_text().splitlines() if line.startswith("model name")] if cpus.exists() else []
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load_average": os.getloadavg(),
    }


def main() -> None:
    """Make the data, start the sides, measure, print and write."""
    options = arguments()
    cache = options.cache.absolute()
    place = Position(cache / f"{options.mode}-{options.seed}", options.mode)
    repeats = options.repeats or _REPEATS[options.mode]
    result: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "mode": options.mode,
        "seed": options.seed,
        "repeats": repeats,
        "sizes": asdict(SIZES[options.mode]),
        "machine": machine(),
    }
    try:
        peer = install_peer(cache) if options.install_peer else options.peer
        print(f"making the data in {place.folder}", file=sys.stderr)
        place.make_data(sys.executable, options.seed, FACTORS if options.scaling else ())
        if options.scaling:
            result |= run_scaling(place, repeats)
        else:
            rows = [row for row in ROWS if not options.only or row.name in options.only]
            result |= run_rows(rows, place, repeats, peer)
    except SideError as error:
        sys.exit(str(error))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def run_rows(rows: list[Row], place: Position, repeats: int, peer: str | None) -> dict[str, Any]:
    """Measure and print the table."""
    missing = "" if peer else "absent: name its interpreter by --peer, or have it made by --install-peer"
    with ExitStack() as running:
        sides = {"ours": Side(place, sys.executable, "ours"), "floor": Side(place, sys.executable, "floor")}
        if peer:
            sides["peer"] = Side(place, peer, "peer")
        for side in sides.values():
            running.callback(side.close)
        versions = {name: side.ask("about") for name, side in sides.items()}
        if peer and PEER not in versions["peer"]:
            raise SideError(f"the environment of {peer} has no {PEER}; --install-peer makes one that has")
        records = []
        for row in rows:
            begin = time.monotonic()
            records.append(as_record(measure(row, sides, place, repeats), place.mode, missing))
            print(f"{row.name}: measured in {time.monotonic() - begin:.0f} s", file=sys.stderr)
    print(table(records))
    if missing:
        print(f"- the peer is {missing}")
    return {"versions": versions, "rows": records}


def run_scaling(place: Position, repeats: int) -> dict[str, Any]:
    """Measure and print how time and memory grow."""
    with ExitStack() as running:
        ours = Side(place, sys.executable, "ours")
        running.callback(ours.close)
        versions = {"ours": ours.ask("about")}
        scaled = measure_scaling(ours, place, repeats)
    print(f"{SIZES[place.mode].scaling_neuroids} neuroids, so that 16 times the presentations fit into memory")
    print(scaling_table(scaled))
    return {"versions": versions, "scaling": [asdict(one) for one in scaled]}


if __name__ == "__main__":
    main()
