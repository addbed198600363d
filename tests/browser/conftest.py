"""Services of example catalogs, and browser windows that fail the test on errors and on requests to other hosts."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from brainio.service.database import Database
from brainio.service.embargoes import set_embargo
from brainio.service.tokens import create_token
from tests.browser.lab_data import EMBARGOED
from tests.browser.snippets import CleanMachine
from tests.browser.visitor import Visitor, start_chromium, window
from tests.service.service_process import TOP, ServiceProcess
from tests.shared_folders import shared_folder

OpenWindow = Callable[..., Visitor]


@pytest.fixture(scope="session")
def lab_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the `data` of `tests.browser.lab_data`, and their profiles in `home`."""
    return data_and_home(tmp_path_factory, "tests.browser.lab_data")


def data_and_home(factory: pytest.TempPathFactory, module: str) -> Path:
    """Return a folder with the `data` that a module writes and with its `home`; write them once per test run."""

    def fill(folder: Path) -> None:
        run_python("-m", module, str(folder / "data"), BRAINIO_HOME=str(folder / "home"))

    return shared_folder(factory, module, fill)


@pytest.fixture(scope="module")
def home(lab_data: Path, demo_profiles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the profiles of the lab and of the demo catalog."""
    home = tmp_path_factory.mktemp("service") / "home"
    for profiles in (lab_data / "home" / "profiles", demo_profiles):
        shutil.copytree(profiles, home / "profiles", dirs_exist_ok=True)
    return home


@pytest.fixture(scope="module")
def service_database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of the service: SQLite; modules override this fixture to test on all databases."""
    return f"sqlite:///{tmp_path_factory.mktemp('service_database') / 'service.sqlite'}"


@pytest.fixture(scope="module")
def service(lab_data: Path, home: Path, service_database: str) -> Iterator[ServiceProcess]:
    """A service of the catalog `lab`, with an assembly under embargo, and of the private catalog `secret`."""
    set_embargo(Database(service_database), ("lab", "assembly", EMBARGOED), date(2999, 1, 1))
    settings = {
        "BRAINIO_CATALOGS": ",".join(str(lab_data / "data" / f"{name}.csv") for name in ("lab", "secret")),
        "BRAINIO_SERVE_PRIVATE": "secret",
        "BRAINIO_SERVE_DATABASE": service_database,
    }
    with ServiceProcess(home, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def hostile_service(service_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service of the catalog of `tests.browser.hostile_catalog`."""
    folder = data_and_home(tmp_path_factory, "tests.browser.hostile_catalog")
    home = tmp_path_factory.mktemp("hostile") / "home"
    shutil.copytree(folder / "home", home)
    catalog = str(folder / "data" / "evil.csv")
    with ServiceProcess(home, BRAINIO_CATALOGS=catalog, BRAINIO_SERVE_DATABASE=service_database) as running:
        yield running


@pytest.fixture(scope="module")
def token(service: ServiceProcess, service_database: str) -> str:
    """A token for the private catalog."""
    token = create_token(Database(service_database), ["secret:read"], "")[1]
    headers = {"Authorization": f"Bearer {token}"}
    service.wait_until(lambda: service.client.get("/api/v1", headers=headers).status_code == 200)
    return token


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright for this folder only: no other test of the process can run an event loop while it runs."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium for all tests of this folder in a process; each test opens its own windows."""
    browser = start_chromium(playwright)
    yield browser
    browser.close()


@pytest.fixture
def open_window(browser: Browser, service: ServiceProcess) -> Iterator[OpenWindow]:
    """Function that opens a window; errors in a window and requests to other hosts fail the test."""
    visitors: list[Visitor] = []

    def make_window(**options: Any) -> Visitor:
        context = browser.new_context(**window(**options))
        context.set_default_timeout(20_000)
        visitors.append(Visitor(context, service.url))
        return visitors[-1]

    yield make_window
    for visitor in visitors:
        visitor.context.close()
    errors = [error for visitor in visitors for error in visitor.errors]
    assert not errors, "\n".join(errors)
    assert {host for visitor in visitors for host in visitor.hosts} <= {service.url.removeprefix("http://")}


@pytest.fixture
def visitor(open_window: OpenWindow) -> Visitor:
    """A visitor with a wide window."""
    return open_window()


@pytest.fixture
def clipboard_visitor(open_window: OpenWindow) -> Visitor:
    """A visitor whose browser lets pages use the clipboard."""
    return open_window(permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture
def machine(tmp_path: Path) -> CleanMachine:
    """A machine without data, for running copied code."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    return CleanMachine(home)


def run_python(*arguments: str, **environment: str) -> str:
    """Run Python in its own process, and return its standard output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINIO_", "AWS_"))}
    run = subprocess.run(
        [sys.executable, *arguments], cwd=TOP, env=inherited | environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
