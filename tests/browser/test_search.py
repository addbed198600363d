"""Promises of the front page on either database: what there is, found by typing and by facets, all in the address."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.lab_data import SCENES
from tests.browser.visitor import NARROW, Visitor


@pytest.fixture(scope="module")
def kept(module_database: str) -> str:
    """Either database."""
    return module_database


def facet(page: Page, heading: str, value: str) -> None:
    """Choose a value of a facet."""
    section = page.locator(".facets section").filter(has=page.get_by_role("heading", name=heading, exact=True))
    section.get_by_role("link", name=re.compile(rf"^{re.escape(value)}\b")).click()


def test_a_data_set_is_found_while_it_is_typed(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto("/")
    page.get_by_role("searchbox").press_sequentially("Scenes neurons")
    expect(page.locator(".summary")).to_contain_text("All entries with “Scenes neurons”")
    expect(page.locator(".hits h2").first).to_have_text(re.compile(r"^lab\."))
    expect(page).to_have_url(re.compile(r"\?q=Scenes(%20|\+)neurons$"))
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+ entr"))
    page.locator(".hits li", has_text="assembly").get_by_role("link", name=SCENES).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(SCENES)


def test_a_search_that_was_typed_survives_a_visit_elsewhere(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto("/")
    page.get_by_role("searchbox").press_sequentially("Carney")
    expect(page).to_have_url(re.compile("q=Carney"))
    expect(page.locator(".summary")).to_contain_text("Carney")
    page.locator(".hits h2 a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("modelfest.Carney1999")
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("Carney")
    expect(page.locator(".hits h2").first).to_have_text("modelfest.Carney1999")
    page.go_forward()
    expect(page.get_by_role("heading", level=1)).to_have_text("modelfest.Carney1999")


def test_what_was_typed_last_is_what_is_shown(visitor: Visitor) -> None:
    visitor.goto("/")
    box = visitor.page.get_by_role("searchbox")
    box.press_sequentially("spikes locust")
    box.fill("Carney")
    expect(visitor.page.locator(".summary")).to_have_text("All entries with “Carney”")


@pytest.mark.parametrize("script", [True, False])
def test_facets_are_links_that_combine_and_are_taken_away_again(visit: Visit, script: bool) -> None:
    visitor = visit(java_script_enabled=script)
    page = visitor.page
    visitor.goto("/")
    facet(page, "Kind", "assemblies")
    expect(page).to_have_url(re.compile(r"\?kind=assembly$"))
    facet(page, "Region", "V4")
    expect(page).to_have_url(re.compile("region=V4"))
    facet(page, "Catalog", "lab")
    expect(page.locator(".summary")).to_have_text("Assemblies, region V4, catalog lab")
    expect(page.locator(".hits li")).to_have_count(2)
    chosen = page.get_by_role("list", name="Active filters")
    chosen.get_by_role("link", name="Remove filter region: V4").click()
    expect(page).to_have_url(re.compile(r"\?kind=assembly&catalog=lab$"))
    page.go_back()
    expect(chosen.get_by_role("listitem")).to_have_count(3)


def test_facets_stay_when_words_are_typed(visitor: Visitor) -> None:
    visitor.goto("/?catalog=brainio_demo")
    visitor.page.get_by_role("searchbox").press_sequentially("locust")
    expect(visitor.page.locator(".summary")).to_have_text("All entries with “locust”, catalog brainio_demo")
    expect(visitor.page).to_have_url(re.compile("catalog=brainio_demo"))


def test_counts_of_facets_are_what_they_lead_to(visitor: Visitor) -> None:
    visitor.goto("/?catalog=lab")
    link = visitor.page.locator(".facets a", has_text="assemblies")
    count = link.locator(".count").inner_text()
    link.click()
    expect(visitor.page.get_by_role("status")).to_have_text(f"{count} entries")


def test_pages_of_hits_follow_each_other(visitor: Visitor) -> None:
    visitor.goto("/?catalog=brainscore")
    first = visitor.page.locator(".hits h2").all_inner_texts()
    visitor.page.get_by_role("link", name="Next").click()
    expect(visitor.page.get_by_role("link", name="First page")).to_be_visible()
    assert not {*first} & {*visitor.page.locator(".hits h2").all_inner_texts()}
    visitor.page.get_by_role("link", name="First page").click()
    expect(visitor.page.locator(".hits h2").first).to_have_text(first[0])


def test_who_finds_nothing_is_led_on(visitor: Visitor) -> None:
    visitor.goto("/?q=zzzzqqqq")
    visitor.page.get_by_role("link", name="Show all entries").click()
    expect(visitor.page.locator(".hits li")).to_have_count(20)


def test_a_private_catalog_is_in_no_list_count_or_facet(visitor: Visitor) -> None:
    for path in ("/", "/?q=Faces", "/?q=Face2026", "/?q=a+face"):
        visitor.goto(path)
        assert "secret" not in visitor.page.content(), path


def test_the_slash_key_leads_to_the_search(visitor: Visitor) -> None:
    for path in ("/", "/catalog/lab"):
        visitor.goto(path)
        visitor.page.keyboard.press("/")
        expect(visitor.page.get_by_role("searchbox")).to_be_focused()
        visitor.page.keyboard.type("a/b")
        expect(visitor.page.get_by_role("searchbox")).to_have_value("a/b")


def test_filters_fold_where_there_is_little_room(visit: Visit) -> None:
    narrow = visit(width=NARROW)
    narrow.goto("/")
    drawer = narrow.page.locator(".drawer")
    expect(drawer.get_by_role("link", name="assemblies")).to_be_hidden()
    drawer.locator("summary").first.click()
    drawer.get_by_role("link", name="assemblies").click()
    expect(narrow.page).to_have_url(re.compile("kind=assembly"))
