"""Downloads of files: redirects to public locations, signed links, or the bytes themselves with ranges (RFC 9110)."""

import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Literal

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from brainio.catalogs import Entry, EntryFile
from brainio.errors import LocationError, TransferError
from brainio.service import schemas
from brainio.service.access import check_download
from brainio.service.dependencies import AccessDep, NameQuery, ServiceDep, SnapshotDep
from brainio.service.errors import error_responses, http_error, unavailable
from brainio.service.locations import needs_signed_link, parse_entry_location
from brainio.service.responses import matches_etag
from brainio.service.settings import Settings
from brainio.service.urls import API
from brainio.stores import Location, Reading, Span, open_read, request_url, stat
from brainio.stores.store import WHOLE, after, first

router = APIRouter(prefix=API, tags=["files"])
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "zip": "application/zip", "nc": "application/x-netcdf"}
_BLOCK = 2**18  # bytes
_threads = anyio.CapacityLimiter(32)  # separate threads, so that slow disks do not delay other requests
_BYTE_RANGE = re.compile(r"bytes\s*+=\s*+(\d{0,19})\s*+-\s*+(\d{0,19})\s*+", re.ASCII)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE_CONTENT = {"content": dict.fromkeys(_MEDIA_TYPES.values(), _BINARY)}
FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", **_FILE_CONTENT},
    206: {"description": "The requested range.", **_FILE_CONTENT},
    302: {"description": "The location of the file."},
    304: {"description": "The client has the file."},
    **error_responses(403, 404, 416, 422),
}


@router.get("/files/{catalog}/{kind}/{part}/{identifier:path}", responses=FILE_RESPONSES, response_class=Response)
async def file(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    part: Literal["csv", "zip", "nc"],
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: NameQuery = None,
) -> Response:
    """Return a file, the part of it that `Range` requests, or a redirect to its location."""
    entry = snapshot.entry(catalog, kind, identifier, access, version)
    entry_file = entry.file(part)
    if entry_file is None:
        parts = ", ".join(other.part for other in entry.files)
        message = f"{entry.kind} {entry.identifier!r} has no {part} file"
        raise http_error(404, "no_such_file", message, f"It has: {parts}.")
    check_download(access, entry, service.access_control.embargoes)
    return await send_file(request, entry, entry_file, service.settings)


async def send_file(request: Request, entry: Entry, file: EntryFile, settings: Settings) -> Response:
    """Send a file from its location or the first mirror that has it, or redirect to a remote one.

    Raises
    ------
    HTTPException
        404: no location has the file; 416: the file does not have the range; 503: its store is unavailable.
    """
    failures: list[Exception] = []
    for text, location_type in [(file.location, file.location_type), *((mirror, "") for mirror in file.mirrors)]:
        try:
            location = parse_entry_location(entry, text, location_type)
            if location.is_shareable:
                return await run_sync(_redirect, request, location, file, settings, limiter=_threads)
            size = await run_sync(stat, location, file.version_id, limiter=_threads)
        except (TransferError, LocationError) as error:
            failures.append(error)
            continue
        if size is not None and (file.size is None or file.size == size):
            return await _stream(request, location, entry, file, size)
    if any(isinstance(error, TransferError) for error in failures):
        raise unavailable(f"the store of the {file.part} file of {entry.kind} {entry.identifier!r} does not respond")
    message = f"no location in the catalog has the {file.part} file of {entry.kind} {entry.identifier!r}"
    raise http_error(404, "no_bytes", message, "Report it to the operator of this service.")


def _redirect(request: Request, location: Location, file: EntryFile, settings: Settings) -> Response:
    seconds = settings.signed_seconds if needs_signed_link(location, settings.signed_buckets) else None
    method = "HEAD" if _is_head(request) else "GET"
    url = request_url(location, file.version_id, method=method, signed_seconds=seconds)
    return RedirectResponse(url, 302, {"Cache-Control": "no-cache" if seconds is None else "no-store"})


def _is_head(request: Request) -> bool:
    return bool(request.scope.get("is_head"))


