"""Snapshots of catalogs: the service follows their changes, and serves the last one while a catalog is unavailable."""

from pathlib import Path

import pytest

from brainio.catalogs import append_rows, deprecate, registry
from tests.servers import HttpFolder
from tests.service.service_process import CARNEY, ServiceProcess, make_lab
from tests.service.test_change_log import CHANGES, new_row


def test_an_unavailable_catalog_is_served_from_its_last_snapshot(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        csv = service.get("/catalogs/lab").content
        lab.unlink()
        service.wait_until(lambda: not service.get("/api/v1/catalogs/lab").json()["available"])
        assert service.get("/catalogs/lab").content == csv
        assert service.get(f"/api/v1/entries/lab/assembly/{CARNEY}").status_code == 200
        assert service.get("/healthz/ready").json()["catalogs"] == {"ok": 2, "stale": 1, "away": 0}
        lab.write_bytes(csv)
        service.wait_until(lambda: service.get("/api/v1/catalogs/lab").json()["available"])


def test_a_catalog_that_was_never_read_gets_a_503_while_others_are_served(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(tmp_path / "private" / "lab.csv")) as service:
        for path in ("/catalogs/lab", "/api/v1/entries/lab/assembly/x", "/api/v1/entries?catalog=lab", CHANGES):
            answer = service.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "catalog_away")
            assert int(answer.headers["retry-after"]) > 0
            assert str(tmp_path) not in answer.text
        assert not service.get("/api/v1/catalogs/lab").json()["available"]
        assert service.get("/catalogs/brainio_demo").status_code == 200
        assert service.get("/api/v1/search?q=modelfest").json()["total"] == 2


def test_a_remote_catalog_is_read_again_and_its_files_are_redirected_to(
    tmp_path: Path, http_folder: HttpFolder
) -> None:
    lab = make_lab(http_folder.folder / "data")
    settings = {"BRAINIO_SERVE_REMOTE_REFRESH_SECONDS": "0.2"}
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=f"{http_folder.url}/data/lab.csv", **settings) as service:
        file = service.get(f"/api/v1/files/lab/assembly/nc/{CARNEY}")
        assert (file.status_code, file.headers["location"].startswith(http_folder.url)) == (302, True)
        append_rows(lab, [new_row("lab.New1")])
        service.wait_until(lambda: service.get("/api/v1/entries/lab/assembly/lab.New1").status_code == 200)


def test_a_running_service_shows_that_an_entry_became_deprecated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab(tmp_path / "lab")
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab))
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        entry = f"/api/v1/entries/lab/assembly/{CARNEY}"
        assert service.get(entry).json()["status"] == "current"
        assert registry.listing("lab").entries
        deprecate(CARNEY, "Two are swapped.", kind="assembly")
        service.wait_until(lambda: service.get(entry).json()["status"] == "deprecated")
        assert service.get(service.get(entry).json()["card"]).json()["status_reason"] == "Two are swapped."
