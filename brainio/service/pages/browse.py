"""The front page: what there is, and the search, whose words and filters live in the address."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.index import Hit, SearchResults
from brainio.service import urls
from brainio.service.access import Access, AccessDep
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.pages.layout import render_page
from brainio.service.pages.search_state import SearchState
from brainio.service.query_params import AT_ONCE, SearchQuery
from brainio.service.responses import RenderedBody, respond
from brainio.service.snapshots import Snapshot

router = APIRouter(include_in_schema=False)
_PAGE = 20  # hits


@router.get("/")
async def front(
    request: Request,
    service: ServiceDep,
    snapshot: SnapshotDep,
    access: AccessDep,
    searched: Annotated[SearchQuery, Query()],
) -> Response:
    """Show what there is, or what a search finds."""

    def make() -> RenderedBody:
        asked = SearchState(searched.q, _filters(searched), searched.old)
        return render_page(
            "front.html",
            address=urls.of_request(request.scope),
            access=access,
            json=asked.url(f"{urls.API}/search"),
            asked=asked,
            is_first=searched.cursor is None,
            catalogs=_catalogs(snapshot, access),
            **_results(asked, searched.answer(service, snapshot, access, _PAGE)),
        )

    # Not kept: the index follows the catalogs by itself.
    return respond(request.headers, await to_thread.run_sync(make, limiter=AT_ONCE))


def _filters(searched: SearchQuery) -> dict[str, list[str]]:
    """Return the filters as addresses have them."""
    return {name: value if isinstance(value, list) else [str(value).lower()] for name, value in searched.facets.items()}


def _catalogs(snapshot: Snapshot, access: Access) -> list[dict[str, Any]]:
    """Return the catalogs that may be seen."""
    return [
        {"name": name, "url": urls.catalog_page(name), "available": name not in snapshot.problems}
        for name in snapshot.names(access)
        if name in snapshot.catalogs
    ]


def _results(asked: SearchState, found: SearchResults) -> dict[str, Any]:
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


def _hit(hit: Hit, asked: SearchState) -> dict[str, Any]:
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
        "url": urls.page_of(hit.catalog, hit.kind, hit.identifier, version=version),
    }


@router.get("/index.json")
async def front_json(searched: Annotated[SearchQuery, Query()]) -> Response:
    """Lead to the same search as JSON."""
    asked = SearchState(searched.q, _filters(searched), searched.old)
    return RedirectResponse(asked.url(f"{urls.API}/search", cursor=searched.cursor), 307)
