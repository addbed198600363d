"""Promises where what is found or looked for was written by somebody who wants pages to run it; on either database."""

from urllib.parse import urlencode

import pytest

from tests.browser.conftest import Visit
from tests.browser.hostile_catalog import EVIL, SCRIPT
from tests.browser.visitor import NARROW, touch
from tests.service.service_process import ServiceProcess


@pytest.fixture(scope="module")
def kept(module_database: str) -> str:
    """Either database."""
    return module_database


@pytest.fixture(scope="module")
def service(hostile: ServiceProcess) -> ServiceProcess:
    """A service of the hostile catalog."""
    return hostile


def test_what_is_looked_for_is_shown_as_text(visit: Visit) -> None:
    visitor = visit(width=NARROW)
    for evil in EVIL:
        answer = visitor.goto(f"/?{urlencode({'q': evil[:500]})}")
        assert answer.status == 200, evil
        touch(visitor)


def test_what_is_listed_is_shown_as_text(visit: Visit) -> None:
    visitor = visit(width=NARROW)
    for path in ("/catalog/evil", "/?catalog=evil"):
        assert visitor.goto(path).status == 200
        touch(visitor)
        assert SCRIPT[:20] in visitor.page.locator("main").inner_text()
