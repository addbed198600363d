"""Everything that is not S3: local files directly, all else through fsspec.

http(s) bodies are streamed from one GET, never with ranges; a body shorter than its Content-Length is an error.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from brainio.errors import BrainioError, LocationError, TransferError
from brainio.stores.location import Location
from brainio.stores.transfer import CHUNK, Progress, Uploaded, require_whole

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

_HTTP = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class _FileReading:
    """An open file of whatever file system."""

    location: Location
    size: int | None
    file: IO[bytes]

    def chunks(self) -> Iterator[bytes]:
        found = 0
        while True:
            with _translated(self.location, f"broke after {found} bytes"):
                block = self.file.read(CHUNK)
            if not block:
                break
            found += len(block)
            yield block
        require_whole(self.location, self.size, found)


@contextmanager
def open_read(location: Location) -> Iterator[_FileReading]:
    """Open a location; see `brainio.stores.open_read`."""
    with _translated(location, "could not be opened"):
        file, size = _open(location)
    try:
        yield _FileReading(location, size, file)
    finally:
        file.close()


def stat(location: Location) -> int | None:
    """Return the size of a file, None where there is none; see `brainio.stores.stat`."""
    try:
        with _translated(location, "could not be asked for"):
            if location.location_type == "file":
                return location.path.stat().st_size if location.path.is_file() else None
            size = _filesystem(location).info(_inner(location))["size"]
    except TransferError as error:
        cause = error.__cause__
        if isinstance(cause, FileNotFoundError) and _status(cause.__cause__) in {None, 404, 410}:
            return None
        raise
    return None if size is None else int(size)


def upload(path: Path, location: Location, progress: Progress | None) -> Uploaded:
    """Write a file to a location; see `brainio.stores.upload`."""
    if location.location_type in _HTTP:
        raise LocationError(
            f"{location} cannot be written over {location.location_type}. Give an S3 location or a folder."
        )
    with _translated(location, f"did not take {path}"):
        if location.location_type == "file":
            _copy(path, location.path)
        else:
            filesystem, inner = _filesystem(location), _inner(location)
            with suppress(NotImplementedError):
                filesystem.makedirs(filesystem._parent(inner), exist_ok=True)
            filesystem.put_file(os.fspath(path), inner)
        size = path.stat().st_size
    if progress is not None:
        progress(size)
    return Uploaded(None, size)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        shutil.copyfile(source, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _open(location: Location) -> tuple[IO[bytes], int | None]:
    if location.location_type == "file":
        local = location.path.open("rb")
        return local, os.fstat(local.fileno()).st_size
    filesystem, inner = _filesystem(location), _inner(location)
    if location.location_type in _HTTP:
        # 'identity': the bytes as they lie there, whose size and hash were promised. Any size: fsspec would else ask
        # for it by a HEAD of its own, and hide every refusal behind a FileNotFoundError.
        stream = filesystem.open(inner, "rb", block_size=0, size=1, headers={"Accept-Encoding": "identity"})
        headers = stream.r.headers
        length = None if "Content-Encoding" in headers else headers.get("Content-Length")
        return stream, int(length) if length is not None and length.isdigit() else None
    file = filesystem.open(inner, "rb")
    return file, getattr(file, "size", None)


def _filesystem(location: Location) -> "AbstractFileSystem":
    import fsspec

    if location.location_type in _HTTP:
        import aiohttp

        # aiohttp's default gives up on any body that takes longer than five minutes.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
        return fsspec.filesystem("http", encoded=True, client_kwargs={"timeout": timeout, "trust_env": True})
    try:
        return fsspec.url_to_fs(location.url)[0]
    except ImportError as error:
        raise LocationError(
            f"{location} needs a package that is not installed: {error}. Install it and try again."
        ) from error


def _inner(location: Location) -> str:
    """Return what the file system calls the file."""
    if location.location_type in _HTTP:
        return location.url
    import fsspec

    return str(fsspec.get_filesystem_class(location.location_type)._strip_protocol(location.url))


def _failures(location: Location) -> tuple[type[Exception], ...]:
    if location.location_type == "file":
        return (OSError,)
    if location.location_type in _HTTP:
        import aiohttp

        return OSError, ValueError, aiohttp.ClientError
    return (Exception,)  # the drivers behind fsspec share no base class for their errors


@contextmanager
def _translated(location: Location, what: str) -> Iterator[None]:
    """Turn what fsspec and its drivers raise into a TransferError."""
    try:
        yield
    except BrainioError:
        raise
    except FileNotFoundError as error:
        status = _status(error.__cause__)  # fsspec makes every refusal of a HEAD a missing file
        reason = f"HTTP {status}" if status else "there is no such file"
        raise TransferError(f"{location} {what}: {reason}. Check the location.") from error
    except _failures(location) as error:
        raise TransferError(f"{location} {what}: {_describe(error)}. Check the location and try again.") from error


def _status(error: BaseException | None) -> int | None:
    """Return the HTTP status that an error of aiohttp carries."""
    return getattr(error, "status", None)


def _describe(error: Exception) -> str:
    status = _status(error)
    return f"HTTP {status} {getattr(error, 'message', '')}".rstrip() if status else (str(error) or type(error).__name__)
