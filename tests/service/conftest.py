"""Services that all tests of a module share: of a local lab, with and without profiles, and of private catalogs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.private_service import PrivateService, serve_private_catalogs
from tests.service.service_process import ServiceProcess, make_lab


@pytest.fixture(scope="module")
def lab_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CSV file of a lab catalog with its files, cards and publications."""
    return make_lab(tmp_path_factory.mktemp("lab") / "data")


@pytest.fixture(scope="module")
def service(lab_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running service of the lab and of the installed catalogs."""
    with ServiceProcess(tmp_path_factory.mktemp("home"), BRAINIO_CATALOGS=str(lab_catalog)) as running:
        yield running


@pytest.fixture(scope="module")
def private_service(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateService]:
    """A running service of public and private catalogs, on each of the databases."""
    with serve_private_catalogs(tmp_path_factory.mktemp("private"), module_database) as private_service:
        yield private_service


@pytest.fixture(scope="module")
def profiled(
    lab_catalog: Path, demo_profiles: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A running service of the lab with all profiles."""
    home = tmp_path_factory.mktemp("profiled")
    shutil.copytree(demo_profiles, home / "profiles")
    with ServiceProcess(home, BRAINIO_CATALOGS=str(lab_catalog), BRAINIO_SERVE_PROFILES="true") as running:
        yield running
