"""Verified local copies of an entry's files.

`ExpectedFile` describes a file as its catalog lists it: locations, hashes, size. `ensure_cached` returns its verified
copy in the cache, downloaded if necessary from the first location that returns the right bytes. The other functions
apply this to entries: fetch all files, find them without the network, and explain in errors and warnings why an entry
is unavailable or not current. Opening files is the task of `load` and `streaming`.
"""

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from brainio.cache import IncomingFile, hash_file
from brainio.catalogs import TYPE_STIMULUS_SET, Entry, EntryFile
from brainio.catalogs.cards import read_card
from brainio.catalogs.entries import STATUS_CURRENT, STATUS_UNAVAILABLE
from brainio.errors import (
    BrainioError,
    CacheError,
    CatalogWarning,
    EntryStatusWarning,
    EntryUnavailableError,
    FormatError,
    IntegrityError,
    LocationError,
    OfflineError,
    TransferError,
    UnexpectedContentError,
)
from brainio.fetch.cache_access import local_cache
from brainio.fetch.content_signatures import find_mismatch
from brainio.fetch.download import FileReceiver
from brainio.progress import FileProgress, TransferBar
from brainio.stores import Location, is_offline, parse_location, require_online
from brainio.text import get_logger

T = TypeVar("T")
VersionedLocation = tuple[Location, str]  # with an S3 version id, empty if none is given

_log = get_logger("brainio.fetch")


@dataclass(frozen=True)
class ExpectedFile:
    """A file with the locations, hashes and size that its catalog lists.

    Parameters
    ----------
    locations : sequence of (Location, str)
        Locations of the same bytes with their version ids (empty: none), in the order to try them.
    sha1, sha256 : str
        Expected hashes. If both are empty, a file that was fetched earlier from the same location and version counts
        as right.
    size : int, optional
        Expected size in bytes.
    part : str
        `'csv'`, `'zip'` or `'nc'`: the type that content without a hash must have. Empty: any type.
    """

    locations: Sequence[VersionedLocation]
    sha1: str = ""
    sha256: str = ""
    size: int | None = None
    part: str = ""

    @classmethod
    def from_entry(cls, entry: Entry, file: EntryFile) -> Self:
        """Describe a file of an entry, with its mirrors."""
        locations = [(parse_entry_location(entry, file.location, file.location_type), file.version_id)]
        locations += [(mirror, "") for mirror in _parse_mirrors(entry, file)]
        return cls(locations, file.sha1, file.sha256, file.size, file.part)

    @property
    def name(self) -> str:
        """The file name, taken from the first location."""
        return self.locations[0][0].name

    @property
    def has_hash(self) -> bool:
        """Whether a hash is available to verify the bytes."""
        return bool(self.sha1 or self.sha256)

    @property
    def known_sha1(self) -> str | None:
        """The expected SHA-1, or that of the copy fetched earlier from the same location; None if unknown."""
        location, version_id = self.locations[0]
        return self.sha1 or local_cache().find_sha1(location.url, version_id or None)

    def find_cached(self) -> Path | None:
        """Return the verified copy in the cache, or None."""
        location, version_id = self.locations[0]
        if self.sha1:
            path = local_cache().find(self.sha1, self.name, self.sha256 or None)
        else:
            path = local_cache().find_by_location(location.url, version_id or None, self.sha256 or None, self._accepts)
        with suppress(FileNotFoundError):  # pruned meanwhile
            if path is not None and self.size in (None, path.stat().st_size):
                return path
        return None

    def _accepts(self, path: Path) -> bool:
        """Return whether a cached file has the right type; remove a wrong one, which an earlier version cached."""
        if self.sha256:
            return True
        try:
            with path.open("rb") as file:
                mismatch = find_mismatch(file, self.part)
        except OSError:  # missing or unreadable: the caller reports it when it opens the file
            return True
        if mismatch is not None:
            from brainio.cache.pruning import remove  # rarely needed

            _log.warning("%s; the file is discarded and fetched again", mismatch.message(str(path)))
            with suppress(CacheError):  # the cache is read-only
                remove(local_cache().root, {path.parent.name})
        return mismatch is None

    def is_local(self) -> bool:
        """Return whether the file is in the cache or at a location on this machine, without reading it."""
        sha1 = self.known_sha1
        return (sha1 is not None and local_cache().has(sha1)) or bool(self.local_locations())

    def local_locations(self) -> list[VersionedLocation]:
        """Return the locations that are existing files on this machine; without a hash, mirrors do not count."""
        candidates = self.locations if self.has_hash else self.locations[:1]
        return [
            (location, version_id)
            for location, version_id in candidates
            if (path := location.local_path) is not None and path.is_file()
        ]

    def matches(self, path: Path) -> bool:
        """Return whether a file has the expected size and hashes; reads the whole file."""
        expected = {name: value for name, value in (("sha1", self.sha1), ("sha256", self.sha256)) if value}
        return self.size in (None, path.stat().st_size) and all(
            hash_file(path, name) == value for name, value in expected.items()
        )


