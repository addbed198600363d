"""The verified local copy of a file, from whichever of its places gives the right bytes."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from brainio.cache import Incoming, hash_file
from brainio.errors import (
    BrainioError,
    CacheError,
    IntegrityError,
    LocationError,
    OfflineError,
    TransferError,
)
from brainio.fetch.home import local_cache
from brainio.fetch.receiving import Reception
from brainio.fetch.signatures import mismatch_of
from brainio.logs import get_logger
from brainio.progress import FileProgress, TransferBar
from brainio.stores import Location, parse_location, require_online

_log = get_logger("brainio.fetch")
T = TypeVar("T")
Place = tuple[Location, str]


@dataclass(frozen=True)
class WantedFile:
    """A file as it is promised.

    Parameters
    ----------
    places : sequence of (Location, str)
        Locations of the same bytes with their version ids (empty: none stated), in the order to try them.
    sha1, sha256 : str
        Promised hashes; with neither, what a location and version once gave is what they mean.
    size : int, optional
        Promised size in bytes.
    part : str
        `'csv'`, `'zip'` or `'nc'`: what the file has to be, if no hash is promised. Empty: anything.
    """

    places: Sequence[Place]
    sha1: str = ""
    sha256: str = ""
    size: int | None = None
    part: str = ""

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.places[0][0].name

    @property
    def is_promised(self) -> bool:
        """Whether a hash tells if bytes are those of the file."""
        return bool(self.sha1 or self.sha256)

    @property
    def content(self) -> str | None:
        """The sha1 that is promised, else that of what was fetched before; None where neither is known."""
        location, version_id = self.places[0]
        return self.sha1 or local_cache().remembered(location.url, version_id or None)

    def _accepts(self, path: Path) -> bool:
        """Whether a cached file can be the wanted one; one that cannot, which an earlier version cached, is removed."""
        if self.sha256:
            return True
        try:
            with path.open("rb") as file:
                mismatch = mismatch_of(file, self.part)
        except OSError:  # removed or unreadable: opening it for use reports that
            return True
        if mismatch is not None:
            from brainio.cache.upkeep import remove  # rarely needed

            _log.warning("%s; it is not used, and fetched again", mismatch.message(str(path)))
            with suppress(CacheError):  # a cache that cannot be written
                remove(local_cache().root, {path.parent.name})
        return mismatch is None

    def is_here(self) -> bool:
        """Whether the cache has the file, or it lies on this machine; its bytes are not looked at."""
        content = self.content
        return (content is not None and local_cache().has(content)) or bool(self.local_places())

    def local_places(self) -> list[Place]:
        """Return those of its places that are files of this machine; without promised hashes, only the first may be."""
        places = self.places if self.is_promised else self.places[:1]
        return [place for place in places if (path := place[0].local_path) is not None and path.is_file()]

    def is_kept_by(self, path: Path) -> bool:
        """Whether a file has the promised bytes; it is read as a whole."""
        promised = {name: value for name, value in (("sha1", self.sha1), ("sha256", self.sha256)) if value}
        return self.size in (None, path.stat().st_size) and all(
            hash_file(path, name) == value for name, value in promised.items()
        )

    def cached(self) -> Path | None:
        """Return the verified local copy, None where there is none."""
        location, version_id = self.places[0]
        if self.sha1:
            found = local_cache().find(self.sha1, self.name, self.sha256 or None)
        else:
            found = local_cache().recall(location.url, version_id or None, self.sha256 or None, self._accepts)
        with suppress(FileNotFoundError):  # taken away again
            if found is not None and self.size in (None, found.stat().st_size):
                return found
        return None


def local_file(wanted: WantedFile, progress: FileProgress | None = None, *, refresh: bool = False) -> Path:
    """Return the verified local copy of a file, fetched from the first place that gives the right bytes.

    Parameters
    ----------
    wanted : WantedFile
        What is wanted.
    progress : optional
        What counts the bytes of this file among those of others; default: a bar for this file alone.
    refresh : bool, default False
        Whether a file without a promised hash is fetched again although it is in the cache. A file with one is right.

    Raises
    ------
    TransferError, IntegrityError
        No place gave the right bytes; the message has the reason of each.
    CacheError
        The cache cannot be written.
    """
    found = None if refresh and not wanted.is_promised else wanted.cached()
    if found is not None:
        return found
    if progress is not None:
        return _fetched(wanted, progress)
    with TransferBar(wanted.name, wanted.size) as bar:
        return _fetched(wanted, bar.file(wanted.size))


def _fetched(wanted: WantedFile, progress: FileProgress) -> Path:
    cache = local_cache()
    first_that_works(lambda place, _: require_online(place), wanted.places)  # nothing is to be written for nothing
    with cache.receiving(
        name=wanted.name,
        sha1=wanted.sha1 or None,
        sha256=wanted.sha256 or None,
        size=wanted.size,
        check=progress.stop.check,
    ) as incoming:
        if incoming.found is not None:
            return incoming.found
        path = first_that_works(lambda *place: _received(incoming, wanted, place, progress), wanted.places)
    if not wanted.sha1:
        location, version_id = wanted.places[0]
        cache.remember(location.url, version_id or None, path.parent.name, wanted.name)
    return path


def _received(incoming: Incoming, wanted: WantedFile, place: Place, progress: FileProgress) -> Path:
    is_size_known = wanted.size is not None
    return Reception(incoming, *place, progress, wanted.part, is_size_known=is_size_known).receive()


def first_that_works(get: Callable[[Location, str], T], places: Sequence[Place]) -> T:
    """Return what the first place gives from which something can be had.

    Raises
    ------
    TransferError, IntegrityError, LocationError
        The reason of each place, if there are several.
    """
    failures: list[BrainioError] = []
    for place, version_id in places:
        try:
            return get(place, version_id)
        except (LocationError, TransferError, IntegrityError) as failure:
            failures.append(failure)
    if len(failures) == 1 or all(isinstance(failure, OfflineError) for failure in failures):
        raise failures[0]
    reasons = "\n".join(f"- {failure}" for failure in failures)
    all_wrong = all(isinstance(failure, IntegrityError) for failure in failures)
    error = IntegrityError if all_wrong else TransferError
    raise error(f"{places[0][0].name} could not be had from any of its {len(failures)} locations:\n{reasons}")


def fetch_file(location_type: str, location: str, sha1: str | None = None, version_id: str | None = None) -> str:
    """Fetch one file, verify it and return its local path.

    Parameters
    ----------
    location_type : str
        `'S3'`, or a protocol of fsspec.
    location : str
        As catalogs write it, e.g. `'https://BUCKET.s3.amazonaws.com/KEY'`.
    sha1 : str, optional
        Promised hash; without it the bytes are taken as they come.
    version_id : str, optional
        S3's.

    Raises
    ------
    LocationError, TransferError, IntegrityError
    """
    return str(local_file(WantedFile([(parse_location(location, location_type), version_id or "")], sha1 or "")))


def unzip(zip_path: str | os.PathLike[str]) -> str:
    """Unpack a ZIP archive into the cache and return the folder, which appears complete or not at all.

    Raises
    ------
    ArchiveError
        The archive is damaged or holds a member that may not be unpacked.
    """
    return str(local_cache().unpack(Path(zip_path)).folder)


def verify_sha1(filepath: str | os.PathLike[str], sha1: str) -> None:
    """Raise `IntegrityError` (an OSError) unless a file has this SHA-1."""
    found = hash_file(Path(filepath))
    if found != sha1.lower():
        raise IntegrityError(f"{filepath}: invalid SHA-1 hash {found} (expected {sha1}); fetch the file again")
