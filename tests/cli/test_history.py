"""The commands `brainio history` and `brainio deprecate`."""

import json
from pathlib import Path

import pytest

from brainio.catalogs import append_rows, resolve
from brainio.catalogs.registry import CatalogSource
from brainio.catalogs.writing import add_entry
from tests.cli.command import brainio

ROW = {
    "identifier": "lab.Doe2026",
    "lookup_type": "assembly",
    "class": "NeuroidAssembly",
    "location_type": "S3",
    "location": "s3://lab/a.nc",
    "sha1": "a" * 40,
    "stimulus_set_identifier": "",
}


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An active catalog with two versions of one entry, and another entry."""
    path = tmp_path / "lab.csv"
    source = CatalogSource("lab", str(path))
    add_entry(source, [ROW])
    add_entry(source, [ROW | {"version": "2", "sha1": "b" * 40}])
    append_rows(path, [ROW | {"identifier": "lab.Doe2027"}])
    monkeypatch.setenv("BRAINIO_CATALOGS", str(path))
    return path


def test_history_lists_all_versions(catalog: Path) -> None:
    done = brainio("history", "lab.Doe2026")
    assert done.returncode == 0
    header, _, first, second = done.stdout.splitlines()
    assert header.split() == [
        "kind",
        "version",
        "status",
        "stimulus",
        "set",
        "assemblies",
        "successor",
        "reason",
        "catalog",
    ]
    assert first.split() == ["assembly", "superseded", "lab"]
    assert second.split() == ["assembly", "2", "current", "lab"]


def test_history_of_an_unknown_identifier_suggests_similar_ones(catalog: Path) -> None:
    done = brainio("history", "lab.Doe2062")
    assert (done.returncode, done.stdout) == (3, "")
    assert "lab.Doe2026" in done.stderr


def test_deprecate_marks_the_current_version_with_reason_and_successor(catalog: Path) -> None:
    done = brainio("deprecate", "lab.Doe2026", "--reason", "Two neuroids are swapped.", "--successor", "lab.Doe2027")
    assert done.returncode == 0, done.stderr
    assert "marked in" in done.stderr
    records = json.loads(brainio("history", "lab.Doe2026", "--json").stdout)
    assert [(record["status"], record["successor"], record["reason"]) for record in records] == [
        ("superseded", "", ""),
        ("deprecated", "lab.Doe2027", "Two neuroids are swapped."),
    ]


def test_a_dry_run_of_deprecate_lists_the_entries_and_changes_nothing(catalog: Path) -> None:
    before = catalog.read_bytes()
    done = brainio("deprecate", "lab.Doe2026", "--reason", "Old.", "--dry-run")
    assert done.returncode == 0
    assert "would mark in" in done.stderr
    assert "deprecated" in done.stdout
    assert catalog.read_bytes() == before
    assert resolve("assembly", "lab.Doe2026").status == "current"


def test_deprecate_without_a_reason_is_wrong_usage(catalog: Path) -> None:
    assert brainio("deprecate", "lab.Doe2026").returncode == 2
    assert brainio("deprecate", "lab.Doe2026", "--reason", "").returncode == 7


def test_a_circular_successor_is_refused(catalog: Path) -> None:
    before = catalog.read_text()
    done = brainio("deprecate", "lab.Doe2026", "--reason", "r", "--successor", "lab.Doe2026")
    assert (done.returncode, catalog.read_text()) == (3, before)
    assert "successors lead in a circle: lab.Doe2026 -> lab.Doe2026" in done.stderr
    assert brainio("deprecate", "lab.Doe2026", "--reason", "r", "--successor", "lab.Doe2027").returncode == 0
    after = catalog.read_text()
    done = brainio("deprecate", "lab.Doe2027", "--reason", "r", "--successor", "lab.Doe2026")
    assert (done.returncode, catalog.read_text()) == (3, after)
    assert "lab.Doe2027 -> lab.Doe2026 -> lab.Doe2027" in done.stderr
