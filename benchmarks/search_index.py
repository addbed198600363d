"""Speed of the search index on generated catalogs: `python -m benchmarks.search_index [--sizes 1000 ...]`.

Measures each size in a separate process: reading the catalog, resolving identifiers, building the index, the memory for
that beyond the catalog, and searches with one to all entries as hits. Times are medians; each search is new to its open
index. With `--postgresql`, the index is in a new PostgreSQL server on this machine.
"""

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from tests.postgres import Postgres, find_programs

COLUMNS = (
    *("identifier", "lookup_type", "class", "location_type", "location", "sha1", "stimulus_set_identifier"),
    *("aliases", "publication"),
)
_PUBLICATION_COLUMNS = ("publication", "title", "authors", "year", "journal", "doi", "url")
_ENTRIES_PER_PUBLICATION = 10
_REPEATS = 15
TOPICS = (
    *("objects", "faces", "scenes", "textures", "natural images", "movies", "sentences", "speech", "tones", "gratings"),
    *("motion", "depth", "colour", "shapes", "words", "music", "odours", "reaching", "saccades", "rewards"),
)
REGIONS = ("V1", "V2", "V4", "inferior temporal cortex", "MT", "prefrontal cortex", "hippocampus", "auditory cortex")
ANIMALS = ("macaques", "humans", "mice", "marmosets", "ferrets", "rats")
VERBS = ("Coding of", "Responses to", "Selectivity for", "Invariance to", "Adaptation to", "Memory of", "Decoding")
CLASSES = ("NeuroidAssembly", "NeuronRecordingAssembly", "BehavioralAssembly")
# Title -> words and filters of a search, from few hits to all entries.
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "an identifier": ("lab7.Name70", {}),
    "two words, a region, a year": ("macaque textures", {"region": "V4", "year": 2010}),
    "a word": ("textures", {}),
    "a word, an assembly": ("textures", {"kind": "assembly"}),
    "two words": ("macaque saccades", {}),
    "a filter": ("", {"region": "V4"}),
    "a broad word": ("macaque", {}),
    "a word of all": ("cortex neurons", {}),
    "nothing has all words": ("textures zebra saccades", {}),
    "everything": ("", {}),
}


def write_catalog(folder: Path, entries: int, seed: int) -> Path:
    """Write a catalog of entries without files, ten for each publication, and its publications table."""
    rng = random.Random(seed)
    catalog = folder / "generated.csv"
    with catalog.open("w", newline="") as rows, (folder / "publications.csv").open("w", newline="") as papers:
        row_writer, paper_writer = csv.writer(rows), csv.writer(papers)
        row_writer.writerow(COLUMNS)
        paper_writer.writerow(_PUBLICATION_COLUMNS)
        for number in range(entries):
            paper = number // _ENTRIES_PER_PUBLICATION
            if number % _ENTRIES_PER_PUBLICATION == 0:
                paper_writer.writerow(_paper(paper, rng))
            row_writer.writerow(_row(number, f"paper{paper}"))
    return catalog


def entry_name(number: int) -> str:
    """Return the identifier of an entry by its number."""
    return f"lab{chr(97 + number // 10 % 26)}{chr(97 + number // 260 % 26)}.Name{number}"


def _row(number: int, publication: str) -> tuple[str, ...]:
    name = entry_name(number)
    location = f"https://benchmark.s3.amazonaws.com/assy_{number}.nc"
    return (
        *(name, "assembly", CLASSES[number % 3], "S3", location, f"{number:040x}", f"{name}.stimuli"),
        *(f"Name{number}", publication),
    )


def _paper(number: int, rng: random.Random) -> tuple[str, ...]:
    title = f"{rng.choice(VERBS)} {rng.choice(TOPICS)} and {rng.choice(TOPICS)} by neurons in {rng.choice(REGIONS)}"
    authors = " and ".join(f"Author{rng.randrange(20_000)}, {chr(65 + rng.randrange(26))}." for _ in range(5))
    year, journal = str(rng.randrange(1990, 2026)), f"Journal {rng.randrange(50)}"
    return f"paper{number}", f"{title} of {rng.choice(ANIMALS)}", authors, year, journal, f"10.1234/{number}", ""


