"""Building of profiles from the local files of entries, each profile written atomically and each failure recorded.

Pages show the reason of a failure, and no attempt is repeated at once. The record is named after the hashes of the
entry's files, like the profile, and contains their fingerprints: replacing a file invalidates it. Losing a record
costs another attempt.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from brainio.cache import Cache
from brainio.cache.files import new_partial, partial_folder, read_json, translate_write_errors, write_atomically
from brainio.cache.inventory import PROFILE_FAILURE
from brainio.cache.sqlite_files import create_database, new_mtime_ns
from brainio.cards.profile_files import (
    COLUMNS,
    MTIME,
    STATISTICS,
    STIMULUS_COUNT,
    THUMBNAIL_COUNT,
    insert_rows,
    metadata,
    profile_folder,
    profile_key,
    profile_path,
    properties_table,
    response_table,
    to_stored_text,
)
from brainio.cards.profiles import find_profile
from brainio.catalogs import resolve
from brainio.catalogs.entries import TYPE_STIMULUS_SET
from brainio.errors import BrainioError, CacheError, EntryUnavailableError
from brainio.fetch.cache_access import local_cache, prevent_pruning, retry_if_pruned
from brainio.fetch.entry_files import ExpectedFile, get_local_files, prefix_errors
from brainio.local_files import Fingerprint, atomic_path
from brainio.locks import Heartbeat, acquire
from brainio.worker_process import call_in_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from brainio.catalogs import Entry


def build_profile(entry: Entry, *, rebuild: bool = False) -> None:
    """Build the profile of an entry from its local files, which are verified, unless the profile exists.

    The profile of a stimulus set has thumbnails of up to 256 pixels of the first 10,000 stimuli; a progress bar shows
    their rendering. For the profile of an assembly all values are read once. An interrupted or killed build leaves no
    profile. If two processes build the same profile, one waits for the other.

    Parameters
    ----------
    entry : Entry
        An entry of a catalog.
    rebuild : bool, default False
        Whether to build the profile even if it exists.

    Raises
    ------
    EntryUnavailableError
        A file is not on this machine; `brainio get` fetches it.
    IntegrityError, FormatError
        The files differ from their hashes, or violate the format.
    CacheError
        The folder of the cache is not writable.
    """
    paths = get_local_files(entry)
    key = profile_key(entry)
    if key is None:
        raise EntryUnavailableError(
            f"the hashes of the files of {entry.kind} {entry.identifier!r} are unknown; fetch them first: "
            f"brainio get {entry.identifier}"
        )
    root = profile_folder().parent
    with translate_write_errors(root, f"The profile of {entry.identifier}"):
        lock = acquire(partial_folder(root), f"profile-{key}")
        try:
            if rebuild or find_profile(entry) is None:
                _build(entry, paths, key, root)
                _remove_failure(entry)
        finally:
            if lock is not None:
                lock.release()


def build_listed_profile(lookup_type: str, identifier: str, catalog: str, version: str) -> None:
    """Resolve an entry and build its profile; runs in a worker process. See `build_profile`."""
    build_profile(resolve(lookup_type, identifier, catalog=catalog, version=version))


def _build(entry: Entry, paths: dict[str, Path], key: str, root: Path) -> None:
    profile_folder().mkdir(parents=True, exist_ok=True)
    with atomic_path(profile_path(key), temporary=new_partial(root, f"profile-{key}")) as unfinished:

        def write() -> int:
            unfinished.unlink(missing_ok=True)
            are_present = all(path.exists() for path in paths.values())
            return _write_database(unfinished, entry, paths if are_present else get_local_files(entry))

        with prevent_pruning():
            mtime_ns = retry_if_pruned(write)
        os.utime(unfinished, ns=(mtime_ns, mtime_ns))


def _write_database(path: Path, entry: Entry, paths: dict[str, Path]) -> int:
    """Write a profile to a new file, and return the modification time that it must get."""
    mtime_ns = new_mtime_ns()
    engine = create_engine("sqlite://", creator=partial(create_database, path), poolclass=StaticPool)
    write_contents = _write_stimulus_set if entry.lookup_type == TYPE_STIMULUS_SET else _write_assembly
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            properties = write_contents(connection, entry, paths, Heartbeat(path).beat) | {MTIME: mtime_ns}
            insert_rows(connection, properties_table, ((name, json.dumps(value)) for name, value in properties.items()))
            connection.exec_driver_sql("ANALYZE")
    except DatabaseError as error:
        raise CacheError(
            f"writing the profile of {entry.kind} {entry.identifier!r} to {path} failed: {error.orig}. Free space "
            f"there, then build it again: brainio profile build {entry.identifier}"
        ) from error
    finally:
        engine.dispose()
    return mtime_ns


def _write_stimulus_set(
    connection: Connection, entry: Entry, paths: dict[str, Path], beat: Callable[[], None]
) -> dict[str, Any]:
    # Profiles of assemblies need neither pandas nor Pillow in this process.
    from brainio.cards.profile_writer import write_stimuli, write_thumbnails
    from brainio.cards.stimulus_sets import describe_stimulus_set
    from brainio.fetch.stimulus_sets import load_stimulus_files

    archive = entry.file("zip")
    zip_sha1 = archive.sha1 if archive is not None else ""
    with prefix_errors(entry), _unpacking_cache(paths["zip"]) as cache:
        stimuli = load_stimulus_files(paths["csv"], paths["zip"], entry.identifier, zip_sha1, cache=cache)
        thumbnail_ids = write_thumbnails(connection, stimuli, beat)
        statistics = describe_stimulus_set(stimuli)
    columns = write_stimuli(connection, stimuli, thumbnail_ids)
    counts = {STIMULUS_COUNT: len(stimuli), THUMBNAIL_COUNT: len(thumbnail_ids)}
    return {STATISTICS: statistics, COLUMNS: columns, **counts}


@contextmanager
def _unpacking_cache(archive: Path) -> Iterator[Cache]:
    """Return the cache to unpack an archive in: a temporary one if the archive is outside of the cache.

    Otherwise a machine that serves a disk full of data would store all of them twice.
    """
    cache = local_cache()
    if any(root in archive.parents for root in (cache.root, *cache.shared)):
        yield cache
        return
    temporary = new_partial(cache.root)
    try:
        yield Cache(temporary, [cache.root, *cache.shared])
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_assembly(
    connection: Connection, entry: Entry, paths: dict[str, Path], beat: Callable[[], None]
) -> dict[str, Any]:
    path = paths["nc"]
    subject = f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} ({path})"
    with prefix_errors(entry):
        statistics, responses = call_in_worker(
            "brainio.cards.computation:describe_for_profile", [str(path.absolute())], subject=subject, paths=[path]
        )
    beat()
    rows = (
        (number, to_stored_text(stimulus), int(presentations), mean, rank)
        for number, (stimulus, presentations, mean, rank) in enumerate(responses)
    )
    insert_rows(connection, response_table, rows)
    return {STATISTICS: statistics, STIMULUS_COUNT: len(responses)}


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
    path = _failure_path(entry)
    if path is None:
        return
    record = {"reason": reason, "time": time.time(), "conditions": conditions, "files": _fingerprints(entry)}
    with suppress(OSError, BrainioError):  # without a record, the next attempt comes sooner
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(profile_folder().parent, path, json.dumps(record))


def find_failure(entry: Entry) -> ProfileFailure | None:
    """Return the failed attempt to build the profile of an entry from its present files; None if there was none."""
    path = _failure_path(entry)
    record = {} if path is None else read_json(path)
    if not record or record.get("files") != _fingerprints(entry):
        return None
    with suppress(KeyError, TypeError, ValueError):
        return ProfileFailure(str(record["reason"]), float(record["time"]), str(record["conditions"]))
    return None


def _remove_failure(entry: Entry) -> None:
    """Remove the record of a failed attempt after a successful one."""
    path = _failure_path(entry)
    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _failure_path(entry: Entry) -> Path | None:
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
