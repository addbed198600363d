"""The commands `brainio check` and `brainio overlap`, and users of a stimulus set in `brainio info`."""

import json
from pathlib import Path

import pytest

from tests.cli.command import brainio
from tests.relations.local_catalog import LocalCatalog


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalCatalog:
    """A lab with two sets that share a stimulus, a valid assembly and an invalid one."""
    catalog = LocalCatalog(tmp_path)
    catalog.add_stimulus_set("x.Set", ["a", "b"])
    catalog.add_stimulus_set("x.Test", ["b", "c"])
    catalog.add_assembly("x.A", "x.Set", ["a", "b"])
    catalog.add_assembly("x.B", "x.Set", ["a", "z"])
    monkeypatch.setenv("BRAINIO_CATALOGS", str(catalog.path))
    return catalog


def test_check_prints_plan_and_errors_and_exits_with_11(catalog: LocalCatalog) -> None:
    done = brainio("check", "x.Set", "--fetch", COLUMNS="100")
    assert done.returncode == 11
    assert done.stderr.startswith("3 of the 3 files of 3 entries to fetch")
    assert "error: 1 error found; 2 of 2 assemblies checked, 1 of them with errors" in done.stderr
    assert "x.A         x.Set           sound" in done.stdout
    assert "stimulus-unknown" in done.stdout


def test_assemblies_outside_the_cache_are_listed_without_an_error(catalog: LocalCatalog) -> None:
    done = brainio("check", "--catalog", "lab")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("not fetched") == 2
    assert "0 of 2 assemblies checked" in done.stdout


def test_check_prints_json_for_programs(catalog: LocalCatalog) -> None:
    done = brainio("check", "x.A", "--fetch", "--json")
    assert done.returncode == 0
    (assembly,) = json.loads(done.stdout)["assemblies"]
    assert (assembly["identifier"], assembly["result"], assembly["problems"]) == ("x.A", "sound", [])


def test_check_without_identifiers_is_wrong_usage() -> None:
    assert brainio("check").returncode == 2
    assert brainio("check", "--catalog", "brainio_demo", "--version", "1").returncode == 2
    assert brainio("check", "x.Nothing").returncode == 3
    assert brainio("check", "--catalog", "nothing").returncode == 7


def test_overlap_prints_a_table(catalog: LocalCatalog) -> None:
    done = brainio("overlap", "x.Set", "x.Test")
    assert done.returncode == 0
    assert "same content  1 (50.0%)   1 (50.0%)" in done.stdout


def test_overlap_prints_json_for_programs(catalog: LocalCatalog) -> None:
    found = json.loads(brainio("overlap", "x.Set", str(catalog.folder / "x.Test"), "--json").stdout)
    assert found["matches"] == [{"a": "b", "b": "b", "kind": "bytes", "same_id": True}]
    assert found["b"]["name"] == str(catalog.folder / "x.Test")


def test_forbidden_overlap_exits_with_11(catalog: LocalCatalog) -> None:
    assert brainio("overlap", "x.Set", "x.Test", "--forbid").returncode == 11
    assert brainio("overlap", "modelfest.Carney1999", "x.Test", "--forbid").returncode == 0


def test_unreadable_files_do_not_count_as_different_if_overlap_is_forbidden(catalog: LocalCatalog) -> None:
    folder = catalog.folder / "x.Test"
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".csv":
            path.unlink()
    assert brainio("overlap", "modelfest.Carney1999", str(folder)).returncode == 0
    done = brainio("overlap", "modelfest.Carney1999", str(folder), "--forbid")
    assert done.returncode == 11
    assert f"2 files of modelfest.Carney1999 and {folder} cannot be read, so they may be shared" in done.stderr


def test_info_lists_the_users_of_a_set(catalog: LocalCatalog) -> None:
    done = brainio("info", "x.Set")
    assert done.returncode == 0
    assert "used by     x.A\n            x.B\n" in done.stdout
    (record,) = json.loads(brainio("info", "x.Set", "--json").stdout)
    assert record["used_by"] == ["x.A", "x.B"]
    (record,) = json.loads(brainio("info", "x.A", "--json").stdout)
    assert record["used_by"] is None
