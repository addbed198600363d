"""A lab, its service, and visitors, who at the end of each test have nothing to complain of."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import HELD
from tests.browser.visiting import Visitor, start, window
from tests.service.running import TOP, Running

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def made_lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tests.browser.lab`: its data, and in `home` its profiles."""
    return made_once(tmp_path_factory, "tests.browser.lab")


def made_once(factory: pytest.TempPathFactory, module: str) -> Path:
    """Return a folder with the `data` that a module writes and their `home`; made once for all processes of a run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / module
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = folder.with_name(f"{module}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            run_python("-m", module, str(unfinished / "data"), BRAINIO_HOME=str(unfinished / "home"))
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="module")
def home(made_lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the profiles of the lab, and an embargo on one of its assemblies."""
    home = tmp_path_factory.mktemp("service") / "home"
    shutil.copytree(made_lab / "home", home)
    command = ("-m", "brainio", "embargo", "set", "lab", "assembly", HELD, "--until", "2999-01-01")
    run_python(*command, BRAINIO_HOME=str(home), BRAINIO_CATALOGS=str(made_lab / "data" / "lab.csv"))
    return home


@pytest.fixture(scope="module")
def service(made_lab: Path, home: Path) -> Iterator[Running]:
    """A service of the lab, whose catalog `secret` is private."""
    catalogs = ",".join(str(made_lab / "data" / f"{name}.csv") for name in ("lab", "secret"))
    with Running(home, BRAINIO_CATALOGS=catalogs, BRAINIO_SERVE_PRIVATE="secret") as running:
        yield running


@pytest.fixture(scope="module")
def token(service: Running, home: Path) -> str:
    """A token that opens the private catalog."""
    said = run_python("-m", "brainio", "token", "create", "--scope", "secret:read", "--json", BRAINIO_HOME=str(home))
    token: str = json.loads(said)["token"]
    return token


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Of a module, since while it runs no other test of the process could run an event loop."""
    with sync_playwright() as playwright:
        browser = start(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, service: Running) -> Iterator[Visit]:
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
    for visitor in visitors:
        assert visitor.complaints == []
        assert visitor.hosts <= {service.url.removeprefix("http://")}


@pytest.fixture
def visitor(visit: Visit) -> Visitor:
    """Somebody with a wide window."""
    return visit()


def run_python(*arguments: str, **environment: str) -> str:
    """Run Python in a process of its own and return what it says."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINIO_", "AWS_"))}
    run = subprocess.run(
        [sys.executable, *arguments], cwd=TOP, env=inherited | environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
