"""Search documents: facts about an entry from its name, its publication and, with priority, its card."""

from typing import Any

import pytest
from sqlalchemy import Engine, event

import brainio
from brainio.cards import add_card, build_card
from brainio.catalogs import listings, resolve
from brainio.catalogs.backends import backend_of
from brainio.catalogs.backends.sql import connections
from brainio.catalogs.cards import card_bytes, prefetch_cards
from brainio.catalogs.registry import source_from
from brainio.catalogs.writing import copy_catalog
from brainio.errors import CatalogWarning
from brainio.index import Hit, entry_search, vocabulary
from brainio.index.builder import WordGrouper, versions_of
from brainio.index.documents import DocumentBuilder, words_by_field
from tests.index.lab import Lab
from tests.postgres import Postgres

CARD = {
    "identifier": "lab.Doe2026",
    "lookup_type": "assembly",
    "species": ["Macaca mulatta", "Octopus vulgaris"],
    "coordinates": [{"name": "neuroid_id"}, {"name": "receptive_field_size"}],
    "stimulus_columns": ["background_id"],
    "counts": [
        {"coordinate": "region", "counts": [{"value": "V4", "count": 3}, {"value": "area X", "count": 1}]},
        {"coordinate": "animal", "counts": [{"value": "Chabo", "count": 3}]},
    ],
    "repetitions": {"maximum": 46},
    "reliability": {"median": 0.7},
}


def only_hit(**filters: Any) -> Hit:
    (hit,) = brainio.search(catalog="lab", **filters)
    return hit


def test_the_full_text_has_exactly_the_words_of_all_fields() -> None:
    builder, grouper = DocumentBuilder(), WordGrouper()
    for version in versions_of(listings()):
        document = builder.build(version.entry)
        by_field = {word for words in words_by_field(document).values() for word in words.split()}
        assert by_field == {word for words in grouper.words(document) for word in words.split()}


def test_title_year_authors_regions_and_species_come_from_the_publication(lab: Lab) -> None:
    lab.publish("doe", title="Inferior temporal neurons of monkeys", authors="Doe, J. and Roe, R.", year="2026")
    lab.add("Doe2025_objects", publication="doe")
    hit = only_hit(region="IT")
    assert (hit.title, hit.year, hit.lab) == ("Inferior temporal neurons of monkeys", 2026, "doe")
    assert (hit.regions, hit.species) == ({"IT": "title"}, {"macaque": "title"})
    assert hit.has_repetitions is None
    for text in ("roe", "monkey", "macaque", "rhesus", "inferotemporal", "IT", "2026", "objects", "neural recordings"):
        assert only_hit(text=text) == brainio.search(text, catalog="lab")[0]


def test_lab_year_and_regions_come_from_the_name_without_a_publication(lab: Lab) -> None:
    lab.add("smith.Doe2019.V4_public")
    hit = only_hit()
    assert (hit.lab, hit.year, hit.regions) == ("smith", 2019, {"V4": "name"})
    lab.rows.clear()
    lab.add("Doe2019_it_is_no_region", aliases="jones.Doe2019")
    hit = only_hit()
    assert (hit.lab, hit.regions) == ("jones", {})


def test_the_next_search_uses_a_changed_publications_table(lab: Lab) -> None:
    lab.add("lab.Doe2026", publication="doe")
    assert brainio.search("unicorns", catalog="lab").total == 0
    lab.publish("doe", title="Responses to unicorns")
    assert only_hit(text="unicorns").title == "Responses to unicorns"


def test_facts_of_a_card_replace_those_of_the_publication(lab: Lab) -> None:
    lab.publish("doe", title="Human V1 and models")
    lab.add("lab.Doe2026", publication="doe")
    assert only_hit(region="V1").species == {"human": "title"}
    assert brainio.search(catalog="lab", has_repetitions=True).total == 0
    lab.rows[0]["card"] = lab.card(CARD)
    lab.write()
    hit = only_hit(region="V4", species="macaque", has_repetitions=True, has_reliability=True)
    assert hit.regions == {"V4": "card", "area X": "card"}
    assert hit.species == {"macaque": "card", "Octopus vulgaris": "card"}
    for text in ("receptive field", "background_id", "Chabo", "octopus", "monkey"):
        assert only_hit(text=text) == brainio.search(text, catalog="lab")[0]
    lab.card(CARD | {"repetitions": {"maximum": 1}, "reliability": {}})
    assert only_hit(has_repetitions=False, has_reliability=False).regions == hit.regions


@pytest.mark.parametrize(
    "card",
    [
        {"species": "human"},
        {"species": [None, {"a": 1}, 3]},
        {"counts": {"coordinate": "region"}},
        {"counts": [{"coordinate": "region", "counts": [1, None, {"value": None}]}, 3]},
        {"counts": [{"coordinate": ["region"], "counts": "V4"}]},
        {"coordinates": [[], {"name": ["x"]}], "stimulus_columns": 3},
        {"repetitions": {"maximum": "many"}, "reliability": [1]},
        {"authors": [{"name": 3}, None], "citation": ["x"], "doi": {"a": "b"}},
        {"citation": "word " * 100_000},
    ],
)
def test_a_malformed_card_does_not_hide_its_entry(lab: Lab, card: dict[str, object]) -> None:
    lab.add("lab.Doe2026", card=lab.card(CARD | card))
    assert only_hit().identifier == "lab.Doe2026"


