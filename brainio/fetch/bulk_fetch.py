"""Fetching of many entries: plan the missing files, then fetch them over a bounded number of connections.

A failure does not stop the other files; all failures are reported together at the end.
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
from brainio.fetch.entry_files import ExpectedFile, check_available, fetch_entry_file, parse_entry_location
from brainio.fetch.hooks import entries_of, notify_fetched, resolve_listed, with_stimulus_sets
from brainio.progress import TransferBar, readable_size
from brainio.stores import is_offline, stat
from brainio.text import get_logger, quantity, share
from brainio.threads import in_background

Content = tuple[str, str]

_log = get_logger("brainio.fetch")
_FILES_AT_ONCE = 8
_GRACE = 1.5  # seconds for running downloads to save their progress after an interruption


@dataclass(frozen=True)
class MissingFile:
    """A file to fetch; `size` in bytes (None: unknown)."""

    entry: Entry
    file: EntryFile
    size: int | None


@dataclass(frozen=True)
class FetchPlan:
    """The files to fetch for many entries.

    Parameters
    ----------
    entries : tuple of Entry
        The requested entries and the stimulus sets of their assemblies.
    missing : tuple of MissingFile
        The files that are not in the cache; of several with the same content, the first.
    failures : dict
        Unknown identifiers and unavailable entries -> the error.
    refresh : bool
        Whether files without a hash are fetched again.
    """

    entries: tuple[Entry, ...]
    missing: tuple[MissingFile, ...]
    failures: dict[str, BrainioError]
    refresh: bool = False

    @property
    def size(self) -> int:
        """Total size of the missing files in bytes, without those of unknown size."""
        return sum(file.size or 0 for file in self.missing)

    def __str__(self) -> str:
        count = len({_content_of(entry, file) for entry in self.entries for file in entry.files})
        unknown = sum(file.size is None for file in self.missing)
        sizes = f"{readable_size(self.size)}{f' and {unknown} of unknown size' if unknown else ''}"
        failed = f"; {len(self.failures)} cannot be fetched" if self.failures else ""
        files = share(len(self.missing), count, "file")
        return (
            f"{files} of {quantity(len(self.entries), 'entry', 'entries')} to fetch ({sizes}), "
            f"{count - len(self.missing)} in the cache{failed}"
        )


def fetch_many(
    identifiers: Iterable[str] = (),
    *,
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
    refresh: bool = False,
) -> dict[Entry, dict[str, Path]]:
    """Fetch many entries over a bounded number of connections, with one progress bar.

    Parameters
    ----------
    identifiers, catalog, kind, version, refresh
        See `plan_fetch`.

    Returns
    -------
    dict
        Entry -> part (`'csv'`, `'zip'`, `'nc'`) -> path, including the stimulus sets of assemblies.

    Raises
    ------
    FetchManyError
        Some files could not be fetched; all others were. `failures` gives each reason, `fetched` the result without
        these files.

    Examples
    --------
    >>> fetched = fetch_many(["modelfest.Carney1999"])
    >>> sorted(part for paths in fetched.values() for part in paths)
    ['csv', 'nc', 'zip']
    """
    return run_plan(plan_fetch(identifiers, catalog=catalog, kind=kind, version=version, refresh=refresh))


prefetch = fetch_many  # named by its purpose


def plan_fetch(
    identifiers: Iterable[str] = (),
    *,
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
    refresh: bool = False,
) -> FetchPlan:
    """Plan the fetch of entries; only sizes that the catalog does not list are requested from the stores.

    Parameters
    ----------
    identifiers : iterable of str
        As for `get_assembly` and `get_stimulus_set`; an identifier of a stimulus set and an assembly stands for both.
        By default all current entries of `catalog`.
    catalog : str, optional
        Identifier of the only catalog to search.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`: fetch only entries of this kind, and the stimulus sets of assemblies.
    version : str, optional
        Version of the entries.
    refresh : bool, default False
        Fetch files again that have no hash in the catalog, and may be outdated or corrupt for that reason. The cached
        file is replaced when the new one is complete. Files with a hash are never fetched again.

    Examples
    --------
    >>> plan = plan_fetch(["modelfest.Carney1999"], kind="stimulus_set")
    >>> [entry.identifier for entry in plan.entries], len(plan.missing) <= 2
    (['modelfest.Carney1999'], True)
    """
    failures: dict[str, BrainioError] = {}
    requested: dict[Entry, None] = {}
    for identifier in identifiers:
        try:
            requested.update(dict.fromkeys(entries_of(identifier, catalog=catalog, kind=kind, version=version)))
        except (EntryLookupError, LockfileError) as failure:
            failures[identifier] = failure
    if not requested and not failures and catalog is not None:
        requested.update(_current_entries(catalog, kind, failures))
    complete = dict(requested)
    for entry in requested:
        try:
            complete.update(dict.fromkeys(with_stimulus_sets([entry])))
        except (EntryLookupError, LockfileError) as failure:
            failures[f"the stimulus set of {entry.kind} {entry.identifier}"] = failure
    return plan_entries(complete, failures, refresh=refresh)


def plan_entries(
    requested: Iterable[Entry], failures: Mapping[str, BrainioError] = MappingProxyType({}), *, refresh: bool = False
) -> FetchPlan:
    """Plan the fetch of exactly these entries, without their stimulus sets.

    Parameters
    ----------
    requested : iterable of Entry
        An entry with fewer files than its catalog lists (`dataclasses.replace`) is fetched in part.
    failures : mapping, optional
        Failures that are already known, to include in the plan.
    refresh : bool, default False
        See `plan_fetch`.

    Returns
    -------
    FetchPlan
    """
    available, failed = dict.fromkeys(requested), dict(failures)
    missing: dict[Content, tuple[Entry, EntryFile]] = {}
    for entry in list(available):
        try:
            for file in _missing_files(entry, refresh=refresh):
                missing.setdefault(_content_of(entry, file), (entry, file))
        except BrainioError as failure:
            failed[f"{entry.kind} {entry.identifier}"] = failure
            del available[entry]
    calls = [partial(_find_size, entry, file) for entry, file in missing.values()]
    sizes = in_background(calls, _FILES_AT_ONCE, "brainio-size")
    files = tuple(MissingFile(e, file, size.result()) for (e, file), size in zip(missing.values(), sizes, strict=True))
    return FetchPlan(tuple(available), files, failed, refresh)


def run_plan(plan: FetchPlan) -> dict[Entry, dict[str, Path]]:
    """Fetch the files of a plan; see `fetch_many`."""
    _log.info("%s", plan)
    failures = dict(plan.failures)
    fetched: dict[Entry, dict[str, Path]] = {entry: {} for entry in plan.entries}
    sizes = {(missing.entry, missing.file): missing.size for missing in plan.missing}
    with TransferBar(quantity(len(plan.missing), "file"), plan.size or None) as bar:
        # Including cached files: another process may have removed them since.
        files = [(entry, file) for entry in plan.entries for file in entry.files]
        fetch = partial(fetch_entry_file, refresh=plan.refresh)
        calls = [partial(fetch, entry, file, bar.file(sizes.get((entry, file)))) for entry, file in files]
        futures = in_background(calls, _FILES_AT_ONCE, "brainio-fetch")
        try:
            for (entry, file), future in zip(files, futures, strict=True):
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
    notify_fetched([entry for entry, paths in fetched.items() if len(paths) == len(entry.files)])
    if failures:
        raise FetchManyError(_format_failures(failures, plan), fetched, failures)
    return fetched


def _current_entries(catalog: str, kind: str | None, failures: dict[str, BrainioError]) -> Iterator[tuple[Entry, None]]:
    for entry in entries(kind, catalog):
        try:
            if entry.status == STATUS_CURRENT:
                yield resolve_listed(entry), None
        except LockfileError as failure:
            failures[f"{entry.kind} {entry.identifier}"] = failure


def _missing_files(entry: Entry, *, refresh: bool) -> list[EntryFile]:
    check_available(entry)
    return [file for file in entry.files if _is_missing(ExpectedFile.from_entry(entry, file), refresh=refresh)]


def _is_missing(expected: ExpectedFile, *, refresh: bool) -> bool:
    return (refresh and not expected.has_hash) or expected.find_cached() is None


def _content_of(entry: Entry, file: EntryFile) -> Content:
    """Return a key that is equal for files with the same content, which is fetched once."""
    if file.sha1 or file.sha256:
        return (file.sha1 or file.sha256).lower(), ""
    return parse_entry_location(entry, file.location, file.location_type).url, file.version_id


def _find_size(entry: Entry, file: EntryFile) -> int | None:
    if file.size is not None or is_offline():
        return file.size
    location, version_id = ExpectedFile.from_entry(entry, file).locations[0]
    try:
        return stat(location, version_id or None)
    except BrainioError:
        return None  # the fetch will report the error


def _format_failures(failures: dict[str, BrainioError], plan: FetchPlan) -> str:
    reasons = "\n".join(f"- {name}: {failure}" for name, failure in failures.items())
    return (
        f"{len(failures)} could not be fetched; everything else of {quantity(len(plan.entries), 'entry', 'entries')} "
        f"is in the cache:\n{reasons}"
    )
