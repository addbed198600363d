"""docs/cards.md describes every field of a card with its type, and no other fields."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import brainio
from tests.cards.examples import cards

PAGE = (Path(__file__).parents[2] / "docs" / "cards.md").read_text(encoding="utf-8")
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float, type(None)),
    "text or null": (str, type(None)),
    "any": (str, int, float),
    "list": (list,),
    "list of text": (list,),
    "list of integer": (list,),
    "list of number": (list,),
    "record": (dict,),
}
PARTS: dict[str, set[type]] = {
    "list": {dict},
    "list of text": {str},
    "list of integer": {int},
    "list of number": {int, float, type(None)},
}
COLUMNS = re.compile(r"^(?:extras\[\]\.)?(?:coordinates|columns)\[\]\.(?!dims)")

EXTREMES = re.compile(r"^pictures\.stimuli\.(?:strongest|weakest)\[\]")


def documented() -> dict[str, str]:
    """Return field -> type."""
    rows = re.findall(r"^\| (`.+?) \| ([a-z ]+?) \|", PAGE, re.MULTILINE)
    return {name: kind for names, kind in rows for name in re.findall(r"`(.+?)`", names)}


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every nested field of a value with its name in the page."""
    if isinstance(value, dict):
        for name, part in value.items():
            inner = f"{path}.{name}" if path else name
            yield inner, part
            yield from fields(part, inner)
    elif isinstance(value, list):
        for part in value:
            yield from fields(part, f"{path}[]")


def as_documented(path: str) -> str:
    path = COLUMNS.sub("*[].", path)
    path = EXTREMES.sub("pictures.stimuli.*[]", path)
    return path if path == "extras[].name" else path.removeprefix("extras[].")


def test_the_page_describes_the_fields_that_cards_have(tmp_path: Path) -> None:
    names = {as_documented(path) for card in cards(tmp_path) for path, _ in fields(card)}
    assert sorted(names) == sorted(documented())


def test_fields_have_the_types_of_the_page(tmp_path: Path) -> None:
    types = documented()
    for card in cards(tmp_path):
        for path, value in fields(card):
            assert isinstance(value, TYPES[types[as_documented(path)]]), path
            if isinstance(value, list):
                assert {type(part) for part in value} <= PARTS[types[as_documented(path)]], path


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {"brainio": brainio})
    assert (tmp_path / "my_catalog" / "cards" / "assembly" / "modelfest.Carney1999.json").is_file()
