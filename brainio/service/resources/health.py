"""Whether the service lives and can answer, for what looks after it; and what it did, for Prometheus."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.service import problems, shapes
from brainio.service.context import Now, Serves, Service
from brainio.service.holdings import Snapshot
from brainio.service.metrics import exposition
from brainio.service.rendering import JSON
from brainio.service.rights import Sees, Sight

router = APIRouter(tags=["operation"])


@router.get("/healthz", responses={200: {"model": shapes.Health}, **problems.answers()})
async def live(now: Now, serves: Serves, sight: Sees) -> Response:
    """Say that the process answers."""
    return _health(now, serves, sight, 200)


@router.get(
    "/healthz/ready", responses={200: {"model": shapes.Health}, **problems.answers(), 503: {"model": shapes.Health}}
)
async def ready(now: Now, serves: Serves, sight: Sees) -> Response:
    """Say whether requests should be sent here: 503 while no catalog can be served, or the first index is made."""
    return _health(now, serves, sight, 200 if _is_ready(now, serves) else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Give counts and times of all processes in the format of Prometheus."""
    body, media_type = await run_in_threadpool(exposition, request.headers.get("accept", ""))
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-store"})


def _is_ready(now: Snapshot, serves: Service) -> bool:
    return bool(now.catalogs) and not serves.indexes.is_preparing


def _health(now: Snapshot, serves: Service, sight: Sight, status: int) -> Response:
    told = shapes.Health(
        status="ok" if _is_ready(now, serves) else "starting",
        database="away" if serves.rights.is_away else "ok",
        catalogs=now.counts(sight),
    )
    return Response(told.model_dump_json(), status, {"Cache-Control": "no-store"}, JSON)
