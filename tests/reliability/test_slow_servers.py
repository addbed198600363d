"""Servers that send too slowly: below a minimum speed, a transfer counts as broken."""

import itertools
import time
from pathlib import Path

import pytest

from brainio.catalogs.registry import source_from
from brainio.errors import CatalogError, TransferError
from brainio.fetch import fetch_file
from brainio.stores import connections, open_read, parse_location
from brainio.threads import Stop
from tests.reliability.faults import slowly, trickled
from tests.reliability.faulty_lab import ARCHIVE, ZIP, FaultyLab, load
from tests.servers import FaultyServer

HALF = len(ARCHIVE) // 2
PAUSE = 0.05


@pytest.fixture(autouse=True)
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Average the speed over 0.2 seconds instead of a minute, without pauses between attempts."""
    monkeypatch.setattr(connections, "WINDOW", 0.2)
    monkeypatch.setattr(Stop, "pause", lambda stop, _: stop.check())


@pytest.fixture(params=["S3", "http"])
def location(request: pytest.FixtureRequest, faulty: FaultyServer) -> str:
    faulty.objects["lab", "a.txt"] = b"a" * 200_000
    return "s3://lab/a.txt" if request.param == "S3" else f"{faulty.url}/lab/a.txt"


def test_a_transfer_below_the_minimum_speed_is_ended_and_continued(faulty_lab: FaultyLab) -> None:
    faulty_lab.server.faults[ZIP] = iter([trickled(HALF, PAUSE)])
    load()
    first, second = faulty_lab.gets()
    assert first == ""
    assert second.startswith("bytes=")


def test_a_server_that_is_always_too_slow_is_an_error_that_names_the_minimum(
    faulty: FaultyServer, location: str
) -> None:
    faulty.faults["a.txt"] = itertools.repeat(trickled(100, PAUSE))
    with pytest.raises(TransferError, match=r"below the minimum of 1,000 bytes per second \(BRAINIO_MIN_SPEED\)"):
        fetch_file("", location)
    assert len(faulty.requests) == 5


def test_a_slow_transfer_warns_once_before_it_is_given_up(
    faulty: FaultyServer, location: str, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.faults["a.txt"] = itertools.repeat(trickled(100, PAUSE))
    with pytest.raises(TransferError):
        fetch_file("", location)
    (message,) = [record.getMessage() for record in caplog.records if "is slow" in record.getMessage()]
    assert f"the server at {faulty.url.removeprefix('http://')} is slow" in message
    assert "closed after 0.2 s" in message


def test_headers_that_arrive_too_slowly_are_requested_again(faulty: FaultyServer, location: str) -> None:
    faulty.faults["a.txt"] = iter([trickled(-1, PAUSE)])
    assert len(Path(fetch_file("", location)).read_bytes()) == 200_000
    assert len(faulty.requests) == 2


def test_a_catalog_that_arrives_too_slowly_is_an_error(faulty: FaultyServer) -> None:
    faulty.objects["lab", "lab.csv"] = b"identifier,lookup_type\n" * 100
    faulty.faults["lab.csv"] = itertools.repeat(trickled(10, PAUSE))
    with pytest.raises(CatalogError, match="below the minimum"):
        source_from(f"{faulty.url}/lab/lab.csv").backend.read()


def test_the_minimum_speed_can_be_changed(faulty: FaultyServer, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty.faults["a.txt"] = iter([slowly(1.0, 20)])
    monkeypatch.setenv("BRAINIO_MIN_SPEED", "1000000")
    with (
        pytest.raises(TransferError, match="minimum of 1,000,000 bytes"),
        open_read(parse_location(location)) as reader,
    ):
        list(reader.chunks())


def test_without_a_minimum_speed_slow_transfers_succeed(
    faulty: FaultyServer, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty.objects["lab", "a.txt"] = b"a" * 10
    faulty.faults["a.txt"] = iter([trickled(0, PAUSE)])
    monkeypatch.setenv("BRAINIO_MIN_SPEED", "0")
    assert Path(fetch_file("", location)).read_bytes() == b"a" * 10
    assert len(faulty.requests) == 1


@pytest.mark.parametrize("value", ["fast", "-1", "inf"])
def test_an_invalid_minimum_speed_is_an_error_that_names_the_variable(
    faulty: FaultyServer, location: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_MIN_SPEED", value)
    with pytest.raises(TransferError, match=f"BRAINIO_MIN_SPEED is '{value}'; expected a number of bytes per second"):
        fetch_file("", location)
    assert faulty.requests == []


def test_a_slow_reader_does_not_end_its_transfer(faulty: FaultyServer, location: str) -> None:
    with open_read(parse_location(location)) as reading:
        count = 0
        for block in reading.chunks(1000):
            if count in {0, 100_000}:
                time.sleep(0.5)
            count += len(block)
    assert count == 200_000
