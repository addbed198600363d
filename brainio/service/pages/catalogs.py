"""The page of a catalog: how much it lists, and how to put it in force elsewhere."""

from heapq import nsmallest

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.service import records, urls
from brainio.service.access import Access, AccessDep
from brainio.service.dependencies import Service, ServiceDep, SnapshotDep
from brainio.service.pages.layout import render_page
from brainio.service.pages.search_state import SearchState
from brainio.service.pages.snippets import catalog_snippets, netrc_of, shipped
from brainio.service.responses import RenderedBody, respond
from brainio.service.snapshots import ServedCatalog, Snapshot

router = APIRouter(include_in_schema=False)
_MOST_LISTED = 100  # entries


@router.get("/catalog/{catalog}")
async def catalog(
    request: Request, catalog: str, snapshot: SnapshotDep, service: ServiceDep, access: AccessDep
) -> Response:
    """Show a catalog."""
    kept = snapshot.responses.get(access, request.scope)
    if kept is not None:
        return respond(request.headers, kept.rendered)
    name = catalog.removesuffix(".json")
    if name != catalog and catalog not in snapshot.names(access):
        return RedirectResponse(urls.of_catalog(name), 307)
    held = snapshot.catalog(catalog, access)
    page = await run_in_threadpool(_page, request, held, snapshot, service, access)
    return respond(request.headers, snapshot.responses.store(access, request, page))


def _page(request: Request, held: ServedCatalog, snapshot: Snapshot, service: Service, access: Access) -> RenderedBody:
    name, entries = held.name, held.listing.entries
    origin = service.origin(request)
    code = catalog_snippets(name, origin)
    return render_page(
        "catalog.html",
        address=urls.of_request(request.scope),
        access=access,
        json=urls.of_catalog(name),
        catalog=records.catalog(snapshot, name),
        stimulus_sets=SearchState("", {"kind": [TYPE_STIMULUS_SET], "catalog": [name]}).url(),
        assemblies=SearchState("", {"kind": [TYPE_ASSEMBLY], "catalog": [name]}).url(),
        is_shipped=name in shipped(),
        netrc=netrc_of(name, service, origin),
        python=code.python,
        shell=code.shell,
        recent=[entries[key] for key in nsmallest(_MOST_LISTED, entries, key=lambda key: (key[1], key[0]))],
        more=len(entries) > _MOST_LISTED,
        count=len(entries),
        everything=SearchState("", {"catalog": [name]}).url(),
    )
