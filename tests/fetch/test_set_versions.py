"""An assembly loads with the version of the stimulus set that it was packaged with."""

import csv
import json
import subprocess
import sys
import warnings
from pathlib import Path

import netCDF4
import pytest
import xarray as xr

import brainio
from brainio.assemblies import BehavioralAssembly
from brainio.cards import build_card
from brainio.catalogs import append_rows, resolve
from brainio.errors import (
    AssemblyFormatError,
    EntryStatusWarning,
    PackagingError,
    PackagingWarning,
    StimulusSetLookupError,
)
from brainio.fetch.stimulus_sets import read_set_hashes
from brainio.packaging import package_data_assembly_locally
from brainio.validation import check_catalog
from tests.versioned_stimulus_set import (
    ASSEMBLY,
    SET,
    publish_assembly,
    publish_second_version,
    publish_set,
    recorded_answers,
)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with a stimulus set and an assembly that was packaged with it."""
    publish_set(tmp_path, "old")
    publish_assembly(tmp_path)
    monkeypatch.setenv("BRAINIO_CATALOGS", str(tmp_path / "lab.csv"))
    return tmp_path


def hues(assembly: xr.DataArray) -> list[str]:
    return list(assembly["hue"].values)


def remove_superseded(folder: Path) -> None:
    path = folder / "lab.csv"
    rows = list(csv.DictReader(path.open(newline="")))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row for row in rows if row["status"] != "superseded")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.filterwarnings("ignore:.* is streamed from:brainio.errors.StreamWarning")
def test_a_later_version_of_the_set_changes_nothing_in_the_assembly(lab: Path, *, stream: bool) -> None:
    publish_second_version(lab)
    with warnings.catch_warnings():
        warnings.simplefilter("error", EntryStatusWarning)
        assembly = brainio.get_assembly(ASSEMBLY, stream=stream)
    assert hues(assembly) == ["old a", "old b"]
    assert list(assembly.attrs["stimulus_set"]["hue"]) == ["old a", "old b"]
    assert list(brainio.get_stimulus_set(SET)["hue"]) == ["new a", "new b"]


def test_an_assembly_can_be_packaged_with_a_version_that_is_not_current(lab: Path) -> None:
    publish_second_version(lab)
    publish_assembly(lab, "lab.Roe2026", version="")
    publish_assembly(lab, "lab.Poe2026")
    assert hues(brainio.get_assembly("lab.Roe2026")) == ["old a", "old b"]
    assert hues(brainio.get_assembly("lab.Poe2026")) == ["new a", "new b"]
    with pytest.raises(PackagingError, match="version"):
        publish_assembly(lab, "lab.Moe2026", version="3")


def test_an_assembly_that_names_no_version_loads_with_the_current_one(lab: Path) -> None:
    packaged = package_data_assembly_locally(
        recorded_answers(), "lab.Roe2026", SET, "BehavioralAssembly", downloads_path=lab
    )
    row = {
        "identifier": "lab.Roe2026",
        "lookup_type": "assembly",
        "class": "BehavioralAssembly",
        "sha1": packaged["sha1"],
    }
    append_rows(lab / "lab.csv", [row | {"location": packaged["path"], "stimulus_set_identifier": SET}])
    assert hues(brainio.get_assembly("lab.Roe2026")) == ["old a", "old b"]
    publish_second_version(lab)
    assert hues(brainio.get_assembly("lab.Roe2026")) == ["new a", "new b"]


def test_another_version_is_joined_only_if_passed(lab: Path) -> None:
    publish_second_version(lab)
    newest = brainio.get_stimulus_set(SET)
    assert hues(brainio.get_assembly(ASSEMBLY, stimulus_set=newest)) == ["new a", "new b"]
    path = lab / "store" / "assy_lab_Doe2026.nc"
    assert hues(BehavioralAssembly.from_files(path, stimulus_set=newest)) == ["new a", "new b"]


def test_the_hashes_are_a_global_attribute_only_and_do_not_reach_attrs(lab: Path) -> None:
    path = lab / "store" / "assy_lab_Doe2026.nc"
    expected = {file.part: file.sha1 for file in resolve("stimulus_set", SET).files}
    assert read_set_hashes(path) == expected
    with netCDF4.Dataset(path) as dataset:
        assert "brainio_set_hashes" in dataset.ncattrs()
        assert all("brainio_set_hashes" not in variable.ncattrs() for variable in dataset.variables.values())
    assert not any("hashes" in name for name in brainio.get_assembly(ASSEMBLY).attrs)
    assert json.loads((lab / "cards/assembly/lab.Doe2026.json").read_text())["stimulus_set_hashes"] == expected
    assert build_card(resolve("assembly", ASSEMBLY))["stimulus_set_hashes"] == expected


def test_an_unlisted_version_is_an_error_that_names_hashes_and_remedy(lab: Path) -> None:
    publish_second_version(lab)
    csv_hash = read_set_hashes(lab / "store" / "assy_lab_Doe2026.nc")["csv"]
    remove_superseded(lab)
    with pytest.raises(StimulusSetLookupError) as caught:
        brainio.get_assembly(ASSEMBLY)
    assert csv_hash in str(caught.value)
    assert "stimulus_set=get_stimulus_set('lab.Doe2026.texts')" in str(caught.value)
    report = check_catalog(lab / "lab.csv")
    assert [(problem.code, problem.severity) for problem in report.problems] == [("set-version-unlisted", "error")]
    assert csv_hash in str(report)
    assert [problem.code for problem in brainio.check(ASSEMBLY).references.problems] == ["set-version-unlisted"]


def test_the_version_is_found_in_another_catalog(lab: Path, tmp_path: Path) -> None:
    publish_second_version(lab)
    archive = tmp_path / "archive.csv"
    archive.write_text((lab / "lab.csv").read_text())
    remove_superseded(lab)
    brainio.add_catalog(archive)
    assert hues(brainio.get_assembly("lab:lab.Doe2026")) == ["old a", "old b"]


def test_a_malformed_hash_attribute_is_an_error(tmp_path: Path) -> None:
    publish_set(tmp_path, "old")
    path = publish_assembly(tmp_path)
    with netCDF4.Dataset(path, "a") as dataset:
        dataset.setncattr("brainio_set_hashes", "latest")
    with pytest.raises(AssemblyFormatError, match=r"'latest'.*expected 'csv:SHA1 zip:SHA1'"):
        read_set_hashes(path)
    with netCDF4.Dataset(path, "a") as dataset:
        dataset.setncattr("brainio_set_hashes", [1, 2])
    with pytest.raises(AssemblyFormatError, match="brainio_set_hashes"):
        read_set_hashes(path)


def test_publishing_a_new_version_names_the_assemblies_that_use_the_set(lab: Path) -> None:
    publish_assembly(lab, "lab.Roe2026")
    path = lab / "cards/assembly/lab.Roe2026.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in card.items() if name != "stimulus_set_hashes"}))
    with pytest.warns(PackagingWarning) as caught:
        publish_set(lab, "new", version="2")
    [message] = [str(warning.message) for warning in caught if "new version" in str(warning.message)]
    assert "packaged with: lab.Doe2026." in message
    assert "will load with version '2': lab.Roe2026." in message


def test_history_shows_versions_of_sets_and_the_assemblies_that_load_with_them(lab: Path) -> None:
    publish_second_version(lab)
    publish_assembly(lab, "lab.Roe2026")
    command = [sys.executable, "-m", "brainio", "history", "--json"]

    def history(name: str, field: str) -> list[object]:
        done = subprocess.run([*command, name], capture_output=True, text=True, check=True)
        return [record[field] for record in json.loads(done.stdout)]

    assert history(SET, "assemblies") == [["lab.Doe2026"], ["lab.Roe2026"]]
    assert history("lab.Roe2026", "stimulus_set") == [f"{SET} (version 2)"]
    assert history(ASSEMBLY, "stimulus_set") == [SET]
    assert [user.identifier for user in brainio.assemblies_of(SET, version="2")] == ["lab.Roe2026"]
    assert [user.identifier for user in brainio.assemblies_of(SET)] == ["lab.Doe2026", "lab.Roe2026"]


def test_fetch_many_fetches_the_version_that_the_assembly_loads_with(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_second_version(lab)
    brainio.fetch_many([ASSEMBLY])
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    assert hues(brainio.get_assembly(ASSEMBLY)) == ["old a", "old b"]
