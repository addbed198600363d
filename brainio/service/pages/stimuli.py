"""The page of one stimulus, with what is known of it and every assembly that used it; and small pictures of stimuli."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from brainio.cards import AssemblyProfile, Row, StimulusProfile, profile_key
from brainio.cards.profile_filters import literal_filter
from brainio.catalogs import TYPE_STIMULUS_SET, Entry
from brainio.relations.users import users_of
from brainio.service import urls
from brainio.service.access import AccessDep
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.errors import refusal
from brainio.service.pages.entries import EntryView
from brainio.service.pages.layout import render_page
from brainio.service.pages.snippets import netrc_of, stimulus_snippet
from brainio.service.pages.tiles import in_a_line, tile_of
from brainio.service.query_params import Named
from brainio.service.responses import RenderedBody, render, respond
from brainio.service.visibility import is_not_ready, profile_of, shown_profile
from brainio.views.drawings.records import name_of_values, text_of

router = APIRouter(include_in_schema=False)
_FOR_LONG, _FOR_SHORT = "private, max-age=86400, immutable", "no-cache"
_MOST_USERS = 50  # each is asked for its response
_LONGEST_FILTER = 200  # characters
_WAITING = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 256 256">'
    b'<rect width="256" height="256" fill="#eceff3"/>'
    b'<text x="128" y="134" text-anchor="middle" font-family="sans-serif" font-size="20" fill="#4b5563">'
    b"being computed</text></svg>"
)
Id = Annotated[str, Query(max_length=1000)]


@router.get("/stimulus/{catalog}/{identifier:path}")
async def stimulus(
    request: Request,
    catalog: str,
    identifier: str,
    id: Id,  # noqa: A002 - as the address has it
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: Named = None,
) -> Response:
    """Show one stimulus of a set."""
    kept = snapshot.responses.get(access, request.scope)
    if kept is not None:
        return respond(request.headers, kept.rendered)
    held = snapshot.catalog(catalog, access)
    name = identifier.removesuffix(".json")
    if name != identifier and (TYPE_STIMULUS_SET, identifier) not in held.listing.entries:
        found = snapshot.entry(catalog, TYPE_STIMULUS_SET, name, access, version)
        return RedirectResponse(urls.of_stimuli(found, where=f"stimulus_id:{literal_filter(id)}"), 307)
    entry = snapshot.entry(catalog, TYPE_STIMULUS_SET, identifier, access, version)
    makes = service.settings.profiles
    profile = await run_in_threadpool(lambda: profile_of(entry, access, snapshot, makes_profiles=makes))
    page = await run_in_threadpool(_page, EntryView(request, snapshot, service, access, entry), profile, id)
    return respond(request.headers, snapshot.responses.store(access, request, page))


@router.get("/thumbnail/{catalog}/{identifier:path}")
async def thumbnail(
    request: Request,
    catalog: str,
    identifier: str,
    number: Annotated[int, Query(ge=0, le=10**9)],
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: Named = None,
    made: Named = None,
) -> Response:
    """Give the small picture of a stimulus; browsers keep it where the address says of which bytes it was made.

    While the pictures are computed, the answer is a drawing that says so, since a page may have asked before.
    """
    entry = snapshot.entry(catalog, TYPE_STIMULUS_SET, identifier, access, version)
    makes = service.settings.profiles
    try:
        found = await run_in_threadpool(
            lambda: profile_of(entry, access, snapshot, makes_profiles=makes).thumbnail(number)
        )
    except HTTPException as error:
        if not is_not_ready(error):
            raise
        return respond(request.headers, render(_WAITING, "image/svg+xml", "Accept-Encoding", "no-store"))
    if found is None or not found.data:
        raise refusal(404, "no_picture", f"there is no picture of stimulus {number} of {entry.identifier!r}")
    cache = _FOR_LONG if made is not None and made == profile_key(entry) else _FOR_SHORT
    return respond(request.headers, render(found.data, found.media_type, "Accept-Encoding", cache))


def _page(shown: EntryView, profile: StimulusProfile, stimulus_id: str) -> RenderedBody:
    entry, found = shown.entry, profile.row(stimulus_id)
    if found is None:
        message = f"stimulus set {entry.identifier!r} has no stimulus {stimulus_id[:200]!r}"
        raise refusal(404, "no_such_stimulus", message, "Its page lists what it has.")
    row, before, after = found
    origin = shown.service.origin(shown.request)
    users = users_of(entry, shown.snapshot.listings(shown.access))
    return render_page(
        "stimulus.html",
        address=urls.of_request(shown.request.scope),
        access=shown.access,
        json=urls.of_stimuli(entry, where=f"stimulus_id:{literal_filter(stimulus_id)}"),
        entry=entry,
        stimulus=tile_of(entry, profile, row),
        position=f"{row.number + 1:,} of {profile.count:,} in {entry.identifier}",
        metadata=_metadata(entry, row),
        previous=None if before is None else urls.of_stimulus(entry, before),
        next=None if after is None else urls.of_stimulus(entry, after),
        users=[_user(user, shown, stimulus_id) for user in users[:_MOST_USERS]],
        more_users=max(0, len(users) - _MOST_USERS),
        python=stimulus_snippet(entry, stimulus_id, origin),
        netrc=netrc_of(entry.catalog, shown.service, origin),
    )


def _metadata(entry: Entry, row: Row) -> list[tuple[str, str, str]]:
    """Return names and values of columns, each with the address of the stimuli that share it."""
    told = []
    for name, value in row.values.items():
        text = in_a_line(value)
        is_own = name in ("stimulus_id", "filename", "image_id") or len(text) > _LONGEST_FILTER
        url = "" if is_own else f"{urls.of_page(entry, where=[f'{name}:{literal_filter(text)}'])}#stimuli"
        told.append((name, text or "missing", url))
    return told


def _user(user: Entry, shown: EntryView, stimulus_id: str) -> dict[str, Any]:
    """Say how an assembly answered a stimulus, where its data are here and may be seen."""
    told: dict[str, Any] = {"identifier": user.identifier, "url": urls.of_page(user), "response": "", "note": ""}
    if not shown.access.may_have(user, shown.snapshot.embargoes):
        return told | {"note": "its data are under embargo"}
    profile = shown_profile(user, shown.access, shown.snapshot)
    if not isinstance(profile, AssemblyProfile):
        return told | {"note": f"its data: {shown.missing_profile(user).label}"}
    found = profile.response(stimulus_id)
    if found is None or found.mean is None or found.rank is None:
        return told | {"note": "no response to it is known"}
    units = text_of(profile.card.get("units"), 32) or ""
    return told | {
        "response": f"{found.mean:.4g} {units}".rstrip(),
        "what": name_of_values(profile.card),
        "presentations": f"{found.presentations:,}",
        "rank": f"{found.rank:,} of {profile.count:,}",
    }
