"""Every test of the fault table in docs/reliability.md exists, and the table names every test of this folder."""

import ast
import re
from pathlib import Path

TOP = Path(__file__).parents[2]
ROWS = [
    line.strip("|").rsplit(" | ", 1)
    for line in (TOP / "docs" / "reliability.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| fault |")
]
UNLISTED = {  # correct behavior, and checks of the documentation
    "test_a_redirect_to_another_server_is_followed",
    "test_a_valid_group_next_to_the_data_is_read",
    "test_every_row_names_tests_that_exist",
    "test_the_table_names_every_test_of_reliability",
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


def test_the_table_names_every_test_of_reliability() -> None:
    here = {name for path in Path(__file__).parent.glob("test_*.py") for name in functions_in(path)}
    assert here - {name for _, name in named()} == UNLISTED
