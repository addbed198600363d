"""Lock file sessions: `record_lock` records loaded entries in a lock file, and `use_lock` loads exactly these."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from brainio.cache import hash_file
from brainio.catalogs import TYPE_STIMULUS_SET, Entry, EntryFile, listings, resolve
from brainio.catalogs.backends import format_location
from brainio.catalogs.entries import STATUS_CURRENT, in_words
from brainio.errors import BrainioError, LockDriftError, LockfileError, LockfileWarning, NotLockedError
from brainio.fetch.entry_files import ExpectedFile
from brainio.fetch.hooks import LoadEvent, listen, override_resolution
from brainio.forks import guard
from brainio.local_files import absolute_path
from brainio.lockfile.lock_format import (
    FileRecord,
    Lockfile,
    Record,
    check_writable,
    installed_software,
    read_lockfile,
    write_lockfile,
)
from brainio.text import nearest

if TYPE_CHECKING:
    from brainio.fetch import FetchPlan


class Recording:
    """A recording of loaded entries in a lock file; see `record_lock`.

    Attributes
    ----------
    path : Path
        The lock file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = absolute_path(path)
        self._records: dict[tuple[str, ...], Record] = {}
        self._lock = guard(threading.RLock(), "the recording of a lock file")
        self._listening: ExitStack | None = None

    def __repr__(self) -> str:
        state = "recording into" if self._listening is not None else "recorded in"
        return f"<{len(self._records)} entries {state} {self.path}>"

    def __enter__(self) -> Self:
        """Start recording."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """Stop recording; an error in the block loses nothing, because records are written as entries are loaded."""
        self.stop()
        if kind is None and not self._records:
            write_lockfile(self.path, [])

    def start(self) -> Self:
        """Record loaded entries until `stop` or the end of the process."""
        if self._listening is not None:
            raise LockfileError(
                f"this object is recording {self.path} already. Call brainio.record_lock again for another recording"
            )
        check_writable(self.path)
        self._records = {}
        self._listening = ExitStack()
        self._listening.enter_context(listen(self._record))
        return self

    def stop(self) -> None:
        """Stop recording."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()

    @property
    def records(self) -> tuple[Record, ...]:
        """The records so far, in the order of the file."""
        with self._lock:
            return tuple(sorted(self._records.values(), key=lambda record: record.sort_key))

    def _record(self, event: LoadEvent) -> None:
        records = [_record_of(event.entry, event.stimulus_set)]
        records += [_record_of(event.stimulus_set)] if event.stimulus_set else []
        with self._lock:
            before = dict(self._records)
            for record in records:
                self._records[record.sort_key] = self._merge(record)
            if self._records != before:
                write_lockfile(self.path, self._records.values())

    def _merge(self, record: Record) -> Record:
        """Return a record, with the stimulus set of an earlier record of the same entry if it names none."""
        earlier = self._records.get(record.sort_key)
        if earlier is not None and earlier.files != record.files:
            warnings.warn(
                f"{record} was loaded twice, and its catalog listed other files in between; {self.path} has the later",
                LockfileWarning,
                stacklevel=5,
            )
        if earlier is None or record.stimulus_set:
            return record
        return replace(record, stimulus_set=earlier.stimulus_set)


def record_lock(path: str | os.PathLike[str] = "brainio.lock") -> Recording:
    """Record loaded entries in a lock file, with the hashes of their files and the versions of the software.

    The file is written atomically whenever an entry is loaded for the first time, so that it is complete even if the
    block or the process ends with an error. The first write replaces an existing file.

    The lock file lists the entries that `get_assembly`, `get_stimulus_set`, `fetch_many` and `prefetch` load in any
    thread of the process, and the stimulus sets of assemblies. Other processes write their own lock files. Blocks can
    be nested; each records everything that is loaded in it.

    Parameters
    ----------
    path : str or path, default 'brainio.lock'
        The lock file, in an existing folder.

    Returns
    -------
    Recording
        A context manager (`with brainio.record_lock(FILE):`). To record a whole script, begin it with
        `brainio.record_lock(FILE).start()`; `stop()` ends the recording earlier.

    Raises
    ------
    LockfileError
        The file is not writable, at the start or when an entry is loaded.

    Examples
    --------
    >>> import brainio
    >>> with brainio.record_lock("brainio.lock") as recording:
    ...     assembly = brainio.get_assembly("modelfest.Carney1999")
    >>> [str(record) for record in recording.records][1]
    "stimulus set 'modelfest.Carney1999' of catalog 'brainio_demo'"
    """
    return Recording(path)


