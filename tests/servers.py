"""Real servers on the loopback interface for tests. They record what they were asked for.

`S3Static` answers reads as S3 does, quickly and with switches for refusals; `FaultyServer` is one that misbehaves on
purpose; `MotoS3` is a whole S3 that can be written to; `HttpFolder` serves a folder over plain HTTP. Each is a context
manager, and any number can run at once.
"""

import hashlib
import re
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HOST = "127.0.0.1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTING",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Request:
    """One request that a server answered. ``bucket`` and ``key`` are empty on `HttpFolder`, which fills ``path``."""

    method: str
    path: str
    bucket: str = ""
    key: str = ""
    version_id: str | None = None
    signed: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@lru_cache(maxsize=64)
def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up in the middle of an answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # what it passes on unread


class HttpServer:
    """A threading HTTP server in a thread of its own, between ``with`` and the end of its block.

    Attributes
    ----------
    requests
        What was asked, in order.
    ranges
        Whether parts of a file are given.
    cut_after
        Bodies end after so many bytes though all are announced.
    cuts
        How many bodies still end so; -1: all.
    refuse_after
        Requests after so many are answered with 403.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.ranges = True
        self.cut_after: int | None = None
        self.cuts = -1
        self.refuse_after: int | None = None
        self._httpd = _QuietServer((HOST, 0), _Handler)
        self._httpd.daemon_threads = True
        self._httpd.app = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._httpd.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    def answer(self, handler: "_Handler") -> None:
        raise NotImplementedError

    def send(self, handler: "_Handler", body: bytes, headers: Mapping[str, str]) -> None:
        """Give a body, or the part of it that is asked for, as the switches say."""
        headers = {"ETag": _etag(body), **headers}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", "")) if self.ranges else None
        status, size = 200, len(body)
        if self.refuse_after is not None and len(self.requests) > self.refuse_after:
            return handler.reply(403, b"no more", {})
        if asked is not None:
            first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
            if first >= size:
                return handler.reply(416, b"", {"Content-Range": f"bytes */{size}"})
            status, body = 206, body[first : last + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if self.cut_after is None or self.cuts == 0:
            return handler.reply(status, body, headers)
        self.cuts -= 1
        return handler.reply(status, body[: self.cut_after], headers, announced=len(body))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.app.answer(self)  # type: ignore[attr-defined]

    def do_HEAD(self) -> None:
        self.do_GET()

    def reply(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, announced: int | None = None
    ) -> None:
        """Send a whole answer; ``announced`` is the Content-Length to claim where it shall differ from the body's."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if announced is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the parent's)
        """Stay silent."""


