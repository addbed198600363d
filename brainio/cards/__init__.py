"""Facts computed from data: cards next to a catalog, profiles next to the cache.

A card is a small JSON document that describes an entry, so that nobody downloads data to learn what it contains; every
field is described in docs/cards.md. A profile is an SQLite file from which pages show the entry's rows, thumbnails and
responses. Both are stores of one computation, and equal data give equal content.

====================== ======================================================================
`compute`              object -> card
`facts`                facts that only people know (licence, citation, authors, species)
`arrays`               statistics of an assembly's values and coordinates
`tables`               statistics of a stimulus set
`columns`              statistics of one column or coordinate
`keeping`              cards of catalog entries: build, write, name in the entry's rows
`profiles`             the profile of a stimulus set (`profile_assemblies`: of an assembly)
`profile_files`        names, location and opening of profile files
`profile_filters`      the text of a filter -> a condition
`profile_builder`      local files of an entry -> its profile
`profile_failures`     failed attempts to build a profile
`profile_schema`       the tables of a profile
====================== ======================================================================

The hashes of an entry's files identify its profile: catalogs that list the same bytes share it. Opening one imports
neither numpy, pandas nor xarray.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainio.cards.compute import card_of
    from brainio.cards.facts import FACTS, checked_facts, known_facts
    from brainio.cards.keeping import add_card, build_card, writable_catalog, write_card
    from brainio.cards.profile_assemblies import AssemblyProfile, StimulusResponse
    from brainio.cards.profile_builder import make_profile
    from brainio.cards.profile_failures import ProfileFailure, find_failure, record_failure
    from brainio.cards.profile_files import find_profile, has_profile, profile_key, profile_state
    from brainio.cards.profiles import Row, StimulusProfile, Thumbnail

__all__ = [
    "FACTS",
    "AssemblyProfile",
    "ProfileFailure",
    "Row",
    "StimulusProfile",
    "StimulusResponse",
    "Thumbnail",
    "add_card",
    "build_card",
    "card_of",
    "checked_facts",
    "find_failure",
    "find_profile",
    "has_profile",
    "known_facts",
    "make_profile",
    "profile_key",
    "profile_state",
    "record_failure",
    "writable_catalog",
    "write_card",
]

_MODULES = {
    "card_of": "compute",
    **dict.fromkeys(("FACTS", "checked_facts", "known_facts"), "facts"),
    **dict.fromkeys(("add_card", "build_card", "writable_catalog", "write_card"), "keeping"),
    **dict.fromkeys(("AssemblyProfile", "StimulusResponse"), "profile_assemblies"),
    "make_profile": "profile_builder",
    **dict.fromkeys(("ProfileFailure", "find_failure", "record_failure"), "profile_failures"),
    **dict.fromkeys(("find_profile", "has_profile", "profile_key", "profile_state"), "profile_files"),
    **dict.fromkeys(("Row", "StimulusProfile", "Thumbnail"), "profiles"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
