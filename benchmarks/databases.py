"""Speed of a large catalog as a CSV file, in SQLite and in PostgreSQL: `python -m benchmarks.databases`.

Prints the table of docs/operating.md.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from brainio.catalogs import add_catalog, append_rows, resolve
from brainio.catalogs.registry import CatalogSource, source_from
from brainio.catalogs.writing import copy_catalog
from tests.postgres import Postgres, find_programs

_LOOKUPS = 300


def catalog_row(number: int) -> dict[str, str]:
    """Return the row of an assembly with all columns that packaging fills."""
    name = f"lab.Author{number}"
    location = f"https://lab-bucket.s3.amazonaws.com/assy_lab_Author{number}.nc"
    required = {"identifier": name, "lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "S3"}
    hashes = {"sha1": f"{number:040x}", "sha256": f"{number:064x}", "size": str(number)}
    facts = {"status": "current", "publication": f"author{number}", "license": "CC-BY-4.0"}
    return required | {"location": location, "stimulus_set_identifier": f"lab.Set{number % 1000}"} | hashes | facts


def best_seconds(work: Callable[[], object], runs: int = 3) -> float:
    """Return the duration of the fastest of several runs."""
    durations = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        durations.append(time.perf_counter() - begin)
    return min(durations)


def look_up(catalog: str) -> None:
    """Resolve an identifier many times."""
    for _ in range(_LOOKUPS):
        resolve("assembly", "lab.Author5", catalog=catalog)


def measure(kind: str, catalog: CatalogSource, csv: CatalogSource, entries: int) -> list[str]:
    """Copy a catalog from the CSV file, measure it, and return its row of the table."""
    copying = "" if catalog is csv else f"{best_seconds(lambda: copy_catalog(csv, catalog), runs=1):.1f}"
    reading = best_seconds(catalog.read)
    numbers = iter(range(entries, entries + 3))
    adding = best_seconds(lambda: append_rows(catalog, [catalog_row(next(numbers))])) * 1e3
    add_catalog(catalog.location, kind)
    look_up(kind)
    time.sleep(2.1)  # brainio reads a file again at each lookup for 2 s after a write
    look_up(kind)
    looking_up = best_seconds(lambda: look_up(kind)) / _LOOKUPS * 1e6
    return [kind, f"{reading:.1f}", f"{adding:.0f}", f"{looking_up:.0f}", copying]


def main() -> None:
    """Measure all databases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000, help="size of the catalog (default 100,000)")
    entries = parser.parse_args().entries
    folder = find_programs()
    if folder is None:
        raise SystemExit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory() as work, Postgres(folder) as server:
        os.environ["BRAINIO_HOME"] = f"{work}/home"
        csv = source_from(f"{work}/catalog.csv")
        append_rows(csv, [catalog_row(number) for number in range(entries)])
        print(f"{entries:,} entries, {Path(csv.location).stat().st_size / 1e6:.0f} MB as CSV")
        databases = {"SQLite": f"sqlite:///{work}/catalog.db", "PostgreSQL": server.create_database()}
        sources = {kind: source_from(url) for kind, url in databases.items()} | {"CSV": csv}
        rows = [measure(kind, source, csv, entries) for kind, source in sources.items()]
    print(tabulate(rows, ["", "read all, s", "add an entry, ms", "look up, µs", "copy from CSV, s"]))


if __name__ == "__main__":
    main()