def parse_entry_location(entry: Entry, location: str, location_type: str = "") -> Location:
    """Parse a location that an entry lists; `parse_location` describes which locations it refuses."""
    try:
        return parse_location(location, location_type, base=entry.base)
    except LocationError as error:
        raise LocationError(f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r}: {error}") from error


def _parse_mirrors(entry: Entry, file: EntryFile) -> Iterator[Location]:
    for mirror in file.mirrors:
        try:
            yield parse_entry_location(entry, mirror)
        except LocationError as error:
            warnings.warn(
                f"a mirror of {entry.kind} {entry.identifier!r} is ignored: {error}", CatalogWarning, stacklevel=2
            )


def ensure_cached(expected: ExpectedFile, progress: FileProgress | None = None, *, refresh: bool = False) -> Path:
    """Return the verified local copy of a file, fetched from the first location that returns the right bytes.

    Parameters
    ----------
    expected : ExpectedFile
        The file.
    progress : optional
        Counter for the bytes of this file among others; default: a progress bar for this file alone.
    refresh : bool, default False
        Fetch a file without a hash again although it is in the cache. A cached file with a hash is never fetched again.

    Raises
    ------
    TransferError, IntegrityError
        No location returned the right bytes; the message gives the reason for each.
    CacheError
        The cache is not writable.
    """
    path = None if refresh and not expected.has_hash else expected.find_cached()
    if path is not None:
        return path
    if progress is not None:
        return _fetch(expected, progress)
    with TransferBar(expected.name, expected.size) as bar:
        return _fetch(expected, bar.file(expected.size))


def _fetch(expected: ExpectedFile, progress: FileProgress) -> Path:
    cache = local_cache()
    try_locations(lambda location, _: require_online(location), expected.locations)  # before anything is written
    with cache.receive(
        name=expected.name,
        sha1=expected.sha1 or None,
        sha256=expected.sha256 or None,
        size=expected.size,
        check=progress.stop.check,
    ) as incoming:
        if incoming.found is not None:
            return incoming.found
        path = try_locations(lambda *location: _receive(incoming, expected, location, progress), expected.locations)
    if not expected.sha1:
        location, version_id = expected.locations[0]
        cache.record_location(location.url, version_id or None, path.parent.name, expected.name)
    return path


def _receive(
    incoming: IncomingFile, expected: ExpectedFile, location: VersionedLocation, progress: FileProgress
) -> Path:
    is_size_known = expected.size is not None
    return FileReceiver(incoming, *location, progress, expected.part, is_size_known=is_size_known).receive()


