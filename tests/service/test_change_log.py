"""The change feed: each change of a catalog once, cursors that survive a restart, and errors without a database."""

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from brainio.catalogs import append_rows
from brainio.catalogs.entries import Entry, Listing
from brainio.errors import DatabaseAwayError
from brainio.service.change_log import ChangeCursor, ChangeLog
from brainio.service.database import Database
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


def changes_since(service: ServiceProcess, cursor: str, **query: int) -> tuple[list[tuple[str, str, str]], str]:
    """Return the changes since a cursor on all pages, and the cursor after them."""
    changes, more = [], True
    while more:
        page: dict[str, Any] = service.client.get(CHANGES, params={"since": cursor, **query}).raise_for_status().json()
        changes += [(change["change"], change["kind"], change["identifier"]) for change in page["changes"]]
        cursor, more = page["cursor"], page["more"]
    return changes, cursor


def test_each_added_changed_and_removed_entry_is_reported_once(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        cursor = service.get(CHANGES).json()["cursor"]
        assert changes_since(service, cursor) == ([], cursor)
        entry = f"/api/v1/entries/lab/assembly/{CARNEY}"
        tag = service.get(entry).headers["etag"]
        append_rows(lab, [new_row("lab.New1"), new_row("lab.New2")])
        service.wait_until(lambda: service.get("/api/v1/entries/lab/assembly/lab.New2").status_code == 200)
        assert service.get(entry).headers["etag"] == tag
        lines = lab.read_text().splitlines(keepends=True)
        lab.write_text("".join(line.replace("GPL-2.0-only", "MIT") for line in lines if "lab.New1" not in line))
        service.wait_until(lambda: service.get(entry).headers["etag"] != tag)
        assert service.get(entry).json()["license"] == "MIT"
        expected = [("added", "assembly", "lab.New2"), ("changed", "assembly", CARNEY)]
        changes, after = changes_since(service, cursor)
        assert set(expected) <= set(changes)
        assert ("added", "assembly", "lab.New1") not in changes
        assert sorted(changes_since(service, cursor, limit=1)[0]) == sorted(changes)
        assert changes_since(service, after) == ([], after)
        lab.write_text("".join(line for line in lines if not line.startswith(CARNEY)))
        service.wait_until(lambda: service.get(entry).status_code == 404)
        changes, _ = changes_since(service, after)
        assert ("removed", "assembly", CARNEY) in changes
        assert service.get("/catalogs/lab").text.count(CARNEY) == 0


def test_cursors_stay_valid_after_a_restart_with_the_same_database(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        cursor = service.get(CHANGES).json()["cursor"]
    append_rows(lab, [new_row("lab.New1")])
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        assert changes_since(service, cursor)[0] == [("added", "assembly", "lab.New1")]
    shutil.rmtree(tmp_path / "served" / "service")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        answer = service.client.get(CHANGES, params={"since": cursor})
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "cursor_expired")


def listing_of(**licenses: str) -> Listing:
    entries = {name: Entry("lab", "assembly", name, (), license=license_) for name, license_ in licenses.items()}
    return Listing("lab", entries={("assembly", name): entry for name, entry in entries.items()})


@pytest.fixture
def change_log(database: str) -> ChangeLog:
    return ChangeLog(Database(database))


def test_changes_since_any_cursor_lead_to_the_current_state(change_log: ChangeLog) -> None:
    states = [{"a": "1"}, {"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"b": "1"}, {"b": "1"}, {"a": "3", "c": "1"}]
    cursors = []
    for state in states:
        change_log.record("lab", listing_of(**state))
        changes = change_log.since("lab", None, 10)
        assert changes is not None
        cursors.append(changes[1])
    assert cursors[3] == cursors[4]
    for state, cursor in zip(states, cursors, strict=True):
        changes = change_log.since("lab", cursor, 10)
        assert changes is not None
        names = set(state)
        for change, _, name in changes[0]:
            if change == "removed":
                names.remove(name)
            else:
                names.add(name)
        assert names == {"a", "c"}


def test_a_cursor_of_another_database_is_unknown(change_log: ChangeLog) -> None:
    change_log.record("lab", listing_of(a="1"))
    assert change_log.since("lab", ChangeCursor("another", 0, 0), 10) is None
    with pytest.raises(DatabaseAwayError, match="no revision of catalog 'other'"):
        change_log.since("other", None, 10)


def test_without_a_database_only_changes_and_files_are_unavailable(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "service").write_text("in the way")
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        assert service.get("/catalogs/lab").status_code == 200
        answer = service.get(CHANGES)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_away")
        assert str(tmp_path) not in answer.text
        assert service.get("/healthz").json()["database"] == "away"
        file = service.get(f"/api/v1/files/lab/assembly/nc/{CARNEY}")  # it may be under embargo
        assert (file.status_code, file.json()["error"]["code"]) == (503, "database_away")
        assert service.get(f"/api/v1/entries/lab/assembly/{CARNEY}").json()["files"][0]["location"] is None
        assert service.stop(signal.SIGINT) == 0
