"""The profile of a stimulus set, as pages ask it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from brainio.cards.profile_card import card_with
from brainio.cards.profile_filters import condition_of, place_of, stored_text
from brainio.cards.profile_schema import CARD, COUNT, LOOKED_AT, thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from brainio.cards.profile_files import ProfileFile
    from brainio.catalogs import Entry
    from brainio.catalogs.cards import Card

_STIMULUS_ID = "stimulus_id"
Value = str | int | float | None


class Row(NamedTuple):
    """A stimulus: its number, counted from 0, and by column its text, its number, or None where it is missing."""

    number: int
    values: dict[str, Value]


class Neighbours(NamedTuple):
    """A stimulus, and the ids of those before and after it in the table; None at the ends."""

    row: Row
    previous: str | None
    next: str | None


class Thumbnail(NamedTuple):
    """A small picture of a stimulus; `data` is empty where there is none.

    Attributes
    ----------
    data : bytes
        The file of the picture.
    media_type : str
        Such as `image/webp`.
    width, height : int
        Pixels.
    kind : str
        Of the stimulus: `image`, `sound`, `video`, `text` or `file`.
    note : str
        More in words: dimensions, duration, the beginning of a text, or why there is no picture.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    kind: str
    note: str


class StimulusProfile:
    """What is shown of a stimulus set. Every method may raise `CacheError` where the file is damaged."""

    def __init__(self, entry: Entry, file: ProfileFile) -> None:
        self.entry, self._file = entry, file
        self._columns, self._table = file.columns, file.table

    @cached_property
    def card(self) -> Card:
        """The card of the entry as it would be built now: what data tell, with the facts that its catalog tells."""
        return card_with(self.entry, self._file.about[CARD])

    @property
    def columns(self) -> list[dict[str, Any]]:
        """What each column holds, as in the card: `name`, `kind`, `missing`, `distinct`, `histogram`, ...

        No more than 150 are described; `column_names` has all that can be filtered by.
        """
        columns: list[dict[str, Any]] = self._file.about[CARD]["columns"]
        return columns

    @property
    def column_names(self) -> list[str]:
        """The columns that rows have, `filename` among them: up to 1,000."""
        return [column.name for column in self._columns]

    @property
    def count(self) -> int:
        """How many stimuli there are."""
        return int(self._file.about[COUNT])

    @property
    def looked_at(self) -> int:
        """Of how many stimuli, from the first one on, thumbnails were made."""
        return int(self._file.about[LOOKED_AT])

    def rows(
        self, filters: Mapping[str, str] | Sequence[tuple[str, str]] = (), limit: int = 100, offset: int = 0
    ) -> tuple[list[Row], int]:
        """Return stimuli in the order of their table, and how many there are in all.

        Parameters
        ----------
        filters : mapping or sequence of (str, str), optional
            Columns, each with a text: a value as it is (numbers are compared as numbers), `*` for any characters,
            `low..high` for a range of numbers (either may be left out; `low..<high` is without `high`), `=text` for
            a text with stars, or nothing: the value is missing. All have to hold.
        limit, offset : int
            How many rows are returned, and how many before them are passed over.

        Raises
        ------
        SearchError
            There is no such column (the message has near names), or a filter of numbers is none.
        ValueError
            `limit` or `offset` is negative.
        """
        if limit < 0 or offset < 0:
            raise ValueError(f"limit is {limit} and offset {offset}; expected numbers from 0 on")
        pairs = list(filters.items() if isinstance(filters, Mapping) else filters)
        condition = condition_of(pairs, self._columns, self._table, "equal")
        chosen = select(self._table).where(condition).order_by(self._table.c.number).limit(limit).offset(offset)
        found = self._rows(chosen)
        if not pairs:
            return found, self.count
        condition = condition_of(pairs, self._columns, self._table, "all" if len(pairs) == 1 else "none")
        counted = select(func.count()).select_from(self._table).where(condition)
        return found, self._file.ask(lambda connection: connection.execute(counted).scalar_one())

    def row(self, stimulus_id: str) -> Neighbours | None:
        """Return a stimulus and the ids of its neighbours; None where the set has none of that id."""
        number, own = self._table.c.number, self._table.c[f"c{place_of(_STIMULUS_ID, self._columns)}"]
        found = self._rows(select(self._table).where(own == stored_text(stimulus_id)))
        if not found:
            return None
        at = found[0].number
        near = select(number, own).where(number.in_((at - 1, at + 1)))
        ids = dict(self._file.ask(lambda connection: [tuple(row) for row in connection.execute(near)]))
        return Neighbours(found[0], ids.get(at - 1), ids.get(at + 1))

    def thumbnail(self, number: int) -> Thumbnail | None:
        """Return the thumbnail of the stimulus with that number; None where none was made."""
        wanted = select(self._table.c.thumbnail).where(self._table.c.number == number).scalar_subquery()
        fields = [thumbnail.c[name] for name in Thumbnail._fields]
        asked = select(*fields).where(thumbnail.c.id == wanted)
        found = self._file.ask(lambda connection: connection.execute(asked).first())
        return None if found is None else Thumbnail(*found)

    def _rows(self, chosen: Select[Any]) -> list[Row]:
        found = self._file.ask(lambda connection: connection.execute(chosen).all())
        names = self.column_names
        return [Row(number, dict(zip(names, values, strict=True))) for number, _, *values in found]
