"""A search of some active catalogs reveals nothing about the others, in both kinds of databases."""

from pathlib import Path
from typing import Any

import pytest

import brainio
from brainio.errors import SearchError, UnknownCatalogError
from brainio.index import index_store, search_among
from brainio.index.index_store import OpenIndexes
from tests.index.conftest import search_in
from tests.index.lab import Lab

QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("", {"include_superseded": True}),
    ("unicorns", {}),
    ("macaque V4", {}),
    ("macaque unicorns", {}),
    ("hidden.Roe2026", {}),
    ("hidden.Reo2026", {}),
    ("Doe2026", {}),
    ("area", {"region": "area X"}),
    ("", {"region": "area Y"}),
    ("", {"species": "octopus"}),
    ("", {"lab": "hidden"}),
    ("", {"lab": "hiden"}),
    ("", {"year": 1905}),
    ("", {"cls": "SpikeTimesAssembly"}),
    ("", {"catalog": "hidden"}),
    ("", {"catalog": "lab"}),
]
CARD = {"lookup_type": "assembly", "species": ["octopus"], "regions": ["area X"]}


@pytest.fixture
def hidden(tmp_path: Path, lab: Lab) -> Lab:
    """A catalog that is not active yet. It lists one identifier of the lab and many others."""
    lab.publish("doe", title="Macaque V4 and textures", authors="Doe, J.", year="2026")
    lab.add("lab.Doe2026", publication="doe")
    lab.add("lab.Both2026", publication="doe")
    hidden = Lab(tmp_path / "hidden", "hidden")
    hidden.publish("roe", title="Unicorns and macaque V4", authors="Roe, R.", year="1905")
    for number in range(20):
        hidden.add(f"hidden.Roe{2007 + number}", publication="roe", cls="SpikeTimesAssembly")
    hidden.add("hidden.Card2026", card=hidden.card(CARD | {"identifier": "hidden.Card2026"}))
    hidden.add("lab.Both2026", publication="roe")
    return hidden


def answers(indexes: OpenIndexes) -> list[object]:
    """Return the results, or the error message, of every query."""
    search, results = search_in(indexes, {"lab"}), list[object]()
    for text, filters in QUERIES:
        try:
            found = search(text, **filters)
            results.append((found.record(), repr(found)))
        except (SearchError, UnknownCatalogError) as error:
            results.append(str(error))
    return results


def test_catalogs_outside_the_search_change_no_answer(
    lab: Lab, hidden: Lab, indexes: OpenIndexes, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answers(indexes)
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{hidden.catalog},{lab.catalog}")
    assert brainio.search("unicorns").total == 21
    assert answers(indexes) == before
    hidden.add("hidden.More2026", publication="roe")
    assert answers(indexes) == before


def test_an_unsearched_catalog_gives_the_same_error_as_an_unknown_one(lab: Lab, indexes: OpenIndexes) -> None:
    messages = []
    for name in ("brainscore", "nowhere"):
        with pytest.raises(UnknownCatalogError, match="this search covers lab, but not the catalog") as refused:
            search_among({"lab"}, "", {"catalog": name}, indexes=indexes)
        messages.append(str(refused.value).replace(name, "NAME"))
    assert messages[0] == messages[1]


def test_a_search_of_no_catalogs_finds_nothing(indexes: OpenIndexes) -> None:
    found = search_among(set(), "macaque", {}, indexes=indexes)
    assert (found.total, found.facets, found.note) == (0, {}, "")


def test_an_unreadable_catalog_warns_only_searches_that_include_it(
    lab: Lab, indexes: OpenIndexes, recwarn: pytest.WarningsRecorder
) -> None:
    lab.catalog.write_text("no,catalog\n")
    assert search_among({"brainio_demo"}, "", {}, indexes=indexes).total > 0
    assert not recwarn.list
    search_among({"brainio_demo", "lab"}, "", {}, indexes=indexes)
    assert "lab.csv is not a catalog" in str(recwarn.list[0].message)


def test_the_least_recently_used_index_is_closed_above_the_limit(
    lab: Lab, indexes: OpenIndexes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_store, "_MAX_OPEN", 2)
    indexes.forget()
    lab.add("lab.Doe2026")
    for names in ({"lab"}, {"brainio_demo"}, {"lab", "brainio_demo"}, {"lab"}):
        assert search_among(names, "", {}, indexes=indexes).total > 0
    assert list(indexes._slots) == [frozenset({"lab", "brainio_demo"}), frozenset({"lab"})]
