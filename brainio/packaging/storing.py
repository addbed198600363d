"""Stores the files of a package: what lies in its place already, what is sent, and that it arrived.

Knows files and locations, no catalog. What lies somewhere is never overwritten.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainio.errors import AccessRefusedError, ChangedFileError, PackagingError, TransferError
from brainio.progress import TransferBar
from brainio.stores import Location, abort_uploads, is_copy, open_read, stat, upload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class PackagedFile:
    """One finished file of an entry; `class_name` is empty for an archive."""

    path: Path
    class_name: str
    sha1: str


@dataclass(frozen=True)
class Placed:
    """A file, where it goes, and whether it lies there already."""

    file: PackagedFile
    location: Location
    is_there: bool


def place(files: Sequence[PackagedFile], locations: Sequence[Location]) -> list[Placed]:
    """Ask for all places, so that one that is taken is known before the first byte is sent.

    Raises
    ------
    PackagingError
        Other bytes lie at one of them.
    TransferError
        A store did not answer.
    """
    return [Placed(file, where, _lies_there(file, where)) for file, where in zip(files, locations, strict=True)]


def store(placed: Sequence[Placed]) -> list[str | None]:
    """Send what does not lie in its place yet, and return for each file the version id that the store gave it.

    Raises
    ------
    PackagingError
        Somebody else was quicker and stored other bytes there.
    TransferError
        A store did not take a file, or does not give back its bytes.
    """
    for one in placed:
        if one.is_there:
            abort_uploads(one.file.path, one.location)
    return [None if one.is_there else _store(one.file, one.location) for one in placed]


def _store(file: PackagedFile, location: Location) -> str | None:
    try:
        return send(file.path, location, replace=False)
    except ChangedFileError as error:
        if _lies_there(file, location):
            return None
        raise PackagingError(
            f"something lies at {location} already that these credentials may not read ({error}). Published files are "
            f"not overwritten: choose another identifier, bucket or folder, or ask for s3:GetObject and try again."
        ) from error


def send(path: Path, location: Location, *, replace: bool) -> str | None:
    """Upload a file, read it back, and return the version id that the store gave it.

    Raises
    ------
    ChangedFileError
        Something lies there, and `replace` is False.
    TransferError
        The store did not take the file, or does not give back its bytes.
    """
    expected = path.stat().st_size
    with TransferBar(path.name, expected) as bar:
        version_id = upload(path, location, bar.add, replace=replace).version_id
    try:
        is_whole = is_copy(location, path, version_id)
    except TransferError as error:
        raise TransferError(
            f"{location} was uploaded, but cannot be read back: {error} No catalog was changed; package again then."
        ) from error
    if not is_whole:
        found = stat(location, version_id)
        what = "is not there" if found is None else f"has {found} bytes" + (" that are others" * (found == expected))
        raise TransferError(
            f"{location} was uploaded, but {what}; expected the {expected} bytes of {path.name}. No catalog was "
            f"changed; check the store and package again."
        )
    return version_id


def _lies_there(file: PackagedFile, location: Location) -> bool:
    """Tell whether the file lies in its place already. Other bytes there belong to whoever published them."""
    try:
        found = is_copy(location, file.path)
    except AccessRefusedError:
        return False  # S3 says so of what is not there to whoever may not list; the upload tells it from what is
    if found is not False:
        return bool(found)
    raise PackagingError(
        f"other bytes lie at {location} already: their SHA-1 is {_sha1_at(location)}, that of {file.path.name} is "
        f"{file.sha1}. Published files are not overwritten. Choose another identifier, bucket or folder, or publish a "
        f"new version with entry_facts={{'version': '2'}} (on the command line: --version 2)."
    )


def _sha1_at(location: Location) -> str:
    found = hashlib.sha1(usedforsecurity=False)
    with open_read(location) as reading:
        for chunk in reading.chunks():
            found.update(chunk)
    return found.hexdigest()
