"""Promises of the code on pages: whoever copies it and runs it has the data, on a machine that has brainio alone."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab_data import SCENES, WORDS
from tests.browser.snippets import SIZE, Machine, code_of
from tests.browser.visitor import ASSEMBLY, SET, STIMULUS, Visitor

SHAPE = "print(assembly.shape)"


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


def test_a_catalog_that_ships_needs_no_code(visitor: Visitor) -> None:
    visitor.goto("/catalog/brainio_demo")
    expect(visitor.page.locator("figure.code")).to_have_count(0)
