"""Real servers for tests on the loopback interface, which record their requests.

`S3Static` is a fast read-only S3 that can refuse requests; `FaultyServer` also damages answers; `MotoS3` is a complete
S3; `HttpFolder` serves a folder over plain HTTP. Each is a context manager, and any number can run at once.
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
    """A request that a server received; `HttpFolder` leaves ``bucket`` and ``key`` empty."""

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
        """Report no clients that close the connection during an answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class HttpServer:
    """Context manager that runs a threading HTTP server in its own thread.

    Attributes
    ----------
    requests
        The requests so far, in order.
    ranges
        Whether the server supports range requests.
    cut_after
        Number of bytes after which bodies end, although Content-Length announces all; None for complete bodies.
    cuts
        Number of further bodies that end early; -1 for all.
    refuse_after
        Number of requests after which the server answers 403; None for no limit.
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
        """Send a body or the requested range of it, subject to the attributes."""
        headers = {"ETag": _etag(body), **headers}
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", "")) if self.ranges else None
        status, size = 200, len(body)
        if self.refuse_after is not None and len(self.requests) > self.refuse_after:
            return handler.reply(403, b"no more", {})
        if span is not None:
            first, last = int(span[1]), min(int(span[2] or size), size - 1)
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
    disable_nagle_algorithm = True  # else the body of each answer waits 40 ms for the acknowledgement of its head

    def do_GET(self) -> None:
        self.server.app.answer(self)  # type: ignore[attr-defined]

    def do_HEAD(self) -> None:
        self.do_GET()

    def reply(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, announced: int | None = None
    ) -> None:
        """Send an answer; ``announced`` is a Content-Length that differs from the size of the body."""
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
        """Log nothing."""


class S3Static(HttpServer):
    """Answers GET and HEAD requests like S3, with path-style addresses and any bucket.

    Attributes
    ----------
    objects
        ``{(bucket, key): bytes}``; tests may change it at any time.
    versions
        ``{(bucket, key, version_id): bytes}``. Requests for other version ids get the body in ``objects``, or a 404
        with ``strict_versions``.
    refuse_signed, refuse_unsigned
        S3 error code of the 403 that signed or unsigned requests get; None to answer them.
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
    """Sends the rest of the file instead of the requested range, for ranges that start at or after a position."""

    ignores_end_from = 0

    def send(self, handler: _Handler, body: bytes, headers: Mapping[str, str]) -> None:
        first = handler.headers.get("Range", "").partition("-")[0]
        if first and int(first.removeprefix("bytes=")) >= self.ignores_end_from:
            handler.headers.replace_header("Range", f"{first}-")
        super().send(handler, body, headers)


Fault = Callable[[_Handler, int, bytes, Mapping[str, str]], None]
"""Sends something else instead of a correct answer with the given status, body and headers."""


class _FaultyHandler:
    """Passes the answers of a handler to a fault."""

    def __init__(self, handler: _Handler, fault: Fault) -> None:
        self._handler, self._fault = handler, fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._fault(self._handler, status, body, headers)


class FaultyServer(S3Static):
    """Answers like `S3Static`, also over plain HTTP at the same paths, with configurable faults.

    Attributes
    ----------
    faults
        ``{end of the key: faults}``: each GET of such a key consumes the next fault. Without one the answer is correct.
    times
        Time of each request, in seconds of `time.monotonic`.
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
        super().answer(handler if fault is None else cast("_Handler", _FaultyHandler(handler, fault)))


class HttpFolder(HttpServer):
    """Serves the files of a folder over plain HTTP.

    Attributes
    ----------
    folder
        The served folder.
    status
        ``{path: status}`` of paths that get an error, for example ``{'/a.csv': 503}``.
    redirects
        ``{path: target URL}``.
    headers
        Headers of every file; the server omits empty values.
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
            return handler.reply(status, b"configured by the test")
        return self.send(handler, file.read_bytes(), self.headers)


Refusal = Callable[[str, str, str], tuple[str, str, Mapping[str, str]] | None]
"""Given method, path and query of a request: status line, S3 error code and headers of the error; None to answer it."""


def _error_body(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>the test returns {code}</Message></Error>".encode()


HeaderRefusal = Callable[[Mapping[str, str]], tuple[str, str, Mapping[str, str]] | None]
"""Same as `Refusal`, given the headers of a request by their names in lower case."""


class _RequestGate:
    """Refuses configured requests, and passes other requests to moto, writes one at a time.

    The threads of moto first check a condition and then write, so that two conditional writes could both succeed.
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
        error = self.refusal and self.refusal(method, path, query)
        error = error or (self.header_refusal and self.header_refusal(sent))
        if error:
            status, code, headers = error
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(status, [("Content-Type", "application/xml"), *headers.items()])
            return [] if method == "HEAD" else [_error_body(code)]
        if method in {"GET", "HEAD"}:
            return self._app(environ, start_response)
        with self._lock:
            return self._write(environ, start_response)

    def _write(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Pass a request to moto, and return the error of S3 where moto crashes: a multipart upload that has ended."""
        try:
            return self._app(environ, start_response)
        except KeyError:
            if "uploadId=" not in environ.get("QUERY_STRING", ""):
                raise
            start_response("404 Not Found", [("Content-Type", "application/xml")])
            return [_error_body("NoSuchUpload")]


class MotoS3:
    """A complete S3 (moto) on its own port; it accepts any credentials, for example those of `environment`."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer  # takes a second or two, which most tests avoid

        self._server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)

    def __enter__(self) -> Self:
        self._server.start()
        self._gate = _RequestGate(self._server._server.app)  # type: ignore[union-attr]  # created by start()
        self._server._server.app = self._gate  # type: ignore[union-attr]
        self.reset()
        return self

    def refuse(self, refusal: Refusal | None) -> None:
        """Set which requests the server refuses from now on."""
        self._gate.refusal = refusal

    def refuse_headers(self, refusal: HeaderRefusal | None) -> None:
        """Set which headers the server refuses from now on."""
        self._gate.header_refusal = refusal

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in order."""
        return self._gate.requests

    def open_uploads(self, bucket: str) -> list[str]:
        """Return the keys of unfinished multipart uploads."""
        return [upload["Key"] for upload in self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

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
        """Environment variables for boto3: this server and its credentials."""
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
        """Create a bucket; with ``public`` its objects are readable without credentials."""
        client = self.client()
        client.create_bucket(Bucket=name, ACL="public-read" if public else "private")
        if versioning:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, bucket: str, key: str, body: bytes) -> str | None:
        """Write an object, and return its version id if the bucket has versions."""
        return self.client().put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket, sorted."""
        return sorted(item["Key"] for item in self.client().list_objects_v2(Bucket=bucket).get("Contents", []))

    def reset(self) -> None:
        """Delete all buckets, which moto keeps for the whole process, all refusals, and all recorded requests."""
        self._gate.refusal = self._gate.header_refusal = None
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()
        self._gate.requests.clear()


def closed_port() -> int:
    """Return a port of the loopback interface on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
