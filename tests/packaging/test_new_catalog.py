"""A new catalog's project can be installed, extended and checked without changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainio.errors import CatalogError
from brainio.packaging.new_catalog import new_catalog


def run(*command: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow(reason="pip builds the project, and seven interpreters run")
def test_a_new_project_is_installed_extended_and_checked(tmp_path: Path) -> None:
    project = new_catalog("my_lab", tmp_path)
    planned = run("packaging_scripts/package_example.py", "--dry-run", folder=project)
    assert "stimulus_my_lab_Doe2026.zip" in planned
    done = run("packaging_scripts/package_example.py", folder=project)
    assert done.splitlines() == [f"published my_lab.Doe2026 in {project / 'my_lab_catalog' / 'files'}"] * 2
    assert run("packaging_scripts/package_example.py", folder=project) == done
    site = str(tmp_path / "site")
    install = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", site)
    run(*install, str(project), folder=tmp_path)
    path = os.pathsep.join([site, str(Path(__file__).parents[2])])
    brainio = ("-c", "from brainio.cli import main; main(prog_name='brainio')")
    assert "no problems" in run(
        *brainio, "catalog", "check", "my_lab", "--files", "all", folder=tmp_path, PYTHONPATH=path
    )
    run("-m", "pytest", "-q", "tests", folder=project, PYTHONPATH=path)
    load = "import brainio; print(brainio.get_assembly('my_lab.Doe2026').sel(region='V1').sizes['presentation'])"
    assert run("-c", load, folder=tmp_path, PYTHONPATH=path) == "10\n"


@pytest.mark.parametrize("name", ["My_Lab", "my-lab", "2lab", "class", "", "../lab"])
def test_an_invalid_package_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogError, match="expected lower-case letters"):
        new_catalog(name, tmp_path / "labs")
    assert not (tmp_path / "labs").exists()


def test_an_existing_folder_is_unchanged(tmp_path: Path) -> None:
    (tmp_path / "my_lab").mkdir()
    with pytest.raises(CatalogError, match="exists already"):
        new_catalog("my_lab", tmp_path)
    assert list((tmp_path / "my_lab").iterdir()) == []
