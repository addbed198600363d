"""Promises for what changes while the service runs: it is seen, told, and survived."""

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from brainio.catalogs import append_rows, deprecate, registry
from brainio.catalogs.entries import Entry
from brainio.catalogs.listing import Listing
from brainio.errors import DatabaseAwayError
from brainio.service.change_log import ChangeCursor, ChangeLog
from brainio.service.database import Database
from tests.servers import HttpFolder
from tests.service.service_process import CARNEY, ServiceProcess, make_lab

CHANGES = "/api/v1/catalogs/lab/changes"


def new_row(identifier: str) -> dict[str, str]:
    return {
        "identifier": identifier,
        "lookup_type": "assembly",
        "class": "NeuroidAssembly",
        "location_type": "",
        "location": f"files/{identifier}.nc",
        "sha1": "",
        "stimulus_set_identifier": "",
    }


def told(service: ServiceProcess, cursor: str, **query: int) -> tuple[list[tuple[str, str, str]], str]:
    """Return all changes since a cursor, by however many pages, and the cursor behind them."""
    found, more = [], True
    while more:
        page: dict[str, Any] = service.client.get(CHANGES, params={"since": cursor, **query}).raise_for_status().json()
        found += [(one["change"], one["kind"], one["identifier"]) for one in page["changes"]]
        cursor, more = page["cursor"], page["more"]
    return found, cursor


def test_what_is_added_changed_and_removed_is_told_once(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        cursor = service.get(CHANGES).json()["cursor"]
        assert told(service, cursor) == ([], cursor)
        entry = f"/api/v1/entries/lab/assembly/{CARNEY}"
        tag = service.get(entry).headers["etag"]
        append_rows(lab, [new_row("lab.New1"), new_row("lab.New2")])
        service.eventually(lambda: service.get("/api/v1/entries/lab/assembly/lab.New2").status_code == 200)
        assert service.get(entry).headers["etag"] == tag
        lines = lab.read_text().splitlines(keepends=True)
        lab.write_text("".join(line.replace("GPL-2.0-only", "MIT") for line in lines if "lab.New1" not in line))
        service.eventually(lambda: service.get(entry).headers["etag"] != tag)
        assert service.get(entry).json()["license"] == "MIT"
        expected = [("added", "assembly", "lab.New2"), ("changed", "assembly", CARNEY)]
        changes, after = told(service, cursor)
        assert set(expected) <= set(changes)
        assert ("added", "assembly", "lab.New1") not in changes
        assert sorted(told(service, cursor, limit=1)[0]) == sorted(changes)
        assert told(service, after) == ([], after)
        lab.write_text("".join(line for line in lines if not line.startswith(CARNEY)))
        service.eventually(lambda: service.get(entry).status_code == 404)
        changes, _ = told(service, after)
        assert ("removed", "assembly", CARNEY) in changes
        assert service.get("/catalogs/lab").text.count(CARNEY) == 0


def test_cursors_are_good_after_a_restart(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        cursor = service.get(CHANGES).json()["cursor"]
    append_rows(lab, [new_row("lab.New1")])
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        assert told(service, cursor)[0] == [("added", "assembly", "lab.New1")]
    shutil.rmtree(tmp_path / "served" / "service")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        answer = service.client.get(CHANGES, params={"since": cursor})
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "cursor_expired")


def test_a_catalog_that_went_away_is_served_as_it_was(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        csv = service.get("/catalogs/lab").content
        lab.unlink()
        service.eventually(lambda: not service.get("/api/v1/catalogs/lab").json()["available"])
        assert service.get("/catalogs/lab").content == csv
        assert service.get(f"/api/v1/entries/lab/assembly/{CARNEY}").status_code == 200
        assert service.get("/healthz/ready").json()["catalogs"] == {"ok": 2, "stale": 1, "away": 0}
        lab.write_bytes(csv)
        service.eventually(lambda: service.get("/api/v1/catalogs/lab").json()["available"])


def test_a_catalog_that_was_never_read_is_a_503_and_others_are_served(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(tmp_path / "private" / "lab.csv")) as service:
        for path in ("/catalogs/lab", "/api/v1/entries/lab/assembly/x", "/api/v1/entries?catalog=lab", CHANGES):
            answer = service.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "catalog_away")
            assert int(answer.headers["retry-after"]) > 0
            assert str(tmp_path) not in answer.text
        assert not service.get("/api/v1/catalogs/lab").json()["available"]
        assert service.get("/catalogs/brainio_demo").status_code == 200
        assert service.get("/api/v1/search?q=modelfest").json()["total"] == 2


def test_a_catalog_elsewhere_is_read_again_and_passed_on(tmp_path: Path, http_folder: HttpFolder) -> None:
    lab = make_lab(http_folder.folder / "data")
    settings = {"BRAINIO_SERVE_REMOTE_REFRESH_SECONDS": "0.2"}
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=f"{http_folder.url}/data/lab.csv", **settings) as service:
        file = service.get(f"/api/v1/files/lab/assembly/nc/{CARNEY}")
        assert (file.status_code, file.headers["location"].startswith(http_folder.url)) == (302, True)
        append_rows(lab, [new_row("lab.New1")])
        service.eventually(lambda: service.get("/api/v1/entries/lab/assembly/lab.New1").status_code == 200)


