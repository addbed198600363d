"""Fetching of single files by location: part of the published interface, for code that has no catalog entry."""

import os
from pathlib import Path

from brainio.cache import hash_file
from brainio.errors import IntegrityError, LocationError
from brainio.fetch.cache_access import local_cache
from brainio.fetch.entry_files import ExpectedFile, ensure_cached
from brainio.stores import parse_location


def fetch_file(location_type: str, location: str, sha1: str | None = None, version_id: str | None = None) -> str:
    """Fetch a file, verify it and return its local path.

    Parameters
    ----------
    location_type : str
        `'S3'`, or a protocol of fsspec.
    location : str
        As in catalogs, e.g. `'https://BUCKET.s3.amazonaws.com/KEY'`.
    sha1 : str, optional
        Expected SHA-1; without it the bytes are not verified.
    version_id : str, optional
        Version id of an S3 object.

    Raises
    ------
    LocationError, TransferError, IntegrityError
    """
    return str(ensure_cached(ExpectedFile([(parse_location(location, location_type), version_id or "")], sha1 or "")))


def unzip(zip_path: str | os.PathLike[str]) -> str:
    """Unpack a ZIP archive into the cache and return the folder, which appears complete or not at all.

    Raises
    ------
    ArchiveError
        The archive is damaged, or has a member that is unsafe to unpack.
    """
    return str(local_cache().unpack(Path(zip_path)).folder)


def verify_sha1(filepath: str | os.PathLike[str], sha1: str) -> None:
    """Raise `IntegrityError` (an OSError) unless a file has this SHA-1."""
    digest = hash_file(Path(filepath))
    if digest != sha1.lower():
        raise IntegrityError(f"{filepath}: invalid SHA-1 hash {digest} (expected {sha1}); fetch the file again")


class BotoFetcher:
    """Fetch a file from S3 without a known hash; the base class of fetchers in libraries from 2021 to 2023.

    A subclass may override `fetch`. New code calls `fetch_file`.

    Parameters
    ----------
    location : str
        URL of the file in any form that S3 uses, e.g. `'https://BUCKET.s3.amazonaws.com/KEY'` or `'s3://BUCKET/KEY'`.
    local_filename : str
        The caller's name for the file. The local copy keeps its name on S3.
    version_id : str, optional
        Version id of the S3 object.

    Attributes
    ----------
    bucketname, relative_path : str
        The bucket and the key within it.

    Raises
    ------
    LocationError
        The location is not on S3.

    Examples
    --------
    >>> fetcher = BotoFetcher("https://lab-bucket.s3.amazonaws.com/folder/a.nc", "a.nc")
    >>> fetcher.bucketname, fetcher.relative_path
    ('lab-bucket', 'folder/a.nc')
    """

    def __init__(self, location: str, local_filename: str | os.PathLike[str], version_id: str | None = None) -> None:
        parsed = parse_location(location)
        if parsed.location_type != "S3":
            raise LocationError(
                f"{location!r} is not on S3; expected a URL such as https://BUCKET.s3.amazonaws.com/KEY or "
                f"s3://BUCKET/KEY. brainio.fetch.fetch_file fetches from other locations."
            )
        self.location = location
        self.local_filename = local_filename
        self.bucketname = parsed.bucket
        self.relative_path = parsed.key
        self._expected = ExpectedFile([(parsed, version_id or "")])

    def fetch(self) -> str:
        """Return the path of the local copy; only the first call transfers the file.

        Raises
        ------
        TransferError
            S3 did not return the file.
        """
        return str(ensure_cached(self._expected))
