"""The documentation describes all codes of rules, and checks use each code."""

import re
from pathlib import Path

import brainio.validation
from brainio.validation import RULES, SEVERITIES

PACKAGE = Path(brainio.validation.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "validation.md"


def test_the_documentation_has_the_table_of_codes_word_for_word() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    documented = {code: (severity, expected.replace("&lt;", "<"), fix) for code, severity, expected, fix in rows}
    assert documented == {code: tuple(rule) for code, rule in RULES.items()}


def test_every_code_is_used_by_a_check() -> None:
    modules = [*PACKAGE.glob("*.py"), *(PACKAGE.parent / "packaging").glob("*.py")]
    text = "".join(path.read_text() for path in modules if path.name != "rules.py")
    assert [code for code in RULES if f'"{code}"' not in text] == []


def test_every_rule_has_a_severity_an_expectation_and_a_fix() -> None:
    assert all(rule.severity in SEVERITIES and rule.expected and rule.fix for rule in RULES.values())
