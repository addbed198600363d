"""Publishing stores the files before the catalog lists them, and never overwrites published bytes."""

import csv
import zipfile
from pathlib import Path
from typing import ClassVar

import boto3
import fsspec  # type: ignore[import-untyped]
import pytest
import xarray as xr
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]
from fsspec.registry import _registry, known_implementations  # type: ignore[import-untyped]

import brainio
from brainio.assemblies import DataAssembly, NeuroidAssembly, SpikeTimesAssembly
from brainio.errors import CatalogError, EntryStatusWarning, PackagingError, TransferError
from brainio.packaging import (
    get_user_info,
    package_data_assembly,
    package_data_assembly_locally,
    package_stimulus_set,
    package_stimulus_set_locally,
    upload_to_s3,
)
from brainio.stimuli import StimulusSet
from tests.servers import MotoS3

NAME = "lab.Doe2026"


def rows(catalog: Path) -> list[dict[str, str]]:
    with catalog.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_a_stimulus_set_is_stored_on_s3_and_listed_in_the_catalog(
    stimuli: StimulusSet, tmp_path: Path, moto_s3: MotoS3
) -> None:
    client = boto3.client("s3")
    client.create_bucket(Bucket="lab-bucket")
    client.put_bucket_versioning(Bucket="lab-bucket", VersioningConfiguration={"Status": "Enabled"})
    made = package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, bucket_name="lab-bucket/sets")
    table, archive = rows(tmp_path / "lab.csv")
    where = "https://lab-bucket.s3.amazonaws.com/sets/stimulus_lab_Doe2026"
    assert [table["location"], archive["location"]] == [f"{where}.csv", f"{where}.zip"]
    assert [table["class"], archive["class"]] == ["StimulusSet", ""]
    assert {row["location_type"] for row in (table, archive)} == {"S3"}
    assert made == {
        "identifier": NAME,
        "bucket": "lab-bucket/sets",
        "csv_sha1": table["sha1"],
        "zip_sha1": archive["sha1"],
        "csv_version_id": table["version_id"],
        "zip_version_id": archive["version_id"],
    }
    body = client.get_object(Bucket="lab-bucket", Key="sets/stimulus_lab_Doe2026.csv", VersionId=table["version_id"])
    assert len(body["Body"].read()) == int(table["size"])


def test_an_assembly_is_stored_on_s3_and_listed_in_the_catalog(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path, moto_s3: MotoS3
) -> None:
    boto3.client("s3").create_bucket(Bucket="lab-bucket")
    package_stimulus_set(tmp_path / "lab.csv", stimuli, "lab.Doe2026.stimuli", "lab-bucket")
    made = package_data_assembly(
        tmp_path / "lab.csv", assembly, NAME, "lab.Doe2026.stimuli", "NeuroidAssembly", "lab-bucket"
    )
    row = rows(tmp_path / "lab.csv")[-1]
    assert made == {
        "identifier": NAME,
        "version_id": row["version_id"] or None,
        "sha1": row["sha1"],
        "bucket": "lab-bucket",
        "cls": "NeuroidAssembly",
    }
    assert (row["lookup_type"], row["class"]) == ("assembly", "NeuroidAssembly")
    assert row["stimulus_set_identifier"] == "lab.Doe2026.stimuli"
    assert row["location"] == "https://lab-bucket.s3.amazonaws.com/assy_lab_Doe2026.nc"


def test_a_failing_upload_changes_no_catalog(stimuli: StimulusSet, tmp_path: Path, moto_s3: MotoS3) -> None:
    with pytest.raises(TransferError, match="no-such-bucket"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, bucket_name="no-such-bucket")
    assert not (tmp_path / "lab.csv").exists()


def test_files_next_to_the_catalog_are_listed_by_relative_path(stimuli: StimulusSet, tmp_path: Path) -> None:
    package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, bucket_name=tmp_path / "files")
    assert [(row["location_type"], row["location"]) for row in rows(tmp_path / "lab.csv")] == [
        ("file", "files/stimulus_lab_Doe2026.csv"),
        ("file", "files/stimulus_lab_Doe2026.zip"),
    ]


def test_any_location_of_fsspec_is_a_store(stimuli: StimulusSet, tmp_path: Path) -> None:
    folder = f"memory://{tmp_path.name}"
    package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, bucket_name=folder)
    row = rows(tmp_path / "lab.csv")[0]
    assert (row["location_type"], row["location"]) == ("memory", f"{folder}/stimulus_lab_Doe2026.csv")
    assert fsspec.filesystem("memory").size(f"/{tmp_path.name}/stimulus_lab_Doe2026.csv") == int(row["size"])


