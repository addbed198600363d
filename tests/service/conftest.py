"""A service for all tests of a module, of a lab on this machine beside the catalogs that are installed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.running import Running, make_lab
from tests.service.vault import Vault, running_vault


@pytest.fixture(scope="module")
def lab_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog file of a lab whose files, cards and publications lie beside it."""
    return make_lab(tmp_path_factory.mktemp("lab") / "data")


@pytest.fixture(scope="module")
def service(lab_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running service of that lab."""
    with Running(tmp_path_factory.mktemp("home"), BRAINIO_CATALOGS=str(lab_catalog)) as running:
        yield running


@pytest.fixture(scope="module")
def vault(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A running service of public and private catalogs that keeps what it keeps in either database."""
    with running_vault(tmp_path_factory.mktemp("vault"), module_database) as vault:
        yield vault


@pytest.fixture(scope="module")
def profiled(lab_catalog: Path, demo_profiles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running service of that lab, all of whose profiles were made."""
    home = tmp_path_factory.mktemp("profiled")
    shutil.copytree(demo_profiles, home / "profiles")
    with Running(home, BRAINIO_CATALOGS=str(lab_catalog), BRAINIO_SERVE_PROFILES="true") as running:
        yield running
