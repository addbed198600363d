"""The application: routers, middleware and background tasks, and the resources that describe the service itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from brainio.index.index_store import OpenIndexes
from brainio.index.worker import WorkerIndexStore
from brainio.service import schemas
from brainio.service.access import SECURITY_SCHEMES, Access, AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.cross_site import CrossSitePolicy
from brainio.service.database import Database
from brainio.service.dependencies import (
    AccessDep,
    Service,
    ServiceDep,
    SnapshotDep,
    drop_unknown_parameters,
    get_access,
    reject_unknown_parameters,
    require_json,
)
from brainio.service.errors import error_responses, install_handlers
from brainio.service.middleware import ServiceMiddleware
from brainio.service.pages import account, assemblies, browse, layout, stimulus_sets
from brainio.service.profile_builder import ProfileBuilder
from brainio.service.resources import catalogs, downloads, entries
from brainio.service.responses import JSON, CachedResponse, RenderedBody, render, respond
from brainio.service.settings import Settings
from brainio.service.snapshots import CatalogWatcher, Snapshot
from brainio.service.telemetry import metrics_exposition
from brainio.service.urls import API, api_url
from brainio.version import __version__

_EXPOSED_HEADERS = ["ETag", "X-Request-ID", "Retry-After", "Content-Range", "Accept-Ranges", "Content-Disposition"]
_ALLOWED_HEADERS = ["Range", "If-Range", "If-None-Match", "Authorization"]
_log = structlog.get_logger("brainio.service")
_start_router = APIRouter(prefix=API, tags=["start"])
_operation_router = APIRouter(tags=["operation"])


def create_app(settings: Settings) -> ASGIApp:
    """Return the application that serves the active catalogs.

    Parameters
    ----------
    settings : Settings
        As returned by `read_settings`.
    """
    database = Database(settings.database)
    change_log, access_control = ChangeLog(database), AccessControl(settings, database)
    indexes = OpenIndexes(
        WorkerIndexStore(settings.database if database.is_on_server else ""), settings.refresh_seconds
    )
    watcher = CatalogWatcher(settings, change_log, access_control)
    service = Service(settings, watcher, change_log, access_control, indexes)
    app = FastAPI(
        title="brainio",
        summary="Stimuli and neural recordings by identifier",
        version=__version__,
        openapi_url=None,  # `openapi` below adds a tag and security schemes
        docs_url=None,  # both pages load files from other hosts
        redoc_url=None,
        servers=[{"url": settings.prefix}] if settings.prefix else None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    app.state.openapi_document = cache(lambda: _openapi_document(app))
    install_handlers(app, layout.error_page)
    _include_routers(app)
    policy = CrossSitePolicy(settings)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=policy.origins,
        allow_private_network=not policy.is_open,  # only to the named origins
        allow_methods=["GET", "HEAD"],
        allow_headers=_ALLOWED_HEADERS,
        expose_headers=_EXPOSED_HEADERS,
    )

    def find_cached(access: Access, scope: Scope) -> CachedResponse | None:
        return watcher.snapshot.responses.get(access, scope)

    return ServiceMiddleware(app, access_control, find_cached, settings)


def _include_routers(app: FastAPI) -> None:
    checks = [Depends(reject_unknown_parameters), Depends(get_access)]
    for router in (_start_router, catalogs.router, entries.router):
        app.include_router(router, dependencies=[Depends(require_json), *checks])
    for page in (browse, stimulus_sets, assemblies, layout):
        app.include_router(page.router, dependencies=[Depends(drop_unknown_parameters), Depends(get_access)])
    # The sign-in page also answers requests with an invalid token.
    app.include_router(account.router, dependencies=[Depends(drop_unknown_parameters)])
    for router in (downloads.router, catalogs.csv_router):
        app.include_router(router, dependencies=checks)
    app.include_router(_operation_router)


def _openapi_document(app: FastAPI) -> RenderedBody:
    """Return the OpenAPI document, with the ways to send a token, which is optional."""
    document = app.openapi()
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    document["security"] = [{}, *({name: []} for name in SECURITY_SCHEMES)]
    return render(json.dumps(document, ensure_ascii=False).encode())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await asyncio.to_thread(service.access_control.refresh)
    await asyncio.to_thread(service.catalogs.refresh)
    service.indexes.prepare(frozenset(service.catalogs.snapshot.names(service.access_control.public)))
    settings = service.settings
    loops = [
        _refresh_regularly(watcher, settings.refresh_seconds) for watcher in (service.access_control, service.catalogs)
    ]
    if settings.profiles:
        loops.append(ProfileBuilder(service.catalogs, settings.refresh_seconds, settings.profile_limits).watch())
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        service.indexes.close()


async def _refresh_regularly(watcher: AccessControl | CatalogWatcher, seconds: float) -> None:
    """Refresh tokens and embargoes, or the catalogs, at regular intervals, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(watcher.refresh)
        except Exception:  # keep the last state and try again
            _log.exception("refreshing failed", watcher=type(watcher).__name__)


@_start_router.get("", responses={200: {"model": schemas.Start}, **error_responses()})
async def start(request: Request) -> Response:
    """Return the URLs of the main resources."""
    record = schemas.Start(
        name="brainio",
        version=__version__,
        catalogs=api_url("catalogs"),
        entries=api_url("entries"),
        search=api_url("search"),
        openapi=api_url("openapi.json"),
    )
    return respond(request.headers, render(record.model_dump_json().encode()))


@_start_router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    document: RenderedBody = request.app.state.openapi_document()
    return respond(request.headers, document)


@_operation_router.get("/healthz", responses={200: {"model": schemas.Health}, **error_responses()})
async def live(snapshot: SnapshotDep, service: ServiceDep, access: AccessDep) -> Response:
    """Report that the process responds."""
    return _health(snapshot, service, access, 200)


@_operation_router.get(
    "/healthz/ready", responses={200: {"model": schemas.Health}, **error_responses(), 503: {"model": schemas.Health}}
)
async def ready(snapshot: SnapshotDep, service: ServiceDep, access: AccessDep) -> Response:
    """Report whether the service can answer: 503 if no catalog is available, or the first index is being built."""
    return _health(snapshot, service, access, 200 if _is_ready(snapshot, service) else 503)


@_operation_router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return the metrics of all processes in the format of Prometheus."""
    body, media_type = await run_in_threadpool(metrics_exposition, request.headers.get("accept", ""))
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-store"})


def _is_ready(snapshot: Snapshot, service: Service) -> bool:
    return bool(snapshot.catalogs) and not service.indexes.is_preparing


def _health(snapshot: Snapshot, service: Service, access: Access, status: int) -> Response:
    record = schemas.Health(
        status="ok" if _is_ready(snapshot, service) else "starting",
        database="away" if service.access_control.is_database_away else "ok",
        catalogs=snapshot.counts(access),
    )
    return Response(record.model_dump_json(), status, {"Cache-Control": "no-store"}, JSON)
