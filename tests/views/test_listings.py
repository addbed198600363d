"""Guarantees of HTML views of catalogs and search results."""

from __future__ import annotations

import html5lib
import pandas as pd
from hypothesis import given, settings

import brainio
from brainio.catalogs import Catalog
from brainio.text import printable
from brainio.views import SearchHit, results_html
from tests.tiers import scaled_examples
from tests.views.pages import SCRIPT, TEXTS, parsed, runs_nothing, texts


def catalog(rows: list[dict[str, str]]) -> Catalog:
    base = {"lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "S3", "location": "s3://b/k"}
    table = Catalog(pd.DataFrame([{**base, "sha1": "1" * 40, **row} for row in rows], dtype=object))
    table.identifier = "lab"
    return table


def stimulus_rows(name: str) -> list[dict[str, str]]:
    shared = {"identifier": name, "lookup_type": "stimulus_set"}
    return [{**shared, "class": "StimulusSet", "size": "1000"}, {**shared, "class": "", "size": "2000"}]


def test_a_catalog_is_counted_by_entries() -> None:
    rows = [*stimulus_rows("lab.A"), {"identifier": "lab.A", "size": "5000000"}, {"identifier": "lab.B", "sha1": ""}]
    table = catalog(rows).replace("", None)
    page = parsed(table._repr_html_())
    found = texts(page)
    assert {"lab", "1 stimulus set", "2 assemblies", "4 files, 5.0 MB", "1 without hash", "NeuroidAssembly 2"} <= set(
        found
    )
    assert ["lab.A", "stimulus set", "StimulusSet", "3.0 kB"] in [
        [text for text in row.itertext() if text.strip()] for row in page.iter("tr")
    ]


def test_the_demo_catalog_shows_both_kinds_of_entries() -> None:
    table = brainio.get_catalog("brainscore")
    found = texts(parsed(table._repr_html_()))
    entries = table.drop_duplicates(["identifier", "lookup_type", "version"])
    kinds = entries["lookup_type"].value_counts()
    assert f"{kinds['stimulus_set']} stimulus sets" in found
    assert f"{kinds['assembly']} assemblies" in found
    assert (found.count("stimulus set") - 1, found.count("assembly")) == (10, 10)  # one is the heading of a column
    assert f"and {len(entries) - 20} more entries" in found


def test_a_selection_without_catalog_columns_is_shown_by_pandas() -> None:
    part = catalog([{"identifier": "lab.A"}])[["class"]]
    assert part._repr_html_() == pd.DataFrame(part)._repr_html_()  # type: ignore[operator]  # not in the stubs


def test_an_empty_catalog_is_shown() -> None:
    assert "0 files" in texts(parsed(catalog([{"identifier": "lab.A"}]).iloc[:0]._repr_html_()))


@settings(max_examples=scaled_examples(60), deadline=None)
@given(text=TEXTS)
def test_any_text_in_a_catalog_is_shown_as_text(text: str) -> None:
    html = catalog(
        [{"identifier": text, "class": text, "stimulus_set_identifier": text, "version": text}]
    )._repr_html_()
    assert html is not None
    page = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    assert runs_nothing(page)
    assert texts(page).count(printable(text)) >= 4


def test_search_results_show_hits_counts_and_the_line_that_loads() -> None:
    hit = SearchHit(SCRIPT, "assembly", f"A title {SCRIPT}", ["2026", SCRIPT], "brainio.get_assembly('lab.A')")
    html = results_html(SCRIPT, [hit] * 25, "40 entries", {"region": {SCRIPT: 12, "IT": 3}, "lab": {}})
    page = parsed(html)
    found = texts(page)
    assert runs_nothing(page)
    assert {SCRIPT, f"A title {SCRIPT}", f"2026 · {SCRIPT}", "IT 3", "40 entries", "and 5 more"} <= set(found)
    assert found.count("brainio.get_assembly('lab.A')") == 40  # <div> and <code> of each of 20


def test_results_of_a_search_are_shown() -> None:
    results = brainio.search("modelfest", kind="assembly")
    found = texts(parsed(results._repr_html_()))
    assert {"modelfest, kind: assembly", "modelfest.Carney1999", "assembly, BehavioralAssembly"} <= set(found)
    assert "brainio.get_assembly('modelfest.Carney1999')" in found


def test_text_that_utf8_cannot_hold_is_escaped() -> None:
    html = results_html("\ud800", [], "none", {})
    html.encode("utf-8")
    assert "\\ud800" in texts(parsed(html))
