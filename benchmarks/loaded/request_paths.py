"""Names of the served catalogs, and paths of requests for them. Imports no large library."""

import random
from urllib.parse import urlencode

from benchmarks.search_index import ANIMALS, REGIONS, TOPICS, entry_name

GENERATED, LAB, CHANGING = "generated.csv", "lab.csv", "changing.csv"
LAB_DATA = "lab.Load2026"
STIMULI = 96
FILE = f"/api/v1/files/lab/stimulus_set/zip/{LAB_DATA}"


def stimulus_id(number: int) -> str:
    """Return the id of a stimulus of the packaged set."""
    return f"stimulus{number:03d}"


def entry_path(number: int) -> str:
    """Return the path of an entry of the generated catalog."""
    return f"/api/v1/entries/generated/assembly/{entry_name(number)}"


def search_queries(count: int, entries: int, seed: int) -> list[str]:
    """Return encoded queries of many kinds: identifiers, one to three words, filters, words of all entries."""
    rng = random.Random(seed)
    return [urlencode(_random_query(rng, entries)) for _ in range(count)]


def _random_query(rng: random.Random, entries: int) -> dict[str, str | int]:
    topic, region, animal = rng.choice(TOPICS), rng.choice(REGIONS), rng.choice(ANIMALS)
    kinds: list[dict[str, str | int]] = [
        {"q": entry_name(rng.randrange(entries))},
        {"q": topic},
        {"q": f"{animal} {topic}"},
        {"q": f"{animal} {topic} {region}"},
        {"q": f"{topic} {rng.choice(TOPICS)}", "year": rng.randrange(1990, 2026)},
        {"q": animal, "kind": "assembly", "class": "NeuroidAssembly"},
        {"q": f"Author{rng.randrange(20_000)}"},
        {"q": f"{topic[:5]} {animal}"},
        {"region": "V4", "year": rng.randrange(1990, 2026)},
        {"q": "neurons"},
    ]
    return rng.choice(kinds)


def page_paths(entries: int, seed: int) -> dict[str, list[str]]:
    """Return the pages to measure: title -> paths of such pages."""
    rng = random.Random(seed)
    names = [entry_name(rng.randrange(entries)) for _ in range(500)]
    return {
        "front page": ["/"],
        "search": [f"/?{query}" for query in search_queries(1000, entries, seed)],
        "catalog": ["/catalog/generated", "/catalog/lab"],
        "assembly": [f"/assembly/lab/{LAB_DATA}"],
        "assemblies without files": [f"/assembly/generated/{name}" for name in names],
        "stimulus set, 48 pictures": [f"/stimulus_set/lab/{LAB_DATA}"],
        "stimulus": [f"/stimulus/lab/{LAB_DATA}?id={stimulus_id(number)}" for number in range(STIMULI)],
    }
