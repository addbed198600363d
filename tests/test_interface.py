"""Every name of the published interface works, called like in published scripts."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from PIL import Image

import brainio
from brainio.errors import LocationError, StimulusSetLookupError
from brainio.stimuli import StimulusSet
from tests.lab import Lab, assembly_file, sha1
from tests.test_imports import INTERFACE

if TYPE_CHECKING:
    from tests.servers import MotoS3

IDENTIFIER = "lab.Doe2026"


class Interface:
    """A module of the interface that records which of its names a test used."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.used: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        return getattr(importlib.import_module(self.module), name)

    def require_all_used(self) -> None:
        assert set(INTERFACE[self.module].split()) - self.used == set()


@pytest.fixture
def published(lab: Lab, tmp_path: Path) -> Lab:
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    return lab


@pytest.fixture
def table(tmp_path: Path) -> StimulusSet:
    paths = {f"s{number}": tmp_path / f"image_{number}.png" for number in (1, 2)}
    for path in paths.values():
        Image.new("RGB", (2, 2)).save(path)
    stimuli = StimulusSet({"stimulus_id": list(paths), "object_name": ["car", "dog"]})
    stimuli.stimulus_paths, stimuli.identifier = paths, "lab.Set"
    return stimuli


def test_every_name_of_the_package_works(published: Lab, tmp_path: Path) -> None:
    package = Interface("brainio")
    assert package.get_assembly(IDENTIFIER)["object_name"].values.tolist() == ["car", "face"] * 2
    assert package.get_stimulus_set(IDENTIFIER).identifier == IDENTIFIER
    assert IDENTIFIER in package.list_assemblies()
    assert IDENTIFIER in package.list_stimulus_sets()
    assert "lab" in package.list_catalogs()
    assert package.get_catalog("lab").attrs["source_path"] == published.catalog
    published.catalog.rename(tmp_path / "other.csv")
    package.add_catalog(tmp_path / "other.csv")
    package.require_all_used()


def test_every_name_of_stimuli_works(table: StimulusSet, tmp_path: Path) -> None:
    stimuli = Interface("brainio.stimuli")
    (tmp_path / "s.csv").write_text("stimulus_id,filename\na,image_1.png\n")
    made = stimuli.StimulusSet.from_files(tmp_path / "s.csv", tmp_path)
    assert made.get_stimulus("a") == table.get_stimulus("s1")
    assert stimuli.StimulusSetLoader(StimulusSet, tmp_path / "s.csv", tmp_path).load().stimulus_paths["a"].is_file()
    stimuli.require_all_used()


def test_every_name_of_assemblies_works(tmp_path: Path) -> None:
    names = Interface("brainio.assemblies")
    path = tmp_path / "a.nc"
    path.write_bytes(assembly_file(tmp_path))
    stimuli = StimulusSet({"stimulus_id": ["1", "2"], "object_name": ["car", "face"]})
    stimuli.identifier = IDENTIFIER
    arguments: dict[str, Any] = {"stimulus_set_identifier": IDENTIFIER, "stimulus_set": stimuli}
    plain = names.AssemblyLoader(cls=names.NeuroidAssembly, file_path=path).load()
    named = names.StimulusReferenceAssemblyLoader(cls=names.NeuroidAssembly, file_path=path, **arguments).load()
    merged = names.StimulusMergeAssemblyLoader(cls=names.NeuroidAssembly, file_path=path, **arguments).load()
    names.GroupAppendAssemblyLoader(cls=names.NeuroidAssembly, file_path=path, **arguments).load().validate()
    assert (named.attrs["stimulus_set"] is stimuli, "object_name" in named.coords) == (True, False)
    assert merged.sel(object_name="car").shape == (2, 2)
    for kind in ("DataAssembly", "BehavioralAssembly", "PropertyAssembly", "MetadataAssembly"):
        assert getattr(names, kind)([1], dims=["x"], coords={"k": ("x", ["v"])})["k"].item() == "v"
    for kind in ("NeuronRecordingAssembly", "ModelFeaturesAssembly"):
        getattr(names, kind)(plain).validate()
    names.SpikeTimesAssembly([0.1], dims=["event"], coords={"neuroid_id": ("event", ["n"])}).validate()
    rebuilt = type(plain)(plain.values, coords={c: (d, v) for c, d, v in names.walk_coords(plain)}, dims=plain.dims)
    assert rebuilt.coords.equals(plain.coords)
    assert names.merge_data_arrays([plain[:2], plain[2:]]).sizes == plain.sizes
    assert names.array_is_element(("x",), "x")
    assert names.gather_indexes(plain) is plain
    assert names.get_levels(plain) == ["stimulus_id", "repetition", "neuroid_id", "region"]
    assert names.coords_for_dim(plain, "neuroid") == {}
    assert len(list(names.get_metadata(plain))) == 4
    assert names.DataPoint(1.0, "n", "p").value == 1.0
    assert issubclass(names.GroupbyError, Exception)
    assert (names.is_fastpath(fastpath=True), names.is_fastpath()) == (True, False)
    assert isinstance(plain.multi_groupby(["stimulus_id"]), names.GroupbyBridge)
    assert names.BRAINIO_CHUNKS == "BRAINIO_CHUNKS"
    names.require_all_used()


