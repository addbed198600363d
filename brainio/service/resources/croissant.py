"""Entries described as Croissant 1.0, the JSON-LD of schema.org, with the files as this service gives them."""

import json

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.service import records, schemas, urls
from brainio.service.access import AccessDep
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.errors import answers
from brainio.service.query_params import Named
from brainio.service.responses import RenderedBody, render, respond

router = APIRouter(prefix=urls.API, tags=["croissant"])
JSON_LD = "application/ld+json"


@router.get(
    "/croissant/{catalog}/{kind}/{identifier:path}",
    responses={200: {"content": {JSON_LD: {}}, "description": "The description."}, **answers(404, 422, 503)},
    response_class=Response,
)
async def description(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: Named = None,
) -> Response:
    """Describe an entry as Croissant 1.0, which programs for machine learning read."""
    found = snapshot.entry(catalog, kind, identifier, access, version)

    def make() -> RenderedBody:
        described = records.croissant_of(found, service.origin(request))
        return render(json.dumps(described, ensure_ascii=False).encode("utf-8", "backslashreplace"), JSON_LD)

    return respond(request.headers, await run_in_threadpool(make))
