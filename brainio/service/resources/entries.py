"""Entries: lists of them, and all that is known of one."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.catalogs import Entry
from brainio.catalogs.cards import card_bytes
from brainio.cursors import LONGEST, bad_cursor, read_cursor, write_cursor
from brainio.service import records, schemas, urls
from brainio.service.access import Access, AccessDep
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.errors import answers, refusal
from brainio.service.query_params import Named
from brainio.service.responses import RenderedBody, render, respond
from brainio.service.snapshots import Position, Snapshot
from brainio.service.visibility import shown_card

router = APIRouter(prefix=urls.API, tags=["entries"])


@router.get("/entries", responses={200: {"model": schemas.Entries}, **answers(404, 422, 503)})
def entries(
    request: Request,
    snapshot: SnapshotDep,
    access: AccessDep,
    catalog: Named = None,
    kind: schemas.Kind | None = None,
    class_: Annotated[str | None, Query(alias="class", max_length=500)] = None,
    status: Named = None,
    stimulus_set: Named = None,
    publication: Named = None,
    prefix: Annotated[str | None, Query(max_length=500, description="How identifiers begin.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
) -> Response:
    """List entries in the order of their identifiers, by the current version of each, a page at a time."""
    fields = {
        "catalog": catalog,
        "lookup_type": kind,
        "class_name": class_,
        "status": status,
        "stimulus_set_identifier": stimulus_set,
        "publication": publication,
    }
    wanted = {name: value for name, value in fields.items() if value is not None}
    question = {**wanted, "prefix": prefix}
    if catalog is not None:
        snapshot.catalog(catalog, access)
    places = snapshot.after(_position(cursor, question))
    names = frozenset(snapshot.names(access))
    visible = (place for place in places if place[2] in names and place[0].startswith(prefix or ""))
    found = ((place, snapshot.catalogs[place[2]].listing.entries[place[1], place[0]]) for place in visible)
    fits = (one for one in found if all(getattr(one[1], name) == value for name, value in wanted.items()))
    hits = list(islice(fits, limit + 1))
    following = write_cursor(question, hits[limit - 1][0]) if len(hits) > limit else None
    asked = dict(request.query_params) | {"cursor": following}
    page = schemas.Entries(
        entries=[records.summary(entry) for _, entry in hits[:limit]],
        next=urls.with_query(urls.of_api("entries"), **asked) if following else None,
    )
    return respond(request.headers, render(page.model_dump_json(by_alias=True).encode()))


@router.get(
    "/entries/{catalog}/{kind}/{identifier:path}",
    responses={200: {"model": schemas.EntryDetails}, **answers(404, 422, 503)},
)
async def entry(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: Named = None,
) -> Response:
    """Say all that is known of an entry: versions, files, publications, what used it."""
    kept = snapshot.responses.get(access, request.scope)
    if kept is not None:
        return respond(request.headers, kept.rendered)
    found = snapshot.entry(catalog, kind, identifier, access, version)

    def make() -> RenderedBody:
        answer = records.whole(snapshot, found, access, service.settings.signed_buckets)
        return render(answer.model_dump_json(by_alias=True).encode())

    return respond(request.headers, snapshot.responses.store(access, request, await run_in_threadpool(make)))


@router.get(
    "/history/{catalog}/{kind}/{identifier:path}",
    tags=["history"],
    responses={200: {"model": schemas.History}, **answers(404, 422, 503)},
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
    """Say which versions an entry has, the oldest first."""
    versions = snapshot.catalog(catalog, access).listing.all_versions(snapshot.entry(catalog, kind, identifier, access))
    buckets = service.settings.signed_buckets
    told = schemas.History(versions=[records.version(one, buckets, snapshot.embargoes) for one in versions])
    return respond(request.headers, render(told.model_dump_json(by_alias=True).encode()))


@router.get(
    "/cards/{catalog}/{kind}/{identifier:path}",
    tags=["cards"],
    responses={200: {"description": "The card, as packaging wrote it."}, **answers(404, 422, 503)},
)
def card(
    request: Request,
    catalog: str,
    kind: schemas.Kind,
    identifier: str,
    snapshot: SnapshotDep,
    access: AccessDep,
    version: Named = None,
) -> Response:
    """Give the card of an entry: facts that were computed from its data; under embargo without its pictures."""
    return respond(
        request.headers, card_of(snapshot.entry(catalog, kind, identifier, access, version), access, snapshot)
    )


def card_of(entry: Entry, access: Access, snapshot: Snapshot) -> RenderedBody:
    """Return the card of an entry as it is sent; raises 404 where there is none."""
    found = shown_card(entry, access, snapshot)
    if not found:
        raise refusal(404, "no_card", f"{entry.kind} {entry.identifier!r} has no card that can be read")
    return render(card_bytes(found))


def _position(cursor: str | None, question: dict[str, str | None]) -> Position | None:
    if cursor is None:
        return None
    position = read_cursor(cursor, question)
    if not (isinstance(position, list) and len(position) == 3 and all(isinstance(one, str) for one in position)):
        raise bad_cursor("holds no position")
    return position[0], position[1], position[2]
