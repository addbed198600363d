"""Facts computed from data: cards next to a catalog, profiles next to the cache.

A card is a small JSON document that describes an entry, so that nobody needs to download data to learn about them; see
docs/cards.md. A profile is an SQLite file from which pages show the rows, thumbnails and responses of an entry. One
pass over the values computes both, and equal data give equal results.

================== =================================================================
`computation`      an object or a file -> its card
`columns`          statistics of one column or coordinate
`arrays`           statistics of an assembly's values and coordinates
`charts`           the numbers behind the charts of an assembly
`stimulus_sets`    statistics of a stimulus set
`facts`            facts that people state: licence, citation, authors, species
`card_builder`     an entry -> its card, stored next to its catalog
`card_text`        text for people from the fields of a card
`profiles`         querying the profile of an entry
`profile_filters`  filters of stimuli by column
`profile_files`    names, location and opening of profile files
`profile_schema`   the tables of a profile
`profile_builder`  an entry -> its profile
`profile_writer`   writing a stimulus set to a profile
`profile_failures` records of failed attempts to build a profile
================== =================================================================

Opening a profile imports neither numpy, pandas nor xarray.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainio.cards.card_builder import add_card, build_card, get_writable_catalog, write_card
    from brainio.cards.computation import compute_card
    from brainio.cards.facts import FACTS, collect_facts, normalize_facts
    from brainio.cards.profile_builder import build_profile
    from brainio.cards.profile_failures import ProfileFailure, find_failure, record_failure
    from brainio.cards.profile_files import has_profile, profile_folder_version, profile_key
    from brainio.cards.profiles import (
        AssemblyProfile,
        Row,
        StimulusProfile,
        StimulusResponse,
        Thumbnail,
        find_profile,
    )

_MODULES = {
    **dict.fromkeys(("add_card", "build_card", "get_writable_catalog", "write_card"), "card_builder"),
    "compute_card": "computation",
    **dict.fromkeys(("FACTS", "collect_facts", "normalize_facts"), "facts"),
    "build_profile": "profile_builder",
    **dict.fromkeys(("ProfileFailure", "find_failure", "record_failure"), "profile_failures"),
    **dict.fromkeys(("has_profile", "profile_folder_version", "profile_key"), "profile_files"),
    **dict.fromkeys(
        ("AssemblyProfile", "Row", "StimulusProfile", "StimulusResponse", "Thumbnail", "find_profile"), "profiles"
    ),
}

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
    "build_profile",
    "collect_facts",
    "compute_card",
    "find_failure",
    "find_profile",
    "get_writable_catalog",
    "has_profile",
    "normalize_facts",
    "profile_folder_version",
    "profile_key",
    "record_failure",
    "write_card",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
