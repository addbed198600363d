"""The page of an assembly: what it holds, drawn from its card, and the stimuli that it answers most and least."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from brainio.cards import StimulusProfile
from brainio.cards.card_text import MALFORMED_CARD_ERRORS, format_card, format_column
from brainio.catalogs import TYPE_ASSEMBLY, Entry
from brainio.catalogs.cards import Card
from brainio.service.access import AccessDep
from brainio.service.dependencies import ServiceDep, SnapshotDep
from brainio.service.pages.entries import EntryView, Numbers, entry_page, numbers_of, render_entry
from brainio.service.pages.tiles import Tile, tile_of
from brainio.service.query_params import Named
from brainio.service.responses import RenderedBody
from brainio.service.urls import version_of
from brainio.service.visibility import shown_profile
from brainio.text import plural_of
from brainio.views.drawings import OF_ASSEMBLIES
from brainio.views.drawings.records import name_of_values

router = APIRouter(include_in_schema=False)
_MOST_SHOWN = 6  # stimuli in a row of tiles
_MOST_NAMED = 200  # columns


@router.get("/assembly/{catalog}/{identifier:path}")
async def assembly(
    request: Request,
    catalog: str,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: Named = None,
) -> Response:
    """Show an assembly."""
    return await entry_page(request, snapshot, service, access, (catalog, TYPE_ASSEMBLY, identifier), version, _page)


def _page(shown: EntryView) -> RenderedBody:
    card = shown.card
    figures = [found for draw in OF_ASSEMBLIES if (found := draw(card, draw.__name__))] if shown.may_have else []
    stimulus_set, profile = _stimuli(shown)
    extremes = _extremes(shown, stimulus_set, profile) if shown.may_have else []
    coordinates, joined = _coordinates(card), card.get("stimulus_columns")
    sections = {
        "data": ("At a glance", figures),
        "shown": ("Stimuli", shown.entry.stimulus_set_identifier),
        "coordinates": ("Coordinates", coordinates),
    }
    return render_entry(
        "assembly.html",
        shown,
        _numbers(card),
        [(id_, heading) for id_, (heading, content) in sections.items() if content],
        figures=figures,
        extremes=extremes,
        coordinates=coordinates,
        shape=format_card(card).get("shape", ""),
        how_many=profile.count if profile else None,
        stimulus_version=None if stimulus_set is None else version_of(stimulus_set),
        joined=[str(name) for name in joined[:_MOST_NAMED]] if isinstance(joined, list) else [],
        shown_stimuli=[] if extremes else _first(stimulus_set, profile),
        stimuli_note="" if profile or stimulus_set is None else _lacking(shown, stimulus_set, profile),
    )


def _stimuli(shown: EntryView) -> tuple[Entry | None, StimulusProfile | None]:
    """Return the stimulus set, and its profile, where they may be seen."""
    link = shown.record.stimulus_set
    if link is None:
        return None, None
    entry = shown.snapshot.entry(link.catalog, link.kind, link.identifier, shown.access, link.version)
    profile = shown_profile(entry, shown.access, shown.snapshot)
    return entry, profile if isinstance(profile, StimulusProfile) else None


def _first(entry: Entry | None, profile: StimulusProfile | None) -> list[Tile]:
    if entry is None or profile is None:
        return []
    rows, _ = profile.rows({}, _MOST_SHOWN, 0)
    return [tile_of(entry, profile, row) for row in rows]


def _extremes(shown: EntryView, entry: Entry | None, profile: StimulusProfile | None) -> list[tuple[str, list[Tile]]]:
    """Return the stimuli with the highest and the lowest mean response."""
    told = shown.card.get("pictures")
    found = told.get("stimuli") if isinstance(told, Mapping) else None
    if not isinstance(found, Mapping):
        return []
    units = f" ({shown.card['units']})" if shown.card.get("units") else ""
    mean = f"mean {name_of_values(shown.card)}".replace("mean mean ", "mean ")
    named = {f"Highest {mean}{units}": found.get("strongest"), f"Lowest{units}": found.get("weakest")}
    lacking = _lacking(shown, entry, profile)
    return [
        (label, _answered(records, entry, profile, lacking))
        for label, records in named.items()
        if isinstance(records, list)
    ]


def _lacking(shown: EntryView, entry: Entry | None, profile: StimulusProfile | None) -> str:
    """Say why a stimulus that was responded to cannot be shown."""
    if profile is not None:
        return "not in its stimulus set"
    return "not on this server" if entry is None else shown.missing_profile(entry).label


def _answered(records: Sequence[Any], entry: Entry | None, profile: StimulusProfile | None, lacking: str) -> list[Tile]:
    tiles = []
    for record in records[:_MOST_SHOWN]:
        try:
            name, line = str(record["stimulus_id"]), f"{record['mean']:.4g}"
        except MALFORMED_CARD_ERRORS:
            continue
        found = profile.row(name) if profile is not None else None
        if entry is not None and profile is not None and found is not None:
            tiles.append(tile_of(entry, profile, found.row)._replace(lines=[line]))
        else:
            tiles.append(Tile(name, "", "", 0, 0, "file", lacking, [line]))
    return tiles


def _coordinates(card: Card) -> list[dict[str, str]]:
    told = []
    described = card.get("coordinates")
    for one in described if isinstance(described, list) else ():
        try:
            told.append(format_column(one))
        except MALFORMED_CARD_ERRORS:
            continue
    return told


def _numbers(card: Card) -> Numbers:
    """Return what stands out: the sizes of dimensions, stimuli, reliability; else what its publishers state."""
    told = [*_sizes(card), *numbers_of(card, _NUMBERS)]
    stated = card.get("stated")
    if not told and isinstance(stated, Mapping):
        told = [(f"{size:,}", name.replace("_", " ")) for name, size in stated.items() if isinstance(size, int)]
    return told


def _sizes(card: Card) -> Numbers:
    try:
        sizes = zip(card["shape"], card["dims"], strict=True)
        return [(f"{size:,}", (dim if size == 1 else plural_of(dim)).replace("_", " ")) for size, dim in sizes]
    except MALFORMED_CARD_ERRORS:
        return []


_NUMBERS: dict[str, Callable[[Card], str]] = {
    "stimuli": lambda card: f"{card['repetitions']['stimuli']:,}",
    "repetitions (median)": lambda card: f"{card['repetitions']['median']:g}",
    "split-half reliability": lambda card: f"{card['reliability']['median']:.2f}",
}
