"""Promises where a catalog, its cards and its data were written by somebody who wants pages to run what he wrote."""

import re
from urllib.parse import quote, urlencode

import pytest

from tests.browser.conftest import Visit
from tests.browser.hostile_catalog import EVIL, LONG, VALUES
from tests.browser.visitor import NARROW, touch
from tests.service.service_process import ServiceProcess


@pytest.fixture(scope="module")
def service(hostile: ServiceProcess) -> ServiceProcess:
    """A service of the hostile catalog."""
    return hostile


def name_of(number: int) -> str:
    return f"lab.{EVIL[number][:200]}{number}"


def pages_of(number: int) -> list[str]:
    """Return the addresses of pages of an evil set and assembly, also filtered by evil values, and of a stimulus."""
    name, evil = quote(name_of(number), safe=""), EVIL[number]
    query = urlencode({"id": f"{evil[:500]}{number}"})
    return [
        f"/stimulus_set/evil/{name}",
        f"/stimulus_set/evil/{name}?{urlencode({'where': f'stimulus_id:{evil[:300]}*'})}",
        f"/assembly/evil/{name}",
        f"/stimulus/evil/{name}?{query}",
    ]


@pytest.mark.parametrize("number", range(len(EVIL)))
def test_what_a_catalog_says_is_shown_as_text(visit: Visit, number: int) -> None:
    visitor = visit(width=NARROW)
    shown = re.sub("[\u202a-\u202e\u2066-\u2069]", lambda match: repr(match[0])[1:-1], name_of(number))
    for position, path in enumerate(pages_of(number)):
        answer = visitor.goto(path)
        assert answer.status == 200, path
        if position == 0:
            heading = visitor.page.get_by_role("heading", level=1).inner_text()
            assert re.sub(r"\s+", " ", heading) == re.sub(r"\s+", " ", shown)
        touch(visitor)


@pytest.mark.parametrize("evil", EVIL)
def test_what_an_address_says_is_shown_as_text(visit: Visit, evil: str) -> None:
    visitor = visit(width=NARROW)
    asked = quote(evil, safe="")
    for path in (f"/assembly/evil/{asked}", f"/catalog/{asked}", f"/{asked}", f"/?year={asked[:400]}"):
        visitor.goto_error(path)
        touch(visitor)
    visitor.goto(f"/?{asked}=1")  # which is ignored
    touch(visitor)
    name = quote(name_of((EVIL.index(evil) + 1) % len(EVIL)), safe="")
    for query in ({"where": f"{evil[:500]}:1"}, {"column": evil[:500], "value": evil[:500]}, {"version": evil[:100]}):
        visitor.goto_error(f"/stimulus_set/evil/{name}?{urlencode(query)}")
        touch(visitor)


def test_ten_thousand_columns_and_values_are_shown_as_far_as_one_reads(visit: Visit) -> None:
    visitor = visit(width=NARROW)
    for name, told in (("lab.Columns", "150 or more"), ("lab.Values", f"{VALUES:,}")):
        answer = visitor.goto(f"/stimulus_set/evil/{name}")
        assert len(answer.body()) < 250_000
        assert told in visitor.page.locator(".numbers").inner_text()
        touch(visitor)
    visitor.goto("/stimulus_set/evil/lab.Values?page=209")
    assert visitor.page.locator("#sheet .tile").count() == VALUES % 48


def test_a_form_of_another_site_signs_nobody_in(service: ServiceProcess) -> None:
    answer = service.client.post("/signin", data={"token": "brainio_00"}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_longest_words_are_cut_or_broken_where_they_stand(visit: Visit) -> None:
    visitor = visit(width=NARROW)
    visitor.goto(f"/stimulus_set/evil/{quote(name_of(EVIL.index(LONG)), safe='')}")
    for selector in (".tile .name", ".chip", "h1", "dd"):
        for box in [one.bounding_box() for one in visitor.page.locator(selector).all() if one.is_visible()]:
            assert box is not None
            assert box["x"] + box["width"] <= NARROW
