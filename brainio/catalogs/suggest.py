"""What an identifier that nothing has was probably meant to be.

Builds the error for it; looks only at names that catalogs list.
"""

from collections.abc import Iterable, Sequence

from brainio.catalogs.entries import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.catalogs.listing import Listing
from brainio.errors import AssemblyLookupError, EntryLookupError, StimulusSetLookupError

_MOST = 5
_GETTERS = {TYPE_ASSEMBLY: "get_assembly", TYPE_STIMULUS_SET: "get_stimulus_set"}
_ERRORS = {TYPE_ASSEMBLY: AssemblyLookupError, TYPE_STIMULUS_SET: StimulusSetLookupError}


def nearest(name: str, known: Iterable[str], most: int = _MOST) -> list[str]:
    """Return the known names that `name` was probably meant to be, the best first.

    Names that contain it (or that it contains), whatever their case, come before names of similar spelling.

    Examples
    --------
    >>> nearest('majajhong2015', ['dicarlo.MajajHong2015', 'tong.Coggan2024_fMRI'])
    ['dicarlo.MajajHong2015']
    >>> nearest('MajajHnog2015', ['MajajHong2015', 'Rust2012'])
    ['MajajHong2015']
    """
    from difflib import get_close_matches

    wanted = name.lower()
    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(one.lower(), one)
    containing = sorted((one for one in folded if wanted in one or one in wanted), key=lambda one: (len(one), one))
    similar_size = [one for one in folded if 2 * abs(len(one) - len(wanted)) <= len(wanted)]
    similar = get_close_matches(wanted, similar_size, n=most, cutoff=0.6)
    return [folded[one] for one in dict.fromkeys([*(containing if wanted else []), *similar])][:most]


def not_found(
    listings: Sequence[Listing], lookup_type: str, identifier: str, version: str | None, left_out: Sequence[str]
) -> EntryLookupError:
    """Make the error for an identifier that no listing has: what there is instead, and what to do."""
    kind = lookup_type.replace("_", " ")
    error = _ERRORS[lookup_type]
    if version is not None:
        versions = sorted(
            entry.version or "(unnamed)"
            for one in listings
            if (current := one.find(lookup_type, identifier)) is not None
            for entry in one.all_versions(current)
        )
        if versions:
            return error(f"{kind} {identifier!r} has no version {version!r}; it has {', '.join(versions)}")
    message = f"no {kind} {identifier!r} in the catalogs {', '.join(one.identifier for one in listings) or '(none)'}"
    if left_out:
        message += f" (not readable: {', '.join(left_out)})"
    other = TYPE_STIMULUS_SET if lookup_type == TYPE_ASSEMBLY else TYPE_ASSEMBLY
    if any((other, identifier) in one.entries or (other, identifier) in one.aliases for one in listings):
        article = "a" if other == TYPE_STIMULUS_SET else "an"
        return error(f"{message}; {identifier!r} is {article} {other.replace('_', ' ')}: use {_GETTERS[other]}")
    names = [
        name
        for one in listings
        for table in (one.entries, one.aliases)
        for kind_, name in table
        if kind_ == lookup_type
    ]
    near = nearest(identifier, names)
    if near:
        return error(f"{message}; did you mean {', '.join(repr(name) for name in near)}?")
    return error(f"{message}; brainio list shows all identifiers")
