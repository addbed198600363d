"""Fixtures for the tests of reliability: a lab on a misbehaving server, over S3 and over plain HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brainio.catalogs import append_rows, registry
from brainio.stores import http_store, s3_requests
from tests.reliability.faulty_lab import FaultyLab
from tests.servers import FaultyServer


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A server with configurable faults at AWS_ENDPOINT_URL, without credentials."""
    with FaultyServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def s3_lab(tmp_path: Path, faulty: FaultyServer) -> FaultyLab:
    """A lab with one stimulus set on S3 and an active catalog."""
    return _published(FaultyLab(tmp_path, faulty, "S3"))


@pytest.fixture
def http_lab(tmp_path: Path, faulty: FaultyServer) -> FaultyLab:
    """A lab with one stimulus set on a plain HTTP server and an active catalog."""
    return _published(FaultyLab(tmp_path, faulty, "http"))


@pytest.fixture(params=["s3_lab", "http_lab"])
def faulty_lab(request: pytest.FixtureRequest) -> FaultyLab:
    """Both labs, one after the other."""
    lab: FaultyLab = request.getfixturevalue(request.param)
    return lab


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the read timeout from a minute to 0.2 seconds."""
    monkeypatch.setattr(s3_requests, "_accesses", {})  # clients with the default timeouts
    for store in (s3_requests, http_store):
        monkeypatch.setattr(store, "CONNECT_TIMEOUT", 0.2)
        monkeypatch.setattr(store, "READ_TIMEOUT", 0.2)


def _published(lab: FaultyLab) -> FaultyLab:
    append_rows(lab.catalog, [])
    registry.add_catalog(lab.catalog)
    lab.publish_stimuli()
    return lab
