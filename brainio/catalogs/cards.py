"""The cards of entries: their paths in a catalog, their JSON form, and reading them.

`brainio.cards` computes the contents of cards; the sidecars of a catalog's backend store them.
"""

import json
import re
import threading
import warnings
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from brainio.catalogs.backends import sidecars_at
from brainio.catalogs.backends.base import LARGEST_CARD
from brainio.errors import CatalogError, CatalogWarning, LocationError, OfflineError, TransferError
from brainio.stores.location import is_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainio.catalogs.backends import Sidecars
    from brainio.catalogs.entries import Entry

_PATIENCE = 10.0  # seconds that a remote card may take: entries are usable without cards
_MAX_DEPTH = 50  # levels of objects and lists: pages and search visit all of them
_HOLDERS = (dict, list)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")

Card = dict[str, Any]

UNREADABLE = (TransferError, LocationError, ValueError, RecursionError)
"""The errors that reading a card raises."""


def card_location(lookup_type: str, identifier: str, version: str = "") -> str:
    """Return the path of the card of an entry, relative to its catalog.

    Parameters
    ----------
    lookup_type : str
        `'stimulus_set'` or `'assembly'`.
    identifier : str
        Identifier of the entry.
    version : str, default ''
        Version of the entry; empty if the entry has no version.

    Raises
    ------
    CatalogError
        The identifier or the version cannot be part of a file name.

    Examples
    --------
    >>> card_location('assembly', 'lab.Doe2026'), card_location('assembly', 'lab.Doe2026', '2')
    ('cards/assembly/lab.Doe2026.json', 'cards/assembly/lab.Doe2026@2.json')
    """
    for field, text in (("identifier", identifier), ("version", version)):
        if not (_NAME.fullmatch(text) or (field == "version" and not text)):
            raise CatalogError(
                f"the {field} {text!r} cannot be part of the file name of a card; expected 1 to 200 letters, digits, "
                f"dots, underscores or hyphens"
            )
    return f"cards/{lookup_type}/{identifier}{f'@{version}' if version else ''}.json"


