"""The profile of an assembly, as pages ask it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from brainio.cards.profile_card import card_with
from brainio.cards.profile_filters import stored_text
from brainio.cards.profile_schema import CARD, COUNT, response

if TYPE_CHECKING:
    from brainio.cards.profile_files import ProfileFile
    from brainio.catalogs import Entry
    from brainio.catalogs.cards import Card


class StimulusResponse(NamedTuple):
    """The response of an assembly to a stimulus.

    Attributes
    ----------
    stimulus_id : str
        Of the stimulus.
    presentations : int
        How often it was presented.
    mean : float or None
        Over all its presentations, neuroids and time bins, in the units of the values; None where nothing was measured.
    rank : int or None
        1 of the strongest.
    """

    stimulus_id: str
    presentations: int
    mean: float | None
    rank: int | None


class AssemblyProfile:
    """What is shown of an assembly. Every method may raise `CacheError` where the file is damaged."""

    def __init__(self, entry: Entry, file: ProfileFile) -> None:
        self.entry, self._file = entry, file

    @cached_property
    def card(self) -> Card:
        """The card of the entry, with `pictures`: what data tell, with the facts that its catalog tells.

        Columns that the stimulus set joins in are named as far as the card that the entry has names them.
        """
        return card_with(self.entry, self._file.about[CARD])

    @property
    def count(self) -> int:
        """How many stimuli are known with a response; 0 of spike times, and of values that are no numbers."""
        return int(self._file.about[COUNT])

    def stimulus(self, stimulus_id: str) -> StimulusResponse | None:
        """Return the response to a stimulus; None where none is known."""
        wanted = _RESPONSES.where(response.c.stimulus_id == stored_text(stimulus_id)).limit(1)
        found = self._file.ask(lambda connection: connection.execute(wanted).first())
        return None if found is None else StimulusResponse(*found)


_RESPONSES = select(*(response.c[name] for name in StimulusResponse._fields))
