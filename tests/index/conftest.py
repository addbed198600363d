"""Fixtures for searching: an active lab catalog, closed indexes, and both kinds of databases."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import brainio
from brainio.index import SearchResults, entry_search, search_among, sqlite_index
from brainio.index.index_store import OpenIndexes
from brainio.index.postgresql_index import PostgresIndexStore
from brainio.local_files import home_folder
from tests.index.lab import Lab
from tests.postgres import Postgres
from tests.shared_folders import shared_folder

Search = Callable[..., SearchResults]
"""As `brainio.search`."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """An empty lab whose catalog is active, in addition to the installed ones."""
    lab = Lab(tmp_path / "lab")
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab.catalog))
    return lab


@pytest.fixture(autouse=True)
def closed_indexes() -> None:
    """Close all indexes, so that every test opens its own."""
    entry_search._PROCESS_INDEXES.forget()


@pytest.fixture(scope="session")
def index_database(postgres: Postgres) -> str:
    """The URL of a server database for the indexes of all tests. Each test has its own schema in it."""
    return postgres.create_database()


@pytest.fixture(scope="session")
def installed_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the index of the installed catalogs, built once per run for tests that only read it."""

    def build(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BRAINIO_HOME", str(home))
            brainio.search()
            entry_search._PROCESS_INDEXES.forget()

    return shared_folder(tmp_path_factory, "installed_index", build) / sqlite_index.FOLDER


@pytest.fixture(params=["sqlite", "postgresql"])
def search(request: pytest.FixtureRequest, installed_index: Path) -> Iterator[Search]:
    """Search like `brainio.search`, with an index in SQLite and one in PostgreSQL."""
    if request.param == "sqlite":
        if "lab" not in request.fixturenames:
            shutil.copytree(installed_index, home_folder() / sqlite_index.FOLDER)
        yield brainio.search
        return
    yield search_in(OpenIndexes(PostgresIndexStore(request.getfixturevalue("index_database"))))
    request.getfixturevalue("postgres").close_connections()


@pytest.fixture(params=["sqlite", "postgresql"])
def indexes(request: pytest.FixtureRequest) -> Iterator[OpenIndexes]:
    """Open indexes in SQLite and in PostgreSQL."""
    if request.param == "sqlite":
        yield entry_search._PROCESS_INDEXES
        return
    yield OpenIndexes(PostgresIndexStore(request.getfixturevalue("index_database")))
    request.getfixturevalue("postgres").close_connections()


def search_in(indexes: OpenIndexes, names: set[str] | None = None) -> Search:
    """Return a search function that uses some indexes and covers some catalogs."""

    def search(text: str = "", **options: Any) -> SearchResults:
        paging = {
            name: options.pop(name) for name in ("include_superseded", "limit", "offset", "after") if name in options
        }
        facets = {"class" if name == "cls" else name: value for name, value in options.items()}
        return search_among(names, text, facets, **paging, indexes=indexes)

    return search
