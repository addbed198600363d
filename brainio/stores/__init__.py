"""Stores: reading and writing the bytes of one location; S3 by boto3, http by requests, all else by fsspec.

Nothing is kept here, nothing is verified but that a body is whole: hashes are the business of the cache, and trying
mirrors in turn that of `brainio.fetch`. boto3, requests and fsspec are imported when a location first needs them.
"""

import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.errors import InterruptedTransferError, LocationError, OfflineError, TransferError
from brainio.stores.location import S3, Location, parse_location
from brainio.stores.transfer import WHOLE, Facts, Progress, Reading, Span, Uploaded

if TYPE_CHECKING:
    from brainio.stores.range_reader import RangeReader

__all__ = [
    "Facts",
    "Location",
    "Reading",
    "Span",
    "Uploaded",
    "end_uploads",
    "holds",
    "is_offline",
    "open_file",
    "open_read",
    "parse_location",
    "read_state",
    "read_whole",
    "replace_if",
    "require_online",
    "stat",
    "upload",
    "url_at_endpoint",
]


BRAINIO_OFFLINE = "BRAINIO_OFFLINE"


def is_offline() -> bool:
    """Whether the environment variable `BRAINIO_OFFLINE` forbids every request; '', '0', 'false' and 'no' do not."""
    return os.environ.get(BRAINIO_OFFLINE, "").strip().lower() not in {"", "0", "false", "no"}


def require_online(location: Location) -> None:
    """Raise OfflineError where the environment forbids to ask for that location."""
    if is_offline() and not location.is_local:
        raise OfflineError(
            f"{location} was not asked for, since {BRAINIO_OFFLINE} is set. Unset it to use the network."
        )


def open_read(
    location: Location, version_id: str | None = None, span: Span = WHOLE, validator: str | None = None
) -> AbstractContextManager[Reading]:
    """Open a location for reading from its first byte to its last, or a part of it.

    Parameters
    ----------
    location
        From `parse_location`.
    version_id
        Of an S3 object. None or '' = not stated; 'null' is S3's own word for an object without versioning and is sent.
    span
        The part that is wanted. A server may give the whole file all the same: look at ``reading.facts.start``.
    validator
        Of an earlier reading (`Facts.validator`), to read another part of the same state of the file. Compare it with
        that of the new reading: S3 and files raise an error if they differ, http servers may return the new file.

    Raises
    ------
    RangeResponseError
        The server returned a part that does not fit the request, or does not say which part it is.
    ChangedFileError
        The validator is no longer that of the file.
    TransferError
        The store did not give the bytes. Says what happened and what to do. An OfflineError: `BRAINIO_OFFLINE` is set.
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
    require_online(location)
    if location.location_type == S3:
        from brainio.stores import s3

        return s3.open_read(location, version_id or None, span, validator)
    _refuse_version(location, version_id)
    if location.is_http:
        from brainio.stores import http_store

        return http_store.open_read(location, span, validator)
    from brainio.stores import filesystem_store

    return filesystem_store.open_read(location, span, validator)


def read_whole(location: Location, most: int) -> bytes:
    """Return the bytes of a small file, which are kept in memory.

    Parameters
    ----------
    location
        From `parse_location`.
    most
        Bytes that it may have; no more are read.

    Raises
    ------
    TransferError
        The store did not give the bytes, or has more of them.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe_file("/folder/c.txt", b"abc")
    >>> read_whole(parse_location("memory://folder/c.txt"), most=1000)
    b'abc'
    """
    return _all_of(location, most)[0]


def _all_of(location: Location, most: int) -> tuple[bytes, Facts]:
    """Read a small file, from its first byte again where that breaks in the middle."""

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
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential  # rarely needed

    broken = retry_if_exception_type(InterruptedTransferError)
    pause = wait_random_exponential(multiplier=0.1, max=1)
    return Retrying(retry=broken, wait=pause, stop=stop_after_attempt(3), reraise=True)(read)


def open_file(location: Location, version_id: str | None = None) -> "RangeReader":
    """Open a location as a file that can be read from anywhere, by asking for the parts that are read.

    Parameters
    ----------
    location
        From `parse_location`.
    version_id
        As for `open_read`.

    Raises
    ------
    TransferError
        The store did not give the bytes, or cannot give parts of a file.
    ChangedFileError
        While reading: the file is no longer the one that was opened.

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


def upload(path: Path, location: Location, progress: Progress | None = None, *, replace: bool = True) -> Uploaded:
    """Write a local file to a location; folders on the way are made.

    To S3, files of more than 16 MiB go in parts, several at once, and go on with what an earlier call has sent.

    Parameters
    ----------
    path
        The local file.
    location
        Where it goes. On a local disk readers see the old bytes or the new, never a part.
    progress
        Called with the number of further bytes sent, possibly from other threads.
    replace
        Whether what lies there is replaced. False is decided by the store when it takes the file (on S3 and a local
        disk), so that of two who write at once only one does; other stores are asked before.

    Raises
    ------
    ChangedFileError
        Something lies there, and `replace` is False. It stays as it is.
    TransferError
        The store did not take the bytes.
    LocationError
        A location that cannot be written.
    """
    require_online(location)
    _refuse_http(location)
    if location.location_type == S3:
        from brainio.stores import s3_uploads

        return s3_uploads.upload(path, location, progress, replace=replace)
    from brainio.stores import filesystem_store

    return filesystem_store.upload(path, location, progress, replace=replace)


