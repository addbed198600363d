"""What changed in a catalog since a client looked last."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from brainio.cursors import LONGEST, bad_cursor, read_cursor, write_cursor
from brainio.service import schemas, urls
from brainio.service.access import AccessDep
from brainio.service.change_log import Change, ChangeCursor
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.errors import answers, refusal
from brainio.service.responses import render, respond

router = APIRouter(prefix=urls.API, tags=["changes"])


@router.get("/catalogs/{catalog}/changes", responses={200: {"model": schemas.Changes}, **answers(404, 410, 422, 503)})
def changes(
    request: Request,
    catalog: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    since: Annotated[str | None, Query(max_length=LONGEST, description="The cursor of an earlier answer.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """Say which entries were added, changed and removed since a cursor; without one, give the cursor of now."""
    snapshot.catalog(catalog, access)
    mark = None if since is None else _mark(since, catalog)
    found = service.change_log.since(catalog, mark, limit)
    if found is None:
        message = f"the changes of catalog {catalog!r} since this cursor are not known any more"
        raise refusal(410, "cursor_expired", message, "List its entries anew, and ask without a cursor from then on.")
    told, after = found
    answer = schemas.Changes(
        catalog=catalog,
        changes=[_record(catalog, change) for change in told],
        cursor=write_cursor({"changes": catalog}, list(after)),
        more=after.identifier is not None,
    )
    return respond(request.headers, render(answer.model_dump_json(by_alias=True).encode()))


def _record(catalog: str, change: Change) -> schemas.ChangeRecord:
    url = None if change.change == "removed" else urls.of_entry(catalog, change.kind, change.identifier)
    return schemas.ChangeRecord.model_validate(change._asdict() | {"url": url})


def _mark(cursor: str, catalog: str) -> ChangeCursor:
    match read_cursor(cursor, {"changes": catalog}):
        case [str(epoch), int(base), int(last), None, None] if 0 <= base <= last < 2**62:
            return ChangeCursor(epoch, base, last)
        case [str(epoch), int(base), int(last), str(identifier), str(kind)] if 0 <= base <= last < 2**62:
            return ChangeCursor(epoch, base, last, identifier, kind)
    raise bad_cursor("holds no position")
