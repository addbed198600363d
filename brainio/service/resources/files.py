"""The files of entries: by redirects, signed links, or their bytes."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from brainio.service import schemas, urls
from brainio.service.access import AccessDep, require_bytes
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.downloads import MEDIA_TYPES, send
from brainio.service.errors import answers, refusal

router = APIRouter(prefix=urls.API, tags=["files"])
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BYTES = {"content": dict.fromkeys(MEDIA_TYPES.values(), _BINARY)}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", **_BYTES},
    206: {"description": "The part that `Range` asks for.", **_BYTES},
    302: {"description": "Where the file is."},
    304: {"description": "The client has it."},
    **answers(403, 404, 416, 422),
}


@router.get("/files/{catalog}/{kind}/{part}/{identifier:path}", responses=ANSWERS, response_class=Response)
async def file(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    part: Literal["csv", "zip", "nc"],
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Give a file, or the part of it that `Range` asks for, or redirect to where it is."""
    entry = snapshot.entry(catalog, kind, identifier, access, version)
    found = entry.file(part)
    if found is None:
        parts = ", ".join(one.part for one in entry.files)
        raise refusal(404, "no_such_file", f"{entry.kind} {entry.identifier!r} has no {part} file", f"It has: {parts}.")
    require_bytes(access, entry, service.access_control.embargoes)
    return await send(request, entry, found, service.settings)
