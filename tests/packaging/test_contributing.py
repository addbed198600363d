"""Packaging the files of a lab: every fault is reported before anything is stored."""

import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import brainio
from brainio.assemblies import NeuroidAssembly
from brainio.catalogs import add_publication
from brainio.errors import CatalogError, PackagingError, PackagingWarning
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.packaging.lab_files import read_recording, read_stimuli
from brainio.packaging.new_catalog import new_catalog
from brainio.stimuli import StimulusSet
from brainio.validation import check_catalog, identifier_problems
from tests.servers import MotoS3

NAME = "lab.Doe2026"
DIMS = ["presentation", "neuroid"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (4, 4)).save(folder / f"{name}.png")
    return folder


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


# --------------------------------------------------------------------------- raw files


def test_two_files_for_one_id_are_an_error_that_names_both(images: Path, tmp_path: Path) -> None:
    written(images, "a.txt", "not the stimulus")
    table = written(tmp_path, "stimuli.csv", "stimulus_id\na\nb\n")
    with pytest.raises(PackagingError, match=r"'a.png', 'a.txt'.* in a column 'filename'"):
        read_stimuli(table, images)
    with_names = written(tmp_path, "named.csv", "stimulus_id,filename\na,a.png\nb,b.png\n")
    assert read_stimuli(with_names, images).get_stimulus("a").name == "a.png"


def test_a_broken_link_is_a_missing_file(images: Path, tmp_path: Path) -> None:
    (images / "c.png").symlink_to(tmp_path / "moved.png")
    with pytest.raises(PackagingError, match=r"\[file-missing\].*c\.png"):
        package_stimulus_set(tmp_path / "lab.csv", read_stimuli(images), NAME, tmp_path / "store")


def test_a_row_without_a_filename_is_one_problem(images: Path, tmp_path: Path) -> None:
    table = written(tmp_path, "stimuli.csv", "stimulus_id,filename\na,a.png\nb,\n")
    with pytest.raises(PackagingError) as caught:
        package_stimulus_set(tmp_path / "lab.csv", read_stimuli(table, images), NAME, tmp_path / "store")
    assert str(caught.value).count("\n") == 1
    assert "[filename-missing] row 1" in str(caught.value)


def test_lists_in_a_column_are_refused(images: Path, tmp_path: Path) -> None:
    stimuli = read_stimuli(images)
    tagged = stimuli.assign(tags=pd.Series([["x", "y"], ["z"]], dtype=object))
    with pytest.raises(PackagingError, match=r"\[column-not-plain\] column 'tags': found list .*row 0, row 1.*json"):
        package_stimulus_set(tmp_path / "lab.csv", tagged, NAME, tmp_path / "store")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"stimulus_id;filename\na;a.png\n", "columns separated by commas.*instead of ';'"),
        ("stimulus_id,filename\na,a.png\nb,Mühle.png\n".encode("latin-1"), "line 3 is not UTF-8"),
    ],
)
def test_a_spreadsheet_table_is_an_error_that_names_the_fix(images: Path, content: bytes, message: str) -> None:
    (images / "table.csv").write_bytes(content)
    with pytest.raises(PackagingError, match=message):
        read_stimuli(images)


def test_dimensions_must_have_distinct_names(tmp_path: Path) -> None:
    np.save(tmp_path / "rates.npy", np.ones((3, 3)))
    with pytest.raises(PackagingError, match="a name is repeated: 'presentation', 'presentation'"):
        read_recording(tmp_path / "rates.npy", dims=["presentation", "presentation"])


def test_all_faults_of_coordinate_tables_are_reported_at_once(tmp_path: Path) -> None:
    np.save(tmp_path / "rates.npy", np.ones((2, 2, 2)))
    trials = written(tmp_path, "trials.csv", "stimulus_id,depth\na,1\nb,2\n")
    neurons = written(tmp_path, "neurons.csv", "neuroid_id,depth\nn1,1\nn2,2\n")
    tables = {"presentation": trials, "neuroid": neurons, "time_bin": tmp_path / "nothere.csv"}
    with pytest.raises(PackagingError) as caught:
        read_recording(tmp_path / "rates.npy", dims=[*DIMS, "time_bin"], coords=tables)
    message = str(caught.value)
    assert "file neurons.csv, column 'depth': found the table of 'presentation' has 'depth' as well" in message
    assert "nothere.csv: found no such file" in message
    assert "Fix: correct the path" in message


def test_a_file_of_another_kind_is_an_error_that_lists_the_supported_kinds(tmp_path: Path) -> None:
    np.savez(tmp_path / "rates.npz", rates=np.ones(2))
    with pytest.raises(PackagingError, match=r"expected: a \.nc, \.npy, \.csv or \.parquet file"):
        read_recording(tmp_path / "rates.npz")


# --------------------------------------------------------------------------- assemblies


