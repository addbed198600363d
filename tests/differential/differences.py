"""Every scenario with another answer than brainscore-brainio 1.1.0, with the reason and the replacement.

`pinned_answers.json` has the answers of brainio. `python -m tests.differential.answer_files` creates
`docs/differences.md` from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.differential.compare import describe
from tests.differential.decisions import GROUPS

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"

_HEAD = Path(__file__).with_name("differences_head.md")


@dataclass(frozen=True)
class Difference:
    """Why a scenario differs, and the code that gives the earlier answer."""

    reason: str
    instead: str


def _table() -> dict[str, Difference]:
    table: dict[str, Difference] = {}
    for group in GROUPS:
        for name in group.scenarios:
            if name in table:
                raise ValueError(f"the scenario {name!r} is listed twice; leave one out")
            table[name] = Difference(group.reason, group.instead)
    return table


DIFFERENCES = _table()


def page() -> str:
    """Return the text of `docs/differences.md`."""
    from tests.differential.answer_files import PEER_ANSWERS, PINNED, load

    theirs, ours = load(PEER_ANSWERS), load(PINNED)
    parts = [
        _HEAD.read_text(encoding="utf-8").format(total=len(theirs), equal=len(theirs) - len(ours), different=len(ours))
    ]
    for group in GROUPS:
        parts.append(f"### {group.title}\n\n{group.reason}\n\nWhat to write instead: {group.instead}\n")
        rows = ["| scenario | brainscore-brainio 1.1.0 | brainio |", "|---|---|---|"]
        for name in group.scenarios:
            if name in ours:
                earlier, now = describe(theirs[name], ours[name])
                rows.append(f"| {name} | {_cell(earlier)} | {_cell(now)} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
