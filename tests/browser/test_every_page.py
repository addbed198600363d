"""Every page is small, safe, structured and accessible, in a wide light window and in a narrow dark window."""

import re
from collections.abc import Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from tests.browser.conftest import OpenWindow
from tests.browser.visitor import EVERY, NARROW, PAGES, WIDE, Visitor
from tests.service.service_process import ServiceProcess

_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_MAX_SIZE = 150_000  # bytes of a page and its assets, without thumbnails


@pytest.fixture(scope="module")
def service_database(module_database: str) -> str:
    """The database of the service: SQLite, in the slow tier also PostgreSQL."""
    return module_database


# One page of each template; `tests/service` checks the contents of all.
USUAL = {"front", "found", "stimulus set", "assembly", "stimulus", "sign in", "no such page"}
slow = pytest.mark.slow(reason="the browser draws each further page twice")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in USUAL else slow) for name in EVERY])
def test_a_page_is_small_safe_structured_accessible_and_complete_without_script(
    open_window: OpenWindow, service: ServiceProcess, name: str
) -> None:
    """Check the page in a wide light window, then in a narrow dark window; one visit for both is faster."""
    visitor = open_window(color_scheme="light")
    answer = visitor.open(name)
    faults = [
        *find_header_faults(answer.all_headers()),
        *find_excess_size(visitor),
        *find_missing_structure(visitor.page),
    ]
    if name in PAGES and name != "sign in":
        faults += find_json_faults(service, visitor.page)
    plain = open_window(java_script_enabled=False)
    plain.open(name)
    with_script, without = words_of(visitor.page), words_of(plain.page)  # in a narrow window script folds the filters
    if with_script != without:
        faults.append(f"without script, the page has {without} instead of {with_script}")
    faults += find_layout_faults(visitor, WIDE)
    visitor.page.set_viewport_size({"width": NARROW, "height": 900})
    visitor.page.emulate_media(color_scheme="dark")
    visitor.page.reload()
    faults += [*find_missing_structure(visitor.page), *find_layout_faults(visitor, NARROW)]
    assert not faults, "\n".join(faults)


def find_layout_faults(visitor: Visitor, width: int) -> Iterator[str]:
    """Yield the faults that depend on the width and the colours of the window."""
    if visitor.overflow() != 0:
        yield f"width: {visitor.overflow()} pixels more than {width}"
    for fault in find_accessibility_faults(visitor.page):
        yield f"{width} pixels wide: {fault}"


def find_json_faults(service: ServiceProcess, page: Page) -> Iterator[str]:
    """Yield a fault if the links of a page to its JSON differ or do not work."""
    links = page.get_by_role("link", name="This page as JSON"), page.locator("link[rel=alternate]")
    addresses = [link.get_attribute("href") for locator in links for link in locator.all()]
    if len(addresses) != 2 or addresses[0] is None or addresses[0] != addresses[1]:
        yield f"JSON: footer and head link to {addresses}"
        return
    answer = service.get(addresses[0])
    if answer.status_code != 200 or not answer.json():
        yield f"JSON: {addresses[0]} gets {answer.status_code}: {answer.text}"


def find_accessibility_faults(page: Page) -> Iterator[str]:
    """Open all details of a page, and yield the violations that axe-core finds."""
    for closed in page.locator("details:not([open]) > summary").all():
        if closed.is_visible():
            closed.click()
    for rule in Axe().run(page, options=_RULES).response["violations"]:
        for node in rule["nodes"]:
            yield f"axe: {rule['impact']} {rule['id']}: {node['html'][:200]} {node['failureSummary']}"


def find_header_faults(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield missing and wrong security headers of a page."""
    policy = headers.get("content-security-policy", "")
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    if rules != _POLICY:
        yield f"policy: {policy}"
    for name, value in {"x-content-type-options": "nosniff", "x-frame-options": "DENY"}.items():
        if headers.get(name) != value:
            yield f"header: {name} is {headers.get(name)}"


def find_excess_size(visitor: Visitor) -> Iterator[str]:
    """Yield a fault if the page and its assets exceed the size limit."""
    answered = [request for request in visitor.requests if request.failure is None and "/thumbnail/" not in request.url]
    size = sum(request.sizes()["responseBodySize"] for request in answered)
    if not 0 < size < _MAX_SIZE:
        yield f"size: {size} bytes"


def find_missing_structure(page: Page) -> Iterator[str]:
    """Yield missing and repeated landmarks and headings, by which screen readers navigate."""
    for number, role in ((page.get_by_role(role).count(), role) for role in ("banner", "main", "contentinfo")):
        if number != 1:
            yield f"landmarks: {number} of {role}"
    if (number := page.get_by_role("heading", level=1).count()) != 1:
        yield f"headings: {number} of level 1"
    if not page.title():
        yield "title: none"
    if (language := page.locator("html").get_attribute("lang")) != "en":
        yield f"language: {language}"


def words_of(page: Page) -> list[str]:
    """Return the words of a page, without those that differ between requests or appear only with script."""
    text = page.locator("body").inner_text()
    return re.sub(r"Request ID: \S+|\bCopy\b|\s+", " ", text).split()
