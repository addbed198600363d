"""Promises of the command `brainio`, run as a person runs it."""

import json
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.servers import S3Static


def brainio(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from brainio.cli import main; main(prog_name='brainio')", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_list_shows_a_table_with_a_line_for_each_entry() -> None:
    lines = brainio("list", "assemblies", "--catalog", "brainscore").stdout.splitlines()
    assert lines[0].split() == ["identifier", "kind", "class", "catalog", "status"]
    assert len(lines) == 2 + 149 + 1  # one superseded assembly of 2021 has no successor of the same name
    assert any(line.startswith("dicarlo.MajajHong2015 ") for line in lines)


def test_list_speaks_json_to_programs() -> None:
    records = json.loads(brainio("list", "stimulus-sets", "--json").stdout)
    hvm = next(record for record in records if record["identifier"] == "hvm")
    assert (hvm["kind"], hvm["catalog"], hvm["aliases"]) == ("stimulus_set", "brainscore", ["dicarlo.hvm"])


def test_list_names_the_catalogs_and_their_places() -> None:
    records = json.loads(brainio("list", "catalogs", "--json").stdout)
    assert [record["catalog"] for record in records] == ["brainio_demo", "brainscore"]
    assert all(Path(record["location"]).is_file() for record in records)


def test_info_shows_both_entries_of_an_identifier_that_names_both() -> None:
    text = brainio("info", "FreemanZiemba2013").stdout
    assert "kind         stimulus_set\n" in text
    assert "NeuronRecordingAssembly" in text
    assert "A functional and perceptual signature of the second visual area in primates (2013)" in text
    assert "StimulusSet" not in brainio("info", "FreemanZiemba2013", "--kind", "assembly").stdout


def test_info_speaks_json_to_programs_and_downloads_nothing(s3_static: S3Static) -> None:
    (record,) = json.loads(brainio("info", "dicarlo.MajajHong2015", "--json").stdout)
    assert record["files"][0]["sha1"] == "bf8f8d01010d727e3db3f85a9bd5f95f9456b7ec"
    assert s3_static.requests == []


def test_get_prints_where_the_files_are_and_nothing_else_on_stdout() -> None:
    done = brainio("get", "modelfest.Carney1999", "--json")
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    assert {(record["kind"], record["part"]) for record in records} == {
        ("stimulus_set", "csv"),
        ("stimulus_set", "zip"),
        ("stimulus_set", "folder"),
        ("assembly", "nc"),
    }
    assert all(Path(record["path"]).exists() for record in records)
    assert done.stderr == ""


def test_a_transfer_shows_its_progress_on_a_terminal() -> None:
    reader, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    command = [sys.executable, "-m", "brainio", "get", "modelfest.Carney1999"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, check=True)
    assert b"stimulus_modelfest_Carney1999.zip: " in os.read(reader, 65536)
    os.close(terminal)
    os.close(reader)
    assert b"%|" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["info", "hvmm"], 3, "did you mean 'hvm'"),
        (["get", "Zerbe2026_fmri_stim_full"], 4, "there is no CSV file"),
        (["get", "hvm"], 5, "s3://brainscore-storage/brainio-brainscore/stimulus_hvm.csv"),
        (["list", "--catalog", "nope"], 7, "no catalog 'nope' is in force"),
        (["list", "movies"], 2, "Invalid value"),
    ],
)
def test_failures_are_told_on_stderr_with_an_exit_code_of_their_kind(
    arguments: list[str], code: int, message: str
) -> None:
    done = brainio(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_bytes_have_an_exit_code_of_their_own(s3_static: S3Static) -> None:
    s3_static.objects["brainscore-storage", "brainio-brainscore/assy_dicarlo_MajajHong2015.nc"] = b"not these"
    s3_static.objects["brainio.dicarlo", "assy_dicarlo_MajajHong2015.nc"] = b"nor these"
    done = brainio("get", "dicarlo.MajajHong2015")
    assert done.returncode == 6
    assert done.stderr.count("bf8f8d01010d727e3db3f85a9bd5f95f9456b7ec") == 2


def test_every_publication_of_an_entry_is_shown() -> None:
    text = brainio("info", "imagenet_c.noise").stdout
    assert len([line for line in text.splitlines() if "(20" in line]) == 2


def test_another_version_than_the_current_one_can_be_named() -> None:
    (record,) = json.loads(brainio("info", "aru.Kuzovkin2018", "--kind", "assembly", "--version", "1", "--json").stdout)
    assert (record["version"], record["status"], record["successor"]) == ("1", "superseded", "aru.Kuzovkin2018")


def test_python_runs_the_command_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "brainio", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("brainio, version ")


def test_a_broken_row_of_a_catalog_is_a_warning_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier\nx,y\n"
    )
    done = brainio("list", "assemblies", BRAINIO_CATALOGS=str(tmp_path / "lab.csv"))
    assert done.returncode == 0
    assert done.stderr.startswith("warning: ")
    assert "lab.csv, line 2: 2 fields; the header has 7" in done.stderr


@pytest.mark.parametrize("command", [[], ["list"], ["info"], ["get"]])
def test_help_has_examples(command: list[str]) -> None:
    done = brainio(*command, "--help")
    assert done.returncode == 0
    assert "  Examples:\n    brainio " in done.stdout
