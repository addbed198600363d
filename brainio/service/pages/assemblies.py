"""Pages of assemblies: charts from the card, the stimuli with the highest and lowest responses, coordinates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from brainio.cards import StimulusProfile
from brainio.cards.card_text import MALFORMED_CARD_ERRORS, format_card, format_column
from brainio.catalogs import TYPE_ASSEMBLY, Entry
from brainio.catalogs.cards import Card
from brainio.service.dependencies import AccessDep, NameQuery, ServiceDep, SnapshotDep
from brainio.service.pages.entries import EntryView, Labelled, key_numbers, render_entry, respond_with_entry
from brainio.service.pages.stimulus_sets import Tile, stimulus_tile
from brainio.service.responses import RenderedBody
from brainio.service.urls import version_parameter
from brainio.service.visibility import visible_profile
from brainio.text import plural_of
from brainio.views.charts import ASSEMBLY_CHARTS
from brainio.views.charts.card_values import name_of_values

router = APIRouter(include_in_schema=False)
_MAX_TILES = 6  # in a row
_MAX_COLUMNS = 200


@router.get("/assembly/{catalog}/{identifier:path}")
async def assembly_page(
    request: Request,
    catalog: str,
    identifier: str,
    snapshot: SnapshotDep,
    service: ServiceDep,
    access: AccessDep,
    version: NameQuery = None,
) -> Response:
    """Show an assembly."""
    key = (catalog, TYPE_ASSEMBLY, identifier)
    return await respond_with_entry(request, snapshot, service, access, key, version, _render)


def _render(view: EntryView) -> RenderedBody:
    card = view.card
    charts = [chart for draw in ASSEMBLY_CHARTS if (chart := draw(card, draw.__name__))] if view.may_download else []
    stimulus_set, profile = _find_stimuli(view)
    extremes = _extreme_stimuli(view, stimulus_set, profile) if view.may_download else []
    coordinates, stimulus_columns = _describe_coordinates(card), card.get("stimulus_columns")
    sections = {
        "data": ("At a glance", charts),
        "shown": ("Stimuli", view.entry.stimulus_set_identifier),
        "coordinates": ("Coordinates", coordinates),
    }
    return render_entry(
        "assembly.html",
        view,
        _key_numbers(card),
        [(anchor, heading) for anchor, (heading, content) in sections.items() if content],
        charts=charts,
        extremes=extremes,
        coordinates=coordinates,
        shape=format_card(card).get("shape", ""),
        stimulus_count=profile.count if profile else None,
        stimulus_version=None if stimulus_set is None else version_parameter(stimulus_set),
        stimulus_columns=_column_names(stimulus_columns),
        first_stimuli=[] if extremes else _first_tiles(stimulus_set, profile),
        stimuli_note="" if profile or stimulus_set is None else _missing_note(view, stimulus_set, profile),
    )


def _column_names(columns: object) -> list[str]:
    return [str(name) for name in columns[:_MAX_COLUMNS]] if isinstance(columns, list) else []


def _find_stimuli(view: EntryView) -> tuple[Entry | None, StimulusProfile | None]:
    """Return the stimulus set and its profile, if they are visible."""
    link = view.record.stimulus_set
    if link is None:
        return None, None
    entry = view.snapshot.entry(link.catalog, link.kind, link.identifier, view.access, link.version)
    profile = visible_profile(entry, view.access, view.snapshot)
    return entry, profile if isinstance(profile, StimulusProfile) else None


def _first_tiles(entry: Entry | None, profile: StimulusProfile | None) -> list[Tile]:
    if entry is None or profile is None:
        return []
    rows, _ = profile.rows({}, _MAX_TILES, 0)
    return [stimulus_tile(entry, profile, row) for row in rows]


def _extreme_stimuli(
    view: EntryView, entry: Entry | None, profile: StimulusProfile | None
) -> list[tuple[str, list[Tile]]]:
    """Return the stimuli with the highest and the lowest mean response, with headings."""
    pictures = view.card.get("pictures")
    stimuli = pictures.get("stimuli") if isinstance(pictures, Mapping) else None
    if not isinstance(stimuli, Mapping):
        return []
    units = f" ({view.card['units']})" if view.card.get("units") else ""
    mean = f"mean {name_of_values(view.card)}".replace("mean mean ", "mean ")
    groups = {f"Highest {mean}{units}": stimuli.get("strongest"), f"Lowest{units}": stimuli.get("weakest")}
    note = _missing_note(view, entry, profile)
    return [
        (heading, _response_tiles(records, entry, profile, note))
        for heading, records in groups.items()
        if isinstance(records, list)
    ]


def _missing_note(view: EntryView, entry: Entry | None, profile: StimulusProfile | None) -> str:
    """Return why the thumbnail of a stimulus is missing."""
    if profile is not None:
        return "not in its stimulus set"
    return "not on this server" if entry is None else view.explain_missing_profile(entry).label


def _response_tiles(
    records: Sequence[Any], entry: Entry | None, profile: StimulusProfile | None, note: str
) -> list[Tile]:
    tiles = []
    for record in records[:_MAX_TILES]:
        try:
            name, mean = str(record["stimulus_id"]), f"{record['mean']:.4g}"
        except MALFORMED_CARD_ERRORS:
            continue
        neighbors = profile.row(name) if profile is not None else None
        if entry is not None and profile is not None and neighbors is not None:
            tiles.append(stimulus_tile(entry, profile, neighbors.row)._replace(lines=[mean]))
        else:
            tiles.append(Tile(name, "", "", 0, 0, "file", note, [mean]))
    return tiles


def _describe_coordinates(card: Card) -> list[dict[str, str]]:
    descriptions = []
    coordinates = card.get("coordinates")
    for coordinate in coordinates if isinstance(coordinates, list) else ():
        try:
            descriptions.append(format_column(coordinate))
        except MALFORMED_CARD_ERRORS:
            continue
    return descriptions


def _key_numbers(card: Card) -> Labelled:
    """Return the sizes of dimensions, stimuli and reliability; without these, the numbers that publishers state."""
    numbers = [*_dimension_sizes(card), *key_numbers(card, _KEY_NUMBERS)]
    stated = card.get("stated")
    if not numbers and isinstance(stated, Mapping):
        numbers = [(f"{size:,}", name.replace("_", " ")) for name, size in stated.items() if isinstance(size, int)]
    return numbers


def _dimension_sizes(card: Card) -> Labelled:
    try:
        sizes = zip(card["shape"], card["dims"], strict=True)
        return [(f"{size:,}", (dim if size == 1 else plural_of(dim)).replace("_", " ")) for size, dim in sizes]
    except MALFORMED_CARD_ERRORS:
        return []


_KEY_NUMBERS: dict[str, Callable[[Card], str]] = {
    "stimuli": lambda card: f"{card['repetitions']['stimuli']:,}",
    "repetitions (median)": lambda card: f"{card['repetitions']['median']:g}",
    "split-half reliability": lambda card: f"{card['reliability']['median']:.2f}",
}
