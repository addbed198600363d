"""What the tests of reliability share: a lab on a server that misbehaves, over S3 or over plain HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brainio.catalogs import append_rows, registry
from brainio.stores import http_store, s3_requests
from tests.reliability.faulty_lab import FaultyLab
from tests.servers import FaultyServer


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A server that misbehaves when it is told to, to which AWS_ENDPOINT_URL points; no credentials are set."""
    with FaultyServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def s3_lab(tmp_path: Path, faulty: FaultyServer) -> FaultyLab:
    """A lab with one stimulus set, whose files lie on S3 and whose catalog is in force."""
    return _published(FaultyLab(tmp_path, faulty, "S3"))


@pytest.fixture
def http_lab(tmp_path: Path, faulty: FaultyServer) -> FaultyLab:
    """The same over plain HTTP."""
    return _published(FaultyLab(tmp_path, faulty, "http"))


@pytest.fixture(params=["s3_lab", "http_lab"])
def faulty_lab(request: pytest.FixtureRequest) -> FaultyLab:
    """Either lab, one after the other."""
    lab: FaultyLab = request.getfixturevalue(request.param)
    return lab


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after a fifth of a second without a byte, where it is a minute otherwise."""
    monkeypatch.setattr(s3_requests, "_accesses", {})  # clients that were made with the usual patience
    for store in (s3_requests, http_store):
        monkeypatch.setattr(store, "CONNECT_TIMEOUT", 0.2)
        monkeypatch.setattr(store, "READ_TIMEOUT", 0.2)


def _published(lab: FaultyLab) -> FaultyLab:
    append_rows(lab.catalog, [])
    registry.add_catalog(lab.catalog)
    lab.publish_stimuli()
    return lab
