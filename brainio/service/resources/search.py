"""Search over the catalogs, as `brainio.search` does it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from brainio.index import search as search_index
from brainio.service import addresses, shapes
from brainio.service.context import Now
from brainio.service.cursors import LONGEST, bad_cursor, read_cursor, write_cursor
from brainio.service.holdings import Snapshot
from brainio.service.problems import answers
from brainio.service.rendering import render, respond
from brainio.service.rights import Sees, Sight

router = APIRouter(prefix=addresses.API, tags=["search"])
_FURTHEST = 10_000  # hits that can be paged through
Value = Annotated[list[Annotated[str, Query(max_length=500)]], Query(max_length=50)]


@router.get("/search", responses={200: {"model": shapes.Found}, **answers(404, 422, 503)})
def search(
    request: Request,
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
        "cls": class_,
        "has_repetitions": has_repetitions,
        "has_reliability": has_reliability,
        "old": old,
    }
    question = {**facets, "q": q}
    for name in catalog:
        now.catalog(name, sight)
    offset = _offset(cursor, question)
    asked = {name: value for name, value in facets.items() if value != []}
    found = search_index(q, **_visible(asked, now, sight), limit=limit, offset=offset).record()
    end = offset + len(found["hits"])
    following = write_cursor(question, end) if found["hits"] and end < min(found["total"], _FURTHEST) else None
    query = {name: request.query_params.getlist(name) for name in request.query_params} | {"cursor": following}
    answer = shapes.Found(
        **found | {"hits": [_hit(hit) for hit in found["hits"]]},
        next=addresses.with_query(f"{addresses.API}/search", **query) if following else None,
    )
    return respond(request.headers, render(answer.model_dump_json(by_alias=True).encode()))


def _visible(asked: dict[str, Any], now: Snapshot, sight: Sight) -> dict[str, Any]:
    """Return what is asked, of catalogs that may be seen."""
    return asked if "catalog" in asked or not sight.private else asked | {"catalog": now.names(sight)}


def _hit(hit: dict[str, Any]) -> dict[str, Any]:
    version = hit["version"] if "version=" in hit["load"] else None
    path = addresses.of_entry(hit["catalog"], hit["kind"], hit["identifier"])
    return {**hit, "url": addresses.with_query(path, version=version)}


def _offset(cursor: str | None, question: dict[str, Any]) -> int:
    if cursor is None:
        return 0
    offset = read_cursor(cursor, question)
    if not isinstance(offset, int) or not 0 <= offset <= _FURTHEST:
        raise bad_cursor("holds no position")
    return offset