def listing_of(**licenses: str) -> Listing:
    entries = {name: Entry("lab", "assembly", name, (), license=one) for name, one in licenses.items()}
    return Listing("lab", entries={("assembly", name): entry for name, entry in entries.items()})


@pytest.fixture
def seen(database: str) -> ChangeLog:
    return ChangeLog(Database(database))


def test_changes_add_up_over_many_states(seen: ChangeLog) -> None:
    states = [{"a": "1"}, {"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"b": "1"}, {"b": "1"}, {"a": "3", "c": "1"}]
    marks = []
    for state in states:
        seen.record("lab", listing_of(**state))
        found = seen.since("lab", None, 10)
        assert found is not None
        marks.append(found[1])
    assert marks[3] == marks[4]
    for before, mark in zip(states, marks, strict=True):
        found = seen.since("lab", mark, 10)
        assert found is not None
        have = dict.fromkeys(before)
        for change, _, name in found[0]:
            if change == "removed":
                del have[name]
            else:
                have[name] = None
        assert set(have) == {"a", "c"}


def test_a_mark_of_another_history_is_unknown(seen: ChangeLog) -> None:
    seen.record("lab", listing_of(a="1"))
    assert seen.since("lab", ChangeCursor("another", 0, 0), 10) is None
    with pytest.raises(DatabaseAwayError, match="no revision of catalog 'other'"):
        seen.since("other", None, 10)


def test_where_nothing_can_be_kept_all_else_is_served(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "service").write_text("in the way")
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        assert service.get("/catalogs/lab").status_code == 200
        answer = service.get(CHANGES)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_away")
        assert str(tmp_path) not in answer.text
        assert service.get("/healthz").json()["database"] == "away"
        file = service.get(f"/api/v1/files/lab/assembly/nc/{CARNEY}")  # it may be under embargo: nobody knows
        assert (file.status_code, file.json()["error"]["code"]) == (503, "database_away")
        assert service.get(f"/api/v1/entries/lab/assembly/{CARNEY}").json()["files"][0]["location"] is None
        assert service.stop(signal.SIGINT) == 0


def test_a_deprecated_entry_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = make_lab(tmp_path / "lab")
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab))
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        entry = f"/api/v1/entries/lab/assembly/{CARNEY}"
        assert service.get(entry).json()["status"] == "current"
        assert registry.listing("lab").entries
        deprecate(CARNEY, "Two are swapped.", kind="assembly")
        service.eventually(lambda: service.get(entry).json()["status"] == "deprecated")
        assert service.get(service.get(entry).json()["card"]).json()["status_reason"] == "Two are swapped."
