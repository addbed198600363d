"""Many entries at once: what that will take, and fetching them with a bound on connections.

What can be finished is finished when something fails; all failures are reported together.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from brainio.catalogs import Entry, EntryFile, entries
from brainio.catalogs.entries import STATUS_CURRENT
from brainio.errors import BrainioError, EntryLookupError, FetchManyError, LockfileError
from brainio.fetch.entries import fetch_entry_file, place_of, require_available, wanted_file
from brainio.fetch.files import WantedFile
from brainio.fetch.uses import entries_of, note_fetched, pinned, with_stimuli
from brainio.logs import get_logger
from brainio.progress import TransferBar, readable_size
from brainio.stores import is_offline, stat
from brainio.text import quantity, share
from brainio.threads import in_background

Content = tuple[str, str]

_log = get_logger("brainio.fetch")
_FILES_AT_ONCE = 8
_GRACE = 1.5  # seconds in which files that are under way are put aside when all is to end


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
        The files that are not in the cache yet; of several with the same content the first.
    failures : dict
        What cannot be fetched -> why: identifiers that lead nowhere, entries that are unavailable.
    refresh : bool
        Whether files without a promised hash are fetched again.
    """

    entries: tuple[Entry, ...]
    missing: tuple[MissingFile, ...]
    failures: dict[str, BrainioError]
    refresh: bool = False

    @property
    def size(self) -> int:
        """Bytes of the missing files, as far as sizes are known."""
        return sum(one.size or 0 for one in self.missing)

    def __str__(self) -> str:
        count = len({_content_of(entry, file) for entry in self.entries for file in entry.files})
        unknown = sum(one.size is None for one in self.missing)
        sizes = f"{readable_size(self.size)}{f' and {unknown} of unknown size' if unknown else ''}"
        failed = f"; {len(self.failures)} cannot be fetched" if self.failures else ""
        files = share(len(self.missing), count, "file")
        return (
            f"{files} of {quantity(len(self.entries), 'entry', 'entries')} to fetch ({sizes}), "
            f"{count - len(self.missing)} in the cache{failed}"
        )


def plan_fetch(
    identifiers: Iterable[str] = (),
    *,
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
    refresh: bool = False,
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
    refresh : bool, default False
        Fetch files again for which the catalog promises no hash, and which may be outdated or wrong for that reason.
        The cached file stays until the new one is complete. Files with a promised hash are never fetched again.

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
        except (EntryLookupError, LockfileError) as failure:
            failures[identifier] = failure
    if not found and not failures and catalog is not None:
        found.update(_whole(catalog, kind, failures))
    wanted = dict(found)
    for entry in found:
        try:
            wanted.update(dict.fromkeys(with_stimuli([entry])))
        except (EntryLookupError, LockfileError) as failure:
            failures[f"the stimulus set of {entry.kind} {entry.identifier}"] = failure
    return plan_entries(wanted, failures, refresh=refresh)


def plan_entries(
    asked: Iterable[Entry], failures: Mapping[str, BrainioError] = MappingProxyType({}), *, refresh: bool = False
) -> Plan:
    """Find out what fetching the files of these entries will take, and of no others.

    Parameters
    ----------
    asked : iterable of Entry
        Of one with fewer files than its catalog lists (`dataclasses.replace`), only those are fetched.
    failures : mapping, optional
        What is known already not to be had -> why.
    refresh : bool, default False
        As for `plan_fetch`.

    Returns
    -------
    Plan
    """
    wanted, failed = dict.fromkeys(asked), dict(failures)
    missing: dict[Content, tuple[Entry, EntryFile]] = {}
    for entry in list(wanted):
        try:
            for file in _missing(entry, refresh=refresh):
                missing.setdefault(_content_of(entry, file), (entry, file))
        except BrainioError as failure:
            failed[f"{entry.kind} {entry.identifier}"] = failure
            del wanted[entry]
    sizes = in_background([partial(_size_of, *one) for one in missing.values()], _FILES_AT_ONCE, "brainio-size")
    files = tuple(MissingFile(e, file, size.result()) for (e, file), size in zip(missing.values(), sizes, strict=True))
    return Plan(tuple(wanted), files, failed, refresh)


def fetch_many(
    identifiers: Iterable[str] = (),
    *,
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
    refresh: bool = False,
) -> dict[Entry, dict[str, Path]]:
    """Fetch many entries at once, over a bounded number of connections, with one display of progress.

    Parameters
    ----------
    identifiers, catalog, kind, version, refresh
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
    return carry_out(plan_fetch(identifiers, catalog=catalog, kind=kind, version=version, refresh=refresh))


prefetch = fetch_many  # by what it is for


def carry_out(plan: Plan) -> dict[Entry, dict[str, Path]]:
    """Fetch what a plan says; see `fetch_many`."""
    _log.info("%s", plan)
    failures = dict(plan.failures)
    fetched: dict[Entry, dict[str, Path]] = {entry: {} for entry in plan.entries}
    sizes = {(one.entry, one.file): one.size for one in plan.missing}
    with TransferBar(quantity(len(plan.missing), "file"), plan.size or None) as bar:
        # Also what was in the cache: another process may have removed it since.
        wanted = [(entry, file) for entry in plan.entries for file in entry.files]
        fetch = partial(fetch_entry_file, refresh=plan.refresh)
        calls = [partial(fetch, *one, bar.file(sizes.get(one))) for one in wanted]
        futures = in_background(calls, _FILES_AT_ONCE, "brainio-fetch")
        try:
            for (entry, file), future in zip(wanted, futures, strict=True):
                try:
                    fetched[entry][file.part] = future.result()
                except BrainioError as failure:
                    failures[f"the {file.part} file of {entry.kind} {entry.identifier}"] = failure
        except BaseException:
            bar.stop.set()
            for future in futures:
                future.cancel()
            wait(futures, _GRACE)
            raise
    note_fetched([entry for entry, paths in fetched.items() if len(paths) == len(entry.files)])
    if failures:
        raise FetchManyError(_report(failures, plan), fetched, failures)
    return fetched


def _whole(catalog: str, kind: str | None, failures: dict[str, BrainioError]) -> Iterator[tuple[Entry, None]]:
    for entry in entries(kind, catalog):
        try:
            if entry.status == STATUS_CURRENT:
                yield pinned(entry), None
        except LockfileError as failure:
            failures[f"{entry.kind} {entry.identifier}"] = failure


def _missing(entry: Entry, *, refresh: bool) -> list[EntryFile]:
    require_available(entry)
    return [file for file in entry.files if _is_missing(wanted_file(entry, file), refresh=refresh)]


def _is_missing(wanted: WantedFile, *, refresh: bool) -> bool:
    return (refresh and not wanted.is_promised) or wanted.cached() is None


def _content_of(entry: Entry, file: EntryFile) -> Content:
    """Return what files have in common that are fetched once."""
    if file.sha1 or file.sha256:
        return (file.sha1 or file.sha256).lower(), ""
    return place_of(entry, file.location, file.location_type).url, file.version_id


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
