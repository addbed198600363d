"""Search over the catalogs, as `brainio.search` does it."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from brainio.service import schemas, urls
from brainio.service.access import AccessDep
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.errors import answers
from brainio.service.query_params import AT_ONCE, SearchQuery
from brainio.service.responses import RenderedBody, render, respond

router = APIRouter(prefix=urls.API, tags=["search"])


class _Limited(SearchQuery):
    limit: int = Field(20, ge=0, le=100)


@router.get("/search", responses={200: {"model": schemas.SearchResponse}, **answers(404, 422, 503)})
async def search(
    request: Request, service: ServiceDep, snapshot: SnapshotDep, access: AccessDep, asked: Annotated[_Limited, Query()]
) -> Response:
    """Find stimulus sets and assemblies by words and facets, the best first, with counts by facet."""
    query = {name: request.query_params.getlist(name) for name in request.query_params}

    def answer() -> RenderedBody:
        found = asked.answer(service, snapshot, access, asked.limit).record()
        following = urls.with_query(urls.of_api("search"), **query | {"cursor": found["next"]})
        told = found | {"hits": [_hit(hit) for hit in found["hits"]], "next": following if found["next"] else None}
        return render(schemas.SearchResponse(**told).model_dump_json(by_alias=True).encode())

    return respond(request.headers, await to_thread.run_sync(answer, limiter=AT_ONCE))


def _hit(hit: dict[str, Any]) -> dict[str, Any]:
    version = hit["version"] if "version=" in hit["load"] else None
    path = urls.of_entry(hit["catalog"], hit["kind"], hit["identifier"])
    return {**hit, "url": urls.with_query(path, version=version)}