def test_every_name_of_packaging_works(table: StimulusSet, tmp_path: Path, moto_s3: MotoS3) -> None:
    packaging = Interface("brainio.packaging")
    boto3.client("s3").create_bucket(Bucket="lab-bucket")
    catalog = tmp_path / "lab.csv"
    packaging.package_stimulus_set(
        catalog, table, stimulus_set_identifier="lab.Set2026", bucket_name="lab-bucket/folder"
    )
    brainio.add_catalog(catalog)
    shown = {"stimulus_id": ("presentation", ["s1", "s2"])}
    recorded = {"neuroid_id": ("neuroid", ["n1"]), "region": ("neuroid", ["IT"])}
    array = importlib.import_module("brainio.assemblies").NeuroidAssembly(
        [[1.0], [2.0]], coords={**shown, **recorded}, dims=["presentation", "neuroid"]
    )
    keywords = {"assembly_identifier": "lab.Doe2026", "stimulus_set_identifier": "lab.Set2026"}
    packaging.package_data_assembly(
        catalog, array, **keywords, assembly_class_name="NeuroidAssembly", bucket_name="lab-bucket"
    )
    assert brainio.get_assembly("lab.Doe2026")["object_name"].values.tolist() == ["car", "dog"]
    archive_sha1, members = packaging.create_stimulus_zip(table, tmp_path / "a.zip")
    hashes = {
        "a.nc": packaging.write_netcdf(array, tmp_path / "a.nc"),
        "a.csv": packaging.create_stimulus_csv(table, tmp_path / "a.csv"),
        "a.zip": archive_sha1,
    }
    assert {name: sha1((tmp_path / name).read_bytes()) for name in hashes} == hashes
    assert members == ["s1.png", "s2.png"]
    packaging.upload_to_s3(tmp_path / "a.csv", "lab-bucket", "a.csv")
    assert len(packaging.get_user_info(boto3.client("sts"))) == 2
    packaging.check_naming_convention("lab.Doe2026")
    packaging.check_stimulus_naming_convention("image_1.png")
    packaging.check_image_format(np.zeros((2, 2, 3)), "image_1")
    packaging.check_stimulus_numbers(table)
    packaging.check_experiment_stimulus_set(table)
    assert packaging.extract_specific(table) == ["stimulus_id", "object_name"]
    assert (packaging.TYPE_ASSEMBLY, packaging.TYPE_STIMULUS_SET) == ("assembly", "stimulus_set")
    packaging.require_all_used()


