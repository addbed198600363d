"""Making the profile of an entry from its files on this machine, in one step as far as anybody sees."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from brainio.cache import Cache
from brainio.cache.files import new_partial, partial_folder, writing
from brainio.cache.sqlite_files import stamp_of_now, writable
from brainio.cards.profile_failures import forget_failure
from brainio.cards.profile_files import find_profile, folder, path_of, profile_key
from brainio.cards.profile_rows import insert_rows
from brainio.cards.profile_schema import CARD, COLUMNS, COUNT, LOOKED_AT, MADE, about, metadata, response
from brainio.catalogs import resolve
from brainio.catalogs.entries import TYPE_STIMULUS_SET
from brainio.errors import CacheError, EntryUnavailableError
from brainio.fetch.entries import local_files, named_in_errors
from brainio.fetch.home import local_cache
from brainio.fetch.pruned import keep_cached, retry_if_pruned
from brainio.local_files import atomic_path
from brainio.locks import Heartbeat, acquire
from brainio.worker_process import call_in_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from brainio.catalogs import Entry


def make_profile(entry: Entry, *, again: bool = False) -> None:
    """Make the profile of an entry, unless there is one; of its files on this machine, which are verified.

    Of the first 10,000 stimuli of a set thumbnails of up to 256 pixels are made, below a bar; of an assembly all values
    are read once. What is interrupted or killed leaves no profile. Of two processes that make the same, one waits.

    Parameters
    ----------
    entry : Entry
        From a catalog.
    again : bool, default False
        Make it also where there is one.

    Raises
    ------
    EntryUnavailableError
        Not all files are on this machine: `brainio get` fetches them.
    IntegrityError, FormatError
        The files are not what was promised, or break the format.
    CacheError
        The folder of the cache cannot be written.
    """
    paths = local_files(entry)
    key = profile_key(entry)
    if key is None:
        raise EntryUnavailableError(f"no file of {entry.kind} {entry.identifier!r} is known; fetch it first")
    root = folder().parent
    with writing(root, f"The profile of {entry.identifier}"):
        lock = acquire(partial_folder(root), f"profile-{key}")
        try:
            if again or find_profile(entry) is None:
                _make(entry, paths, key, root)
                forget_failure(entry)
        finally:
            if lock is not None:
                lock.release()


def make_listed_profile(lookup_type: str, identifier: str, catalog: str, version: str) -> None:
    """Make the profile of an entry that a catalog lists; runs in a worker process. See `make_profile`."""
    make_profile(resolve(lookup_type, identifier, catalog=catalog, version=version))


def _make(entry: Entry, paths: dict[str, Path], key: str, root: Path) -> None:
    folder().mkdir(parents=True, exist_ok=True)
    with atomic_path(path_of(key), temporary=new_partial(root, f"profile-{key}")) as unfinished:

        def write() -> int:
            unfinished.unlink(missing_ok=True)
            are_here = all(path.exists() for path in paths.values())
            return _write(unfinished, entry, paths if are_here else local_files(entry))

        with keep_cached():
            stamp = retry_if_pruned(write)
        os.utime(unfinished, ns=(stamp, stamp))


def _write(path: Path, entry: Entry, paths: dict[str, Path]) -> int:
    """Write a profile to a new file, and return the modification time that it must get."""
    stamp = stamp_of_now()
    engine = create_engine("sqlite://", creator=partial(writable, path), poolclass=StaticPool)
    fill = _stimuli if entry.lookup_type == TYPE_STIMULUS_SET else _assembly
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            noted = fill(connection, entry, paths, Heartbeat(path).beat)
            told = [(name, json.dumps(value)) for name, value in {**noted, MADE: stamp}.items()]
            insert_rows(connection, about, told)
            connection.exec_driver_sql("ANALYZE")
    except DatabaseError as error:
        raise CacheError(f"the profile of {entry.kind} {entry.identifier!r} cannot be written: {error.orig}") from error
    finally:
        engine.dispose()
    return stamp


def _stimuli(
    connection: Connection, entry: Entry, paths: dict[str, Path], progress: Callable[[], None]
) -> dict[str, Any]:
    from brainio.cards.profile_table import fill_table
    from brainio.cards.profile_thumbnails import fill_thumbnails
    from brainio.cards.tables import describe_stimuli
    from brainio.fetch.stimulus_sets import load_stimulus_files

    archive = entry.file("zip")
    zip_sha1 = archive.sha1 if archive is not None else ""
    with named_in_errors(entry), _cache_for(paths["zip"]) as cache:
        stimuli = load_stimulus_files(paths["csv"], paths["zip"], entry.identifier, zip_sha1, cache=cache)
        ids = fill_thumbnails(connection, stimuli, progress)
        described = describe_stimuli(stimuli)
    columns = fill_table(connection, stimuli, ids)
    return {CARD: described, COLUMNS: columns, COUNT: len(stimuli), LOOKED_AT: len(ids)}


@contextmanager
def _cache_for(archive: Path) -> Iterator[Cache]:
    """Give the cache to unpack an archive in: for one that lies elsewhere, a folder that goes when it was looked at.

    Otherwise whoever serves a disk full of data would have all of it twice.
    """
    cache = local_cache()
    if any(root in archive.parents for root in (cache.root, *cache.shared)):
        yield cache
        return
    passing = new_partial(cache.root)
    try:
        yield Cache(passing, [cache.root, *cache.shared])
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def _assembly(
    connection: Connection, entry: Entry, paths: dict[str, Path], progress: Callable[[], None]
) -> dict[str, Any]:
    from brainio.cards.profile_filters import stored_text

    path = paths["nc"]
    subject = f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} ({path})"
    with named_in_errors(entry):
        described, responses = call_in_worker(
            "brainio.cards.compute:describe_for_profile", [str(path.absolute())], subject=subject, paths=[path]
        )
    progress()
    rows = (
        (number, stored_text(stimulus), int(presentations), mean, rank)
        for number, (stimulus, presentations, mean, rank) in enumerate(responses)
    )
    insert_rows(connection, response, rows)
    return {CARD: described, COUNT: len(responses)}
