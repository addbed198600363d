"""Pages of stimulus sets: the contact sheet with filters, the columns, single stimuli and their thumbnails."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from brainio.cards import AssemblyProfile, Row, StimulusProfile, profile_key
from brainio.cards.card_text import MALFORMED_CARD_ERRORS, format_column
from brainio.cards.profiles import literal_filter
from brainio.catalogs import TYPE_STIMULUS_SET, Entry
from brainio.catalogs.cards import Card
from brainio.progress import readable_size
from brainio.relations.stimulus_set_usage import find_assemblies
from brainio.service import urls
from brainio.service.dependencies import AccessDep, FiltersQuery, NameQuery, ServiceDep, SnapshotDep, parse_filters
from brainio.service.errors import http_error
from brainio.service.pages.entries import EntryView, key_numbers, render_entry, respond_with_entry
from brainio.service.pages.layout import render_page
from brainio.service.pages.snippets import netrc_line, stimulus_snippet
from brainio.service.responses import RenderedBody, render, respond
from brainio.service.visibility import get_stimulus_profile, is_not_ready, visible_profile
from brainio.views.charts import column as draw_column
from brainio.views.charts.card_values import name_of_values, valid_text

router = APIRouter(include_in_schema=False)
_STIMULI_PER_PAGE = 48
_CAPTIONS = 2  # columns below a stimulus
_MAX_COLUMNS = 60
_MAX_DESCRIBED = 150  # columns in a card
_MAX_USERS = 50  # assemblies on the page of a stimulus, whose responses are read one by one
_MAX_FILTER = 200  # characters of a value that becomes a filter
_ONE_DAY, _REVALIDATED = "private, max-age=86400, immutable", "no-cache"
_PLACEHOLDER = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 256 256">'
    b'<rect width="256" height="256" fill="#eceff3"/>'
    b'<text x="128" y="134" text-anchor="middle" font-family="sans-serif" font-size="20" fill="#4b5563">'
    b"being created</text></svg>"
)
Record = Mapping[str, Any]


class Tile(NamedTuple):
    """A stimulus in a contact sheet. `url` and `picture` may be empty; `note` says why. Sizes are in pixels."""

    name: str
    url: str
    picture: str
    width: int
    height: int
    kind: str
    note: str
    lines: list[str]


def stimulus_tile(entry: Entry, profile: StimulusProfile, row: Row, captions: Sequence[str] = ()) -> Tile:
    """Return the tile of a stimulus, with the values of some columns as captions."""
    thumbnail = profile.thumbnail(row.number)
    lines = [f"{column} {text}" for column in captions if (text := format_value(row.values.get(column)))]
    name = str(row.values["stimulus_id"])
    has_picture = thumbnail is not None and bool(thumbnail.data)
    return Tile(
        name=name,
        url=urls.stimulus_page_url(entry, name),
        picture=urls.thumbnail_url(entry, row.number, profile_key(entry) or "") if has_picture else "",
        width=thumbnail.width if thumbnail else 0,
        height=thumbnail.height if thumbnail else 0,
        kind=thumbnail.kind if thumbnail else "file",
        note=thumbnail.note if thumbnail else f"only the first {profile.thumbnail_count:,} stimuli have thumbnails",
        lines=lines,
    )


def format_value(value: str | float | None) -> str:
    """Format a value of a table as filters expect it; a missing value is empty.

    Examples
    --------
    >>> format_value(90.0), format_value(0.1), format_value("car"), format_value(None)
    ('90', '0.1', 'car', '')
    """
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class Filter(NamedTuple):
    """An active filter: as in the URL, in words, and the URL without it."""

    text: str
    label: str
    without: str


class Pager(NamedTuple):
    """Links to the previous and the next page; `last` is the number of the last page."""

    label: str
    last: int
    previous: str | None
    next: str | None


class ContactSheet(NamedTuple):
    """A page of stimuli, and the form that filters them."""

    summary: str
    tiles: list[Tile]
    filters: list[Filter]
    columns: list[str]
    column: str
    pager: Pager


@router.get("/stimulus_set/{catalog}/{identifier:path}")
async def stimulus_set_page(
    request: Request,
    catalog: str,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    where: FiltersQuery = [],  # noqa: B006 - fastapi copies it
    column: NameQuery = None,
    value: NameQuery = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    version: NameQuery = None,
) -> Response:
    """Show a stimulus set. The form sends a column and a value, which become a filter in the URL."""
    if column is not None:
        others = [text for text in where if not text.startswith(f"{column}:")]
        filters = [*others, f"{column}:{value or ''}"]
        url = urls.page_url(catalog, TYPE_STIMULUS_SET, identifier, version=version, where=filters)
        return RedirectResponse(f"{url}#stimuli", 303)
    key = (catalog, TYPE_STIMULUS_SET, identifier)
    return await respond_with_entry(
        request, snapshot, service, access, key, version, lambda view: _render_set(view, where, page)
    )


def _render_set(view: EntryView, where: list[str], page: int) -> RenderedBody | Response:
    profile = view.profile if isinstance(view.profile, StimulusProfile) else None
    sheet = _contact_sheet(view, profile, where, page) if profile else None
    if sheet is not None and page > sheet.pager.last:
        return RedirectResponse(_sheet_url(view, where, sheet.pager.last), 307)
    described = _described_columns(view.card)
    has_links = profile is not None
    columns = [
        _column_values(view, column, number, has_links) for number, column in enumerate(described[:_MAX_COLUMNS])
    ]
    sections = [*([("stimuli", "Stimuli")] if profile else []), *([("columns", "Columns")] if columns else [])]
    return render_entry(
        "stimulus_set.html",
        view,
        key_numbers(view.card, _KEY_NUMBERS),
        [*sections, ("used", "Assemblies")],
        sheet=sheet,
        columns=columns,
        more_columns=_format_column_count(described, len(columns)) if len(described) > len(columns) else "",
    )


def _contact_sheet(view: EntryView, profile: StimulusProfile, where: list[str], page: int) -> ContactSheet:
    filters = parse_filters(where, profile.column_names)
    filtered = [name for name, _ in filters]
    start = (page - 1) * _STIMULI_PER_PAGE
    rows, total = profile.rows(filters, _STIMULI_PER_PAGE, start)
    names = [name for name in profile.column_names if name != "filename"]
    informative = _informative_columns(profile)
    captions = list(dict.fromkeys([*filtered, *informative]))[:_CAPTIONS]
    stimuli = f"{total:,} of {profile.count:,} stimuli" if filters else f"{total:,} stimul{'us' if total == 1 else 'i'}"
    conditions = " and ".join(_filter_label(name, value) for name, value in filters)
    span = f": {start + 1:,} to {start + len(rows):,}" if total > _STIMULI_PER_PAGE else ""
    last_page = max(1, -(-total // _STIMULI_PER_PAGE))
    return ContactSheet(
        summary=f"{stimuli}{f' with {conditions}' if conditions else ''}{span}",
        tiles=[stimulus_tile(view.entry, profile, row, captions) for row in rows],
        filters=[
            Filter(text, _filter_label(*parsed), _url_without(view, where, text))
            for text, parsed in zip(where, filters, strict=True)
        ],
        columns=names,
        column=next((name for name in [*informative, *names] if name not in filtered), names[0]),
        pager=Pager(
            f"Page {page:,} of {last_page:,}",
            last_page,
            _sheet_url(view, where, page - 1) if page > 1 else None,
            _sheet_url(view, where, page + 1) if page < last_page else None,
        ),
    )


def _sheet_url(view: EntryView, where: Sequence[str], page: int) -> str:
    return f"{urls.entry_page_url(view.entry, where=where, page=page if page > 1 else None)}#stimuli"


def _url_without(view: EntryView, where: Sequence[str], text: str) -> str:
    return urls.entry_page_url(view.entry, where=[other for other in where if other != text])


def _informative_columns(profile: StimulusProfile) -> list[str]:
    """Return the columns that group stimuli: first those without missing values, those with text, with few values."""
    columns = [column for column in profile.columns if 1 < column.get("distinct", 0) <= max(2, profile.count // 2)]
    columns.sort(
        key=lambda column: (column["missing"] > profile.count // 2, column["kind"] != "text", column["distinct"])
    )
    return [str(column["name"]) for column in columns]


def _filter_label(name: str, value: str) -> str:
    return f"{name} {value}" if value else f"no {name}"


def _column_values(view: EntryView, column: Record, number: int, has_links: bool) -> dict[str, Any]:
    """Return the description and the chart of a column; the chart's bars may link to their stimuli."""
    try:
        texts = format_column(dict(column))
    except MALFORMED_CARD_ERRORS:
        texts = dict.fromkeys(("name", "kind", "distinct", "missing", "range", "most_common"), "")
    description = [
        texts["kind"],
        f"{texts['distinct']} distinct" if texts["distinct"] else "",
        texts["range"],
        f"{texts['missing']} missing" if texts["missing"] else "",
    ]
    link = _link_to_value(view, texts["name"]) if has_links else None
    return {
        "name": texts["name"],
        "description": ", ".join(filter(None, description)),
        "chart": draw_column(column, f"c{number}", link) if view.may_download else None,
        "most_common": texts["most_common"],
    }


