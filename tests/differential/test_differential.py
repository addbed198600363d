"""brainio returns the results of brainscore-brainio 1.1.0, except for the listed differences.

Its answers are stored next to this file. If the environment variable BRAINIO_PEER names a Python interpreter with an
installed brainscore-brainio, the stored answers are compared with current ones.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.differential.answer_files import FILES, PEER_ANSWERS, PINNED, ask, load, ours
from tests.differential.differences import DIFFERENCES, PAGE, page
from tests.differential.exchange import FILE_READERS, READERS, write_files
from tests.differential.registry import load_scenarios

if TYPE_CHECKING:
    from pathlib import Path

# at import: the environment of a test names no BRAINIO_ variables
PEER = os.environ.get("BRAINIO_PEER", "")
THEIRS = load(PEER_ANSWERS)
PINS = load(PINNED)

needs_peer = pytest.mark.skipif(not PEER, reason="BRAINIO_PEER names no interpreter with brainscore-brainio 1.1.0")


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_answers_are_the_same_or_a_listed_difference(name: str) -> None:
    found = ours(name)
    if name in DIFFERENCES:
        assert found != THEIRS[name], "this no longer differs: take it from the table of differences"
        assert found == PINS[name]
    else:
        assert found == THEIRS[name]


def test_every_scenario_has_a_stored_answer() -> None:
    assert set(THEIRS) == set(load_scenarios()) | set(READERS)


def test_every_difference_is_pinned_and_every_pin_is_listed() -> None:
    assert set(PINS) == set(DIFFERENCES)


def test_the_page_of_differences_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.differential.answer_files"


@needs_peer
def test_the_stored_answers_equal_current_ones_of_the_peer() -> None:
    assert ask(PEER, "--files", FILES) | ask(PEER) == THEIRS


@needs_peer
def test_the_peer_reads_our_files_like_its_own(tmp_path: Path) -> None:
    write_files(tmp_path)
    answers = ask(PEER, "--files", tmp_path)
    assert {name: answers[name] for name in FILE_READERS} == {name: THEIRS[name] for name in FILE_READERS}
