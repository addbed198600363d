"""A small local lab whose catalog, publications and cards tests change, and a linear scan as a reference for search."""

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
    """A catalog whose files do not exist."""

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
        """Write a card like packaging does, and return its path in the folder of the catalog."""
        location = card_location(card["lookup_type"], card["identifier"])
        path = self.folder / location
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_bytes(card_bytes(card))
        new.replace(path)
        return location

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


def build_documents(listings: list[Listing]) -> list[Document]:
    builder = DocumentBuilder()
    return [
        builder.build(version.entry, is_current=version.is_current, is_ambiguous=version.is_ambiguous)
        for version in versions_of(listings)
    ]


def scan(documents: Iterable[Document], text: str, *, include_superseded: bool = False) -> list[tuple[str, str, str]]:
    """Return kind, identifier and version of each document that has all words of a text, without an index."""
    searched_words, searched_name = query_words(text), fold_name(text)
    found = []
    for document in documents:
        words = " ".join(words_by_field(document).values())
        names = [fold_name(name) for name in (document.identifier, *document.aliases.split())]
        is_listed = include_superseded or document.status in LISTED
        has_all_words = all(has_prefix_match(word, words) for word in searched_words)
        if (is_listed and has_all_words) or (searched_name and searched_name in names):
            found.append((document.lookup_type, document.identifier, document.version))
    return sorted(found)
