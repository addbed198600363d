"""Guarantees about the installed distribution: commands that add extras, and warnings of conflicting distributions."""

import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import brainio
from brainio.installation import conflicting_distributions, install_command

WHEEL = "file:///tmp/wheels/brainio_data-2.0.0-py3-none-any.whl"
ORIGINS = [
    (None, "pip install 'brainio-data[sql]'"),
    ({"url": "file:///home/ada/brainio", "dir_info": {}}, "pip install '/home/ada/brainio[sql]'"),
    ({"url": "file:///srv/brainio", "dir_info": {"editable": True}}, "pip install -e '/srv/brainio[sql]'"),
    ({"url": "file:///a%20b", "dir_info": {}}, "pip install '/a b[sql]'"),
    ({"url": WHEEL, "archive_info": {}}, f"pip install 'brainio-data[sql] @ {WHEEL}'"),
    (
        {"url": "https://lab.example/b.git", "vcs_info": {"vcs": "git", "commit_id": "0f3c"}},
        "pip install 'brainio-data[sql] @ git+https://lab.example/b.git@0f3c'",
    ),
]
LOADS = {
    "load": "import brainio; brainio.get_assembly('modelfest.Carney1999')",
    "command": "from brainio.cli import main; main()",
}


@pytest.mark.parametrize(("origin", "command"), ORIGINS)
def test_an_extra_is_installed_from_the_origin_of_the_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: dict[str, object] | None, command: str
) -> None:
    info = tmp_path / "brainio_data-2.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brainio-data\nVersion: 2.0.0\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    assert install_command("sql") == command


def test_the_origin_without_metadata_is_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_metadata(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", no_metadata)
    assert install_command("sql") == "pip install 'brainio-data[sql]'"


@pytest.mark.parametrize(
    ("name", "conflict"),
    [
        ("brainio-0.0.20.dist-info", ("brainio", "0.0.20")),
        ("brainio-0.0.20-py3.8.egg-info", ("brainio", "0.0.20")),
        ("brainscore_brainio-1.1.0.dist-info", ("brainscore-brainio", "1.1.0")),
        ("brainio_data-2.0.0.dist-info", None),
        ("brainio_contrib-0.1.0.dist-info", None),
        ("brainio", None),
        ("brainio.egg-info", None),
    ],
)
def test_other_distributions_of_the_package_are_recognized(
    tmp_path: Path, name: str, conflict: tuple[str, str] | None
) -> None:
    (tmp_path / name).mkdir()
    assert conflicting_distributions(tmp_path) == ([conflict] if conflict else [])


@pytest.fixture
def mixed_folder(tmp_path: Path) -> Path:
    """A copy of the package in a folder where pip has installed `brainio` 0.0.20 as well."""
    folder = tmp_path / "site-packages"
    shutil.copytree(Path(brainio.__file__).parent, folder / "brainio", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "brainio-0.0.20.dist-info").mkdir()
    return folder


def _run(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path.insert(0, {str(folder)!r}); sys.dont_write_bytecode = True; {code}"
    command = [sys.executable, "-c", start, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [(LOADS["load"], ()), (LOADS["command"], ("list", "catalogs")), (LOADS["command"], ("--version",))],
    ids=["load", "command", "--version"],
)
def test_a_conflicting_distribution_is_warned_of_once_with_the_remedy(
    mixed_folder: Path, code: str, arguments: tuple[str, ...]
) -> None:
    errors = _run(mixed_folder, code, *arguments).stderr
    assert errors.count("brainio 0.0.20 is installed in the same folder as brainio-data") == 1
    assert "Run: pip uninstall --yes brainio brainio-data" in errors


def test_an_import_alone_does_not_warn(mixed_folder: Path) -> None:
    assert _run(mixed_folder, "import brainio").stderr == ""
