"""Write the catalog `brainscore` from the tables of facts next to it.

Run it from the top of the project::

    python packaging_scripts/brainscore_catalog.py

It reads `catalogs/brainscore/facts/` and writes `catalogs/brainscore/brainscore.csv`, `publications.csv`, the cards of
unavailable entries, and the cards of assemblies with stated facts. It changes no card that was computed from data.
Running it again gives the same bytes. `catalogs/brainscore/README.md` explains the tables and their sources.
"""

import argparse
import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from brainio.cards import normalize_facts
from brainio.catalogs.cards import Card, card_bytes, card_location
from brainio.catalogs.entries import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from brainio.catalogs.publications import COLUMNS as PUBLICATION_COLUMNS
from brainio.dois import doi_of_url, parse_doi

FOLDER = Path(__file__).parents[1] / "catalogs" / "brainscore"
COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
NO_CSV = (
    "Its publishers state the location of a ZIP archive only: there is no CSV file that would name the stimuli, and no "
    "hash or version id that would tell whether the bytes are the right ones."
)
DISABLED_STATUS = {"stimulus_set": "unavailable", "assembly": "deprecated"}
"""Status of entries that Brain-Score disabled: the file names of sets do not match, assemblies can be loaded."""

CARD_FACTS = {"species": "species", "regions": "region", "animals": "animal"}
SIZES = ("subjects", "presentations", "stimuli", "repetitions", "neuroids", "time_bins")
CLASS_UNSTATED = {"csv": "StimulusSet", "zip": "", "nc": "DataAssembly"}

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """Read a table of facts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def current_rows(published: Iterable[Row]) -> Iterator[Row]:
    """Yield a catalog row for each published file."""
    for fact in published:
        row = {column: fact.get(column, "") for column in COLUMNS}
        row |= {"location_type": "S3", "status": "current"}
        if fact["part"] == "zip" and not fact["sha1"]:
            row |= {"status": "unavailable", "card": card_of(fact["identifier"])}
        yield row


def disabled_rows(disabled: Iterable[Row]) -> Iterator[Row]:
    """Yield a catalog row for each file that Brain-Score publishes but does not register."""
    for fact in disabled:
        row = {column: fact.get(column, "") for column in COLUMNS}
        yield row | {
            "location_type": "S3",
            "status": DISABLED_STATUS[fact["lookup_type"]],
            "card": card_of(fact["identifier"]),
        }


def superseded_rows(superseded: Iterable[Row], current: list[Row]) -> Iterator[Row]:
    """Yield the rows of entries whose files of 2021 differ from today's, each as a separate entry.

    Such an entry shares unchanged files with its successor. If the identifier did not change either, the entry of 2021
    is version 1 and today's is version 2; neither has a successor.
    """
    by_entry: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for fact in superseded:
        by_entry[fact["lookup_type"], fact["identifier"]].append(fact)
    set_of_2021 = {
        facts[0]["current_identifier"]: identifier
        for (lookup_type, identifier), facts in by_entry.items()
        if lookup_type == "stimulus_set" and facts[0]["current_identifier"]
    }
    for (lookup_type, identifier), facts in by_entry.items():
        successor = facts[0]["current_identifier"]
        today = [row for row in current if (row["lookup_type"], row["identifier"]) == (lookup_type, successor)]
        same = successor == identifier
        replaced = {fact["part"] for fact in facts}
        common = {
            "lookup_type": lookup_type,
            "identifier": identifier,
            "location_type": "S3",
            "version": "1" if same else "",
            "status": "superseded" if successor else "deprecated",
            "successor": "" if same else successor,
            "aliases": "",
            "card": "",
        }
        for row in today:
            if same:
                row["version"] = "2"  # today's
            if part_of(row) not in replaced:
                yield row | common
        for fact in facts:
            like = next((row for row in today if part_of(row) == fact["part"]), dict.fromkeys(COLUMNS, ""))
            own = {"location": fact["location"], "sha1": fact["sha1"], "version_id": "", "mirrors": ""}
            row = like | own | common
            row["class"] = row["class"] or CLASS_UNSTATED[fact["part"]]
            stimuli = row["stimulus_set_identifier"]
            row["stimulus_set_identifier"] = set_of_2021.get(stimuli, stimuli)
            yield row


def card_of(identifier: str) -> str:
    """Return the location of an entry's card, relative to the catalog."""
    return f"cards/{identifier}.json"


def set_publications(rows: Iterable[Row], studies: Iterable[Row]) -> set[str]:
    """Set the publication of each row to that of its study; return the keys in use.

    A study gets no publication if this has no title, or if both title and authors are doubtful.
    """
    keys = {}
    for study in studies:
        is_doubtful = {"title", "authors"} <= {*study["doubtful"].split()}
        keys[study["identifiers"]] = study["study"] if study["title"] and not is_doubtful else ""
    for row in rows:
        (row["publication"],) = (key for pattern, key in keys.items() if re.search(pattern, row["identifier"]))
    return {row["publication"] for row in rows} - {""}


