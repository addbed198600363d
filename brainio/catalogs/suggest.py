"""What an identifier that nothing has was probably meant to be.

Builds the error for it; looks only at names that catalogs list.
"""

from collections.abc import Sequence

from brainio.catalogs.entries import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, in_words
from brainio.catalogs.listing import Listing
from brainio.errors import AssemblyLookupError, EntryLookupError, OfflineLookupError, StimulusSetLookupError
from brainio.nearest import nearest

_GETTERS = {TYPE_ASSEMBLY: "get_assembly", TYPE_STIMULUS_SET: "get_stimulus_set"}
_ERRORS = {TYPE_ASSEMBLY: AssemblyLookupError, TYPE_STIMULUS_SET: StimulusSetLookupError}


def not_found(
    listings: Sequence[Listing],
    lookup_type: str,
    identifier: str,
    version: str | None,
    left_out: Sequence[str],
    forbidden: Sequence[str],
) -> EntryLookupError:
    """Make the error for an identifier that no listing has: what there is instead, and what to do.

    Parameters
    ----------
    left_out : sequence of str
        Catalogs in force that could not be read.
    forbidden : sequence of str
        Those of them that `BRAINIO_OFFLINE` forbids to ask for; with any, the error is an OfflineLookupError.
    """
    kind = in_words(lookup_type)
    error = OfflineLookupError if forbidden else _ERRORS[lookup_type]
    versions = [] if version is None else _versions(listings, lookup_type, identifier)
    if versions:
        return error(f"{kind} {identifier!r} has no version {version!r}; it has {', '.join(versions)}")
    searched = ", ".join(one.identifier for one in listings) or "(none)"
    message = f"no {kind} {identifier!r} in the catalogs {searched}{_not_searched(left_out, forbidden)}"
    other = TYPE_STIMULUS_SET if lookup_type == TYPE_ASSEMBLY else TYPE_ASSEMBLY
    if any((other, identifier) in one.entries or (other, identifier) in one.aliases for one in listings):
        article = "a" if other == TYPE_STIMULUS_SET else "an"
        return error(f"{message}; {identifier!r} is {article} {in_words(other)}: use {_GETTERS[other]}")
    near = nearest(identifier, _names(listings, lookup_type))
    if near:
        return error(f"{message}; did you mean {', '.join(repr(name) for name in near)}?")
    return error(f"{message}; brainio list shows all identifiers")


def _versions(listings: Sequence[Listing], lookup_type: str, identifier: str) -> list[str]:
    return sorted(
        entry.version or "(unnamed)"
        for one in listings
        if (current := one.find(lookup_type, identifier)) is not None
        for entry in one.all_versions(current)
    )


def _not_searched(left_out: Sequence[str], forbidden: Sequence[str]) -> str:
    told = f" (not readable: {', '.join(left_out)})" if left_out else ""
    if forbidden:
        told += (
            f" while BRAINIO_OFFLINE is set; no copy is kept of {', '.join(forbidden)}: where there is a network, "
            f"brainio list --catalog {forbidden[0]} makes one"
        )
    return told


def _names(listings: Sequence[Listing], lookup_type: str) -> list[str]:
    """Return all identifiers and aliases of a kind."""
    return [
        name for one in listings for table in (one.entries, one.aliases) for kind, name in table if kind == lookup_type
    ]
