"""Entries described as Croissant 1.0, the JSON-LD of schema.org, with the files as this service gives them."""

import json

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.service import addresses, records, shapes
from brainio.service.context import Now, Serves
from brainio.service.problems import answers
from brainio.service.questions import Named
from brainio.service.rendering import Rendered, render, respond
from brainio.service.rights import Sees

router = APIRouter(prefix=addresses.API, tags=["croissant"])
JSON_LD = "application/ld+json"


@router.get(
    "/croissant/{catalog}/{kind}/{identifier:path}",
    responses={200: {"content": {JSON_LD: {}}, "description": "The description."}, **answers(404, 422, 503)},
    response_class=Response,
)
async def description(
    request: Request,
    catalog: str,
    kind: shapes.Kind,
    identifier: str,
    now: Now,
    serves: Serves,
    sight: Sees,
    version: Named = None,
) -> Response:
    """Describe an entry as Croissant 1.0, which programs for machine learning read."""
    found = now.entry(catalog, kind, identifier, sight, version)

    def make() -> Rendered:
        described = records.croissant_of(found, serves.origin(request))
        return render(json.dumps(described, ensure_ascii=False).encode("utf-8", "backslashreplace"), JSON_LD)

    return respond(request.headers, await run_in_threadpool(make))
