"""Tests of `brainio.check`: assemblies against their stimulus sets, and references between entries."""

from pathlib import Path

import pytest

import brainio
from brainio.errors import EntryLookupError, UnknownCatalogError, ValidationError
from brainio.relations.checks import CheckResults
from brainio.relations.file_checks import check_files
from tests.relations.local_catalog import (
    LocalCatalog,
    add_rows,
    assembly_row,
    stimulus_set_rows,
    write_recording,
    write_stimulus_set,
)


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    """A catalog with a set of three stimuli and a sound assembly."""
    folder = tmp_path / "lab"
    folder.mkdir()
    catalog = LocalCatalog(folder)
    catalog.add_stimulus_set("x.Set", ["a", "b", "c"], hue=["red", "green", "blue"])
    catalog.add_assembly("x.A", "x.Set", ["a", "b", "c", "a"])
    return catalog


def results_by_identifier(results: CheckResults) -> dict[str, str]:
    return {check.assembly.identifier: check.result for check in results.assemblies}


def problem_codes(results: CheckResults) -> list[str]:
    return [problem.code for check in results.assemblies if check.report for problem in check.report.problems]


def test_an_assembly_that_fits_its_stimulus_set_is_sound(catalog: LocalCatalog) -> None:
    results = brainio.check("x.A", fetch=True)
    assert results.ok
    assert (results_by_identifier(results), problem_codes(results)) == ({"x.A": "sound"}, [])


def test_without_fetch_uncached_assemblies_are_listed_and_not_fetched(catalog: LocalCatalog, tmp_path: Path) -> None:
    results = brainio.check("x.A")
    assert results.ok
    assert [(check.assembly.identifier, check.reason) for check in results.unchecked] == [("x.A", "not fetched")]
    assert not (tmp_path / "home" / "content").exists()
    brainio.get_assembly("x.A")
    assert brainio.check("x.A").unchecked == []


def test_archives_of_stimuli_are_not_fetched(catalog: LocalCatalog, tmp_path: Path) -> None:
    plans: list[str] = []
    brainio.check("x.A", fetch=True, on_plan=lambda plan: plans.append(str(plan)))
    assert plans[0].startswith("2 of the 2 files")
    assert not list((tmp_path / "home" / "content").rglob("*.zip"))


def test_a_presentation_of_an_unknown_stimulus_is_an_error(catalog: LocalCatalog) -> None:
    catalog.add_assembly("x.B", "x.Set", ["a", "z", "z"])
    results = brainio.check("x.B", fetch=True)
    assert [(problem.code, problem.place) for problem in results.errors] == [("stimulus-unknown", "presentation 1")]
    with pytest.raises(ValidationError, match="'z', not in its stimulus set"):
        results.require_ok()


def test_stimuli_without_presentations_are_a_note_with_count_and_examples(catalog: LocalCatalog) -> None:
    catalog.add_assembly("x.B", "x.Set", ["b"])
    results = brainio.check("x.B", fetch=True)
    assert results_by_identifier(results) == {"x.B": "sound"}
    (note,) = results.assemblies[0].report.notes  # type: ignore[union-attr]  # it was checked
    assert (note.code, note.found) == ("stimulus-unused", "2 of 3 stimuli are in no presentation: 'a', 'c'")


def test_a_coordinate_that_contradicts_the_stimulus_set_is_a_warning(catalog: LocalCatalog) -> None:
    catalog.add_assembly("x.B", "x.Set", ["a", "b", "c"], hue=["red", "red", "blue"])
    results = brainio.check("x.B", fetch=True)
    assert (results_by_identifier(results), problem_codes(results), results.ok) == (
        {"x.B": "warnings"},
        ["coordinate-differs"],
        True,
    )


@pytest.mark.parametrize("ids", [[1, 2, 3], [1.0, 2.0, 3.0]])
def test_numeric_stimulus_ids_are_a_note(tmp_path: Path, ids: list[object]) -> None:
    files = {f"{number}.txt": b"." for number in (1, 2, 3)}
    table = write_stimulus_set(tmp_path / "set", files)
    problems = check_files(write_recording(tmp_path / "a.nc", ids), table, "NeuroidAssembly")
    assert [problem.code for problem in problems] == ["stimulus-id-number"]


def test_a_presentation_without_a_stimulus_is_an_error(tmp_path: Path) -> None:
    table = write_stimulus_set(tmp_path / "set", {"1.txt": b"."})
    problems = check_files(write_recording(tmp_path / "a.nc", [1.0, float("nan")]), table, "NeuroidAssembly")
    assert {problem.code for problem in problems} == {"presentation-without-stimulus", "stimulus-id-number"}


def test_a_file_that_is_not_netcdf_is_an_error_in_the_report(catalog: LocalCatalog) -> None:
    path = catalog.folder / "b.nc"
    path.write_bytes(b"no netCDF")
    catalog.add_file(path, "x.B", "NeuroidAssembly", stimulus_set_identifier="x.Set")
    assert problem_codes(brainio.check("x.B", fetch=True)) == ["assembly-unreadable"]


