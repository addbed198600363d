"""Promises of `brainio get --locked`, run as a person runs it."""

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


def test_all_that_was_recorded_is_fetched(file: Path, tmp_path: Path) -> None:
    done = command("get", "--locked", str(file), "--json", BRAINIO_HOME=str(tmp_path / "empty"))
    assert done.returncode == 0, done.stderr
    assert [(one["kind"], one["part"]) for one in json.loads(done.stdout)] == [
        ("assembly", "nc"),
        ("stimulus_set", "csv"),
        ("stimulus_set", "zip"),
        ("stimulus_set", "folder"),
    ]


def test_identifiers_are_fetched_as_recorded_or_not_at_all(file: Path) -> None:
    assert command("get", SET, "--kind", "stimulus_set", "--locked", str(file)).returncode == 0
    done = command("get", "herz.Rokem2006", "--locked", str(file))
    assert done.returncode == 1
    assert "is not in the lock file" in done.stderr


def test_what_cannot_be_had_is_named_and_all_else_is_fetched(
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
    assert {one["kind"] for one in json.loads(done.stdout)} == {"stimulus_set"}


def test_wrong_usage_and_missing_files_are_told(file: Path) -> None:
    assert command("get", "--locked", str(file), "--catalog", "brainscore").returncode == 2
    done = command("get", "--locked", "no.lock")
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
