"""The page of a catalog: how much it lists, and how to put it in force elsewhere."""

from itertools import islice

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.service import addresses
from brainio.service.context import Now, Serves
from brainio.service.pages.asked import Asked
from brainio.service.pages.rendering import render_page
from brainio.service.pages.snippets import SHIPPED, catalog_snippets, netrc_of
from brainio.service.rendering import respond
from brainio.service.resources.catalogs import record
from brainio.service.rights import Sees

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
    keys = sorted(held.listing.entries, key=lambda key: (key[1], key[0]))
    public_url = serves.public_url(request)
    code = catalog_snippets(catalog, public_url)
    page = render_page(
        "catalog.html",
        sight=sight,
        json=addresses.of_catalog(catalog),
        catalog=record(now, catalog),
        stimulus_sets=Asked("", {"kind": [TYPE_STIMULUS_SET], "catalog": [catalog]}).url(),
        assemblies=Asked("", {"kind": [TYPE_ASSEMBLY], "catalog": [catalog]}).url(),
        is_shipped=catalog in SHIPPED,
        netrc=netrc_of(catalog, serves, public_url),
        python=code.python,
        shell=code.shell,
        recent=[held.listing.entries[key] for key in islice(keys, _MOST_LISTED)],
        more=len(keys) > _MOST_LISTED,
        count=len(keys),
        everything=Asked("", {"catalog": [catalog]}).url(),
    )
    return respond(request.headers, now.kept.keep(sight, request, page))
