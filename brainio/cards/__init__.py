"""Cards: what is known about an entry without downloading it, computed from its data and from what its packager says.

========== ====================================================================
`compute`  object -> card
`facts`    what only people know (licence, citation, authors, species), checked
`arrays`   what an assembly's values and coordinates are
`tables`   what the columns and files of a stimulus set are
`columns`  what one column or coordinate holds
`keeping`  cards beside their catalog: building them from an entry's files, writing, naming
========== ====================================================================

Every field is described in docs/cards.md. The same data give the same bytes.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainio.cards.compute import card_of
    from brainio.cards.facts import FACTS, checked_facts, known_facts
    from brainio.cards.keeping import add_card, build_card, writable_catalog, write_card

__all__ = [
    "FACTS",
    "add_card",
    "build_card",
    "card_of",
    "checked_facts",
    "known_facts",
    "writable_catalog",
    "write_card",
]

_MODULES = {
    "card_of": "compute",
    **dict.fromkeys(("FACTS", "checked_facts", "known_facts"), "facts"),
    **dict.fromkeys(("add_card", "build_card", "writable_catalog", "write_card"), "keeping"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
