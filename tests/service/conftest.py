"""A service for all tests of a module, of a lab on this machine beside the catalogs that are installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.running import Running, make_lab


@pytest.fixture(scope="module")
def lab_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog file of a lab whose files, cards and publications lie beside it."""
    return make_lab(tmp_path_factory.mktemp("lab") / "data")


@pytest.fixture(scope="module")
def service(lab_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running service of that lab."""
    with Running(tmp_path_factory.mktemp("home"), BRAINIO_CATALOGS=str(lab_catalog)) as running:
        yield running
