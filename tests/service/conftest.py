"""A service for all tests of a module, of a lab on this machine beside the catalogs that are installed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.private_service import PrivateService, serve_private_catalogs
from tests.service.service_process import ServiceProcess, make_lab


@pytest.fixture(scope="module")
def lab_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog file of a lab whose files, cards and publications lie beside it."""
    return make_lab(tmp_path_factory.mktemp("lab") / "data")


@pytest.fixture(scope="module")
def service(lab_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running service of that lab."""
    with ServiceProcess(tmp_path_factory.mktemp("home"), BRAINIO_CATALOGS=str(lab_catalog)) as running:
        yield running


@pytest.fixture(scope="module")
def vault(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateService]:
    """A running service of public and private catalogs that keeps what it keeps in either database."""
    with serve_private_catalogs(tmp_path_factory.mktemp("vault"), module_database) as vault:
        yield vault


@pytest.fixture(scope="module")
def profiled(
    lab_catalog: Path, demo_profiles: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A running service of that lab, all of whose profiles were made."""
    home = tmp_path_factory.mktemp("profiled")
    shutil.copytree(demo_profiles, home / "profiles")
    with ServiceProcess(home, BRAINIO_CATALOGS=str(lab_catalog), BRAINIO_SERVE_PROFILES="true") as running:
        yield running
