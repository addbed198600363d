"""The documentation has every code, and every code is one that some check gives."""

import re
from pathlib import Path

import brainio.validation
from brainio.validation import RULES, SEVERITIES

ROOM = Path(brainio.validation.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "validation.md"


def test_the_documentation_has_the_table_of_codes_word_for_word() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    told = {code: (severity, expected.replace("&lt;", "<"), fix) for code, severity, expected, fix in rows}
    assert told == {code: tuple(rule) for code, rule in RULES.items()}


def test_every_code_is_given_by_a_check() -> None:
    modules = [*ROOM.glob("*.py"), *(ROOM.parent / "packaging").glob("*.py")]
    text = "".join(path.read_text() for path in modules if path.name != "rules.py")
    assert [code for code in RULES if f'"{code}"' not in text] == []


def test_every_rule_says_how_grave_it_is_and_what_to_do() -> None:
    assert all(rule.severity in SEVERITIES and rule.expected and rule.fix for rule in RULES.values())
