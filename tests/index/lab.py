"""A small lab on this machine whose catalog, publications and cards tests change, and an oracle that scans it."""

import csv
from collections.abc import Iterable
from pathlib import Path

from brainio.catalogs import Listing
from brainio.catalogs.cards import Card, card_bytes, card_location
from brainio.index.builder import versions_of
from brainio.index.documents import LISTED, Document, DocumentBuilder, words_by_field
from brainio.index.vocabulary import fold_name, has_prefix_match, query_words

COLUMNS = (
    *("identifier", "lookup_type", "class", "location_type", "location", "sha1", "stimulus_set_identifier"),
    *("aliases", "version", "status", "publication", "card"),
)
PUBLICATION = ("publication", "title", "authors", "year", "journal", "doi", "url")


class Lab:
    """A catalog of rows that name no files."""

    def __init__(self, folder: Path, name: str = "lab") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.catalog = folder, folder / f"{name}.csv"
        self.rows: list[dict[str, str]] = []
        self.papers: list[dict[str, str]] = []
        self.write()

    def add(self, identifier: str, lookup_type: str = "assembly", **columns: str) -> None:
        row = {
            "identifier": identifier,
            "lookup_type": lookup_type,
            "class": "NeuroidAssembly" if lookup_type == "assembly" else "StimulusSet",
            "location_type": "S3",
            "location": f"s3://lab/{len(self.rows)}",
            "sha1": f"{len(self.rows):040x}",
        }
        self.rows.append(row | {name.replace("cls", "class"): value for name, value in columns.items()})
        self.write()

    def publish(self, publication: str, **columns: str) -> None:
        self.papers.append({"publication": publication, **columns})
        self.write()

    def card(self, card: Card) -> str:
        """Write a card as packaging does, and return where it lies."""
        place = card_location(card["lookup_type"], card["identifier"])
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_bytes(card_bytes(card))
        new.replace(path)
        return place

    def write(self) -> None:
        _write(self.catalog, COLUMNS, self.rows)
        _write(self.folder / "publications.csv", PUBLICATION, self.papers)


def _write(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    new = path.with_suffix(".new")
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    new.replace(path)


def documents(listings: list[Listing]) -> list[Document]:
    maker = DocumentBuilder()
    return [
        maker.build(one.entry, is_current=one.is_current, is_ambiguous=one.is_ambiguous)
        for one in versions_of(listings)
    ]


def scan(every: Iterable[Document], text: str, *, old: bool = False) -> list[tuple[str, str, str]]:
    """Return kind, identifier and version of what has all words of a text: by looking at each document in turn."""
    asked, named = query_words(text), fold_name(text)
    found = []
    for document in every:
        words = " ".join(words_by_field(document).values())
        names = [fold_name(name) for name in (document.identifier, *document.aliases.split())]
        is_listed = old or document.status in LISTED
        if (is_listed and all(has_prefix_match(word, words) for word in asked)) or (named and named in names):
            found.append((document.lookup_type, document.identifier, document.version))
    return sorted(found)