def publication_rows(studies: Iterable[Row], stated: Iterable[Row], keys: set[str]) -> Iterator[Row]:
    """Yield the rows of the publications table: one for each study, with the URL that upstream states."""
    urls = {(row["publication"], row["title"].casefold()): row["url"] for row in stated if row["url"]}
    for study in studies:
        if study["study"] not in keys:
            continue
        url = urls.get((study["study"], study["title"].casefold()), "")
        doi = parse_doi(study["doi"]) if study["doi"] else ""
        url = "" if doi and doi_of_url(url) == doi else url
        journal = re.sub(r"; later .*| \(as stated upstream\)", "", study["journal"])
        row = {"publication": study["study"], "doi": doi, "url": url, "journal": journal}
        yield {column: row.get(column, study.get(column, "")) for column in PUBLICATION_COLUMNS}


def recorded_cards(recorded: Iterable[Row], rows: Iterable[Row]) -> dict[str, Card]:
    """Return the cards of assemblies with stated facts by location, and name each card in its row."""
    by_assembly: dict[str, list[Row]] = defaultdict(list)
    for fact in recorded:
        by_assembly[fact["identifier"]].append(fact)
    cards: dict[str, Card] = {}
    for row in rows:
        if row["lookup_type"] == "assembly" and row["status"] == "current" and row["identifier"] in by_assembly:
            row["card"] = card_location("assembly", row["identifier"], row["version"])
            cards[row["card"]] = recorded_card(row, by_assembly.pop(row["identifier"]))
    if by_assembly:
        raise SystemExit(f"recorded.csv has facts of unknown or outdated assemblies: {', '.join(sorted(by_assembly))}")
    return cards


def recorded_card(entry: Row, facts: list[Row]) -> Card:
    """Return the card of an assembly from stated facts, with their sources."""
    stated = {name: [row["value"] for row in facts if row["fact"] == fact] for name, fact in CARD_FACTS.items()}
    sizes = {row["fact"]: int(row["value"]) for row in facts if row["fact"] in SIZES}
    card: Card = {"identifier": entry["identifier"], "lookup_type": "assembly", "class": entry["class"]}
    card |= {"version": entry["version"]} if entry["version"] else {}
    sources = list(dict.fromkeys(row["source"] for row in facts))
    return card | normalize_facts(stated) | {"stated": sizes | {"sources": sources}}


def write_recorded(path: Path, card: Card) -> None:
    """Write the card of an assembly, unless the file is a card that was computed from data."""
    if path.is_file() and "stated" not in json.loads(path.read_bytes()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(card_bytes(card))


def part_of(row: Row) -> str:
    """Return the part of an entry to which a row belongs, by its file name extension."""
    return row["location"].rpartition(".")[2]


def write(path: Path, columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Write the catalog."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the catalog (default: %(default)s)")
    folder: Path = parser.parse_args().folder
    disabled = read(FOLDER / "facts" / "disabled_upstream.csv")
    rows = [*current_rows(read(FOLDER / "facts" / "published_files.csv")), *disabled_rows(disabled)]
    rows += list(superseded_rows(read(FOLDER / "facts" / "superseded_2021.csv"), rows))
    studies = read(FOLDER / "facts" / "studies.csv")
    keys = set_publications(rows, studies)
    stated = read(FOLDER / "facts" / "stated_publications.csv")
    write(folder / "publications.csv", PUBLICATION_COLUMNS, publication_rows(studies, stated, keys))
    (folder / "cards").mkdir(parents=True, exist_ok=True)
    recorded = recorded_cards(read(FOLDER / "facts" / "recorded.csv"), rows)
    reasons = {
        fact["identifier"]: f"Disabled in Brain-Score: {fact['reason']} ({fact['source']})." for fact in disabled
    }
    for location, stated_card in recorded.items():
        write_recorded(folder / location, stated_card)
    for row in rows:
        if row["card"] and row["card"] not in recorded:
            reason = reasons.get(row["identifier"], NO_CSV)
            card = {"identifier": row["identifier"], "lookup_type": row["lookup_type"], "status_reason": reason}
            (folder / row["card"]).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    write(folder / "brainscore.csv", COLUMNS, rows)
    entries = {(row["lookup_type"], row["identifier"], row["version"]) for row in rows}
    print(f"{folder / 'brainscore.csv'}: {len(rows)} files of {len(entries)} entries")


if __name__ == "__main__":
    main()
