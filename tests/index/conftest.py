"""Fixtures of search: a lab of its own in force, and nothing that an earlier test left open."""

from pathlib import Path

import pytest

from brainio.index import asking
from tests.index.lab import Lab


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