def _record_of(entry: Entry, stimulus_set: Entry | None = None) -> Record:
    """Return the record of an entry that was just loaded or fetched; for an assembly, name its stimulus set."""
    files = tuple(_file_record(entry, file) for file in entry.files)
    return Record(
        kind=entry.lookup_type,
        identifier=entry.identifier,
        catalog=entry.catalog,
        files=files,
        version=entry.version,
        status=entry.status,
        class_name=entry.class_name,
        aliases=entry.aliases,
        stimulus_set="" if stimulus_set is None else _record_name(stimulus_set),
    )


def _record_name(entry: Entry) -> str:
    """Return the name of the record of an entry."""
    return Record(entry.lookup_type, entry.identifier, entry.catalog, (), entry.version).name


def _file_record(entry: Entry, file: EntryFile) -> FileRecord:
    """Return the record of a file; if its catalog gives no hash, with the hash of the fetched bytes."""
    sha1, size = file.sha1, file.size
    cached = None if (sha1 or file.sha256) and size is not None else ExpectedFile.from_entry(entry, file).find_cached()
    if cached is not None:
        sha1 = sha1 or ("" if file.sha256 else hash_file(cached))
        size = cached.stat().st_size
    return FileRecord(file.part, format_location(file.location), sha1, file.sha256, size or 0, file.version_id)


@contextmanager
def use_lock(path: str | os.PathLike[str] = "brainio.lock") -> Iterator[None]:
    """Load exactly the entries of a lock file in a block.

    Each identifier means its recorded entry: `get_assembly`, `get_stimulus_set`, `fetch_many` and `prefetch` load the
    recorded version, even if it is no longer current, and verify the recorded hashes. The block applies to all threads
    of the process. Of nested blocks, the innermost applies.

    Parameters
    ----------
    path : str or path, default 'brainio.lock'
        The lock file.

    Warns
    -----
    LockfileWarning
        The version of Python or of a package that reads data differs from the recorded one.

    Raises
    ------
    LockfileError
        The file cannot be read, its version is not supported, or another thread or task is inside such a block.
    NotLockedError
        In the block: an entry is loaded that is not in the lock file.
    LockDriftError
        In the block: no active catalog lists the recorded hashes any more.
    IntegrityError
        In the block: the fetched bytes do not have the recorded hashes.

    Examples
    --------
    >>> import brainio
    >>> with brainio.record_lock("brainio.lock"):
    ...     _ = brainio.get_stimulus_set("modelfest.Carney1999")
    >>> with brainio.use_lock("brainio.lock"):
    ...     len(brainio.get_stimulus_set("modelfest.Carney1999"))
    43
    """
    lock_path = absolute_path(path)
    lockfile = read_lockfile(lock_path)
    _warn_of_software(lock_path, lockfile.software)
    with override_resolution(_LockfileResolver(lock_path, lockfile)):
        yield


def plan_locked(path: str | os.PathLike[str]) -> "FetchPlan":
    """Plan the fetch of all entries of a lock file; `brainio.fetch.run_plan` fetches them.

    Raises
    ------
    LockfileError
        The file cannot be read. Entries that are no longer available as recorded are in the `failures` of the plan.
    """
    from brainio.fetch.bulk_fetch import plan_entries

    lock_path = absolute_path(path)
    lockfile = read_lockfile(lock_path)
    _warn_of_software(lock_path, lockfile.software)
    entries: list[Entry] = []
    failures: dict[str, BrainioError] = {}
    for record in lockfile.records:
        try:
            entries.append(_find_recorded(record))
        except LockfileError as failure:
            failures[str(record)] = failure
    return plan_entries(entries, failures)