def _format_column_count(described: Sequence[Any], shown: int = 0) -> str:
    """Return the number of columns that are not shown; a card describes a limited number of columns."""
    return f"{len(described) - shown:,}{' or more' if len(described) >= _MAX_DESCRIBED else ''}"


def _link_to_value(view: EntryView, name: str) -> Callable[[object], str]:
    return lambda value: f"{urls.entry_page_url(view.entry, where=[f'{name}:{literal_filter(str(value))}'])}#stimuli"


def _described_columns(card: Card) -> list[Record]:
    columns = card.get("columns")
    return [column for column in columns if isinstance(column, Mapping)] if isinstance(columns, list) else []


def _format_pixels(card: Card) -> str:
    width, height = (card["images"][side]["maximum"] for side in ("width", "height"))
    return f"{width:,} x {height:,}"


_KEY_NUMBERS: dict[str, Callable[[Card], str]] = {
    "stimuli": lambda card: f"{card['stimuli']:,}",
    "columns": lambda card: _format_column_count(_described_columns(card)) if card["columns"] else "",
    "of files": lambda card: readable_size(card["files"]["bytes"]),
    "pixels at most": _format_pixels,
}


@router.get("/stimulus/{catalog}/{identifier:path}")
async def stimulus_page(
    request: Request,
    catalog: str,
    identifier: str,
    id: Annotated[str, Query(max_length=1000)],  # noqa: A002 - as in the URL
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: NameQuery = None,
) -> Response:
    """Show one stimulus of a set."""
    cached = snapshot.responses.get(access, request.scope)
    if cached is not None:
        return respond(request.headers, cached.rendered)
    served = snapshot.catalog(catalog, access)
    name = identifier.removesuffix(".json")
    if name != identifier and (TYPE_STIMULUS_SET, identifier) not in served.listing.entries:
        entry = snapshot.entry(catalog, TYPE_STIMULUS_SET, name, access, version)
        return RedirectResponse(urls.stimuli_api_url(entry, where=f"stimulus_id:{literal_filter(id)}"), 307)
    entry = snapshot.entry(catalog, TYPE_STIMULUS_SET, identifier, access, version)
    builds = service.settings.profiles
    profile = await run_in_threadpool(lambda: get_stimulus_profile(entry, access, snapshot, builds_profiles=builds))
    view = EntryView(request, snapshot, service, access, entry)
    page = await run_in_threadpool(_render_stimulus, view, profile, id)
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
    version: NameQuery = None,
    made: NameQuery = None,
) -> Response:
    """Return the thumbnail of a stimulus; browsers cache it if the URL names the profile that contains it.

    While the profile is being built, the response is a placeholder, since an older page may request the thumbnail.
    """
    entry = snapshot.entry(catalog, TYPE_STIMULUS_SET, identifier, access, version)
    builds = service.settings.profiles
    try:
        picture = await run_in_threadpool(
            lambda: get_stimulus_profile(entry, access, snapshot, builds_profiles=builds).thumbnail(number)
        )
    except HTTPException as error:
        if not is_not_ready(error):
            raise
        return respond(request.headers, render(_PLACEHOLDER, "image/svg+xml", "Accept-Encoding", "no-store"))
    if picture is None or not picture.data:
        raise http_error(404, "no_picture", f"stimulus {number} of {entry.identifier!r} has no thumbnail")
    cache = _ONE_DAY if made is not None and made == profile_key(entry) else _REVALIDATED
    return respond(request.headers, render(picture.data, picture.media_type, "Accept-Encoding", cache))


