"""Many entries at once: what that will take, and fetching them with a bound on connections.

What can be finished is finished when something fails; all failures are reported together.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from brainio.catalogs import Entry, EntryFile, entries, entries_of, with_stimuli
from brainio.catalogs.entries import STATUS_CURRENT
from brainio.errors import BrainioError, EntryLookupError, FetchManyError
from brainio.fetch.entries import fetch_entry_file, require_available, wanted_file
from brainio.progress import TransferBar, readable_size
from brainio.stores import is_offline, stat

_log = logging.getLogger("brainio.fetch")
_FILES_AT_ONCE = 8


@dataclass(frozen=True)
class MissingFile:
    """A file that has to be fetched; `size` in bytes (None: nobody knows)."""

    entry: Entry
    file: EntryFile
    size: int | None


@dataclass(frozen=True)
class Plan:
    """What fetching many entries will take.

    Parameters
    ----------
    entries : tuple of Entry
        What was asked for, and the stimulus sets of its assemblies.
    missing : tuple of MissingFile
        The files that are not in the cache yet.
    failures : dict
        What cannot be fetched -> why: identifiers that lead nowhere, entries that are unavailable.
    """

    entries: tuple[Entry, ...]
    missing: tuple[MissingFile, ...]
    failures: dict[str, BrainioError]

    @property
    def size(self) -> int:
        """Bytes of the missing files, as far as sizes are known."""
        return sum(one.size or 0 for one in self.missing)

    def __str__(self) -> str:
        count = sum(len(entry.files) for entry in self.entries)
        unknown = sum(one.size is None for one in self.missing)
        sizes = f"{readable_size(self.size)}{f' and {unknown} of unknown size' if unknown else ''}"
        failed = f"; {len(self.failures)} cannot be fetched" if self.failures else ""
        whole = "1 entry" if len(self.entries) == 1 else f"{len(self.entries)} entries"
        return (
            f"{len(self.missing)} of the {count} files of {whole} to fetch ({sizes}), "
            f"{count - len(self.missing)} in the cache{failed}"
        )


def plan_fetch(
    identifiers: Iterable[str] = (),
    *,
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
) -> Plan:
    """Find out what fetching entries will take; nothing is fetched but sizes that no catalog states.

    Parameters
    ----------
    identifiers : iterable of str
        As for `get_assembly` and `get_stimulus_set`; one that names a stimulus set and an assembly means both. With
        none of them, all current entries of `catalog`.
    catalog : str, optional
        Identifier of the only catalog to look in.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`: what of both an identifier means.
    version : str, optional
        Version of the entries.

    Examples
    --------
    >>> plan = plan_fetch(["modelfest.Carney1999"], kind="stimulus_set")
    >>> [entry.identifier for entry in plan.entries], len(plan.missing) <= 2
    (['modelfest.Carney1999'], True)
    """
    failures: dict[str, BrainioError] = {}
    found: dict[Entry, None] = {}
    for identifier in identifiers:
        try:
            found.update(dict.fromkeys(entries_of(identifier, catalog=catalog, kind=kind, version=version)))
        except EntryLookupError as failure:
            failures[identifier] = failure
    if not found and not failures and catalog is not None:
        found.update(dict.fromkeys(one for one in entries(kind, catalog) if one.status == STATUS_CURRENT))
    wanted = dict(found)
    for entry in found:
        try:
            wanted.update(dict.fromkeys(with_stimuli([entry])))
        except EntryLookupError as failure:
            failures[f"the stimulus set of {entry.kind} {entry.identifier}"] = failure
    missing: list[tuple[Entry, EntryFile]] = []
    for entry in list(wanted):
        try:
            missing += _missing(entry)
        except BrainioError as failure:
            failures[f"{entry.kind} {entry.identifier}"] = failure
            del wanted[entry]
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        sizes = pool.map(lambda one: _size_of(*one), missing)
    files = tuple(MissingFile(e, file, size) for (e, file), size in zip(missing, sizes, strict=True))
    return Plan(tuple(wanted), files, failures)


def fetch_many(
    identifiers: Iterable[str] = (),
    *,
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
) -> dict[Entry, dict[str, Path]]:
    """Fetch many entries at once, over a bounded number of connections, with one display of progress.

    Parameters
    ----------
    identifiers, catalog, kind, version
        As for `plan_fetch`.

    Returns
    -------
    dict
        Entry -> part (`'csv'`, `'zip'`, `'nc'`) -> path. Assemblies come with their stimulus sets.

    Raises
    ------
    FetchManyError
        Something could not be fetched; all else was. `failures` has each reason, `fetched` what this would have
        returned without them.

    Examples
    --------
    >>> fetched = fetch_many(["modelfest.Carney1999"])
    >>> sorted(part for paths in fetched.values() for part in paths)
    ['csv', 'nc', 'zip']
    """
    return carry_out(plan_fetch(identifiers, catalog=catalog, kind=kind, version=version))


prefetch = fetch_many  # by what it is for


def carry_out(plan: Plan) -> dict[Entry, dict[str, Path]]:
    """Fetch what a plan says; see `fetch_many`."""
    _log.info("%s", plan)
    failures = dict(plan.failures)
    fetched: dict[Entry, dict[str, Path]] = {entry: {} for entry in plan.entries}
    sizes = {(one.entry, one.file): one.size for one in plan.missing}
    with TransferBar(f"{len(plan.missing)} files", plan.size or None) as bar:
        pool = ThreadPoolExecutor(_FILES_AT_ONCE, thread_name_prefix="brainio-fetch")
        try:
            # Also what was in the cache: another process may have removed it since.
            started = {
                (entry, file): pool.submit(fetch_entry_file, entry, file, bar.file(sizes.get((entry, file))))
                for entry in plan.entries
                for file in entry.files
            }
            for (entry, file), future in started.items():
                try:
                    fetched[entry][file.part] = future.result()
                except BrainioError as failure:
                    failures[f"the {file.part} file of {entry.kind} {entry.identifier}"] = failure
        except BaseException:
            bar.cancel()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    if failures:
        raise FetchManyError(_report(failures, plan), fetched, failures)
    return fetched


def _missing(entry: Entry) -> list[tuple[Entry, EntryFile]]:
    require_available(entry)
    return [(entry, file) for file in entry.files if wanted_file(entry, file).cached() is None]


def _size_of(entry: Entry, file: EntryFile) -> int | None:
    if file.size is not None or is_offline():
        return file.size
    place, version_id = wanted_file(entry, file).places[0]
    try:
        return stat(place, version_id or None)
    except BrainioError:
        return None  # fetching will say why


def _report(failures: dict[str, BrainioError], plan: Plan) -> str:
    reasons = "\n".join(f"- {what}: {failure}" for what, failure in failures.items())
    return f"{len(failures)} could not be fetched; all else of {len(plan.entries)} entries is in the cache:\n{reasons}"
