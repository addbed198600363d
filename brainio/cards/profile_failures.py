"""Records of failed attempts to build a profile: pages show the reason, and nothing retries at once.

A record is named after the hashes of the entry's files, like the profile, and contains their fingerprints: replacing a
file invalidates it. Losing a record costs another attempt.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from brainio.cache.files import read_json, write_atomically
from brainio.cache.inventory import PROFILE_FAILURE
from brainio.cards.profile_files import profile_folder, profile_key
from brainio.errors import BrainioError
from brainio.fetch.entry_files import ExpectedFile
from brainio.local_files import Fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from brainio.catalogs import Entry


class ProfileFailure(NamedTuple):
    """A failed attempt to build a profile.

    Attributes
    ----------
    reason : str
        A text that every visitor may read: without paths.
    time : float
        Seconds since 1970.
    conditions : str
        The limits under which the attempt failed; other limits justify another attempt.
    """

    reason: str
    time: float
    conditions: str


def record_failure(entry: Entry, reason: str, conditions: str) -> None:
    """Record that building the profile of an entry from its present files failed.

    Parameters
    ----------
    entry : Entry
        An entry of a catalog.
    reason, conditions : str
        See `ProfileFailure`.
    """
    path = _record_path(entry)
    if path is None:
        return
    record = {"reason": reason, "time": time.time(), "conditions": conditions, "files": _fingerprints(entry)}
    with suppress(OSError, BrainioError):  # without a record, the next attempt comes sooner
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(profile_folder().parent, path, json.dumps(record))


def find_failure(entry: Entry) -> ProfileFailure | None:
    """Return the failed attempt to build the profile of an entry from its present files; None if there was none."""
    path = _record_path(entry)
    record = {} if path is None else read_json(path)
    if not record or record.get("files") != _fingerprints(entry):
        return None
    with suppress(KeyError, TypeError, ValueError):
        return ProfileFailure(str(record["reason"]), float(record["time"]), str(record["conditions"]))
    return None


def remove_failure(entry: Entry) -> None:
    """Remove the record of a failed attempt after a successful one."""
    path = _record_path(entry)
    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _record_path(entry: Entry) -> Path | None:
    key = profile_key(entry)
    return None if key is None else profile_folder() / f"{key}{PROFILE_FAILURE}"


def _fingerprints(entry: Entry) -> list[list[int]]:
    """Return the fingerprints of an entry's local files outside of the cache.

    The key of the record already identifies the content of files in the cache.
    """
    fingerprints: list[list[int]] = []
    for file in entry.files:
        for place, _ in ExpectedFile.from_entry(entry, file).local_locations():
            with suppress(OSError):
                fingerprints.append(list(Fingerprint.of(place.path)))
    return fingerprints
