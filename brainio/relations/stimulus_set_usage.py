"""Use of stimulus sets by assemblies, according to the catalogs.

Looks up entries only and fetches no files; `brainio.relations.checks` compares the files.
"""

from collections.abc import Sequence

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, Listing, listings, resolve
from brainio.catalogs import stimulus_set_of as resolve_stimulus_set
from brainio.errors import EntryLookupError


def assemblies_of(identifier: str, *, catalog: str | None = None, version: str | None = None) -> list[Entry]:
    """Return the assemblies that used a stimulus set, in all versions and from all active catalogs.

    Parameters
    ----------
    identifier : str
        Identifier or alias of a stimulus set, or `catalog_identifier:identifier`.
    catalog : str, optional
        Identifier of the catalog in which to look up the stimulus set; by default all active catalogs.
    version : str, optional
        Version of the stimulus set; returns only assemblies that load with it. By default, returns the assemblies of
        all versions.

    Returns
    -------
    list of Entry
        Sorted by identifier, then in the order of the catalogs and of the versions. An entry that several catalogs
        list with the same bytes appears once.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError
        The identifier does not resolve to one stimulus set.

    Examples
    --------
    >>> [entry.identifier for entry in assemblies_of('modelfest.Carney1999')]
    ['modelfest.Carney1999']
    """
    stimulus_set = resolve(TYPE_STIMULUS_SET, identifier, catalog=catalog, version=version)
    assemblies = find_assemblies(stimulus_set)
    return assemblies if version is None else [entry for entry in assemblies if _loads_with(entry, stimulus_set)]


def stimulus_set_of(identifier: str, *, catalog: str | None = None, version: str | None = None) -> Entry | None:
    """Return the stimulus set that an assembly used; None if its catalog names none.

    Parameters
    ----------
    identifier : str
        Identifier or alias of an assembly, or `catalog_identifier:identifier`.
    catalog : str, optional
        Identifier of the catalog in which to look up the assembly; by default all active catalogs. The stimulus set is
        looked up in the assembly's catalog first, then in the other active catalogs.
    version : str, optional
        Version of the assembly; by default the current one.

    Raises
    ------
    AssemblyLookupError, StimulusSetLookupError, AmbiguousEntryError
        The identifier, or that of its stimulus set, does not resolve to one entry.

    Examples
    --------
    >>> stimulus_set_of('modelfest.Carney1999').lookup_type
    'stimulus_set'
    """
    return resolve_stimulus_set(resolve(TYPE_ASSEMBLY, identifier, catalog=catalog, version=version))


def find_assemblies(stimulus_set: Entry, catalogs: Sequence[Listing] | None = None) -> list[Entry]:
    """Return the assemblies that used the stimulus set of an entry; see `assemblies_of`.

    `catalogs` are the catalogs to search; by default the active ones.
    """
    searched = listings() if catalogs is None else catalogs
    key = stimulus_set.lookup_type, stimulus_set.identifier
    versions = [
        version
        for listing in searched
        if key in listing.entries
        for version in listing.all_versions(listing.entries[key])
    ]
    names = dict.fromkeys([stimulus_set.identifier, *(alias for entry in versions for alias in entry.aliases)])
    contents = {entry.content for entry in versions if entry.catalog == stimulus_set.catalog} | {stimulus_set.content}
    assemblies: dict[tuple[str, str, frozenset[tuple[str, ...]]], Entry] = {}
    for listing in searched:
        for name in names:
            candidates = listing.users.get(name, [])
            if candidates and _resolves_to(candidates[0], stimulus_set.identifier, contents, catalogs):
                for entry in candidates:
                    assemblies.setdefault((entry.identifier, entry.version, entry.content), entry)
    return sorted(assemblies.values(), key=lambda entry: entry.identifier)


def _loads_with(assembly: Entry, stimulus_set: Entry) -> bool:
    """Return whether an assembly loads with exactly this version of a stimulus set."""
    try:
        resolved = resolve_stimulus_set(assembly)
    except EntryLookupError:
        return False
    return resolved is not None and resolved.content == stimulus_set.content


def _resolves_to(
    assembly: Entry, identifier: str, contents: set[frozenset[tuple[str, ...]]], catalogs: Sequence[Listing] | None
) -> bool:
    """Return whether the stimulus set name of an assembly resolves to this set, as it does when it is loaded."""
    try:
        resolved = resolve_stimulus_set(assembly, catalogs)
    except EntryLookupError:
        return False
    return resolved is not None and resolved.identifier == identifier and resolved.content in contents
