"""Which catalogs are in force, and resolving an identifier over all of them.

In force are, in this order: what `add_catalog` added, what `BRAINIO_CATALOGS` names, what installed distributions
offer. Catalog files that change while the program runs are read again at the next look-up.
"""

import os
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from brainio.catalogs.entries import LOOKUP_TYPES, TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry
from brainio.catalogs.listing import Listing, shown
from brainio.catalogs.sources import (
    BRAINIO_CATALOGS,
    CatalogSource,
    Source,
    installed_sources,
    named_sources,
    source_from,
)
from brainio.catalogs.suggest import not_found
from brainio.errors import (
    AmbiguousEntryError,
    CatalogError,
    CatalogWarning,
    EntryLookupError,
    OfflineCatalogError,
    OfflineLookupError,
    UnknownCatalogError,
)

_SECONDS_BEFORE_ASKING_AGAIN = 60.0

_lock = threading.RLock()
_added: dict[str, CatalogSource] = {}
_readings: dict[str, "_Reading"] = {}
_sources_for: tuple[str, dict[str, CatalogSource], dict[str, Source]] | None = None


def add_catalog(location: str | os.PathLike[str], identifier: str | None = None) -> str:
    """Put a catalog in force for the running program, before all others.

    Parameters
    ----------
    location : str or path
        Path or URL of its CSV file, or URL of the database that it lives in: `sqlite:////PATH/lab.db`,
        `postgresql://USER@HOST/lab`.
    identifier : str, optional
        Of the catalog; by default the file name without its ending.

    Returns
    -------
    str
        The identifier of the catalog.

    Raises
    ------
    CatalogError
        Nothing can be read there, or it is no catalog; or the identifier is taken by another one.

    Examples
    --------
    >>> from brainio_catalogs import brainio_demo
    >>> add_catalog(brainio_demo.location)
    'brainio_demo'
    """
    source = source_from(os.fspath(location), identifier)
    with _lock:
        taken = _sources().get(source.identifier)
        if taken is not None and taken != source:
            raise CatalogError(_doubled(source.identifier, taken, source))
        _readings.pop(source.identifier, None)
        _read(source)
        _added[source.identifier] = source
    return source.identifier


def sources() -> dict[str, Source]:
    """Return the sources of the catalogs in force: catalog identifier -> source.

    Raises
    ------
    CatalogError
        Two different catalogs claim one identifier.
    """
    return dict(_sources())


def listings() -> list[Listing]:
    """Return the catalogs in force, each as it is now; one that cannot be read is left out with a `CatalogWarning`."""
    found = []
    for source in _sources().values():
        try:
            found.append(_read(source))
        except CatalogError as error:
            warnings.warn(f"{error}; this catalog is left out", CatalogWarning, stacklevel=3)
    return found


def catalog_source(identifier: str) -> Source:
    """Return the source of one catalog in force.

    Raises
    ------
    UnknownCatalogError
        No catalog in force has that identifier.
    """
    known = _sources()
    if identifier not in known:
        raise UnknownCatalogError(
            f"no catalog {identifier!r} is in force (in force: {', '.join(known) or 'none'}); "
            f"name its file in {BRAINIO_CATALOGS} or call brainio.add_catalog"
        )
    return known[identifier]


def listing(identifier: str) -> Listing:
    """Return one catalog in force as it is now.

    Raises
    ------
    UnknownCatalogError, CatalogError
        No catalog in force has that identifier; or it cannot be read.
    """
    return _read(catalog_source(identifier))