class S3Static(HttpServer):
    """Answers GET and HEAD of objects as S3 does, in path style, for whatever bucket.

    Attributes
    ----------
    objects
        ``{(bucket, key): bytes}``; may be changed at any time.
    versions
        ``{(bucket, key, version_id): bytes}``; a version id that is not here is answered from ``objects`` unless
        ``strict_versions`` is set.
    refuse_signed, refuse_unsigned
        The S3 error code with which such requests are refused with 403 (None: they are not).
    """

    def __init__(self, objects: Mapping[tuple[str, str], bytes] | None = None) -> None:
        super().__init__()
        self.objects = dict(objects or {})
        self.versions: dict[tuple[str, str, str], bytes] = {}
        self.strict_versions = False
        self.refuse_signed: str | None = None
        self.refuse_unsigned: str | None = None

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Serve ``folder/BUCKET/KEY``."""
        files = (path for path in folder.rglob("*") if path.is_file())
        parts = ((path, path.relative_to(folder).parts) for path in files)
        return cls({(names[0], "/".join(names[1:])): path.read_bytes() for path, names in parts if len(names) > 1})

    def downloads(self) -> list[tuple[str, str, str | None]]:
        """Return (bucket, key, version id) of every GET so far."""
        return [(r.bucket, r.key, r.version_id) for r in self.requests if r.method == "GET"]

    def answer(self, handler: _Handler) -> None:
        parts = urlsplit(handler.path)
        bucket, _, key = unquote(parts.path.removeprefix("/")).partition("/")
        version_id = parse_qs(parts.query, keep_blank_values=True).get("versionId", [None])[0]
        headers = dict(handler.headers.items())
        signed = "Authorization" in handler.headers
        self.requests.append(Request(handler.command, handler.path, bucket, key, version_id, signed, headers))
        refusal = self.refuse_signed if signed else self.refuse_unsigned
        if refusal is not None:
            return self._error(handler, 403, refusal)
        body = self.objects.get((bucket, key))
        if version_id is not None and (self.strict_versions or (bucket, key, version_id) in self.versions):
            body = self.versions.get((bucket, key, version_id))
            if body is None:
                return self._error(handler, 404, "NoSuchVersion")
        if body is None:
            known = any(other == bucket for other, _ in self.objects)
            return self._error(handler, 404, "NoSuchKey" if known or not self.objects else "NoSuchBucket")
        return self.send(handler, body, {"Accept-Ranges": "bytes", "Content-Type": "binary/octet-stream"})

    @staticmethod
    def _error(handler: _Handler, status: int, code: str) -> None:
        handler.reply(status, _error_body(code), {"Content-Type": "application/xml"})


class OpenEndedRanges(S3Static):
    """A server that begins where it is asked to and goes on to the end, of parts from a byte of the file on."""

    ignores_end_from = 0

    def send(self, handler: _Handler, body: bytes, headers: Mapping[str, str]) -> None:
        first = handler.headers.get("Range", "").partition("-")[0]
        if first and int(first.removeprefix("bytes=")) >= self.ignores_end_from:
            handler.headers.replace_header("Range", f"{first}-")
        super().send(handler, body, headers)


Fault = Callable[[_Handler, int, bytes, Mapping[str, str]], None]
"""What is done with a good answer (its status, body and headers) in place of sending it."""


class _Misbehaving:
    """A handler whose answers meet a fault."""

    def __init__(self, handler: _Handler, fault: Fault) -> None:
        self._handler, self._fault = handler, fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._fault(self._handler, status, body, headers)


class FaultyServer(S3Static):
    """Answers as `S3Static`, and plain HTTP at the same paths, but misbehaves when it is told to.

    Attributes
    ----------
    faults
        ``{end of the key: faults}``: every GET of such a key takes the next; without one, the answer is good.
    times
        When each request came, in seconds of `time.monotonic`.
    """

    def __init__(self, objects: Mapping[tuple[str, str], bytes] | None = None) -> None:
        super().__init__(objects)
        self.faults: dict[str, Iterator[Fault]] = {}
        self.times: list[float] = []

    def answer(self, handler: _Handler) -> None:
        self.times.append(time.monotonic())
        path = unquote(urlsplit(handler.path).path)
        waiting = (next(faults, None) for key, faults in self.faults.items() if path.endswith(key))
        fault = next(waiting, None) if handler.command == "GET" else None
        super().answer(handler if fault is None else cast("_Handler", _Misbehaving(handler, fault)))


class HttpFolder(HttpServer):
    """Serves the files of a folder over plain HTTP.

    Attributes
    ----------
    folder
        What is served.
    status
        ``{path: status}`` to answer with instead, for example ``{'/a.csv': 503}``.
    redirects
        ``{path: target URL}``.
    headers
        Sent with every file; those that are empty are left out.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.status: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def answer(self, handler: _Handler) -> None:
        path = unquote(urlsplit(handler.path).path)
        signed = "Authorization" in handler.headers
        self.requests.append(Request(handler.command, path, signed=signed, headers=dict(handler.headers.items())))
        if path in self.redirects:
            return handler.reply(302, b"", {"Location": self.redirects[path]})
        file = self.folder / path.lstrip("/")
        status = self.status.get(path, 200 if file.is_file() else 404)
        if status != 200:
            return handler.reply(status, b"the test said so")
        return self.send(handler, file.read_bytes(), self.headers)