def test_packaging_the_same_again_changes_nothing(stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog = tmp_path / "lab.csv"
    first = package_stimulus_set(catalog, stimuli, NAME, bucket_name=tmp_path / "files")
    before = catalog.read_bytes()
    assert package_stimulus_set(catalog, stimuli, NAME, bucket_name=tmp_path / "files") == first
    assert catalog.read_bytes() == before


def test_other_bytes_under_a_listed_identifier_are_refused_before_the_upload(
    stimuli: StimulusSet, tmp_path: Path
) -> None:
    catalog = tmp_path / "lab.csv"
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=tmp_path / "files")
    before = {path: path.read_bytes() for path in (catalog, *(tmp_path / "files").iterdir())}
    with pytest.raises(PackagingError, match=NAME):
        package_stimulus_set(catalog, stimuli.assign(hue=1), NAME, bucket_name=tmp_path / "files")
    assert {path: path.read_bytes() for path in before} == before


def test_an_entry_with_the_same_file_names_overwrites_no_other(stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog = tmp_path / "lab.csv"
    package_stimulus_set(catalog, stimuli, "lab.Doe2026_a", bucket_name=tmp_path / "files")
    before = {path: path.read_bytes() for path in (catalog, *(tmp_path / "files").iterdir())}
    with pytest.raises(PackagingError, match=r"stimulus_lab_Doe2026_a\.csv already"):
        package_stimulus_set(catalog, stimuli.assign(hue=1), "lab.Doe2026.a", bucket_name=tmp_path / "files")
    assert {path: path.read_bytes() for path in before} == before


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_published_bytes_are_never_overwritten_with_or_without_a_catalog(stimuli: StimulusSet, tmp_path: Path) -> None:
    store = tmp_path / "files"
    first = package_stimulus_set(tmp_path / "one.csv", stimuli, NAME, bucket_name=store)
    before = everything(store)
    for catalog in (None, tmp_path / "two.csv"):
        with pytest.raises(PackagingError, match=r"stimulus_lab_Doe2026\.csv already") as refused:
            package_stimulus_set(catalog, stimuli.assign(hue=1), NAME, bucket_name=store)
        assert str(first["csv_sha1"]) in str(refused.value)
        assert everything(store) == before
    assert not (tmp_path / "two.csv").exists()


def test_a_conflict_at_one_location_prevents_all_uploads(stimuli: StimulusSet, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "stimulus_lab_Doe2026.zip").write_bytes(b"other")
    before = everything(tmp_path / "files")
    with pytest.raises(PackagingError, match=r"stimulus_lab_Doe2026\.zip already"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, bucket_name=tmp_path / "files")
    assert everything(tmp_path / "files") == before


def test_the_same_bytes_are_not_uploaded_again(stimuli: StimulusSet, tmp_path: Path, moto_s3: MotoS3) -> None:
    client = boto3.client("s3")
    client.create_bucket(Bucket="lab-bucket")
    client.put_bucket_versioning(Bucket="lab-bucket", VersioningConfiguration={"Status": "Enabled"})
    package_stimulus_set(None, stimuli, NAME, bucket_name="lab-bucket")
    again = package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, bucket_name="lab-bucket")
    assert again["csv_version_id"] is None
    assert len(client.list_object_versions(Bucket="lab-bucket")["Versions"]) == 2
    assert [row["version_id"] for row in rows(tmp_path / "lab.csv")] == ["", ""]


def test_the_result_names_the_listed_bucket_of_the_same_bytes(
    stimuli: StimulusSet, tmp_path: Path, moto_s3: MotoS3
) -> None:
    boto3.client("s3").create_bucket(Bucket="lab-bucket")
    places = {"s3": "lab-bucket/sets", "disk": str(tmp_path / "files"), "memory": f"memory://{tmp_path.name}-b19"}
    for name, place in places.items():
        catalog = tmp_path / f"{name}.csv"
        package_stimulus_set(catalog, stimuli, NAME, bucket_name=place)
        assert package_stimulus_set(catalog, stimuli, NAME, bucket_name="elsewhere")["bucket"] == place


@pytest.mark.parametrize(
    ("facts", "message"),
    [({"status": "foo"}, "status is 'foo'"), ({"sha1": "0" * 40}, "'sha1'"), ({"version": 2}, r"\['version'\] is 2")],
)
def test_an_invalid_row_is_refused_before_the_upload(
    stimuli: StimulusSet, tmp_path: Path, facts: dict[str, str], message: str
) -> None:
    with pytest.raises(PackagingError, match=message):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, tmp_path / "files", entry_facts=facts)
    assert not (tmp_path / "files").exists()
    assert not (tmp_path / "lab.csv").exists()


