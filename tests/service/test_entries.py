"""Promises of the JSON interface: what it tells of catalogs and entries, page by page, and how it answers again."""

import csv
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from brainio.catalogs import list_assemblies, list_stimulus_sets, resolution
from brainio.service import schemas
from brainio.service.access import Access, AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.database import Database
from brainio.service.settings import read_settings
from brainio.service.snapshots import CatalogWatcher
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, make_lab

ENTRY = f"/api/v1/entries/lab/stimulus_set/{CARNEY}"
READABLE = [
    *("/api/v1", "/api/v1/catalogs", "/api/v1/catalogs/lab", "/api/v1/entries", ENTRY, "/catalogs/lab"),
    f"/api/v1/history/lab/stimulus_set/{CARNEY}",
    f"/api/v1/cards/lab/stimulus_set/{CARNEY}",
    f"/api/v1/files/lab/stimulus_set/zip/{CARNEY}",
    "/api/v1/search?q=thresholds",
    "/api/v1/catalogs/lab/changes",
    "/catalogs/lab/publications.csv",
    "/api/v1/openapi.json",
]


def everything(service: ServiceProcess, path: str) -> list[dict[str, Any]]:
    found, following = [], path
    while following:
        page = service.get(following).raise_for_status().json()
        found += page["entries"]
        following = page["next"]
    return found


def test_the_start_leads_to_everything(service: ServiceProcess) -> None:
    start = service.get("/api/v1").json()
    assert all(service.get(start[name]).status_code == 200 for name in ("catalogs", "entries", "search", "openapi"))


def test_catalogs_say_how_much_they_list(service: ServiceProcess) -> None:
    catalogs = {one["catalog"]: one for one in service.get("/api/v1/catalogs").json()["catalogs"]}
    assert sorted(catalogs) == ["brainio_demo", "brainscore", "lab"]
    assert (catalogs["lab"]["stimulus_sets"], catalogs["lab"]["assemblies"], catalogs["lab"]["available"]) == (
        2,
        2,
        True,
    )
    assert service.get(catalogs["lab"]["url"]).json() == catalogs["lab"]


def test_pages_give_every_entry_once_in_order(service: ServiceProcess) -> None:
    listed = everything(service, "/api/v1/entries?limit=7&catalog=brainscore")
    keys = [(one["identifier"], one["kind"]) for one in listed]
    assert keys == sorted(set(keys))
    whole = everything(service, "/api/v1/entries?limit=1000&catalog=brainscore")
    assert whole == listed
    names = {kind: {one["identifier"] for one in whole if one["kind"] == kind} for kind in ("assembly", "stimulus_set")}
    assert names["assembly"] <= set(list_assemblies())
    assert names["stimulus_set"] <= set(list_stimulus_sets())


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ("kind=assembly", "kind", "assembly"),
        ("class=StimulusSet", "class", "StimulusSet"),
        ("catalog=lab", "catalog", "lab"),
        ("status=current", "status", "current"),
        (f"stimulus_set={CARNEY}", "stimulus_set_identifier", CARNEY),
        ("publication=carney1999", "publication", "carney1999"),
    ],
)
def test_a_filter_gives_those_entries_and_all_of_them(
    service: ServiceProcess, query: str, field: str, value: str
) -> None:
    every = everything(service, "/api/v1/entries?limit=500")
    found = everything(service, f"/api/v1/entries?limit=3&{query}")
    assert found
    assert found == [one for one in every if one[field] == value]


def test_an_entry_says_all_that_is_known_of_it(service: ServiceProcess, lab_catalog: Path) -> None:
    entry = service.get(ENTRY).json()
    assert entry["class"] == "StimulusSet"
    assert [file["part"] for file in entry["files"]] == ["csv", "zip"]
    for file in entry["files"]:
        body = service.get(file["url"]).content
        assert (len(body), hashlib.sha256(body).hexdigest()) == (file["size"], file["sha256"])
    (paper,) = entry["publications"]
    assert (paper["year"], paper["volume"], paper["pages"], paper["number"]) == ("1999", "3644", "542-551", "")
    assert [(user["catalog"], user["identifier"]) for user in entry["used_by"]] == [("lab", CARNEY)]
    assembly = service.get(entry["used_by"][0]["url"]).json()
    assert assembly["stimulus_set"]["url"] == entry["url"]
    assert service.get(assembly["card"]).json()["class"] == "BehavioralAssembly"
    assert assembly["load"] == f"brainio.get_assembly('{CARNEY}')"
    assert service.get(entry["history"]).json()["versions"] == entry["versions"]
    assert str(lab_catalog.parent) not in json.dumps([entry, assembly])


