"""Invalid requests get a 4xx with the JSON form of all errors."""

import base64
import http.client
import json
import socket
from contextlib import suppress

import httpx
import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from brainio.cursors import read_cursor, write_cursor
from brainio.errors import CursorError
from brainio.service.dependencies import negotiate
from tests.service.service_process import CARNEY, ServiceProcess

ENTRY = f"/api/v1/entries/lab/assembly/{CARNEY}"
CURSOR = base64.urlsafe_b64encode(json.dumps(["0" * 16, ["a", "b", "c"]]).encode()).decode().rstrip("=")
INVALID = [
    ("/nothing", 404, "not_found"),
    ("/api/v1/entries/", 404, "not_found"),
    ("/api/v1/entries/lab/assembly/lab.Nothing", 404, "no_such_entry"),
    (f"{ENTRY}?version=9", 404, "no_such_entry"),
    ("/api/v1/entries/nolab/assembly/x", 404, "no_such_catalog"),
    ("/api/v1/entries?catalog=nolab", 404, "no_such_catalog"),
    ("/api/v1/entries/lab/movie/x", 422, "bad_parameter"),
    ("/api/v1/entries?limit=0", 422, "bad_parameter"),
    ("/api/v1/entries?limit=many", 422, "bad_parameter"),
    ("/api/v1/entries?kinds=assembly", 400, "unknown_parameter"),
    ("/api/v1/entries?cursor=x", 400, "bad_cursor"),
    ("/api/v1/entries?cursor=%E2%82%AC", 400, "bad_cursor"),
    (f"/api/v1/entries?cursor={CURSOR}", 400, "bad_cursor"),
    (f"/api/v1/search?cursor={CURSOR}", 400, "bad_cursor"),
    (f"/api/v1/catalogs/lab/changes?since={CURSOR}", 400, "bad_cursor"),
    ("/api/v1/entries?prefix=%00", 400, "nul_character"),
    ("/api/v1/entries/lab/assembly/%00", 400, "nul_character"),
    ("/api/v1/search?region=Atlantis", 400, "bad_search"),
    ("/api/v1/search?year=someday", 400, "bad_search"),
    ("/api/v1/search?q=" + "x" * 2001, 422, "bad_parameter"),
    ("/api/v1/search?q=" + "x" * 9000, 414, "too_long"),
    ("/" + "x" * 9000, 414, "too_long"),
    (f"/api/v1/files/lab/assembly/zip/{CARNEY}", 404, "no_such_file"),
    (f"/api/v1/files/lab/assembly/exe/{CARNEY}", 422, "bad_parameter"),
    ("/catalogs/nolab", 404, "no_such_catalog"),
    ("/catalogs/lab/", 404, "no_such_file"),
    ("/catalogs/lab/lab.txt", 404, "no_such_file"),
]
TRAVERSALS = [
    "../lab.csv",
    "..%2flab.csv",
    "%2e%2e/%2e%2e/etc/passwd",
    "files/../../lab.csv",
    "files/%2e%2e/%2e%2e/lab.csv",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "..\\..\\etc\\passwd",
    "..%5c..%5cetc%5cpasswd",
    "file:///etc/passwd",
    "files",
    "files/",
    ".",
    "..",
    "LICENSE.md",
    "cards",
    "by-key/00000000000000000000000000000000.csv",
    "%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
]


def error_of(answer: httpx.Response) -> dict[str, str]:
    """Return the error in an answer, and check its form."""
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    error: dict[str, str] = answer.json()["error"]
    assert sorted(error) == ["code", "hint", "message", "request_id"]
    assert error["message"]
    assert error["request_id"] == answer.headers["x-request-id"]
    return error


@pytest.mark.parametrize(("path", "status", "code"), INVALID, ids=[path[:60] for path, _, _ in INVALID])
def test_an_invalid_address_gets_a_4xx_with_an_error_code(
    service: ServiceProcess, path: str, status: int, code: str
) -> None:
    answer = service.get(path)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_reaches_a_file_that_a_catalog_does_not_list(service: ServiceProcess, path: str) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("GET", f"/catalogs/lab/{path}")  # httpx would normalize the dots
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status in {400, 404}
    assert list(body) == ["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", ["/api/v1/entries", ENTRY, "/catalogs/lab", "/healthz"])