def test_the_folder_of_a_catalog_is_created(stimuli: StimulusSet, tmp_path: Path) -> None:
    package_stimulus_set(tmp_path / "new" / "lab.csv", stimuli, NAME, bucket_name=tmp_path / "files")
    assert len(rows(tmp_path / "new" / "lab.csv")) == 2


def test_a_catalog_folder_that_cannot_be_created_is_refused_before_the_upload(
    stimuli: StimulusSet, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogError, match="nothing was stored"):
        package_stimulus_set(tmp_path / "file" / "lab.csv", stimuli, NAME, bucket_name=tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_a_new_version_is_loaded_and_the_old_one_remains_loadable(
    stimuli: StimulusSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, store, newer = tmp_path / "lab.csv", tmp_path / "files", stimuli.assign(hue=1)
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=store)
    with pytest.raises(PackagingError, match=r"publish a new version with entry_facts=\{'version'"):
        package_stimulus_set(catalog, newer, NAME, bucket_name=store)
    for _ in range(2):
        made = package_stimulus_set(catalog, newer, NAME, bucket_name=store, entry_facts={"version": "2"})
        assert made["bucket"] == str(store / "2")
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=store)
    assert [(row["version"], row["status"]) for row in rows(catalog)] == [("", "superseded")] * 2 + [("2", "")] * 2
    assert rows(catalog)[2]["location"] == "files/2/stimulus_lab_Doe2026.csv"
    monkeypatch.setenv("BRAINIO_CATALOGS", str(catalog))
    assert "hue" in brainio.get_stimulus_set(NAME).columns
    with pytest.warns(EntryStatusWarning, match="superseded"):
        assert "hue" not in brainio.get_stimulus_set(NAME, version="").columns


@pytest.mark.parametrize("version", ["../2", "a/b", ".2", "2\n", "x" * 101])
def test_a_version_that_cannot_name_a_folder_is_refused(stimuli: StimulusSet, tmp_path: Path, version: str) -> None:
    with pytest.raises(PackagingError, match="it names the folder of the files"):
        package_stimulus_set(None, stimuli, NAME, tmp_path / "files", entry_facts={"version": version})
    assert not (tmp_path / "files").exists()


def test_a_bucket_that_ends_with_the_version_gets_no_second_folder_of_that_name(
    stimuli: StimulusSet, tmp_path: Path
) -> None:
    package_stimulus_set(None, stimuli, NAME, tmp_path / "files" / "2", entry_facts={"version": "2"})
    assert (tmp_path / "files" / "2" / "stimulus_lab_Doe2026.csv").is_file()


def test_a_version_not_marked_as_current_supersedes_no_other(stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog, facts = tmp_path / "lab.csv", {"version": "0.9", "status": "deprecated"}
    package_stimulus_set(catalog, stimuli, NAME, tmp_path / "files")
    package_stimulus_set(catalog, stimuli.assign(hue=1), NAME, tmp_path / "files", entry_facts=facts)
    assert [row["status"] for row in rows(catalog)] == ["", "", "deprecated", "deprecated"]


@pytest.mark.parametrize("catalog", ["lab.csv", "s3://lab-bucket/lab.csv"])
def test_a_dry_run_lists_all_changes_of_publishing_and_makes_none(
    stimuli: StimulusSet, tmp_path: Path, moto_s3: MotoS3, catalog: str
) -> None:
    moto_s3.create_bucket("lab-bucket")
    target = catalog if "://" in catalog else tmp_path / catalog

    def publish(*, dry_run: bool = False) -> dict[str, str | None]:
        facts = {"version": "2", "license": "CC0-1.0"}
        changed = stimuli.assign(hue=1)
        return package_stimulus_set(target, changed, NAME, "lab-bucket", entry_facts=facts, dry_run=dry_run)

    package_stimulus_set(target, stimuli, NAME, "lab-bucket")
    before = everything(tmp_path), moto_s3.keys("lab-bucket")
    dry = publish(dry_run=True)
    assert (everything(tmp_path), moto_s3.keys("lab-bucket")) == before
    plan = str(dry.pop("plan"))
    for line in (
        "send stimulus_lab_Doe2026.csv",
        "to s3://lab-bucket/2/stimulus_lab_Doe2026.zip and read it back",
        f"add the stimulus set {NAME}, version 2 to",
        "lab.csv (it lists 1 now):",
        f"sha1={dry['csv_sha1']}",
        "license=CC0-1.0",
        f"mark the stimulus set {NAME} as superseded",
    ):
        assert line in plan
    assert publish() == dry
    assert publish(dry_run=True)["plan"] == (
        f"nothing to do: the catalog 'lab' lists the stimulus set {NAME}, version 2 already, with the same bytes"
    )


def test_a_dry_run_lists_the_stored_files(stimuli: StimulusSet, tmp_path: Path) -> None:
    package_stimulus_set(None, stimuli, NAME, tmp_path / "files")
    (tmp_path / "files" / "stimulus_lab_Doe2026.zip").unlink()
    plan = package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, tmp_path / "files", dry_run=True)["plan"]
    assert plan is not None
    first, second, third, *_ = plan.splitlines()
    assert (first.split()[0], second.split()[0]) == ("leave", "send")
    assert third.endswith("(a new catalog):")
    assert not (tmp_path / "lab.csv").exists()


