"""Search finds the same as a scan of all documents, its counts match its filters, and any text is a valid query."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import brainio
from brainio.catalogs import entries, listings
from brainio.errors import SearchError, UnknownCatalogError
from brainio.index import Hit, SearchResults
from brainio.index.documents import LISTED, words_by_field
from tests.index.conftest import Search
from tests.index.lab import Lab, build_documents, scan
from tests.tiers import scaled_examples

FAST = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
CELL = st.characters(exclude_characters="\0", exclude_categories=["Cs"])  # catalogs skip rows with NUL
WORDS = [
    *("macaque", "V1", "naturalistic", "images", "Majaj", "Hong", "objects", "human", "fMRI", "2015"),
    *("language", "dicarlo", "Über", "10ms", "stimuli"),
]


def keys(found: SearchResults) -> list[tuple[str, str, str]]:
    return sorted((hit.kind, hit.identifier, hit.version) for hit in found)


def names(found: SearchResults) -> list[str]:
    return [hit.identifier for hit in found]


@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), include_superseded=st.booleans())
@FAST
def test_hits_equal_those_of_a_scan_of_all_documents(
    words: list[str], include_superseded: bool, search: Search
) -> None:
    text = " ".join(words)
    expected = scan(build_documents(listings()), text, include_superseded=include_superseded)
    found = search(text, include_superseded=include_superseded, limit=1000)
    if expected or found.has_all_words:
        assert keys(found) == expected
        assert found.total == len(expected)
    else:
        assert all(hit.missing for hit in found)


@given(text=st.text(max_size=60))
@example(text="")
@example(text='"')
@example(text='" OR labels : "l1')
@example(text="'; DROP TABLE document; --")
@example(text="NEAR(a b) AND NOT {names} : x* ^y")
@example(text="a\0b \x1a \ud800")
@example(text="ﬁne ﬀ İstanbul ß ẞ 中文 e\u0301 \U0001e900")
@example(text="v4 " * 3500)
@example(text="x" * 10_000)
@example(text=" ".join(f"w{number}" for number in range(2000)))
@FAST
def test_any_text_finds_the_same_as_a_scan_of_all_documents(text: str, search: Search) -> None:
    found = search(text, limit=1000)
    json.dumps(found.record())
    repr(found)
    if found.has_all_words and "not looked for" not in found.note:
        assert keys(found) == scan(build_documents(listings()), text)


@given(title=st.text(CELL, min_size=1, max_size=12), alias=st.text(CELL, max_size=12))
@settings(FAST, max_examples=scaled_examples(60))  # each example builds an index
def test_an_entry_is_found_by_every_word_of_its_title_and_alias(
    title: str, alias: str, tmp_path_factory: pytest.TempPathFactory, search: Search
) -> None:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.publish("p", title=title)
    lab.add("lab.Doe2026", aliases=alias, publication="p")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINIO_CATALOGS", str(lab.catalog))
        (document,) = [document for document in build_documents(listings()) if document.catalog == "lab"]
        for words in words_by_field(document).values():
            for word in words.split():
                assert "lab.Doe2026" in names(search(word, catalog="lab", limit=1000))


@pytest.mark.parametrize(
    "text", ["https://doi.org/10.1117/12.348473", "doi:10.1117/12.348473", "http://dx.doi.org/10.1117%2F12.348473"]
)
def test_a_doi_in_any_form_finds_its_entries(text: str, search: Search) -> None:
    found = search(text)
    assert found.has_all_words
    assert names(found) == names(search("10.1117/12.348473")) == ["modelfest.Carney1999"] * 2


def test_the_identifier_and_each_alias_find_their_entry(search: Search) -> None:
    missing = []
    for entry in entries():
        for name in (entry.identifier, *entry.aliases):
            exact = [hit for hit in search(name, limit=50) if hit.score == float("inf")]
            if (entry.lookup_type, entry.identifier) not in [(hit.kind, hit.identifier) for hit in exact]:
                missing.append((entry.identifier, name))
    assert missing == []


def test_a_facet_count_equals_the_total_of_its_filter(search: Search) -> None:
    found = search("object", limit=0)
    keywords = {"class": "cls", "has_repetitions": None, "has_reliability": None, "status": None}
    for facet, counts in found.facets.items():
        if (keyword := keywords.get(facet, facet)) is not None:
            for value, count in counts.items():
                filters: dict[str, Any] = {keyword: value}
                assert search("object", **filters).total == count, (facet, value)


@pytest.mark.parametrize("text", ["", "image", "dicarlo"])
def test_facets_count_all_hits(text: str, search: Search) -> None:
    found = search(text, limit=1000)
    assert found.total == len(found)
    for facet, field in (("kind", "kind"), ("class", "class_name"), ("lab", "lab"), ("year", "year")):
        counted = Counter(str(value) for hit in found if (value := getattr(hit, field)) not in ("", None))
        assert counted == found.facets[facet]
    for facet in ("regions", "species"):
        counted = Counter(value for hit in found for value in getattr(hit, facet))
        assert counted == found.facets[facet.rstrip("s") if facet == "regions" else facet]


@pytest.mark.parametrize("text", ["image", ""])
def test_pages_by_offset_add_up_to_the_whole_result(text: str, search: Search) -> None:
    whole = search(text, limit=60)
    pages = [hit for offset in range(0, 60, 7) for hit in search(text, limit=min(7, 60 - offset), offset=offset)]
    assert pages == list(whole)


def test_exact_matches_of_a_name_come_first_on_pages(search: Search) -> None:
    whole = search("MajajHong2015", limit=5)
    assert [hit.score == float("inf") for hit in whole][:2] == [True, False]
    pages = [search("MajajHong2015", limit=1, offset=offset)[0] for offset in range(5)]
    assert pages == list(whole)


def test_words_in_names_outrank_titles_then_authors_then_other_fields(lab: Lab, search: Search) -> None:
    for name, columns in {"other": {"journal": "Zebras"}, "author": {"authors": "Zebra, A."}, "title": {}}.items():
        lab.publish(name, **{"title": "On zebras" if name == "title" else "On stripes", "authors": "Doe, J."} | columns)
        lab.add(f"lab.{name}Doe2026", publication=name)
    lab.add("lab.Zebra2026", publication="other")
    found = search("zebra", catalog="lab")
    assert names(found) == ["lab.Zebra2026", "lab.titleDoe2026", "lab.authorDoe2026", "lab.otherDoe2026"]
    scores = [hit.score for hit in found]
    assert scores == sorted(set(scores), reverse=True)


def test_a_rare_word_outranks_a_common_one(lab: Lab, search: Search) -> None:
    lab.publish("rare", title="Zebras")
    lab.publish("common", title="Stripes")
    for number in range(30):
        lab.add(f"lab.Common{number}", publication="common")
    lab.add("lab.Rare0", publication="rare")
    assert names(search("zebras stripes", catalog="lab"))[0] == "lab.Rare0"


def test_filters_accept_any_case_and_synonyms(search: Search) -> None:
    assert search(region="it").total == search(region="inferotemporal").total > 0
    assert search(species="Monkey").total == search(species="Macaca mulatta").total > 0
    assert search(kind="ASSEMBLY").total == search(kind="assembly").total > 0
    either = search(region=["V1", "V2"]).total
    assert max(search(region="V1").total, search(region="V2").total) < either
    spanned = sum(search(year=year).total for year in (2017, 2018, 2019))
    assert search(year="2017-2019").total == spanned == search(year=[2017, 2018, 2019]).total
    assert search(year="2017–2019").total == spanned == search(year=range(2017, 2020)).total  # noqa: RUF001
    assert search(year=np.int64(2018)).total == search(year=2018).total > 0
    assert search(region={"V1", "V2"}).total == either


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"region": "V44"}, "no entry has the region 'V44'; did you mean 'V4'"),
        ({"species": "unicorn"}, "no entry has the species 'unicorn'.*Known: human, locust, macaque"),
        ({"kind": "movie"}, "no entry has the kind 'movie'.*Known: assembly, stimulus_set"),
        ({"lab": "decarlo"}, "did you mean 'dicarlo'"),
        ({"cls": "Neuroid"}, "did you mean 'NeuroidAssembly'"),
        ({"year": "last"}, "year is 'last'; expected a year, such as 2018"),
        ({"year": "2015-"}, "year is '2015-'; expected a year"),
        ({"region": []}, "region is an empty list; omit it"),
        ({"has_repetitions": "no"}, "has_repetitions is 'no'; expected True or False"),
        ({"text": None}, "the text is None; expected words"),
        ({"text": ["a", "b"]}, r"the text is \['a', 'b'\]"),
        ({"limit": -1}, "limit is -1"),
        ({"limit": 10_001}, "limit is 10001"),
        ({"offset": -1}, "offset -1"),
    ],
)
def test_an_unknown_filter_value_is_an_error_that_suggests_known_ones(
    filters: dict[str, Any], message: str, lab: Lab, search: Search
) -> None:
    lab.publish("p", title="V4")
    lab.add("lab.Doe2026", publication="p")
    with pytest.raises(SearchError, match=re.compile(message, re.DOTALL)):
        search(**filters)


def test_an_unknown_catalog_is_an_error(search: Search) -> None:
    with pytest.raises(UnknownCatalogError, match="no catalog 'nowhere' is active"):
        search(catalog="nowhere")


def test_a_possible_filter_value_without_entries_finds_nothing_and_explains_why(search: Search) -> None:
    found = search(region="S1")
    assert (len(found), found.total, found.note) == (0, 0, "No entry has region S1.")
    assert search(year=1850).note == "No entry has year 1850."


def test_a_text_without_words_is_ignored_with_a_note(search: Search) -> None:
    found = search("* ? --")
    assert found.total == search().total
    assert found.note == "The text has no words and was ignored."
    assert search("  ").note == ""


def test_a_long_text_does_not_fill_the_screen(search: Search) -> None:
    assert len(str(search("word " * 20_000)).splitlines()[0]) < 300


def test_entries_with_most_words_are_found_if_none_has_all(search: Search) -> None:
    found = search("macaque V1 natural images unicorns", catalog="brainscore")
    assert not found.has_all_words
    assert found.note == "No entry has all words; these have 4 of 5."
    assert {hit.identifier for hit in found} == {"Cadena2017", "tolias.Cadena2017"}
    assert {hit.missing for hit in found} == {("unicorns",)}


def test_a_mistyped_name_gets_a_suggestion(search: Search) -> None:
    found = search("MajajHnog2015")
    assert (len(found), found.note) == (0, "Did you mean 'MajajHong2015'?")


def test_excess_words_are_ignored_with_a_note(search: Search) -> None:
    found = search(" ".join(["image", *(f"w{number}" for number in range(60))]))
    assert "The last 21 words were ignored." in found.note


def test_superseded_and_deprecated_entries_are_found_on_request_or_by_name(lab: Lab, search: Search) -> None:
    lab.add("lab.Current2026", aliases="thing")
    lab.add("lab.Old2020", status="superseded")
    lab.add("lab.Wrong2020", status="deprecated")
    lab.add("lab.Gone2020", status="unavailable")
    lab.add("lab.Twice2021", version="1", status="superseded")
    lab.add("lab.Twice2021", version="2")
    listed = {"lab.Current2026", "lab.Gone2020", "lab.Twice2021"}
    assert set(names(search(catalog="lab"))) == listed
    assert search(catalog="lab").total == 3
    everything = search(catalog="lab", include_superseded=True)
    assert sorted(names(everything)) == sorted([*listed, "lab.Old2020", "lab.Wrong2020", "lab.Twice2021"])
    assert [hit.status for hit in search("lab.Old2020", catalog="lab")] == ["superseded"]
    loads = {hit.load for hit in everything}
    assert "brainio.get_assembly('lab.Twice2021')" in loads
    assert "brainio.get_assembly('lab.Twice2021', version='1')" in loads


def test_an_entry_of_two_catalogs_is_one_hit_unless_its_files_differ(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: Search
) -> None:
    other = Lab(tmp_path / "other", "other")
    lab.add("lab.Same2026", sha1="a" * 40)
    other.add("lab.Same2026", sha1="a" * 40)
    lab.add("lab.Differs2026", sha1="b" * 40)
    other.add("lab.Differs2026", sha1="c" * 40)
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{lab.catalog},{other.catalog}")
    assert [hit.load for hit in search("Same2026")] == ["brainio.get_assembly('lab.Same2026')"]
    assert [hit.load for hit in search("Differs2026")] == [
        "brainio.get_assembly('lab.Differs2026', catalog='lab')",
        "brainio.get_assembly('lab.Differs2026', catalog='other')",
    ]
    assert names(search(catalog="other")) == ["lab.Same2026", "lab.Differs2026"]


def test_a_broad_search_counts_every_hit(lab: Lab, search: Search) -> None:
    lab.rows = [
        {
            "identifier": f"lab.Name{number}",
            "lookup_type": "assembly",
            "class": "NeuroidAssembly",
            "location_type": "S3",
            "location": "s3://b/k",
            "sha1": f"{number:040x}",
        }
        for number in range(10_050)
    ]
    lab.write()
    found = search("neuroid", catalog="lab")
    assert (found.total, len(found)) == (10_050, 20)
    assert found.summary == "10,050 entries (best 20 shown)"
    assert found.facets["kind"] == {"assembly": 10_050}
    assert search().total == sum(entry.status in LISTED for entry in entries())
    assert names(search("lab.Name10049")) == ["lab.Name10049"]


def test_results_are_a_sequence_a_table_and_json(search: Search) -> None:
    found = search("macaque V1 natural images")
    assert isinstance(found[0], Hit)
    assert found[-1] in found
    assert list(found[:1]) == [found[0]]
    table = found.to_dataframe()
    assert table["identifier"].tolist() == names(found)
    assert {"kind", "class", "title", "year", "why", "load"} <= set(table.columns)
    assert json.loads(json.dumps(found.record()))["hits"][0]["matched"]["macaque"] == ["title", "species"]
    assert "title: macaque v1 natural images" in repr(found)
    assert search("nothing of the kind xyzzy").to_dataframe().columns.tolist() == table.columns.tolist()


def test_the_load_line_of_a_hit_loads_it(search: Search) -> None:
    for hit in search(catalog="brainio_demo"):
        loaded = eval(hit.load, {"brainio": brainio})
        assert type(loaded).__name__ == hit.class_name
