"""The examples of docs/search.md run and print the output that the page shows."""

import doctest
import re
from pathlib import Path

import pytest

import brainio
from tests.test_examples import BLOCK, TOP, check_session


@pytest.mark.slow(reason="starts a new process for each command of the page")
def test_every_example_of_the_search_page_prints_the_shown_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (TOP / "docs" / "search.md").read_text(encoding="utf-8")
    commands = 0
    for language, block in BLOCK.findall(text):
        if language == "python":
            exec(compile(block, "search.md", "exec"), {"brainio": brainio})
            continue
        commands += check_session(block, doctest.ELLIPSIS)
    assert commands == 11
    assert len(re.findall(r"^\d+\. ", text, re.MULTILINE)) == 10