def resolve(
    lookup_type: str,
    identifier: str,
    *,
    catalog: str | None = None,
    version: str | None = None,
    among: Sequence[Listing] | None = None,
) -> Entry:
    """Return the one entry that an identifier names.

    Parameters
    ----------
    lookup_type : str
        `'stimulus_set'` or `'assembly'`.
    identifier : str
        Identifier or alias, or `catalog_identifier:identifier` to look in one catalog only.
    catalog : str, optional
        Identifier of the only catalog to look in.
    version : str, optional
        Version of the entry; by default the current one.
    among : sequence of Listing, optional
        The catalogs to look in, by default those in force: others change no answer, and no error names them.

    Raises
    ------
    AssemblyLookupError, StimulusSetLookupError
        Nothing has that name; the message says what was probably meant.
    OfflineLookupError
        The same, while `BRAINIO_OFFLINE` is set and a catalog of which no copy is kept may have it.
    AmbiguousEntryError
        Two catalogs list different bytes under that name.
    UnknownCatalogError
        `catalog` is not in force.

    Examples
    --------
    >>> resolve('assembly', 'MajajHong2015').identifier
    'dicarlo.MajajHong2015'
    """
    if not isinstance(identifier, str):
        raise TypeError(f"an identifier is text such as 'dicarlo.MajajHong2015', not {identifier!r}")
    found = _looked_in(catalog, among)
    hits = list(_hits(found, lookup_type, identifier, version))
    if not hits:
        names = list(_sources()) if among is None else [one.identifier for one in among]
        prefix, colon, rest = identifier.partition(":")
        if catalog is None and colon and prefix in names:
            return resolve(lookup_type, rest, catalog=prefix, version=version, among=among)
        left_out = [name for name in names if catalog is None and name not in {one.identifier for one in found}]
        forbidden = [name for name in left_out if _is_forbidden(name)]
        raise not_found(found, lookup_type, identifier, version, left_out, forbidden)
    if len(hits) > 1 and len({entry.content for entry in hits}) > 1:
        raise _ambiguous(identifier, hits)
    return hits[0]


def _looked_in(catalog: str | None, among: Sequence[Listing] | None) -> list[Listing]:
    if among is not None:
        return [one for one in among if catalog in (None, one.identifier)]
    return listings() if catalog is None else [listing(catalog)]


def stimulus_set_of(entry: Entry, among: Sequence[Listing] | None = None) -> Entry | None:
    """Return the entry of the stimulus set that an assembly names, None if it names none.

    The catalog of the assembly comes first, then all catalogs in force, or those that are given.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError
        Its identifier does not lead to one stimulus set.
    """
    if not entry.stimulus_set_identifier:
        return None
    own = _hits(_looked_in(entry.catalog, among), TYPE_STIMULUS_SET, entry.stimulus_set_identifier, None)
    return next(own, None) or resolve(TYPE_STIMULUS_SET, entry.stimulus_set_identifier, among=among)


def entries_of(
    identifier: str, *, catalog: str | None = None, kind: str | None = None, version: str | None = None
) -> list[Entry]:
    """Return the entries of both kinds that an identifier names, or of the one kind that is asked for.

    Raises
    ------
    EntryLookupError
        There is none, or not only one of a kind (`AmbiguousEntryError`).

    Examples
    --------
    >>> [entry.kind for entry in entries_of('modelfest.Carney1999')]
    ['stimulus set', 'assembly']
    """
    found, failures = [], []
    for lookup_type in [kind] if kind else LOOKUP_TYPES:
        try:
            found.append(resolve(lookup_type, identifier, catalog=catalog, version=version))
        except AmbiguousEntryError:
            raise
        except EntryLookupError as error:
            failures.append(error)
    if not found:
        offline = any(isinstance(failure, OfflineLookupError) for failure in failures)
        kind_of_error = OfflineLookupError if offline else EntryLookupError
        raise kind_of_error("\n".join(str(failure) for failure in failures))
    return found


def entries(lookup_type: str | None = None, catalog: str | None = None) -> Iterator[Entry]:
    """Yield the current version of every entry of the catalogs in force, in their order.

    An entry that several catalogs list with the same bytes is yielded once.
    """
    seen: dict[tuple[str, str], set[frozenset[tuple[str, ...]]]] = {}
    for one in listings() if catalog is None else [listing(catalog)]:
        for key, entry in one.entries.items():
            if key[0] != (lookup_type or key[0]):
                continue
            contents = seen.setdefault(key, set())
            if entry.content not in contents:
                contents.add(entry.content)
                yield entry


