"""Tests of Croissant: mlcroissant accepts the exported descriptions, and reads the records of the included entries."""

import hashlib
import io
import json
import shutil
import urllib.request
import warnings
import zipfile
from pathlib import Path
from typing import Any

import mlcroissant as mlc  # type: ignore[import-untyped]
import numpy as np
import pytest
from mlcroissant._src.core import constants  # type: ignore[import-untyped]
from mlcroissant._src.core.rdf import make_context  # type: ignore[import-untyped]
from mlcroissant._src.operation_graph.operations import download, extract  # type: ignore[import-untyped]
from PIL import Image

import brainio
from brainio.catalogs import resolve
from brainio.errors import CatalogWarning, EntryLookupError, ExchangeError
from brainio.exchange.croissant import CONTEXT
from tests.cli.command import brainio as command
from tests.lab import Lab, assembly_file

SET = "modelfest.Carney1999"


@pytest.fixture(autouse=True)
def isolated_mlcroissant_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let mlcroissant unpack and download into a folder of the test."""
    from etils import epath  # type: ignore[import-untyped]

    monkeypatch.setattr(extract, "EXTRACT_PATH", epath.Path(tmp_path / "mlc" / "extract"))
    monkeypatch.setattr(constants, "DOWNLOAD_PATH", epath.Path(tmp_path / "mlc" / "download"))
    assert download.constants is constants


def load_valid(path: Path) -> Any:
    """Load a description with mlcroissant, and check that it reports no errors."""
    dataset = mlc.Dataset(jsonld=str(path))
    assert dataset.metadata.ctx.issues.errors == set()
    return dataset


def records_of(dataset: Any) -> list[dict[str, Any]]:
    return [
        {
            name.removeprefix("stimuli/"): value.decode()
            if isinstance(value, bytes) and name != "stimuli/file_audio"
            else value
            for name, value in record.items()
        }
        for record in dataset.records("stimuli")
    ]


@pytest.mark.parametrize("with_files", [False, True])
def test_the_records_of_the_included_set_are_its_rows_and_images(tmp_path: Path, with_files: bool) -> None:
    folder = tmp_path / "exported"
    folder.mkdir()
    brainio.export(SET, folder / "croissant.json", kind="stimulus_set", with_files=with_files)
    moved = folder.rename(tmp_path / "moved") if with_files else folder
    found = {record["stimulus_id"]: record for record in records_of(load_valid(moved / "croissant.json"))}
    stimulus_set = brainio.get_stimulus_set(SET)
    assert {*found} == {*stimulus_set["stimulus_id"]}
    for row in stimulus_set.to_dict("records"):
        record = found[row["stimulus_id"]]
        with Image.open(stimulus_set.get_stimulus(row["stimulus_id"])) as image_file:
            assert np.array_equal(np.asarray(record.pop("file_image")), np.asarray(image_file))
        for name, value in row.items():
            assert record[str(name)] == value or (record[str(name)] is None and value != value)
        assert {*record} == {*row}


def test_set_and_assembly_with_the_same_identifier_share_a_description(tmp_path: Path) -> None:
    document = brainio.export(SET, tmp_path / "both.json")
    dataset = load_valid(tmp_path / "both.json")
    formats = [node["encodingFormat"] for node in document["distribution"] if node["@type"] == "cr:FileObject"]
    assert formats == ["text/csv", "application/zip", "application/x-netcdf"]
    assert dataset.metadata.license == ["https://spdx.org/licenses/GPL-2.0-only.html"]
    assert dataset.metadata.cite_as.startswith("@article{carney1999development_image,")
    assert dataset.metadata.creators[0].name == "Carney, T."
    assert dataset.metadata.date_published.year == 1999
    assert json.loads((tmp_path / "both.json").read_text()) == document


@pytest.mark.parametrize("identifier", ["modelfest.Carney1999", "herz.Rokem2006"])
@pytest.mark.parametrize("kind", ["stimulus_set", "assembly"])
def test_all_included_entries_are_accepted(identifier: str, kind: str, tmp_path: Path) -> None:
    brainio.export(identifier, tmp_path / "one.json", kind=kind)
    load_valid(tmp_path / "one.json")


def test_sounds_are_read_as_bytes(tmp_path: Path) -> None:
    brainio.export("herz.Rokem2006", tmp_path / "sounds.json", kind="stimulus_set")
    stimulus_set = brainio.get_stimulus_set("herz.Rokem2006")
    found = records_of(load_valid(tmp_path / "sounds.json"))
    assert len(found) == len(stimulus_set)
    for record in found:
        assert record["file_audio"] == stimulus_set.get_stimulus(record["stimulus_id"]).read_bytes()


def image(grey: int) -> bytes:
    body = io.BytesIO()
    Image.new("L", (2, 2), grey).save(body, "png")
    return body.getvalue()


@pytest.fixture
def lab_with_folders(lab: Lab) -> Lab:
    """A lab whose archive has folders and a file that no row names, and whose catalog gives only SHA-1 hashes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number, name in enumerate(["a/[1].png", "b/[1].png", "__MACOSX/a/._[1].png"]):
            file.writestr(name, image(number) if number < 2 else b"no picture")
    table = "image_id,filename,n\n007,a/[1].png,1\n008,b/[1].png,\n"
    lab.publish("stimulus_lab.csv", table.encode(), "StimulusSet")
    lab.publish("stimulus_lab.zip", archive.getvalue())
    return lab


