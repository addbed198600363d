"""Cards next to a catalog: only the rows of their entry name them, and rebuilding loses no facts."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainio.assemblies import NeuroidAssembly
from brainio.cards import add_card, build_card, compute_card, get_writable_catalog, write_card
from brainio.catalogs import Entry, add_catalog, append_rows, resolve
from brainio.catalogs.cards import read_card
from brainio.catalogs.csv_format import read_rows
from brainio.errors import CatalogError, EntryStatusWarning, PackagingError
from brainio.packaging import package_stimulus_set, write_netcdf
from brainio.stimuli import StimulusSet
from tests.cards.examples import recording, stimuli
from tests.servers import MotoS3


def row(path: Path, identifier: str, **columns: str) -> dict[str, str]:
    """Write a recording and return its row; the version is added to the values of the example."""
    path.parent.mkdir(exist_ok=True)
    values = recording() + int(columns.get("version", 0))
    values.attrs = {}
    write_netcdf(values, path)
    own = {
        "identifier": identifier,
        "lookup_type": "assembly",
        "class": "NeuroidAssembly",
        "location_type": "file",
        "location": path.name,
        "sha1": hashlib.sha1(path.read_bytes()).hexdigest(),
        "stimulus_set_identifier": "",
    }
    return own | {"license": "CC-BY-4.0"} | columns


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """An active catalog with two assemblies, one of which has two versions."""
    path = tmp_path / "lab" / "lab.csv"
    first = row(path.parent / "a.nc", "lab.Doe2026", status="superseded")
    append_rows(path, [first, row(path.parent / "b.nc", "lab.Doe2026", version="2")])
    append_rows(path, [row(path.parent / "c.nc", "lab.Roe2026")])
    add_catalog(path)
    return path


def two_images(folder: Path) -> StimulusSet:
    """Return two similar images, with the path of a third file that no row names."""
    images = stimuli(folder / "images").iloc[:2]
    Image.new("RGB", (20, 30)).save(folder / "images" / "b.png")
    images.stimulus_paths["b"] = folder / "images" / "b.png"
    return images


def build_and_add(catalog: Path, *key: str) -> str:
    return add_card(build_card(entry(*key)), catalog)


def entry(identifier: str = "lab.Roe2026", version: str | None = None) -> Entry:
    return resolve("assembly", identifier, version=version)


def rows(catalog: Path) -> list[dict[str, str]]:
    return [row for _, row in read_rows(catalog.read_text(encoding="utf-8"), str(catalog))]


def test_a_card_is_added_to_its_entry_and_no_other(catalog: Path) -> None:
    location = build_and_add(catalog)
    assert location == "cards/assembly/lab.Roe2026.json"
    assert read_card(entry()) == json.loads((catalog.parent / location).read_bytes()) == build_card(entry())
    assert read_card(entry())["license"] == "CC-BY-4.0"
    assert [row["card"] for row in rows(catalog)] == ["", "", location]


def test_both_rows_of_a_stimulus_set_name_its_card(catalog: Path, tmp_path: Path) -> None:
    images = two_images(tmp_path)
    package_stimulus_set(catalog, images, "lab.Doe2026", bucket_name=tmp_path / "lab" / "files")
    listed = resolve("stimulus_set", "lab.Doe2026")
    location = add_card(build_card(listed), catalog)
    assert [row["card"] for row in rows(catalog) if row["lookup_type"] == "stimulus_set"] == [location, location]
    assert read_card(resolve("stimulus_set", "lab.Doe2026"))["images"]["count"] == 2


def test_a_package_has_the_card_of_the_packaged_data(catalog: Path, tmp_path: Path) -> None:
    images = two_images(tmp_path)
    package_stimulus_set(catalog, images, "lab.Doe2026", bucket_name=tmp_path / "lab" / "files")
    assert compute_card(images) == build_card(resolve("stimulus_set", "lab.Doe2026"))


def test_a_rebuilt_card_keeps_stated_facts(catalog: Path) -> None:
    facts = {"species": ["Macaca mulatta"], "authors": [{"name": "Jane Doe"}], "license": "MIT"}
    build_and_add(catalog)
    write_card(compute_card(recording(), identifier="lab.Roe2026", facts=facts), catalog.parent)
    build_and_add(catalog)
    card = read_card(entry())
    assert (card["species"], card["authors"]) == (facts["species"], facts["authors"])
    assert card["license"] == "CC-BY-4.0", "the catalog determines the licence"


def test_building_twice_changes_nothing(catalog: Path) -> None:
    location = catalog.parent / build_and_add(catalog)
    before = catalog.read_bytes(), location.read_bytes()
    build_and_add(catalog)
    assert (catalog.read_bytes(), location.read_bytes()) == before


def test_versions_have_separate_cards(catalog: Path) -> None:
    assert build_and_add(catalog, "lab.Doe2026", "2") == "cards/assembly/lab.Doe2026@2.json"
    with pytest.warns(EntryStatusWarning, match="superseded"):
        assert build_and_add(catalog, "lab.Doe2026", "") == "cards/assembly/lab.Doe2026.json"
    means = [read_card(entry("lab.Doe2026", version))["values"]["mean"] for version in ("", "2")]
    assert means[1] == pytest.approx(means[0] + 2, rel=1e-4)


def test_a_card_of_an_unlisted_entry_is_refused(catalog: Path) -> None:
    before = catalog.read_bytes()
    with pytest.raises(CatalogError, match=r"lists no assembly 'lab\.Roe2026' of version '3'"):
        add_card(compute_card(recording(), identifier="lab.Roe2026", version="3"), catalog)
    assert catalog.read_bytes() == before
    assert not list(catalog.parent.rglob("lab.Roe2026*.json"))


def test_a_catalog_on_s3_stores_cards(moto_s3: MotoS3, tmp_path: Path) -> None:
    import boto3

    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="lab-bucket")
    append_rows(tmp_path / "remote.csv", [row(tmp_path / "a.nc", "lab.Roe2026", location="a.nc")])
    for name in ("remote.csv", "a.nc"):
        client.upload_file(str(tmp_path / name), "lab-bucket", f"lab/{name}")
    add_catalog("s3://lab-bucket/lab/remote.csv")
    add_card(build_card(entry()), get_writable_catalog("remote"))
    assert read_card(entry())["shape"] == [24, 5, 3]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_catalog_is_refused(catalog: Path) -> None:
    catalog.chmod(0o444)
    with pytest.raises(CatalogError, match="is not writable"):
        get_writable_catalog("lab")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "a\nb", "x" * 300])
def test_a_card_never_leaves_its_folder(name: str, tmp_path: Path) -> None:
    card = compute_card(recording(), version="2", identifier="lab.Doe2026") | {"identifier": name}
    with pytest.raises(CatalogError, match="cannot be part of the file name of a card"):
        write_card(card, tmp_path)
    assert list(tmp_path.rglob("*.json")) == []


def test_a_card_that_readers_would_refuse_is_not_written(tmp_path: Path) -> None:
    card = compute_card(recording(), facts={"citation": "x" * 2**20})
    with pytest.raises(CatalogError, match="readers accept at most"):
        write_card(card, tmp_path)


def test_invalid_facts_are_refused_before_a_card_is_computed() -> None:
    with pytest.raises(PackagingError, match="'specie' is not a fact"):
        compute_card(NeuroidAssembly(np.zeros((1, 1)), dims=["presentation", "neuroid"]), facts={"specie": "x"})
