"""The application: resources put together, with what is around them and the thread that looks for changes."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from brainio.index.index_store import Indexes
from brainio.index.worker import Apart
from brainio.service import errors, schemas, telemetry
from brainio.service.access import Access, AccessControl, sight_of
from brainio.service.change_log import ChangeLog
from brainio.service.credentials import SCHEMES
from brainio.service.database import Database
from brainio.service.dependencies import Service, ignore_unknown_parameters, knows_parameters, wants_json
from brainio.service.middleware import ServiceMiddleware
from brainio.service.pages import account, assemblies, assets, browse, stimulus_sets
from brainio.service.pages import catalogs as catalog_pages
from brainio.service.pages import stimuli as stimulus_pages
from brainio.service.pages.problems import show_problem
from brainio.service.profile_builder import ProfileBuilder
from brainio.service.resources import (
    catalogs,
    changes,
    croissant,
    entries,
    files,
    health,
    search,
    served,
    stimuli,
)
from brainio.service.response_cache import CachedResponse
from brainio.service.responses import RenderedBody, render, respond
from brainio.service.settings import Settings, read_settings
from brainio.service.sites import CrossSitePolicy
from brainio.service.snapshots import CatalogWatcher
from brainio.service.urls import API, of_api
from brainio.service.workers import end_with_master
from brainio.version import __version__

CONFIG_VARIABLE = "BRAINIO_SERVE_CONFIG"
_EXPOSED = ["ETag", "X-Request-ID", "Retry-After", "Content-Range", "Accept-Ranges", "Content-Disposition"]
_HEADERS = ["Range", "If-Range", "If-None-Match", "Authorization"]
_start = APIRouter(prefix=API, tags=["start"])


def create_app(settings: Settings) -> ASGIApp:
    """Return the service of the catalogs in force.

    Parameters
    ----------
    settings : Settings
        As `read_settings` gives them.
    """
    database = Database(settings.database)
    seen, rights = ChangeLog(database), AccessControl(settings, database)
    indexes = Indexes(Apart(settings.database if database.is_on_server else ""), settings.refresh_seconds)
    service = Service(settings, CatalogWatcher(settings, seen, rights), seen, rights, indexes)
    app = FastAPI(
        title="brainio",
        summary="Stimuli and neural recordings by identifier",
        version=__version__,
        openapi_url=None,  # its answer would have no tag: `openapi` has
        docs_url=None,  # they load their parts from elsewhere
        redoc_url=None,
        servers=[{"url": settings.prefix}] if settings.prefix else None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    app.state.described = cache(lambda: _described(app))
    errors.install(app, show_problem)
    checks = [Depends(knows_parameters), Depends(sight_of)]
    resources = (catalogs, changes, croissant, entries, search, stimuli)
    for router in (_start, *(resource.router for resource in resources)):
        app.include_router(router, dependencies=[Depends(wants_json), *checks])
    pages = (browse, catalog_pages, stimulus_sets, assemblies, stimulus_pages, assets)
    for router in [page.router for page in pages]:
        app.include_router(router, dependencies=[Depends(ignore_unknown_parameters), Depends(sight_of)])
    app.include_router(account.router, dependencies=[Depends(ignore_unknown_parameters)])  # for stale tokens, too
    app.include_router(files.router, dependencies=checks)
    app.include_router(served.router, dependencies=checks)
    app.include_router(health.router)
    sites = CrossSitePolicy(settings)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sites.origins,
        allow_private_network=not sites.is_open,  # to those that are named
        allow_methods=["GET", "HEAD"],
        allow_headers=_HEADERS,
        expose_headers=_EXPOSED,
    )

    def kept(access: Access, scope: Scope) -> CachedResponse | None:
        return service.catalogs.snapshot.responses.get(access, scope)

    return ServiceMiddleware(app, rights, kept, settings)


def from_environment() -> ASGIApp:
    """Return the service that the environment describes: what every worker process calls."""
    end_with_master()
    telemetry.set_up()
    config = os.environ.get(CONFIG_VARIABLE)
    return create_app(read_settings(Path(config) if config else None))


def _described(app: FastAPI) -> RenderedBody:
    """Return the OpenAPI document, which says how a token may be sent, and that none need be."""
    described = app.openapi()
    described["components"]["securitySchemes"] = SCHEMES
    described["security"] = [{}, *({name: []} for name in SCHEMES)]
    return render(json.dumps(described, ensure_ascii=False).encode())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await asyncio.to_thread(service.access_control.refresh)
    await asyncio.to_thread(service.catalogs.refresh)
    service.indexes.prepare(frozenset(service.catalogs.snapshot.names(service.access_control.everybody)))
    watched: list[AccessControl | CatalogWatcher | ProfileBuilder] = [service.access_control, service.catalogs]
    if service.settings.profiles:
        watched.append(
            ProfileBuilder(service.catalogs, service.settings.refresh_seconds, service.settings.profile_limits)
        )
    watching = [asyncio.create_task(one.watch()) for one in watched]
    try:
        yield
    finally:
        for one in watching:
            one.cancel()
        for one in watching:
            with suppress(asyncio.CancelledError):
                await one
        service.indexes.close()


@_start.get("", responses={200: {"model": schemas.Start}, **errors.answers()})
async def start(request: Request) -> Response:
    """Say where the interface begins."""
    told = schemas.Start(
        name="brainio",
        version=__version__,
        catalogs=of_api("catalogs"),
        entries=of_api("entries"),
        search=of_api("search"),
        openapi=of_api("openapi.json"),
    )
    return respond(request.headers, render(told.model_dump_json().encode()))


@_start.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """Describe the interface for programs."""
    document: RenderedBody = request.app.state.described()
    return respond(request.headers, document)
