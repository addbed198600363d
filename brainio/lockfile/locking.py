"""`brainio.use_lock`: what a block loads is exactly what a lock file recorded, or an error."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.catalogs import TYPE_STIMULUS_SET, Entry, resolve
from brainio.catalogs.entries import STATUS_CURRENT, in_words
from brainio.errors import BrainioError, LockfileError, LockfileWarning, NotLockedError
from brainio.fetch.uses import pinned_by
from brainio.home import absolute_path
from brainio.lockfile.form import Lockfile, read_lockfile, software_here
from brainio.lockfile.records import Record, entry_of, record_name
from brainio.nearest import nearest

if TYPE_CHECKING:
    from brainio.fetch import Plan


class _Pins:
    """Decides what identifiers mean by a lock file."""

    def __init__(self, path: Path, lockfile: Lockfile) -> None:
        self._path, self._records = path, lockfile.records

    def find(self, lookup_type: str, identifier: str, catalog: str | None, version: str | None) -> Entry:
        return entry_of(self._record(lookup_type, identifier, catalog, version))

    def stimuli_of(self, entry: Entry) -> Entry | None:
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
    with pinned_by(_Pins(where, lockfile)):
        yield


def plan_locked(path: str | os.PathLike[str]) -> "Plan":
    """Find out what fetching all that a lock file recorded will take; `brainio.fetch.carry_out` fetches it.

    Raises
    ------
    LockfileError
        The file cannot be read. What cannot be had as recorded is in the `failures` of the plan.
    """
    from brainio.fetch.many import plan_entries

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
