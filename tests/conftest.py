"""Fixtures for all tests: every test has a home of its own, no credentials, and no way out of the machine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import HOST, HttpFolder, MotoS3, S3Static

# Port 9 (discard) is closed: a request that a test did not mean to make is refused at once.
NOWHERE = f"http://{HOST}:9"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY")


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test its own BRAINIO_HOME and HOME, and take away credentials, catalogs, proxies and the outside."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "BOTO_", "BRAINIO_")) or name.upper() in _PROXIES:
            monkeypatch.delenv(name)
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)


@pytest.fixture
def s3_static(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Static]:
    """A static S3 for reads, to which AWS_ENDPOINT_URL points; no credentials are set."""
    with S3Static() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def moto_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoS3]:
    """A whole, empty S3 to which the environment points with credentials that it takes."""
    with MotoS3() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def http_folder(tmp_path: Path) -> Iterator[HttpFolder]:
    """A web server of the (new, empty) folder ``http_folder.folder``."""
    folder = tmp_path / "web"
    folder.mkdir()
    with HttpFolder(folder) as server:
        yield server