def test_values_that_no_file_can_store_are_reported_with_all_other_problems(tmp_path: Path) -> None:
    shown = {
        "stimulus_id": ("presentation", ["a", ""]),
        "bad name": ("presentation", [1, 2]),
        "mixed": ("presentation", np.array([1, "x"], dtype=object)),
        "seen": ("presentation", np.array([True, None], dtype=object)),
    }
    rates = NeuroidAssembly(np.ones((2, 1), dtype="float16"), coords=shown, dims=DIMS)
    with pytest.raises(PackagingError) as caught:
        package_data_assembly(None, rates, NAME, NAME, bucket_name=tmp_path / "store")
    message = str(caught.value)
    assert "[presentation-without-stimulus] presentation 1" in message
    assert "[coordinate-name] coordinate 'bad name'" in message
    assert "[coordinate-mixed-type] coordinate 'mixed'" in message
    assert "[type-unstorable] coordinate 'seen'" in message
    assert "[type-unstorable] values: found float16" in message


def test_a_mixed_column_of_the_stimulus_set_is_not_stored_in_the_assembly(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    mixed = stimuli.assign(note=pd.Series([1, "x", 2.5], dtype=object))
    shown = dict(zip(mixed["stimulus_id"], mixed["note"], strict=True))
    notes = np.array([shown[stimulus_id] for stimulus_id in assembly["stimulus_id"].values], dtype=object)
    described = assembly.assign_coords(note=("presentation", notes)).assign_attrs(stimulus_set=mixed)
    made = package_data_assembly(None, described, NAME, "lab.Doe2026.stimuli", bucket_name=tmp_path / "store")
    assert made["cls"] == "NeuronRecordingAssembly"


def test_metadata_that_differ_from_the_listed_set_are_reported(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, tmp_path / "store")
    sizes = [4, 5, 6, 4, 5, 60]
    described = assembly.assign_coords(size_px=("presentation", sizes))
    with pytest.warns(PackagingWarning, match=r"\[coordinate-differs\] coordinate 'size_px': found 60"):
        package_data_assembly(tmp_path / "lab.csv", described, NAME, NAME, bucket_name=tmp_path / "store")


# --------------------------------------------------------------------------- publishing again


@pytest.mark.parametrize("part", ["csv", "zip"])
def test_a_missing_listed_file_is_stored_again(stimuli: StimulusSet, tmp_path: Path, part: str) -> None:
    catalog, store = tmp_path / "lab.csv", tmp_path / "store"
    package_stimulus_set(catalog, stimuli, NAME, store)
    listed = catalog.read_bytes()
    lost = store / f"stimulus_lab_Doe2026.{part}"
    lost.unlink()
    planned = package_stimulus_set(catalog, stimuli, NAME, tmp_path / "elsewhere", dry_run=True)["plan"]
    assert str(planned).splitlines()[0].startswith(f"send {lost.name}")
    assert not lost.exists()
    package_stimulus_set(catalog, stimuli, NAME, tmp_path / "elsewhere")
    assert check_catalog(catalog, files="all").ok
    assert catalog.read_bytes() == listed
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_object_version_is_an_error(stimuli: StimulusSet, tmp_path: Path, moto_s3: MotoS3) -> None:
    moto_s3.create_bucket("lab", versioning=True)
    catalog = tmp_path / "lab.csv"
    made = package_stimulus_set(catalog, stimuli, NAME, "lab")
    version = str(made["zip_version_id"])
    moto_s3.client().delete_object(Bucket="lab", Key="stimulus_lab_Doe2026.zip", VersionId=version)
    with pytest.raises(PackagingError, match=f"(?s)lists version {version} of .*which no longer exists.*--version 2"):
        package_stimulus_set(catalog, stimuli, NAME, "lab")


def test_facts_that_contradict_the_catalog_are_reported(stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog, store = tmp_path / "lab.csv", tmp_path / "store"
    add_publication(catalog, {"publication": "doe2026"})
    package_stimulus_set(catalog, stimuli, NAME, store, entry_facts={"publication": "doe2026"})
    with pytest.warns(PackagingWarning, match="license is '', not 'MIT'") as caught:
        package_stimulus_set(catalog, stimuli, NAME, store, entry_facts={"license": "MIT", "publication": "doe2026"})
    assert Path(caught[0].filename) == Path(__file__)
    assert "publication" not in str(caught[0].message)


def test_the_first_publisher_of_an_identifier_keeps_entry_and_card(
    stimuli: StimulusSet, tmp_path: Path, moto_s3: MotoS3
) -> None:
    moto_s3.create_bucket("lab")
    catalog, card = tmp_path / "lab.csv", tmp_path / "cards" / "stimulus_set" / f"{NAME}.json"
    theirs: list[bytes] = []

    def somebody_is_quicker(method: str, path: str, query: str) -> None:
        if method == "PUT" and not theirs:
            package_stimulus_set(catalog, stimuli.assign(hue=1), NAME, tmp_path / "theirs")
            theirs.extend([catalog.read_bytes(), card.read_bytes()])

    moto_s3.refuse(somebody_is_quicker)  # a hook that refuses nothing
    with pytest.raises(PackagingError, match="already, with other bytes"):
        package_stimulus_set(catalog, stimuli, NAME, "lab/ours")
    moto_s3.refuse(None)
    assert [catalog.read_bytes(), card.read_bytes()] == theirs


def test_all_invalid_facts_are_reported_at_once(stimuli: StimulusSet, tmp_path: Path) -> None:
    facts = {"version": "a b", "sha1": "3"}
    with pytest.raises(PackagingError, match=r"(?s)may not set 'sha1'.*\['version'\] is 'a b'"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, tmp_path / "store", entry_facts=facts)


def test_a_folder_is_refused_as_a_catalog(stimuli: StimulusSet, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"cannot be read: .*[Dd]irectory.*Pass the path of a CSV file"):
        package_stimulus_set(tmp_path, stimuli, NAME, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_multipart_upload_to_a_bucket_without_versions_loads(
    tmp_path: Path, moto_s3: MotoS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto_s3.create_bucket("lab")
    movie = tmp_path / "movie.mp4"
    movie.write_bytes(np.random.default_rng(0).bytes(17 << 20))  # parts have 16 MiB
    stimuli = StimulusSet({"stimulus_id": ["movie"]})
    stimuli.stimulus_paths = {"movie": movie}
    made = package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, "lab/movies")
    assert made["zip_version_id"] is None
    monkeypatch.setenv("BRAINIO_CATALOGS", str(tmp_path / "lab.csv"))
    assert brainio.get_stimulus_set(NAME).get_stimulus("movie").read_bytes() == movie.read_bytes()


def test_a_catalog_on_s3_is_checked_by_its_url(stimuli: StimulusSet, moto_s3: MotoS3) -> None:
    moto_s3.create_bucket("lab")
    package_stimulus_set("s3://lab/lab.csv", stimuli, NAME, "lab/sets")
    assert check_catalog("s3://lab/lab.csv", files="all").ok
    moto_s3.client().delete_object(Bucket="lab", Key="sets/stimulus_lab_Doe2026.zip")
    assert [problem.code for problem in check_catalog("s3://lab/lab.csv").errors] == ["file-gone"]


# --------------------------------------------------------------------------- a new catalog


def test_a_new_project_includes_the_files_of_all_versions(tmp_path: Path) -> None:
    project = new_catalog("my_lab", tmp_path)
    for name in ("files/first.zip", "files/2/second.zip"):
        path = project / "my_lab_catalog" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PK")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(project)], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        shipped = {name.removeprefix("my_lab_catalog/") for name in wheel.namelist()}
    assert {"files/first.zip", "files/2/second.zip", "my_lab.csv"} <= shipped


def test_the_lock_of_a_new_catalog_is_not_committed(stimuli: StimulusSet, tmp_path: Path) -> None:
    project = new_catalog("my_lab", tmp_path)
    package = project / "my_lab_catalog"
    package_stimulus_set(package / "my_lab.csv", stimuli, NAME, package / "files")
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    seen = subprocess.run(
        ["git", "status", "--short", "--untracked-files=all"], cwd=project, check=True, capture_output=True, text=True
    ).stdout
    assert "my_lab.csv" in seen
    assert ".lock" not in seen


def test_a_lab_can_have_the_name_of_its_catalog() -> None:
    assert identifier_problems("my_lab2.Doe2026") == []
    assert [problem.code for problem in identifier_problems("My_lab.Doe2026")] == ["identifier-unconventional"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_unknown_publication_key_is_refused(stimuli: StimulusSet, tmp_path: Path, dry_run: bool) -> None:
    catalog, store = tmp_path / "lab.csv", tmp_path / "store"
    add_publication(catalog, {"publication": "doe2026"})
    message = r"\['publication'\] is 'doe2025', a key that .*publications\.csv lacks; it has 'doe2026'.*add_publication"
    with pytest.raises(PackagingError, match=message):
        package_stimulus_set(catalog, stimuli, NAME, store, entry_facts={"publication": "doe2025"}, dry_run=dry_run)
    assert not catalog.exists()
    assert not store.exists()


@pytest.mark.parametrize(
    ("successor", "message"),
    [(NAME, f"form a circle: {NAME} -> {NAME}"), ("lab.Nowhere", "'lab.Nowhere', which no catalog lists")],
)
def test_a_successor_must_be_another_listed_entry(
    stimuli: StimulusSet, tmp_path: Path, successor: str, message: str
) -> None:
    facts = {"status": "deprecated", "successor": successor}
    with pytest.raises(PackagingError, match=message):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, tmp_path / "store", entry_facts=facts)
    assert not (tmp_path / "store").exists()


def test_a_licence_is_canonical_in_rows_and_card_or_refused(stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog, store = tmp_path / "lab.csv", tmp_path / "store"
    with pytest.raises(PackagingError, match=r"'do what you like'.*expected an SPDX expression such as 'CC0-1\.0'"):
        package_stimulus_set(catalog, stimuli, NAME, store, entry_facts={"license": "do what you like"})
    assert not store.exists()
    for written in ("cc-by-4.0", "CC-BY-4.0"):
        package_stimulus_set(catalog, stimuli, NAME, store, entry_facts={"license": written})
    assert {row["license"] for row in csv.DictReader(catalog.open())} == {"CC-BY-4.0"}
    assert json.loads((tmp_path / "cards" / "stimulus_set" / f"{NAME}.json").read_text())["license"] == "CC-BY-4.0"
