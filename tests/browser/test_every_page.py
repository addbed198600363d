"""Every page is small, safe, structured and accessible, in a wide light window and in a narrow dark one."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visit
from tests.browser.judging import found_by_axe, lacks, lets_run, loads, words_of
from tests.browser.visitor import EVERY, NARROW, PAGES, WIDE, Visitor
from tests.service.service_process import ServiceProcess


@pytest.fixture(scope="module")
def kept(module_database: str) -> str:
    """The database of the service."""
    return module_database


@pytest.mark.parametrize("name", EVERY)
def test_a_page_is_small_safe_structured_and_accessible_and_says_the_same_without_script(
    visit: Visit, service: ServiceProcess, name: str
) -> None:
    """One visit judges the page in a wide light window, and then in a narrow dark one."""
    visitor = visit(color_scheme="light")
    answer = visitor.open(name)
    faults = [*lets_run(answer.all_headers()), *loads(visitor), *lacks(visitor.page)]
    if name in PAGES and name != "sign in":
        faults += own_json(service, visitor.page)
    plain = visit(java_script_enabled=False)
    plain.open(name)
    with_script, without = words_of(visitor.page), words_of(plain.page)  # in a narrow window script folds the filters
    if with_script != without:
        faults.append(f"script: {with_script} become without it {without}")
    faults += judged_in_window(visitor, WIDE)
    visitor.page.set_viewport_size({"width": NARROW, "height": 900})
    visitor.page.emulate_media(color_scheme="dark")
    visitor.page.reload()
    faults += [*lacks(visitor.page), *judged_in_window(visitor, NARROW)]
    assert not faults, "\n".join(faults)


def judged_in_window(visitor: Visitor, width: int) -> Iterator[str]:
    """Yield the faults that depend on the width and the colours of the window."""
    if visitor.overflow() != 0:
        yield f"width: {visitor.overflow()} pixels more than {width}"
    for fault in found_by_axe(visitor.page):
        yield f"{width} pixels wide: {fault}"


def own_json(service: ServiceProcess, page: Page) -> Iterator[str]:
    """Yield what is wrong with the JSON that a page calls its own."""
    links = page.get_by_role("link", name="This page as JSON"), page.locator("link[rel=alternate]")
    found = [link.get_attribute("href") for each in links for link in each.all()]
    if len(found) != 2 or found[0] is None or found[0] != found[1]:
        yield f"JSON: foot and head lead to {found}"
        return
    answer = service.get(found[0])
    if answer.status_code != 200 or not answer.json():
        yield f"JSON: {found[0]} is answered by {answer.status_code}: {answer.text}"
