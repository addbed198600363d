"""What is held against a page by one look at it: every fault in words that name what it breaks."""

import re
from collections.abc import Iterator, Mapping

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from tests.browser.visitor import Visitor

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
_LARGEST = 150_000  # bytes of a page with all that it loads, without the pictures of stimuli


def found_by_axe(page: Page) -> Iterator[str]:
    """Yield what axe-core finds in a page, with all open that can be opened."""
    for closed in page.locator("details:not([open]) > summary").all():
        if closed.is_visible():
            closed.click()
    for one in Axe().run(page, options=_RULES).response["violations"]:
        for node in one["nodes"]:
            yield f"axe: {one['impact']} {one['id']}: {node['html'][:200]} {node['failureSummary']}"


def lets_run(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield what the headers of a page allow to others."""
    policy = headers.get("content-security-policy", "")
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    if rules != _POLICY:
        yield f"policy: {policy}"
    for name, value in {"x-content-type-options": "nosniff", "x-frame-options": "DENY"}.items():
        if headers.get(name) != value:
            yield f"header: {name} is {headers.get(name)}"


def loads(visitor: Visitor) -> Iterator[str]:
    """Yield by how much all that was asked for so far is more than a page may load."""
    came = [one for one in visitor.asked if one.failure is None and "/thumbnail/" not in one.url]
    size = sum(one.sizes()["responseBodySize"] for one in came)
    if not 0 < size < _LARGEST:
        yield f"weight: {size} bytes"


def lacks(page: Page) -> Iterator[str]:
    """Yield what a page lacks by which screen readers lead through it."""
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
    """Return the words of a page that are the same whenever it is asked for, with script or without."""
    text = page.locator("body").inner_text()
    return re.sub(r"Request ID: \S+|\bCopy\b|\s+", " ", text).split()
