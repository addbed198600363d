"""Search as the service offers it, with the index in SQLite and in PostgreSQL: pages, changes, and a database away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PASSWORD, Postgres, find_programs
from tests.service.service_process import CARNEY, ServiceProcess, make_lab

SEARCH = "/api/v1/search"


@pytest.fixture(scope="module")
def searching(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, Path]]:
    """A running service of a lab, and the catalog of that."""
    catalog = make_lab(tmp_path_factory.mktemp("lab") / "data")
    options = ["--database", module_database]
    with ServiceProcess(tmp_path_factory.mktemp("home"), *options, BRAINIO_CATALOGS=str(catalog)) as running:
        yield running, catalog


def test_pages_are_followed_through_all_hits(searching: tuple[ServiceProcess, Path]) -> None:
    service, _ = searching
    page = first = service.get(f"{SEARCH}?q=macaque&region=IT&limit=5").json()
    found = list(first["hits"])
    while page["next"]:
        page = service.get(page["next"]).json()
        found += page["hits"]
    assert len(found) == first["total"] == len({hit["url"] for hit in found})
    assert first["facets"]["region"]["IT"] == first["total"]
    assert [hit["url"] for hit in found] == [
        hit["url"] for hit in service.get(f"{SEARCH}?q=macaque&region=IT&limit=100").json()["hits"]
    ]


def test_a_cursor_of_another_question_is_refused(searching: tuple[ServiceProcess, Path]) -> None:
    service, _ = searching
    following = service.get(f"{SEARCH}?q=macaque&limit=2").json()["next"]
    refused = service.get(following.replace("q=macaque", "q=human"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_cursor")
    assert service.get(f"{SEARCH}?cursor=").status_code == 400


def test_values_that_nothing_has_are_refused_with_those_there_are(searching: tuple[ServiceProcess, Path]) -> None:
    service, _ = searching
    refused = service.get(f"{SEARCH}?species=unicorn")
    assert refused.status_code == 400
    assert "Known: human, locust, macaque" in refused.json()["error"]["message"]


def test_a_changed_catalog_is_searched_before_long(searching: tuple[ServiceProcess, Path]) -> None:
    service, catalog = searching
    text = catalog.read_text()
    before = service.get(f"{SEARCH}?q=lab.Unicorn1999").json()["hits"]
    assert "lab.Unicorn1999" not in [hit["identifier"] for hit in before]
    catalog.write_text(text.replace(CARNEY, "lab.Unicorn1999"))
    try:
        assert service.eventually(lambda: _first(service) == "lab.Unicorn1999")
    finally:
        catalog.write_text(text)


def _first(service: ServiceProcess) -> str:
    hits = service.get(f"{SEARCH}?q=lab.Unicorn1999").json()["hits"]
    return hits[0]["identifier"] if hits else ""


def test_a_database_that_is_away_is_answered_by_503_and_all_else_as_before(tmp_path: Path) -> None:
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
            assert service.eventually(lambda: service.get(f"{SEARCH}?q=thresholds").status_code == 200)
        said = "".join(service.lines)
        assert PASSWORD not in said
        assert "se%20cret" not in said


def test_a_database_that_is_none_is_told_at_the_start_without_its_password(tmp_path: Path) -> None:
    from brainio.errors import ServiceError
    from brainio.service.app import create_app
    from brainio.service.settings import read_settings

    with pytest.raises(ServiceError, match=r"database.*expected sqlite:.* or postgresql://") as refused:
        create_app(read_settings(None, database="mysql://me:hunter2@db/neuro"))
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(read_settings(None, database="postgresql://me:hunter2@db/neuro"))
