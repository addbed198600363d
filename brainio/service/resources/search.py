"""Search over the catalogs, as `brainio.search` does it."""

from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from brainio.index import search_among
from brainio.service import addresses, shapes
from brainio.service.context import Now, Serves
from brainio.service.cursors import LONGEST
from brainio.service.problems import answers
from brainio.service.rendering import render, respond
from brainio.service.rights import Sees

router = APIRouter(prefix=addresses.API, tags=["search"])
_AT_ONCE = CapacityLimiter(8)  # searches; what else is asked for waits for none of them
Value = Annotated[list[Annotated[str, Query(max_length=500)]], Query(max_length=50)]


@router.get("/search", responses={200: {"model": shapes.Found}, **answers(404, 422, 503)})
async def search(
    request: Request,
    service: Serves,
    now: Now,
    sight: Sees,
    q: Annotated[str, Query(max_length=2000, description="Words, in any order.")] = "",
    kind: Value = [],  # noqa: B006 - fastapi makes a new one
    catalog: Value = [],  # noqa: B006
    region: Value = [],  # noqa: B006
    species: Value = [],  # noqa: B006
    lab: Value = [],  # noqa: B006
    year: Value = [],  # noqa: B006
    class_: Annotated[list[str], Query(alias="class", max_length=50)] = [],  # noqa: B006
    has_repetitions: bool | None = None,
    has_reliability: bool | None = None,
    old: bool = False,
    limit: Annotated[int, Query(ge=0, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
) -> Response:
    """Find stimulus sets and assemblies by words and facets, the best first, with counts by facet."""
    facets: dict[str, Any] = {
        "kind": kind,
        "catalog": catalog,
        "region": region,
        "species": species,
        "lab": lab,
        "year": year,
        "class": class_,
        "has_repetitions": has_repetitions,
        "has_reliability": has_reliability,
    }
    for name in catalog:
        now.catalog(name, sight)
    asked = {name: value for name, value in facets.items() if value != []}
    query = {name: request.query_params.getlist(name) for name in request.query_params}

    def answer() -> Response:
        names, indexes = now.names(sight), service.indexes
        found = search_among(names, q, asked, old=old, limit=limit, after=cursor, indexes=indexes).record()
        following = addresses.with_query(f"{addresses.API}/search", **query | {"cursor": found["next"]})
        told = found | {"hits": [_hit(hit) for hit in found["hits"]], "next": following if found["next"] else None}
        return respond(request.headers, render(shapes.Found(**told).model_dump_json(by_alias=True).encode()))

    return await to_thread.run_sync(answer, limiter=_AT_ONCE)


def _hit(hit: dict[str, Any]) -> dict[str, Any]:
    version = hit["version"] if "version=" in hit["load"] else None
    path = addresses.of_entry(hit["catalog"], hit["kind"], hit["identifier"])
    return {**hit, "url": addresses.with_query(path, version=version)}
