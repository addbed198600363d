"""The command `brainio validate`."""

import json
from pathlib import Path

import pytest

from tests.cli.command import brainio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sentences"
    folder.mkdir()
    (folder / "a.txt").write_text("The horse raced past the barn fell.")
    (folder / "table.csv").write_text("stimulus_id,filename\na,a.txt\n")
    return folder


def test_valid_stimuli_have_no_problems(folder: Path) -> None:
    done = brainio("validate", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"stimulus set {folder}: no problems\ncolumns: stimulus_id text; filename text\n"


def test_the_type_of_every_column_is_shown_and_stated_for_programs(folder: Path) -> None:
    table = "stimulus_id,filename,code,size,rt,word\na,a.txt,007,3,0.5,NA\nb,b.txt,008,4,,\n"
    (folder / "table.csv").write_text(table)
    (folder / "b.txt").write_text("The old man the boat.")
    types = ["stimulus_id text", "filename text", "code text", "size integers", "rt floats, 1 missing"]
    types.append("word text, 1 missing")
    assert f"\ncolumns: {'; '.join(types)}\n" in brainio("validate", str(folder), COLUMNS="200").stdout
    assert json.loads(brainio("validate", str(folder), "--json").stdout)[0]["columns"] == types


def test_errors_are_a_table_with_a_separate_exit_code(folder: Path) -> None:
    (folder / "a.txt").unlink()
    done = brainio("validate", str(folder), COLUMNS="80")
    assert done.returncode == 11
    assert "file-missing\n  line 2, file a.txt" in done.stdout
    assert done.stderr == f"error: there are errors in stimulus set {folder}\n"


def test_warnings_do_not_change_the_exit_code(folder: Path) -> None:
    (folder / "b.md").write_text("The old man the boat.")
    (folder / "table.csv").write_text("stimulus_id,filename\na,a.txt\nb,b.md\n")
    done = brainio("validate", str(folder))
    assert done.returncode == 0
    assert "WARNINGS\n========\n\nfile-kind-mixed" in done.stdout


def test_validate_prints_json_of_every_subject(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "recording.nc").write_bytes(b"")
    done = brainio("validate", str(folder), str(tmp_path / "recording.nc"), "--json")
    assert done.returncode == 11
    sound, bad = json.loads(done.stdout)
    columns = ["stimulus_id text", "filename text"]
    assert sound == {"subject": f"stimulus set {folder}", "ok": True, "columns": columns, "problems": []}
    assert [problem["code"] for problem in bad["problems"]] == ["assembly-unreadable"]


def test_options_name_the_stimuli_and_the_class(folder: Path, tmp_path: Path) -> None:
    table = (folder / "table.csv").rename(tmp_path / "table.csv")
    assert brainio("validate", str(table)).returncode == 11
    assert brainio("validate", str(table), "--stimuli", str(folder)).returncode == 0
    done = brainio("validate", str(table), "--class", "Neuroids")
    assert (done.returncode, "Neuroids" in done.stderr) == (1, True)


def test_a_published_identifier_is_validated() -> None:
    assert brainio("validate", "modelfest.Carney1999").returncode == 0


def test_a_missing_subject_has_the_exit_code_of_its_error() -> None:
    assert brainio("validate", "modelfest.Carny1999").returncode == 3


def test_help_has_examples() -> None:
    done = brainio("validate", "--help")
    assert done.returncode == 0
    assert "  Examples:\n    brainio validate my_stimuli/" in done.stdout