def try_locations(read: Callable[[Location, str], T], locations: Sequence[VersionedLocation]) -> T:
    """Return the result of the first location that works.

    Raises
    ------
    TransferError, IntegrityError, LocationError
        All locations failed; the message gives the reason for each.
    """
    failures: list[BrainioError] = []
    for location, version_id in locations:
        try:
            return read(location, version_id)
        except (LocationError, TransferError, IntegrityError) as failure:
            failures.append(failure)
    if len(failures) == 1 or all(isinstance(failure, OfflineError) for failure in failures):
        raise failures[0]
    reasons = "\n".join(f"- {failure}" for failure in failures)
    all_corrupt = all(isinstance(failure, IntegrityError) for failure in failures)
    error = IntegrityError if all_corrupt else TransferError
    raise error(f"none of the {len(failures)} locations of {locations[0][0].name} returned the file:\n{reasons}")


def fetch_entry(entry: Entry, progress: FileProgress | None = None) -> dict[str, Path]:
    """Fetch the files of an entry into the cache and return their paths by part (`'csv'`, `'zip'`, `'nc'`).

    Parameters
    ----------
    entry : Entry
        From a catalog.
    progress : optional
        See `ensure_cached`.

    Raises
    ------
    EntryUnavailableError, LocationError, TransferError, IntegrityError
    """
    check_available(entry)
    if is_offline():
        check_cached(entry)
    return {file.part: fetch_entry_file(entry, file, progress) for file in entry.files}


def fetch_entry_file(
    entry: Entry, file: EntryFile, progress: FileProgress | None = None, *, refresh: bool = False
) -> Path:
    """Fetch one file of an entry into the cache and return its path; see `ensure_cached`."""
    if not (file.sha1 or file.sha256):
        warnings.warn(
            f"catalog {entry.catalog!r} gives no hash for the {file.part} file of {entry.kind} "
            f"{entry.identifier!r}, so that its bytes cannot be verified",
            CatalogWarning,
            stacklevel=2,
        )
    return ensure_cached(ExpectedFile.from_entry(entry, file), progress, refresh=refresh)


def check_available(entry: Entry) -> None:
    """Raise EntryUnavailableError if the catalog lists an entry as unavailable."""
    if entry.status == STATUS_UNAVAILABLE:
        raise EntryUnavailableError(explain_unavailable(entry))


def check_cached(*entries: Entry, later: Collection[str] = ()) -> None:
    """Raise OfflineError, which lists the missing files, unless all files of entries are on this machine.

    Parameters
    ----------
    *entries : Entry
        The entries.
    later : collection of str
        Parts that are not needed yet, such as `'zip'`.

    Raises
    ------
    OfflineError
    """
    needed = [(entry, file) for entry in entries for file in entry.files if file.part not in later]
    missing = [
        f"- {expected.locations[0][0]}{f' ({expected.size:,} bytes)' if expected.size else ''}, the {file.part} file "
        f"of {entry.kind} {entry.identifier!r}"
        for entry, file in needed
        if not _is_readable_offline(expected := ExpectedFile.from_entry(entry, file))
    ]
    if missing:
        version = f" --version {entries[0].version}" if entries[0].status != STATUS_CURRENT else ""
        raise OfflineError(
            f"{len(missing)} of the files that are needed are not in the cache, and BRAINIO_OFFLINE is set:\n"
            + "\n".join(missing)
            + f"\nFetch them where there is a network: brainio get {entries[0].identifier}{version}"
        )


def _is_readable_offline(expected: ExpectedFile) -> bool:
    return any(location.is_local for location, _ in expected.locations) or expected.find_cached() is not None


def has_local_files(entry: Entry) -> bool:
    """Return whether all files of an entry are on this machine, without using the network or reading them.

    Files are in the cache or at a location on this machine. Their bytes are not verified. A file that
    `brainscore-brainio` downloaded counts once the cache has adopted it.

    Parameters
    ----------
    entry : Entry
        From a catalog.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> has_local_files(resolve('stimulus_set', 'modelfest.Carney1999'))
    True
    """
    parts = ("csv", "zip") if entry.lookup_type == TYPE_STIMULUS_SET else ("nc",)
    if entry.status == STATUS_UNAVAILABLE or any(entry.file(part) is None for part in parts):
        return False
    try:
        return all(ExpectedFile.from_entry(entry, file).is_local() for file in entry.files)
    except LocationError:
        return False


