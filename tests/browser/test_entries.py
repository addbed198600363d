"""Pages of entries: charts, facts, data on other servers, citations, versions, and JSON."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

import brainio
from brainio.cards import profile_key
from brainio.catalogs import resolve
from tests.browser.lab_data import REGIONS, SCENES, WORDS
from tests.browser.visitor import ASSEMBLY, PAGES, SET, STIMULUS, Visitor
from tests.service.service_process import ServiceProcess


def test_the_page_of_an_assembly_has_all_charts_with_tables(visitor: Visitor) -> None:
    visitor.goto(ASSEMBLY)
    figures = visitor.page.locator("#data .drawing")
    titles = figures.locator("figcaption").all_inner_texts()
    assert titles == [
        "Dimensions",
        "Neuroids by region and animal",
        "Mean firing rate by region",
        "Time course by region",
        "Split-half reliability by region",
        "Presentations of each stimulus",
    ]
    for figure in figures.all():
        assert figure.locator("svg").bounding_box() is not None
        figure.get_by_text("Show as table").click()
        expect(figure.get_by_role("table")).to_be_visible()
    populations = figures.nth(1).get_by_role("row").all_inner_texts()
    counts = [tuple(row.split()) for row in populations[1:]]
    assert sum(int(count) for _, _, count in counts) == 60
    assert {region for region, _, _ in counts} == {*REGIONS}


def test_spike_times_are_shown_as_a_raster(visitor: Visitor) -> None:
    visitor.goto("/assembly/brainio_demo/herz.Rokem2006")
    figure = visitor.page.locator("#data .drawing", has_text="Spikes")
    expect(figure).to_contain_text("1,797 spikes in 2 rows")
    assert figure.locator("svg path.dr-spikes").count() > 0


def test_the_page_shows_the_stimuli_with_the_highest_and_lowest_mean(
    visitor: Visitor, lab_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brainio.add_catalog(lab_data / "data" / "lab.csv")
    means = brainio.get_assembly(SCENES, catalog="lab").mean(["neuroid", "time_bin"]).to_series()
    means = means.groupby("stimulus_id").mean().sort_values()
    visitor.goto(ASSEMBLY)
    strongest, weakest = visitor.page.locator("#shown .sheet").all()
    assert strongest.locator(".name").all_inner_texts() == means.index[::-1][:6].tolist()
    assert weakest.locator(".name").all_inner_texts() == means.index[:6].tolist()
    assert strongest.locator("figcaption").first.inner_text() == f"{means.iloc[-1]:.4g}"
    strongest.get_by_role("link").first.click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(means.index[-1])


def test_the_most_important_facts_are_at_the_top_of_the_page(visitor: Visitor) -> None:
    visitor.goto(ASSEMBLY)
    top = visitor.page.locator("header.entry, .numbers")
    for text in ("V4", "Macaca mulatta", "CC-BY-4.0"):
        expect(top.first).to_contain_text(text)
    expect(top.last).to_have_text(re.compile(r"532\s*presentations|presentations\s*532"))
    paper = visitor.page.get_by_role("link", name="Read the paper")
    expect(paper).to_have_attribute("href", "https://doi.org/10.1234/scenes")


def test_the_page_of_remote_data_shows_a_notice_and_the_known_facts(visitor: Visitor) -> None:
    visitor.goto(PAGES["assembly that is not here"])
    page = visitor.page
    expect(page.locator(".notice")).to_have_text(
        "The data are not on this server. This page shows the information in the catalog and the card."
    )
    expect(page.locator("#known")).to_contain_text("macaque")
    expect(page.locator("#files")).to_contain_text("s3://brainscore-storage/")
    expect(page.locator("#data")).to_have_count(0)


def test_a_page_shows_a_profile_that_was_built_after_an_earlier_visit(service: ServiceProcess, home: Path) -> None:
    path = "/assembly/brainio_demo/herz.Rokem2006"
    entry = resolve("assembly", "herz.Rokem2006")
    profile = home / "profiles" / f"{profile_key(entry)}.sqlite"
    moved = home / "moved.sqlite"
    profile.rename(moved)
    try:
        service.wait_until(lambda: "creates no thumbnails and charts" in service.get(path, accept="text/html").text)
    finally:
        moved.rename(profile)
    service.wait_until(lambda: "1,797 spikes in 2 rows" in service.get(path, accept="text/html").text)


def test_an_entry_is_cited_as_text_and_as_bibtex(visitor: Visitor) -> None:
    visitor.goto(ASSEMBLY)
    text, bibtex = visitor.page.locator("#cite code").all_inner_texts()
    assert text.startswith("Doe, J.; Roe, R. (2026). Scenes and neurons. Journal of Scenes.")
    assert re.match(r"@article\{\w+,\s+title = \{Scenes and neurons\}", bibtex)


def test_the_versions_of_an_entry_link_to_each_other(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(f"/stimulus_set/lab/{WORDS}")
    expect(page.locator("#versions [aria-current]")).to_have_text("2")
    page.locator("#versions").get_by_role("link", name="1", exact=True).click()
    expect(page).to_have_url(re.compile(r"version=1$"))
    expect(page.locator("header.entry")).to_contain_text("superseded")
    expect(page.locator("#files code").first).to_have_text(re.compile("^sha256 [0-9a-f]{64}$"))


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/catalog/lab.json", "/api/v1/catalogs/lab"),
        ("/index.json?q=scenes", "/api/v1/search?q=scenes"),
        (f"{ASSEMBLY}.json", f"/api/v1/entries/lab/assembly/{SCENES}"),
        (f"{SET}.json", f"/api/v1/entries/lab/stimulus_set/{SCENES}"),
        (f"{SET}.json?where=object_name:car", f"/api/v1/stimuli/lab/{SCENES}?where=object_name%3Acar"),
        (STIMULUS.replace("?", ".json?"), f"/api/v1/stimuli/lab/{SCENES}?where=stimulus_id%3Ascene003"),
    ],
)
def test_the_address_of_a_page_with_json_redirects_to_its_json(service: ServiceProcess, path: str, target: str) -> None:
    answer = service.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, target)
    assert service.get(target).status_code == 200


def test_pages_of_entries_contain_croissant_metadata(visitor: Visitor) -> None:
    for path in (SET, ASSEMBLY):
        visitor.goto(path)
        metadata = json.loads(visitor.page.locator("script[type='application/ld+json']").inner_text())
        assert (metadata["@type"], metadata["name"]) == ("sc:Dataset", SCENES)
        assert {"conformsTo", "distribution", "license"} <= metadata.keys()
