"""Catalogs that other machines put in force: the CSV form, the table of publications, cards and files beside it.

`BRAINIO_CATALOGS=https://HOST/catalogs/lab` names one.
"""

import posixpath
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.catalogs.listing import folder_of
from brainio.catalogs.publications import FILE_NAME, publications_text
from brainio.catalogs.sources import CatalogSource
from brainio.service import records, urls
from brainio.service.access import AccessDep, require_bytes
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.downloads import send
from brainio.service.errors import answers, refusal
from brainio.service.negotiation import chosen
from brainio.service.resources.entries import card_of
from brainio.service.resources.files import ANSWERS
from brainio.service.responses import JSON, render, respond
from brainio.service.snapshots import ServedCatalog

router = APIRouter(tags=["catalogs in force elsewhere"])
CSV = "text/csv"
_BESIDE = {**ANSWERS, 200: {"description": "The file.", "content": {**ANSWERS[200]["content"], JSON: {}}}}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}, JSON: {}}, "description": "The catalog."}
}


@router.get("/catalogs/{catalog}", responses={**_CSV, **answers(404, 422, 503)}, response_class=Response)
async def catalog(request: Request, catalog: str, snapshot: SnapshotDep, access: AccessDep) -> Response:
    """Give a catalog in the form that is asked for: CSV, which puts it in force elsewhere, or its JSON record."""
    held = snapshot.catalog(catalog, access)
    if chosen(request.headers.get("accept"), [CSV, JSON]) == CSV:
        return respond(request.headers, snapshot.responses.store(access, request, held.csv))
    return respond(request.headers, render(records.catalog(snapshot, catalog).model_dump_json(by_alias=True).encode()))


@router.get("/catalogs/{catalog}/{path:path}", responses=_BESIDE, response_class=Response)
async def beside(
    request: Request, catalog: str, path: str, snapshot: SnapshotDep, service: ServiceDep, access: AccessDep
) -> Response:
    """Give what lies beside a catalog: its publications, and the cards and files that it lists. Nothing else is had."""
    held = snapshot.catalog(catalog, access)
    if path == f"{catalog}.csv":
        return respond(request.headers, held.csv)
    if path == FILE_NAME:
        text = await run_in_threadpool(_publications, held)
        if text is not None:
            return respond(request.headers, render(text.encode(), f"{CSV}; charset=utf-8", "Accept-Encoding"))
    place = held.places.get(posixpath.normpath(path)) if path else None
    if place is None:
        hint = f"{urls.with_prefix('/catalogs/')}{catalog} lists its files."
        raise refusal(404, "no_such_file", f"nothing is at {path[:200]!r} beside catalog {catalog!r}", hint)
    if place.file is None:
        return respond(request.headers, await run_in_threadpool(card_of, place.entry, access, snapshot))
    require_bytes(access, place.entry, service.access_control.embargoes)
    return await send(request, place.entry, place.file, service.settings)


def _publications(held: ServedCatalog) -> str | None:
    return publications_text(folder_of(held.source.location)) if isinstance(held.source, CatalogSource) else None
