"""The catalogs that are served, as JSON records."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from brainio.service import records, schemas, urls
from brainio.service.access import AccessDep
from brainio.service.dependencies import SnapshotDep
from brainio.service.errors import answers
from brainio.service.responses import render, respond

router = APIRouter(prefix=urls.API, tags=["catalogs"])


@router.get("/catalogs", responses={200: {"model": schemas.Catalogs}, **answers()})
async def catalogs(request: Request, snapshot: SnapshotDep, access: AccessDep) -> Response:
    """List the catalogs."""
    told = schemas.Catalogs(catalogs=[records.catalog(snapshot, name) for name in snapshot.names(access)])
    return respond(request.headers, render(told.model_dump_json(by_alias=True).encode()))


@router.get("/catalogs/{catalog}", responses={200: {"model": schemas.CatalogRecord}, **answers(404, 422)})
async def catalog(request: Request, catalog: str, snapshot: SnapshotDep, access: AccessDep) -> Response:
    """Say what a catalog is and how much it lists."""
    if catalog not in snapshot.names(access):
        snapshot.catalog(catalog, access)
    return respond(request.headers, render(records.catalog(snapshot, catalog).model_dump_json(by_alias=True).encode()))
