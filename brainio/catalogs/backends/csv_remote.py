"""Catalogs that are CSV files at a URL: read-only in general, and writable by compare-and-swap on S3.

A remote catalog is read once per process, and again after this process writes it or calls `refresh`.
"""

from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit

from brainio.catalogs.backends.base import ChangeText
from brainio.catalogs.backends.csv_base import PUBLICATIONS_FILE, CsvBackend, FolderSidecars
from brainio.catalogs.backends.fallback_copies import read_or_fall_back
from brainio.catalogs.csv_format import EMPTY
from brainio.errors import (
    CatalogError,
    ChangedFileError,
    LocationError,
    OfflineCatalogError,
    OfflineError,
    TransferError,
)
from brainio.stores.redaction import redact
from brainio.text import fault_of_text

if TYPE_CHECKING:
    from brainio.stores import Location

LARGEST = 2**26  # bytes of a remote catalog: several hundred thousand files
_MOST_LINES = 1_000_000  # parsing takes half a minute
_PATIENCE = 300  # seconds for which other writers may be faster again and again
_LONGEST_PAUSE = 2  # seconds


def _stem(url: str) -> str:
    """Return the last part of the path without its suffix; empty if the URL has no path."""
    try:
        return PurePosixPath(urlsplit(url).path).stem
    except ValueError:  # of a malformed host
        return ""


def _folder(url: str) -> str:
    """Return the URL of the folder; a URL of a service without a suffix (`/catalogs/lab`) is a folder itself."""
    is_http = url.lower().startswith("http")
    folder, _, name = (url.partition("?")[0] if is_http else url).rpartition("/")
    return f"{folder}/{name}" if is_http and name and "." not in name else folder


class RemoteCsv(CsvBackend):
    """A catalog at a URL."""

    def __init__(self, url: str) -> None:
        self.location = url
        self.identifier = _stem(url)
        self.base = _folder(url)
        self._version = 0

    @classmethod
    def from_location(cls, location: str) -> Self:
        """Return the backend of a URL."""
        if fault := fault_of_text(location):
            raise CatalogError(
                f"{redact(location)!r} does not name a catalog file: it contains {fault}. Correct the URL"
            )
        return cls(location)

    @classmethod
    def sidecars_at(cls, base: str) -> FolderSidecars:
        """Return the sidecars at the URL of a folder."""
        return FolderSidecars(base, cls(f"{base.rstrip('/')}/{PUBLICATIONS_FILE}"))

    def version_token(self) -> Hashable:
        """Return the number of changes that this process knows of."""
        return self._version

    def refresh(self) -> None:
        """Let the next lookup read the catalog again."""
        self._version += 1

    def read(self) -> str:
        """Return the text of the catalog, or its fallback copy."""
        # A process must find its own writes, however long that takes.
        return read_or_fall_back(self.location, str(self), self._read, is_patient=self._version > 0)

    def _read(self) -> str:
        from brainio.stores import parse_location, read_whole

        try:
            data = read_whole(parse_location(self.location), LARGEST)
        except OfflineError as error:
            raise OfflineCatalogError(f"the catalog {self} cannot be read: {error}") from error
        except (OSError, LocationError) as error:
            raise CatalogError(f"the catalog {self} cannot be read: {error}") from error
        count = max(data.count(b"\n"), data.count(b"\r"))
        if count > _MOST_LINES:
            raise CatalogError(
                f"the catalog {self} has {count:,} lines; brainio reads at most {_MOST_LINES:,} over a network. Copy "
                f"it into a database: brainio catalog copy"
            )
        return self._decode(data)

    def _decode(self, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CatalogError(f"the catalog {self} is not UTF-8: {error}. Convert the file") from error


class CsvOverHttp(RemoteCsv):
    """A catalog that is read over HTTP or another protocol of fsspec, and cannot be written."""

    is_read_only: ClassVar[bool] = True

    def read_current(self) -> str | None:
        """Return the text of the catalog; None if the server has no such file."""
        from brainio.stores import parse_location, stat

        try:
            return None if stat(parse_location(self.location)) is None else self._read()
        except (TransferError, LocationError) as error:
            raise CatalogError(f"the catalog {self} cannot be read: {error}") from error

    def check_writable(self) -> None:
        """Raise the error of a read-only backend."""
        raise self.read_only_error()

    def rewrite(self, change: ChangeText, empty: str = EMPTY) -> None:
        """Raise the error of a read-only backend."""
        del change, empty
        raise self.read_only_error()


class CsvOnS3(RemoteCsv):
    """A catalog that is a CSV file on S3."""

    def read_current(self) -> str | None:
        """Return the text of the object; None if there is no object."""
        return self._read_with_etag()[0]

    def check_writable(self) -> None:
        """Check that the location is one of an object; S3 decides about permissions when it receives the write."""
        self._s3_location()

    def rewrite(self, change: ChangeText, empty: str = EMPTY) -> None:
        """Replace the object if its ETag is still the same; otherwise read it again, for up to five minutes."""
        from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

        pause = wait_random_exponential(multiplier=0.05, max=_LONGEST_PAUSE)
        is_outrun = retry_if_exception_type(ChangedFileError)
        try:
            Retrying(retry=is_outrun, wait=pause, stop=stop_after_delay(_PATIENCE))(self._rewrite_once, change, empty)
        except RetryError as error:
            raise CatalogError(
                f"{self} was changed by others at each attempt for {_PATIENCE} seconds; this call changed nothing. "
                f"Repeat it: files that are stored already are not sent again"
            ) from error
        except TransferError as error:
            raise CatalogError(
                f"the catalog {self} was not changed: {error} Then repeat the call: files that are stored already are "
                f"not sent again"
            ) from error

    def _rewrite_once(self, change: ChangeText, empty: str) -> None:
        from brainio.stores import replace_if

        before, etag = self._read_with_etag()
        after = change(empty if before is None else before)
        if after != before:
            replace_if(self._s3_location(), after.encode("utf-8"), etag)
            self.refresh()

    def _read_with_etag(self) -> tuple[str | None, str | None]:
        """Return text and ETag of the object; (None, None) if there is no object."""
        from brainio.stores import read_state

        try:
            state = read_state(self._s3_location(), LARGEST)
        except TransferError as error:
            raise CatalogError(f"the catalog {self} cannot be read: {error}") from error
        return (None, None) if state is None else (self._decode(state[0]), state[1])

    def _s3_location(self) -> "Location":
        from brainio.stores import parse_location

        try:
            return parse_location(self.location)
        except LocationError as error:
            raise CatalogError(str(error)) from error