def list_stimulus_sets() -> list[str]:
    """Return the sorted identifiers of all stimulus sets in the catalogs in force."""
    return sorted({entry.identifier for entry in entries(TYPE_STIMULUS_SET)})


def list_assemblies() -> list[str]:
    """Return the sorted identifiers of all assemblies in the catalogs in force."""
    return sorted({entry.identifier for entry in entries(TYPE_ASSEMBLY)})


def list_catalogs() -> list[str]:
    """Return the sorted identifiers of the catalogs in force."""
    return sorted(_sources())


def _hits(found: list[Listing], lookup_type: str, identifier: str, version: str | None) -> Iterator[Entry]:
    """Yield entries of that exact identifier; where there is none, entries of that alias."""
    hit = False
    for one in found:
        entry = one.find(lookup_type, identifier, version)
        if entry is not None:
            hit = True
            yield entry
    if hit:
        return
    for one in found:
        name = one.aliases.get((lookup_type, identifier))
        entry = None if name is None else one.find(lookup_type, name, version)
        if entry is not None:
            yield entry


def _is_forbidden(name: str) -> bool:
    """Whether a catalog was not read because `BRAINIO_OFFLINE` is set."""
    reading = _readings.get(name)
    return reading is not None and isinstance(reading.result, OfflineCatalogError)


def _ambiguous(identifier: str, hits: list[Entry]) -> EntryLookupError:
    places = " and ".join(f"catalog {entry.catalog!r} (as {entry.identifier!r})" for entry in hits)
    choices = " or ".join(repr(f"{entry.catalog}:{entry.identifier}") for entry in hits)
    return AmbiguousEntryError(
        f"{identifier!r} names different {hits[0].kind} files in {places}; "
        f"say which one you mean: {choices}, or the keyword catalog={hits[0].catalog!r}"
    )


def _sources() -> dict[str, Source]:
    global _sources_for
    setting = os.environ.get(BRAINIO_CATALOGS, "")
    with _lock:
        if _sources_for is None or _sources_for[0] != setting or _sources_for[1] != _added:
            _sources_for = setting, dict(_added), _gather(setting)
        return _sources_for[2]


def _gather(setting: str) -> dict[str, Source]:
    gathered: dict[str, Source] = {}
    for source in (*_added.values(), *named_sources(setting), *installed_sources()):
        known = gathered.setdefault(source.identifier, source)
        if known != source:
            raise CatalogError(_doubled(source.identifier, known, source))
    return gathered


def _doubled(identifier: str, first: Source, second: Source) -> str:
    places = [one.location if isinstance(one, CatalogSource) else "an installed function" for one in (first, second)]
    return (
        f"two catalogs claim the identifier {identifier!r}: {shown(places[0])} and {shown(places[1])}; "
        f"rename the file of one, or leave it out of {BRAINIO_CATALOGS}"
    )


def _read(source: Source) -> Listing:
    """Read a catalog unless it was read and has not changed; one that failed is not asked again for a minute."""
    known = _readings.get(source.identifier)
    if known is None or not known.is_fresh(source):
        with _lock:
            known = _readings.get(source.identifier)
            if known is None or not known.is_fresh(source):
                known = _readings[source.identifier] = _Reading.of(source)
    if isinstance(known.result, CatalogError):
        raise known.result
    return known.result


class _Reading(NamedTuple):
    """What reading a source gave, under which fingerprint, and when (seconds of a clock that never goes back)."""

    source: Source
    fingerprint: object
    time: float
    result: Listing | CatalogError

    @classmethod
    def of(cls, source: Source) -> "_Reading":
        fingerprint = source.fingerprint()
        try:
            return cls(source, fingerprint, time.monotonic(), source.read())
        except CatalogError as error:
            return cls(source, fingerprint, time.monotonic(), error)

    def is_fresh(self, source: Source) -> bool:
        if self.fingerprint != source.fingerprint() or (self.source is not source and self.source != source):
            return False
        return isinstance(self.result, Listing) or time.monotonic() - self.time < _SECONDS_BEFORE_ASKING_AGAIN