def get_local_files(entry: Entry) -> dict[str, Path]:
    """Return the verified files of an entry that are on this machine: cached copies, else the originals in place.

    Nothing is downloaded. Only a file without a SHA-1 is copied into the cache, which records its hash.

    Raises
    ------
    EntryUnavailableError
        A file is not on this machine.
    IntegrityError, CacheError
        A local file has another size or hash than its catalog lists, or the cache is not writable.
    """
    check_available(entry)
    return {file.part: _get_local_file(entry, ExpectedFile.from_entry(entry, file)) for file in entry.files}


def _get_local_file(entry: Entry, expected: ExpectedFile) -> Path:
    path = expected.find_cached()
    if path is not None:
        return path
    locations = expected.local_locations()
    if not locations:
        raise EntryUnavailableError(
            f"{expected.name} of {entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} is not on this "
            f"machine; fetch it first: brainio get {entry.identifier}"
        )
    if not expected.sha1:
        return ensure_cached(replace(expected, locations=locations))
    path = next((location.path for location, _ in locations if expected.matches(location.path)), None)
    if path is None:
        for location, _ in locations:
            _check_content(location.path, expected.part)
        raise IntegrityError(
            f"{' and '.join(str(location) for location, _ in locations)}: the size or hash differs from the entry of "
            f"{entry.kind} {entry.identifier!r} in catalog {entry.catalog!r}. Publish the entry again, or correct the "
            f"catalog."
        )
    return path


def _check_content(path: Path, part: str) -> None:
    """Raise UnexpectedContentError if the content of a file cannot be that part of an entry."""
    with path.open("rb") as file:
        mismatch = find_mismatch(file, part)
    if mismatch is not None:
        raise UnexpectedContentError(f"{mismatch.message(str(path))}.")


@contextmanager
def prefix_errors(entry: Entry) -> Iterator[None]:
    """Prefix errors about the bytes of an entry with its identifier: users do not know its paths and hashes."""
    try:
        yield
    except (FormatError, TransferError, IntegrityError) as error:
        advice = _refresh_advice(entry) if isinstance(error, FormatError) else ""
        raise type(error)(f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r}: {error}{advice}") from error


def _refresh_advice(entry: Entry) -> str:
    """Return the advice to fetch files again that have no hash and may be corrupt for that reason."""
    unverified = [file.part for file in entry.files if not (file.sha1 or file.sha256)]
    if not unverified:
        return ""
    return (
        f" The catalog gives no hash for the {' and '.join(unverified)} file: `brainio get --refresh "
        f"{entry.identifier}` fetches it again."
    )


def warn_of_status(entry: Entry, *, stacklevel: int) -> None:
    """Warn if an entry is superseded or deprecated."""
    if entry.status in (STATUS_CURRENT, STATUS_UNAVAILABLE):
        return
    successor = f"; its successor is {entry.successor!r}" if entry.successor else ""
    version = f" (version {entry.version})" if entry.version else ""
    warnings.warn(
        f"{entry.kind} {entry.identifier!r}{version} is {entry.status} in catalog {entry.catalog!r}{successor}",
        EntryStatusWarning,
        stacklevel=stacklevel,
    )


def explain_unavailable(entry: Entry) -> str:
    """Return a message that an entry is unavailable, with the reason."""
    parts = ("csv", "zip") if entry.lookup_type == TYPE_STIMULUS_SET else ("nc",)
    missing = [part.upper() for part in parts if entry.file(part) is None]
    default = f"the catalog lists no {' and no '.join(missing)} file" if missing else "the catalog gives no reason"
    return (
        f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} is unavailable: "
        f"{read_card(entry).get('status_reason') or default}"
    )
