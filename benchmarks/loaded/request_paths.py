"""What the catalogs that are served are called, and the addresses that are asked for. Imports none of the libraries."""

import random
from urllib.parse import urlencode

from benchmarks.search_index import ANIMALS, PLACES, TOPICS, name_of

GENERATED, LAB, CHANGING = "generated.csv", "lab.csv", "changing.csv"
LAB_DATA = "lab.Load2026"
STIMULI = 96
FILE = f"/api/v1/files/lab/stimulus_set/zip/{LAB_DATA}"


def stimulus_id(number: int) -> str:
    """Return the identifier of a stimulus of the packaged set."""
    return f"stimulus{number:03d}"


def entry(number: int) -> str:
    """Return the address of an entry of the generated catalog."""
    return f"/api/v1/entries/generated/assembly/{name_of(number)}"


def questions(count: int, entries: int, seed: int) -> list[str]:
    """Return queries of many kinds: identifiers, one to three words, filters, words that all entries have."""
    rng = random.Random(seed)
    return [urlencode(_question(rng, entries)) for _ in range(count)]


def _question(rng: random.Random, entries: int) -> dict[str, str | int]:
    topic, place, animal = rng.choice(TOPICS), rng.choice(PLACES), rng.choice(ANIMALS)
    kinds: list[dict[str, str | int]] = [
        {"q": name_of(rng.randrange(entries))},
        {"q": topic},
        {"q": f"{animal} {topic}"},
        {"q": f"{animal} {topic} {place}"},
        {"q": f"{topic} {rng.choice(TOPICS)}", "year": rng.randrange(1990, 2026)},
        {"q": animal, "kind": "assembly", "class": "NeuroidAssembly"},
        {"q": f"Author{rng.randrange(20_000)}"},
        {"q": f"{topic[:5]} {animal}"},
        {"region": "V4", "year": rng.randrange(1990, 2026)},
        {"q": "neurons"},
    ]
    return rng.choice(kinds)


def pages(entries: int, seed: int) -> dict[str, list[str]]:
    """Return the pages that are measured: what they are called -> addresses of such pages."""
    rng = random.Random(seed)
    some = [name_of(rng.randrange(entries)) for _ in range(500)]
    return {
        "front page": ["/"],
        "search": [f"/?{query}" for query in questions(1000, entries, seed)],
        "catalog": ["/catalog/generated", "/catalog/lab"],
        "assembly": [f"/assembly/lab/{LAB_DATA}"],
        "assemblies in name only": [f"/assembly/generated/{name}" for name in some],
        "stimulus set, 48 pictures": [f"/stimulus_set/lab/{LAB_DATA}"],
        "stimulus": [f"/stimulus/lab/{LAB_DATA}?id={stimulus_id(number)}" for number in range(STIMULI)],
    }
