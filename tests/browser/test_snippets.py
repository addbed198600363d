"""Copied code loads the data on a machine that has only brainio."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab_data import SCENES, WORDS
from tests.browser.snippets import PRINT_SIZE, CleanMachine, copy_code
from tests.browser.visitor import ASSEMBLY, SET, STIMULUS, Visitor

PRINT_SHAPE = "print(assembly.shape)"
slow = pytest.mark.slow(reason="code of a further page")


@pytest.mark.parametrize(
    ("path", "further", "expected"),
    [
        (SET, PRINT_SIZE, "133 133"),
        (ASSEMBLY, PRINT_SHAPE, "(532, 60, 12)"),
        (STIMULUS, "print(path.name)", "scene003.png"),
        pytest.param(f"/stimulus_set/lab/{WORDS}", "print(stimulus_set['words'].tolist())", "[3, 1]", marks=slow),
        (f"/stimulus_set/lab/{WORDS}?version=1", "print(stimulus_set['words'].tolist())", "[3, 3]"),
        pytest.param(f"/stimulus/lab/{WORDS}?id=t1&version=1", "print(path.read_text())", "past the barn", marks=slow),
        pytest.param("/assembly/brainio_demo/herz.Rokem2006", PRINT_SHAPE, "(1797,)", marks=slow),
        ("/catalog/lab", f"print(brainio.get_assembly('{SCENES}', catalog='lab').shape)", "(532, 60, 12)"),
    ],
)
def test_copied_python_loads_the_data(
    clipboard_visitor: Visitor, machine: CleanMachine, path: str, further: str, expected: str
) -> None:
    clipboard_visitor.goto(path)
    label = "In a Python program" if path.startswith("/catalog/") else "Python"
    assert machine.python(f"{copy_code(clipboard_visitor, label)}\n{further}") == expected


@pytest.mark.parametrize(
    ("path", "further", "expected"),
    [
        (SET, "", "scene003.png"),
        (ASSEMBLY, "", "assy_lab_Scenes2026.nc"),
        (f"/stimulus_set/lab/{WORDS}?version=1", "", "t1.txt"),
        ("/assembly/brainio_demo/herz.Rokem2006", "", "herz_Rokem2006.nc"),
        ("/catalog/lab", "brainio list assemblies --catalog lab", SCENES),
    ],
)
def test_a_copied_command_fetches_the_data(
    clipboard_visitor: Visitor, machine: CleanMachine, path: str, further: str, expected: str
) -> None:
    clipboard_visitor.goto(path)
    label = "In a shell, for all programs" if path.startswith("/catalog/") else "Command line"
    output = machine.shell(f"{copy_code(clipboard_visitor, label)}\n{further}")
    files = [*machine.home.rglob("*")]
    assert expected in output or any(expected in file.name for file in files), output


def test_the_page_of_a_catalog_that_ships_has_no_code(visitor: Visitor) -> None:
    visitor.goto("/catalog/brainio_demo")
    expect(visitor.page.locator("figure.code")).to_have_count(0)