def _render_stimulus(view: EntryView, profile: StimulusProfile, stimulus_id: str) -> RenderedBody:
    entry, neighbors = view.entry, profile.row(stimulus_id)
    if neighbors is None:
        message = f"stimulus set {entry.identifier!r} has no stimulus {stimulus_id[:200]!r}"
        raise http_error(404, "no_such_stimulus", message, "Its page lists its stimuli.")
    row, before, after = neighbors
    origin = view.service.origin(view.request)
    users = find_assemblies(entry, view.snapshot.listings(view.access))
    return render_page(
        "stimulus.html",
        url=urls.request_target(view.request.scope),
        access=view.access,
        json_url=urls.stimuli_api_url(entry, where=f"stimulus_id:{literal_filter(stimulus_id)}"),
        entry=entry,
        stimulus=stimulus_tile(entry, profile, row),
        position=f"{row.number + 1:,} of {profile.count:,} in {entry.identifier}",
        metadata=_metadata(entry, row),
        previous=None if before is None else urls.stimulus_page_url(entry, before),
        next=None if after is None else urls.stimulus_page_url(entry, after),
        users=[_response_values(user, view, stimulus_id) for user in users[:_MAX_USERS]],
        more_users=max(0, len(users) - _MAX_USERS),
        python=stimulus_snippet(entry, stimulus_id, origin),
        netrc=netrc_line(entry.catalog, view.service, origin),
    )


