"""Run all scenarios under this interpreter and print `{scenario: plain answer}` as JSON.

    PYTHON tests/differential/run.py [--files FOLDER] [--write FOLDER] [--theme NAME]

PYTHON needs numpy, pandas, xarray and either this `brainio` or brainscore-brainio 1.1.0. `--write` first writes the
netCDF files of that `brainio` to a folder. `--files` runs only the scenarios that read netCDF files, with those of a
folder. `--theme` runs only the scenarios of one module.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import sys
import tempfile
import types
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).parents[2]


def answer(function: Callable[..., Any], *args: Any) -> Any:
    """Return the plain answer of one scenario; an exception is an answer too."""
    from tests.differential.plain import ERROR, plain

    # Output of libraries is not part of the answers.
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        wants_folder = "folder" in inspect.signature(function).parameters
        try:
            result = plain(function(Path(folder), *args) if wants_folder and not args else function(*args))
        except Exception:
            return ERROR
    return json.loads(json.dumps(result))


def find_tests_only() -> None:
    """Make `tests` importable, but not its parent folder: the installed `brainio` answers."""
    sys.modules["tests"] = package = types.ModuleType("tests")
    package.__path__ = [str(TOP / "tests")]


def main() -> None:
    """Print the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--theme", default="")
    arguments = parser.parse_args()
    find_tests_only()
    from tests.differential.exchange import READERS, write_files
    from tests.differential.registry import load_scenarios, theme_of

    if arguments.write:
        write_files(arguments.write)
    if arguments.files:
        answers = {name: answer(function, arguments.files) for name, function in READERS.items()}
    else:
        scenarios = {k: f for k, f in load_scenarios().items() if arguments.theme in ("", theme_of(f))}
        answers = {name: answer(function) for name, function in scenarios.items()}
    print(json.dumps(answers, indent=0, sort_keys=True))


if __name__ == "__main__":
    main()
