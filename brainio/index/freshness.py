"""Freshness of an index: the catalogs and sidecars from which it was built, and whether they have changed since.

The state of a local catalog, of its publications table and of the folders of its cards is their fingerprint, and that
of a catalog in a database its version token. The state of a remote catalog, or of one that a function returns, is the
digest of its entries. Replacing a card changes its folder; changing its bytes in place does not. If several machines
share an index, fingerprints do not help, and all states are digests of contents.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select

from brainio.catalogs import CatalogSource, listing, sources
from brainio.catalogs.backends import backend_of
from brainio.catalogs.backends.csv_base import PUBLICATIONS_FILE
from brainio.errors import CatalogError
from brainio.index.schema import VERSION
from brainio.index.schema import source as source_table
from brainio.local_files import Fingerprint
from brainio.stores.location import is_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from brainio.catalogs import Listing

CATALOG, PATH = "catalog", "path"
UNREADABLE = "not readable"
FINISHED = "made"
"""The kind of the dependency that states when an index was finished."""
Names = frozenset[str] | None
"""Identifiers of the catalogs of an index; None for all active ones."""
_digests: dict[str, _ListingDigest] = {}
_contents: dict[str, tuple[str, str]] = {}  # path -> its fingerprint, and the digest of its content


class Dependency(NamedTuple):
    """A catalog, file or folder from which an index was built, its state, and why it was left out (may be empty)."""

    kind: str
    name: str
    state: str
    problem: str = ""


class _ListingDigest(NamedTuple):
    """The digest of the entries of a listing, and the paths of its sidecars."""

    listing: Listing
    digest: str
    sidecars: list[str]


def catalogs_key(names: Names) -> str:
    """Return the key of the index of some catalogs, which depends on their locations and on the schema."""
    locations = [(name, getattr(source, "location", "")) for name, source in _sources(names).items()]
    return _hash((VERSION, locations))


def content_key(names: Names) -> str:
    """Return a key of the content of catalogs, the same on every machine."""
    return _hash([(name, _content(name, source)) for name, source in _sources(names).items()])


def is_any_unreachable(names: Names) -> bool:
    """Return whether the storage of a catalog did not respond within the last minute."""
    return any(map(_is_unreachable, _sources(names).values()))


def read_dependencies(names: Names) -> tuple[list[Listing], list[Dependency]]:
    """Read catalogs for an index, with their states before reading, so that later changes are detected."""
    listings, dependencies = [], []
    for name, source in _sources(names).items():
        state = _state(name, source)
        try:
            catalog = listing(name)
        except CatalogError as error:
            dependencies.append(Dependency(CATALOG, name, state, str(error)))
            continue
        sidecars = _digest_listing(name, catalog).sidecars
        dependencies += [
            Dependency(CATALOG, name, state),
            *(Dependency(PATH, path, _path_state(path)) for path in sidecars),
        ]
        listings.append(catalog)
    return listings, list({(dependency.kind, dependency.name): dependency for dependency in dependencies}.values())


def are_current(dependencies: Collection[Dependency], names: Names) -> bool:
    """Return whether the dependencies of an index have the present state of some catalogs."""
    stored = {dependency.name: dependency.state for dependency in dependencies if dependency.kind == CATALOG}
    current = _sources(names)
    if stored.keys() != current.keys():
        return False
    if not all(_has_state(stored[name], name, source) for name, source in current.items()):
        return False
    return all(
        _path_state(dependency.name) == dependency.state for dependency in dependencies if dependency.kind == PATH
    )


def write_dependencies(connection: Connection, dependencies: Sequence[Dependency]) -> None:
    """Store the dependencies of an index in it."""
    connection.execute(insert(source_table), [dependency._asdict() for dependency in dependencies])


def read_stored_dependencies(connection: Connection) -> tuple[list[Dependency], str]:
    """Return the dependencies of an index, and its stored time of completion (empty if it was never completed)."""
    rows = [Dependency(*row) for row in connection.execute(select(source_table))]
    finished = next((dependency.state for dependency in rows if dependency.kind == FINISHED), "")
    return [dependency for dependency in rows if dependency.kind != FINISHED], finished


def sidecar_states(listing: Listing) -> list[str]:
    """Return the states of the publications table and the folders of cards of a local catalog."""
    return [_path_state(path) for path in _digest_listing(listing.identifier, listing).sidecars]


def _sources(names: Names) -> dict[str, CatalogSource]:
    return {name: source for name, source in sources().items() if names is None or name in names}


def _has_state(stored: str, name: str, source: CatalogSource) -> bool:
    """Return whether a catalog has a stored state; if its storage is unreachable, compare the digests of entries."""
    current = _state(name, source)
    return stored == current or (_is_unreachable(source) and stored.rpartition(" ")[2] == current.rpartition(" ")[2])


def _is_unreachable(source: CatalogSource) -> bool:
    return source.backend.is_away


def _state(name: str, source: CatalogSource) -> str:
    backend = source.backend
    token = backend.persistent_token()
    if token is not None and backend.folder is not None:  # the storage always responds
        return token
    try:
        digest = _digest_listing(name, listing(name)).digest
    except CatalogError:
        return UNREADABLE
    return digest if token is None else f"{'' if backend.is_away else token} {digest}"


def _content(name: str, source: CatalogSource) -> str:
    if source.backend.has_shared_token:
        return str(source.backend.persistent_token())
    try:
        content = _digest_listing(name, listing(name))
    except CatalogError:
        return UNREADABLE
    return repr([content.digest, *map(_path_digest, content.sidecars)])


def _digest_listing(name: str, listing: Listing) -> _ListingDigest:
    cached = _digests.get(name)
    if cached is None or cached.listing is not listing:
        cached = _digests[name] = _ListingDigest(listing, _digest_entries(listing), list(_sidecar_paths(listing)))
    return cached


def _sidecar_paths(listing: Listing) -> Iterator[str]:
    """Yield the paths of the publications table and the folders of cards of a local catalog."""
    if not listing.source or backend_of(listing.source).sidecars.folder is None:
        return
    paths = {(entry.base, PUBLICATIONS_FILE) for entry in listing.entries.values()}
    paths |= {
        (entry.base, entry.card.rpartition("/")[0])
        for entry in listing.entries.values()
        if entry.card and not is_url(entry.card)
    }
    for base, name in sorted(paths):
        yield os.path.join(base, name)  # noqa: PTH118 - as many as a catalog has folders of cards


def _digest_entries(listing: Listing) -> str:
    digest = hashlib.sha256()
    for current in listing.entries.values():
        for entry in listing.all_versions(current):
            digest.update(repr(entry).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _path_state(path: str) -> str:
    file = Fingerprint.find(path)
    return "" if file is None else repr(file.portable)


def _path_digest(path: str) -> str:
    """Return the digest of a file, or of the files in a folder, cached by fingerprint."""
    state = _path_state(path)
    cached = _contents.get(path)
    if cached is None or cached[0] != state:
        cached = _contents[path] = state, _hash(list(_file_digests(Path(path)))) if state else ""
    return cached[1]


def _file_digests(path: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        try:
            yield file.name, hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError:  # a folder, or a file that was just removed
            continue


def _hash(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "backslashreplace")).hexdigest()[:32]
