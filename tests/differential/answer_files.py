"""Answers stored next to the tests: those of brainscore-brainio 1.1.0, and ours where they differ.

Create them again with an interpreter in whose environment `brainscore-brainio==1.1.0` is installed:

    python -m tests.differential.answer_files --peer PYTHON

Without `--peer`, only our own pinned answers and `docs/differences.md` are created again. Review the changes before
committing: every change of a pinned answer is a change for users.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.differential.exchange import READERS
from tests.differential.registry import load_scenarios, theme_of
from tests.differential.run import answer

HERE = Path(__file__).parent
FILES = HERE / "data"
PEER_ANSWERS = HERE / "peer_answers.json"
PINNED = HERE / "pinned_answers.json"
Answers = dict[str, Any]


def load(path: Path) -> Answers:
    """Read stored answers."""
    answers: Answers = json.loads(path.read_text(encoding="utf-8"))
    return answers


def save(path: Path, answers: Answers) -> None:
    """Write answers, one scenario per line."""
    lines = [f"{json.dumps(name)}: {json.dumps(answers[name], sort_keys=True)}" for name in sorted(answers)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def ask(python: str, *arguments: str | Path) -> Answers:
    """Let another interpreter answer."""
    command = [python, str(HERE / "run.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answers: Answers = json.loads(done.stdout)
    return answers


@functools.cache
def _lookups() -> Answers:
    # they install a catalog, and each process looks up installed catalogs once
    return ask(sys.executable, "--theme", "lookups")


def ours(name: str) -> Any:
    """Return this project's answer to a scenario or to a file of brainscore-brainio."""
    if name in READERS:
        return answer(READERS[name], FILES)
    function = load_scenarios()[name]
    return _lookups()[name] if theme_of(function) == "lookups" else answer(function)


def main() -> None:
    """Create the stored answers again."""
    from tests.differential.differences import PAGE, page

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON")
    python = parser.parse_args().peer
    if python:
        scenarios = ask(python, "--write", FILES)
        save(PEER_ANSWERS, {**scenarios, **ask(python, "--files", FILES)})
    theirs = load(PEER_ANSWERS)
    answers = {name: ours(name) for name in theirs}
    different = {name: found for name, found in answers.items() if found != theirs[name]}
    save(PINNED, different)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{len(theirs)} scenarios, {len(theirs) - len(different)} equal, {len(different)} different")


if __name__ == "__main__":
    main()