async def _stream(request: Request, location: Location, entry: Entry, file: EntryFile, size: int) -> Response:
    etag = file.sha256 or file.sha1 or await _etag_of_store(location, file, size)
    name = location.name.replace('"', "_").encode("ascii", "replace").decode()
    headers = {
        # Without an ETag, a client could combine ranges of two versions of the file.
        **({"ETag": f'"{etag}"', "Accept-Ranges": "bytes"} if etag else {"Accept-Ranges": "none"}),
        "Cache-Control": "no-cache",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    if etag and matches_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    span = _requested_span(request, etag, size) if etag else WHOLE
    length = size if span.stop is None else span.stop - span.start
    headers["Content-Length"] = str(length)
    status = 200 if span.is_whole else 206
    if not span.is_whole:
        headers["Content-Range"] = f"bytes {span.start}-{(span.stop or size) - 1}/{size}"
    if _is_head(request):
        return Response(b"", status, headers, _MEDIA_TYPES[file.part])
    reading = open_read(location, file.version_id, span)
    blocks = await _open_blocks(reading, Span(span.start, span.start + length), size, entry)
    return StreamingResponse(blocks, status, headers, _MEDIA_TYPES[file.part])


def _requested_span(request: Request, etag: str, size: int) -> Span:
    if not if_range_matches(request.headers.get("if-range"), etag):
        return WHOLE
    span = parse_range(request.headers.get("range"), size) or WHOLE
    if span.start != span.stop:
        return span
    message = f"the file has {size:,} bytes; Range is {request.headers.get('range', '')[:100]!r}"
    headers = {"Content-Range": f"bytes */{size}", "ETag": f'"{etag}"'}
    raise http_error(416, "range_not_satisfiable", message, "Request a range within the file.", headers)


def parse_range(header: str | None, size: int) -> Span | None:
    """Return the part of a file that a `Range` header requests; None for the whole file.

    As RFC 9110 allows, malformed headers, other units and several ranges are ignored: the client gets the whole file.

    Parameters
    ----------
    header : str or None
        `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`.
    size : int
        Size of the file in bytes.

    Returns
    -------
    Span or None
        Empty (`start == stop`) if no byte of the file is in the range.

    Examples
    --------
    >>> parse_range("bytes=2-3", 10), parse_range("bytes=-4", 10), parse_range("bytes=7-", 10)
    (Span(start=2, stop=4), Span(start=6, stop=10), Span(start=7, stop=10))
    """
    match = _BYTE_RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        count = min(int(match[2]), size)
        return Span(size - count, size)
    start = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < start:
        return None
    if start >= size:
        return Span(size, size)
    return Span(start, min(last, size - 1) + 1)


def if_range_matches(if_range: str | None, etag: str) -> bool:
    """Whether a range may be sent according to an `If-Range` header: it is absent, or names the ETag.

    Examples
    --------
    >>> if_range_matches(None, "ab"), if_range_matches('"ab"', "ab"), if_range_matches('W/"ab"', "ab")
    (True, True, False)
    """
    return if_range is None or if_range.strip() == f'"{etag}"'


async def _etag_of_store(location: Location, file: EntryFile, size: int) -> str:
    """Return an ETag of a file without a hash, from its store's strong validator; empty if the store sends none."""

    def read_validator() -> str:
        with open_read(location, file.version_id, Span(0, 1)) as reading:
            return reading.facts.validator or ""

    validator = await run_sync(read_validator, limiter=_threads)
    return hashlib.sha256(f"{validator} {size}".encode()).hexdigest()[:32] if validator else ""


async def _open_blocks(
    opening: AbstractContextManager[Reading], span: Span, size: int, entry: Entry
) -> AsyncIterator[bytes]:
    """Open a file before the response starts, so that a failure still gets an error status, and return its blocks."""
    stack = ExitStack()
    reading = await run_sync(stack.enter_context, opening, limiter=_threads)
    if reading.facts.size not in (None, size):
        await run_sync(stack.close)
        raise unavailable(f"a file of {entry.kind} {entry.identifier!r} is being changed")
    # A store may begin before the requested span, and continue after it.
    blocks = after(reading.chunks(_BLOCK), span.start - reading.facts.start)
    return _read_blocks(stack, first(blocks, (span.stop or size) - span.start))


async def _read_blocks(stack: ExitStack, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        while (block := await run_sync(next, blocks, None, limiter=_threads)) is not None:
            yield block
    finally:
        stack.close()
