"""Transfers without a hash: all bytes are of one state of the file, or the transfer is an error."""

import gzip
import itertools
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from brainio.errors import IntegrityError, TransferError
from brainio.fetch import ExpectedFile, ensure_cached, fetch_file
from brainio.stores import open_file, parse_location
from brainio.threads import Stop
from tests.lab import sha1
from tests.reliability.faults import altered, answered, closed_early, cut
from tests.servers import Fault, FaultyServer, _Handler

FIRST = random.Random(1).randbytes(3_000_000)
SECOND = random.Random(2).randbytes(3_000_000)
SHORTER = SECOND[:1_000_000]
HALF = 1_500_000
NO_ETAG = {"ETag": ""}
OLD = {"ETag": "", "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stop, "pause", lambda stop, _: stop.check())


@pytest.fixture(params=["S3", "http"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def location(server: FaultyServer, kind: str) -> str:
    return "s3://lab/a.bin" if kind == "S3" else f"{server.url}/lab/a.bin"


def fetch(server: FaultyServer, kind: str) -> bytes:
    return Path(fetch_file(kind, location(server, kind))).read_bytes()


def serve(server: FaultyServer, *faults: Fault) -> None:
    server.objects["lab", "a.bin"] = FIRST
    server.faults["a.bin"] = iter(faults)


def ranges(server: FaultyServer) -> list[str]:
    return [request.headers.get("Range", "") for request in server.requests]


def in_order(*faults: Fault) -> Fault:
    """Apply several faults to one response; the last one sends it."""

    def fault(handler: _Handler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        if len(faults) == 1:
            return faults[0](handler, status, body, headers)

        class Next:
            def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
                in_order(*faults[1:])(handler, status, body, headers)

        return faults[0](Next(), status, body, headers)  # type: ignore[arg-type]  # it only replies

    return fault


def replaced(server: FaultyServer, body: bytes, then: Fault) -> Fault:
    """Replace the file as soon as this response is sent."""

    def fault(handler: _Handler, status: int, sent: bytes, headers: Mapping[str, str]) -> None:
        server.objects["lab", "a.bin"] = body
        then(handler, status, sent, headers)

    return fault


def test_an_interrupted_transfer_continues_with_a_confirmed_strong_etag(faulty: FaultyServer, kind: str) -> None:
    serve(faulty, cut(HALF))
    assert fetch(faulty, kind) == FIRST
    _, second = faulty.requests
    assert second.headers["Range"].startswith("bytes=")
    assert second.headers["If-Match" if kind == "S3" else "If-Range"].startswith('"')


@pytest.mark.parametrize("headers", [NO_ETAG, {"ETag": 'W/"1"'}], ids=["no ETag", "weak ETag"])
def test_without_a_strong_validator_an_interrupted_transfer_begins_again(
    faulty: FaultyServer, kind: str, headers: dict[str, str]
) -> None:
    weak = altered(headers=headers)
    serve(faulty, replaced(faulty, SECOND, in_order(weak, cut(HALF))), weak)
    assert fetch(faulty, kind) == SECOND
    assert ranges(faulty) == ["", ""]


def test_last_modified_is_a_validator_after_a_minute(faulty: FaultyServer) -> None:
    dated = altered(headers=OLD)
    serve(faulty, in_order(dated, cut(HALF)), dated)
    assert fetch(faulty, "http") == FIRST
    assert faulty.requests[1].headers["If-Range"] == OLD["Last-Modified"]
    assert faulty.requests[1].headers["Range"].startswith("bytes=")


def test_last_modified_within_a_minute_is_not_a_validator(faulty: FaultyServer) -> None:
    now = {"ETag": "", "Last-Modified": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())}
    dated = altered(headers=now)
    serve(faulty, in_order(dated, cut(HALF)), dated)
    assert fetch(faulty, "http") == FIRST
    assert ranges(faulty) == ["", ""]


@pytest.mark.parametrize("body", [SECOND, SHORTER, FIRST + SECOND], ids=["same size", "shorter", "longer"])
def test_a_file_replaced_between_two_attempts_is_downloaded_whole(faulty: FaultyServer, kind: str, body: bytes) -> None:
    serve(faulty, replaced(faulty, body, cut(HALF)))
    assert fetch(faulty, kind) == body


BAD_PARTS: dict[str, Fault] = {
    "no Content-Range": altered(headers={"Content-Range": ""}),
    "malformed Content-Range": altered(headers={"Content-Range": "bytes 5/100"}),
    "another first byte": altered(headers={"Content-Range": f"bytes 7-{len(FIRST) - 1}/{len(FIRST)}"}),
    "another size of the file": altered(headers={"Content-Range": f"bytes {HALF}-{len(FIRST) - 1}/{len(FIRST) + 9}"}),
    "another length": altered(body=lambda body: body[:-100]),
    "multipart/byteranges": altered(headers={"Content-Type": "multipart/byteranges; boundary=x"}),
    "no ETag": altered(headers=NO_ETAG),
    "status 204": altered(status=204, body=lambda _: b""),
}


def test_a_malformed_last_modified_is_not_a_validator(faulty: FaultyServer) -> None:
    dated = altered(headers={"ETag": "", "Last-Modified": "yesterday"})
    serve(faulty, in_order(dated, cut(HALF)), dated)
    assert fetch(faulty, "http") == FIRST
    assert ranges(faulty) == ["", ""]


@pytest.mark.parametrize("has_hash", [True, False], ids=["hash", "no hash"])
@pytest.mark.parametrize("fault", BAD_PARTS.values(), ids=BAD_PARTS)
def test_a_part_without_proof_of_its_range_and_version_is_never_used(
    faulty: FaultyServer, fault: Fault, has_hash: bool
) -> None:
    serve(faulty, cut(HALF), fault)
    expected = ExpectedFile([(parse_location(location(faulty, "http")), "")], sha1(FIRST) if has_hash else "")
    if fault is BAD_PARTS["status 204"]:
        with pytest.raises(TransferError, match="HTTP 204"):
            ensure_cached(expected)
    assert ensure_cached(expected).read_bytes() == FIRST


@pytest.mark.parametrize("fault", [BAD_PARTS["no Content-Range"], BAD_PARTS["no ETag"]], ids=["no range", "no ETag"])
def test_a_part_from_s3_without_proof_of_its_range_and_version_is_never_used(
    faulty: FaultyServer, fault: Fault
) -> None:
    serve(faulty, cut(HALF), fault)
    assert fetch(faulty, "S3") == FIRST
    assert ranges(faulty)[-1] == ""


@pytest.mark.parametrize("status", [202, 204, 205, 206])
def test_a_status_without_a_whole_file_is_an_error(faulty: FaultyServer, kind: str, status: int) -> None:
    serve(faulty, *[altered(status=status, body=lambda body: b"" if status in {204, 205} else body[:1000])] * 3)
    with pytest.raises(TransferError, match=rf"{status}|a part"):
        fetch(faulty, kind)
    faulty.faults.clear()
    assert fetch(faulty, kind) == FIRST


def test_a_server_that_always_breaks_and_cannot_continue_is_an_error(faulty: FaultyServer, kind: str) -> None:
    serve(faulty)
    faulty.faults["a.bin"] = itertools.repeat(in_order(altered(headers=NO_ETAG), cut(HALF)))
    with pytest.raises(TransferError, match=r"was interrupted or replaced 5 times.*confirmed no strong ETag.*sha1"):
        fetch(faulty, kind)
    assert ranges(faulty) == [""] * 5


def test_a_body_without_a_verifiable_end_is_an_error(faulty: FaultyServer, kind: str) -> None:
    serve(faulty, closed_early(HALF))
    with pytest.raises(TransferError, match=r"sent without its length.*sha1"):
        fetch(faulty, kind)


def test_a_mixture_that_fails_its_hash_is_transferred_again_from_the_first_byte(
    faulty: FaultyServer, kind: str
) -> None:
    serve(faulty, replaced(faulty, SECOND, cut(HALF)))
    expected = ExpectedFile([(parse_location(location(faulty, kind)), "")], sha1(SECOND))
    assert ensure_cached(expected).read_bytes() == SECOND
    assert ranges(faulty)[0] == ranges(faulty)[2] == ""


def test_a_server_that_always_fails_the_hash_is_an_error(faulty: FaultyServer) -> None:
    serve(faulty)
    expected = ExpectedFile([(parse_location(location(faulty, "http")), "")], sha1(SECOND))
    with pytest.raises(IntegrityError):
        ensure_cached(expected)
    assert len(faulty.requests) == 1


def compressed(after: int | None = None) -> Fault:
    """Send the body compressed although the client did not request it, and break off after some bytes."""

    def fault(handler: _Handler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        packed = gzip.compress(body, 1)
        handler.reply(status, packed[:after], {**headers, "Content-Encoding": "gzip"}, announced=len(packed))

    return fault


def test_an_encoding_that_was_not_requested_is_decoded_and_never_continued(faulty: FaultyServer) -> None:
    serve(faulty, compressed(HALF), compressed())
    assert fetch(faulty, "http") == FIRST
    assert ranges(faulty) == ["", ""]


@pytest.fixture
def opened(faulty: FaultyServer) -> Callable[[str], bytes]:
    """Open the file for reading in parts, and read from its middle."""

    def read(kind: str) -> bytes:
        with open_file(parse_location(location(faulty, kind))) as file:
            file.seek(2_000_000)
            return file.read(10)

    return read


def test_a_file_without_a_validator_is_not_read_in_parts(
    faulty: FaultyServer, kind: str, opened: Callable[[str], bytes]
) -> None:
    serve(faulty, altered(headers=NO_ETAG))
    with pytest.raises(TransferError, match="cannot be read in parts: its store states no strong ETag"):
        opened(kind)
    assert opened(kind) == FIRST[2_000_000:2_000_010]


@pytest.mark.parametrize("name", ["no Content-Range", "another first byte", "no ETag"])
def test_a_stream_uses_no_part_without_proof_of_its_range_and_version(
    faulty: FaultyServer, kind: str, name: str, opened: Callable[[str], bytes]
) -> None:
    serve(faulty, altered(), BAD_PARTS[name])
    with pytest.raises(TransferError, match=r"Content-Range|returned|changed"):
        opened(kind)


def test_a_stream_of_a_file_that_is_replaced_is_an_error(
    faulty: FaultyServer, kind: str, opened: Callable[[str], bytes]
) -> None:
    serve(faulty, replaced(faulty, SECOND, altered()))
    with pytest.raises(TransferError, match="changed"):
        opened(kind)


def test_the_partial_file_of_an_earlier_process_is_not_continued_without_a_hash(
    faulty: FaultyServer, kind: str
) -> None:
    serve(faulty, cut(HALF), *[answered(404)] * 3)
    with pytest.raises(TransferError):
        fetch(faulty, kind)
    faulty.objects["lab", "a.bin"] = SECOND
    faulty.faults.clear()
    assert fetch(faulty, kind) == SECOND
    assert ranges(faulty)[-1] == ""
