"""The command `brainio catalog`."""

import json
from pathlib import Path

import pytest

from tests.cli.command import brainio
from tests.servers import HttpFolder


def test_init_lists_its_files_and_the_next_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = brainio("catalog", "init", "my_lab")
    assert done.returncode == 0
    assert all(Path(line).is_file() for line in done.stdout.splitlines())
    assert "my_lab/pyproject.toml" in done.stdout.splitlines()
    assert "next: cd my_lab; pip install" in done.stderr


def test_init_changes_no_existing_folder(tmp_path: Path) -> None:
    (tmp_path / "my_lab").mkdir()
    done = brainio("catalog", "init", "my_lab", "--in", str(tmp_path))
    assert done.returncode == 7
    assert "exists already; nothing was written" in done.stderr


def test_check_of_a_valid_catalog_succeeds() -> None:
    done = brainio("catalog", "check", "brainio_demo", "--files", "all")
    assert done.returncode == 0
    assert "no problems" in done.stdout


def test_check_accepts_the_url_of_a_catalog(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier\n"
    )
    with HttpFolder(tmp_path) as server:
        done = brainio("catalog", "check", f"{server.url}/lab.csv", BRAINIO_ALLOW_PRIVATE="1")
    assert done.returncode == 0, done.stderr
    assert "the catalog 'lab' (0 entries): no problems" in done.stdout


def test_check_lists_problems_with_a_separate_exit_code(tmp_path: Path) -> None:
    header = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
    row = f"lab.A,assembly,NeuroidAssembly,file,{tmp_path}/gone.nc,{'0' * 40},lab.Nowhere"
    (tmp_path / "lab.csv").write_text(f"{header}\n{row}\n")
    done = brainio("catalog", "check", str(tmp_path / "lab.csv"), "--json")
    assert done.returncode == 11
    report = json.loads(done.stdout)
    assert not report["ok"]
    assert {problem["code"] for problem in report["problems"]} == {"set-unlisted", "file-gone"}
