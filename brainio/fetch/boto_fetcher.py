"""The base class of fetchers that libraries from 2021 to 2023 import and extend. New code calls `fetch_file`."""

import os

from brainio.errors import LocationError
from brainio.fetch.files import WantedFile, local_file
from brainio.stores import parse_location


class BotoFetcher:
    """Fetch one file from S3 without a known hash; a subclass may override `fetch`.

    Parameters
    ----------
    location : str
        URL of the file in any form that S3 uses, e.g. `'https://BUCKET.s3.amazonaws.com/KEY'` or `'s3://BUCKET/KEY'`.
    local_filename : str
        Name that the caller gives the file. The local copy keeps the name that it has on S3.
    version_id : str, optional
        S3's.

    Attributes
    ----------
    bucketname, relative_path : str
        The bucket and the key within it.

    Raises
    ------
    LocationError
        The location does not name a file on S3.

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
        self._file = WantedFile([(parsed, version_id or "")])

    def fetch(self) -> str:
        """Return the path of the local copy; the first call transfers the file, later ones find it in the cache.

        Raises
        ------
        TransferError
            S3 did not return the file.
        """
        return str(local_file(self._file))
