"""Search over HTTP with the index in SQLite and in PostgreSQL: pages, changes, and an unavailable database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PASSWORD, Postgres, find_programs
from tests.service.service_process import CARNEY, ServiceProcess, make_lab

SEARCH = "/api/v1/search"


@pytest.fixture(scope="module")
def searching(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, Path]]:
    """A running service of a lab, and its catalog file."""
    catalog = make_lab(tmp_path_factory.mktemp("lab") / "data")
    options = ["--database", module_database]
    with ServiceProcess(tmp_path_factory.mktemp("home"), *options, BRAINIO_CATALOGS=str(catalog)) as running:
        yield running, catalog


def test_pages_contain_all_hits_and_facets_count_them(searching: tuple[ServiceProcess, Path]) -> None:
    service, _ = searching
    page = first = service.get(f"{SEARCH}?q=macaque&region=IT&limit=5").json()
    urls = [hit["url"] for hit in first["hits"]]
    while page["next"]:
        page = service.get(page["next"]).json()
        urls += [hit["url"] for hit in page["hits"]]
    assert len(urls) == first["total"] == len(set(urls))
    assert first["facets"]["region"]["IT"] == first["total"]
    assert urls == [hit["url"] for hit in service.get(f"{SEARCH}?q=macaque&region=IT&limit=100").json()["hits"]]
    assert all(service.get(url).status_code == 200 for url in urls[:5])


def test_a_cursor_of_another_search_is_refused(searching: tuple[ServiceProcess, Path]) -> None:
    service, _ = searching
    following = service.get(f"{SEARCH}?q=macaque&limit=2").json()["next"]
    refused = service.get(following.replace("q=macaque", "q=human"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_cursor")
    assert service.get(f"{SEARCH}?cursor=").status_code == 400


def test_an_unknown_value_of_a_filter_is_refused_with_the_known_values(searching: tuple[ServiceProcess, Path]) -> None:
    service, _ = searching
    refused = service.get(f"{SEARCH}?species=unicorn")
    assert refused.status_code == 400
    assert "Known: human, locust, macaque" in refused.json()["error"]["message"]


def test_search_finds_the_entries_of_a_changed_catalog(searching: tuple[ServiceProcess, Path]) -> None:
    service, catalog = searching
    text = catalog.read_text()
    before = service.get(f"{SEARCH}?q=lab.Unicorn1999").json()["hits"]
    assert "lab.Unicorn1999" not in [hit["identifier"] for hit in before]
    catalog.write_text(text.replace(CARNEY, "lab.Unicorn1999"))
    try:
        assert service.wait_until(lambda: _first_hit(service) == "lab.Unicorn1999")
    finally:
        catalog.write_text(text)


def _first_hit(service: ServiceProcess) -> str:
    hits = service.get(f"{SEARCH}?q=lab.Unicorn1999").json()["hits"]
    return hits[0]["identifier"] if hits else ""


def test_without_its_database_search_gets_a_503_and_entries_are_served(tmp_path: Path) -> None:
    folder = find_programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    lab = make_lab(tmp_path / "lab")
    with Postgres(folder) as server:
        environment = {"BRAINIO_CATALOGS": str(lab), "BRAINIO_SERVE_DATABASE": server.create_database()}
        with ServiceProcess(tmp_path / "served", "--workers", "2", **environment) as service:
            assert service.get(f"{SEARCH}?q=modelfest").json()["total"] == 2
            server.stop()
            away = service.get(f"{SEARCH}?q=thresholds")
            assert (away.status_code, away.json()["error"]["code"]) == (503, "search_away")
            assert int(away.headers["Retry-After"]) > 0
            assert service.get("/api/v1/entries?limit=1").status_code == 200
            server.start()
            assert service.wait_until(lambda: service.get(f"{SEARCH}?q=thresholds").status_code == 200)
        log = "".join(service.lines)
        assert PASSWORD not in log
        assert "se%20cret" not in log


def test_a_service_does_not_start_with_an_unsupported_database(tmp_path: Path) -> None:
    from brainio.errors import ServiceError
    from brainio.service.app import create_app
    from brainio.service.settings import read_settings

    with pytest.raises(ServiceError, match=r"database.*expected sqlite:.* or postgresql://") as caught:
        create_app(read_settings(None, database="mysql://me:hunter2@db/neuro"))
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(read_settings(None, database="postgresql://me:hunter2@db/neuro"))
