"""The page of a stimulus set: its contact sheet, filtered by any column, what columns hold, who used it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from brainio.cards import StimulusProfile
from brainio.cards.card_text import MALFORMED_CARD_ERRORS, format_column
from brainio.cards.profile_filters import literal_filter
from brainio.catalogs import TYPE_STIMULUS_SET
from brainio.catalogs.cards import Card
from brainio.progress import readable_size
from brainio.service import urls
from brainio.service.access import AccessDep
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.pages.entries import EntryView, entry_page, numbers_of, render_entry
from brainio.service.pages.tiles import Tile, tile_of
from brainio.service.query_params import Named, Where, filters_of
from brainio.service.responses import RenderedBody
from brainio.views.drawings import column as draw_column

router = APIRouter(include_in_schema=False)
_PAGE = 48  # stimuli
_CAPTIONS = 2  # columns under a stimulus
_MOST_COLUMNS = 60
_MOST_DESCRIBED = 150  # columns, by a card
Record = Mapping[str, Any]


class Filter(NamedTuple):
    """A filter in use: as addresses have it, in words, and the address without it."""

    text: str
    label: str
    without: str


class Pager(NamedTuple):
    """Where the pages beside this one are; `last` is the number of the last one."""

    words: str
    last: int
    previous: str | None
    next: str | None


class Sheet(NamedTuple):
    """A page of stimuli."""

    words: str
    tiles: list[Tile]
    filters: list[Filter]
    columns: list[str]
    column: str
    pager: Pager


@router.get("/stimulus_set/{catalog}/{identifier:path}")
async def stimulus_set(
    request: Request,
    catalog: str,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    where: Where = [],  # noqa: B006 - fastapi makes a new one
    column: Named = None,
    value: Named = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    version: Named = None,
) -> Response:
    """Show a stimulus set; a column and a value that come from the form become a filter of the address."""
    if column is not None:
        added = [*(one for one in where if not one.startswith(f"{column}:")), f"{column}:{value or ''}"]
        own = urls.page_of(catalog, TYPE_STIMULUS_SET, identifier, version=version, where=added)
        return RedirectResponse(f"{own}#stimuli", 303)
    key = (catalog, TYPE_STIMULUS_SET, identifier)
    return await entry_page(request, snapshot, service, access, key, version, lambda shown: _page(shown, where, page))


def _page(shown: EntryView, where: list[str], page: int) -> RenderedBody | Response:
    profile = shown.profile if isinstance(shown.profile, StimulusProfile) else None
    sheet = _sheet(shown, profile, where, page) if profile else None
    if sheet is not None and page > sheet.pager.last:
        return RedirectResponse(_at(shown, where, sheet.pager.last), 307)
    described = _described(shown.card)
    columns = [_column(shown, one, number, profile is not None) for number, one in enumerate(described[:_MOST_COLUMNS])]
    sections = [*([("stimuli", "Stimuli")] if profile else []), *([("columns", "Columns")] if columns else [])]
    return render_entry(
        "stimulus_set.html",
        shown,
        numbers_of(shown.card, _NUMBERS),
        [*sections, ("used", "Recorded with it")],
        sheet=sheet,
        columns=columns,
        more_columns=_number_of_columns(described, len(columns)) if len(described) > len(columns) else "",
    )


def _sheet(shown: EntryView, profile: StimulusProfile, where: list[str], page: int) -> Sheet:
    filters = filters_of(where, profile.column_names)
    filtered = [name for name, _ in filters]
    rows, total = profile.rows(filters, _PAGE, (page - 1) * _PAGE)
    names = [name for name in profile.column_names if name != "filename"]
    varied = _varied(profile)
    captions = list(dict.fromkeys([*filtered, *varied]))[:_CAPTIONS]
    first, last = (page - 1) * _PAGE + 1, (page - 1) * _PAGE + len(rows)
    of = f"{total:,} of {profile.count:,} stimuli" if filters else f"{total:,} stimul{'us' if total == 1 else 'i'}"
    told = " and ".join(_in_words(name, value) for name, value in filters)

    last_page = max(1, -(-total // _PAGE))
    return Sheet(
        words=f"{of}{f' with {told}' if told else ''}{f': {first:,} to {last:,}' if total > _PAGE else ''}",
        tiles=[tile_of(shown.entry, profile, row, captions) for row in rows],
        filters=[
            Filter(one, _in_words(*told), _without(shown, where, one)) for one, told in zip(where, filters, strict=True)
        ],
        columns=names,
        column=next((name for name in [*varied, *names] if name not in filtered), names[0]),
        pager=Pager(
            f"Page {page:,} of {last_page:,}",
            last_page,
            _at(shown, where, page - 1) if page > 1 else None,
            _at(shown, where, page + 1) if page < last_page else None,
        ),
    )


def _at(shown: EntryView, where: Sequence[str], page: int) -> str:
    return f"{urls.of_page(shown.entry, where=where, page=page if page > 1 else None)}#stimuli"


def _varied(profile: StimulusProfile) -> list[str]:
    """Return the columns that tell stimuli apart without naming each: full ones before others, words before numbers."""
    told = [one for one in profile.columns if 1 < one.get("distinct", 0) <= max(2, profile.count // 2)]
    told.sort(key=lambda one: (one["missing"] > profile.count // 2, one["kind"] != "text", one["distinct"]))
    return [str(one["name"]) for one in told]


def _in_words(name: str, value: str) -> str:
    return f"{name} {value}" if value else f"no {name}"


def _without(shown: EntryView, where: Sequence[str], one: str) -> str:
    return urls.of_page(shown.entry, where=[other for other in where if other != one])


def _column(shown: EntryView, described: Record, number: int, is_here: bool) -> dict[str, Any]:
    """Say and draw what a column holds; where the stimuli are here, its values lead to those that have them."""
    try:
        words = format_column(dict(described))
    except MALFORMED_CARD_ERRORS:
        words = dict.fromkeys(("name", "kind", "distinct", "missing", "range", "most_common"), "")
    told = [
        words["kind"],
        f"{words['distinct']} distinct" if words["distinct"] else "",
        words["range"],
        f"{words['missing']} missing" if words["missing"] else "",
    ]
    link = _linker(shown, words["name"]) if is_here else None
    return {
        "name": words["name"],
        "words": ", ".join(filter(None, told)),
        "drawing": draw_column(described, f"c{number}", link) if shown.may_have else None,
        "common": words["most_common"],
    }


def _number_of_columns(described: Sequence[Any], shown: int = 0) -> str:
    """Say how many columns there are beside those that are shown, of which a card describes the first only."""
    return f"{len(described) - shown:,}{' or more' if len(described) >= _MOST_DESCRIBED else ''}"


def _linker(shown: EntryView, name: str) -> Callable[[object], str]:
    return lambda value: f"{urls.of_page(shown.entry, where=[f'{name}:{literal_filter(str(value))}'])}#stimuli"


def _described(card: Card) -> list[Record]:
    """Return the columns that a card describes."""
    columns = card.get("columns")
    return [one for one in columns if isinstance(one, Mapping)] if isinstance(columns, list) else []


def _pixels(card: Card) -> str:
    width, height = (card["images"][side]["maximum"] for side in ("width", "height"))
    return f"{width:,} x {height:,}"


_NUMBERS: dict[str, Callable[[Card], str]] = {
    "stimuli": lambda card: f"{card['stimuli']:,}",
    "columns": lambda card: _number_of_columns(_described(card)) if card["columns"] else "",
    "of files": lambda card: readable_size(card["files"]["bytes"]),
    "pixels at most": _pixels,
}
