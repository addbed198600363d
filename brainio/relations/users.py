"""From a stimulus set to the assemblies that used it, and back: by catalogs alone, nothing is fetched."""

from collections.abc import Sequence

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, Listing, listings, resolve
from brainio.catalogs import stimulus_set_of as set_of_entry
from brainio.errors import EntryLookupError


def assemblies_of(identifier: str, *, catalog: str | None = None, version: str | None = None) -> list[Entry]:
    """Return the assemblies that used a stimulus set: all of their versions, in all catalogs in force.

    Parameters
    ----------
    identifier : str
        Identifier or alias of a stimulus set, or `catalog_identifier:identifier`.
    catalog : str, optional
        Identifier of the only catalog to look for the stimulus set in.
    version : str, optional
        Version of the stimulus set: only assemblies that load with this one. Default: those of all versions.

    Returns
    -------
    list of Entry
        Sorted by identifier; of one identifier in the order of catalogs and versions. What several catalogs list with
        the same bytes is there once.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError
        The identifier does not lead to one stimulus set.

    Examples
    --------
    >>> [entry.identifier for entry in assemblies_of('modelfest.Carney1999')]
    ['modelfest.Carney1999']
    """
    stimulus_set = resolve(TYPE_STIMULUS_SET, identifier, catalog=catalog, version=version)
    users = users_of(stimulus_set)
    return users if version is None else [user for user in users if _uses(user, stimulus_set)]


def stimulus_set_of(identifier: str, *, catalog: str | None = None, version: str | None = None) -> Entry | None:
    """Return the stimulus set that an assembly used, None where its catalog names none.

    Parameters
    ----------
    identifier : str
        Identifier or alias of an assembly, or `catalog_identifier:identifier`.
    catalog : str, optional
        Identifier of the only catalog to look for the assembly in. (The stimulus set is looked for there first, and
        then in the other catalogs in force.)
    version : str, optional
        Version of the assembly; by default the current one.

    Raises
    ------
    AssemblyLookupError, StimulusSetLookupError, AmbiguousEntryError
        The identifier, or that of its stimulus set, does not lead to one entry.

    Examples
    --------
    >>> stimulus_set_of('modelfest.Carney1999').lookup_type
    'stimulus_set'
    """
    return set_of_entry(resolve(TYPE_ASSEMBLY, identifier, catalog=catalog, version=version))


def _uses(assembly: Entry, stimulus_set: Entry) -> bool:
    try:
        used = set_of_entry(assembly)
    except EntryLookupError:
        return False
    return used is not None and used.content == stimulus_set.content


def users_of(stimulus_set: Entry, among: Sequence[Listing] | None = None) -> list[Entry]:
    """Return the assemblies that used the stimulus set of an entry; see `assemblies_of`.

    `among` are the catalogs to look in; by default those in force.
    """
    found = listings() if among is None else among
    key = stimulus_set.lookup_type, stimulus_set.identifier
    known = [version for one in found if key in one.entries for version in one.all_versions(one.entries[key])]
    names = dict.fromkeys([stimulus_set.identifier, *(alias for entry in known for alias in entry.aliases)])
    contents = {entry.content for entry in known if entry.catalog == stimulus_set.catalog} | {stimulus_set.content}
    users: dict[tuple[str, str, frozenset[tuple[str, ...]]], Entry] = {}
    for one in found:
        for name in names:
            by_name = one.users.get(name, [])
            if by_name and _leads_to(by_name[0], stimulus_set.identifier, contents, among):
                for entry in by_name:
                    users.setdefault((entry.identifier, entry.version, entry.content), entry)
    return sorted(users.values(), key=lambda entry: entry.identifier)


def _leads_to(
    assembly: Entry, identifier: str, contents: set[frozenset[tuple[str, ...]]], among: Sequence[Listing] | None
) -> bool:
    """Whether the name that an assembly has for its stimulus set leads to this one, as loading would follow it."""
    try:
        found = set_of_entry(assembly, among)
    except EntryLookupError:
        return False
    return found is not None and found.identifier == identifier and found.content in contents
