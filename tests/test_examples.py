"""Every example of the documentation runs, in the order of the page."""

import contextlib
import doctest
import importlib
import io
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import brainio

TOP = Path(__file__).parents[1]
many_commands = pytest.mark.slow(reason="starts a new process for each command of the page")
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOUND = [module.name for module in pkgutil.walk_packages(brainio.__path__, "brainio.")]
MODULES = ["brainio", *(name for name in FOUND if not name.endswith("__main__"))]  # importing these modules runs them
# Commands that need the internet.
ELSEWHERE = ("dicarlo.MajajHong2015", "python3 -m venv", "python3 tests/run.py", "pip install", "https://lab.example")


def blocks(document: str) -> list[tuple[str, str]]:
    found = BLOCK.findall((TOP / document).read_text(encoding="utf-8"))
    return [(language, text) for language, text in found if language == "console" or runs_offline(text)]


def runs_offline(text: str) -> bool:
    return not any(word in text for word in ELSEWHERE)


@pytest.mark.filterwarnings("ignore::brainio.errors.FormatWarning")  # which an example demonstrates
@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0, output.getvalue()


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/guide.md",
        "docs/notebooks.md",
        pytest.param("docs/citing.md", marks=many_commands),
        pytest.param("docs/checking.md", marks=many_commands),
    ],
)
def test_examples_of_documents_run_in_order(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec("import brainio", names)
    found = blocks(document)
    assert len(found) > 1
    for language, text in found:
        if language == "python":
            exec(compile(text, document, "exec"), names)
        else:
            for command in filter(runs_offline, text.strip().splitlines()):
                run(command)


@many_commands
def test_every_example_of_contributing_data_prints_the_shown_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = BLOCK.findall((TOP / "docs" / "contributing-data.md").read_text(encoding="utf-8"))
    (language, raw), *rest = found
    assert language == "python"
    Path("raw.py").write_text(raw)
    commands = 0
    for language, text in rest:
        if language == "python":
            exec(compile(text, "contributing-data.md", "exec"), {})
            continue
        commands += check_session(text, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert commands > 5


def check_session(text: str, flags: int) -> int:
    """Run the commands of a terminal session, compare their output with the session, and return their number."""
    steps = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    for step in steps:
        command, _, expected = step.partition("\n")
        printed = output_of(command)
        assert doctest.OutputChecker().check_output(expected, printed, flags), f"{command}\n{printed}"
    return len(steps)


def output_of(command: str) -> str:
    """Run a command with this Python's `brainio`, and return its output, also if it fails."""
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": scripts}
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=False, env=environment).stdout


def run(command: str) -> None:
    """Run a command of a document with this Python's `brainio`."""
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, env=os.environ | {"PATH": scripts}
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.mark.slow(reason="draws every picture of the documentation in a new interpreter")
def test_the_pictures_of_the_documentation_are_reproducible(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, TOP / "docs" / "pictures.py", tmp_path / "pictures"], check=True, capture_output=True
    )
    drawn = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert {"contact_sheet.png", "plots.png", "recording.png"} <= drawn
    assert drawn <= {path.name for path in (TOP / "docs" / "pictures").iterdir()}


def test_the_first_look_prints_the_data_and_names_its_picture(tmp_path: Path) -> None:
    picture = tmp_path / "look.png"
    done = subprocess.run(
        [sys.executable, TOP / "docs" / "first_look.py", picture], capture_output=True, text=True, check=True
    )
    assert "BehavioralAssembly" in done.stdout
    assert done.stdout.endswith(f"Wrote {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")


DOCUMENTS = [
    *TOP.glob("*.md"),
    *(TOP / "docs").glob("*.md"),
    *(TOP / "catalogs").rglob("*.md"),
]
FOLDERS = [TOP, TOP / "docs", TOP / "tests", TOP / "tests" / "security", TOP / "brainio"]
USER_FILES = {"brainio.lock", "brainio.conf", "raw.py"}  # a user's files, and those of a new catalog below doe_lab/


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_modules_and_files_named_in_a_document_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    names = set(re.findall(r"\bbrainio(?:\.[A-Za-z_]\w*)+", text))
    paths = set(re.findall(r"(?<![\w/.-])(?:[\w-]+/)*[\w-]+\.py\b", text))
    missing = {name for name in names if not is_importable(name)}
    missing |= {path for path in paths if not is_file_of_project(path)}
    assert missing <= USER_FILES


def is_importable(name: str) -> bool:
    """Return whether a dotted name is that of a module, or of an attribute below one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def is_file_of_project(path: str) -> bool:
    """Return whether a path exists below a folder of the project, a package of brainio, or a user's new catalog."""
    folders = [*FOLDERS, *(TOP / "brainio").iterdir()]
    return path.startswith("doe_lab/") or any((folder / path).is_file() for folder in folders)
