"""Entries as JSON: lists, search, details, history, cards, Croissant, and the stimuli of stimulus sets."""

import json
from itertools import islice
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.catalogs import TYPE_STIMULUS_SET, Entry
from brainio.catalogs.cards import card_bytes
from brainio.cursors import LONGEST, bad_cursor, read_cursor, write_cursor
from brainio.service import schemas, urls
from brainio.service.access import Access
from brainio.service.dependencies import (
    SEARCH_LIMITER,
    AccessDep,
    FiltersQuery,
    NameQuery,
    SearchQuery,
    ServiceDep,
    SnapshotDep,
    parse_filters,
)
from brainio.service.errors import error_responses, http_error
from brainio.service.responses import RenderedBody, render, respond
from brainio.service.snapshots import Position, Snapshot
from brainio.service.visibility import get_stimulus_profile, visible_card

router = APIRouter(prefix=urls.API)
_JSON_LD = "application/ld+json"


@router.get("/entries", tags=["entries"], responses={200: {"model": schemas.Entries}, **error_responses(404, 422, 503)})
def entry_list(
    request: Request,
    snapshot: SnapshotDep,
    access: AccessDep,
    catalog: NameQuery = None,
    kind: schemas.Kind | None = None,
    class_: Annotated[str | None, Query(alias="class", max_length=500)] = None,
    status: NameQuery = None,
    stimulus_set: NameQuery = None,
    publication: NameQuery = None,
    prefix: Annotated[str | None, Query(max_length=500, description="Prefix of identifiers.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
) -> Response:
    """List the current versions of entries, sorted by identifier, in pages."""
    parameters = {
        "catalog": catalog,
        "lookup_type": kind,
        "class_name": class_,
        "status": status,
        "stimulus_set_identifier": stimulus_set,
        "publication": publication,
    }
    filters = {name: value for name, value in parameters.items() if value is not None}
    question = {**filters, "prefix": prefix}
    if catalog is not None:
        snapshot.catalog(catalog, access)
    names = frozenset(snapshot.names(access))
    hits: list[tuple[Position, Entry]] = []
    for position in snapshot.entries_after(_parse_position(cursor, question)):
        identifier, lookup_type, catalog_name = position
        if catalog_name not in names or not identifier.startswith(prefix or ""):
            continue
        entry = snapshot.catalogs[catalog_name].listing.entries[lookup_type, identifier]
        if all(getattr(entry, name) == value for name, value in filters.items()):
            hits.append((position, entry))
        if len(hits) > limit:
            break
    following = write_cursor(question, hits[limit - 1][0]) if len(hits) > limit else None
    query = dict(request.query_params) | {"cursor": following}
    page = schemas.Entries(
        entries=[schemas.summary(entry) for _, entry in islice(hits, limit)],
        next=urls.with_query(urls.api_url("entries"), **query) if following else None,
    )
    return respond(request.headers, render(page.model_dump_json(by_alias=True).encode()))


def _parse_position(cursor: str | None, question: dict[str, str | None]) -> Position | None:
    if cursor is None:
        return None
    position = read_cursor(cursor, question)
    if not (isinstance(position, list) and len(position) == 3 and all(isinstance(part, str) for part in position)):
        raise bad_cursor("holds no position")
    return position[0], position[1], position[2]


class _SearchPageQuery(SearchQuery):
    limit: int = Field(20, ge=0, le=100)


@router.get(
    "/search", tags=["search"], responses={200: {"model": schemas.SearchResponse}, **error_responses(404, 422, 503)}
)
async def search(
    request: Request,
    service: ServiceDep,
    snapshot: SnapshotDep,
    access: AccessDep,
    search_query: Annotated[_SearchPageQuery, Query()],
) -> Response:
    """Find stimulus sets and assemblies by words and facets, sorted by relevance, with counts by facet."""
    query = {name: request.query_params.getlist(name) for name in request.query_params}

    def run() -> RenderedBody:
        results = search_query.run(service, snapshot, access, search_query.limit).record()
        following = urls.with_query(urls.api_url("search"), **query | {"cursor": results["next"]})
        hits = [_hit_record(hit) for hit in results["hits"]]
        record = schemas.SearchResponse(**results | {"hits": hits, "next": following if results["next"] else None})
        return render(record.model_dump_json(by_alias=True).encode())

    return respond(request.headers, await to_thread.run_sync(run, limiter=SEARCH_LIMITER))


def _hit_record(hit: dict[str, Any]) -> dict[str, Any]:
    version = hit["version"] if "version=" in hit["load"] else None
    path = urls.current_entry_api_url(hit["catalog"], hit["kind"], hit["identifier"])
    return {**hit, "url": urls.with_query(path, version=version)}


@router.get(
    "/entries/{catalog}/{kind}/{identifier:path}",
    tags=["entries"],
    responses={200: {"model": schemas.EntryDetails}, **error_responses(404, 422, 503)},
)
async def entry_details(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: NameQuery = None,
) -> Response:
    """Return the full record of an entry: versions, files, publications, and the entries that use it."""
    cached = snapshot.responses.get(access, request.scope)
    if cached is not None:
        return respond(request.headers, cached.rendered)
    entry = snapshot.entry(catalog, kind, identifier, access, version)

    def build() -> RenderedBody:
        record = schemas.entry_details(snapshot, entry, access, service.settings.signed_buckets)
        return render(record.model_dump_json(by_alias=True).encode())

    return respond(request.headers, snapshot.responses.store(access, request, await run_in_threadpool(build)))


@router.get(
    "/history/{catalog}/{kind}/{identifier:path}",
    tags=["history"],
    responses={200: {"model": schemas.History}, **error_responses(404, 422, 503)},
)
def history(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
) -> Response:
    """List the versions of an entry, the oldest first."""
    listing = snapshot.catalog(catalog, access).listing
    versions = listing.all_versions(snapshot.entry(catalog, kind, identifier, access))
    buckets = service.settings.signed_buckets
    records = [schemas.version_record(version, buckets, snapshot.embargoes) for version in versions]
    body = schemas.History(versions=records).model_dump_json(by_alias=True)
    return respond(request.headers, render(body.encode()))


@router.get(
    "/cards/{catalog}/{kind}/{identifier:path}",
    tags=["cards"],
    responses={200: {"description": "The card, as packaging wrote it."}, **error_responses(404, 422, 503)},
)
def card(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    identifier: str,
    snapshot: SnapshotDep,
    access: AccessDep,
    version: NameQuery = None,
) -> Response:
    """Return the card of an entry: facts computed from its data; under embargo without charts."""
    entry = snapshot.entry(catalog, kind, identifier, access, version)
    return respond(request.headers, render_card(entry, access, snapshot))


def render_card(entry: Entry, access: Access, snapshot: Snapshot) -> RenderedBody:
    """Return the card of an entry as JSON; raise 404 if the entry has no card."""
    content = visible_card(entry, access, snapshot)
    if not content:
        raise http_error(404, "no_card", f"{entry.kind} {entry.identifier!r} has no readable card")
    return render(card_bytes(content))


@router.get(
    "/croissant/{catalog}/{kind}/{identifier:path}",
    tags=["croissant"],
    responses={
        200: {"content": {_JSON_LD: {}}, "description": "The Croissant description."},
        **error_responses(404, 422, 503),
    },
    response_class=Response,
)
async def croissant(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: NameQuery = None,
) -> Response:
    """Describe an entry as Croissant 1.0, which programs for machine learning read."""
    entry = snapshot.entry(catalog, kind, identifier, access, version)

    def build() -> RenderedBody:
        record = schemas.croissant_record(entry, service.origin(request))
        return render(json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace"), _JSON_LD)

    return respond(request.headers, await run_in_threadpool(build))


@router.get(
    "/stimuli/{catalog}/{identifier:path}",
    tags=["stimuli"],
    responses={200: {"model": schemas.Stimuli}, **error_responses(403, 404, 422, 503)},
)
async def stimuli(
    request: Request,
    catalog: str,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    where: FiltersQuery = [],  # noqa: B006 - fastapi copies it
    version: NameQuery = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
) -> Response:
    """List the stimuli of a set in the order of its table, with all columns, in pages."""
    entry = snapshot.entry(catalog, TYPE_STIMULUS_SET, identifier, access, version)
    builds = service.settings.profiles
    profile = await run_in_threadpool(lambda: get_stimulus_profile(entry, access, snapshot, builds_profiles=builds))
    question = {"stimuli": entry.identifier, "where": sorted(where), "version": entry.version}
    offset = _parse_offset(cursor, question)

    def build() -> RenderedBody:
        rows, total = profile.rows(parse_filters(where, profile.column_names), limit, offset)
        end = offset + len(rows)
        following = write_cursor(question, end) if rows and end < total else None
        query: dict[str, Any] = {"where": where, "limit": limit, "cursor": following}
        record = schemas.Stimuli(
            total=total,
            stimuli=[row.values for row in rows],
            next=urls.stimuli_api_url(entry, **query) if following else None,
        )
        return render(record.model_dump_json().encode("utf-8", "backslashreplace"))

    return respond(request.headers, await run_in_threadpool(build))


def _parse_offset(cursor: str | None, question: dict[str, Any]) -> int:
    offset = 0 if cursor is None else read_cursor(cursor, question)
    if not isinstance(offset, int) or not 0 <= offset <= 10**9:
        raise bad_cursor("holds no position")
    return offset
