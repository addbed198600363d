"""`brainio get --locked` fetches the entries of a lock file, run as a command."""

import json
from pathlib import Path

import pytest

import brainio
from tests.cli.command import brainio as command
from tests.lab import Lab, assembly_file

SET = "modelfest.Carney1999"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "brainio.lock"
    with brainio.record_lock(path):
        brainio.get_assembly(SET)
    return path


def test_every_recorded_entry_is_fetched(file: Path, tmp_path: Path) -> None:
    done = command("get", "--locked", str(file), "--json", BRAINIO_HOME=str(tmp_path / "empty"))
    assert done.returncode == 0, done.stderr
    assert [(record["kind"], record["part"]) for record in json.loads(done.stdout)] == [
        ("assembly", "nc"),
        ("stimulus_set", "csv"),
        ("stimulus_set", "zip"),
        ("stimulus_set", "folder"),
    ]


def test_identifiers_are_fetched_as_recorded_or_refused(file: Path) -> None:
    assert command("get", SET, "--kind", "stimulus_set", "--locked", str(file)).returncode == 0
    done = command("get", "herz.Rokem2006", "--locked", str(file))
    assert done.returncode == 1
    assert "is not in the lock file" in done.stderr


def test_unavailable_entries_are_reported_and_the_others_fetched(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.publish_stimuli()
    lab.publish("assy_1.nc", assembly_file(tmp_path), "NeuroidAssembly")
    with brainio.record_lock(tmp_path / "lab.lock"):
        brainio.get_assembly("lab.Doe2026")
    lines = lab.catalog.read_text().splitlines()
    lab.catalog.write_text("\n".join(line for line in lines if "assy_1" not in line) + "\n")
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab.catalog))
    done = command("get", "--locked", str(tmp_path / "lab.lock"), "--json")
    assert done.returncode == 9
    assert "assembly 'lab.Doe2026' of catalog 'lab' was recorded with nc sha1" in done.stderr
    assert {record["kind"] for record in json.loads(done.stdout)} == {"stimulus_set"}


def test_wrong_usage_and_missing_files_are_errors(file: Path) -> None:
    assert command("get", "--locked", str(file), "--catalog", "brainscore").returncode == 2
    done = command("get", "--locked", "no.lock")
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
