"""What is made of data, and to whom it may be shown: the one place that pages and the stimuli resource ask.

Profiles are found by hashes, which anybody may list. So a profile of bytes that are withheld elsewhere is shown only
with an entry whose own place gives these bytes.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fastapi import HTTPException

from brainio.cache import hash_file
from brainio.cards import AssemblyProfile, StimulusProfile, find_failure, find_profile
from brainio.catalogs import Entry, EntryFile
from brainio.catalogs.cards import Card, read_card
from brainio.errors import LocationError
from brainio.fetch.entries import are_bytes_here, wanted_file
from brainio.local_files import Fingerprint
from brainio.service.access import Access, require_bytes
from brainio.service.errors import RETRY_SECONDS, refusal
from brainio.service.locations import location_of
from brainio.service.snapshots import Snapshot

_NOT_READY = "not_ready"
_MEANWHILE = "Shown is what its catalog and its card say."


def shown_profile(entry: Entry, access: Access, snapshot: Snapshot) -> AssemblyProfile | StimulusProfile | None:
    """Return the profile of an entry; None where there is none, or it may not be shown. May read a file: in a thread.

    Parameters
    ----------
    entry : Entry
        From a catalog that may be seen.
    sight : Access
        Of whoever asks.
    now : Snapshot
        What is served.
    """
    return find_profile(entry) if may_be_shown(entry, access, snapshot) else None


class MissingProfile(NamedTuple):
    """Why an entry has no profile that may be shown.

    Attributes
    ----------
    state : str
        `'embargo'`, `'waiting'`, `'failed'`, `'off'` (the service makes no profiles) or `'elsewhere'`.
    label : str
        For a tile or a row of a table.
    notice : str
        For the page of the entry: the state, and what to do; empty for an embargo, which the page describes itself.
    """

    state: str
    label: str
    notice: str = ""


def missing_profile(entry: Entry, access: Access, snapshot: Snapshot, *, makes_profiles: bool) -> MissingProfile:
    """Return why an entry without a profile has none.

    Parameters
    ----------
    entry : Entry
        From a catalog that may be seen.
    sight, now
        As for `shown_profile`.
    makes_profiles : bool
        Whether this service makes profiles.
    """
    if not access.may_have(entry, snapshot.embargoes):
        return MissingProfile("embargo", "under embargo")
    if not are_bytes_here(entry) or not may_be_shown(entry, access, snapshot):
        return MissingProfile("elsewhere", "not on this server", f"Its data are not on this server. {_MEANWHILE}")
    failure = find_failure(entry)
    if failure is not None:
        notice = f"Pictures of its data could not be made: {failure.reason}. {_MEANWHILE}"
        return MissingProfile("failed", "pictures could not be made", notice)
    if not makes_profiles:
        return MissingProfile("off", "no pictures were made", f"No pictures of its data were made. {_MEANWHILE}")
    notice = "Pictures of its data are being computed. Reload this page in a minute to see them."
    return MissingProfile("waiting", "being computed", f"{notice} {_MEANWHILE}")


def profile_of(entry: Entry, access: Access, snapshot: Snapshot, *, makes_profiles: bool) -> StimulusProfile:
    """Return the profile of a stimulus set; raises 403 under embargo, 503 while it is computed, else 404."""
    require_bytes(access, entry, snapshot.embargoes)
    found = shown_profile(entry, access, snapshot)
    if isinstance(found, StimulusProfile):
        return found
    missing = missing_profile(entry, access, snapshot, makes_profiles=makes_profiles)
    if missing.state == "waiting":
        message = f"the stimuli of {entry.identifier!r} are being computed"
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise refusal(503, _NOT_READY, message, "Try again in a minute.", headers)
    hint = "Its files may be had all the same: see `files` of the entry."
    raise refusal(404, "not_here", f"the stimuli of {entry.identifier!r}: {missing.label}", hint)


def is_not_ready(error: HTTPException) -> bool:
    """Whether `profile_of` raised an error because the profile is still being computed."""
    return isinstance(error.detail, dict) and error.detail.get("code") == _NOT_READY


def may_be_shown(entry: Entry, access: Access, snapshot: Snapshot) -> bool:
    """Whether what is made of the bytes of an entry may be shown."""
    if not access.may_have(entry, snapshot.embargoes):
        return False
    withheld = snapshot.withheld_with(entry, access)
    return not withheld or all(_is_given(entry, file, withheld) for file in entry.files)


def shown_card(entry: Entry, access: Access, snapshot: Snapshot) -> Card:
    """Return the card of an entry as it may be seen: under embargo without what is drawn of its data."""
    card = read_card(entry)
    if access.may_have(entry, snapshot.embargoes):
        return card
    told = {name: value for name, value in card.items() if name != "pictures"}
    columns = told.get("columns")
    return told | {"columns": [_undrawn(one) for one in columns]} if isinstance(columns, list) else told


def _undrawn(column: object) -> object:
    if not isinstance(column, Mapping):
        return column
    return {name: value for name, value in column.items() if name != "histogram"}


def _is_given(entry: Entry, file: EntryFile, withheld: list[Entry]) -> bool:
    """Whether the place that an entry names for a file gives its bytes."""
    if not file.sha1:  # then they are known by their place
        return True
    try:
        if any(_is_kept(place.path, file.sha1) for place, _ in wanted_file(entry, file).local_places()):
            return True
        if "://" in entry.base:  # what lies elsewhere may name any place
            return False
        place = location_of(entry, file.location, file.location_type)
        return any(
            place == location_of(other, one.location, one.location_type)
            for other in withheld
            for one in other.files
            if one.sha1 == file.sha1
        )
    except LocationError:
        return False


def _is_kept(path: Path, sha1: str) -> bool:
    try:
        return _sha1_of(path, Fingerprint.of(path)) == sha1
    except OSError:
        return False


@lru_cache(1024)
def _sha1_of(path: Path, _print: Fingerprint) -> str:
    return hash_file(path, "sha1")
