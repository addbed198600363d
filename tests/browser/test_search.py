"""Search on the front page with each of the databases: words, facets, pages of results, and their addresses."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.lab_data import SCENES
from tests.browser.visitor import NARROW, Visitor


@pytest.fixture(scope="module")
def service_database(module_database: str) -> str:
    """The database of the service: SQLite, in the slow tier also PostgreSQL."""
    return module_database


def select_facet(page: Page, heading: str, value: str) -> None:
    """Select a value of a facet."""
    section = page.locator(".facets section").filter(has=page.get_by_role("heading", name=heading, exact=True))
    section.get_by_role("link", name=re.compile(rf"^{re.escape(value)}\b")).click()


def test_results_appear_while_words_are_typed(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto("/")
    page.get_by_role("searchbox").press_sequentially("Scenes neurons")
    expect(page.locator(".summary")).to_contain_text("All entries with “Scenes neurons”")
    expect(page.locator(".hits h2").first).to_have_text(re.compile(r"^lab\."))
    expect(page).to_have_url(re.compile(r"\?q=Scenes(%20|\+)neurons$"))
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+ entr"))
    page.locator(".hits li", has_text="assembly").get_by_role("link", name=SCENES).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(SCENES)


def test_going_back_from_a_result_restores_the_search(visitor: Visitor) -> None:
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


def test_the_results_of_the_last_typed_words_are_shown(visitor: Visitor) -> None:
    visitor.goto("/")
    box = visitor.page.get_by_role("searchbox")
    box.press_sequentially("spikes locust")
    box.fill("Carney")
    expect(visitor.page.locator(".summary")).to_have_text("All entries with “Carney”")


@pytest.mark.parametrize("script", [True, False])
def test_facets_combine_and_can_be_removed(open_window: OpenWindow, script: bool) -> None:
    visitor = open_window(java_script_enabled=script)
    page = visitor.page
    visitor.goto("/")
    select_facet(page, "Kind", "assemblies")
    expect(page).to_have_url(re.compile(r"\?kind=assembly$"))
    select_facet(page, "Region", "V4")
    expect(page).to_have_url(re.compile("region=V4"))
    select_facet(page, "Catalog", "lab")
    expect(page.locator(".summary")).to_have_text("Assemblies, region V4, catalog lab")
    expect(page.locator(".hits li")).to_have_count(2)
    active_filters = page.get_by_role("list", name="Active filters")
    active_filters.get_by_role("link", name="Remove filter region: V4").click()
    expect(page).to_have_url(re.compile(r"\?kind=assembly&catalog=lab$"))
    page.go_back()
    expect(active_filters.get_by_role("listitem")).to_have_count(3)


def test_typing_words_keeps_the_facets(visitor: Visitor) -> None:
    visitor.goto("/?catalog=brainio_demo")
    visitor.page.get_by_role("searchbox").press_sequentially("locust")
    expect(visitor.page.locator(".summary")).to_have_text("All entries with “locust”, catalog brainio_demo")
    expect(visitor.page).to_have_url(re.compile("catalog=brainio_demo"))


def test_the_count_of_a_facet_equals_its_number_of_results(visitor: Visitor) -> None:
    visitor.goto("/?catalog=lab")
    link = visitor.page.locator(".facets a", has_text="assemblies")
    count = link.locator(".count").inner_text()
    link.click()
    expect(visitor.page.get_by_role("status")).to_have_text(f"{count} entries")


def test_the_next_page_has_other_results(visitor: Visitor) -> None:
    visitor.goto("/?catalog=brainscore")
    first = visitor.page.locator(".hits h2").all_inner_texts()
    visitor.page.get_by_role("link", name="Next").click()
    expect(visitor.page.get_by_role("link", name="First page")).to_be_visible()
    assert not {*first} & {*visitor.page.locator(".hits h2").all_inner_texts()}
    visitor.page.get_by_role("link", name="First page").click()
    expect(visitor.page.locator(".hits h2").first).to_have_text(first[0])


def test_a_search_without_results_links_to_all_entries(visitor: Visitor) -> None:
    visitor.goto("/?q=zzzzqqqq")
    visitor.page.get_by_role("link", name="Show all entries").click()
    expect(visitor.page.locator(".hits li")).to_have_count(20)


def test_search_does_not_reveal_a_private_catalog(visitor: Visitor) -> None:
    for path in ("/", "/?q=Faces", "/?q=Face2026", "/?q=a+face"):
        visitor.goto(path)
        assert "secret" not in visitor.page.content(), path


def test_the_slash_key_focuses_the_search_field(visitor: Visitor) -> None:
    for path in ("/", "/catalog/lab"):
        visitor.goto(path)
        visitor.page.keyboard.press("/")
        expect(visitor.page.get_by_role("searchbox")).to_be_focused()
        visitor.page.keyboard.type("a/b")
        expect(visitor.page.get_by_role("searchbox")).to_have_value("a/b")


def test_filters_are_collapsed_in_a_narrow_window(open_window: OpenWindow) -> None:
    narrow = open_window(width=NARROW)
    narrow.goto("/")
    drawer = narrow.page.locator(".drawer")
    expect(drawer.get_by_role("link", name="assemblies")).to_be_hidden()
    drawer.locator("summary").first.click()
    drawer.get_by_role("link", name="assemblies").click()
    expect(narrow.page).to_have_url(re.compile("kind=assembly"))
