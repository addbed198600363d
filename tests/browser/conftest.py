"""A lab, its service, and visitors, who at the end of each test have nothing to complain of."""

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
from tests.browser.lab_data import HELD
from tests.browser.snippets import Machine
from tests.browser.visitor import Visitor, start_chromium, window
from tests.service.service_process import TOP, ServiceProcess
from tests.shared_folders import shared_folder

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def made_lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tests.browser.lab_data`: its data, and in `home` its profiles."""
    return data_and_home(tmp_path_factory, "tests.browser.lab_data")


def data_and_home(factory: pytest.TempPathFactory, module: str) -> Path:
    """Return a folder with the `data` that a module writes and their `home`."""

    def fill(folder: Path) -> None:
        run_python("-m", module, str(folder / "data"), BRAINIO_HOME=str(folder / "home"))

    return shared_folder(factory, module, fill)


@pytest.fixture(scope="module")
def home(made_lab: Path, demo_profiles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the profiles of the lab and of the demo catalog."""
    home = tmp_path_factory.mktemp("service") / "home"
    for profiles in (made_lab / "home" / "profiles", demo_profiles):
        shutil.copytree(profiles, home / "profiles", dirs_exist_ok=True)
    return home


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of the service: SQLite; modules whose promises depend on it take `module_database` instead."""
    return f"sqlite:///{tmp_path_factory.mktemp('kept') / 'service.sqlite'}"


@pytest.fixture(scope="module")
def service(made_lab: Path, home: Path, kept: str) -> Iterator[ServiceProcess]:
    """A service of the lab, one of whose assemblies is under embargo, and whose catalog `secret` is private."""
    set_embargo(Database(kept), ("lab", "assembly", HELD), date(2999, 1, 1))
    settings = {
        "BRAINIO_CATALOGS": ",".join(str(made_lab / "data" / f"{name}.csv") for name in ("lab", "secret")),
        "BRAINIO_SERVE_PRIVATE": "secret",
        "BRAINIO_SERVE_DATABASE": kept,
    }
    with ServiceProcess(home, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def hostile(kept: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service of the catalog of `tests.browser.hostile_catalog`."""
    folder = data_and_home(tmp_path_factory, "tests.browser.hostile_catalog")
    home = tmp_path_factory.mktemp("hostile") / "home"
    shutil.copytree(folder / "home", home)
    catalog = str(folder / "data" / "evil.csv")
    with ServiceProcess(home, BRAINIO_CATALOGS=catalog, BRAINIO_SERVE_DATABASE=kept) as running:
        yield running


@pytest.fixture(scope="module")
def token(service: ServiceProcess, kept: str) -> str:
    """A token that opens the private catalog."""
    token = create_token(Database(kept), ["secret:read"], "")[1]
    own = {"Authorization": f"Bearer {token}"}
    service.wait_until(lambda: service.client.get("/api/v1", headers=own).status_code == 200)
    return token


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright, which ends with this folder: while it runs, no test of the process could run an event loop."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium, the same for all tests of this folder in a process; each test has its own windows."""
    browser = start_chromium(playwright)
    yield browser
    browser.close()


@pytest.fixture
def visit(browser: Browser, service: ServiceProcess) -> Iterator[Visit]:
    """Open windows; at the end none of them may have complained, or have asked another host."""
    visitors: list[Visitor] = []

    def open_window(**options: Any) -> Visitor:
        context = browser.new_context(**window(**options))
        context.set_default_timeout(20_000)
        visitors.append(Visitor(context, service.url))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.context.close()
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    assert not complaints, "\n".join(complaints)
    assert {host for visitor in visitors for host in visitor.hosts} <= {service.url.removeprefix("http://")}


@pytest.fixture
def visitor(visit: Visit) -> Visitor:
    """Somebody with a wide window."""
    return visit()


@pytest.fixture
def copying(visit: Visit) -> Visitor:
    """Somebody whose browser lets pages have the clipboard."""
    return visit(permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine to run on what was copied."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    return Machine(home)


def run_python(*arguments: str, **environment: str) -> str:
    """Run Python in a process of its own and return what it says."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINIO_", "AWS_"))}
    run = subprocess.run(
        [sys.executable, *arguments], cwd=TOP, env=inherited | environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