def test_writing_methods_are_refused(service: ServiceProcess, path: str, method: str) -> None:
    answer = service.client.request(method, path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    error_of(answer)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Accept": "text/plain"}, 406, "not_acceptable"),
        ({"Accept": "application/json;q=0"}, 406, "not_acceptable"),
        ({"Accept": "nonsense"}, 400, "bad_accept"),
        ({"Accept": "text/plain;q=much"}, 406, "not_acceptable"),
        ({"Accept": "/,;;==\\"}, 400, "bad_accept"),
        ({"X-Large": "x" * 40_000}, 431, "headers_too_large"),
    ],
)
def test_an_invalid_header_gets_a_4xx_with_an_error_code(
    service: ServiceProcess, headers: dict[str, str], status: int, code: str
) -> None:
    answer = service.client.get(ENTRY, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)


def test_the_error_about_a_mistyped_parameter_suggests_its_name(service: ServiceProcess) -> None:
    assert "limit" in error_of(service.get("/api/v1/entries?limt=2"))["hint"]


def test_a_cursor_of_another_list_is_refused(service: ServiceProcess) -> None:
    next_page = service.get("/api/v1/entries?limit=1&kind=assembly").json()["next"]
    assert service.get(next_page).status_code == 200
    answer = service.get(next_page.replace("kind=assembly", "kind=stimulus_set"))
    assert error_of(answer)["code"] == "bad_cursor"


def test_every_answer_has_the_id_of_its_request(service: ServiceProcess) -> None:
    assert service.get("/healthz", X_Request_ID="mine-1").headers["x-request-id"] == "mine-1"
    assert service.get("/healthz", X_Request_ID="no good id").headers["x-request-id"] != "no good id"
    ids = {service.get(path).headers["x-request-id"] for path in (ENTRY, ENTRY, "/nothing")}
    assert len(ids) == 3


def test_every_answer_has_security_headers(service: ServiceProcess) -> None:
    for path in (ENTRY, "/nothing", "/catalogs/lab", "/metrics", f"/api/v1/files/lab/assembly/nc/{CARNEY}"):
        headers = service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


@given(position=st.lists(st.text() | st.integers(), max_size=4), query=st.dictionaries(st.text(), st.text()))
def test_cursors_round_trip(position: list[object], query: dict[str, str]) -> None:
    assert read_cursor(write_cursor(query, position), query) == position


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_other_text_is_refused_as_a_cursor(text: str) -> None:
    with pytest.raises(CursorError, match="start without one"):
        read_cursor(text, {})


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_negotiation_returns_a_media_type_or_refuses_any_accept_header(accept: str) -> None:
    status, media_type = 200, None
    try:
        media_type = negotiate(accept, ["text/csv", "application/json"])
    except HTTPException as error:
        status = error.status_code
    assert (status, media_type) in {(200, "text/csv"), (200, "application/json"), (400, None), (406, None)}


def send_raw(service: ServiceProcess, *pieces: bytes) -> bytes:
    """Send bytes over a new connection, and return the bytes of the answer."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        answer = b""
        with suppress(ConnectionError):
            while block := connection.recv(65_536):
                answer += block
        return answer


@pytest.mark.parametrize(
    "raw",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_malformed_http_gets_a_400_with_an_error_code(service: ServiceProcess, raw: bytes) -> None:
    head, _, body = send_raw(service, raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "bad_request"


def test_endless_headers_get_a_431(service: ServiceProcess) -> None:
    line = b"X-A: " + b"a" * 10_000 + b"\r\n"
    answer = send_raw(service, b"GET / HTTP/1.1\r\nHost: localhost\r\n", *[line] * 3000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")  # a reset of the connection may discard the answer
    assert service.get("/healthz").status_code == 200
    answer = send_raw(service, b"GET / HTTP/1.1\r\nHost: localhost\r\n", *[line] * 7)
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_pipelined_requests_are_all_answered(service: ServiceProcess) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = request.replace(b"Host", b"Connection: close\r\nHost")
    assert send_raw(service, request + request + last).count(b"HTTP/1.1 200 OK") == 3


def test_an_incomplete_form_gets_a_408(service: ServiceProcess) -> None:
    head = b"POST /signin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    answer = send_raw(service, head, b"token=brainio_")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"]["code"] == "too_slow"
