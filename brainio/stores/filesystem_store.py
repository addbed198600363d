"""Stores on file systems: local files directly, and every protocol that fsspec knows."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from brainio.errors import (
    BrainioError,
    ChangedFileError,
    InterruptedTransferError,
    LocationError,
    MissingFileError,
    TransferError,
)
from brainio.local_files import Fingerprint, atomic_path, open_regular
from brainio.stores.location import Location
from brainio.stores.redaction import redact
from brainio.stores.store import CHUNK, Facts, Progress, Span, Store, UploadResult, require_whole

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]


_ANNEX_ADVICE = "It is a link of git-annex to content that is elsewhere: run `git annex get` in its folder."
# Metadata of a file system that differs between two states of a file; a name and a size need not.
_STATE_FIELDS = frozenset(
    {"checksum", "content_md5", "crc32c", "created", "etag", "generation", "hex", "last_modified", "lastmodified"}
    | {"md5", "md5hash", "modified", "mtime", "sha", "updated", "version_id", "versionid"}
)


@dataclass(frozen=True, slots=True)
class _OpenFile:
    """An open file with the size and the tag of its state; the validator is the tag, if that is a strong one."""

    file: IO[bytes]
    size: int | None
    tag: str | None
    validator: str | None


@dataclass(frozen=True, slots=True)
class _FileReading:
    """An open file of any file system, at the first requested byte."""

    location: Location
    facts: Facts
    file: IO[bytes]

    def chunks(self, most: int = CHUNK) -> Iterator[bytes]:
        length = self.facts.length
        count = 0
        while length is None or count < length:
            with _translated_errors(self.location, f"broke after {count} bytes", InterruptedTransferError):
                block = self.file.read(most if length is None else min(most, length - count))
            if not block:
                break
            count += len(block)
            yield block
        require_whole(self.location, length, count)

    def interrupt(self) -> None:
        """Do nothing: no file system waits long enough to need an interruption."""


class LocalStore(Store):
    """Files of this machine. A write is atomic, and can refuse to replace a file."""

    @contextmanager
    def open_read(
        self,
        location: Location,
        span: Span,
        validator: str | None = None,
        version_id: str | None = None,  # noqa: ARG002 (`store_for_request` refuses versions)
    ) -> Iterator[_FileReading]:
        """Open a file; its fingerprint is its validator."""
        with _translated_errors(location, "could not be opened"):
            local = io.BufferedReader(open_regular(location.path))
        fingerprint = Fingerprint.from_status(os.fstat(local.fileno()))
        state = f"state {'-'.join(map(str, fingerprint.portable))}"
        with _read(location, _OpenFile(local, fingerprint.size, state, state), span, validator) as reading:
            yield reading

    def find(self, location: Location, version_id: str | None = None) -> Facts | None:  # noqa: ARG002
        """Return the size of a file."""
        with _translated_errors(location, "could not be examined"):
            size = location.path.stat().st_size if location.path.is_file() else None
        return None if size is None else Facts(size, 0, size, None)

    def upload(self, path: Path, location: Location, progress: Progress | None, *, replace: bool) -> UploadResult:
        """Copy a file in one atomic step."""
        target = location.path
        with _translated_errors(location, f"did not take {path}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with atomic_path(target, replace=replace) as temporary:
                    shutil.copyfile(path, temporary)
            except FileExistsError:
                raise _exists(path, location) from None
        return _upload_result(path, progress)

    def public_url(self, location: Location, version_id: str) -> str:  # noqa: ARG002
        """Return the path."""
        return str(location.path)


class FsspecStore(Store):
    """Files of a file system of fsspec. Writes are neither atomic nor conditional: fsspec offers neither."""

    @contextmanager
    def open_read(
        self,
        location: Location,
        span: Span,
        validator: str | None = None,
        version_id: str | None = None,  # noqa: ARG002 (`store_for_request` refuses versions)
    ) -> Iterator[_FileReading]:
        """Open a file; its validator is the metadata of its state, if the file system has any."""
        with _translated_errors(location, "could not be opened"):
            opened = _open_by_fsspec(location)
        with _read(location, opened, span, validator) as reading:
            yield reading

    def find(self, location: Location, version_id: str | None = None) -> Facts | None:  # noqa: ARG002
        """Return the size of a file."""
        try:
            with _translated_errors(location, "could not be examined"):
                size = _filesystem(location).info(_inner_path(location))["size"]
        except MissingFileError:
            return None
        count = None if size is None else int(size)
        return Facts(count, 0, count, None)

    def upload(self, path: Path, location: Location, progress: Progress | None, *, replace: bool) -> UploadResult:
        """Copy a file; if it must not replace another one, look for that first."""
        with _translated_errors(location, f"did not take {path}"):
            filesystem, inner = _filesystem(location), _inner_path(location)
            if not replace and filesystem.exists(inner):
                raise _exists(path, location)
            with suppress(NotImplementedError):
                filesystem.makedirs(filesystem._parent(inner), exist_ok=True)
            filesystem.put_file(os.fspath(path), inner)
        return _upload_result(path, progress)


@contextmanager
def _read(location: Location, opened: _OpenFile, span: Span, validator: str | None) -> Iterator[_FileReading]:
    file = opened.file
    try:
        if validator not in (None, opened.validator):
            raise ChangedFileError(
                f"{location} has changed since it was opened: expected {validator}, found {opened.validator}. Read it "
                f"again."
            )
        if span.start:
            with _translated_errors(location, "could not be read from its middle"):
                file.seek(span.start)
        ends = [end for end in (opened.size, span.stop) if end is not None]
        length = max(0, min(ends) - span.start) if ends else None
        facts = Facts(opened.size, span.start, length, opened.tag, validator=opened.validator)
        yield _FileReading(location, facts, file)
    finally:
        file.close()


def _upload_result(path: Path, progress: Progress | None) -> UploadResult:
    size = path.stat().st_size
    if progress is not None:
        progress(size)
    return UploadResult(None, size)


def _exists(path: Path, location: Location) -> ChangedFileError:
    return ChangedFileError(
        f"{path} was not written to {location}: a file exists there. Compare the two, and choose another location or "
        f"remove that file."
    )


def _open_by_fsspec(location: Location) -> _OpenFile:
    filesystem, inner = _filesystem(location), _inner_path(location)
    file = filesystem.open(inner, "rb")
    tag = validator = None
    with suppress(Exception):  # many file systems know nothing that tells two states of a file apart
        tag = f"state {filesystem.ukey(inner)}"
        validator = tag if _STATE_FIELDS & {key.lower() for key in filesystem.info(inner)} else None
    return _OpenFile(file, getattr(file, "size", None), tag, validator)


def _filesystem(location: Location) -> "AbstractFileSystem":
    import fsspec

    try:
        return fsspec.url_to_fs(location.url)[0]
    except ImportError as error:
        raise LocationError(
            f"{location} needs a package that is not installed: {error}. Install it and try again."
        ) from error


def _inner_path(location: Location) -> str:
    """Return the path of a file within its file system."""
    import fsspec

    return str(fsspec.get_filesystem_class(location.location_type)._strip_protocol(location.url))


def _is_annex_link(location: Location) -> bool:
    """Whether a local file is a link of git-annex to content that is not on this machine."""
    try:
        return location.location_type == "file" and "annex/objects/" in os.fspath(location.path.readlink())
    except OSError:
        return False


@contextmanager
def _translated_errors(
    location: Location, failure: str, error_class: type[TransferError] = TransferError
) -> Iterator[None]:
    """Turn errors of the operating system, fsspec and its drivers into a TransferError."""
    # The drivers behind fsspec share no base class for their errors.
    errors = (OSError,) if location.location_type == "file" else (Exception,)
    try:
        yield
    except BrainioError:
        raise
    except FileNotFoundError as error:
        advice = _ANNEX_ADVICE if _is_annex_link(location) else "Check the location."
        raise MissingFileError(f"{location} {failure}: there is no such file. {advice}") from error
    except errors as error:
        reason = redact(str(error)) or type(error).__name__
        # The text of a driver may contain the URL with its secrets; a traceback would show it.
        cause = error if location.location_type == "file" else None
        raise error_class(f"{location} {failure}: {reason}. Check the location and try again.") from cause
