"""A stimulus as it stands in a contact sheet: its picture, its name, a few of its columns."""

from collections.abc import Sequence
from typing import NamedTuple

from brainio.catalogs import Entry
from brainio.profiles import StimulusProfile, StimulusRow
from brainio.service import addresses


class Tile(NamedTuple):
    """A stimulus; `picture` is an address, empty where there is none, and `note` says why. Sizes are in pixels."""

    name: str
    url: str
    picture: str
    width: int
    height: int
    kind: str
    note: str
    lines: list[str]


def tile_of(entry: Entry, profile: StimulusProfile, row: StimulusRow, captions: Sequence[str] = ()) -> Tile:
    """Return the tile of a stimulus, with the values of some columns."""
    thumbnail = profile.thumbnail(row.number)
    lines = [f"{name} {value}" for name in captions if (value := row.values.get(name)) not in (None, "")]
    has_picture = thumbnail is not None and bool(thumbnail.data)
    return Tile(
        name=row.stimulus_id,
        url=addresses.of_stimulus(entry, row.stimulus_id),
        picture=addresses.of_thumbnail(entry, row.number, profile.key) if has_picture else "",
        width=thumbnail.width if thumbnail else 0,
        height=thumbnail.height if thumbnail else 0,
        kind=thumbnail.kind if thumbnail else "file",
        note=thumbnail.note if thumbnail else "no picture was made",
        lines=lines,
    )
