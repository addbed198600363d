"""Promises to everybody who reads pages: with a screen reader, a keyboard, a phone, without script, in the dark."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.visiting import ASSEMBLY, ERRORS, NARROW, PAGES, SET, STIMULUS, WIDE, Visitor
from tests.service.running import Running

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
EVERY = {**PAGES, **ERRORS}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
LARGEST = 150_000  # bytes of a page with all that it loads, without the pictures of stimuli


def violations(page: Page) -> list[str]:
    """Return what axe-core finds."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


def open_(visitor: Visitor, name: str) -> None:
    (visitor.goto_error if name in ERRORS else visitor.goto)(EVERY[name])


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
@pytest.mark.parametrize("name", EVERY)
def test_axe_finds_no_fault(visit: Visit, name: str, width: int, scheme: str) -> None:
    visitor = visit(width=width, color_scheme=scheme)
    open_(visitor, name)
    for closed in visitor.page.locator("details:not([open]) > summary").all():
        if closed.is_visible():
            closed.click()
    assert violations(visitor.page) == []


@pytest.mark.parametrize("name", EVERY)
def test_no_page_is_wider_than_a_phone(visit: Visit, name: str) -> None:
    visitor = visit(width=NARROW)
    open_(visitor, name)
    assert visitor.overflow() == 0


@pytest.mark.parametrize("name", EVERY)
def test_a_page_loads_little_and_all_of_it_from_here(visitor: Visitor, name: str) -> None:
    open_(visitor, name)
    sizes = [one.sizes()["responseBodySize"] for one in visitor.asked if "/thumbnail/" not in one.url]
    assert 0 < sum(sizes) < LARGEST


@pytest.mark.parametrize("path", EVERY.values())
def test_pages_let_nothing_run_but_what_comes_from_here(service: Running, path: str) -> None:
    headers = service.get(path, accept="text/html").headers
    rules = dict(rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";"))
    assert rules == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("name", EVERY)
def test_a_page_without_script_says_the_same(visit: Visit, name: str) -> None:
    told = []
    for script in (True, False):
        visitor = visit(java_script_enabled=script)
        open_(visitor, name)
        text = visitor.page.locator("body").inner_text()
        told.append(re.sub(r"Number of this request: \S+|\bCopy\b|\s+", " ", text).split())
    assert told[0] == told[1]


@pytest.mark.parametrize("name", EVERY)
def test_a_page_has_one_heading_a_title_and_landmarks(visitor: Visitor, name: str) -> None:
    open_(visitor, name)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.title()
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    assert page.locator("html").get_attribute("lang") == "en"


def test_titles_tell_pages_apart(visitor: Visitor) -> None:
    titles = []
    for name in ("front", "found", "catalog", "stimulus set", "assembly", "stimulus", "sign in"):
        open_(visitor, name)
        titles.append(visitor.page.title())
    assert len({*titles}) == len(titles)


def test_the_first_key_skips_to_the_content(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(SET)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("path", ["/", SET, ASSEMBLY, STIMULUS])
def test_the_keyboard_reaches_everything_in_order_and_is_seen_there(visitor: Visitor, path: str) -> None:
    page = visitor.page
    visitor.goto(path)
    reached: list[int] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        place, is_seen = page.evaluate(
            """() => {
              const one = document.activeElement, style = getComputedStyle(one);
              const all = document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']");
              return [[...all].indexOf(one), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
            }"""
        )
        if place < 0:
            break
        assert is_seen, page.evaluate("document.activeElement.outerHTML")
        reached.append(place)
    assert reached == sorted(reached)
    assert len(reached) > 5


def test_stimuli_are_filtered_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(SET)
    page.get_by_label("Column", exact=True).focus()
    page.keyboard.type("object")
    page.keyboard.press("Tab")
    page.keyboard.type("dog")
    page.keyboard.press("Enter")
    expect(page.locator("#sheet").get_by_role("status")).to_contain_text("with object_name dog")
    page.get_by_role("link", name="Without object_name dog").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sheet").get_by_role("status")).to_have_text("133 stimuli: 1 to 48")


def test_what_was_found_is_told_to_who_does_not_see_it(visitor: Visitor) -> None:
    visitor.goto("/")
    status = visitor.page.get_by_role("status")
    expect(status).to_have_attribute("id", "said")
    before = status.inner_text()
    visitor.page.get_by_role("searchbox").press_sequentially("locust")
    expect(status).not_to_have_text(before)


def test_pages_are_dark_where_the_system_is(visit: Visit) -> None:
    for scheme, is_dark in (("light", False), ("dark", True)):
        visitor = visit(color_scheme=scheme)
        visitor.goto(ASSEMBLY)
        colours = visitor.page.evaluate(
            "['body', 'main > section'].map(one => getComputedStyle(document.querySelector(one)).backgroundColor)"
        )
        for colour in colours:
            assert (sum(map(int, re.findall(r"\d+", colour)[:3])) < 200) is is_dark


def test_nothing_moves_where_that_is_not_wanted(visit: Visit) -> None:
    visitor = visit(reduced_motion="reduce")
    visitor.goto(SET)
    moving = visitor.page.evaluate(
        """[...document.querySelectorAll("*")].filter(one => {
          const style = getComputedStyle(one);
          return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
        }).length"""
    )
    assert moving == 0


def test_paper_has_the_data_and_no_buttons(visitor: Visitor) -> None:
    visitor.goto(ASSEMBLY)
    visitor.page.emulate_media(media="print")
    expect(visitor.page.locator("#data")).to_be_visible()
    expect(visitor.page.locator("#load code").first).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Copy")).to_have_count(0)
    expect(visitor.page.get_by_role("searchbox")).to_be_hidden()


def test_text_can_be_twice_as_large(visit: Visit) -> None:
    visitor = visit(width=WIDE // 4, device_scale_factor=4)  # what a window is at a zoom of 400 %
    for path in ("/", SET, ASSEMBLY):
        visitor.goto(path)
        assert visitor.overflow() == 0
