"""Private catalogs, signing in and out, and embargoes in a browser, with each of the databases."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.lab_data import SECRET
from tests.browser.snippets import PRINT_SIZE, CleanMachine, copy_code
from tests.browser.visitor import PAGES, SET, Visitor

PAGE = f"/stimulus_set/secret/{SECRET}"


@pytest.fixture(scope="module")
def service_database(module_database: str) -> str:
    """The database of the service: SQLite, in the slow tier also PostgreSQL."""
    return module_database


def sign_in(visitor: Visitor, token: str) -> None:
    visitor.goto("/")
    visitor.page.get_by_role("link", name="Sign in").click()
    visitor.page.get_by_label("Token").fill(token)
    visitor.page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_a_private_catalog_is_visible_only_while_signed_in(open_window: OpenWindow, token: str) -> None:
    for script in (True, False):
        visitor = open_window(java_script_enabled=script)
        page = visitor.page
        assert visitor.goto_error(PAGE).status == 404
        sign_in(visitor, token)
        expect(page.get_by_role("link", name="secret", exact=True).first).to_be_visible()
        visitor.goto(f"/?q={SECRET}")
        page.locator(".hits").get_by_role("link", name=SECRET).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(SECRET)
        expect(page.locator("#sheet .tile")).to_contain_text("a face")
        page.get_by_role("link", name="Signed in").click()
        expect(page.get_by_role("main")).to_contain_text("a token for secret")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
        expect(page).to_have_url(f"{visitor.url}{PAGE}")  # signing out returns to the page
        expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")


def test_a_missing_page_links_to_signing_in_and_back(open_window: OpenWindow, token: str) -> None:
    for script in (True, False):
        visitor = open_window(java_script_enabled=script)
        page, filtered = visitor.page, f"{PAGE}?where=words:2"
        assert visitor.goto_error(filtered).status == 404
        page.get_by_role("main").get_by_role("link", name="Sign in").click()
        page.get_by_label("Token").fill("brainio_0000")
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Token").fill(token)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(SECRET)
        expect(page).to_have_url(f"{visitor.url}{filtered}")


def test_signing_in_leads_back_to_searches_and_filters_loaded_by_script(visitor: Visitor, token: str) -> None:
    page, link = visitor.page, visitor.page.get_by_role("link", name="Sign in")
    visitor.goto("/")
    page.get_by_role("searchbox").fill("scenes")
    expect(link).to_have_attribute("href", "/signin?next=%2F%3Fq%3Dscenes")
    visitor.goto(SET)
    page.get_by_role("link", name="Next").click()
    expect(link).to_have_attribute("href", re.compile(r"page%3D2$"))
    page.get_by_label("Column", exact=True).select_option("object_name")
    page.get_by_label("is", exact=True).fill("car")
    page.get_by_role("button", name="Filter").click()
    expect(link).to_have_attribute("href", re.compile(r"where%3Dobject_name%253Acar$"))
    link.click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.locator(".active-filters")).to_contain_text("object_name car")


def test_signing_out_removes_private_pages_from_the_browser(visitor: Visitor, token: str) -> None:
    sign_in(visitor, token)
    visitor.goto(PAGE)
    visitor.goto("/signin")
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_role("link", name="Sign in")).to_be_visible()
    visitor.expects_errors = True
    visitor.page.go_back()
    visitor.page.go_back()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Not Found")
    assert visitor.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_a_wrong_token_is_refused_with_an_explanation(visitor: Visitor) -> None:
    visitor.expects_errors = True
    sign_in(visitor, "brainio_0000")
    expect(visitor.page.get_by_role("alert")).to_contain_text("not valid for this service")
    expect(visitor.page.get_by_label("Token")).to_be_visible()
    assert visitor.context.cookies() == []


def test_the_service_deletes_the_cookie_of_an_unknown_token(visitor: Visitor) -> None:
    visitor.context.add_cookies([{"name": "brainio_token", "value": "brainio_0000", "url": visitor.url}])
    assert visitor.goto_error("/").status == 401
    assert visitor.goto("/").status == 200


def test_code_of_a_private_catalog_works_with_the_token_in_netrc(
    clipboard_visitor: Visitor, machine: CleanMachine, token: str
) -> None:
    clipboard_visitor.goto("/signin")
    clipboard_visitor.page.get_by_label("Token").fill(token)
    clipboard_visitor.page.get_by_role("main").get_by_role("button", name="Sign in").click()
    clipboard_visitor.goto(f"/stimulus_set/secret/{SECRET}")
    line = copy_code(clipboard_visitor, "~/.netrc")
    assert line == f"machine {urlsplit(clipboard_visitor.url).hostname} login token password TOKEN"
    netrc = machine.home / ".netrc"
    netrc.write_text(line.replace("TOKEN", token))
    netrc.chmod(0o600)
    assert machine.python(f"{copy_code(clipboard_visitor, 'Python')}\n{PRINT_SIZE}") == "1 1"


def test_a_page_of_data_under_embargo_shows_only_metadata(visitor: Visitor) -> None:
    visitor.goto(PAGES["assembly under embargo"])
    page = visitor.page
    expect(page.locator(".notice")).to_contain_text("under embargo until 2999-01-01")
    expect(page.locator("#coordinates")).to_contain_text("time_bin_start")
    expect(page.locator("#data")).to_have_count(0)
    expect(page.get_by_role("heading", name="Highest mean")).to_have_count(0)
    answer = page.request.get(f"{visitor.url}{page.locator('#files a').get_attribute('href')}")
    assert answer.status == 403
