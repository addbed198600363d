"""Search shows scripts and markup in queries and results as text, with each of the databases."""

from urllib.parse import urlencode

import pytest

from tests.browser.conftest import OpenWindow
from tests.browser.hostile_catalog import HOSTILE_TEXTS, SCRIPT
from tests.browser.visitor import NARROW, check_no_script_injection
from tests.service.service_process import ServiceProcess


@pytest.fixture(scope="module")
def service_database(module_database: str) -> str:
    """The database of the service: SQLite, in the slow tier also PostgreSQL."""
    return module_database


@pytest.fixture(scope="module")
def service(hostile_service: ServiceProcess) -> ServiceProcess:
    """A service of the hostile catalog."""
    return hostile_service


def test_queries_are_shown_as_text(open_window: OpenWindow) -> None:
    visitor = open_window(width=NARROW)
    for hostile in HOSTILE_TEXTS:
        answer = visitor.goto(f"/?{urlencode({'q': hostile[:500]})}")
        assert answer.status == 200, hostile
        check_no_script_injection(visitor)


def test_results_are_shown_as_text(open_window: OpenWindow) -> None:
    visitor = open_window(width=NARROW)
    for path in ("/catalog/evil", "/?catalog=evil"):
        assert visitor.goto(path).status == 200
        check_no_script_injection(visitor)
        assert SCRIPT[:20] in visitor.page.locator("main").inner_text()
