"""The table of faults in the documentation names tests that exist, and every test of reliability stands in it."""

import ast
import re
from pathlib import Path

TOP = Path(__file__).parents[2]
ROWS = [
    line.strip("|").rsplit(" | ", 1)
    for line in (TOP / "docs" / "reliability.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| fault |")
]
UNLISTED = {  # what is no fault, and what watches the documentation
    "test_a_redirect_is_followed_to_another_place_of_the_network",
    "test_a_sound_group_beside_the_data_is_read",
    "test_every_row_names_tests_that_exist",
    "test_every_test_of_reliability_stands_in_the_table",
}


def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def named() -> set[tuple[str, str]]:
    return {found for _, tests in ROWS for found in re.findall(r"`([\w/]+\.py)::(\w+)`", tests)}


def test_every_row_names_tests_that_exist() -> None:
    assert len(ROWS) > 50
    for facts, tests in ROWS:
        assert re.fullmatch(r"(`[\w/]+\.py::\w+`(, )?)+ ?", tests), facts
    missing = {(file, name) for file, name in named() if name not in functions_in(TOP / "tests" / file)}
    assert missing == set()


def test_every_test_of_reliability_stands_in_the_table() -> None:
    here = {name for path in Path(__file__).parent.glob("test_*.py") for name in functions_in(path)}
    assert here - {name for _, name in named()} == UNLISTED
