"""Whether the service lives and can answer, for what looks after it; and what it did, for Prometheus."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.service import errors, schemas
from brainio.service.access import Access, AccessDep
from brainio.service.dependencies import Service, ServiceDep, SnapshotDep
from brainio.service.metrics import exposition
from brainio.service.responses import JSON
from brainio.service.snapshots import Snapshot

router = APIRouter(tags=["operation"])


@router.get("/healthz", responses={200: {"model": schemas.Health}, **errors.answers()})
async def live(snapshot: SnapshotDep, service: ServiceDep, access: AccessDep) -> Response:
    """Say that the process answers."""
    return _health(snapshot, service, access, 200)


@router.get(
    "/healthz/ready", responses={200: {"model": schemas.Health}, **errors.answers(), 503: {"model": schemas.Health}}
)
async def ready(snapshot: SnapshotDep, service: ServiceDep, access: AccessDep) -> Response:
    """Say whether requests should be sent here: 503 while no catalog can be served, or the first index is made."""
    return _health(snapshot, service, access, 200 if _is_ready(snapshot, service) else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Give counts and times of all processes in the format of Prometheus."""
    body, media_type = await run_in_threadpool(exposition, request.headers.get("accept", ""))
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-store"})


def _is_ready(snapshot: Snapshot, service: Service) -> bool:
    return bool(snapshot.catalogs) and not service.indexes.is_preparing


def _health(snapshot: Snapshot, service: Service, access: Access, status: int) -> Response:
    told = schemas.Health(
        status="ok" if _is_ready(snapshot, service) else "starting",
        database="away" if service.access_control.is_away else "ok",
        catalogs=snapshot.counts(access),
    )
    return Response(told.model_dump_json(), status, {"Cache-Control": "no-store"}, JSON)
