"""Promises of what not everybody may have, on either database: private catalogs, tokens, and embargoes."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.lab_data import SECRET
from tests.browser.snippets import SIZE, Machine, code_of
from tests.browser.visitor import PAGES, SET, Visitor

PAGE = f"/stimulus_set/secret/{SECRET}"


@pytest.fixture(scope="module")
def kept(module_database: str) -> str:
    """Either database."""
    return module_database


def sign_in(visitor: Visitor, token: str) -> None:
    visitor.goto("/")
    visitor.page.get_by_role("link", name="Sign in").click()
    visitor.page.get_by_label("Token").fill(token)
    visitor.page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_a_private_catalog_is_seen_from_signing_in_to_signing_out(visit: Visit, token: str) -> None:
    for script in (True, False):
        visitor = visit(java_script_enabled=script)
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
        expect(page).to_have_url(f"{visitor.url}{PAGE}")  # where signing out leads back to, and nothing is left
        expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")


def test_a_page_that_is_not_found_leads_to_signing_in_and_back(visit: Visit, token: str) -> None:
    for script in (True, False):
        visitor = visit(java_script_enabled=script)
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


def test_signing_in_leads_back_to_the_search_and_the_filter_that_script_brought_into_the_page(
    visitor: Visitor, token: str
) -> None:
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


def test_nothing_of_a_private_page_is_left_in_the_browser(visitor: Visitor, token: str) -> None:
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


def test_a_wrong_token_is_said_to_be_wrong(visitor: Visitor) -> None:
    visitor.expects_errors = True
    sign_in(visitor, "brainio_0000")
    expect(visitor.page.get_by_role("alert")).to_contain_text("not valid for this service")
    expect(visitor.page.get_by_label("Token")).to_be_visible()
    assert visitor.context.cookies() == []


def test_a_browser_that_carries_a_token_that_is_none_is_freed_of_it(visitor: Visitor) -> None:
    visitor.context.add_cookies([{"name": "brainio_token", "value": "brainio_0000", "url": visitor.url}])
    assert visitor.goto_error("/").status == 401
    assert visitor.goto("/").status == 200


def test_code_of_a_private_catalog_works_with_the_token_where_the_page_says(
    copying: Visitor, machine: Machine, token: str
) -> None:
    copying.goto("/signin")
    copying.page.get_by_label("Token").fill(token)
    copying.page.get_by_role("main").get_by_role("button", name="Sign in").click()
    copying.goto(f"/stimulus_set/secret/{SECRET}")
    line = code_of(copying, "~/.netrc")
    assert line == f"machine {urlsplit(copying.url).hostname} login token password TOKEN"
    netrc = machine.home / ".netrc"
    netrc.write_text(line.replace("TOKEN", token))
    netrc.chmod(0o600)
    assert machine.python(f"{code_of(copying, 'Python')}\n{SIZE}") == "1 1"


def test_data_under_embargo_are_shown_by_their_metadata_alone(visitor: Visitor) -> None:
    visitor.goto(PAGES["assembly under embargo"])
    page = visitor.page
    expect(page.locator(".notice")).to_contain_text("under embargo until 2999-01-01")
    expect(page.locator("#coordinates")).to_contain_text("time_bin_start")
    expect(page.locator("#data")).to_have_count(0)
    expect(page.get_by_role("heading", name="Highest mean")).to_have_count(0)
    answer = page.request.get(f"{visitor.url}{page.locator('#files a').get_attribute('href')}")
    assert answer.status == 403
