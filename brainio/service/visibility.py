"""Visibility of profiles and cards: what pages and the stimuli resource may show of an entry's data.

Profiles are found by hashes, which anybody can put into a catalog. The profile of data that another entry withholds is
therefore shown only with entries whose own location holds these bytes.
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
from brainio.fetch.entry_files import ExpectedFile, has_local_files
from brainio.local_files import Fingerprint
from brainio.service.access import Access, check_download
from brainio.service.errors import RETRY_SECONDS, http_error
from brainio.service.locations import parse_entry_location
from brainio.service.snapshots import Snapshot

_NOT_READY = "not_ready"
_FALLBACK = "This page shows the information in the catalog and the card."


def visible_profile(entry: Entry, access: Access, snapshot: Snapshot) -> AssemblyProfile | StimulusProfile | None:
    """Return the profile of an entry; None if it was not built or is not visible. May read a file: call in a thread.

    Parameters
    ----------
    entry : Entry
        An entry of a visible catalog.
    access : Access
        Access of the request.
    snapshot : Snapshot
        The served catalogs.
    """
    return find_profile(entry) if _is_data_visible(entry, access, snapshot) else None


class MissingProfile(NamedTuple):
    """The reason why an entry has no visible profile.

    Attributes
    ----------
    state : str
        `'embargo'`, `'waiting'`, `'failed'`, `'off'` (the service builds no profiles) or `'elsewhere'`.
    label : str
        For a tile or a row of a table.
    notice : str
        For the page of the entry: the reason and what to do; empty for an embargo, which the page describes itself.
    """

    state: str
    label: str
    notice: str = ""


def explain_missing_profile(
    entry: Entry, access: Access, snapshot: Snapshot, *, builds_profiles: bool
) -> MissingProfile:
    """Return why an entry has no visible profile.

    Parameters
    ----------
    entry : Entry
        An entry of a visible catalog.
    access, snapshot
        See `visible_profile`.
    builds_profiles : bool
        Whether this service builds profiles.
    """
    if not access.may_download(entry, snapshot.embargoes):
        return MissingProfile("embargo", "under embargo")
    if not has_local_files(entry) or not _is_data_visible(entry, access, snapshot):
        return MissingProfile("elsewhere", "not on this server", f"The data are not on this server. {_FALLBACK}")
    failure = find_failure(entry)
    if failure is not None:
        notice = f"Thumbnails and charts could not be created: {failure.reason}. {_FALLBACK}"
        return MissingProfile("failed", "could not be created", notice)
    if not builds_profiles:
        return MissingProfile("off", "not created", f"This server creates no thumbnails and charts. {_FALLBACK}")
    notice = f"Thumbnails and charts are being created: reload this page in a minute. {_FALLBACK}"
    return MissingProfile("waiting", "being created", notice)


def get_stimulus_profile(entry: Entry, access: Access, snapshot: Snapshot, *, builds_profiles: bool) -> StimulusProfile:
    """Return the profile of a stimulus set; raise 403 under embargo, 503 while it is being built, otherwise 404."""
    check_download(access, entry, snapshot.embargoes)
    profile = visible_profile(entry, access, snapshot)
    if isinstance(profile, StimulusProfile):
        return profile
    missing = explain_missing_profile(entry, access, snapshot, builds_profiles=builds_profiles)
    if missing.state == "waiting":
        message = f"the table of stimuli of {entry.identifier!r} is being created"
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise http_error(503, _NOT_READY, message, "Try again in a minute.", headers)
    hint = "The files are available: see `files` of the entry."
    raise http_error(404, "not_here", f"the table of stimuli of {entry.identifier!r}: {missing.label}", hint)


def is_not_ready(error: HTTPException) -> bool:
    """Whether `get_stimulus_profile` failed because the profile is still being built."""
    return isinstance(error.detail, dict) and error.detail.get("code") == _NOT_READY


def _is_data_visible(entry: Entry, access: Access, snapshot: Snapshot) -> bool:
    """Whether facts computed from the data of an entry are visible."""
    if not access.may_download(entry, snapshot.embargoes):
        return False
    withheld = snapshot.withheld_twins(entry, access)
    return not withheld or all(_provides_bytes(entry, file, withheld) for file in entry.files)


def visible_card(entry: Entry, access: Access, snapshot: Snapshot) -> Card:
    """Return the card of an entry; under embargo, without charts of its data."""
    card = read_card(entry)
    if access.may_download(entry, snapshot.embargoes):
        return card
    public = {name: value for name, value in card.items() if name != "pictures"}
    columns = public.get("columns")
    if isinstance(columns, list):
        public["columns"] = [_without_histogram(column) for column in columns]
    return public


def _without_histogram(column: object) -> object:
    if not isinstance(column, Mapping):
        return column
    return {name: value for name, value in column.items() if name != "histogram"}


def _provides_bytes(entry: Entry, file: EntryFile, withheld: list[Entry]) -> bool:
    """Whether the location that an entry names for a file holds its bytes."""
    if not file.sha1:  # the location identifies the bytes
        return True
    try:
        if any(_has_hash(place.path, file.sha1) for place, _ in ExpectedFile.from_entry(entry, file).local_locations()):
            return True
        location = parse_entry_location(entry, file.location, file.location_type)
        if location.origin:  # a remote catalog may name any location
            return False
        return any(
            location == parse_entry_location(other, twin.location, twin.location_type)
            for other in withheld
            for twin in other.files
            if twin.sha1 == file.sha1
        )
    except LocationError:
        return False


def _has_hash(path: Path, sha1: str) -> bool:
    try:
        return _cached_sha1(path, Fingerprint.of(path)) == sha1
    except OSError:
        return False


@lru_cache(1024)
def _cached_sha1(path: Path, _fingerprint: Fingerprint) -> str:
    return hash_file(path, "sha1")
