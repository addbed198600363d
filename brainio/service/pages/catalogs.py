"""The page of a catalog: how much it lists, and how to put it in force elsewhere."""

from heapq import nsmallest

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.service import addresses, records
from brainio.service.context import Now, Serves, Service
from brainio.service.holdings import Held, Snapshot
from brainio.service.pages.asked import Asked
from brainio.service.pages.rendering import render_page
from brainio.service.pages.snippets import catalog_snippets, netrc_of, shipped
from brainio.service.rendering import Rendered, respond
from brainio.service.rights import Sees, Sight

router = APIRouter(include_in_schema=False)
_MOST_LISTED = 100  # entries


@router.get("/catalog/{catalog}")
async def catalog(request: Request, catalog: str, now: Now, serves: Serves, sight: Sees) -> Response:
    """Show a catalog."""
    kept = now.kept.get(sight, request.scope)
    if kept is not None:
        return respond(request.headers, kept.rendered)
    name = catalog.removesuffix(".json")
    if name != catalog and catalog not in now.names(sight):
        return RedirectResponse(addresses.of_catalog(name), 307)
    held = now.catalog(catalog, sight)
    page = await run_in_threadpool(_page, request, held, now, serves, sight)
    return respond(request.headers, now.kept.keep(sight, request, page))


def _page(request: Request, held: Held, now: Snapshot, serves: Service, sight: Sight) -> Rendered:
    name, entries = held.name, held.listing.entries
    origin = serves.origin(request)
    code = catalog_snippets(name, origin)
    return render_page(
        "catalog.html",
        address=addresses.of_request(request.scope),
        sight=sight,
        json=addresses.of_catalog(name),
        catalog=records.catalog(now, name),
        stimulus_sets=Asked("", {"kind": [TYPE_STIMULUS_SET], "catalog": [name]}).url(),
        assemblies=Asked("", {"kind": [TYPE_ASSEMBLY], "catalog": [name]}).url(),
        is_shipped=name in shipped(),
        netrc=netrc_of(name, serves, origin),
        python=code.python,
        shell=code.shell,
        recent=[entries[key] for key in nsmallest(_MOST_LISTED, entries, key=lambda key: (key[1], key[0]))],
        more=len(entries) > _MOST_LISTED,
        count=len(entries),
        everything=Asked("", {"catalog": [name]}).url(),
    )
