"""Search over the catalogs, as `brainio.search` does it."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from brainio.service import addresses, shapes
from brainio.service.context import Now, Serves
from brainio.service.problems import answers
from brainio.service.questions import AT_ONCE, Searched
from brainio.service.rendering import Rendered, render, respond
from brainio.service.rights import Sees

router = APIRouter(prefix=addresses.API, tags=["search"])


class _Limited(Searched):
    limit: int = Field(20, ge=0, le=100)


@router.get("/search", responses={200: {"model": shapes.Found}, **answers(404, 422, 503)})
async def search(
    request: Request, service: Serves, now: Now, sight: Sees, asked: Annotated[_Limited, Query()]
) -> Response:
    """Find stimulus sets and assemblies by words and facets, the best first, with counts by facet."""
    query = {name: request.query_params.getlist(name) for name in request.query_params}

    def answer() -> Rendered:
        found = asked.answer(service, now, sight, asked.limit).record()
        following = addresses.with_query(addresses.of_api("search"), **query | {"cursor": found["next"]})
        told = found | {"hits": [_hit(hit) for hit in found["hits"]], "next": following if found["next"] else None}
        return render(shapes.Found(**told).model_dump_json(by_alias=True).encode())

    return respond(request.headers, await to_thread.run_sync(answer, limiter=AT_ONCE))


def _hit(hit: dict[str, Any]) -> dict[str, Any]:
    version = hit["version"] if "version=" in hit["load"] else None
    path = addresses.of_entry(hit["catalog"], hit["kind"], hit["identifier"])
    return {**hit, "url": addresses.with_query(path, version=version)}
