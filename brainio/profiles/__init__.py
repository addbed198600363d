"""Profiles: what pages show of an entry's data, computed once from its bytes and kept in an SQLite file.

============ ====================================================================
`store`      where profiles lie, and opening them
`stimuli`    what a page asks of a stimulus set: rows by filters, values, thumbnails
`filters`    the text of a filter -> a condition
`assemblies` what a page asks of an assembly: the mean response to each stimulus
`told`       a card of what data tell and of what the entry's catalog says
`making`     local files of an entry -> its profile (`table`, `thumbnails`, `rows`)
`failures`   failed attempts to make one
`schema`     the tables
============ ====================================================================

A profile is found by the hashes of the entry's files, so that catalogs that list the same bytes share it; what a
catalog says (identifier, licence, citation) is not in it. Opening one needs neither numpy, pandas nor xarray. Nothing
here asks the network for data.
"""

from typing import TYPE_CHECKING, Any

from brainio.fetch.entries import are_bytes_here

if TYPE_CHECKING:
    from brainio.profiles.assemblies import AssemblyProfile, StimulusResponse
    from brainio.profiles.failures import ProfileFailure, find_failure, record_failure
    from brainio.profiles.making import make_profile
    from brainio.profiles.stimuli import Row, StimulusProfile, Thumbnail
    from brainio.profiles.store import find_profile, has_profile, profile_key, profile_state

__all__ = [
    "AssemblyProfile",
    "ProfileFailure",
    "Row",
    "StimulusProfile",
    "StimulusResponse",
    "Thumbnail",
    "are_bytes_here",
    "find_failure",
    "find_profile",
    "has_profile",
    "make_profile",
    "profile_key",
    "profile_state",
    "record_failure",
]

_MODULES = {
    **dict.fromkeys(("AssemblyProfile", "StimulusResponse"), "assemblies"),
    **dict.fromkeys(("ProfileFailure", "find_failure", "record_failure"), "failures"),
    "make_profile": "making",
    **dict.fromkeys(("Row", "StimulusProfile", "Thumbnail"), "stimuli"),
    **dict.fromkeys(("find_profile", "has_profile", "profile_key", "profile_state"), "store"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
