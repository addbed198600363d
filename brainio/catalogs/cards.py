"""The cards of entries: where they lie beside a catalog, their JSON form, and reading them.

What stands in a card is the business of `brainio.cards`, which computes them; this module only carries them.
"""

import json
import re
import threading
import warnings
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from brainio.catalogs.backends.sql.location import is_database, place_of
from brainio.errors import CatalogError, CatalogWarning, LocationError, OfflineError, TransferError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainio.catalogs.entries import Entry
    from brainio.stores import Location

LARGEST_CARD = 2**20  # bytes
_PATIENCE = 10.0  # seconds that a card from elsewhere may take: whoever asks for it can do without
_DEEPEST = 50  # levels of records and lists: whoever shows or searches a card goes through them
_HOLDERS = (dict, list)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")

Card = dict[str, Any]

UNREADABLE = (TransferError, LocationError, ValueError, RecursionError)
"""What reading a card raises."""


def card_location(lookup_type: str, identifier: str, version: str = "") -> str:
    """Return where the card of an entry lies, relative to the folder of its catalog.

    Parameters
    ----------
    lookup_type : str
        `'stimulus_set'` or `'assembly'`.
    identifier : str
        Of the entry.
    version : str, default ''
        Of the entry; empty where it has none.

    Raises
    ------
    CatalogError
        Identifier or version cannot stand in the name of a file.

    Examples
    --------
    >>> card_location('assembly', 'lab.Doe2026'), card_location('assembly', 'lab.Doe2026', '2')
    ('cards/assembly/lab.Doe2026.json', 'cards/assembly/lab.Doe2026@2.json')
    """
    for what, name in (("identifier", identifier), ("version", version)):
        if not (_NAME.fullmatch(name) or (what == "version" and not name)):
            raise CatalogError(
                f"the {what} {name!r} cannot name the file of a card; expected 1 to 200 letters, digits, dots, "
                f"underscores or hyphens"
            )
    return f"cards/{lookup_type}/{identifier}{f'@{version}' if version else ''}.json"


