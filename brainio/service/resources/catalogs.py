"""The catalogs that are served, as JSON records."""

from collections import Counter

from fastapi import APIRouter, Request
from starlette.responses import Response

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.service import addresses, shapes
from brainio.service.context import Now
from brainio.service.holdings import Snapshot
from brainio.service.problems import answers
from brainio.service.rendering import render, respond
from brainio.service.rights import Sees

router = APIRouter(prefix=addresses.API, tags=["catalogs"])


@router.get("/catalogs", responses={200: {"model": shapes.Catalogs}, **answers()})
async def catalogs(request: Request, now: Now, sight: Sees) -> Response:
    """List the catalogs."""
    records = shapes.Catalogs(catalogs=[record(now, name) for name in now.names(sight)])
    return respond(request.headers, render(records.model_dump_json(by_alias=True).encode()))


@router.get("/catalogs/{catalog}", responses={200: {"model": shapes.CatalogRecord}, **answers(404, 422)})
async def catalog(request: Request, catalog: str, now: Now, sight: Sees) -> Response:
    """Say what a catalog is and how much it lists."""
    if catalog not in now.names(sight):
        now.catalog(catalog, sight)
    return respond(request.headers, render(record(now, catalog).model_dump_json(by_alias=True).encode()))


def record(now: Snapshot, name: str) -> shapes.CatalogRecord:
    """Return the record of a catalog, also of one that was never read."""
    held = now.catalogs.get(name)
    counts = held.counts if held else Counter[str]()
    return shapes.CatalogRecord(
        catalog=name,
        available=name not in now.problems,
        state=held.state if held else None,
        stimulus_sets=counts[TYPE_STIMULUS_SET],
        assemblies=counts[TYPE_ASSEMBLY],
        csv=addresses.of_csv(name),
        entries=addresses.with_query(f"{addresses.API}/entries", catalog=name),
        changes=addresses.of_catalog(name, "changes"),
        url=addresses.of_catalog(name),
    )
