"""The application: resources put together, with what is around them and the thread that looks for changes."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from brainio.service import logs, problems, shapes
from brainio.service.addresses import API
from brainio.service.around import Around
from brainio.service.context import Service, knows_parameters, wants_json
from brainio.service.holdings import Holdings
from brainio.service.kept import Kept
from brainio.service.making import Maker
from brainio.service.rendering import render, respond
from brainio.service.resources import catalogs, changes, entries, files, health, search, served
from brainio.service.rights import sight_of
from brainio.service.seen import Seen
from brainio.service.settings import Settings, read_settings

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
    seen = Seen()
    service = Service(settings, Holdings(settings, seen), seen)
    app = FastAPI(
        title="brainio",
        summary="Stimuli and neural recordings by identifier",
        version=version("brainio"),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # they load their parts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.install(app)
    checks = [Depends(knows_parameters)]
    for router in (_start, catalogs.router, changes.router, entries.router, search.router):
        app.include_router(router, dependencies=[Depends(wants_json), *checks])
    app.include_router(files.router, dependencies=checks)
    app.include_router(served.router, dependencies=checks)
    app.include_router(health.router)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=["GET", "HEAD"],
        allow_headers=_HEADERS,
        expose_headers=_EXPOSED,
    )

    async def kept(scope: Scope) -> Kept | None:
        return service.holdings.snapshot.kept.get(await sight_of(), scope)

    return Around(app, kept, access_log=settings.access_log)


def from_environment() -> ASGIApp:
    """Return the service that the environment describes: what every worker process calls."""
    logs.set_up()
    config = os.environ.get(CONFIG_VARIABLE)
    return create_app(read_settings(Path(config) if config else None))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await asyncio.to_thread(service.holdings.refresh)
    watching = [asyncio.create_task(service.holdings.watch())]
    if service.settings.profiles:
        watching.append(asyncio.create_task(Maker(service.holdings, service.settings.refresh_seconds).watch()))
    try:
        yield
    finally:
        for one in watching:
            one.cancel()
        for one in watching:
            with suppress(asyncio.CancelledError):
                await one
        service.seen.close()


@_start.get("", responses={200: {"model": shapes.Start}, **problems.answers()})
async def start(request: Request) -> Response:
    """Say where the interface begins."""
    told = shapes.Start(
        name="brainio",
        version=version("brainio"),
        catalogs=f"{API}/catalogs",
        entries=f"{API}/entries",
        search=f"{API}/search",
        openapi=f"{API}/openapi.json",
    )
    return respond(request.headers, render(told.model_dump_json().encode()))