def card_bytes(card: Card) -> bytes:
    """Return a card as JSON in UTF-8: equal cards give equal bytes.

    Raises
    ------
    ValueError, TypeError
        The card contains a value that JSON cannot represent, such as NaN.

    Examples
    --------
    >>> card_bytes({'identifier': 'lab.Doe2026'}).decode().splitlines()
    ['{', '  "identifier": "lab.Doe2026"', '}']
    """
    return (json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_card(entry: "Entry") -> Card:
    """Read the card of an entry; empty if its catalog names no card.

    If a card cannot be read, is malformed (infinite numbers, unpaired surrogates, more than 50 levels), or does not
    arrive within 10 seconds, a CatalogWarning reports it and the result is empty. A remote card is read once per
    process, any other card at every call.

    Parameters
    ----------
    entry : Entry
        An entry of a catalog.

    Returns
    -------
    dict
        The fields of the card; do not modify them.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> read_card(resolve('assembly', 'modelfest.Carney1999'))['shape']
    [2752]
    """
    if not entry.card:
        return {}
    try:
        return _read_memoized(entry.base, entry.card) if is_card_slow(entry) else read_current_card(entry)
    except UNREADABLE as error:
        if not isinstance(error, OfflineError):  # offline, missing cards are expected
            warnings.warn(
                f"the card of {entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} cannot be read: {error}",
                CatalogWarning,
                stacklevel=2,
            )
        return {}


def prefetch_cards(entries: "Iterable[Entry]") -> dict[tuple[str, str], Card]:
    """Return the cards of the entries whose catalogs can return many cards by one query, such as databases.

    Cards that cannot be read are left out with a CatalogWarning, as by `read_card`.

    Parameters
    ----------
    entries : iterable of Entry
        Entries of any catalogs.

    Returns
    -------
    dict
        (`base`, `card`) of an entry -> its card.
    """
    places: dict[str, list[str]] = {}
    for entry in entries:
        if entry.card and not is_url(entry.card):
            places.setdefault(entry.base, []).append(entry.card)
    cards = {}
    for base, several in places.items():
        for place, text in _read_many(sidecars_at(base), several).items():
            try:
                cards[base, place] = _parse(text, place)
            except UNREADABLE as error:
                warnings.warn(f"the card {place} in {sidecars_at(base)} cannot be read: {error}", CatalogWarning, 2)
    return cards


def _read_many(sidecars: "Sidecars", places: list[str]) -> dict[str, bytes]:
    try:
        texts = sidecars.read_cards(places)
    except CatalogError as error:
        warnings.warn(f"cards cannot be read: {error}", CatalogWarning, stacklevel=3)
        return {}
    missing = [] if texts is None else [place for place in places if place not in texts]
    if missing:
        warnings.warn(
            f"{sidecars} has no card {missing[0]}{f' and {len(missing) - 1:,} more' if len(missing) > 1 else ''}. "
            f"Create it: brainio card build",
            CatalogWarning,
            stacklevel=3,
        )
    return texts or {}


def forget_cards() -> None:
    """Read remote cards again at the next call, after this process wrote a card."""
    _read_within_limit.cache_clear()


def read_current_card(entry: "Entry") -> Card:
    """Read the card that an entry names as it is stored now; raises one of `UNREADABLE`."""
    return _read(entry.base, entry.card)


def has_card(entry: "Entry") -> bool:
    """Whether the card that an entry names exists; raises a BrainioError if its storage does not respond."""
    from brainio.stores import parse_location, stat

    if is_url(entry.card):
        return stat(parse_location(entry.card, base=entry.base)) is not None
    return sidecars_at(entry.base).has_card(entry.card)


def is_card_slow(entry: "Entry") -> bool:
    """Whether reading the card of an entry takes a network request of its own; raises LocationError."""
    from brainio.stores import parse_location

    if is_url(entry.card):
        return not parse_location(entry.card, base=entry.base).is_local
    return sidecars_at(entry.base).has_slow_cards


def _read(base: str, place: str) -> Card:
    """Read a card by its absolute location, or by its path relative to a catalog."""
    from brainio.stores import parse_location, read_whole

    if not is_url(place):
        return _parse(sidecars_at(base).read_card(place), place)
    location = parse_location(place, base=base)
    return _parse(read_whole(location, LARGEST_CARD), str(location))


def _parse(text: bytes, place: str) -> Card:
    card = json.loads(text)
    if not isinstance(card, dict):
        raise TransferError(f"the card {place} is not a JSON object")
    _check_values(card)
    return card


def _check_values(card: Card) -> None:
    """Raise ValueError for values that JSON cannot represent: infinity (1e999), unpaired surrogates, endless depth."""
    level: list[Any] = [card]
    texts: list[str] = []
    for _ in range(_MAX_DEPTH):
        parts = [part for holder in level if isinstance(holder, list) for part in holder]
        for holder in level:
            if isinstance(holder, dict):
                texts += holder
                parts += holder.values()
        if not all(isfinite(part) for part in parts if isinstance(part, float)):
            raise ValueError("a number is not finite")
        texts += [part for part in parts if isinstance(part, str)]
        level = [part for part in parts if isinstance(part, _HOLDERS)]
        if not level:
            "".join(texts).encode()
            return
    raise ValueError(f"the card has more than {_MAX_DEPTH} levels")


def _read_memoized(base: str, place: str) -> Card:
    result = _read_within_limit(base, place)
    if isinstance(result, Exception):
        raise result
    return result


@lru_cache(maxsize=4096)
def _read_within_limit(base: str, place: str) -> Card | Exception:
    """Read a card in another thread, which limits the wait; return the card or the error of reading it."""
    results: list[Card | Exception] = []

    def read() -> None:
        try:
            results.append(_read(base, place))
        except UNREADABLE as error:
            results.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(_PATIENCE)
    return (
        results[0]
        if results
        else TransferError(f"the card {place} of {sidecars_at(base)} did not arrive within {_PATIENCE:.0f} seconds")
    )
