"""The JSON API: catalogs, entries page by page, filters, conditional requests and compression."""

import csv
import gzip
import hashlib
import json
from pathlib import Path

import pytest

from brainio.catalogs import list_assemblies, list_stimulus_sets, resolution
from brainio.service import schemas
from brainio.service.access import Access, AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.database import Database
from brainio.service.settings import read_settings
from brainio.service.snapshots import CatalogWatcher
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, all_pages, make_lab

ENTRY = f"/api/v1/entries/lab/stimulus_set/{CARNEY}"
PATHS = [
    *("/api/v1", "/api/v1/catalogs", "/api/v1/catalogs/lab", "/api/v1/entries", ENTRY, "/catalogs/lab"),
    f"/api/v1/history/lab/stimulus_set/{CARNEY}",
    f"/api/v1/cards/lab/stimulus_set/{CARNEY}",
    f"/api/v1/files/lab/stimulus_set/zip/{CARNEY}",
    "/api/v1/search?q=thresholds",
    "/api/v1/catalogs/lab/changes",
    "/catalogs/lab/publications.csv",
    "/api/v1/openapi.json",
]


def test_the_start_of_the_api_links_to_all_its_parts(service: ServiceProcess) -> None:
    start = service.get("/api/v1").json()
    assert all(service.get(start[name]).status_code == 200 for name in ("catalogs", "entries", "search", "openapi"))


def test_the_list_of_catalogs_has_their_numbers_of_entries(service: ServiceProcess) -> None:
    catalogs = {catalog["catalog"]: catalog for catalog in service.get("/api/v1/catalogs").json()["catalogs"]}
    assert sorted(catalogs) == ["brainio_demo", "brainscore", "lab"]
    lab = catalogs["lab"]
    assert (lab["stimulus_sets"], lab["assemblies"], lab["available"]) == (2, 2, True)
    assert service.get(lab["url"]).json() == lab


def test_pages_contain_every_entry_once_in_order(service: ServiceProcess) -> None:
    listed = all_pages(service, "entries", "/api/v1/entries?limit=7&catalog=brainscore")
    keys = [(entry["identifier"], entry["kind"]) for entry in listed]
    assert keys == sorted(set(keys))
    whole = all_pages(service, "entries", "/api/v1/entries?limit=1000&catalog=brainscore")
    assert whole == listed
    assert {entry["identifier"] for entry in whole if entry["kind"] == "assembly"} <= set(list_assemblies())
    assert {entry["identifier"] for entry in whole if entry["kind"] == "stimulus_set"} <= set(list_stimulus_sets())


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
def test_a_filter_returns_exactly_the_matching_entries(
    service: ServiceProcess, query: str, field: str, value: str
) -> None:
    every = all_pages(service, "entries", "/api/v1/entries?limit=500")
    filtered = all_pages(service, "entries", f"/api/v1/entries?limit=3&{query}")
    assert filtered
    assert filtered == [entry for entry in every if entry[field] == value]


def test_an_entry_has_files_publications_users_and_history(service: ServiceProcess, lab_catalog: Path) -> None:
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


@pytest.mark.parametrize("path", PATHS)
def test_an_unchanged_answer_gets_a_304(service: ServiceProcess, path: str) -> None:
    first = service.get(path)
    assert first.status_code == 200
    again = service.get(path, If_None_Match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert service.get(path, If_None_Match='"another"').content == first.content


@pytest.mark.parametrize("path", PATHS)
def test_head_has_the_headers_of_get(service: ServiceProcess, path: str) -> None:
    get, head = service.get(path), service.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag"):
        assert head.headers[name] == get.headers[name]


def test_json_is_compressed_on_request_and_has_another_etag(service: ServiceProcess) -> None:
    with service.client.stream("GET", ENTRY, headers={"Accept-Encoding": "gzip"}) as compressed:
        assert compressed.headers["content-encoding"] == "gzip"
        body = gzip.decompress(b"".join(compressed.iter_raw()))
    plain = service.get(ENTRY, Accept_Encoding="identity")
    assert body == plain.content
    assert compressed.headers["etag"] != plain.headers["etag"]
    refused = service.get(ENTRY, Accept_Encoding="gzip;q=0, identity")
    assert "content-encoding" not in refused.headers
    assert service.get(ENTRY, Accept_Encoding="gzip", If_None_Match=plain.headers["etag"]).status_code == 304


def test_an_unlisted_stimulus_set_is_reported_without_a_scan_of_all_identifiers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab(tmp_path / "lab")
    lab.write_text(lab.read_text().replace(f",{CARNEY},,", ",lab.Nowhere,,"))
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab))
    monkeypatch.delattr(resolution, "_not_found")  # scans them for suggestions
    settings = read_settings()
    database = Database(settings.database)
    watcher = CatalogWatcher(settings, ChangeLog(database), AccessControl(settings, database))
    watcher.refresh()
    entry = watcher.snapshot.catalogs["lab"].listing.entries["assembly", CARNEY]
    details = schemas.entry_details(watcher.snapshot, entry, Access(), [])
    assert (details.stimulus_set_identifier, details.stimulus_set) == ("lab.Nowhere", None)


def test_the_address_of_a_first_version_without_a_version_text_leads_to_it(tmp_path: Path) -> None:
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
        versions = {version["version"]: version for version in entry["versions"]}
        assert (sorted(versions), entry["version"]) == (["", "2"], "2")
        for version in versions.values():
            record = service.get(version["url"]).json()
            assert (record["version"], record["files"]) == (version["version"], version["files"])
            [file] = version["files"]
            assert hashlib.sha1(service.get(file["url"]).content).hexdigest() == file["sha1"]