def _metadata(entry: Entry, row: Row) -> list[tuple[str, str, str]]:
    """Return names and values of columns, each with the URL of the stimuli that share the value."""
    metadata = []
    for name, value in row.values.items():
        text = format_value(value)
        is_unique = name in ("stimulus_id", "filename", "image_id") or len(text) > _MAX_FILTER
        url = "" if is_unique else f"{urls.entry_page_url(entry, where=[f'{name}:{literal_filter(text)}'])}#stimuli"
        metadata.append((name, text or "missing", url))
    return metadata


def _response_values(assembly: Entry, view: EntryView, stimulus_id: str) -> dict[str, Any]:
    """Return the mean response of an assembly to a stimulus, or a note why it is not available."""
    values: dict[str, Any] = {"identifier": assembly.identifier, "url": urls.entry_page_url(assembly), "response": ""}
    if not view.access.may_download(assembly, view.snapshot.embargoes):
        return values | {"note": "data under embargo"}
    profile = visible_profile(assembly, view.access, view.snapshot)
    if not isinstance(profile, AssemblyProfile):
        return values | {"note": f"responses {view.explain_missing_profile(assembly).label}"}
    response = profile.response(stimulus_id)
    if response is None or response.mean is None or response.rank is None:
        return values | {"note": "no response to this stimulus"}
    units = valid_text(profile.card.get("units"), 32) or ""
    return values | {
        "response": f"{response.mean:.4g} {units}".rstrip(),
        "quantity": name_of_values(profile.card),
        "presentations": f"{response.presentations:,}",
        "rank": f"{response.rank:,} of {profile.count:,}",
    }
