"""Promises for requests that are wrong: a 4xx in the one shape, whatever is wrong with them."""

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
WRONG = [
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
ESCAPES = [
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


def shape(answer: httpx.Response) -> dict[str, str]:
    """Return what an error says, if it is one of the one shape."""
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    told: dict[str, str] = answer.json()["error"]
    assert sorted(told) == ["code", "hint", "message", "request_id"]
    assert told["message"]
    assert told["request_id"] == answer.headers["x-request-id"]
    return told


@pytest.mark.parametrize(("path", "status", "code"), WRONG, ids=[path[:60] for path, _, _ in WRONG])
def test_a_wrong_request_gets_a_4xx_of_the_one_shape(
    service: ServiceProcess, path: str, status: int, code: str
) -> None:
    answer = service.get(path)
    assert (answer.status_code, shape(answer)["code"]) == (status, code)


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leads_out_of_what_a_catalog_lists(service: ServiceProcess, path: str) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("GET", f"/catalogs/lab/{path}")  # as it is: clients at large take dots away
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status in {400, 404}
    assert list(body) == ["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", ["/api/v1/entries", ENTRY, "/catalogs/lab", "/healthz"])
def test_nothing_can_be_written(service: ServiceProcess, path: str, method: str) -> None:
    answer = service.client.request(method, path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    shape(answer)


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
def test_a_wrong_header_gets_a_4xx_of_the_one_shape(
    service: ServiceProcess, headers: dict[str, str], status: int, code: str
) -> None:
    answer = service.client.get(ENTRY, headers=headers)
    assert (answer.status_code, shape(answer)["code"]) == (status, code)


def test_a_mistyped_parameter_is_told_its_name(service: ServiceProcess) -> None:
    assert "limit" in shape(service.get("/api/v1/entries?limt=2"))["hint"]


def test_a_cursor_of_another_question_is_refused(service: ServiceProcess) -> None:
    following = service.get("/api/v1/entries?limit=1&kind=assembly").json()["next"]
    assert service.get(following).status_code == 200
    answer = service.get(following.replace("kind=assembly", "kind=stimulus_set"))
    assert shape(answer)["code"] == "bad_cursor"


def test_every_answer_has_the_id_of_its_request(service: ServiceProcess) -> None:
    assert service.get("/healthz", X_Request_ID="mine-1").headers["x-request-id"] == "mine-1"
    assert service.get("/healthz", X_Request_ID="no good id").headers["x-request-id"] != "no good id"
    ids = {service.get(path).headers["x-request-id"] for path in (ENTRY, ENTRY, "/nothing")}
    assert len(ids) == 3


def test_every_answer_has_the_headers_of_security(service: ServiceProcess) -> None:
    for path in (ENTRY, "/nothing", "/catalogs/lab", "/metrics", f"/api/v1/files/lab/assembly/nc/{CARNEY}"):
        headers = service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


@given(position=st.lists(st.text() | st.integers(), max_size=4), question=st.dictionaries(st.text(), st.text()))
def test_a_cursor_is_read_as_it_was_written(position: list[object], question: dict[str, str]) -> None:
    assert read_cursor(write_cursor(question, position), question) == position


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_whatever_is_no_cursor_is_refused_as_such(text: str) -> None:
    with pytest.raises(CursorError, match="start without one"):
        read_cursor(text, {})


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_whatever_accept_says_a_form_is_chosen_or_refused(accept: str) -> None:
    status, form = 200, None
    try:
        form = negotiate(accept, ["text/csv", "application/json"])
    except HTTPException as refused:
        status = refused.status_code
    assert (status, form) in {(200, "text/csv"), (200, "application/json"), (400, None), (406, None)}


def sent(service: ServiceProcess, *pieces: bytes) -> bytes:
    """Return what is answered to bytes that are sent as they are."""
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
def test_what_is_no_http_gets_a_400_of_the_one_shape(service: ServiceProcess, raw: bytes) -> None:
    head, _, body = sent(service, raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "bad_request"


def test_headers_without_an_end_are_not_collected(service: ServiceProcess) -> None:
    line = b"X-A: " + b"a" * 10_000 + b"\r\n"
    answer = sent(service, b"GET / HTTP/1.1\r\nHost: localhost\r\n", *[line] * 3000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")  # it may be lost with what was sent behind it
    assert service.get("/healthz").status_code == 200
    gentle = sent(service, b"GET / HTTP/1.1\r\nHost: localhost\r\n", *[line] * 7)
    assert gentle.startswith(b"HTTP/1.1 431 ")


def test_several_requests_on_one_connection_are_answered_in_order(service: ServiceProcess) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = ask.replace(b"Host", b"Connection: close\r\nHost")
    assert sent(service, ask + ask + last).count(b"HTTP/1.1 200 OK") == 3


def test_a_form_that_does_not_come_is_not_waited_for(service: ServiceProcess) -> None:
    head = b"POST /signin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    answer = sent(service, head, b"token=brainio_")
    said, _, body = answer.partition(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"]["code"] == "too_slow"