def _warn_of_software(path: Path, recorded: dict[str, str]) -> None:
    installed = installed_software()
    differences = [
        f"{name} {version} (here {installed.get(name, 'not installed')})"
        for name, version in recorded.items()
        if installed.get(name) != version
    ]
    if differences:
        warnings.warn(
            f"{path} was recorded with other software: {', '.join(differences)}", LockfileWarning, stacklevel=4
        )


class _LockfileResolver:
    """Resolves identifiers to the entries of a lock file; a `brainio.fetch.hooks.Resolver`."""

    def __init__(self, path: Path, lockfile: Lockfile) -> None:
        self._path, self._records = path, lockfile.records

    def resolve(self, lookup_type: str, identifier: str, catalog: str | None, version: str | None) -> Entry:
        return _find_recorded(self._get_record(lookup_type, identifier, catalog, version))

    def stimulus_set_of(self, entry: Entry) -> Entry | None:
        candidates = [
            record for record in self._records if record.kind == entry.lookup_type and _has_files_of(record, entry)
        ]
        if not candidates:
            raise NotLockedError(self._explain_missing(entry.lookup_type, entry.identifier))
        name = _record_name(entry)
        assembly = next((record for record in candidates if record.name == name), candidates[0])
        if not assembly.stimulus_set:
            return None
        key = TYPE_STIMULUS_SET, assembly.stimulus_set
        stimulus_set = next((record for record in self._records if (record.kind, record.name) == key), None)
        if stimulus_set is None:
            raise LockfileError(
                f"{self._path} names the stimulus set {assembly.stimulus_set!r} for {assembly}, but has no entry for "
                f"it. Record the lock file again with brainio.record_lock"
            )
        return _find_recorded(stimulus_set)

    def _get_record(self, kind: str, identifier: str, catalog: str | None, version: str | None) -> Record:
        matches = [record for record in self._records if record.matches(kind, identifier, catalog, version)]
        matches = matches or self._find_renamed(kind, identifier, catalog, version)
        if not matches:
            raise NotLockedError(self._explain_missing(kind, identifier, catalog, version))
        current = [record for record in matches if record.status == STATUS_CURRENT]
        matches = current if len(current) == 1 else matches
        if len(matches) > 1:
            choices = " or ".join(repr(record.name) for record in matches)
            raise NotLockedError(
                f"{identifier!r} matches several {in_words(kind)}s in {self._path}: {choices}. "
                f"Select one with catalog= and version="
            )
        return matches[0]

    def _find_renamed(self, kind: str, identifier: str, catalog: str | None, version: str | None) -> list[Record]:
        """Find the records of an entry that was renamed, or got an alias, after it was recorded."""
        try:
            entry = resolve(kind, identifier, catalog=catalog)
        except BrainioError:
            return []
        names = (entry.identifier, *entry.aliases)
        return [record for record in self._records if any(record.matches(kind, name, None, version) for name in names)]

    def _explain_missing(
        self, kind: str, identifier: str, catalog: str | None = None, version: str | None = None
    ) -> str:
        recorded = [record.identifier for record in self._records if record.kind == kind]
        similar = ", ".join(map(repr, nearest(identifier, recorded)))
        options = (("catalog", catalog), ("version", version))
        restriction = "".join(f" ({name} {value})" for name, value in options if value)
        return (
            f"{in_words(kind)} {identifier!r}{restriction} is not in the lock file {self._path}"
            f"{f'; similar identifiers: {similar}' if similar else ''}. To add it, load it too in a block of "
            f"`with brainio.record_lock({self._path.name!r}):`, or load it outside the block of brainio.use_lock"
        )


def _has_files_of(record: Record, entry: Entry) -> bool:
    """Return whether an entry from `_find_recorded` belongs to a record, in whichever catalog it is listed now."""
    files = {file.part: file for file in entry.files}
    return files.keys() == {file.part for file in record.files} and all(
        file.is_consistent_with(files[file.part]) for file in record.files
    )


