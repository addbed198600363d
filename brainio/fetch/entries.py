"""The files of an entry on this machine, and what is said of entries that are not sound."""

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from brainio.catalogs import TYPE_STIMULUS_SET, Entry, EntryFile
from brainio.catalogs.cards import read_card
from brainio.catalogs.entries import STATUS_CURRENT, STATUS_UNAVAILABLE
from brainio.errors import (
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
from brainio.fetch.files import WantedFile, local_file
from brainio.fetch.signatures import mismatch_of
from brainio.progress import FileProgress
from brainio.stores import Location, is_offline, parse_location


def fetch_entry(entry: Entry, progress: FileProgress | None = None) -> dict[str, Path]:
    """Bring the files of an entry into the cache and return where they are: part (`'csv'`, `'zip'`, `'nc'`) -> path.

    Parameters
    ----------
    entry : Entry
        From a catalog.
    progress : optional
        See `local_file`.

    Raises
    ------
    EntryUnavailableError, LocationError, TransferError, IntegrityError
    """
    require_available(entry)
    if is_offline():
        require_cached(entry)
    return {file.part: fetch_entry_file(entry, file, progress) for file in entry.files}


def fetch_entry_file(
    entry: Entry, file: EntryFile, progress: FileProgress | None = None, *, refresh: bool = False
) -> Path:
    """Bring one file of an entry into the cache and return where it is; see `local_file`."""
    if not (file.sha1 or file.sha256):
        warnings.warn(
            f"catalog {entry.catalog!r} gives no hash for the {file.part} file of {entry.kind} "
            f"{entry.identifier!r}, so that its bytes cannot be verified",
            CatalogWarning,
            stacklevel=2,
        )
    return local_file(wanted_file(entry, file), progress, refresh=refresh)


def require_available(entry: Entry) -> None:
    """Raise EntryUnavailableError where a catalog says that an entry cannot be had."""
    if entry.status == STATUS_UNAVAILABLE:
        raise EntryUnavailableError(unavailable(entry))


def require_cached(*entries: Entry, later: Collection[str] = ()) -> None:
    """Raise OfflineError, with a list of what would be needed, unless files of entries are on this machine.

    Parameters
    ----------
    *entries : Entry
        All files of these are needed.
    later : collection of str
        But for these parts, such as `'zip'`.

    Raises
    ------
    OfflineError
    """
    needed = [(entry, file) for entry in entries for file in entry.files if file.part not in later]
    missing = [
        f"- {wanted.places[0][0]}{f' ({wanted.size:,} bytes)' if wanted.size else ''}, the {file.part} file of "
        f"{entry.kind} {entry.identifier!r}"
        for entry, file in needed
        if not _is_here(wanted := wanted_file(entry, file))
    ]
    if missing:
        version = f" --version {entries[0].version}" if entries[0].status != STATUS_CURRENT else ""
        raise OfflineError(
            f"{len(missing)} of the files that are needed are not in the cache, and BRAINIO_OFFLINE is set:\n"
            + "\n".join(missing)
            + f"\nFetch them where there is a network: brainio get {entries[0].identifier}{version}"
        )


def _is_here(wanted: WantedFile) -> bool:
    """Whether a file is in the cache, or one of its places lies on this machine."""
    return any(place.is_local for place, _ in wanted.places) or wanted.cached() is not None


def are_bytes_here(entry: Entry) -> bool:
    """Whether all files of an entry are in the cache, or lie on this machine; asks no network and reads no content.

    What a file holds is not looked at. A file that `brainscore-brainio` left counts once the cache has taken it over.

    Parameters
    ----------
    entry : Entry
        From a catalog.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> are_bytes_here(resolve('stimulus_set', 'modelfest.Carney1999'))
    True
    """
    parts = ("csv", "zip") if entry.lookup_type == TYPE_STIMULUS_SET else ("nc",)
    if entry.status == STATUS_UNAVAILABLE or any(entry.file(part) is None for part in parts):
        return False
    try:
        return all(wanted_file(entry, file).is_here() for file in entry.files)
    except LocationError:
        return False


def local_files(entry: Entry) -> dict[str, Path]:
    """Return the verified files of an entry: those in the cache, else those that it has on this machine, in place.

    The network is asked for nothing, and nothing is copied, but files for which no sha1 is promised: the cache has to
    remember what they are.

    Raises
    ------
    EntryUnavailableError
        They are not all on this machine.
    IntegrityError, CacheError
        What lies on this machine is not what is promised, or the cache cannot be written.
    """
    require_available(entry)
    return {file.part: _local_file(entry, wanted_file(entry, file)) for file in entry.files}


def _local_file(entry: Entry, wanted: WantedFile) -> Path:
    found = wanted.cached()
    if found is not None:
        return found
    places = wanted.local_places()
    if not places:
        raise EntryUnavailableError(
            f"{wanted.name} of {entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} is not on this machine; "
            f"fetch it first: brainio get {entry.identifier}"
        )
    if not wanted.sha1:
        return local_file(replace(wanted, places=places))
    found = next((place.path for place, _ in places if wanted.is_kept_by(place.path)), None)
    if found is None:
        for place, _ in places:
            _require_possible(place.path, wanted.part)
        raise IntegrityError(
            f"{' and '.join(str(place) for place, _ in places)} {'do' if len(places) > 1 else 'does'} not hold what "
            f"catalog {entry.catalog!r} promises for {entry.kind} {entry.identifier!r}: its size or hash "
            f"is another one. Publish it again, or correct the catalog."
        )
    return found


def _require_possible(path: Path, part: str) -> None:
    """Raise UnexpectedContentError where a local file holds something that cannot be that part of an entry."""
    with path.open("rb") as file:
        mismatch = mismatch_of(file, part)
    if mismatch is not None:
        raise UnexpectedContentError(f"{mismatch.message(str(path))}.")


def wanted_file(entry: Entry, file: EntryFile) -> WantedFile:
    """Give a file of an entry as its catalog promises it."""
    places = [(place_of(entry, file.location, file.location_type), file.version_id)]
    places += [(mirror, "") for mirror in _mirrors(entry, file)]
    return WantedFile(places, file.sha1, file.sha256, file.size, file.part)


def place_of(entry: Entry, location: str, location_type: str = "") -> Location:
    """Read a location that the catalog of an entry states; see `parse_location` on what it may not name."""
    try:
        return parse_location(location, location_type, base=entry.base)
    except LocationError as error:
        raise LocationError(f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r}: {error}") from error


def _mirrors(entry: Entry, file: EntryFile) -> Iterator[Location]:
    for mirror in file.mirrors:
        try:
            yield place_of(entry, mirror)
        except LocationError as error:
            warnings.warn(
                f"a mirror of {entry.kind} {entry.identifier!r} is left out: {error}", CatalogWarning, stacklevel=2
            )


@contextmanager
def named_in_errors(entry: Entry) -> Iterator[None]:
    """Begin messages about the bytes of an entry with its name: whoever asked for it knows no paths and hashes."""
    try:
        yield
    except (FormatError, TransferError, IntegrityError) as error:
        advice = _refresh_advice(entry) if isinstance(error, FormatError) else ""
        raise type(error)(f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r}: {error}{advice}") from error


def _refresh_advice(entry: Entry) -> str:
    """Say how to fetch files again that may be wrong, since no hash is promised for them."""
    unpromised = [file.part for file in entry.files if not (file.sha1 or file.sha256)]
    if not unpromised:
        return ""
    return (
        f" The catalog gives no hash for the {' and '.join(unpromised)} file: `brainio get --refresh "
        f"{entry.identifier}` fetches it again."
    )


def warn_of_status(entry: Entry, *, stacklevel: int) -> None:
    """Warn of an entry that is superseded or deprecated."""
    if entry.status in (STATUS_CURRENT, STATUS_UNAVAILABLE):
        return
    instead = f"; its successor is {entry.successor!r}" if entry.successor else ""
    version = f" (version {entry.version})" if entry.version else ""
    warnings.warn(
        f"{entry.kind} {entry.identifier!r}{version} is {entry.status} in catalog {entry.catalog!r}{instead}",
        EntryStatusWarning,
        stacklevel=stacklevel,
    )


def unavailable(entry: Entry) -> str:
    """Say that an entry cannot be had, and why."""
    parts = ("csv", "zip") if entry.lookup_type == TYPE_STIMULUS_SET else ("nc",)
    lacking = [part.upper() for part in parts if entry.file(part) is None]
    default = f"the catalog lists no {' and no '.join(lacking)} file" if lacking else "the catalog gives no reason"
    return (
        f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} cannot be had: "
        f"{read_card(entry).get('status_reason') or default}"
    )
