"""The stimuli of a set, filtered by any column: what its profile holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.catalogs import TYPE_STIMULUS_SET
from brainio.cursors import LONGEST, bad_cursor, read_cursor, write_cursor
from brainio.service import schemas, urls
from brainio.service.access import AccessDep
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.errors import answers
from brainio.service.query_params import Named, Where, filters_of
from brainio.service.responses import RenderedBody, render, respond
from brainio.service.visibility import profile_of

router = APIRouter(prefix=urls.API, tags=["stimuli"])


@router.get(
    "/stimuli/{catalog}/{identifier:path}", responses={200: {"model": schemas.Stimuli}, **answers(403, 404, 422, 503)}
)
async def stimuli(
    request: Request,
    catalog: str,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    where: Where = [],  # noqa: B006 - fastapi makes a new one
    version: Named = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
) -> Response:
    """List the stimuli of a set in the order of its table, with all columns, a page at a time."""
    entry = snapshot.entry(catalog, TYPE_STIMULUS_SET, identifier, access, version)
    makes = service.settings.profiles
    profile = await run_in_threadpool(lambda: profile_of(entry, access, snapshot, makes_profiles=makes))
    question = {"stimuli": entry.identifier, "where": sorted(where), "version": entry.version}
    offset = _offset(cursor, question)

    def make() -> RenderedBody:
        rows, total = profile.rows(filters_of(where, profile.column_names), limit, offset)
        end = offset + len(rows)
        following = write_cursor(question, end) if rows and end < total else None
        query: dict[str, Any] = {"where": where, "limit": limit, "cursor": following}
        answer = schemas.Stimuli(
            total=total,
            stimuli=[row.values for row in rows],
            next=urls.of_stimuli(entry, **query) if following else None,
        )
        return render(answer.model_dump_json().encode("utf-8", "backslashreplace"))

    return respond(request.headers, await run_in_threadpool(make))


def _offset(cursor: str | None, question: dict[str, Any]) -> int:
    offset = 0 if cursor is None else read_cursor(cursor, question)
    if not isinstance(offset, int) or not 0 <= offset <= 10**9:
        raise bad_cursor("holds no position")
    return offset
