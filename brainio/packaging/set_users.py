"""Which assemblies use a stimulus set, and which of them a new version of the set changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainio.catalogs import TYPE_STIMULUS_SET
from brainio.catalogs.cards import read_card
from brainio.catalogs.entries import STATUS_SUPERSEDED
from brainio.catalogs.set_hashes import hashes_on_card

if TYPE_CHECKING:
    from brainio.catalogs import Listing


def describe_set_users(listing: Listing, identifier: str, version: str) -> list[str]:
    """Return sentences about the assemblies of a catalog that use a listed stimulus set; empty where none does.

    Parameters
    ----------
    listing : Listing
        The catalog before the new version is added.
    identifier, version : str
        Of the stimulus set, and its new version.
    """
    known = listing.find(TYPE_STIMULUS_SET, identifier)
    if known is None:
        return []
    names = [identifier, *(alias for entry in listing.all_versions(known) for alias in entry.aliases)]
    users = [user for name in names for user in listing.users.get(name, []) if user.status != STATUS_SUPERSEDED]
    fixed = [user.identifier for user in users if hashes_on_card(read_card(user))]
    floating = [user.identifier for user in users if user.identifier not in fixed]
    sentences = []
    if fixed:
        sentences.append(f"These assemblies keep the version that they were packaged with: {_listed(fixed)}")
    if floating:
        changed = f"These assemblies name no version and will load with version {version!r}"
        sentences.append(f"{changed}: {_listed(floating)}")
    return sentences


def _listed(identifiers: list[str]) -> str:
    return ", ".join(dict.fromkeys(identifiers))
