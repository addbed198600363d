"""Another backend needs only one file: lookups, tables, search and the service work with it."""

import secrets

import pytest

import brainio
from brainio.catalogs import append_rows, resolve
from brainio.catalogs.backends import backend_of
from brainio.index import search
from brainio.service.access import Access, AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.database import Database
from brainio.service.settings import read_settings
from brainio.service.snapshots import CatalogWatcher
from tests.catalogs.backends import memory_backend
from tests.catalogs.rows import row


@pytest.fixture
def location() -> str:
    """An active catalog in memory."""
    location = f"{memory_backend.SCHEME}://{secrets.token_hex(8)}/further"
    append_rows(location, [row("lab.Doe2026", aliases="Doe"), row("lab.Roe2026")])
    brainio.add_catalog(location)
    return location


def test_the_scheme_of_a_location_selects_the_backend(location: str) -> None:
    assert isinstance(backend_of(location), memory_backend.MemoryCatalog)
    assert not backend_of(location).is_read_only


def test_entries_of_another_backend_are_looked_up_and_listed_as_a_table(location: str) -> None:
    assert resolve("assembly", "Doe").identifier == "lab.Doe2026"
    append_rows(location, [row("lab.New2026")])
    assert "lab.New2026" in brainio.list_assemblies()
    assert list(brainio.get_catalog("further")["identifier"]) == ["lab.Doe2026", "lab.Roe2026", "lab.New2026"]


def test_entries_of_another_backend_are_found_by_search(location: str) -> None:
    assert [hit.identifier for hit in search("Doe2026", catalog="further")] == ["lab.Doe2026"]
    append_rows(location, [row("lab.Poe2026")])
    assert [hit.identifier for hit in search("Poe2026", catalog="further")] == ["lab.Poe2026"]


def test_a_service_with_another_backend_notices_changes(location: str) -> None:
    settings = read_settings()
    database = Database(settings.database)
    watcher = CatalogWatcher(settings, ChangeLog(database), AccessControl(settings, database))
    watcher.refresh()
    first = watcher.snapshot.catalog("further", Access())
    append_rows(location, [row("lab.New2026")])
    watcher.refresh()
    second = watcher.snapshot.catalog("further", Access())
    assert ("assembly", "lab.New2026") in second.listing.entries
    assert first.version != second.version
