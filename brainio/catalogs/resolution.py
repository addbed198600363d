"""Resolving identifiers to entries in the active catalogs, or in given listings."""

from collections.abc import Iterator, Mapping, Sequence

from brainio.catalogs.cards import read_card
from brainio.catalogs.entries import (
    LOOKUP_TYPES,
    TYPE_ASSEMBLY,
    TYPE_STIMULUS_SET,
    Entry,
    Listing,
    describe_hashes,
    has_hashes,
    hashes_on_card,
    in_words,
    set_hashes,
)
from brainio.catalogs.registry import is_offline_without_copy, listing, listings, sources
from brainio.errors import (
    AmbiguousEntryError,
    AssemblyLookupError,
    EntryLookupError,
    OfflineLookupError,
    StimulusSetLookupError,
)
from brainio.text import nearest

_GETTERS = {TYPE_ASSEMBLY: "get_assembly", TYPE_STIMULUS_SET: "get_stimulus_set"}
_ERRORS = {TYPE_ASSEMBLY: AssemblyLookupError, TYPE_STIMULUS_SET: StimulusSetLookupError}


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
        The catalogs to search; by default the active ones. No other catalog affects the result or the errors.

    Raises
    ------
    AssemblyLookupError, StimulusSetLookupError
        No entry has that identifier; the message suggests similar ones.
    OfflineLookupError
        The same while `BRAINIO_OFFLINE` is set: a catalog without a fallback copy may list the entry.
    AmbiguousEntryError
        Two catalogs list different files under that identifier.
    UnknownCatalogError
        `catalog` is not active.

    Examples
    --------
    >>> resolve('assembly', 'MajajHong2015').identifier
    'dicarlo.MajajHong2015'
    """
    if not isinstance(identifier, str):
        raise TypeError(f"an identifier is text such as 'dicarlo.MajajHong2015', not {identifier!r}")
    searched = _listings_to_search(catalog, among)
    hits = list(_hits(searched, lookup_type, identifier, version))
    if not hits:
        names = list(sources()) if among is None else [listing.identifier for listing in among]
        prefix, colon, rest = identifier.partition(":")
        if catalog is None and colon and prefix in names:
            return resolve(lookup_type, rest, catalog=prefix, version=version, among=among)
        left_out = [
            name for name in names if catalog is None and name not in {listing.identifier for listing in searched}
        ]
        forbidden = [name for name in left_out if is_offline_without_copy(name)]
        raise _not_found(searched, lookup_type, identifier, version, left_out, forbidden)
    if len(hits) > 1 and len({entry.content for entry in hits}) > 1:
        raise _ambiguous(identifier, hits)
    return hits[0]


def _listings_to_search(catalog: str | None, among: Sequence[Listing] | None) -> list[Listing]:
    if among is not None:
        return [listing for listing in among if catalog in (None, listing.identifier)]
    return listings() if catalog is None else [listing(catalog)]


def stimulus_set_of(
    entry: Entry, among: Sequence[Listing] | None = None, hashes: Mapping[str, str] | None = None
) -> Entry | None:
    """Return the entry of an assembly's stimulus set; None if the assembly names none.

    Parameters
    ----------
    entry : Entry
        The assembly. Its own catalog is searched first.
    among : sequence of Listing, optional
        The catalogs to search; by default the active ones.
    hashes : mapping of str to str, optional
        Hashes of the set's files (see `set_hashes`), from the assembly's file: the version that has them is returned.
        Empty: the file contains none, and the current version is returned. By default the hashes are read from the
        assembly's card if catalogs list several versions of the set.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError
        Its identifier does not resolve to one stimulus set, or no version of the set has these hashes.
    """
    if not entry.stimulus_set_identifier:
        return None
    if hashes is None:
        hashes = _hashes_on_card(entry, among)
    if hashes:
        return _version_with(entry, hashes, among)
    own = _hits(_listings_to_search(entry.catalog, among), TYPE_STIMULUS_SET, entry.stimulus_set_identifier, None)
    return next(own, None) or resolve(TYPE_STIMULUS_SET, entry.stimulus_set_identifier, among=among)


def _hashes_on_card(entry: Entry, among: Sequence[Listing] | None) -> Mapping[str, str]:
    """Return the hashes on the card of an assembly; empty, without reading the card, if the set has one version."""
    own = _set_versions(entry, _listings_to_search(entry.catalog, among))
    candidates = own or _set_versions(entry, _listings_to_search(None, among))
    if len({candidate.content for candidate in candidates}) < 2:
        return {}
    return hashes_on_card(read_card(entry))


def _version_with(entry: Entry, hashes: Mapping[str, str], among: Sequence[Listing] | None) -> Entry:
    catalogs = _listings_to_search(None, among)
    own_first = sorted(catalogs, key=lambda listing: listing.identifier != entry.catalog)
    listed = _set_versions(entry, own_first)
    for candidate in listed:
        if has_hashes(candidate, hashes):
            return candidate
    name = entry.stimulus_set_identifier
    if not listed:
        resolve(TYPE_STIMULUS_SET, name, among=among)  # raises with suggestions
    versions = "; ".join(
        f"version {candidate.version!r} of catalog {candidate.catalog!r}: "
        f"{describe_hashes(set_hashes(candidate)) or 'without hashes'}"
        for candidate in listed
    )
    raise StimulusSetLookupError(
        f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} was packaged with a version of stimulus set "
        f"{name!r} that no active catalog lists: {describe_hashes(hashes)}. Listed: {versions}. Activate the catalog "
        f"that lists it, or load the assembly with another version explicitly: get_assembly({entry.identifier!r}, "
        f"stimulus_set=get_stimulus_set({name!r}))"
    )


def _set_versions(entry: Entry, among: Sequence[Listing]) -> list[Entry]:
    """Return every version of the stimulus set that an assembly names, by its identifier or an alias."""
    name = entry.stimulus_set_identifier
    versions: list[Entry] = []
    for each in among:
        current = each.find_by_name(TYPE_STIMULUS_SET, name)
        versions += () if current is None else each.all_versions(current)
    return versions


def entries_of(
    identifier: str, *, catalog: str | None = None, kind: str | None = None, version: str | None = None
) -> list[Entry]:
    """Return the entries that an identifier names: of both kinds, or of the given kind.

    Raises
    ------
    EntryLookupError
        No entry has that identifier, or several of one kind have it (`AmbiguousEntryError`).

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
    """Yield the current version of every entry of the active catalogs, in their order.

    An entry that several catalogs list with the same files is yielded once.
    """
    seen: dict[tuple[str, str], set[frozenset[tuple[str, ...]]]] = {}
    for active in listings() if catalog is None else [listing(catalog)]:
        for key, entry in active.entries.items():
            if key[0] != (lookup_type or key[0]):
                continue
            contents = seen.setdefault(key, set())
            if entry.content not in contents:
                contents.add(entry.content)
                yield entry