Refusal = Callable[[str, str, str], tuple[str, str, Mapping[str, str]] | None]
"""Given method, path and query of a request: status line, S3's error code and further headers; None: it is answered."""


def _error_body(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>the test said {code}</Message></Error>".encode()


HeaderRefusal = Callable[[Mapping[str, str]], tuple[str, str, Mapping[str, str]] | None]
"""The same, given the headers of a request by their names in lower case."""


class _RequestGate:
    """What stands before moto: it refuses what it is told to, and lets requests that write in one at a time.

    Of two conditional writes at once moto, whose threads look first and write then, would let both happen.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.refusal: Refusal | None = None
        self.header_refusal: HeaderRefusal | None = None
        self.requests: list[Request] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        bucket, _, key = path.lstrip("/").partition("/")
        sent = {name[5:].replace("_", "-").lower(): environ[name] for name in environ if name.startswith("HTTP_")}
        self.requests.append(Request(method, f"{path}?{query}" if query else path, bucket, key, headers=sent))
        refused = self.refusal and self.refusal(method, path, query)
        refused = refused or (self.header_refusal and self.header_refusal(sent))
        if refused:
            status, code, headers = refused
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(status, [("Content-Type", "application/xml"), *headers.items()])
            return [] if method == "HEAD" else [_error_body(code)]
        if method in {"GET", "HEAD"}:
            return self._app(environ, start_response)
        with self._lock:
            return self._write(environ, start_response)

    def _write(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer as moto does, which crashes where an upload in parts was ended; S3 has an error for that."""
        try:
            return self._app(environ, start_response)
        except KeyError:
            if "uploadId=" not in environ.get("QUERY_STRING", ""):
                raise
            start_response("404 Not Found", [("Content-Type", "application/xml")])
            return [_error_body("NoSuchUpload")]


class MotoS3:
    """A whole S3 (moto) over HTTP, on a port of its own. It takes any credentials; set those of `environment`."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer  # a second or two, which most tests need not pay

        self._server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)

    def __enter__(self) -> Self:
        self._server.start()
        self._gate = _RequestGate(self._server._server.app)  # type: ignore[union-attr]  # it was made by starting
        self._server._server.app = self._gate  # type: ignore[union-attr]
        self.reset()
        return self

    def refuse(self, refusal: Refusal | None) -> None:
        """Refuse requests as that says from now on."""
        self._gate.refusal = refusal

    def refuse_headers(self, refusal: HeaderRefusal | None) -> None:
        """Refuse requests with headers of which that says so from now on."""
        self._gate.header_refusal = refusal

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in order."""
        return self._gate.requests

    def open_uploads(self, bucket: str) -> list[str]:
        """Return the keys of uploads in parts that were begun and not ended."""
        return [one["Key"] for one in self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which boto3 talks to this server with credentials."""
        return {"AWS_ENDPOINT_URL": self.url, **CREDENTIALS}

    def client(self) -> "S3Client":
        """Return a boto3 client of this server that ignores the environment."""
        return self._client

    @cached_property
    def _client(self) -> "S3Client":
        import boto3

        session = boto3.session.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
        )
        return session.client("s3", endpoint_url=self.url)

    def create_bucket(self, name: str, *, versioning: bool = False, public: bool = False) -> None:
        """Make a bucket; with ``public`` its objects are readable without credentials."""
        client = self.client()
        client.create_bucket(Bucket=name, ACL="public-read" if public else "private")
        if versioning:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, bucket: str, key: str, body: bytes) -> str | None:
        """Write an object; return its version id where the bucket has versions."""
        return self.client().put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket, sorted."""
        return sorted(item["Key"] for item in self.client().list_objects_v2(Bucket=bucket).get("Contents", []))

    def reset(self) -> None:
        """Delete every bucket (moto keeps them for the whole process), every refusal and every record."""
        self._gate.refusal = self._gate.header_refusal = None
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()
        self._gate.requests.clear()


def closed_port() -> int:
    """Return a port of the loopback interface on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