def _find_recorded(record: Record) -> Entry:
    """Find a recorded entry in the active catalogs, and return it with the recorded hashes, which fetching verifies.

    An entry with hashes in its catalog comes first, then the recorded catalog, then the recorded version. The same
    bytes in another catalog or version count as well.

    Raises
    ------
    LockDriftError
        No active catalog lists the recorded hashes any more.
    """
    candidates = list(_versions(record))
    matches = [entry for entry in candidates if _may_match(record, entry)]
    if not matches:
        raise LockDriftError(_explain_drift(record, candidates))
    entry = min(matches, key=partial(_distance, record))
    recorded = {file.part: file for file in record.files}
    files = tuple(_with_recorded_hashes(file, recorded[file.part], record.class_name) for file in entry.files)
    return replace(entry, files=files)


def _versions(record: Record) -> Iterator[Entry]:
    """Yield every version of the entries with a recorded identifier or alias in the active catalogs."""
    for listing in listings():
        entry = listing.find_by_name(record.kind, record.identifier)
        if entry is not None:
            yield from listing.all_versions(entry)


def _may_match(record: Record, entry: Entry) -> bool:
    """Return whether no hash contradicts a record, and hashes or the catalog and version confirm it."""
    recorded = {file.part: file for file in record.files}
    if recorded.keys() != {file.part for file in entry.files}:
        return False
    if not all(recorded[file.part].is_consistent_with(file) for file in entry.files):
        return False
    return _has_recorded_hashes(record, entry) or (entry.catalog, entry.version) == (record.catalog, record.version)


def _distance(record: Record, entry: Entry) -> tuple[bool, bool, bool]:
    """Return a sort key: the closest match to a record is smallest."""
    return not _has_recorded_hashes(record, entry), entry.catalog != record.catalog, entry.version != record.version


def _has_recorded_hashes(record: Record, entry: Entry) -> bool:
    """Return whether the catalog gives a recorded hash for each file."""
    recorded = {file.part: file for file in record.files}
    return all(
        (file.sha1 and file.sha1.lower() == recorded[file.part].sha1)
        or (file.sha256 and file.sha256.lower() == recorded[file.part].sha256)
        for file in entry.files
    )


def _with_recorded_hashes(file: EntryFile, recorded: FileRecord, class_name: str) -> EntryFile:
    return replace(
        file,
        class_name=(class_name or file.class_name) if file.class_name else "",
        sha1=recorded.sha1 or file.sha1,
        sha256=recorded.sha256 or file.sha256,
        size=recorded.size or file.size,
    )


def _explain_drift(record: Record, candidates: list[Entry]) -> str:
    """Return a message with the recorded hashes and those that the active catalogs list."""
    hashes = ", ".join(f"{file.part} {_hash(file)}" for file in record.files)
    recorded = f"{record} was recorded with {hashes or 'no files'}, but no active catalog lists that now"
    if candidates:
        listed = "\n".join(
            f"- catalog {entry.catalog!r}{f', version {entry.version}' if entry.version else ''} ({entry.status}): "
            + ", ".join(f"{file.part} {_hash(file)}" for file in entry.files)
            for entry in candidates
        )
        return (
            f"{recorded}. Under that identifier they list:\n{listed}\nRecord the lock file again with one of these, or "
            f"ask the owner of the catalog for the recorded one"
        )
    names = {name for listing in listings() for kind, name in listing.entries if kind == record.kind}
    near = ", ".join(map(repr, nearest(record.identifier, sorted(names))))
    active = ", ".join(listing.identifier for listing in listings()) or "none"
    similar = f"; similar identifiers: {near}" if near else ""
    return f"{recorded} (active catalogs: {active}){similar}. Add its catalog with brainio.add_catalog, or record again"


def _hash(file: EntryFile | FileRecord) -> str:
    hashes = [f"{name} {digest}" for name, digest in (("sha1", file.sha1), ("sha256", file.sha256)) if digest]
    return " ".join(hashes) or "without a hash"
