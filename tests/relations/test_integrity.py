"""Promises of `brainio.check`: presentations and stimulus sets fit each other, and references lead somewhere."""

from pathlib import Path

import pytest

import brainio
from brainio.errors import EntryLookupError, UnknownCatalogError, ValidationError
from brainio.relations.checked import Checks
from brainio.relations.integrity import problems_between
from tests.relations.made import Shelf, assembly_row, listed, packed_set, recording, set_rows


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A lab with a set of three stimuli and a sound assembly."""
    folder = tmp_path / "lab"
    folder.mkdir()
    shelf = Shelf(folder)
    shelf.put_set("x.Set", ["a", "b", "c"], hue=["red", "green", "blue"])
    shelf.put_assembly("x.A", "x.Set", ["a", "b", "c", "a"])
    return shelf


def results(checks: Checks) -> dict[str, str]:
    return {one.assembly.identifier: one.result for one in checks.assemblies}


def codes(checks: Checks) -> list[str]:
    return [one.code for checked in checks.assemblies if checked.report for one in checked.report.problems]


def test_what_fits_is_sound(shelf: Shelf) -> None:
    checks = brainio.check("x.A", fetch=True)
    assert checks.ok
    assert (results(checks), codes(checks)) == ({"x.A": "sound"}, [])


def test_what_is_not_in_the_cache_is_listed_and_not_fetched(shelf: Shelf, tmp_path: Path) -> None:
    checks = brainio.check("x.A")
    assert checks.ok
    assert [(one.assembly.identifier, one.reason) for one in checks.unchecked] == [("x.A", "not fetched")]
    assert not (tmp_path / "home" / "content").exists()
    brainio.get_assembly("x.A")
    assert brainio.check("x.A").unchecked == []


def test_archives_of_stimuli_are_not_fetched(shelf: Shelf, tmp_path: Path) -> None:
    plans: list[str] = []
    brainio.check("x.A", fetch=True, on_plan=lambda plan: plans.append(str(plan)))
    assert plans[0].startswith("2 of the 2 files")
    assert not list((tmp_path / "home" / "content").rglob("*.zip"))


def test_presentations_of_unknown_stimuli_are_errors(shelf: Shelf) -> None:
    shelf.put_assembly("x.B", "x.Set", ["a", "z", "z"])
    checks = brainio.check("x.B", fetch=True)
    assert [(one.code, one.place) for one in checks.errors] == [("stimulus-unknown", "presentation 1")]
    with pytest.raises(ValidationError, match="'z', not in its stimulus set"):
        checks.require_ok()


def test_stimuli_that_were_never_shown_are_a_note_with_count_and_examples(shelf: Shelf) -> None:
    shelf.put_assembly("x.B", "x.Set", ["b"])
    checks = brainio.check("x.B", fetch=True)
    assert results(checks) == {"x.B": "sound"}
    (note,) = checks.assemblies[0].report.notes  # type: ignore[union-attr]  # it was checked
    assert (note.code, note.found) == ("stimulus-unused", "2 of 3 stimuli are in no presentation: 'a', 'c'")


def test_coordinates_that_contradict_the_set_are_warnings(shelf: Shelf) -> None:
    shelf.put_assembly("x.B", "x.Set", ["a", "b", "c"], hue=["red", "red", "blue"])
    checks = brainio.check("x.B", fetch=True)
    assert (results(checks), codes(checks), checks.ok) == ({"x.B": "warnings"}, ["coordinate-differs"], True)


@pytest.mark.parametrize("ids", [[1, 2, 3], [1.0, 2.0, 3.0]])
def test_ids_that_are_numbers_are_a_note(tmp_path: Path, ids: list[object]) -> None:
    files = {f"{number}.txt": b"." for number in (1, 2, 3)}
    table = packed_set(tmp_path / "set", files)
    found = problems_between(recording(tmp_path / "a.nc", ids), table, "NeuroidAssembly")
    assert [one.code for one in found] == ["stimulus-id-number"]


def test_a_presentation_without_a_stimulus_is_an_error(tmp_path: Path) -> None:
    table = packed_set(tmp_path / "set", {"1.txt": b"."})
    found = problems_between(recording(tmp_path / "a.nc", [1.0, float("nan")]), table, "NeuroidAssembly")
    assert {one.code for one in found} == {"presentation-without-stimulus", "stimulus-id-number"}


def test_files_of_another_kind_are_errors_not_failures(shelf: Shelf) -> None:
    path = shelf.folder / "b.nc"
    path.write_bytes(b"no netCDF")
    shelf.put(path, "x.B", "NeuroidAssembly", stimulus_set_identifier="x.Set")
    assert codes(brainio.check("x.B", fetch=True)) == ["assembly-unreadable"]


def test_of_a_stimulus_set_all_assemblies_are_checked_that_used_it(shelf: Shelf) -> None:
    shelf.put_set("x.Other", ["o"])
    shelf.put_assembly("x.B", "x.Set", ["z"])
    shelf.put_assembly("x.C", "x.Other", ["o"])
    assert results(brainio.check("x.Set", fetch=True)) == {"x.A": "sound", "x.B": "errors"}


def test_a_whole_catalog_is_checked_with_its_references(shelf: Shelf) -> None:
    shelf.put_assembly("x.B", "x.Nowhere", ["a"])
    shelf.put(shelf.folder / "x.A.nc", "x.C", "NeuroidAssembly", stimulus_set_identifier="x.Set", successor="x.Gone")
    shelf.put(shelf.folder / "x.A.nc", "x.D", "NeuroidAssembly", stimulus_set_identifier="x.Set", card="cards/d.json")
    shelf.put(shelf.folder / "x.A.nc", "x.E", "NeuroidAssembly")
    checks = brainio.check(catalog="lab", fetch=True)
    assert {(one.code, one.place) for one in checks.references.problems} == {
        ("set-unlisted", "assembly x.B"),
        ("successor-unlisted", "assembly x.C"),
        ("card-gone", "assembly x.D, card"),
        ("set-unstated", "assembly x.E"),
    }
    assert results(checks) == {
        "x.A": "sound",
        "x.B": "not checked",
        "x.C": "sound",
        "x.D": "sound",
        "x.E": "not checked",
    }
    assert not checks.ok


def test_what_cannot_be_fetched_says_why_and_all_else_is_checked(shelf: Shelf) -> None:
    shelf.put_assembly("x.B", "x.Set", ["a"])
    (shelf.folder / "x.B.nc").unlink()
    checks = brainio.check("x.A", "x.B", fetch=True)
    assert results(checks) == {"x.A": "sound", "x.B": "not checked"}
    assert "x.B.nc" in checks.unchecked[0].reason


def test_an_unavailable_entry_is_not_checked(tmp_path: Path) -> None:
    listed(tmp_path / "one.csv", *set_rows("x.Set"), assembly_row("x.A", "x.Set", status="unavailable"))
    (unchecked,) = brainio.check("x.A", fetch=True).unchecked
    assert "is unavailable" in unchecked.reason


def test_a_superseded_version_is_checked_when_it_is_named(shelf: Shelf) -> None:
    path = recording(shelf.folder / "old.nc", ["z"])
    columns = {"stimulus_set_identifier": "x.Set", "version": "1", "status": "superseded"}
    shelf.put(path, "x.V", "NeuroidAssembly", **columns)
    current = recording(shelf.folder / "new.nc", ["a", "b", "c"])
    shelf.put(current, "x.V", "NeuroidAssembly", stimulus_set_identifier="x.Set", version="2")
    assert results(brainio.check("x.V", fetch=True)) == {"x.V": "sound"}
    assert results(brainio.check("x.V", version="1", fetch=True)) == {"x.V": "errors"}
    assert len(brainio.check("x.Set", fetch=True).assemblies) == 2


def test_results_are_a_table_of_rows_and_of_text(shelf: Shelf) -> None:
    shelf.put_assembly("x.B", "x.Set", ["z"])
    checks = brainio.check("x.A", "x.B", fetch=True)
    table = checks.to_dataframe()
    assert table["result"].tolist() == ["sound", "errors"]
    assert table["stimulus_set_identifier"].tolist() == ["x.Set", "x.Set"]
    assert checks.records()["assemblies"][1]["problems"][0]["code"] == "stimulus-unknown"
    assert str(checks).endswith("2 of 2 assemblies checked, 1 of them with errors")


def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(EntryLookupError):
        brainio.check("x.Nothing")
    with pytest.raises(UnknownCatalogError):
        brainio.check(catalog="nothing")
    with pytest.raises(ValueError, match="name an identifier"):
        brainio.check()


def test_publications_of_the_entries_that_are_checked_must_be_listed(shelf: Shelf) -> None:
    (shelf.folder / "publications.csv").write_text("publication,title,doi\ndoe,Cells,unknown\nroe,Nets,unknown\n")
    for name, publication in (("x.B", "nowhere"), ("x.C", "doe")):
        path, columns = shelf.folder / "x.A.nc", {"stimulus_set_identifier": "x.Set", "publication": publication}
        shelf.put(path, name, "NeuroidAssembly", **columns)
    assert [one.code for one in brainio.check("x.B").references.errors] == ["publication-unlisted"]
    assert [one.code for one in brainio.check("x.C").references.errors] == ["publication-doi"]
    assert brainio.check("x.A").references.ok