def measure(folder: Path, entries: int, database: str) -> dict[str, Any]:
    """Measure one size in this process: the catalog in a folder, and the index in a database or in that folder."""
    os.environ |= {"BRAINIO_HOME": str(folder / "home"), "BRAINIO_CATALOGS": str(folder / "generated.csv")}
    from brainio.catalogs import listing, resolve
    from brainio.catalogs.publications import publications_of
    from brainio.index import search_among
    from brainio.index.index_store import OpenIndexes
    from brainio.index.postgresql_index import PostgresIndexStore
    from brainio.index.sqlite_index import SqliteIndexStore

    reading, _ = _time(lambda: publications_of(next(iter(listing("generated").entries.values()))))
    identifiers = [entry_name(number) for number in random.Random(1).sample(range(entries), min(1000, entries))]
    resolving = median(_time(lambda: [resolve("assembly", name) for name in identifiers])[0] for _ in range(_REPEATS))
    store = PostgresIndexStore(database) if database else SqliteIndexStore()
    before = _peak_memory(reset=True)
    indexing, _ = _time(lambda: search_among(None, "", {}, limit=0, indexes=OpenIndexes(store)))
    grown = _peak_memory() - before
    return {
        "entries": entries,
        "reading_s": reading,
        "resolving_us": resolving / len(identifiers) * 1e6,
        "indexing_s": indexing,
        "entries_per_s": entries / indexing,
        "memory_grown_mb": grown / 1e6,
        "index_mb": _index_size(folder, database) / 1e6,
        "searches": dict(_measure_searches(entries, lambda: OpenIndexes(store, fresh_seconds=60))),
    }


def _index_size(folder: Path, database: str) -> float:
    """Return the size of the only index in bytes."""
    if not database:
        return next((folder / "home" / "index").glob("*.sqlite")).stat().st_size
    from sqlalchemy import text

    from brainio.catalogs.backends.sql.connections import server_engine

    sizes = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace::regnamespace::text ~ 'index_'"
    with server_engine(database).connect() as connection:
        return float(connection.execute(text(f"{sizes} AND relkind = 'r'")).scalar_one())


def _measure_searches(entries: int, open_indexes: Callable[[], Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    from brainio.index import search_among

    all_indexes = [open_indexes() for _ in range(_REPEATS)]  # each caches its searches, so it runs each search once
    for indexes in all_indexes:
        search_among(None, "first", {}, indexes=indexes)
    for title, (text, filters) in SEARCHES.items():
        words = entry_name(entries // 2) if title == "an identifier" else text
        runs = [_time(partial(search_among, None, words, filters, indexes=indexes)) for indexes in all_indexes]
        result = runs[0][1]
        ms = median(seconds for seconds, _ in runs) * 1e3
        yield title, {"ms": ms, "hits": result.total}


def _time(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def _peak_memory(*, reset: bool = False) -> float:
    """Return the peak memory of this process in bytes, since the last reset; only Linux supports resets."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, on macOS
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Generate the catalogs, measure each size, print the tables and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_index", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 100_000, 1_000_000], metavar="ENTRIES")
    parser.add_argument("--seed", type=int, default=0, help="seed of the catalogs (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    parser.add_argument(
        "--postgresql", action="store_true", help="store the index in a PostgreSQL server instead of SQLite"
    )
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--database", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(measure(options.folder, options.sizes[0], options.database)))
        return
    results = [_measure_in_process(size, options.seed, postgresql=options.postgresql) for size in options.sizes]
    print(tabulate([_format_row(result) for result in results], headers="keys", tablefmt="github"), "\n")
    rows = [
        {"search, ms (hits)": title, **{_format_entries(result): _format_search(result, title) for result in results}}
        for title in SEARCHES
    ]
    print(tabulate(rows, headers="keys", tablefmt="github"))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def _measure_in_process(entries: int, seed: int, *, postgresql: bool) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        write_catalog(Path(folder), entries, seed)
        command = [sys.executable, "-m", "benchmarks.search_index", "--sizes", str(entries), "--in", folder]
        if postgresql:
            installed = find_programs()
            if installed is None:
                raise SystemExit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
            command += ["--database", stack.enter_context(Postgres(installed)).create_database()]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _format_entries(result: dict[str, Any]) -> str:
    return f"{result['entries']:,} entries"


def _format_row(result: dict[str, Any]) -> dict[str, str]:
    return {
        "entries": f"{result['entries']:,}",
        "catalog read": f"{result['reading_s']:.2f} s",
        "resolve, warm": f"{result['resolving_us']:.1f} us",
        "indexed": f"{result['indexing_s']:.2f} s",
        "entries/s": f"{result['entries_per_s']:,.0f}",
        "peak memory beyond the catalog": f"{result['memory_grown_mb']:.0f} MB",
        "index": f"{result['index_mb']:.1f} MB",
    }


def _format_search(result: dict[str, Any], title: str) -> str:
    search = result["searches"][title]
    return f"{search['ms']:.1f} ({search['hits']:,})"


if __name__ == "__main__":
    main()
