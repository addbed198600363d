"""The catalogs that are served, as JSON records."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from brainio.service import addresses, records, shapes
from brainio.service.context import Now
from brainio.service.problems import answers
from brainio.service.rendering import render, respond
from brainio.service.rights import Sees

router = APIRouter(prefix=addresses.API, tags=["catalogs"])


@router.get("/catalogs", responses={200: {"model": shapes.Catalogs}, **answers()})
async def catalogs(request: Request, now: Now, sight: Sees) -> Response:
    """List the catalogs."""
    told = shapes.Catalogs(catalogs=[records.catalog(now, name) for name in now.names(sight)])
    return respond(request.headers, render(told.model_dump_json(by_alias=True).encode()))


@router.get("/catalogs/{catalog}", responses={200: {"model": shapes.CatalogRecord}, **answers(404, 422)})
async def catalog(request: Request, catalog: str, now: Now, sight: Sees) -> Response:
    """Say what a catalog is and how much it lists."""
    if catalog not in now.names(sight):
        now.catalog(catalog, sight)
    return respond(request.headers, render(records.catalog(now, catalog).model_dump_json(by_alias=True).encode()))
