"""Local files directly, and all that is neither S3 nor http through fsspec."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from brainio.errors import BrainioError, ChangedFileError, InterruptedTransferError, LocationError, TransferError
from brainio.local_files import Fingerprint, atomic_path, open_regular
from brainio.stores.location import Location
from brainio.stores.redaction import redacted
from brainio.stores.transfer import CHUNK, Facts, Progress, Span, Uploaded, require_whole

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]


_ANNEX_ADVICE = "It is a link of git-annex to content that is elsewhere: run `git annex get` in its folder."
# Of what a file system knows of a file, this differs between two states of it; a name and a size need not.
_STATES = frozenset(
    {"checksum", "content_md5", "crc32c", "created", "etag", "generation", "hex", "last_modified", "lastmodified"}
    | {"md5", "md5hash", "modified", "mtime", "sha", "updated", "version_id", "versionid"}
)


@dataclass(frozen=True, slots=True)
class _FileReading:
    """An open file of whatever file system, at the first byte that is wanted."""

    location: Location
    facts: Facts
    file: IO[bytes]

    def chunks(self, most: int = CHUNK) -> Iterator[bytes]:
        wanted = self.facts.length
        found = 0
        while wanted is None or found < wanted:
            with _translated(self.location, f"broke after {found} bytes", InterruptedTransferError):
                block = self.file.read(most if wanted is None else min(most, wanted - found))
            if not block:
                break
            found += len(block)
            yield block
        require_whole(self.location, wanted, found)

    def interrupt(self) -> None:
        """Do nothing: no file system is known to say nothing for long that could be interrupted."""


@contextmanager
def open_read(location: Location, span: Span, validator: str | None = None) -> Iterator[_FileReading]:
    """Open a location; see `brainio.stores.open_read`."""
    with _translated(location, "could not be opened"):
        file, size, tag, found = _open(location)
    try:
        if validator not in (None, found):
            raise ChangedFileError(
                f"{location} has changed since it was opened: expected {validator}, found {found}. Read it again."
            )
        if span.start:
            with _translated(location, "could not be read from its middle"):
                file.seek(span.start)
        ends = [end for end in (size, span.stop) if end is not None]
        length = max(0, min(ends) - span.start) if ends else None
        yield _FileReading(location, Facts(size, span.start, length, tag, validator=found), file)
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
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    return None if size is None else int(size)


def upload(path: Path, location: Location, progress: Progress | None, *, replace: bool) -> Uploaded:
    """Write a file to a location; see `brainio.stores.upload`."""
    with _translated(location, f"did not take {path}"):
        if location.location_type == "file":
            _copy(path, location, replace=replace)
        else:
            filesystem, inner = _filesystem(location), _inner(location)
            if not replace and filesystem.exists(inner):
                raise _taken(path, location)
            with suppress(NotImplementedError):
                filesystem.makedirs(filesystem._parent(inner), exist_ok=True)
            filesystem.put_file(os.fspath(path), inner)
        size = path.stat().st_size
    if progress is not None:
        progress(size)
    return Uploaded(None, size)


def _copy(source: Path, location: Location, *, replace: bool) -> None:
    target = location.path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_path(target, replace=replace) as temporary:
            shutil.copyfile(source, temporary)
    except FileExistsError:
        raise _taken(source, location) from None


def _taken(path: Path, location: Location) -> ChangedFileError:
    return ChangedFileError(f"{path} was not written to {location}: something lies there. Look at it.")


def _open(location: Location) -> tuple[IO[bytes], int | None, str | None, str | None]:
    """Open a file; return it with its size, what names its state, and that again where it is a strong validator."""
    if location.location_type == "file":
        local = io.BufferedReader(open_regular(location.path))
        fingerprint = Fingerprint.from_status(os.fstat(local.fileno()))
        state = f"state {'-'.join(map(str, fingerprint.portable))}"
        return local, fingerprint.size, state, state
    filesystem, inner = _filesystem(location), _inner(location)
    file = filesystem.open(inner, "rb")
    tag = validator = None
    with suppress(Exception):  # many file systems have nothing that tells one state of a file from another
        tag = f"state {filesystem.ukey(inner)}"
        validator = tag if _STATES & {key.lower() for key in filesystem.info(inner)} else None
    return file, getattr(file, "size", None), tag, validator


def _filesystem(location: Location) -> "AbstractFileSystem":
    import fsspec

    try:
        return fsspec.url_to_fs(location.url)[0]
    except ImportError as error:
        raise LocationError(
            f"{location} needs a package that is not installed: {error}. Install it and try again."
        ) from error


def _inner(location: Location) -> str:
    """Return what the file system calls the file."""
    import fsspec

    return str(fsspec.get_filesystem_class(location.location_type)._strip_protocol(location.url))


def _is_annex_link(location: Location) -> bool:
    """Whether a local file is a link of git-annex to content that is not on this machine."""
    try:
        return location.location_type == "file" and "annex/objects/" in os.fspath(location.path.readlink())
    except OSError:
        return False


@contextmanager
def _translated(location: Location, what: str, error_class: type[TransferError] = TransferError) -> Iterator[None]:
    """Turn what fsspec and its drivers raise into a TransferError."""
    # The drivers behind fsspec share no base class for their errors.
    failures = (OSError,) if location.location_type == "file" else (Exception,)
    try:
        yield
    except BrainioError:
        raise
    except FileNotFoundError as error:
        advice = _ANNEX_ADVICE if _is_annex_link(location) else "Check the location."
        raise TransferError(f"{location} {what}: there is no such file. {advice}") from error
    except failures as error:
        reason = redacted(str(error)) or type(error).__name__
        # The text of a driver may have the URL with its secrets; a traceback would show it.
        shown = error if location.location_type == "file" else None
        raise error_class(f"{location} {what}: {reason}. Check the location and try again.") from shown
