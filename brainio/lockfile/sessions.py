"""`brainio.record_lock`: what a block or a script loads is written into a lock file, as it is loaded."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from brainio.catalogs import TYPE_STIMULUS_SET, Entry, resolve
from brainio.catalogs.entries import STATUS_CURRENT, in_words
from brainio.errors import BrainioError, LockfileError, LockfileWarning, NotLockedError
from brainio.fetch.hooks import LoadEvent, listen, override_resolution
from brainio.forks import guard
from brainio.home import absolute_path
from brainio.lockfile.lock_format import Lockfile, read_lockfile, require_writable, software_here, write_lockfile
from brainio.lockfile.lock_records import Record, entry_of, record_name, record_of
from brainio.nearest import nearest

if TYPE_CHECKING:
    from brainio.fetch import FetchPlan


class Recording:
    """Writes down what is loaded; see `lock`.

    Attributes
    ----------
    path : Path
        Of the lock file.
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
        """Record what the block loads."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """End the recording; what was loaded is written already, whatever ends the block."""
        self.stop()
        if kind is None and not self._records:
            write_lockfile(self.path, [])

    def start(self) -> Self:
        """Record what is loaded until `stop` or the end of the process."""
        if self._listening is not None:
            raise LockfileError(
                f"this object is recording {self.path} already. Call brainio.record_lock again for another recording"
            )
        require_writable(self.path)
        self._records = {}
        self._listening = ExitStack()
        self._listening.enter_context(listen(self._take))
        return self

    def stop(self) -> None:
        """End what `start` began."""
        block, self._listening = self._listening, None
        if block is not None:
            block.close()

    @property
    def records(self) -> tuple[Record, ...]:
        """What was recorded so far, in the order of the file."""
        with self._lock:
            return tuple(sorted(self._records.values(), key=lambda record: record.order))

    def _take(self, event: LoadEvent) -> None:
        found = [
            record_of(event.entry, event.stimulus_set),
            *([record_of(event.stimulus_set)] if event.stimulus_set else []),
        ]
        with self._lock:
            before = dict(self._records)
            for record in found:
                self._records[record.order] = self._joined(record)
            if self._records != before:
                write_lockfile(self.path, self._records.values())

    def _joined(self, record: Record) -> Record:
        """Return a record with what one of the same name, from earlier in the block, knows beyond it."""
        known = self._records.get(record.order)
        if known is not None and known.files != record.files:
            warnings.warn(
                f"{record} was loaded twice, and its catalog listed other files in between; {self.path} has the later",
                LockfileWarning,
                stacklevel=5,
            )
        return record if known is None or record.stimulus_set else replace(record, stimulus_set=known.stimulus_set)


def record_lock(path: str | os.PathLike[str] = "brainio.lock") -> Recording:
    """Record what is loaded in a lock file: which entries, the hashes of their files, the versions of the software.

    The file is written anew, in one step, whenever something is loaded for the first time, so that it is whole also
    when an error ends the block, or somebody the process. The first such writing replaces what it held before.

    Recorded is what `get_assembly`, `get_stimulus_set`, `fetch_many` and `prefetch` load, and the stimulus sets of
    assemblies, by all threads of the process; other processes write lock files of their own. Blocks can be nested: each
    records all that is loaded in it.

    Parameters
    ----------
    path : str or path, default 'brainio.lock'
        Of the lock file, in a folder that exists.

    Returns
    -------
    Recording
        A context manager (`with brainio.record_lock(FILE):`). To record a whole script, begin it with
        `brainio.record_lock(FILE).start()`; `stop()` ends the recording earlier.

    Raises
    ------
    LockfileError
        When recording begins, or something is loaded: the file cannot be written.

    Examples
    --------
    >>> import brainio
    >>> with brainio.record_lock("brainio.lock") as recording:
    ...     assembly = brainio.get_assembly("modelfest.Carney1999")
    >>> [str(record) for record in recording.records][1]
    "stimulus set 'modelfest.Carney1999' of catalog 'brainio_demo'"
    """
    return Recording(path)


class _Pins:
    """Decides what identifiers mean by a lock file."""

    def __init__(self, path: Path, lockfile: Lockfile) -> None:
        self._path, self._records = path, lockfile.records

    def resolve(self, lookup_type: str, identifier: str, catalog: str | None, version: str | None) -> Entry:
        return entry_of(self._record(lookup_type, identifier, catalog, version))

    def stimulus_set_of(self, entry: Entry) -> Entry | None:
        same = [one for one in self._records if one.kind == entry.lookup_type and _has_bytes_of(one, entry)]
        if not same:
            raise NotLockedError(self._lacks(entry.lookup_type, entry.identifier))
        own = next((one for one in same if one.name == record_name(entry)), same[0])
        if not own.stimulus_set:
            return None
        stimuli = [one for one in self._records if (one.kind, one.name) == (TYPE_STIMULUS_SET, own.stimulus_set)]
        if not stimuli:
            raise LockfileError(
                f"{self._path} says that {own} came with the stimulus set {own.stimulus_set!r}, which it lacks. "
                f"Record it again with brainio.record_lock"
            )
        return entry_of(stimuli[0])

    def _record(self, kind: str, identifier: str, catalog: str | None, version: str | None) -> Record:
        found = [one for one in self._records if one.answers(kind, identifier, catalog, version)]
        found = found or self._by_new_name(kind, identifier, catalog, version)
        if not found:
            raise NotLockedError(self._lacks(kind, identifier, catalog, version))
        current = [one for one in found if one.status == STATUS_CURRENT]
        found = current if len(current) == 1 else found
        if len(found) > 1:
            choices = " or ".join(repr(one.name) for one in found)
            raise NotLockedError(
                f"{self._path} holds several {in_words(kind)}s that {identifier!r} may mean: {choices}. "
                f"Say which with catalog= and version="
            )
        return found[0]

    def _by_new_name(self, kind: str, identifier: str, catalog: str | None, version: str | None) -> list[Record]:
        """Find what an identifier is the name or an alias of since it was recorded."""
        try:
            entry = resolve(kind, identifier, catalog=catalog)
        except BrainioError:
            return []
        names = (entry.identifier, *entry.aliases)
        return [one for one in self._records if any(one.answers(kind, name, None, version) for name in names)]

    def _lacks(self, kind: str, identifier: str, catalog: str | None = None, version: str | None = None) -> str:
        held = [one.identifier for one in self._records if one.kind == kind]
        near = ", ".join(map(repr, nearest(identifier, held)))
        asked = "".join(f" ({what} {value})" for what, value in (("catalog", catalog), ("version", version)) if value)
        return (
            f"{in_words(kind)} {identifier!r}{asked} is not in the lock file {self._path}"
            f"{f'; near it are {near}' if near else ''}. To add it, load it too in a block of "
            f"`with brainio.record_lock({self._path.name!r}):`, or load it outside of the block of brainio.use_lock"
        )


def _has_bytes_of(record: Record, entry: Entry) -> bool:
    """Whether an entry that `entry_of` gave is that of a record, wherever it is listed now."""
    own = {file.part: file for file in entry.files}
    return own.keys() == {file.part for file in record.files} and all(
        file.fits(own[file.part]) for file in record.files
    )


@contextmanager
def use_lock(path: str | os.PathLike[str] = "brainio.lock") -> Iterator[None]:
    """Load in a block exactly what a lock file recorded.

    Each identifier means the recorded entry: `get_assembly`, `get_stimulus_set`, `fetch_many` and `prefetch` load the
    recorded version, also where it is not the current one any more, and verify the recorded hashes. The block holds for
    all threads of the process. Of blocks in blocks the innermost decides.

    Parameters
    ----------
    path : str or path, default 'brainio.lock'
        Of the lock file.

    Warns
    -----
    LockfileWarning
        Python or a package that reads data has another version than was recorded.

    Raises
    ------
    LockfileError
        The file cannot be read, or is of a version that is unknown here. Another thread or task has such a block open.
    NotLockedError
        In the block: something is loaded that was not recorded.
    LockDriftError
        In the block: no catalog in force lists the recorded bytes any more.
    IntegrityError
        In the block: what came are not the recorded bytes.

    Examples
    --------
    >>> import brainio
    >>> with brainio.record_lock("brainio.lock"):
    ...     _ = brainio.get_stimulus_set("modelfest.Carney1999")
    >>> with brainio.use_lock("brainio.lock"):
    ...     len(brainio.get_stimulus_set("modelfest.Carney1999"))
    43
    """
    where = absolute_path(path)
    lockfile = read_lockfile(where)
    _warn_of_software(where, lockfile.software)
    with override_resolution(_Pins(where, lockfile)):
        yield


def plan_locked(path: str | os.PathLike[str]) -> "FetchPlan":
    """Find out what fetching all that a lock file recorded will take; `brainio.fetch.run_plan` fetches it.

    Raises
    ------
    LockfileError
        The file cannot be read. What cannot be had as recorded is in the `failures` of the plan.
    """
    from brainio.fetch.bulk_fetch import plan_entries

    where = absolute_path(path)
    lockfile = read_lockfile(where)
    _warn_of_software(where, lockfile.software)
    found: list[Entry] = []
    failures: dict[str, BrainioError] = {}
    for record in lockfile.records:
        try:
            found.append(entry_of(record))
        except LockfileError as failure:
            failures[str(record)] = failure
    return plan_entries(found, failures)


def _warn_of_software(path: Path, recorded: dict[str, str]) -> None:
    here = software_here()
    differing = [
        f"{name} {version} (here {here.get(name, 'not installed')})"
        for name, version in recorded.items()
        if here.get(name) != version
    ]
    if differing:
        warnings.warn(f"{path} was recorded with other software: {', '.join(differing)}", LockfileWarning, stacklevel=4)
