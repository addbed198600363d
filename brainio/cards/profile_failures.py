"""Failed attempts to make a profile, stored next to the profiles: pages show the reason, and nothing retries at once.

A record is found by the hashes of an entry's files, as a profile is, and holds their fingerprints: a replaced file
makes it void. Losing one costs another attempt.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from brainio.cache.files import read_json, write_in_one_step
from brainio.cache.inventory import PROFILE_FAILURE
from brainio.cards.profile_files import folder, profile_key
from brainio.errors import BrainioError
from brainio.fetch.entries import wanted_file
from brainio.local_files import Fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from brainio.catalogs import Entry


class ProfileFailure(NamedTuple):
    """A failed attempt.

    Attributes
    ----------
    reason : str
        In words that may be shown to anybody: no paths.
    time : float
        Seconds since 1970.
    conditions : str
        The limits under which it failed; other ones are worth another attempt.
    """

    reason: str
    time: float
    conditions: str


def record_failure(entry: Entry, reason: str, conditions: str) -> None:
    """Store that the profile of an entry could not be made of the files as they are now.

    Parameters
    ----------
    entry : Entry
        From a catalog.
    reason, conditions : str
        See `ProfileFailure`.
    """
    path = _path(entry)
    if path is None:
        return
    record = {"reason": reason, "time": time.time(), "conditions": conditions, "files": _fingerprints(entry)}
    with suppress(OSError, BrainioError):  # the next attempt comes sooner then
        path.parent.mkdir(parents=True, exist_ok=True)
        write_in_one_step(folder().parent, path, json.dumps(record))


def find_failure(entry: Entry) -> ProfileFailure | None:
    """Return the failed attempt to make the profile of an entry from its files as they are now; None without one."""
    path = _path(entry)
    record = {} if path is None else read_json(path)
    if not record or record.get("files") != _fingerprints(entry):
        return None
    with suppress(KeyError, TypeError, ValueError):
        return ProfileFailure(str(record["reason"]), float(record["time"]), str(record["conditions"]))
    return None


def forget_failure(entry: Entry) -> None:
    """Remove the record of a failed attempt, once the profile of the entry was made."""
    path = _path(entry)
    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _path(entry: Entry) -> Path | None:
    key = profile_key(entry)
    return None if key is None else folder() / f"{key}{PROFILE_FAILURE}"


def _fingerprints(entry: Entry) -> list[list[int]]:
    """Return the fingerprints of the files of an entry that lie on this machine outside of the cache.

    Those in the cache are what their hashes promise, and so is the key of the record.
    """
    prints: list[list[int]] = []
    for file in entry.files:
        for place, _ in wanted_file(entry, file).local_places():
            with suppress(OSError):
                prints.append(list(Fingerprint.of(place.path)))
    return prints
