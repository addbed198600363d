"""Command line of the benchmarks: `python -m benchmarks [--quick] [--peer PYTHON]`, from the top of the project.

This process imports no large library, because child processes inherit its peak memory.
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

from benchmarks.cases import CASES, FACTORS, Case
from benchmarks.data_files import SIZES
from benchmarks.implementations import PEER, Implementation, ImplementationError, RunFolder, install_peer
from benchmarks.measurements import measure_case, measure_scaling
from benchmarks.report import case_record, format_scaling, format_table

_REPEATS = {"full": 5, "quick": 3, "tiny": 1}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--quick", dest="mode", action="store_const", const="quick", help="use 1/77 of the data; takes under a minute"
    )
    mode.add_argument(
        "--tiny",
        dest="mode",
        action="store_const",
        const="tiny",
        help="use minimal data; tests the benchmarks only",
    )
    parser.set_defaults(mode="full")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=[case.name for case in CASES], help="run only these cases"
    )
    parser.add_argument(
        "--scaling", action="store_true", help="measure 1, 4 and 16 times the presentations instead of the cases"
    )
    parser.add_argument("--repeats", type=_positive, metavar="N", help="number of runs, of which the median counts")
    parser.add_argument("--seed", type=int, default=0, help="seed of the data (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        default=_default_cache(),
        help="folder of data and peer (%(default)s)",
    )
    peer = parser.add_mutually_exclusive_group()
    peer.add_argument("--peer", metavar="PYTHON", help="interpreter of an environment with brainscore-brainio 1.1.0")
    peer.add_argument(
        "--install-peer", action="store_true", help="create that environment in the cache folder; needs Python 3.11"
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
    """Return a description of the machine."""
    cpus = Path("/proc/cpuinfo")
    models = [line for line in cpus.read_text().splitlines() if line.startswith("model name")] if cpus.exists() else []
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load_average": os.getloadavg(),
    }


def main() -> None:
    """Generate the data, run the benchmarks, print the tables and write the results."""
    options = arguments()
    cache = options.cache.absolute()
    run_folder = RunFolder(cache / f"{options.mode}-{options.seed}", options.mode)
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
        print(f"generating the data in {run_folder.folder}", file=sys.stderr)
        run_folder.generate_data(sys.executable, options.seed, FACTORS if options.scaling else ())
        if options.scaling:
            result |= run_scaling(run_folder, repeats)
        else:
            cases = [case for case in CASES if not options.only or case.name in options.only]
            result |= run_cases(cases, run_folder, repeats, peer)
    except ImplementationError as error:
        sys.exit(str(error))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def run_cases(cases: list[Case], run_folder: RunFolder, repeats: int, peer: str | None) -> dict[str, Any]:
    """Measure all cases and print the table."""
    missing = "" if peer else "absent: name its interpreter with --peer, or install it with --install-peer"
    with ExitStack() as stack:
        implementations = {name: Implementation(run_folder, sys.executable, name) for name in ("ours", "floor")}
        if peer:
            implementations["peer"] = Implementation(run_folder, peer, "peer")
        for implementation in implementations.values():
            stack.callback(implementation.close)
        versions = {name: implementation.call("versions") for name, implementation in implementations.items()}
        if peer and PEER not in versions["peer"]:
            raise ImplementationError(f"the environment of {peer} lacks {PEER}; --install-peer creates one with it")
        records = []
        for case in cases:
            begin = time.monotonic()
            result = measure_case(case, implementations, run_folder, repeats)
            records.append(case_record(result, run_folder.mode, missing))
            print(f"{case.name}: measured in {time.monotonic() - begin:.0f} s", file=sys.stderr)
    print(format_table(records))
    if missing:
        print(f"- the peer is {missing}")
    return {"versions": versions, "rows": records}


def run_scaling(run_folder: RunFolder, repeats: int) -> dict[str, Any]:
    """Measure time and memory of 1, 4 and 16 times the presentations, and print the table."""
    with ExitStack() as stack:
        ours = Implementation(run_folder, sys.executable, "ours")
        stack.callback(ours.close)
        versions = {"ours": ours.call("versions")}
        results = measure_scaling(ours, run_folder, repeats)
    print(f"{SIZES[run_folder.mode].scaling_neuroids} neuroids, so that 16 times the presentations fit into memory")
    print(format_scaling(results))
    return {"versions": versions, "scaling": [asdict(result) for result in results]}


if __name__ == "__main__":
    main()
