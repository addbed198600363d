"""Subjects that `validate` accepts, and properties of reports."""

import json
from pathlib import Path

import pytest

import brainio
from brainio.assemblies import NeuroidAssembly
from brainio.errors import EntryLookupError, LocationError, PackagingWarning, ValidationError
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet
from brainio.validation import Problem, Report, problem

SET, RECORDING = "lab.Doe2026.stimuli", "lab.Doe2026"


@pytest.fixture
def published(assembly: NeuroidAssembly, stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog, store = tmp_path / "lab.csv", tmp_path / "store"
    package_stimulus_set(catalog, stimuli, SET, bucket_name=store)
    package_data_assembly(catalog, assembly, RECORDING, SET, "NeuroidAssembly", bucket_name=store)
    brainio.add_catalog(catalog)


@pytest.mark.parametrize("name", [SET, RECORDING, "modelfest.Carney1999"])
def test_a_published_identifier_is_fetched_and_validated(name: str, published: None) -> None:
    assert brainio.validate(name).errors == []


def test_an_unlisted_identifier_is_a_failed_lookup() -> None:
    with pytest.raises(EntryLookupError, match=r"modelfest\.Carny1999"):
        brainio.validate("modelfest.Carny1999")


@pytest.mark.parametrize("name", ["nowhere.csv", "nowhere/", "a/b", "recording.nc"])
def test_a_missing_path_is_an_error_about_files(name: str) -> None:
    with pytest.raises(LocationError, match="no file or folder"):
        brainio.validate(name)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(LocationError, match=r"expected .* \.npy or \.nc file"):
        brainio.validate(tmp_path / "notes.txt")


def test_packaging_continues_after_a_warning(stimuli: StimulusSet, tmp_path: Path) -> None:
    with pytest.warns(PackagingWarning, match="identifier-unconventional") as caught:
        package_stimulus_set(tmp_path / "lab.csv", stimuli, "pictures", bucket_name=tmp_path / "store")
    assert caught[0].filename == __file__
    assert (tmp_path / "lab.csv").exists()


def many(count: int) -> list[Problem]:
    return [problem("id-doubled", f"row {row}", "'a', as in row 0") for row in range(1, count + 1)]


def test_a_table_shows_five_places_of_a_code_and_counts_the_rest() -> None:
    table = Report.of("stimulus set", many(9)).table()
    assert "row 5" in table
    assert "row 6" not in table
    assert "... and 4 more" in table


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_table_keeps_within_its_width(width: int) -> None:
    wide = problem("file-missing", "row 3, file " + "deep/" * 30 + "a.png", "no file " + "/deep" * 60)
    assert max(map(len, Report.of("set", [*many(2), wide]).table(width).splitlines())) <= width


def test_reports_sort_by_severity_and_drop_duplicates() -> None:
    note, error = problem("values-missing", "values", "1"), problem("table-empty", "table", "no rows")
    report = Report.of("set", [note, error, error])
    assert [item.severity for item in report.problems] == ["error", "note"]
    assert report.summary == "set: 1 error, 1 note"


def test_records_are_json_with_all_fields() -> None:
    (record,) = json.loads(json.dumps(Report.of("set", many(1)).records()))
    assert set(record) == {"severity", "code", "place", "expected", "found", "fix"}


def test_require_ok_raises_for_errors_only() -> None:
    Report.of("set", [problem("values-missing", "values", "1")]).require_ok()
    with pytest.raises(ValidationError, match=r"\[id-doubled\] row 1: "):
        Report.of("set", many(1)).require_ok()
