"""Fixtures of search: a lab of its own in force, nothing that an earlier test left open, and search on both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

import brainio
from brainio.index import SearchResults, asking, search_among
from brainio.index.server import Server
from brainio.index.store import Indexes
from tests.index.lab import Lab
from tests.postgres import Postgres


class Search(Protocol):
    """As `brainio.search`."""

    def __call__(self, text: str = "", **asked: Any) -> SearchResults: ...


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """An empty lab whose catalog is in force beside those that are installed."""
    lab = Lab(tmp_path / "lab")
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab.catalog))
    return lab


@pytest.fixture(autouse=True)
def nothing_open() -> None:
    """Have every test open indexes anew."""
    asking._OWN.forget()


@pytest.fixture(scope="session")
def index_database(postgres: Postgres) -> str:
    """The URL of a database on a server for the indexes of all tests: each has a schema of its own there."""
    return postgres.database()


@pytest.fixture(params=["sqlite", "postgresql"])
def search(request: pytest.FixtureRequest) -> Iterator[Search]:
    """Search as `brainio.search` does it, on an index in SQLite and in PostgreSQL."""
    if request.param == "sqlite":
        yield brainio.search
        return
    yield search_in(request.getfixturevalue("index_database"))
    request.getfixturevalue("postgres").hang_up()


def search_in(url: str) -> Search:
    """Return the search that asks indexes on a server."""
    indexes = Indexes(Server(url))

    def search(text: str = "", **asked: Any) -> SearchResults:
        names = {"cls": "class"}
        paging = {name: asked.pop(name) for name in ("old", "limit", "offset", "after") if name in asked}
        facets = {names.get(name, name): value for name, value in asked.items()}
        return search_among(None, text, facets, **paging, indexes=indexes)

    return search
