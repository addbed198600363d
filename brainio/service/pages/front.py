"""The front page: what there is, and the search, whose words and filters live in the address."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.index import Hit, SearchResults
from brainio.service import addresses
from brainio.service.context import Now, Serves
from brainio.service.holdings import Snapshot
from brainio.service.pages.asked import Asked
from brainio.service.pages.rendering import render_page
from brainio.service.questions import AT_ONCE, Searched
from brainio.service.rendering import Rendered, respond
from brainio.service.rights import Sees, Sight

router = APIRouter(include_in_schema=False)
_PAGE = 20  # hits


@router.get("/")
async def front(
    request: Request, service: Serves, now: Now, sight: Sees, searched: Annotated[Searched, Query()]
) -> Response:
    """Show what there is, or what a search finds."""

    def make() -> Rendered:
        asked = Asked(searched.q, _filters(searched), searched.old)
        return render_page(
            "front.html",
            address=addresses.of_request(request.scope),
            sight=sight,
            json=asked.url(f"{addresses.API}/search"),
            asked=asked,
            is_first=searched.cursor is None,
            catalogs=_catalogs(now, sight),
            **_results(asked, searched.answer(service, now, sight, _PAGE)),
        )

    # Not kept: the index follows the catalogs by itself.
    return respond(request.headers, await to_thread.run_sync(make, limiter=AT_ONCE))


def _filters(searched: Searched) -> dict[str, list[str]]:
    """Return the filters as addresses have them."""
    return {name: value if isinstance(value, list) else [str(value).lower()] for name, value in searched.facets.items()}


def _catalogs(now: Snapshot, sight: Sight) -> list[dict[str, Any]]:
    """Return the catalogs that may be seen."""
    return [
        {"name": name, "url": addresses.catalog_page(name), "available": name not in now.problems}
        for name in now.names(sight)
        if name in now.catalogs
    ]


def _results(asked: Asked, found: SearchResults) -> dict[str, Any]:
    kinds = found.facets.get("kind", {})
    return {
        "stimulus_sets": kinds.get(TYPE_STIMULUS_SET, 0),
        "assemblies": kinds.get(TYPE_ASSEMBLY, 0),
        "facets": asked.facets(found.facets),
        "summary": f"{found.total:,} entr{'y' if found.total == 1 else 'ies'}",
        "note": found.note,
        "hits": [_hit(hit, asked) for hit in found],
        "next": asked.url(cursor=found.next) if found.next else None,
    }


def _hit(hit: Hit, asked: Asked) -> dict[str, Any]:
    told = [str(hit.year or ""), *hit.regions, *hit.species]
    version = hit.version if "version=" in hit.load else None
    return {
        "kind": hit.kind,
        "class": hit.class_name,
        "status": hit.status,
        "identifier": hit.identifier,
        "title": hit.title,
        "details": [one for one in told if one],
        "catalog": hit.catalog,
        "why": hit.why if asked.text.strip() else "",
        "url": addresses.page_of(hit.catalog, hit.kind, hit.identifier, version=version),
    }


@router.get("/index.json")
async def front_json(searched: Annotated[Searched, Query()]) -> Response:
    """Lead to the same search as JSON."""
    asked = Asked(searched.q, _filters(searched), searched.old)
    return RedirectResponse(asked.url(f"{addresses.API}/search", cursor=searched.cursor), 307)