def test_packaging_loaded_data_gives_the_same_bytes(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, store = tmp_path / "lab.csv", tmp_path / "files"
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=store)
    package_data_assembly(catalog, assembly, NAME, NAME, "NeuroidAssembly", bucket_name=store)
    monkeypatch.setenv("BRAINIO_CATALOGS", str(catalog))
    loaded = brainio.get_assembly(NAME)
    assert "object_name" in loaded.coords
    again = tmp_path / "again.csv"
    package_stimulus_set(again, brainio.get_stimulus_set(NAME), NAME, bucket_name=tmp_path / "again")
    package_data_assembly(again, loaded, NAME, NAME, "NeuroidAssembly", bucket_name=tmp_path / "again")
    assert [row["sha256"] for row in rows(again)] == [row["sha256"] for row in rows(catalog)]


def test_a_set_and_an_assembly_may_share_an_identifier(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    catalog, store = tmp_path / "lab.csv", tmp_path / "files"
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=store)
    package_data_assembly(catalog, assembly, NAME, NAME, "NeuroidAssembly", bucket_name=store)
    assert [row["lookup_type"] for row in rows(catalog)] == ["stimulus_set", "stimulus_set", "assembly"]


def test_an_active_catalog_is_named_by_its_identifier(
    stimuli: StimulusSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier,curator\n"
    (tmp_path / "my_lab.csv").write_text(header)
    monkeypatch.setenv("BRAINIO_CATALOGS", str(tmp_path / "my_lab.csv"))
    package_stimulus_set("my_lab", stimuli, NAME, bucket_name=tmp_path / "files", entry_facts={"license": "CC0-1.0"})
    assert [(row["identifier"], row["license"], row["curator"]) for row in rows(tmp_path / "my_lab.csv")] == [
        (NAME, "CC0-1.0", ""),
        (NAME, "CC0-1.0", ""),
    ]


def test_packaging_does_not_change_its_input(stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path) -> None:
    columns, attrs = list(stimuli.columns), dict(assembly.attrs)
    package_stimulus_set(None, stimuli, NAME, bucket_name=tmp_path)
    package_data_assembly(None, assembly, NAME, NAME, "NeuroidAssembly", bucket_name=tmp_path)
    assert (list(stimuli.columns), dict(assembly.attrs)) == (columns, attrs)


@pytest.mark.filterwarnings("ignore:.*can be packaged, but check:brainio.errors.PackagingWarning")
def test_only_metadata_that_loading_does_not_join_are_stored(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    described = assembly.assign_coords(
        object_name=("presentation", ["object0", "object1", "object2"] * 2),
        size_px=("presentation", [4, 5, 6, 4, 5, 0]),
    )
    described.attrs["stimulus_set"] = stimuli
    package_data_assembly(None, described, NAME, "lab.Doe2026.stimuli", "NeuroidAssembly", bucket_name=tmp_path)
    with xr.open_dataarray(tmp_path / "assy_lab_Doe2026.nc") as read:
        assert "object_name" not in read.coords
        assert read["size_px"].values.tolist() == [4, 5, 6, 4, 5, 0]
        assert read.attrs == {"identifier": NAME, "stimulus_set_identifier": stimuli.identifier}


def test_extras_are_groups_of_the_file(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    extra = DataAssembly([1.0, 2.0], coords={"a": ("bin", [0, 1]), "b": ("bin", ["x", "y"])}, dims=["bin"])
    package_data_assembly(None, assembly, NAME, NAME, "NeuroidAssembly", tmp_path, extras={"psth": extra})
    with xr.open_dataarray(tmp_path / "assy_lab_Doe2026.nc", group="psth") as read:
        assert read["b"].values.tolist() == ["x", "y"]


def test_a_reserved_name_is_refused_as_the_name_of_an_extra(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    extra = DataAssembly([1.0], dims=["bin"])
    for name in ("identifier", "stimulus_set", "stimulus_set_identifier", "data", "a b", "region", "neuroid"):
        with pytest.raises(PackagingError, match=f"the extra '{name}'"):
            package_data_assembly(None, assembly, NAME, NAME, "NeuroidAssembly", tmp_path / "f", extras={name: extra})
    assert not (tmp_path / "f").exists()


def test_an_extra_that_cannot_be_stored_leaves_no_file(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    extras = {"fine": DataAssembly([1.0], dims=["bin"]), "psth": DataAssembly([1j], dims=["bin"])}
    with pytest.raises(PackagingError, match=r"'psth'.*complex"):
        package_data_assembly_locally(assembly, NAME, NAME, "NeuroidAssembly", extras, downloads_path=tmp_path / "made")
    assert everything(tmp_path / "made") == {}


def test_a_loaded_extra_is_packaged_as_the_same_bytes(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    spikes = SpikeTimesAssembly([0.1, 0.2], coords={"neuroid_id": ("event", ["a", "b"])}, dims=["event"])
    extra = DataAssembly([1.0, 2.0], coords={"a": ("bin", [0, 1]), "b": ("bin", ["x", "y"])}, dims=["bin"])
    first = package_data_assembly_locally(spikes, NAME, NAME, "SpikeTimesAssembly", {"psth": extra}, tmp_path / "1")
    loaded = SpikeTimesAssembly.from_files(first["path"], stimulus_set_identifier=NAME)
    again = package_data_assembly_locally(loaded, NAME, NAME, "SpikeTimesAssembly", downloads_path=tmp_path / "2")
    assert again["sha1"] == first["sha1"]


def test_extras_of_a_loaded_assembly_are_packaged_again(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    extra = DataAssembly([1.0, 2.0], coords={"a": ("bin", [0, 1]), "b": ("bin", ["x", "y"])}, dims=["bin"])
    first = package_data_assembly(None, assembly, NAME, NAME, "NeuroidAssembly", tmp_path, extras={"psth": extra})
    loaded = assembly.assign_attrs(psth=extra)
    assert (
        package_data_assembly(None, loaded, NAME, NAME, "NeuroidAssembly", tmp_path / "again")["sha1"] == first["sha1"]
    )


def test_a_package_can_be_created_in_a_folder_for_manual_upload(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    made = package_stimulus_set_locally(stimuli, NAME, downloads_path=str(tmp_path / "packaged"))
    with zipfile.ZipFile(made["zip_path"]) as archive:
        assert archive.namelist() == ["s0.png", "s1.png", "s2.png"]
    also = package_data_assembly_locally(assembly, NAME, NAME, "NeuroidAssembly")
    assert Path(also["path"]) == Path.home() / "Downloads" / "assy_lab_Doe2026.nc"
    assert Path(also["path"]).is_file()


def test_upload_to_s3_stores_the_whole_file(tmp_path: Path, moto_s3: MotoS3) -> None:
    client = boto3.client("s3")
    client.create_bucket(Bucket="lab-bucket")
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert upload_to_s3(tmp_path / "a.bin", "lab-bucket", "folder/a.bin")["ContentLength"] == 3
    assert client.get_object(Bucket="lab-bucket", Key="folder/a.bin")["Body"].read() == b"abc"


def test_the_user_is_named_by_account_and_name(moto_s3: MotoS3) -> None:
    account, name = get_user_info(boto3.client("sts"))
    assert account.isdigit()
    assert name


class LosingFileSystem(MemoryFileSystem):
    """A store that reports success but loses the bytes of ZIP archives."""

    protocol = "losing"
    store: ClassVar[dict[str, object]] = {}

    def info(self, path: str, **keywords: object) -> dict[str, object]:
        details: dict[str, object] = super().info(path, **keywords)
        return details | {"size": 0} if path.endswith(".zip") else details


def test_an_upload_that_lost_bytes_gets_no_entry(
    stimuli: StimulusSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(known_implementations, "losing", {"class": f"{__name__}.LosingFileSystem"})
    monkeypatch.setitem(_registry, "losing", LosingFileSystem)
    monkeypatch.setattr(LosingFileSystem, "store", {})
    with pytest.raises(TransferError, match=r"stimulus_lab_Doe2026\.zip was uploaded, but has 0 bytes"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, NAME, bucket_name="losing://place")
    assert not (tmp_path / "lab.csv").exists()
