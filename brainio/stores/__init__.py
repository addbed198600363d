"""Stores: reading and writing the bytes of one location, on S3, over HTTP, or on a file system.

The functions here are the same for every store. Nothing is cached, and only the length of a body is verified: hashes
are verified by the cache, and `brainio.fetch` tries the mirrors of a file.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.errors import InterruptedTransferError, MissingFileError, TransferError
from brainio.stores.location import BRAINIO_OFFLINE, Location, is_offline, parse_location, require_online
from brainio.stores.store import (
    WHOLE,
    Facts,
    Progress,
    Reading,
    Span,
    UploadResult,
    store_for_request,
    store_of,
)

if TYPE_CHECKING:
    from brainio.stores.range_reader import RangeReader

__all__ = [
    "BRAINIO_OFFLINE",
    "WHOLE",
    "Facts",
    "Location",
    "Progress",
    "Reading",
    "Span",
    "UploadResult",
    "abort_uploads",
    "is_copy",
    "is_offline",
    "open_file",
    "open_read",
    "parse_location",
    "public_url",
    "read_state",
    "read_whole",
    "replace_if",
    "request_url",
    "require_online",
    "stat",
    "upload",
]


def open_read(
    location: Location, version_id: str | None = None, span: Span = WHOLE, validator: str | None = None
) -> AbstractContextManager[Reading]:
    """Open a location to read all of its bytes, or a part of them.

    Parameters
    ----------
    location : Location
        From `parse_location`.
    version_id : str, optional
        The version of an S3 object. None or '': the current one. 'null', S3's name for an object without versioning, is
        sent.
    span : Span, optional
        The requested part. A server may return the whole file all the same: see ``reading.facts.start``.
    validator : str, optional
        The validator of an earlier reading (`Facts.validator`), to read another part of the same state of the file.
        Compare it with the validator of the new reading: S3 and file systems raise an error if they differ, an HTTP
        server may return the new file.

    Raises
    ------
    RangeResponseError
        The response does not match the requested part, or does not state its position.
    ChangedFileError
        The validator is no longer that of the file.
    MissingFileError
        There is no such file.
    TransferError
        The store did not return the bytes. An OfflineError if `BRAINIO_OFFLINE` is set.
    LocationError
        A version of a location that is not on S3, or a protocol whose package is not installed.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe_file("/folder/a.txt", b"abc")
    >>> with open_read(parse_location("memory://folder/a.txt")) as reading:
    ...     reading.facts.size, b"".join(reading.chunks())
    (3, b'abc')
    """
    return store_for_request(location, version_id).open_read(location, span, validator, version_id)


def read_whole(location: Location, most: int) -> bytes:
    """Return the bytes of a small file.

    Parameters
    ----------
    location : Location
        From `parse_location`.
    most : int
        The greatest allowed size in bytes.

    Raises
    ------
    TransferError
        The store did not return the bytes, or the file is larger.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe_file("/folder/c.txt", b"abc")
    >>> read_whole(parse_location("memory://folder/c.txt"), most=1000)
    b'abc'
    """
    return _read_with_facts(location, most)[0]


def read_state(location: Location, most: int) -> tuple[bytes, str] | None:
    """Return the bytes of a small file and the tag of its state for `replace_if`; None if there is no file.

    Parameters
    ----------
    location : Location
        In a store with compare-and-swap, which is S3.
    most : int
        The greatest allowed size in bytes.

    Raises
    ------
    TransferError
        The store did not return the bytes, or the file is larger, or has no tag.
    """
    try:
        data, facts = _read_with_facts(location, most)
    except MissingFileError:
        return None
    if facts.tag is None:
        raise TransferError(f"{location} has no ETag, without which it cannot be changed safely. Use another server.")
    return data, facts.tag


def replace_if(location: Location, data: bytes, tag: str | None) -> None:
    """Write a small file if nobody else changed it since `read_state` (compare-and-swap).

    Parameters
    ----------
    location : Location
        In a store with compare-and-swap, which is S3.
    data : bytes
        The whole new content.
    tag : str or None
        The expected tag, from `read_state`; None if no file is expected.

    Raises
    ------
    ChangedFileError
        The file has another tag. It stays as it is: read it again.
    TransferError
        The store refused the bytes.
    LocationError
        The store has no compare-and-swap.
    """
    store_for_request(location).replace_if(location, data, tag)


def open_file(location: Location, version_id: str | None = None) -> "RangeReader":
    """Open a location as a file with random access, which requests the parts that are read.

    Parameters
    ----------
    location : Location
        From `parse_location`.
    version_id : str, optional
        As for `open_read`.

    Raises
    ------
    TransferError
        The store did not return the bytes, or cannot return parts of a file.
    ChangedFileError
        While reading: the file has changed since it was opened.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe_file("/folder/b.txt", b"abcdef")
    >>> with open_file(parse_location("memory://folder/b.txt")) as file:
    ...     file.seek(4), file.read()
    (4, b'ef')
    """
    from brainio.stores.range_reader import RangeReader

    return RangeReader(location, version_id or None)


def stat(location: Location, version_id: str | None = None) -> int | None:
    """Return the size of a file in bytes; None if there is no file, or the server does not state its size.

    Raises
    ------
    TransferError
        The store did not answer, or refused the request.
    """
    facts = store_for_request(location, version_id).find(location, version_id)
    return None if facts is None else facts.size


def is_copy(location: Location, path: Path, version_id: str | None = None) -> bool | None:
    """Whether a location has the bytes of a local file; None if there is no file at the location.

    Compares the sizes, then the ETag on S3 if it proves equality, and only then the bytes.

    Parameters
    ----------
    location : Location
        From `parse_location`.
    path : Path
        The local file.
    version_id : str, optional
        As for `open_read`.

    Raises
    ------
    TransferError
        The store did not answer, or refused the request.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe_file("/folder/d.txt", b"abc")
    >>> local = Path("d.txt")
    >>> _ = local.write_bytes(b"abc")
    >>> is_copy(parse_location("memory://folder/d.txt"), local), is_copy(parse_location("memory://e.txt"), local)
    (True, None)
    """
    store = store_for_request(location, version_id)
    facts = store.find(location, version_id)
    if facts is None or facts.size is None:
        return None
    if facts.size != path.stat().st_size:
        return False
    if store.is_copy(facts, path):
        return True
    with store.open_read(location, WHOLE, None, version_id) as reading, path.open("rb") as file:
        return all(file.read(len(block)) == block for block in reading.chunks())


def upload(path: Path, location: Location, progress: Progress | None = None, *, replace: bool = True) -> UploadResult:
    """Write a local file to a location, and create the folders on the way.

    Files of more than 16 MiB are sent to S3 in parts, several at once, and continue with the parts of an earlier call.

    Parameters
    ----------
    path : Path
        The local file.
    location : Location
        The target. On a local disk, readers see the old file or the complete new one.
    progress : function, optional
        Called with the number of further bytes sent, possibly from other threads.
    replace : bool, default True
        If False, an existing file stays. S3 and local disks decide that when they store the file, so that of two
        processes that write at the same time only one succeeds; for other stores, the check comes first.

    Raises
    ------
    ChangedFileError
        `replace` is False and there is a file. It stays as it is.
    TransferError
        The store refused the bytes.
    LocationError
        The store is read-only.
    """
    return store_for_request(location).upload(path, location, progress, replace=replace)


def abort_uploads(path: Path, location: Location) -> None:
    """Remove the parts that killed calls of `upload` left on S3, which charges for them.

    Parameters
    ----------
    path : Path
        The local file.
    location : Location
        The target of the uploads, where the whole file exists by now.
    """
    store_of(location).abort_uploads(path, location)


def public_url(location: Location, version_id: str = "") -> str:
    """Return the URL or path by which other programs find a file, without secrets.

    For S3, it is the HTTPS URL at AWS, or at the endpoint that the environment configures (``AWS_ENDPOINT_URL``).

    Examples
    --------
    >>> public_url(parse_location("https://me:secret@lab.org/assy_a.nc"))
    'https://lab.org/assy_a.nc'
    """
    return store_of(location).public_url(location, version_id)


def request_url(
    location: Location, version_id: str = "", *, method: str = "GET", signed_seconds: int | None = None
) -> str:
    """Return the URL for one request to a file by a client that has no credentials.

    Parameters
    ----------
    location : Location
        On S3, or an HTTP URL.
    version_id : str, optional
        As for `open_read`.
    method : {'GET', 'HEAD'}, optional
        A signature is valid for one method.
    signed_seconds : int, optional
        Sign the URL of an S3 object with the credentials of this process; the signature is valid for so many seconds.

    Raises
    ------
    TransferError
        There are no credentials to sign with.
    """
    return store_of(location).request_url(location, version_id, method, signed_seconds)


def _read_with_facts(location: Location, most: int) -> tuple[bytes, Facts]:
    """Read a small file; if the transfer breaks, start again."""

    def read() -> tuple[bytes, Facts]:
        data = bytearray()
        with open_read(location) as reading:
            for block in reading.chunks():
                data += block
                if len(data) > most:
                    raise TransferError(
                        f"{location} has more than {most:,} bytes. Is it the right file? Check the location."
                    )
            return bytes(data), reading.facts

    with suppress(InterruptedTransferError):
        return read()
    return _retrying(read)


def _retrying(read: Callable[[], tuple[bytes, Facts]]) -> tuple[bytes, Facts]:
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential  # rarely needed

    interrupted = retry_if_exception_type(InterruptedTransferError)
    pause = wait_random_exponential(multiplier=0.1, max=1)
    return Retrying(retry=interrupted, wait=pause, stop=stop_after_attempt(3), reraise=True)(read)