def card_bytes(card: Card) -> bytes:
    """Return the JSON form of a card, UTF-8: the same bytes for the same card.

    Raises
    ------
    ValueError, TypeError
        It holds what JSON has no word for, such as NaN.

    Examples
    --------
    >>> card_bytes({'identifier': 'lab.Doe2026'}).decode().splitlines()
    ['{', '  "identifier": "lab.Doe2026"', '}']
    """
    return (json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_card(entry: "Entry") -> Card:
    """Read the card of an entry; empty where its catalog names none.

    A card that is named and cannot be read, is no card, holds what no card can (infinite numbers, halves of characters,
    more than 50 levels), or does not come within 10 seconds is a `CatalogWarning`, and the answer is empty. A card from
    elsewhere is asked for once a process, one on this machine whenever it is wanted.

    Parameters
    ----------
    entry : Entry
        From a catalog.

    Returns
    -------
    dict
        Its fields; not to be changed.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> read_card(resolve('assembly', 'modelfest.Carney1999'))['shape']
    [2752]
    """
    if not entry.card:
        return {}
    try:
        location = _location_of(entry)
        return card_now(entry) if location is None or location.is_local else _read_once(location)
    except UNREADABLE as error:
        if not isinstance(error, OfflineError):  # whoever is offline knows
            warnings.warn(
                f"the card of {entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} cannot be read: {error}",
                CatalogWarning,
                stacklevel=2,
            )
        return {}


def cards_in_databases(entries: "Iterable[Entry]") -> dict[tuple[str, str], Card]:
    """Return the cards of those entries whose catalog lives in a database, with one question to each catalog.

    What `read_card` would warn of is a `CatalogWarning` here as well, and left out.

    Parameters
    ----------
    entries : iterable of Entry
        Of any catalogs.

    Returns
    -------
    dict
        (`base`, `card`) of an entry -> its card.
    """
    places: dict[str, list[str]] = {}
    for entry in entries:
        if entry.card and is_in_database(entry):
            places.setdefault(entry.base, []).append(entry.card)
    found = {}
    for base, several in places.items():
        for place, text in _texts_in_database(base, several).items():
            try:
                found[base, place] = _parsed(text, place)
            except UNREADABLE as error:
                warnings.warn(f"the card {place} in {place_of(base)} cannot be read: {error}", CatalogWarning, 2)
    return found


def _texts_in_database(base: str, places: list[str]) -> dict[str, str]:
    from brainio.catalogs.backends.sql.connections import why_away
    from brainio.catalogs.sql_beside import cards_at

    database = place_of(base)
    if why_away(database):  # which whoever asked first was told
        return {}
    try:
        found = cards_at(database, places)
    except CatalogError as error:
        warnings.warn(f"cards are not known: {error}", CatalogWarning, stacklevel=3)
        return {}
    if missing := [place for place in places if place not in found]:
        warnings.warn(
            f"{database} has no card {missing[0]}{f' and {len(missing) - 1:,} more' if len(missing) > 1 else ''}. "
            f"Make it: brainio card build",
            CatalogWarning,
            stacklevel=3,
        )
    return found


def forget_cards() -> None:
    """Ask for cards from elsewhere again, now that one was written."""
    _answer.cache_clear()


def card_now(entry: "Entry") -> Card:
    """Read the card that the catalog of an entry names, as it is now; raises one of `UNREADABLE`."""
    location = _location_of(entry)
    if location is not None:
        return _card_at(location)
    from brainio.catalogs.sql_beside import read_card as read_from_database

    return _parsed(read_from_database(entry.base, entry.card), entry.card)


def _location_of(entry: "Entry") -> "Location | None":
    """Return where the card of an entry lies, None for the database that its catalog lives in."""
    from brainio.stores import parse_location

    return None if is_in_database(entry) else parse_location(entry.card, base=entry.base)


def is_in_database(entry: "Entry") -> bool:
    """Whether the card of an entry is stored in the database of its catalog."""
    return is_database(entry.base) and "://" not in entry.card


def _card_at(location: "Location") -> Card:
    from brainio.stores import read_whole

    return _parsed(read_whole(location, LARGEST_CARD), str(location))


def _parsed(text: str | bytes, place: str) -> Card:
    card = json.loads(text)
    if not isinstance(card, dict):
        raise TransferError(f"{place} holds no JSON object")
    _require_sound(card)
    return card


def _require_sound(card: Card) -> None:
    """Refuse what could not be passed on: infinity, which 1e999 is read as, halves of characters, endless levels."""
    level: list[Any] = [card]
    texts: list[str] = []
    for _ in range(_DEEPEST):
        parts = [part for one in level if isinstance(one, list) for part in one]
        for one in level:
            if isinstance(one, dict):
                texts += one
                parts += one.values()
        if not all(isfinite(part) for part in parts if isinstance(part, float)):
            raise ValueError("a number is not finite")
        texts += [part for part in parts if isinstance(part, str)]
        level = [part for part in parts if isinstance(part, _HOLDERS)]
        if not level:
            "".join(texts).encode()
            return
    raise ValueError(f"it has more than {_DEEPEST} levels")


def _read_once(location: "Location") -> Card:
    found = _answer(location)
    if isinstance(found, Exception):
        raise found
    return found


@lru_cache(maxsize=4096)
def _answer(location: "Location") -> Card | Exception:
    """Return a card or why there is none; another thread reads it, so that waiting has an end."""
    answers: list[Card | Exception] = []

    def read() -> None:
        try:
            answers.append(_card_at(location))
        except UNREADABLE as error:
            answers.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(_PATIENCE)
    return answers[0] if answers else TransferError(f"{location} did not come within {_PATIENCE:.0f} seconds")
