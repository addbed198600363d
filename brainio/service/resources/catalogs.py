"""Catalogs: their JSON records and change feeds, and the CSV form with sidecars by which other machines add them.

`BRAINIO_CATALOGS=https://HOST/catalogs/lab` adds one.
"""

import posixpath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.catalogs.backends.csv_base import PUBLICATIONS_FILE
from brainio.cursors import LONGEST, bad_cursor, read_cursor, write_cursor
from brainio.service import schemas, urls
from brainio.service.access import check_download
from brainio.service.change_log import Change, ChangeCursor
from brainio.service.dependencies import AccessDep, ServiceDep, SnapshotDep, negotiate
from brainio.service.errors import error_responses, http_error
from brainio.service.resources.downloads import FILE_RESPONSES, send_file
from brainio.service.resources.entries import render_card
from brainio.service.responses import JSON, RenderedBody, render, respond
from brainio.service.snapshots import Snapshot

router = APIRouter(prefix=urls.API)
csv_router = APIRouter(tags=["catalogs for other machines"])
CSV = "text/csv"
_SIDECAR_RESPONSES = {
    **FILE_RESPONSES,
    200: {"description": "The file.", "content": {**FILE_RESPONSES[200]["content"], JSON: {}}},
}
_CSV_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}, JSON: {}}, "description": "The catalog."},
    **error_responses(404, 422, 503),
}


@router.get("/catalogs", tags=["catalogs"], responses={200: {"model": schemas.Catalogs}, **error_responses()})
async def catalog_list(request: Request, snapshot: SnapshotDep, access: AccessDep) -> Response:
    """List the catalogs."""
    records = [schemas.catalog_record(snapshot, name) for name in snapshot.names(access)]
    body = schemas.Catalogs(catalogs=records).model_dump_json(by_alias=True)
    return respond(request.headers, render(body.encode()))


@router.get(
    "/catalogs/{catalog}",
    tags=["catalogs"],
    responses={200: {"model": schemas.CatalogRecord}, **error_responses(404, 422)},
)
async def catalog_record(request: Request, catalog: str, snapshot: SnapshotDep, access: AccessDep) -> Response:
    """Return the record of a catalog."""
    if catalog not in snapshot.names(access):
        snapshot.catalog(catalog, access)
    return respond(request.headers, _render_record(snapshot, catalog))


@router.get(
    "/catalogs/{catalog}/changes",
    tags=["changes"],
    responses={200: {"model": schemas.Changes}, **error_responses(404, 410, 422, 503)},
)
def changes(
    request: Request,
    catalog: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    since: Annotated[str | None, Query(max_length=LONGEST, description="The cursor of an earlier response.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """List the entries that were added, changed and removed since a cursor; without one, return the current cursor."""
    snapshot.catalog(catalog, access)
    result = service.change_log.since(catalog, None if since is None else _parse_cursor(since, catalog), limit)
    if result is None:
        message = f"the changes of catalog {catalog!r} since this cursor are no longer available"
        hint = "List all entries anew, then request changes without a cursor."
        raise http_error(410, "cursor_expired", message, hint)
    found, cursor = result
    record = schemas.Changes(
        catalog=catalog,
        changes=[_change_record(catalog, change) for change in found],
        cursor=write_cursor({"changes": catalog}, list(cursor)),
        more=cursor.identifier is not None,
    )
    return respond(request.headers, render(record.model_dump_json(by_alias=True).encode()))


def _change_record(catalog: str, change: Change) -> schemas.ChangeRecord:
    is_removed = change.change == "removed"
    url = None if is_removed else urls.current_entry_api_url(catalog, change.kind, change.identifier)
    return schemas.ChangeRecord.model_validate(change._asdict() | {"url": url})


def _parse_cursor(text: str, catalog: str) -> ChangeCursor:
    match read_cursor(text, {"changes": catalog}):
        case [str(epoch), int(base), int(last), None, None] if 0 <= base <= last < 2**62:
            return ChangeCursor(epoch, base, last)
        case [str(epoch), int(base), int(last), str(identifier), str(kind)] if 0 <= base <= last < 2**62:
            return ChangeCursor(epoch, base, last, identifier, kind)
    raise bad_cursor("holds no position")


@csv_router.get("/catalogs/{catalog}", responses=_CSV_RESPONSES, response_class=Response)
async def catalog_csv(request: Request, catalog: str, snapshot: SnapshotDep, access: AccessDep) -> Response:
    """Return a catalog as CSV for other machines, or its JSON record if `Accept` prefers JSON."""
    served = snapshot.catalog(catalog, access)
    if negotiate(request.headers.get("accept"), [CSV, JSON]) == CSV:
        return respond(request.headers, snapshot.responses.store(access, request, served.csv))
    return respond(request.headers, _render_record(snapshot, catalog))


@csv_router.get("/catalogs/{catalog}/{path:path}", responses=_SIDECAR_RESPONSES, response_class=Response)
async def catalog_file(
    request: Request, catalog: str, path: str, snapshot: SnapshotDep, service: ServiceDep, access: AccessDep
) -> Response:
    """Return a file below a catalog: the publications, cards and files that it lists, and nothing else."""
    served = snapshot.catalog(catalog, access)
    if path == f"{catalog}.csv":
        return respond(request.headers, served.csv)
    if path == PUBLICATIONS_FILE:
        text = await run_in_threadpool(served.source.backend.sidecars.read_publications)
        if text is not None:
            return respond(request.headers, render(text.encode(), f"{CSV}; charset=utf-8", "Accept-Encoding"))
    target = served.files.get(posixpath.normpath(path)) if path else None
    if target is None:
        hint = f"{urls.with_prefix('/catalogs/')}{catalog} lists its files."
        raise http_error(404, "no_such_file", f"catalog {catalog!r} lists no file {path[:200]!r}", hint)
    if target.file is None:
        return respond(request.headers, await run_in_threadpool(render_card, target.entry, access, snapshot))
    check_download(access, target.entry, service.access_control.embargoes)
    return await send_file(request, target.entry, target.file, service.settings)


def _render_record(snapshot: Snapshot, catalog: str) -> RenderedBody:
    return render(schemas.catalog_record(snapshot, catalog).model_dump_json(by_alias=True).encode())
