"""The front page: what there is, and the search, whose words and filters live in the address."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.index import Hit, SearchResults, search
from brainio.service import addresses
from brainio.service.context import Now
from brainio.service.holdings import Snapshot
from brainio.service.pages.asked import Asked
from brainio.service.pages.rendering import render_page
from brainio.service.rendering import respond
from brainio.service.rights import Sees, Sight

router, forwarding = APIRouter(include_in_schema=False), APIRouter(include_in_schema=False)
_PAGE = 20  # hits
Values = Annotated[list[Annotated[str, Query(max_length=500)]], Query(max_length=50)]


@router.get("/")
def front(
    request: Request,
    now: Now,
    sight: Sees,
    q: Annotated[str, Query(max_length=2000)] = "",
    kind: Values = [],  # noqa: B006 - fastapi makes a new one
    class_: Annotated[list[str], Query(alias="class", max_length=50)] = [],  # noqa: B006
    region: Values = [],  # noqa: B006
    species: Values = [],  # noqa: B006
    lab: Values = [],  # noqa: B006
    year: Values = [],  # noqa: B006
    catalog: Values = [],  # noqa: B006
    has_repetitions: bool | None = None,
    has_reliability: bool | None = None,
    old: bool = False,
    offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
) -> Response:
    """Show what there is, or what a search finds."""
    lists = {"kind": kind, "class": class_, "region": region, "species": species, "lab": lab, "year": year}
    lists = {name: values for name, values in (lists | {"catalog": catalog}).items() if values}
    flags = {"has_repetitions": has_repetitions, "has_reliability": has_reliability}
    said = {name: [str(flag).lower()] for name, flag in flags.items() if flag is not None}
    asked = Asked(q, lists | said, old)
    kept = now.kept.get(sight, request.scope)
    if kept is not None:
        return respond(request.headers, kept.rendered)
    for name in catalog:
        now.catalog(name, sight)
    facets: dict[str, Any] = {"cls" if name == "class" else name: values for name, values in lists.items()}
    if sight.private and not catalog:
        facets["catalog"] = now.names(sight)
    found = search(q, **facets, **flags, old=old, limit=_PAGE, offset=offset)
    page = render_page(
        "front.html",
        sight=sight,
        json=asked.url(f"{addresses.API}/search"),
        asked=asked,
        catalogs=_catalogs(now, sight),
        **_results(asked, found, offset),
        # Names that are near are those of all catalogs.
        note=found.note if all(sight.sees(name) for name in sight.private) else "",
    )
    return respond(request.headers, now.kept.keep(sight, request, page))


def _catalogs(now: Snapshot, sight: Sight) -> list[dict[str, Any]]:
    """Return the catalogs that may be seen."""
    return [
        {"name": name, "url": addresses.catalog_page(name), "available": name not in now.problems}
        for name in now.names(sight)
        if name in now.catalogs
    ]


def _results(asked: Asked, found: SearchResults, offset: int) -> dict[str, Any]:
    end = offset + len(found)
    kinds = found.facets.get("kind", {})
    return {
        "stimulus_sets": kinds.get(TYPE_STIMULUS_SET, 0),
        "assemblies": kinds.get(TYPE_ASSEMBLY, 0),
        "facets": asked.facets(found.facets),
        "plus": "+" if found.is_broad else "",
        "summary": f"{found.total:,}{' or more' if found.is_broad else ''} entr{'y' if found.total == 1 else 'ies'}",
        "hits": [_hit(hit, asked) for hit in found],
        "shown": f"{offset + 1:,} to {end:,}",
        "previous": asked.url(offset=max(0, offset - _PAGE) or None) if offset else None,
        "next": asked.url(offset=end) if len(found) == _PAGE and end < found.total else None,
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


@forwarding.get("/index.json")
async def front_json(request: Request) -> Response:
    """Lead to the same search as JSON, which knows its parameters."""
    query = request.scope["query_string"].decode("ascii", "replace")
    return RedirectResponse(f"{addresses.API}/search{f'?{query}' if query else ''}", 307)