def test_a_card_of_stated_facts_leaves_all_other_facts_unknown(lab: Lab) -> None:
    lab.publish("doe", title="Human V1 and models")
    stated = {"regions": ["inferotemporal"], "animals": ["Chabo"], "species": ["monkey"], "stated": {"repetitions": 3}}
    plain = {name: CARD[name] for name in ("identifier", "lookup_type")}
    lab.add("lab.Doe2026", publication="doe", card=lab.card(plain | stated))
    hit = only_hit(region="IT", species="macaque", has_repetitions=True)
    assert (hit.regions, hit.species, hit.has_reliability) == ({"IT": "card"}, {"macaque": "card"}, None)
    assert only_hit(text="Chabo") == brainio.search("Chabo", catalog="lab")[0]
    lab.card(CARD | stated | {"repetitions": {"maximum": 1}})
    assert set(only_hit(has_repetitions=False).regions) == {"V4", "area X"}


def test_a_card_built_from_the_data_is_searchable(lab: Lab) -> None:
    """The same steps as `brainio card build`, in a catalog without cards."""
    entry = resolve("assembly", "modelfest.Carney1999")
    row = {"location_type": "file", "location": f"{entry.base}/{entry.files[0].location}", "sha1": entry.files[0].sha1}
    stimuli = resolve("stimulus_set", "modelfest.Carney1999")
    for file in stimuli.files:
        location = f"{stimuli.base}/{file.location}"
        columns = {"location_type": "file", "location": location, "sha1": file.sha1, "cls": file.class_name}
        lab.add("lab.Copy1999", "stimulus_set", **columns)
    lab.add("lab.Copy1999", cls="BehavioralAssembly", stimulus_set_identifier="lab.Copy1999", **row)
    assert only_hit(kind="assembly").has_repetitions is None
    add_card(build_card(resolve("assembly", "lab.Copy1999")), lab.catalog)
    assert (
        only_hit(kind="assembly", has_repetitions=True, has_reliability=True).load
        == "brainio.get_assembly('lab.Copy1999')"
    )


@pytest.mark.parametrize("table", [vocabulary.REGIONS, vocabulary.SPECIES])
def test_every_spelling_belongs_to_one_name(table: dict[str, tuple[str, ...]]) -> None:
    spellings = [spelling for group in table.values() for spelling in group]
    assert len(spellings) == len(set(spellings))
    find = vocabulary.regions_in if table is vocabulary.REGIONS else vocabulary.species_in
    for name, group in table.items():
        for spelling in group:
            assert find(f"of {spelling}, and") == [name]


def copy_to_database(lab: Lab, url: str) -> str:
    """Copy the lab's catalog into a database, and return its location."""
    copy_catalog(source_from(str(lab.catalog)), source_from(f"{url}#lab"))
    return f"{url}#lab"


def test_the_next_search_uses_a_changed_card_of_a_database(
    lab: Lab, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.add("lab.Doe2026", card=lab.card(CARD))
    location = copy_to_database(lab, database)
    monkeypatch.setenv("BRAINIO_CATALOGS", location)
    hit = only_hit(region="V4", has_repetitions=True, has_reliability=True)
    assert hit.regions == {"V4": "card", "area X": "card"}
    assert only_hit(text="receptive field Chabo") == brainio.search("receptive field Chabo", catalog="lab")[0]
    changed = CARD | {"counts": [{"coordinate": "region", "counts": [{"value": "hippocampus", "count": 1}]}]}
    backend_of(location).sidecars.write_card(lab.rows[0]["card"], card_bytes(changed))
    assert only_hit(region="hippocampus").regions == {"hippocampus": "card"}
    backend_of(location).sidecars.write_card(lab.rows[0]["card"], b"[1]")
    with pytest.warns(CatalogWarning, match="is not a JSON object"):
        assert only_hit(text="Doe2026").regions == {}


def test_one_query_reads_all_cards_of_a_database(lab: Lab, database: str) -> None:
    for number in range(30):
        lab.add(f"lab.Doe{number}", card=lab.card(CARD | {"identifier": f"lab.Doe{number}"}))
    found = source_from(copy_to_database(lab, database)).read().entries.values()
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        cards = prefetch_cards(found)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(cards) == 30
    assert sum("brainio_cards" in statement for statement in statements) == 1


def test_search_uses_indexed_cards_while_their_database_is_down(
    lab: Lab, own_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_away", {})
    lab.add("lab.Doe2026", card=lab.card(CARD))
    monkeypatch.setenv("BRAINIO_CATALOGS", copy_to_database(lab, own_postgres.create_database()))
    assert only_hit(region="V4").regions == {"V4": "card", "area X": "card"}
    own_postgres.stop()
    with pytest.warns(CatalogWarning, match="could not be read"):
        assert only_hit(region="V4").regions == {"V4": "card", "area X": "card"}
    entry_search._PROCESS_INDEXES.forget()
    assert only_hit(region="V4").regions == {"V4": "card", "area X": "card"}
