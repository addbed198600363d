"""The catalog `brainscore` lists every published data set as its publishers state it."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from brainio_catalogs import brainscore

import brainio
from brainio.catalogs import Entry, EntryFile, listing
from brainio.catalogs.cards import card_bytes, card_location, read_card
from brainio.catalogs.publications import publications_of
from brainio.validation import check_catalog
from packaging_scripts.brainscore_catalog import CARD_FACTS, SIZES, write_recorded
from tests.cli.command import brainio as command

FOLDER = Path(brainscore.location).parent
SCRIPT = Path(__file__).parents[2] / "packaging_scripts" / "brainscore_catalog.py"

Fact = dict[str, str]


def facts(name: str) -> list[Fact]:
    with (FOLDER / "facts" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PUBLISHED = facts("published_files")
SUPERSEDED = facts("superseded_2021")
RECORDED = facts("recorded")
DISABLED = facts("disabled_upstream")
STUDIES = facts("studies")


def entry_of(fact: Fact) -> Entry:
    return listing("brainscore").entries[fact["lookup_type"], fact["identifier"]]


def test_there_are_153_stimulus_sets_and_149_assemblies_with_454_files() -> None:
    entries = {(fact["lookup_type"], fact["identifier"]): entry_of(fact) for fact in PUBLISHED}
    assert Counter(lookup_type for lookup_type, _ in entries) == {"stimulus_set": 153, "assembly": 149}
    assert sum(len(entry.files) for entry in entries.values()) == 454 == len(PUBLISHED)
    names = Counter(identifier for _, identifier in entries)
    assert sum(count == 2 for count in names.values()) == 58


def test_every_published_fact_matches_a_file_of_an_entry() -> None:
    for fact in PUBLISHED:
        entry = entry_of(fact)
        file = entry.file(fact["part"])
        assert isinstance(file, EntryFile), fact
        assert (file.class_name, file.location, file.sha1, file.version_id) == (
            fact["class"],
            fact["location"],
            fact["sha1"],
            fact["version_id"],
        )
        assert file.location_type == "S3"
        assert file.mirrors == tuple(fact["mirrors"].split())
        assert entry.stimulus_set_identifier == fact["stimulus_set_identifier"]
        assert entry.status == ("current" if fact["sha1"] else "unavailable")


def test_every_alias_resolves_to_its_entry() -> None:
    aliases = [(fact, alias) for fact in PUBLISHED for alias in fact["aliases"].split()]
    assert len(aliases) > 200
    for fact, alias in aliases:
        assert listing("brainscore").aliases[fact["lookup_type"], alias] == fact["identifier"]


@pytest.mark.parametrize("fact", SUPERSEDED, ids=lambda fact: f"{fact['identifier']}-{fact['part']}")
def test_files_replaced_since_2021_are_listed_as_other_versions(fact: Fact) -> None:
    versions = listing("brainscore").all_versions(entry_of(fact))
    old = next(entry for entry in versions if any(file.sha1 == fact["sha1"] for file in entry.files))
    file = old.file(fact["part"])
    assert file is not None
    assert file.location == fact["location"]
    assert old.successor == (fact["current_identifier"] if fact["current_identifier"] != old.identifier else "")
    assert old.status == ("superseded" if fact["current_identifier"] else "deprecated")


def test_the_entry_without_csv_and_hash_explains_why_it_is_unavailable() -> None:
    entry = listing("brainscore").entries["stimulus_set", "Zerbe2026_fmri_stim_full"]
    assert entry.status == "unavailable"
    card = json.loads((FOLDER / entry.card).read_text())
    assert "no CSV file" in card["status_reason"]


def test_every_recorded_fact_names_a_current_assembly_and_its_source() -> None:
    for fact in RECORDED:
        entry = listing("brainscore").entries["assembly", fact["identifier"]]
        assert entry.status == "current", fact
        assert re.match(r"brainscore-(vision 2\.4\.2|language 2\.3\.0): (data|benchmarks)/\S+", fact["source"]), fact
        if fact["fact"] in SIZES:
            assert int(fact["value"]) > 0, fact
        else:
            assert fact["fact"] in CARD_FACTS.values(), fact
    assert len({tuple(fact.values())[:3] for fact in RECORDED}) == len(RECORDED)
    sizes = [(fact["identifier"], fact["fact"]) for fact in RECORDED if fact["fact"] in SIZES]
    assert len(set(sizes)) == len(sizes)


def test_the_cards_of_assemblies_have_exactly_the_recorded_facts() -> None:
    found = set()
    for identifier in {fact["identifier"] for fact in RECORDED}:
        entry = listing("brainscore").entries["assembly", identifier]
        card = read_card(entry)
        assert entry.card == card_location("assembly", identifier, entry.version)
        found |= {(identifier, fact, value) for name, fact in CARD_FACTS.items() for value in card.get(name, [])}
        found |= {(identifier, name, str(card["stated"][name])) for name in SIZES if name in card["stated"]}
    assert found == {(fact["identifier"], fact["fact"], fact["value"]) for fact in RECORDED}
    placed = {f"cards/assembly/{path.name}" for path in (FOLDER / "cards" / "assembly").iterdir()}
    assert placed == {entry.card for entry in listing("brainscore").entries.values() if "/assembly/" in entry.card}


def test_a_card_built_from_data_is_unchanged(tmp_path: Path) -> None:
    place = tmp_path / "cards" / "card.json"
    stated, made = {"identifier": "lab.Doe2026", "stated": {}}, {"identifier": "lab.Doe2026", "values": {}}
    write_recorded(place, stated)
    assert json.loads(place.read_text()) == stated
    place.write_bytes(card_bytes(made))
    write_recorded(place, stated)
    assert json.loads(place.read_text()) == made


@pytest.mark.parametrize("region", ["V4", "IT"])
def test_recordings_of_two_regions_are_found_by_either_region(region: str) -> None:
    questions: list[dict[str, Any]] = [{"text": region}, {"region": region}]
    for question in questions:
        found = brainio.search(kind="assembly", catalog="brainscore", limit=200, **question)
        (hit,) = [entry for entry in found if entry.identifier == "dicarlo.MajajHong2015"]
        assert (hit.regions, hit.species) == ({"V4": "card", "IT": "card"}, {"macaque": "card"})
    assert "dicarlo.Rajalingham2020" not in {hit.identifier for hit in brainio.search("V4", limit=200)}


def test_info_shows_stated_facts_with_their_sources() -> None:
    shown = " ".join(command("info", "THINGS_TVSD_test_Assembly").stdout.split())
    assert "regions V1, V4, IT animals monkeyF, monkeyN stated subjects 2, presentations 3,000," in shown
    assert "stated by brainscore-vision 2.4.2: data/papale2025/test.py" in shown


def test_stimulus_sets_that_assemblies_name_are_in_the_catalog() -> None:
    known = listing("brainscore").entries
    named = {entry.stimulus_set_identifier for entry in known.values()} - {""}
    assert {name for name in named if ("stimulus_set", name) not in known} == set()


@pytest.mark.parametrize("fact", DISABLED, ids=lambda fact: f"{fact['identifier']}-{fact['part']}")
def test_entries_disabled_upstream_are_listed_with_their_files_and_the_reason(fact: Fact) -> None:
    entry = entry_of(fact)
    file = entry.file(fact["part"])
    assert isinstance(file, EntryFile)
    assert (file.location, file.sha1, file.version_id) == (fact["location"], fact["sha1"], fact["version_id"])
    assert entry.status == ("unavailable" if fact["lookup_type"] == "stimulus_set" else "deprecated")
    assert fact["reason"] in read_card(entry)["status_reason"]


def test_a_deprecated_version_is_found_if_it_was_not_superseded() -> None:
    entry = listing("brainscore").entries["assembly", "klab.Zhang2018search_obj_array"]
    assert (entry.version, entry.status) == ("2", "deprecated")


def test_every_entry_cites_the_one_publication_of_its_study() -> None:
    for (_, identifier), entry in listing("brainscore").entries.items():
        (study,) = [listed for listed in STUDIES if re.search(listed["identifiers"], identifier)]
        papers = publications_of(entry)
        is_doubtful = {"title", "authors"} <= {*study["doubtful"].split()}
        assert [paper["title"] for paper in papers] == ([study["title"]] if study["title"] and not is_doubtful else [])
        assert [paper["doi"] for paper in papers] in ([], [study["doi"].lower()])


@pytest.mark.parametrize(
    ("identifier", "cited"),
    [
        ("gallant.David2004", "David, Stephen V.; Vinje, William E.; Gallant, Jack L. (2004). Natural Stimulus"),
        ("schiller.Schiller1976c", "https://doi.org/10.1152/jn.1976.39.6.1334"),
        ("dicarlo.SanghaviMurty2020", "https://doi.org/10.17605/osf.io/fchme"),
    ],
)
def test_wrong_publications_are_corrected(identifier: str, cited: str) -> None:
    (line,) = [
        cited_line for cited_line in brainio.cite(identifier, kind="assembly").splitlines() if cited in cited_line
    ]
    assert "neural mass model" not in line


def test_a_publication_is_cited_once() -> None:
    assert len(brainio.cite("hvm").splitlines()) == 1


@pytest.mark.parametrize("catalog", ["brainscore", "brainio_demo"])
def test_the_shipped_catalogs_pass_both_checks_without_an_error(catalog: str) -> None:
    checks = brainio.check(catalog=catalog)
    assert checks.references.errors == []
    assert checks.ok
    report = check_catalog(catalog, files="none")
    assert report.errors == []
    assert {problem.code for problem in report.problems} <= {"set-unstated", "file-without-hash"}


def test_the_script_reproduces_the_shipped_catalog(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, "--folder", tmp_path], check=True, capture_output=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {path: (FOLDER / path).read_bytes() for path in made}
    card = Path("cards/assembly/dicarlo.MajajHong2015.json")
    assert {Path("brainscore.csv"), Path("publications.csv"), card} < made.keys()
    placed = {path.relative_to(FOLDER) for path in FOLDER.rglob("*.json")}
    assert placed == {path for path in made if path.suffix == ".json"}
