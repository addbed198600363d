"""A stimulus as it stands in a contact sheet: its picture, its name, a few of its columns."""

from collections.abc import Sequence
from typing import NamedTuple

from brainio.cards import Row, StimulusProfile, profile_key
from brainio.catalogs import Entry
from brainio.service import urls


class Tile(NamedTuple):
    """A stimulus; `url` and `picture` are empty where there is none, and `note` says why. Sizes are in pixels."""

    name: str
    url: str
    picture: str
    width: int
    height: int
    kind: str
    note: str
    lines: list[str]


def tile_of(entry: Entry, profile: StimulusProfile, row: Row, captions: Sequence[str] = ()) -> Tile:
    """Return the tile of a stimulus, with the values of some columns."""
    thumbnail = profile.thumbnail(row.number)
    lines = [f"{column} {text}" for column in captions if (text := in_a_line(row.values.get(column)))]
    name = str(row.values["stimulus_id"])
    has_picture = thumbnail is not None and bool(thumbnail.data)
    return Tile(
        name=name,
        url=urls.of_stimulus(entry, name),
        picture=urls.of_thumbnail(entry, row.number, profile_key(entry) or "") if has_picture else "",
        width=thumbnail.width if thumbnail else 0,
        height=thumbnail.height if thumbnail else 0,
        kind=thumbnail.kind if thumbnail else "file",
        note=thumbnail.note
        if thumbnail
        else f"pictures were made of the first {profile.thumbnail_count:,} stimuli only",
        lines=lines,
    )


def in_a_line(value: str | float | None) -> str:
    """Write a value of a table, as filters take it; what is missing is nothing.

    Examples
    --------
    >>> in_a_line(90.0), in_a_line(0.1), in_a_line("car"), in_a_line(None)
    ('90', '0.1', 'car', '')
    """
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