def end_uploads(path: Path, location: Location) -> None:
    """End what calls of `upload` that were killed left on S3 of a file that lies there whole: such parts are paid for.

    Parameters
    ----------
    path
        The local file.
    location
        Where its bytes lie. Elsewhere than on S3 nothing is left, and nothing is done.
    """
    if location.location_type == S3:
        from brainio.stores import s3_uploads

        s3_uploads.end_uploads(path, location)


def read_state(location: Location, most: int) -> tuple[bytes, str] | None:
    """Return the bytes of a small object on S3 and the tag that `replace_if` takes; None where nothing lies there.

    Parameters
    ----------
    location
        On S3.
    most
        Bytes that it may have.

    Raises
    ------
    TransferError
        S3 did not give the bytes, or has more of them.
    """
    from brainio.stores import s3

    try:
        data, facts = _all_of(location, most)
    except TransferError as error:
        if s3.is_missing(error):
            return None
        raise
    if facts.tag is None:
        raise TransferError(f"{location} has no ETag, without which it cannot be changed safely. Use another server.")
    return data, facts.tag


def replace_if(location: Location, data: bytes, tag: str | None) -> None:
    """Write a small object on S3, if what lies there is still what was read.

    Parameters
    ----------
    location
        On S3.
    data
        All bytes of the object.
    tag
        Of what is replaced, from `read_state`; None: nothing may lie there.

    Raises
    ------
    ChangedFileError
        Something else lies there. It stays as it is: read it again.
    TransferError
        S3 did not take the bytes.
    """
    require_online(location)
    from brainio.stores import s3_uploads

    s3_uploads.replace_if(location, data, tag)


def holds(location: Location, path: Path, version_id: str | None = None) -> bool | None:
    """Whether the bytes of a local file lie at a location; None: nothing lies there.

    The size is compared, then on S3 the ETag, where that proves it. Else what lies there is read and compared byte by
    byte.

    Parameters
    ----------
    location
        From `parse_location`.
    path
        The local file.
    version_id
        As for `open_read`.

    Raises
    ------
    TransferError
        The store did not answer, or refused to.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe_file("/folder/d.txt", b"abc")
    >>> written = Path("d.txt")
    >>> _ = written.write_bytes(b"abc")
    >>> holds(parse_location("memory://folder/d.txt"), written), holds(parse_location("memory://e.txt"), written)
    (True, None)
    """
    if location.location_type == S3:
        require_online(location)
        from brainio.stores import s3, s3_uploads

        facts = s3.look(location, version_id or None)
        size = None if facts is None else facts.size
        if facts is not None and facts.tag is not None and s3_uploads.is_tag_of(facts.tag, path):
            return size == path.stat().st_size
    else:
        size = stat(location, version_id)
    if size is None or size != path.stat().st_size:
        return None if size is None else False
    with open_read(location, version_id) as reading, path.open("rb") as file:
        return all(file.read(len(block)) == block for block in reading.chunks())


def stat(location: Location, version_id: str | None = None) -> int | None:
    """Return the size in bytes of what lies at a location; None when nothing lies there (or its size is not told).

    Raises
    ------
    TransferError
        The store did not answer, or refused to.
    """
    require_online(location)
    if location.location_type == S3:
        from brainio.stores import s3

        return s3.stat(location, version_id or None)
    _refuse_version(location, version_id)
    if location.is_http:
        from brainio.stores import http_store

        return http_store.stat(location)
    from brainio.stores import filesystem_store

    return filesystem_store.stat(location)


def url_at_endpoint(location: Location, version_id: str = "") -> str | None:
    """Return the URL of an object at an S3 endpoint other than that of AWS; None where no other one is configured.

    Parameters
    ----------
    location
        On S3.
    version_id
        As for `open_read`.

    Examples
    --------
    >>> os.environ["AWS_ENDPOINT_URL"] = "https://minio.lab.org"
    >>> url_at_endpoint(parse_location("s3://lab/assy_a.nc"))
    'https://minio.lab.org/lab/assy_a.nc'
    >>> del os.environ["AWS_ENDPOINT_URL"]
    """
    from brainio.stores import s3

    return s3.url_at_endpoint(location, version_id or None)


def _refuse_http(location: Location) -> None:
    if location.is_http:
        raise LocationError(
            f"{location} cannot be written over {location.location_type}. Give an S3 location or a folder."
        )


def _refuse_version(location: Location, version_id: str | None) -> None:
    if version_id:
        raise LocationError(
            f"The version {version_id!r} was asked of {location}, but only S3 keeps versions. Leave version_id empty."
        )
