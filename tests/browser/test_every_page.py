"""Promises of every page, each judged at once: with SQLite in a wide light window, with PostgreSQL on a dark phone."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visit
from tests.browser.judging import found_by_axe, lacks, lets_run, loads, words_of
from tests.browser.visiting import EVERY, NARROW, PAGES, WIDE
from tests.service.running import Running


class Window(NamedTuple):
    width: int
    color_scheme: str


WINDOWS = {"sqlite": Window(WIDE, "light"), "postgresql": Window(NARROW, "dark")}


@pytest.fixture(scope="module")
def kept(each_database: str) -> str:
    """Either database."""
    return each_database


@pytest.mark.parametrize("name", EVERY)
def test_a_page_is_small_safe_structured_and_accessible_and_says_the_same_without_script(
    visit: Visit, service: Running, kept: str, name: str
) -> None:
    window = WINDOWS[kept.partition(":")[0]]
    visitor = visit(**window._asdict())
    answer = visitor.open(name)
    faults = [*lets_run(answer.all_headers()), *loads(visitor), *lacks(visitor.page)]
    if visitor.overflow() != 0:
        faults.append(f"width: {visitor.overflow()} pixels more than {window.width}")
    if name in PAGES and name != "sign in":
        faults += own_json(service, visitor.page)
    if window.width == WIDE:  # in a narrow one filters are folded by script
        plain = visit(java_script_enabled=False)
        plain.open(name)
        with_script, without = words_of(visitor.page), words_of(plain.page)
        if with_script != without:
            faults.append(f"script: {with_script} become without it {without}")
    faults += found_by_axe(visitor.page)
    assert not faults, "\n".join(faults)


def own_json(service: Running, page: Page) -> Iterator[str]:
    """Yield what is wrong with the JSON that a page calls its own."""
    links = page.get_by_role("link", name="This page as JSON"), page.locator("link[rel=alternate]")
    found = [link.get_attribute("href") for each in links for link in each.all()]
    if len(found) != 2 or found[0] is None or found[0] != found[1]:
        yield f"JSON: foot and head lead to {found}"
        return
    answer = service.get(found[0])
    if answer.status_code != 200 or not answer.json():
        yield f"JSON: {found[0]} is answered by {answer.status_code}: {answer.text}"
