"""What an index is made of, and whether that is still as it was: catalogs, and the files and folders beside them.

A catalog on this machine, its publications table and the folders of its cards are told by what the disk says of them.
A catalog from elsewhere, or made by a function, is told by its entries. A card that is written anew changes its folder;
one whose bytes are changed in place does not.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

from brainio.catalogs import CatalogSource, listing, sources
from brainio.catalogs.publications import FILE_NAME
from brainio.errors import CatalogError
from brainio.index.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from brainio.catalogs import Listing
    from brainio.catalogs.sources import Source

CATALOG, PATH = "catalog", "path"
_digests: dict[str, tuple[Listing, str]] = {}


class Origin(NamedTuple):
    """One thing that an index was made of, its state then, and why it was left out (empty: it was not)."""

    kind: str
    name: str
    state: str
    problem: str = ""


def key_in_force() -> str:
    """Return what names the index of the catalogs in force: other catalogs, or another make, have another."""
    places = [(name, getattr(source, "location", "")) for name, source in sources().items()]
    return hashlib.sha256(repr((VERSION, places)).encode()).hexdigest()[:32]


def read_origins() -> tuple[list[Listing], list[Origin]]:
    """Read the catalogs in force for an index; states are those before, so that what changes meanwhile is found."""
    listings, origins = [], []
    for name, source in sources().items():
        state = _state(name, source)
        try:
            one = listing(name)
        except CatalogError as error:
            origins.append(Origin(CATALOG, name, state, str(error)))
            continue
        origins += [Origin(CATALOG, name, state), *(Origin(PATH, path, _state_of(path)) for path in _beside(one))]
        listings.append(one)
    return listings, list({(origin.kind, origin.name): origin for origin in origins}.values())


def are_as_they_were(origins: Collection[Origin]) -> bool:
    """Tell whether an index that was made of these is one of the catalogs in force as they are now."""
    then = {origin.name: origin.state for origin in origins if origin.kind == CATALOG}
    if then != {name: _state(name, source) for name, source in sources().items()}:
        return False
    return all(_state_of(origin.name) == origin.state for origin in origins if origin.kind == PATH)


def _beside(one: Listing) -> Iterator[str]:
    """Yield the paths beside a catalog on this machine that an index depends on."""
    if not one.source or "://" in one.source:
        return
    beside = {(entry.base, FILE_NAME) for entry in one.entries.values()}
    beside |= {
        (entry.base, entry.card.rpartition("/")[0])
        for entry in one.entries.values()
        if entry.card and "://" not in entry.card
    }
    for base, name in sorted(beside):
        yield os.path.join(base, name)  # noqa: PTH118 - as many as a catalog has folders of cards


def _state(name: str, source: Source) -> str:
    if isinstance(source, CatalogSource) and not source.is_remote:
        return repr(source.fingerprint())
    try:
        one = listing(name)
    except CatalogError:
        return "not readable"
    known = _digests.get(name)
    if known is None or known[0] is not one:
        known = _digests[name] = one, _digest(one)
    return known[1]


def _digest(one: Listing) -> str:
    digest = hashlib.sha256()
    for current in one.entries.values():
        for entry in one.all_versions(current):
            digest.update(repr(entry).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _state_of(path: str) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116 - at every search
    except (OSError, ValueError):
        return ""
    return repr((status.st_ino, status.st_size, status.st_mtime_ns))