@pytest.mark.parametrize("path", READABLE)
def test_what_a_client_has_is_not_sent_again(service: ServiceProcess, path: str) -> None:
    first = service.get(path)
    assert first.status_code == 200
    again = service.get(path, If_None_Match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert service.get(path, If_None_Match='"another"').content == first.content


@pytest.mark.parametrize("path", READABLE)
def test_head_says_what_get_would(service: ServiceProcess, path: str) -> None:
    got, asked = service.get(path), service.client.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("content-length", "content-type", "etag"):
        assert asked.headers[name] == got.headers[name]


def test_json_is_packed_for_those_who_read_that_and_the_tags_tell(service: ServiceProcess) -> None:
    with service.client.stream("GET", ENTRY, headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        body = gzip.decompress(b"".join(packed.iter_raw()))
    plain = service.get(ENTRY, Accept_Encoding="identity")
    assert body == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    refused = service.get(ENTRY, Accept_Encoding="gzip;q=0, identity")
    assert "content-encoding" not in refused.headers
    assert service.get(ENTRY, Accept_Encoding="gzip", If_None_Match=plain.headers["etag"]).status_code == 304


def test_search_pages_through_all_hits_and_counts_by_facet(service: ServiceProcess) -> None:
    first = service.get("/api/v1/search?q=macaque&region=IT&limit=5").json()
    found, page = list(first["hits"]), first
    while page["next"]:
        page = service.get(page["next"]).json()
        found += page["hits"]
    assert len(found) == first["total"] == len({hit["url"] for hit in found})
    assert first["facets"]["region"]["IT"] == first["total"]
    assert all(service.get(hit["url"]).status_code == 200 for hit in found[:5])


def test_an_entry_of_stimuli_that_nobody_lists_is_told_without_looking_through_all_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab(tmp_path / "lab")
    lab.write_text(lab.read_text().replace(f",{CARNEY},,", ",lab.Nowhere,,"))
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab))
    monkeypatch.delattr(resolution, "_not_found")  # which looks through them
    settings = read_settings()
    database = Database(settings.database)
    holdings = CatalogWatcher(settings, ChangeLog(database), AccessControl(settings, database))
    holdings.refresh()
    now = holdings.snapshot
    told = schemas.entry_details(now, now.catalogs["lab"].listing.entries["assembly", CARNEY], Access(), [])
    assert (told.stimulus_set_identifier, told.stimulus_set) == ("lab.Nowhere", None)


def test_addresses_of_a_first_version_without_a_name_lead_to_it(tmp_path: Path) -> None:
    catalog = make_lab(tmp_path / "lab")
    rows = list(csv.DictReader(catalog.open(newline="")))
    [old] = [row for row in rows if (row["identifier"], row["lookup_type"]) == (CARNEY, "assembly")]
    [other] = [row for row in rows if (row["identifier"], row["lookup_type"]) == (ROKEM, "assembly")]
    new = other | {"identifier": CARNEY, "version": "2", "card": ""}
    old["status"] = "superseded"
    with catalog.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "version", "status"], restval="")
        writer.writeheader()
        writer.writerows([*rows, new])
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(catalog)) as service:
        entry = service.get(f"/api/v1/entries/lab/assembly/{CARNEY}").json()
        versions = {one["version"]: one for one in entry["versions"]}
        assert (sorted(versions), entry["version"]) == (["", "2"], "2")
        for version in versions.values():
            record = service.get(version["url"]).json()
            assert (record["version"], record["files"]) == (version["version"], version["files"])
            [file] = version["files"]
            assert hashlib.sha1(service.get(file["url"]).content).hexdigest() == file["sha1"]