@pytest.mark.parametrize(
    "keywords",
    [
        {"assembly_identifier": "lab.Doe2026", "stimulus_set_identifier": "lab.Set", "assembly_class": "DataAssembly"},
        {"data_assembly_name": "lab.Doe2026", "stimulus_set_name": "lab.Set", "assembly_class_name": "DataAssembly"},
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*can be packaged, but check:brainio.errors.PackagingWarning")
def test_older_keywords_package_without_a_catalog(keywords: dict[str, str], table: StimulusSet, tmp_path: Path) -> None:
    packaging = importlib.import_module("brainio.packaging")
    catalog = tmp_path / "lab.csv"
    packaging.package_stimulus_set(catalog, table, stimulus_set_name="lab.Set", bucket_name=tmp_path / "files")
    brainio.add_catalog(catalog)
    array = importlib.import_module("brainio.assemblies").DataAssembly(
        [1.0, 2.0], coords={"stimulus_id": ("presentation", ["s1", "s2"])}, dims=["presentation"]
    )
    before = catalog.read_bytes()
    made = packaging.package_data_assembly(
        proto_data_assembly=array, catalog_name=None, bucket_name=tmp_path / "files", **keywords
    )
    assert (made["identifier"], made["cls"]) == ("lab.Doe2026", "DataAssembly")
    assert (tmp_path / "files" / "assy_lab_Doe2026.nc").is_file()
    assert catalog.read_bytes() == before


def test_every_name_of_s3_works(published: Lab, tmp_path: Path) -> None:
    s3 = Interface("brainio.s3")
    objects = published.server.objects
    csv, archive = (objects["lab-bucket", f"stimulus_lab_Doe2026.{part}"] for part in ("csv", "zip"))
    objects["lab-bucket", "models/weights.pth"] = b"weights"
    hashes = {"csv_sha1": sha1(csv), "zip_sha1": sha1(archive)}
    keywords = {"bucket": "lab-bucket", "csv_version_id": "null", "zip_version_id": "null", **hashes}

    def load() -> StimulusSet:
        return s3.load_stimulus_set_from_s3(identifier=IDENTIFIER, filename_prefix="stimulus_", **keywords)

    assembly = s3.load_assembly_from_s3(
        identifier=IDENTIFIER,
        version_id="null",
        sha1=sha1(objects["lab-bucket", "assy_lab_Doe2026.nc"]),
        bucket="lab-bucket",
        cls=importlib.import_module("brainio.assemblies").NeuroidAssembly,
        stimulus_set_loader=load,
        merge_stimulus_set_meta=False,
    )
    assert assembly.attrs["stimulus_set"].identifier == IDENTIFIER
    weights = {"bucket": "lab-bucket", "relative_path": "weights.pth", "version_id": "null", "sha1": sha1(b"weights")}
    path = s3.load_weight_file(**weights)
    assert (path.read_bytes(), s3.load_file(**weights), s3.sha1_hash(path)) == (b"weights", path, sha1(b"weights"))
    s3.load_folder_from_s3("lab-bucket", "models", [("weights.pth", "null", None)], tmp_path / "folder")
    s3.load_file_from_s3("lab-bucket", "models/weights.pth", tmp_path / "own.pth")
    s3.download_file_if_not_exists(tmp_path / "new.pth", "lab-bucket", "models/weights.pth")
    copies = [tmp_path / "folder" / "weights.pth", tmp_path / "own.pth", tmp_path / "new.pth"]
    assert [copy.read_bytes() for copy in copies] == [b"weights"] * 3
    assert Path(s3.get_path(IDENTIFIER, "csv", "lab-bucket", "null", sha1(csv))).read_bytes() == csv
    s3.require_all_used()


def test_every_name_of_lookup_works(published: Lab) -> None:
    lookup = Interface("brainio.lookup")
    assert lookup.lookup_assembly(IDENTIFIER)["class"] == "NeuroidAssembly"
    assert next(row["class"] for row in lookup.lookup_stimulus_set(IDENTIFIER)) == "StimulusSet"
    assert IDENTIFIER in set(lookup.combined_catalog()["identifier"])
    assert "lab" in lookup.get_catalogs()
    assert lookup.get_catalog("lab").identifier == "lab"
    assert IDENTIFIER in lookup.list_assemblies()
    assert IDENTIFIER in lookup.list_stimulus_sets()
    assert "lab" in lookup.list_catalogs()
    assert lookup.sha1_hash(published.catalog) == sha1(published.catalog.read_bytes())
    for error, look_up in (
        (lookup.AssemblyLookupError, lookup.lookup_assembly),
        (lookup.StimulusSetLookupError, lookup.lookup_stimulus_set),
    ):
        with pytest.raises(error) as raised:
            look_up("lab.Nobody1900")
        assert isinstance(raised.value, KeyError)
    lookup.append("lab", "lab.New2026", "DataAssembly", lookup.TYPE_ASSEMBLY, "lab-bucket", "0" * 40, "new.nc", "")
    assert lookup.lookup_assembly("lab.New2026")["location"] == "https://lab-bucket.s3.amazonaws.com/new.nc"
    with pytest.raises(StimulusSetLookupError):
        brainio.get_stimulus_set("lab.New2026")
    assert lookup.TYPE_STIMULUS_SET == "stimulus_set"
    lookup.require_all_used()


def test_every_name_of_fetch_works(published: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Interface("brainio.fetch")
    monkeypatch.setattr("brainio.fetch._local_data_path", str(tmp_path / "redirected"))
    assert fetch.get_local_data_path() == str(tmp_path / "redirected")
    assert fetch.get_assembly(IDENTIFIER).attrs["identifier"] == IDENTIFIER
    assert fetch.get_stimulus_set(IDENTIFIER).identifier == IDENTIFIER
    archive = published.server.objects["lab-bucket", "stimulus_lab_Doe2026.zip"]
    location = "https://lab-bucket.s3.amazonaws.com/stimulus_lab_Doe2026.zip"
    path = fetch.fetch_file(location_type="S3", location=location, sha1=sha1(archive))
    assert (Path(fetch.unzip(path)) / "one.png").is_file()
    fetch.verify_sha1(path, sha1(archive))
    assert tmp_path / "redirected" in Path(path).parents
    assert fetch.resolve_assembly_class("NeuroidAssembly").__name__ == "NeuroidAssembly"
    assert fetch.resolve_stimulus_set_class("StimulusSet") is StimulusSet
    assert fetch.StimulusSetLoader.__name__ == "StimulusSetLoader"
    fetcher = fetch.BotoFetcher(location=location, local_filename="own.zip")
    assert Path(fetcher.fetch()).read_bytes() == archive
    fetch.require_all_used()


def test_a_fetcher_of_older_libraries_can_be_extended(s3_static: Any) -> None:
    fetch = importlib.import_module("brainio.fetch")

    class Fetcher(fetch.BotoFetcher):  # type: ignore[name-defined]
        def fetch(self) -> str:
            return f"{self.bucketname}|{self.relative_path}|{self.location}|{self.local_filename}"

    url = "https://lab-bucket.s3.amazonaws.com/folder/a.nc"
    assert Fetcher(url, "b.nc").fetch() == f"lab-bucket|folder/a.nc|{url}|b.nc"
    with pytest.raises(LocationError, match=r"not on S3; expected a URL such as https://BUCKET\.s3"):
        fetch.BotoFetcher("https://example.org/a.nc", "a.nc")


def test_every_name_of_catalogs_works(published: Lab) -> None:
    catalogs = Interface("brainio.catalogs")
    catalog = catalogs.Catalog.from_files("own", published.catalog, url="https://example.org/own.csv")
    assert (catalog.identifier, catalog.url) == ("own", "https://example.org/own.csv")
    assert set(catalog["identifier"]) == {IDENTIFIER}
    catalogs.require_all_used()


def test_every_name_of_transform_works() -> None:
    transform = Interface("brainio.transform")
    array = importlib.import_module("brainio.assemblies").DataAssembly(
        [1, 2], dims=["presentation"], coords={"stimulus_id": ("presentation", ["a", "b"])}
    )
    assert transform.subset(array, array[1:]).values.tolist() == [2]
    assert transform.index_efficient(np.array(["a", "b"]), np.array(["b"])) == [1]
    transform.require_all_used()
