"""What resources are given with a request: what is served, under which settings; and which parameters there are."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote_plus, urlsplit

from fastapi import Depends, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from brainio.index.index_store import Indexes
from brainio.nearest import nearest
from brainio.service.access import AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.errors import refusal
from brainio.service.negotiation import chosen
from brainio.service.responses import JSON
from brainio.service.settings import Settings
from brainio.service.snapshots import CatalogWatcher, Snapshot


@dataclass(frozen=True)
class Service:
    """What one process serves."""

    settings: Settings
    catalogs: CatalogWatcher
    change_log: ChangeLog
    access_control: AccessControl
    indexes: Indexes

    def origin(self, request: Request) -> str:
        """Return scheme and host by which the sender of a request reaches the service: `https://lab.example`."""
        parts = urlsplit(self.settings.public_url or str(request.base_url))
        return f"{parts.scheme}://{parts.netloc}"


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _snapshot(request: Request) -> Snapshot:
    service: Service = request.app.state.service
    return service.catalogs.snapshot


ServiceDep = Annotated[Service, Depends(_service)]
SnapshotDep = Annotated[Snapshot, Depends(_snapshot)]


async def wants_json(request: Request) -> None:
    """Refuse a request that wants something else than JSON."""
    chosen(request.headers.get("accept"), [JSON])


async def knows_parameters(request: Request) -> None:
    """Refuse a parameter that nothing asks for: it is mistyped, and its answer would be another one."""
    if not request.scope["query_string"]:
        return
    known = _parameters_of(_route_of(request))
    for name in request.query_params:
        if name not in known:
            near = nearest(name[:100], known)
            hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known) or 'none'}."
            raise refusal(400, "unknown_parameter", f"there is no parameter {name[:100]!r} here", hint)


async def ignore_unknown_parameters(request: Request) -> None:
    """Drop the parameters that a page does not have: other sites add some to links that people share (`utm_source`)."""
    if not request.scope["query_string"]:
        return
    known = _parameters_of(_route_of(request))
    pairs = request.scope["query_string"].split(b"&")
    kept = [one for one in pairs if unquote_plus(one.partition(b"=")[0].decode("latin-1")) in known]
    request.scope["query_string"] = b"&".join(kept)


def _route_of(request: Request) -> APIRoute:
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101 - routers that depend on this have no others
    return route


def _parameters_of(route: APIRoute) -> list[str]:
    """Return the parameters that a query may have, those of models among them."""
    return [one.alias for one in get_flat_params(route.dependant) if one.alias not in route.param_convertors]
