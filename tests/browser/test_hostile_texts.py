"""Pages show scripts and markup in catalogs, cards, data and addresses as text and never run them."""

import re
from urllib.parse import quote, urlencode

import pytest

from tests.browser.conftest import OpenWindow
from tests.browser.hostile_catalog import HOSTILE_TEXTS, LONG, VALUES
from tests.browser.visitor import NARROW, check_no_script_injection
from tests.service.service_process import ServiceProcess


@pytest.fixture(scope="module")
def service(hostile_service: ServiceProcess) -> ServiceProcess:
    """A service of the hostile catalog."""
    return hostile_service


def name_of(number: int) -> str:
    return f"lab.{HOSTILE_TEXTS[number][:200]}{number}"


def pages_of(number: int) -> list[str]:
    """Return the addresses of the pages of a hostile set, also filtered, of an assembly, and of a stimulus."""
    name, hostile = quote(name_of(number), safe=""), HOSTILE_TEXTS[number]
    query = urlencode({"id": f"{hostile[:500]}{number}"})
    return [
        f"/stimulus_set/evil/{name}",
        f"/stimulus_set/evil/{name}?{urlencode({'where': f'stimulus_id:{hostile[:300]}*'})}",
        f"/assembly/evil/{name}",
        f"/stimulus/evil/{name}?{query}",
    ]


slow = pytest.mark.slow(reason="every page for each further hostile text")
NUMBERS = [pytest.param(number, marks=[] if number in (0, 2, 5) else slow) for number in range(len(HOSTILE_TEXTS))]


@pytest.mark.parametrize("number", NUMBERS)
def test_texts_in_catalogs_are_shown_as_text(open_window: OpenWindow, number: int) -> None:
    visitor = open_window(width=NARROW)
    shown = re.sub("[\u202a-\u202e\u2066-\u2069]", lambda match: repr(match[0])[1:-1], name_of(number))
    for position, path in enumerate(pages_of(number)):
        answer = visitor.goto(path)
        assert answer.status == 200, path
        if position == 0:
            heading = visitor.page.get_by_role("heading", level=1).inner_text()
            assert re.sub(r"\s+", " ", heading) == re.sub(r"\s+", " ", shown)
        check_no_script_injection(visitor)


@pytest.mark.parametrize("number", NUMBERS)
def test_texts_in_addresses_are_shown_as_text(open_window: OpenWindow, number: int) -> None:
    hostile = HOSTILE_TEXTS[number]
    visitor = open_window(width=NARROW)
    quoted = quote(hostile, safe="")
    for path in (f"/assembly/evil/{quoted}", f"/catalog/{quoted}", f"/{quoted}", f"/?year={quoted[:400]}"):
        visitor.goto_error(path)
        check_no_script_injection(visitor)
    visitor.goto(f"/?{quoted}=1")  # an unknown parameter is ignored
    check_no_script_injection(visitor)
    name = quote(name_of((number + 1) % len(HOSTILE_TEXTS)), safe="")
    filters = {"where": f"{hostile[:500]}:1"}, {"column": hostile[:500], "value": hostile[:500]}
    for query in (*filters, {"version": hostile[:100]}):
        visitor.goto_error(f"/stimulus_set/evil/{name}?{urlencode(query)}")
        check_no_script_injection(visitor)


def test_pages_of_sets_with_10000_columns_or_stimuli_stay_small(open_window: OpenWindow) -> None:
    visitor = open_window(width=NARROW)
    for name, expected in (("lab.Columns", "150 or more"), ("lab.Values", f"{VALUES:,}")):
        answer = visitor.goto(f"/stimulus_set/evil/{name}")
        assert len(answer.body()) < 250_000
        assert expected in visitor.page.locator(".numbers").inner_text()
        check_no_script_injection(visitor)
    visitor.goto("/stimulus_set/evil/lab.Values?page=209")
    assert visitor.page.locator("#sheet .tile").count() == VALUES % 48


def test_very_long_words_are_cut_or_wrapped(open_window: OpenWindow) -> None:
    visitor = open_window(width=NARROW)
    visitor.goto(f"/stimulus_set/evil/{quote(name_of(HOSTILE_TEXTS.index(LONG)), safe='')}")
    for selector in (".tile .name", ".chip", "h1", "dd"):
        visible = [element for element in visitor.page.locator(selector).all() if element.is_visible()]
        for box in [element.bounding_box() for element in visible]:
            assert box is not None
            assert box["x"] + box["width"] <= NARROW