def test_checking_a_stimulus_set_checks_all_assemblies_that_used_it(catalog: LocalCatalog) -> None:
    catalog.add_stimulus_set("x.Other", ["o"])
    catalog.add_assembly("x.B", "x.Set", ["z"])
    catalog.add_assembly("x.C", "x.Other", ["o"])
    assert results_by_identifier(brainio.check("x.Set", fetch=True)) == {"x.A": "sound", "x.B": "errors"}


def test_checking_a_catalog_also_checks_its_references(catalog: LocalCatalog) -> None:
    catalog.add_assembly("x.B", "x.Nowhere", ["a"])
    recording = catalog.folder / "x.A.nc"
    catalog.add_file(
        catalog.folder / "x.A.nc", "x.C", "NeuroidAssembly", stimulus_set_identifier="x.Set", successor="x.Gone"
    )
    catalog.add_file(
        catalog.folder / "x.A.nc", "x.D", "NeuroidAssembly", stimulus_set_identifier="x.Set", card="cards/d.json"
    )
    catalog.add_file(recording, "x.E", "NeuroidAssembly")
    results = brainio.check(catalog="lab", fetch=True)
    assert {(problem.code, problem.place) for problem in results.references.problems} == {
        ("set-unlisted", "assembly x.B"),
        ("successor-unlisted", "assembly x.C"),
        ("card-gone", "assembly x.D, card"),
        ("set-unstated", "assembly x.E"),
    }
    assert results_by_identifier(results) == {
        "x.A": "sound",
        "x.B": "not checked",
        "x.C": "sound",
        "x.D": "sound",
        "x.E": "not checked",
    }
    assert not results.ok


def test_a_failed_fetch_is_reported_and_all_other_assemblies_are_checked(catalog: LocalCatalog) -> None:
    catalog.add_assembly("x.B", "x.Set", ["a"])
    (catalog.folder / "x.B.nc").unlink()
    results = brainio.check("x.A", "x.B", fetch=True)
    assert results_by_identifier(results) == {"x.A": "sound", "x.B": "not checked"}
    assert "x.B.nc" in results.unchecked[0].reason


def test_an_unavailable_entry_is_not_checked(tmp_path: Path) -> None:
    add_rows(tmp_path / "one.csv", *stimulus_set_rows("x.Set"), assembly_row("x.A", "x.Set", status="unavailable"))
    (unchecked,) = brainio.check("x.A", fetch=True).unchecked
    assert "is unavailable" in unchecked.reason


def test_a_superseded_version_is_checked_only_on_request(catalog: LocalCatalog) -> None:
    path = write_recording(catalog.folder / "old.nc", ["z"])
    columns = {"stimulus_set_identifier": "x.Set", "version": "1", "status": "superseded"}
    catalog.add_file(path, "x.V", "NeuroidAssembly", **columns)
    current = write_recording(catalog.folder / "new.nc", ["a", "b", "c"])
    catalog.add_file(current, "x.V", "NeuroidAssembly", stimulus_set_identifier="x.Set", version="2")
    assert results_by_identifier(brainio.check("x.V", fetch=True)) == {"x.V": "sound"}
    assert results_by_identifier(brainio.check("x.V", version="1", fetch=True)) == {"x.V": "errors"}
    assert len(brainio.check("x.Set", fetch=True).assemblies) == 2


def test_results_convert_to_a_data_frame_a_record_and_text(catalog: LocalCatalog) -> None:
    catalog.add_assembly("x.B", "x.Set", ["z"])
    results = brainio.check("x.A", "x.B", fetch=True)
    table = results.to_dataframe()
    assert table["result"].tolist() == ["sound", "errors"]
    assert table["stimulus_set_identifier"].tolist() == ["x.Set", "x.Set"]
    assert results.record()["assemblies"][1]["problems"][0]["code"] == "stimulus-unknown"
    assert str(results).endswith("2 of 2 assemblies checked, 1 of them with errors")


def test_unknown_identifiers_and_catalogs_raise_errors() -> None:
    with pytest.raises(EntryLookupError):
        brainio.check("x.Nothing")
    with pytest.raises(UnknownCatalogError):
        brainio.check(catalog="nothing")
    with pytest.raises(ValueError, match="name an identifier"):
        brainio.check()


def test_publications_of_checked_entries_must_be_listed(catalog: LocalCatalog) -> None:
    (catalog.folder / "publications.csv").write_text("publication,title,doi\ndoe,Cells,unknown\nroe,Nets,unknown\n")
    for name, publication in (("x.B", "nowhere"), ("x.C", "doe")):
        path, columns = catalog.folder / "x.A.nc", {"stimulus_set_identifier": "x.Set", "publication": publication}
        catalog.add_file(path, name, "NeuroidAssembly", **columns)
    assert [problem.code for problem in brainio.check("x.B").references.errors] == ["publication-unlisted"]
    assert [problem.code for problem in brainio.check("x.C").references.errors] == ["publication-doi"]
    assert brainio.check("x.A").references.ok
