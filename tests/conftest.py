"""Fixtures for all tests: every test has its own home folder, no credentials, and no access to other machines."""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from brainio.assemblies import NeuroidAssembly
from brainio.cards import build_profile
from brainio.catalogs import append_rows, listing, registry
from brainio.catalogs.cards import forget_cards
from brainio.stimuli import StimulusSet
from tests.lab import Lab
from tests.postgres import Postgres, find_programs
from tests.servers import CREDENTIALS, HOST, HttpFolder, MotoS3, S3Static
from tests.shared_folders import shared_folder

# Port 9 (discard) is closed: unintended requests to S3 fail at once.
CLOSED_ENDPOINT = f"http://{HOST}:9"
pytest_plugins = ("tests.tiers",)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY")


def pytest_configure() -> None:
    """Handle SIGINT even if a shell started the tests in the background and ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Exclude the modules and the thousands of tests from later garbage collections, which would traverse them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def isolate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test its own BRAINIO_HOME, HOME and catalogs, without credentials, proxies and a real S3."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "BOTO_", "BRAINIO_")) or name.upper() in _PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setattr(registry, "_added", {})
    forget_cards()  # a server of another test may have had the same address
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", CLOSED_ENDPOINT)


@pytest.fixture
def s3_static(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Static]:
    """A read-only S3 server at AWS_ENDPOINT_URL; the environment has no credentials."""
    with S3Static() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set credentials for S3 in the environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[MotoS3]:
    """An S3 server for all tests of a process; the first request takes a second of CPU time."""
    with MotoS3() as server:
        yield server


@pytest.fixture
def moto_s3(moto_server: MotoS3, monkeypatch: pytest.MonkeyPatch) -> MotoS3:
    """An empty S3 server at AWS_ENDPOINT_URL, with credentials in the environment."""
    moto_server.reset()
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    return moto_server


@pytest.fixture
def http_folder(tmp_path: Path) -> Iterator[HttpFolder]:
    """A web server of the (new, empty) folder ``http_folder.folder``."""
    folder = tmp_path / "web"
    folder.mkdir()
    with HttpFolder(folder) as server:
        yield server


@contextmanager
def _server() -> Iterator[Postgres]:
    folder = find_programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with Postgres(folder) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests of a process; the fixture `database` creates a database for one test."""
    with _server() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of one test, which may stop it."""
    with _server() as server:
        yield server


@contextmanager
def _empty_database(request: pytest.FixtureRequest, file: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{file}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    yield server.create_database()
    server.close_connections()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables: a missing SQLite file, then a database on a PostgreSQL server."""
    with _empty_database(request, tmp_path / "lab.db") as url:
        yield url


# The tests with the fixture `database` cover every statement of these flows on both databases.
ONE_DATABASE = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow(reason="a flow on the second database"))]


@pytest.fixture(params=ONE_DATABASE)
def flow_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables for a test of a long flow: SQLite; in the slow tier also PostgreSQL."""
    with _empty_database(request, tmp_path / "lab.db") as url:
        yield url


@pytest.fixture(scope="module", params=ONE_DATABASE)
def module_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Same as `flow_database`, for all tests of a module."""
    with _empty_database(request, tmp_path_factory.mktemp("database") / "service.sqlite") as url:
        yield url


@pytest.fixture(scope="session")
def demo_profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the profiles of the demo catalog, which tests copy."""

    def build(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BRAINIO_HOME", str(home))
            for entry in listing("brainio_demo").entries.values():
                build_profile(entry)

    return shared_folder(tmp_path_factory, "demo", build) / "profiles"


@pytest.fixture
def assembly() -> NeuroidAssembly:
    """Four presentations of three stimuli (`a` twice), three neuroids, and the values 0 to 11 row by row."""
    stimulus_set = StimulusSet([{"stimulus_id": "a"}, {"stimulus_id": "b"}, {"stimulus_id": "c"}])
    stimulus_set.identifier = "lab.Set"
    return NeuroidAssembly(
        np.arange(12.0).reshape(4, 3),
        coords={
            "stimulus_id": ("presentation", ["a", "b", "a", "c"]),
            "repetition": ("presentation", [0, 0, 1, 0]),
            "category": ("presentation", ["x", "y", "x", "y"]),
            "neuroid_id": ("neuroid", ["n0", "n1", "n2"]),
            "region": ("neuroid", ["IT", "V4", "IT"]),
        },
        dims=["presentation", "neuroid"],
        attrs={"identifier": "lab.A", "stimulus_set_identifier": "lab.Set", "stimulus_set": stimulus_set},
    )


@pytest.fixture
def lab(tmp_path: Path, s3_static: S3Static) -> Lab:
    """A lab with an empty active catalog."""
    lab = Lab(tmp_path, s3_static)
    append_rows(lab.catalog, [])
    registry.add_catalog(lab.catalog)
    return lab
