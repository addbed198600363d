"""What an index is made of, and whether that is still as it was: catalogs, and the files and folders beside them.

A catalog on this machine, its publications table and the folders of its cards are told by what the disk says of them,
one in a database by the token that every change of it renews. A catalog from elsewhere, or made by a function, is told
by its entries. A card that is written anew changes its folder; one whose bytes are changed in place does not.
Where several machines share an index, what the disk says is no help: then all is told by content.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brainio.catalogs import CatalogSource, listing, sources
from brainio.catalogs.backends import backend_of
from brainio.catalogs.backends.csv_base import PUBLICATIONS_FILE
from brainio.errors import CatalogError
from brainio.index.schema import VERSION
from brainio.local_files import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from brainio.catalogs import Listing

CATALOG, PATH = "catalog", "path"
UNREADABLE = "not readable"
Names = frozenset[str] | None
"""Identifiers of the catalogs that an index is of; None: of all in force."""
_known: dict[str, _Told] = {}
_contents: dict[str, tuple[str, str]] = {}  # path -> what the disk says of it, and the digest of its content


class Dependency(NamedTuple):
    """One thing that an index was made of, its state then, and why it was left out (empty: it was not)."""

    kind: str
    name: str
    state: str
    problem: str = ""


class _Told(NamedTuple):
    """What a listing tells, which is worth remembering: the digest of its entries, and the paths beside it."""

    listing: Listing
    digest: str
    beside: list[str]


def catalogs_key(names: Names) -> str:
    """Return what names the index of catalogs: other catalogs, or another make, have another."""
    places = [(name, getattr(source, "location", "")) for name, source in _sources(names).items()]
    return _hash((VERSION, places))


def content_key(names: Names) -> str:
    """Return what names the content of catalogs, the same on every machine."""
    return _hash([(name, _content(name, source)) for name, source in _sources(names).items()])


def is_any_unreachable(names: Names) -> bool:
    """Whether the database of a catalog did not answer within the last minute."""
    return any(map(_is_unreachable, _sources(names).values()))


def read_dependencies(names: Names) -> tuple[list[Listing], list[Dependency]]:
    """Read catalogs for an index; states are those before, so that what changes meanwhile is found."""
    listings, dependencies = [], []
    for name, source in _sources(names).items():
        state = _state(name, source)
        try:
            one = listing(name)
        except CatalogError as error:
            dependencies.append(Dependency(CATALOG, name, state, str(error)))
            continue
        beside = _told(name, one).beside
        dependencies += [
            Dependency(CATALOG, name, state),
            *(Dependency(PATH, path, _state_of(path)) for path in beside),
        ]
        listings.append(one)
    return listings, list({(dependency.kind, dependency.name): dependency for dependency in dependencies}.values())


def are_current(dependencies: Collection[Dependency], names: Names) -> bool:
    """Tell whether an index that was made of these is one of the catalogs as they are now."""
    then = {dependency.name: dependency.state for dependency in dependencies if dependency.kind == CATALOG}
    now = _sources(names)
    if then.keys() != now.keys() or not all(_is_as(then[name], name, source) for name, source in now.items()):
        return False
    return all(_state_of(dependency.name) == dependency.state for dependency in dependencies if dependency.kind == PATH)


def sidecar_states(one: Listing) -> list[str]:
    """Return what changes when publications or cards beside a catalog on this machine do."""
    return [_state_of(path) for path in _told(one.identifier, one).beside]


def _sources(names: Names) -> dict[str, CatalogSource]:
    return {name: source for name, source in sources().items() if names is None or name in names}


def _is_as(then: str, name: str, source: CatalogSource) -> bool:
    """Whether a catalog is as it was; of one whose database is away the entries decide, which are all that is known."""
    now = _state(name, source)
    return then == now or (_is_unreachable(source) and then.rpartition(" ")[2] == now.rpartition(" ")[2])


def _is_unreachable(source: CatalogSource) -> bool:
    return source.backend.is_away


def _state(name: str, source: CatalogSource) -> str:
    backend = source.backend
    token = backend.persistent_token()
    if token is not None and backend.folder is not None:  # the storage always responds
        return token
    try:
        digest = _told(name, listing(name)).digest
    except CatalogError:
        return UNREADABLE
    return digest if token is None else f"{'' if backend.is_away else token} {digest}"


def _content(name: str, source: CatalogSource) -> str:
    if source.backend.has_shared_token:
        return str(source.backend.persistent_token())
    try:
        told = _told(name, listing(name))
    except CatalogError:
        return UNREADABLE
    return repr([told.digest, *map(_content_of, told.beside)])


def _told(name: str, one: Listing) -> _Told:
    known = _known.get(name)
    if known is None or known.listing is not one:
        known = _known[name] = _Told(one, _digest(one), list(_beside(one)))
    return known


def _beside(one: Listing) -> Iterator[str]:
    """Yield the paths beside a catalog on this machine that an index depends on."""
    if not one.source or backend_of(one.source).sidecars.folder is None:
        return
    beside = {(entry.base, PUBLICATIONS_FILE) for entry in one.entries.values()}
    beside |= {
        (entry.base, entry.card.rpartition("/")[0])
        for entry in one.entries.values()
        if entry.card and "://" not in entry.card
    }
    for base, name in sorted(beside):
        yield os.path.join(base, name)  # noqa: PTH118 - as many as a catalog has folders of cards


def _digest(one: Listing) -> str:
    digest = hashlib.sha256()
    for current in one.entries.values():
        for entry in one.all_versions(current):
            digest.update(repr(entry).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _state_of(path: str) -> str:
    file = Fingerprint.find(path)
    return "" if file is None else repr(file.portable)


def _content_of(path: str) -> str:
    """Return the digest of a file, or of the files in a folder; read again when the disk says that it changed."""
    state = _state_of(path)
    known = _contents.get(path)
    if known is None or known[0] != state:
        known = _contents[path] = state, _hash(list(_bytes_in(Path(path)))) if state else ""
    return known[1]


def _bytes_in(path: Path) -> Iterator[tuple[str, str]]:
    for one in sorted(path.iterdir()) if path.is_dir() else [path]:
        try:
            yield one.name, hashlib.sha256(one.read_bytes()).hexdigest()
        except OSError:  # a folder, or gone meanwhile
            continue


def _hash(told: object) -> str:
    return hashlib.sha256(repr(told).encode("utf-8", "backslashreplace")).hexdigest()[:32]