def list_stimulus_sets() -> list[str]:
    """Return the sorted identifiers of all stimulus sets in the active catalogs."""
    return sorted({entry.identifier for entry in entries(TYPE_STIMULUS_SET)})


def list_assemblies() -> list[str]:
    """Return the sorted identifiers of all assemblies in the active catalogs."""
    return sorted({entry.identifier for entry in entries(TYPE_ASSEMBLY)})


def _hits(searched: list[Listing], lookup_type: str, identifier: str, version: str | None) -> Iterator[Entry]:
    """Yield the entries with exactly this identifier; if there are none, the entries with this alias."""
    is_identifier = False
    for catalog in searched:
        entry = catalog.find(lookup_type, identifier, version)
        if entry is not None:
            is_identifier = True
            yield entry
    if is_identifier:
        return
    for catalog in searched:
        name = catalog.aliases.get((lookup_type, identifier))
        entry = None if name is None else catalog.find(lookup_type, name, version)
        if entry is not None:
            yield entry


def _ambiguous(identifier: str, hits: list[Entry]) -> EntryLookupError:
    places = " and ".join(f"catalog {entry.catalog!r} (as {entry.identifier!r})" for entry in hits)
    choices = " or ".join(repr(f"{entry.catalog}:{entry.identifier}") for entry in hits)
    return AmbiguousEntryError(
        f"{identifier!r} names different {hits[0].kind} files in {places}; "
        f"choose one: {choices}, or the keyword catalog={hits[0].catalog!r}"
    )


def _not_found(
    listings: Sequence[Listing],
    lookup_type: str,
    identifier: str,
    version: str | None,
    left_out: Sequence[str],
    forbidden: Sequence[str],
) -> EntryLookupError:
    """Return the error for an identifier that no listing contains, with suggestions and the next step.

    Parameters
    ----------
    left_out : sequence of str
        Active catalogs that could not be read.
    forbidden : sequence of str
        Those that were not read because of `BRAINIO_OFFLINE`; if there are any, the error is an OfflineLookupError.
    """
    kind = in_words(lookup_type)
    error = OfflineLookupError if forbidden else _ERRORS[lookup_type]
    versions = [] if version is None else _versions(listings, lookup_type, identifier)
    if versions:
        return error(f"{kind} {identifier!r} has no version {version!r}; it has {', '.join(versions)}")
    searched = ", ".join(listing.identifier for listing in listings) or "(none)"
    message = f"no {kind} {identifier!r} in the catalogs {searched}{_not_searched(left_out, forbidden)}"
    other = TYPE_STIMULUS_SET if lookup_type == TYPE_ASSEMBLY else TYPE_ASSEMBLY
    if any((other, identifier) in listing.entries or (other, identifier) in listing.aliases for listing in listings):
        article = "a" if other == TYPE_STIMULUS_SET else "an"
        return error(f"{message}; {identifier!r} is {article} {in_words(other)}: use {_GETTERS[other]}")
    near = nearest(identifier, _names(listings, lookup_type))
    if near:
        return error(f"{message}; did you mean {', '.join(repr(name) for name in near)}?")
    return error(f"{message}; brainio list shows all identifiers")


def _versions(listings: Sequence[Listing], lookup_type: str, identifier: str) -> list[str]:
    return sorted(
        entry.version or "(unnamed)"
        for listing in listings
        if (current := listing.find(lookup_type, identifier)) is not None
        for entry in listing.all_versions(current)
    )


def _not_searched(left_out: Sequence[str], forbidden: Sequence[str]) -> str:
    note = f" (not readable: {', '.join(left_out)})" if left_out else ""
    if forbidden:
        note += (
            f" while BRAINIO_OFFLINE is set; no copy is kept of {', '.join(forbidden)}: where there is a network, "
            f"brainio list --catalog {forbidden[0]} makes one"
        )
    return note


def _names(listings: Sequence[Listing], lookup_type: str) -> list[str]:
    """Return all identifiers and aliases of a kind."""
    return [
        name
        for listing in listings
        for table in (listing.entries, listing.aliases)
        for kind, name in table
        if kind == lookup_type
    ]
