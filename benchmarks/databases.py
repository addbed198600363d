"""A catalog of 100,000 entries as a CSV file, in SQLite and in PostgreSQL: `python -m benchmarks.databases`.

Prints the table of docs/operating.md. Not one of the rows that are compared with other packages.
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


def row(number: int) -> dict[str, str]:
    """Return the row of an assembly with all that packaging states."""
    name = f"lab.Author{number}"
    where = f"https://lab-bucket.s3.amazonaws.com/assy_lab_Author{number}.nc"
    required = {"identifier": name, "lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "S3"}
    hashes = {"sha1": f"{number:040x}", "sha256": f"{number:064x}", "size": str(number)}
    facts = {"status": "current", "publication": f"author{number}", "license": "CC-BY-4.0"}
    return required | {"location": where, "stimulus_set_identifier": f"lab.Set{number % 1000}"} | hashes | facts


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """Return the shortest of several runs."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def look_up(name: str, times: int = 300) -> None:
    """Resolve an identifier many times."""
    for _ in range(times):
        resolve("assembly", "lab.Author5", catalog=name)


def measured(kind: str, place: CatalogSource, csv: CatalogSource, entries: int) -> list[str]:
    """Return one row of the table; the catalog is filled first."""
    copying = "" if place is csv else f"{seconds(lambda: copy_catalog(csv, place), times=1):.1f}"
    reading = seconds(place.read)
    numbers = iter(range(entries, entries + 3))
    adding = seconds(lambda: append_rows(place, [row(next(numbers))])) * 1e3
    add_catalog(place.location, kind)
    look_up(kind)
    time.sleep(2.1)  # a file that was written this moment is asked each time
    look_up(kind)
    looking_up = seconds(lambda: look_up(kind)) / 300 * 1e6
    return [kind, f"{reading:.1f}", f"{adding:.0f}", f"{looking_up:.0f}", copying]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    entries = parser.parse_args().entries
    folder = find_programs()
    if folder is None:
        raise SystemExit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory() as work, Postgres(folder) as server:
        os.environ["BRAINIO_HOME"] = f"{work}/home"
        csv = source_from(f"{work}/catalog.csv")
        append_rows(csv, [row(number) for number in range(entries)])
        print(f"{entries:,} entries, {Path(csv.location).stat().st_size / 1e6:.0f} MB as CSV")
        places = {"SQLite": f"sqlite:///{work}/catalog.db", "PostgreSQL": server.create_database(), "CSV": csv.location}
        found = [measured(kind, csv if kind == "CSV" else source_from(at), csv, entries) for kind, at in places.items()]
    print(tabulate(found, ["", "read all, s", "add an entry, ms", "look up, µs", "copy from CSV, s"]))


if __name__ == "__main__":
    main()
