"""What an identifier leads to over the catalogs in force, or over those that are given; and which entries there are."""

from collections.abc import Iterator, Sequence

from brainio.catalogs.entries import LOOKUP_TYPES, TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry
from brainio.catalogs.in_force import is_forbidden, listing, listings, sources
from brainio.catalogs.listing import Listing
from brainio.catalogs.suggest import not_found
from brainio.errors import AmbiguousEntryError, EntryLookupError, OfflineLookupError


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
        names = list(sources()) if among is None else [one.identifier for one in among]
        prefix, colon, rest = identifier.partition(":")
        if catalog is None and colon and prefix in names:
            return resolve(lookup_type, rest, catalog=prefix, version=version, among=among)
        left_out = [name for name in names if catalog is None and name not in {one.identifier for one in found}]
        forbidden = [name for name in left_out if is_forbidden(name)]
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


def _ambiguous(identifier: str, hits: list[Entry]) -> EntryLookupError:
    places = " and ".join(f"catalog {entry.catalog!r} (as {entry.identifier!r})" for entry in hits)
    choices = " or ".join(repr(f"{entry.catalog}:{entry.identifier}") for entry in hits)
    return AmbiguousEntryError(
        f"{identifier!r} names different {hits[0].kind} files in {places}; "
        f"say which one you mean: {choices}, or the keyword catalog={hits[0].catalog!r}"
    )