def test_archives_may_have_folders_and_files_that_no_row_names(lab_with_folders: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    brainio.export("lab.Doe2026", folder / "c.json", with_files=True)
    records = records_of(load_valid(folder / "c.json"))
    assert [(record["filename"], record["n"], np.asarray(record["file_image"])[0, 0]) for record in records] == [
        ("a/[1].png", 1.0, 0),
        ("b/[1].png", None, 1),
    ]
    assert all(path.stat().st_mode & 0o200 for path in folder.rglob("*")), "cached files are read-only, copies are not"


@pytest.mark.filterwarnings("ignore:.* gives no sha256:brainio.errors.CatalogWarning")
def test_a_hash_missing_from_the_catalog_is_computed_from_the_cached_file(lab_with_folders: Lab) -> None:
    with pytest.warns(CatalogWarning, match=r"no sha256 for the csv file .* brainio get lab\.Doe2026"):
        document = brainio.export("lab.Doe2026")
    assert not any("sha256" in node for node in document["distribution"])
    assert "recordSet" not in document
    assert lab_with_folders.server.requests == [], "nothing is fetched"
    brainio.get_stimulus_set("lab.Doe2026")
    with warnings.catch_warnings():
        warnings.simplefilter("error", CatalogWarning)
        document = brainio.export("lab.Doe2026")
    body = lab_with_folders.server.objects["lab-bucket", "stimulus_lab.csv"]
    assert document["distribution"][0]["sha256"] == hashlib.sha256(body).hexdigest()
    url = f"{lab_with_folders.server.url}/lab-bucket/stimulus_lab.csv"  # where AWS_ENDPOINT_URL points
    assert document["distribution"][0]["contentUrl"] == url
    assert urllib.request.urlopen(url).read() == body


def test_a_version_of_s3_is_part_of_the_url_and_secrets_are_not(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = assembly_file(tmp_path)
    sha256 = hashlib.sha256(body).hexdigest()
    lab.publish("assy_a.nc", body, "NeuroidAssembly", "lab.A", sha256=sha256, version_id="v/1")
    location = "https://me:secret@lab.org/assy_b.nc?token=secret"
    lab.publish("assy_b.nc", body, "NeuroidAssembly", "lab.B", sha256=sha256, location=location, location_type="https")
    (node,) = brainio.export("lab.A")["distribution"]
    assert node["contentUrl"] == f"{lab.server.url}/lab-bucket/assy_a.nc?versionId=v%2F1"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    (node,) = brainio.export("lab.A")["distribution"]
    assert node["contentUrl"] == "https://lab-bucket.s3.amazonaws.com/assy_a.nc?versionId=v%2F1"
    assert "secret" not in json.dumps(brainio.export("lab.B"))


def test_without_the_table_the_fields_come_from_the_card(tmp_path: Path) -> None:
    source = Path(resolve("stimulus_set", SET).base)
    remote = tmp_path / "catalog"
    shutil.copytree(source / "cards", remote / "cards")
    lines = (source / "brainio_demo.csv").read_text().replace(",file,files/", ",S3,s3://lab-bucket/")
    (remote / "away.csv").write_text(lines)
    brainio.add_catalog(remote / "away.csv")
    far = brainio.export(SET, kind="stimulus_set", catalog="away")
    near = brainio.export(SET, kind="stimulus_set", catalog="brainio_demo")
    assert {field["@id"]: field["dataType"] for field in far["recordSet"][0]["field"]} == {
        field["@id"]: field["dataType"] for field in near["recordSet"][0]["field"]
    }
    (tmp_path / "far.json").write_text(json.dumps(far))
    load_valid(tmp_path / "far.json")


def test_the_context_is_that_of_the_standard() -> None:
    assert make_context(None) == CONTEXT


def test_invalid_arguments_raise_errors(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="'csv'; expected croissant"):
        brainio.export(SET, format="csv")
    with pytest.raises(ExchangeError, match="name its file"):
        brainio.export(SET, with_files=True)
    with pytest.raises(ExchangeError, match="folder that exists"):
        brainio.export(SET, tmp_path / "no" / "c.json")
    with pytest.raises(EntryLookupError):
        brainio.export("nobody.Knows")


def test_a_file_of_the_user_is_not_replaced_by_a_copy(tmp_path: Path) -> None:
    output = tmp_path / "exported" / "c.json"
    output.parent.mkdir()
    for _ in range(2):
        brainio.export(SET, output, kind="assembly", with_files=True)
    (copy,) = output.parent.glob("*.nc")
    copy.write_text("mine")
    with pytest.raises(ExchangeError, match="exists with other content; move it away"):
        brainio.export(SET, output, kind="assembly", with_files=True)
    assert copy.read_text() == "mine"
    assert sorted(path.name for path in output.parent.iterdir()) == [copy.name, output.name]


def test_the_command_writes_to_a_file_or_to_stdout(tmp_path: Path) -> None:
    done = command("export", SET, "--format", "croissant", "-o", str(tmp_path / "c.json"), "--with-files")
    assert done.returncode == 0, done.stderr
    load_valid(tmp_path / "c.json")
    printed = json.loads(command("export", SET, "--kind", "assembly").stdout)
    assert printed["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert command("export", SET, "--with-files").returncode == 2
    assert command("export", "nobody.Knows").returncode == 3


def test_names_that_mlcroissant_refuses_as_ids_are_accepted(lab: Lab, tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("one two.png", image(7))
    table = "stimulus_id,filename,mean rate,mean_rate,file_image\na,one two.png,1,2,x\n"
    lab.publish("my table.csv", table.encode(), "StimulusSet")
    lab.publish("my pictures.zip", archive.getvalue())
    brainio.export("lab.Doe2026", tmp_path / "c.json", with_files=True)
    (found,) = records_of(load_valid(tmp_path / "c.json"))
    assert np.asarray(found.pop("file_image_"))[0, 0] == 7
    assert list(found.values()) == ["a", "one two.png", 1, 2, "x"]


@pytest.mark.parametrize(
    ("identifier", "kind", "version"),
    [
        ("dicarlo.MajajHong2015.public", "assembly", None),
        ("hvm", "stimulus_set", None),
        ("Zerbe2026_fmri_stim_full", "stimulus_set", None),
        ("klab.Zhang2018search_obj_array", "assembly", "1"),
        ("Blank2014.fROI", "assembly", None),
    ],
)
def test_published_entries_without_a_sha256_are_accepted_and_state_their_sha1(
    identifier: str, kind: str, version: str | None, tmp_path: Path
) -> None:
    with pytest.warns(CatalogWarning, match="cannot verify it"):
        document = brainio.export(identifier, tmp_path / "one.json", kind=kind, version=version)
    load_valid(tmp_path / "one.json")
    assert document["isLiveDataset"] is True
    for file in resolve(kind, identifier, version=version).files:
        assert not file.sha1 or any(f"SHA-1 {file.sha1}" in node["description"] for node in document["distribution"])


def test_entries_with_a_sha256_are_not_live_data_sets(tmp_path: Path) -> None:
    assert "isLiveDataset" not in brainio.export(SET, tmp_path / "one.json")
