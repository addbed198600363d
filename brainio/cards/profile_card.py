"""The card of an entry, put together from what its profile has of the data and what its own catalog says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainio.cards.facts import known_facts, with_facts
from brainio.catalogs.cards import read_card

if TYPE_CHECKING:
    from brainio.catalogs import Entry
    from brainio.catalogs.cards import Card

_OF_CATALOG = ("stimulus_columns",)  # computed, but not from the bytes of the entry alone


def card_with(entry: Entry, described: Card) -> Card:
    """Return a card; nothing that another catalog says of the same bytes is in it."""
    known = read_card(entry)
    card: Card = {"identifier": entry.identifier, "lookup_type": entry.lookup_type, "class": entry.class_name}
    card |= {"version": entry.version} if entry.version else {}
    card |= known_facts(entry)
    named = {"stimulus_set_identifier": entry.stimulus_set_identifier} if entry.stimulus_set_identifier else {}
    return with_facts(described | named | {name: known[name] for name in _OF_CATALOG if name in known}, card)
