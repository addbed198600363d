"""Promises of the code on pages: whoever copies it and runs it has the data, on a machine that has brainio alone."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.lab import SCENES, SECRET, WORDS
from tests.browser.visiting import ASSEMBLY, SET, STIMULUS, Visitor

SHAPE = "print(assembly.shape)"
SIZE = "print(len(stimulus_set), [path.exists() for path in stimulus_set.stimulus_paths.values()].count(True))"


@dataclass
class Machine:
    """A home without anything."""

    home: Path

    def run(self, *command: str) -> str:
        """Run a command, and return what it writes to its standard output."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINIO_", "AWS_"))}
        own = {
            "HOME": str(self.home),
            "BRAINIO_HOME": str(self.home / "brainio"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        run = subprocess.run(
            command, cwd=self.home, env=inherited | own, capture_output=True, text=True, check=False, timeout=240
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    def python(self, code: str) -> str:
        return self.run(sys.executable, "-c", code)

    def shell(self, code: str) -> str:
        return self.run("bash", "-ec", code)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "elsewhere"
    home.mkdir()
    return Machine(home)


def code_of(visitor: Visitor, label: str) -> str:
    """Copy a piece of code as people do, by its button."""
    figure = visitor.page.locator("figure.code").filter(has=visitor.page.get_by_text(label, exact=True))
    figure.get_by_role("button", name="Copy").click()
    expect(figure.get_by_role("button")).to_have_text("Copied")
    copied: str = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied == figure.locator("code").text_content()
    return copied


@pytest.fixture
def copying(visit: Visit) -> Visitor:
    """Somebody whose browser lets pages have the clipboard."""
    return visit(permissions=["clipboard-read", "clipboard-write"])


@pytest.mark.parametrize(
    ("path", "further", "gives"),
    [
        (SET, SIZE, "133 133"),
        (ASSEMBLY, SHAPE, "(532, 60, 12)"),
        (STIMULUS, "print(path.name)", "scene003.png"),
        (f"/stimulus_set/lab/{WORDS}", "print(stimulus_set['words'].tolist())", "[3, 1]"),
        (f"/stimulus_set/lab/{WORDS}?version=1", "print(stimulus_set['words'].tolist())", "[3, 3]"),
        (
            f"/stimulus/lab/{WORDS}?id=t1&version=1",
            "print(path.read_text())",
            "past the barn",
        ),
        ("/assembly/brainio_demo/herz.Rokem2006", SHAPE, "(1797,)"),
        ("/catalog/lab", f"print(brainio.get_assembly('{SCENES}', catalog='lab').shape)", "(532, 60, 12)"),
    ],
)
def test_python_that_was_copied_gives_the_data(
    copying: Visitor, machine: Machine, path: str, further: str, gives: str
) -> None:
    copying.goto(path)
    label = "In a program" if path.startswith("/catalog/") else "Python"
    assert machine.python(f"{code_of(copying, label)}\n{further}") == gives


@pytest.mark.parametrize(
    ("path", "further", "gives"),
    [
        (SET, "", "scene003.png"),
        (ASSEMBLY, "", "assy_lab_Scenes2026.nc"),
        (f"/stimulus_set/lab/{WORDS}?version=1", "", "t1.txt"),
        ("/assembly/brainio_demo/herz.Rokem2006", "", "herz_Rokem2006.nc"),
        ("/catalog/lab", "brainio list assemblies --catalog lab", SCENES),
    ],
)
def test_a_command_that_was_copied_fetches_the_data(
    copying: Visitor, machine: Machine, path: str, further: str, gives: str
) -> None:
    copying.goto(path)
    label = "For all programs of a shell" if path.startswith("/catalog/") else "Command line"
    said = machine.shell(f"{code_of(copying, label)}\n{further}")
    found = [*machine.home.rglob("*")]
    assert gives in said or any(gives in one.name for one in found), said


def test_code_of_a_private_catalog_works_with_the_token_where_the_page_says(
    copying: Visitor, machine: Machine, token: str
) -> None:
    copying.goto("/signin")
    copying.page.get_by_label("Token").fill(token)
    copying.page.get_by_role("main").get_by_role("button", name="Sign in").click()
    copying.goto(f"/stimulus_set/secret/{SECRET}")
    line = code_of(copying, "~/.netrc")
    assert line == f"machine {urlsplit(copying.url).hostname} login token password TOKEN"
    netrc = machine.home / ".netrc"
    netrc.write_text(line.replace("TOKEN", token))
    netrc.chmod(0o600)
    assert machine.python(f"{code_of(copying, 'Python')}\n{SIZE}") == "1 1"


def test_a_catalog_that_ships_needs_no_code(visitor: Visitor) -> None:
    visitor.goto("/catalog/brainio_demo")
    expect(visitor.page.locator("figure.code")).to_have_count(0)
