"""Dependencies of request handlers: service, snapshot, access of the request, query parameters, content negotiation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import unquote_plus, urlsplit

import mimeparse
from anyio import CapacityLimiter
from fastapi import Depends, HTTPException, Query, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from brainio.cursors import LONGEST
from brainio.index import SearchResults, search_among
from brainio.index.index_store import OpenIndexes
from brainio.service.access import Access, AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.errors import http_error
from brainio.service.responses import JSON
from brainio.service.settings import Settings
from brainio.service.snapshots import CatalogWatcher, Snapshot
from brainio.text import nearest


@dataclass(frozen=True)
class Service:
    """The state of one process of the service."""

    settings: Settings
    catalogs: CatalogWatcher
    change_log: ChangeLog
    access_control: AccessControl
    indexes: OpenIndexes

    def origin(self, request: Request) -> str:
        """Return the scheme and host by which a client reaches the service: `https://lab.example`."""
        parts = urlsplit(self.settings.public_url or str(request.base_url))
        return f"{parts.scheme}://{parts.netloc}"


async def _get_service(request: Request) -> Service:
    """Return the service that received a request."""
    service: Service = request.app.state.service
    return service


async def _get_snapshot(request: Request) -> Snapshot:
    """Return the current snapshot of the catalogs."""
    service: Service = request.app.state.service
    return service.catalogs.snapshot


async def get_access(request: Request) -> Access:
    """Return the access of a request, which the middleware resolved; raise 401, 429 or 503 if its token is refused."""
    access: Access | HTTPException = request.scope["access"]
    if isinstance(access, HTTPException):
        raise access
    return access


ServiceDep = Annotated[Service, Depends(_get_service)]
SnapshotDep = Annotated[Snapshot, Depends(_get_snapshot)]
AccessDep = Annotated[Access, Depends(get_access)]


async def require_json(request: Request) -> None:
    """Reject a request that does not accept JSON."""
    negotiate(request.headers.get("accept"), [JSON])


def negotiate(accept: str | None, offered: Sequence[str]) -> str:
    """Return the preferred media type according to an `Accept` header; among equals the first one offered.

    Raises
    ------
    HTTPException
        400: the header is malformed; 406: it accepts none of the offered types.

    Examples
    --------
    >>> negotiate("text/html;q=0.5, application/*", ["text/csv", "application/json", "text/html"])
    'application/json'
    """
    if accept is None or not accept.strip() or accept == "*/*":
        return offered[0]
    try:
        qualities = [mimeparse.quality(media_type, accept) for media_type in offered]
    except mimeparse.MimeTypeParseException:
        message = f"the Accept header {accept.strip()[:100]!r} contains a malformed media type"
        raise http_error(400, "bad_accept", message, "See RFC 9110, section 12.5.1.") from None
    if max(qualities) == 0:
        message = f"Accept is {accept[:100]!r}; available: {' or '.join(offered)}"
        raise http_error(406, "not_acceptable", message, "Accept one of these types, or omit the header.")
    return offered[qualities.index(max(qualities))]


def prefers(accept: str | None, media_type: str, other: str) -> bool:
    """Whether an `Accept` header prefers one media type to another; a malformed header prefers nothing.

    Examples
    --------
    >>> prefers("text/html,*/*;q=0.8", "text/html", "application/json"), prefers("*/*", "text/html", "application/json")
    (True, False)
    """
    try:
        return bool(accept) and mimeparse.quality(media_type, accept) > mimeparse.quality(other, accept)
    except mimeparse.MimeTypeParseException:
        return False


async def reject_unknown_parameters(request: Request) -> None:
    """Reject parameters that the resource does not have: a typo would return other data than intended."""
    if not request.scope["query_string"]:
        return
    known = _parameters_of(_route_of(request))
    for name in request.query_params:
        if name not in known:
            near = nearest(name[:100], known)
            hint = f"Did you mean {near[0]}?" if near else f"Known parameters: {', '.join(known) or 'none'}."
            raise http_error(400, "unknown_parameter", f"there is no parameter {name[:100]!r} here", hint)


async def drop_unknown_parameters(request: Request) -> None:
    """Drop parameters that the page does not have: other sites add some to shared links (`utm_source`)."""
    if not request.scope["query_string"]:
        return
    known = _parameters_of(_route_of(request))
    pairs = request.scope["query_string"].split(b"&")
    request.scope["query_string"] = b"&".join(
        pair for pair in pairs if unquote_plus(pair.partition(b"=")[0].decode("latin-1")) in known
    )


def _route_of(request: Request) -> APIRoute:
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101 - all routes with this dependency are
    return route


def _parameters_of(route: APIRoute) -> list[str]:
    """Return the query parameters of a route, including those of models."""
    return [field.alias for field in get_flat_params(route.dependant) if field.alias not in route.param_convertors]


SEARCH_LIMITER = CapacityLimiter(8)
"""Concurrent searches, which have their own threads so that other requests do not wait for them."""
NameQuery = Annotated[str | None, Query(max_length=500)]
FiltersQuery = Annotated[
    list[Annotated[str, Query(max_length=1000)]],
    Query(
        max_length=20,
        description="`COLUMN:VALUE`; `*` matches any text, `1..5` is a range of numbers, `1..<5` excludes 5.",
    ),
]
_FacetValues = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=50)]
_FACETS = {
    *("kind", "class_", "region", "species", "lab", "year", "catalog"),
    *("has_repetitions", "has_reliability"),
}


class SearchQuery(BaseModel):
    """Query parameters of a search."""

    q: str = Field("", max_length=2000, description="Words, in any order.")
    kind: _FacetValues = []
    class_: _FacetValues = Field([], alias="class")
    region: _FacetValues = []
    species: _FacetValues = []
    lab: _FacetValues = []
    year: _FacetValues = []
    catalog: _FacetValues = []
    has_repetitions: bool | None = None
    has_reliability: bool | None = None
    old: bool = False
    cursor: str | None = Field(None, max_length=LONGEST)

    @property
    def facets(self) -> dict[str, Any]:
        """The selected facet values, by the names of facets in the index."""
        values = self.model_dump(by_alias=True, include=_FACETS)
        return {name: value for name, value in values.items() if value not in ([], None)}

    def run(self, service: Service, snapshot: Snapshot, access: Access, limit: int) -> SearchResults:
        """Search the visible catalogs; waits for the index, so call it in a thread.

        Raises
        ------
        HTTPException
            404: a selected catalog is not visible.
        SearchError, CursorError, IndexUnavailableError
            See `search_among`.
        """
        for name in self.catalog:
            snapshot.catalog(name, access)
        names, indexes = snapshot.names(access), service.indexes
        return search_among(
            names, self.q, self.facets, include_superseded=self.old, limit=limit, after=self.cursor, indexes=indexes
        )


def parse_filters(where: list[str], columns: list[str]) -> list[tuple[str, str]]:
    """Parse `COLUMN:VALUE` filters of stimuli; raise 400 if a filter names no column.

    Examples
    --------
    >>> parse_filters(["object_name:car", "url:http://a", "a:b:1"], ["object_name", "url", "a", "a:b"])
    [('object_name', 'car'), ('url', 'http://a'), ('a:b', '1')]
    """
    filters = []
    for text in where:
        known = max((name for name in columns if text.startswith(f"{name}:")), key=len, default="")
        name = known or text.partition(":")[0]
        if not name or ":" not in text:
            raise http_error(400, "bad_filter", f"the filter {text[:100]!r} names no column", "Write COLUMN:VALUE.")
        filters.append((name, text[len(name) + 1 :]))
    return filters
