"""The bytes of files: a redirect to where everybody can have them, a signed link, or the bytes themselves."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from brainio.catalogs import Entry, EntryFile
from brainio.errors import LocationError, TransferError
from brainio.service.errors import away, refusal
from brainio.service.locations import is_signed, location_of
from brainio.service.ranges import is_still, span_of
from brainio.service.responses import is_known
from brainio.service.settings import Settings
from brainio.stores import Location, Reading, Span, open_read, request_url, stat
from brainio.stores.transfer import WHOLE, after, first

_BLOCK = 2**18  # bytes
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "zip": "application/zip", "nc": "application/x-netcdf"}
_threads = anyio.CapacityLimiter(32)  # of their own, so that slow disks keep nobody from searching


async def send(request: Request, entry: Entry, file: EntryFile, settings: Settings) -> Response:
    """Answer with the bytes of a file, or with where they are.

    Raises
    ------
    HTTPException
        404: they are nowhere; 416: the part that was asked for is not there; 503: their store is away.
    """
    failures: list[Exception] = []
    for text, location_type in [(file.location, file.location_type), *((mirror, "") for mirror in file.mirrors)]:
        try:
            location = location_of(entry, text, location_type)
            if location.is_shareable:
                return await run_sync(_redirect, request, location, file, settings, limiter=_threads)
            size = await run_sync(stat, location, file.version_id, limiter=_threads)
        except (TransferError, LocationError) as error:
            failures.append(error)
            continue
        if size is not None and (file.size is None or file.size == size):
            return await _stream(request, location, entry, file, size)
    if any(isinstance(error, TransferError) for error in failures):
        raise away(f"the store of the {file.part} file of {entry.kind} {entry.identifier!r} does not answer")
    raise refusal(
        404,
        "no_bytes",
        f"the {file.part} file of {entry.kind} {entry.identifier!r} does not lie where its catalog says",
        "Tell whoever runs this service.",
    )


def _redirect(request: Request, location: Location, file: EntryFile, settings: Settings) -> Response:
    seconds = settings.signed_seconds if is_signed(location, settings.signed_buckets) else None
    method = "HEAD" if _is_head(request) else "GET"
    url = request_url(location, file.version_id, method=method, signed_seconds=seconds)
    return RedirectResponse(url, 302, {"Cache-Control": "no-cache" if seconds is None else "no-store"})


def _is_head(request: Request) -> bool:
    return bool(request.scope.get("is_head"))


async def _stream(request: Request, location: Location, entry: Entry, file: EntryFile, size: int) -> Response:
    tag = file.sha256 or file.sha1 or await _tag_of_state(location, file, size)
    name = location.name.replace('"', "_").encode("ascii", "replace").decode()
    headers = {
        # Without a tag parts of two states of the file could be put together.
        **({"ETag": f'"{tag}"', "Accept-Ranges": "bytes"} if tag else {"Accept-Ranges": "none"}),
        "Cache-Control": "no-cache",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    if tag and is_known(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    span = _asked(request, tag, size, headers) if tag else WHOLE
    length = size if span.stop is None else span.stop - span.start
    headers["Content-Length"] = str(length)
    status = 200 if span.is_whole else 206
    if not span.is_whole:
        headers["Content-Range"] = f"bytes {span.start}-{(span.stop or size) - 1}/{size}"
    if _is_head(request):
        return Response(b"", status, headers, MEDIA_TYPES[file.part])
    blocks = await _opened(
        open_read(location, file.version_id, span), Span(span.start, span.start + length), size, entry
    )
    return StreamingResponse(blocks, status, headers, MEDIA_TYPES[file.part])


def _asked(request: Request, tag: str, size: int, headers: dict[str, str]) -> Span:
    if not is_still(request.headers.get("if-range"), tag):
        return WHOLE
    span = span_of(request.headers.get("range"), size) or WHOLE
    if span.start != span.stop:
        return span
    message = f"the file has {size:,} bytes; Range is {request.headers.get('range', '')[:100]!r}"
    headers = {"Content-Range": f"bytes */{size}", "ETag": headers["ETag"]}
    raise refusal(416, "range_not_satisfiable", message, "Ask for bytes that it has.", headers)


async def _tag_of_state(location: Location, file: EntryFile, size: int) -> str:
    """Return a tag of a file without a promised hash, made of the strong validator of its store; empty without one."""

    def look() -> str:
        with open_read(location, file.version_id, Span(0, 1)) as reading:
            return reading.facts.validator or ""

    state = await run_sync(look, limiter=_threads)
    return hashlib.sha256(f"{state} {size}".encode()).hexdigest()[:32] if state else ""


async def _opened(
    opening: AbstractContextManager[Reading], span: Span, size: int, entry: Entry
) -> AsyncIterator[bytes]:
    """Open a file before the answer begins, so that what fails then is still told; the rest is read as it is sent."""
    stack = ExitStack()
    reading = await run_sync(stack.enter_context, opening, limiter=_threads)
    if reading.facts.size not in (None, size):
        await run_sync(stack.close)
        raise away(f"a file of {entry.kind} {entry.identifier!r} is being changed")
    # A store may begin earlier than it was asked to, and go on for longer.
    blocks = after(reading.chunks(_BLOCK), span.start - reading.facts.start)
    return _blocks(stack, first(blocks, (span.stop or size) - span.start))


async def _blocks(stack: ExitStack, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        while (block := await run_sync(next, blocks, None, limiter=_threads)) is not None:
            yield block
    finally:
        stack.close()
