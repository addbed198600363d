"""Uploads: send the files of a package to their locations, read them back, and never overwrite published bytes.

Does not know catalogs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.errors import AccessRefusedError, ChangedFileError, PackagingError, TransferError
from brainio.progress import TransferBar, readable_size
from brainio.stores import Location, abort_uploads, is_copy, open_read, parse_location, stat, upload

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from brainio.packaging.packages import PackagedFile


@dataclass(frozen=True)
class Upload:
    """A file, its location, and whether the location contains its bytes already; as text, a line of a dry run."""

    file: PackagedFile
    location: Location
    is_stored: bool

    def __str__(self) -> str:
        size = readable_size(self.file.path.stat().st_size)
        if self.is_stored:
            return f"leave {self.location} ({size}), which has the same bytes already"
        return f"send {self.file.path.name} ({size}) to {self.location} and read it back"

    def execute(self) -> str | None:
        """Send the file unless it is stored already.

        Returns
        -------
        str or None
            The version id that the store assigned; None if nothing was sent, or the store has no versions.

        Raises
        ------
        PackagingError
            Meanwhile, another process stored other bytes at the location.
        TransferError
            The store rejected the file, or returned other bytes.
        """
        if self.is_stored:
            return None
        try:
            return send(self.file.path, self.location, replace=False)
        except ChangedFileError as error:
            if is_stored(self.file, self.location):
                return None
            raise PackagingError(
                f"{self.location} already exists, and these credentials may not read it ({error}). Published files are "
                f"never overwritten: choose another identifier, bucket or folder, or request s3:GetObject and retry."
            ) from error


def plan_uploads(files: Sequence[PackagedFile], locations: Sequence[Location]) -> list[Upload]:
    """Check all locations, so that a conflict is found before the first byte is sent.

    Raises
    ------
    PackagingError
        A location contains other bytes.
    TransferError
        A store did not respond.
    """
    return [Upload(file, place, is_stored(file, place)) for file, place in zip(files, locations, strict=True)]


def execute_uploads(uploads: Sequence[Upload]) -> list[str | None]:
    """Execute uploads; return the version id of each file, see `Upload.execute`."""
    for planned in uploads:
        if planned.is_stored:  # parts of an interrupted upload are no longer needed
            abort_uploads(planned.file.path, planned.location)
    return [planned.execute() for planned in uploads]


def is_stored(file: PackagedFile, location: Location) -> bool:
    """Return whether a location contains a file already.

    Raises
    ------
    PackagingError
        It contains other bytes, which another package published.
    """
    try:
        is_same = is_copy(location, file.path)
    except AccessRefusedError:
        return False  # S3 also denies access to missing keys if the bucket may not be listed; the upload will decide
    if is_same is not False:
        return bool(is_same)
    raise PackagingError(
        f"{location} already contains other bytes: their SHA-1 is {_stored_sha1(location)}, that of {file.path.name} "
        f"is {file.sha1}. Published files are never overwritten. Choose another identifier, bucket or folder, or "
        f"publish a new version with entry_facts={{'version': '2'}} (on the command line: --version 2)."
    )


def send(path: Path, location: Location, *, replace: bool) -> str | None:
    """Upload a file, read it back, and return the version id that the store assigned.

    Raises
    ------
    ChangedFileError
        The location contains a file already, and `replace` is False.
    TransferError
        The store rejected the file, or returned other bytes.
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
        size = stat(location, version_id)
        fault = "is missing" if size is None else f"has {size} {'different ' * (size == expected)}bytes"
        raise TransferError(
            f"{location} was uploaded, but {fault}; expected the {expected} bytes of {path.name}. No catalog was "
            f"changed; check the store and package again."
        )
    return version_id


def _stored_sha1(location: Location) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    with open_read(location) as reading:
        for chunk in reading.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def upload_to_s3(source_file_path: str | os.PathLike[str], bucket_name: str, target_s3_key: str) -> dict[str, object]:
    """Upload one file to S3, replacing an existing object, and verify the stored bytes.

    Parameters
    ----------
    source_file_path : path
        The local file.
    bucket_name : str
        The bucket, or `'bucket/folder'`.
    target_s3_key : str
        The key, relative to `bucket_name`.

    Returns
    -------
    dict
        `ContentLength` in bytes, and `VersionId` if the bucket has versions, as S3 names them.

    Raises
    ------
    TransferError
        S3 rejected the file, or returned other bytes.
    """
    path = Path(source_file_path)
    version_id = send(path, parse_location(f"s3://{bucket_name.rstrip('/')}/{target_s3_key}"), replace=True)
    properties: dict[str, object] = {"ContentLength": path.stat().st_size}
    return properties if version_id is None else {**properties, "VersionId": version_id}


def get_user_info(sts_client: object) -> tuple[str, str]:
    """Return the account and the user name of an STS client of boto3.

    Parameters
    ----------
    sts_client : boto3 client
        `boto3.client("sts")`.

    Returns
    -------
    tuple of str
        Account and user name.
    """
    identity = sts_client.get_caller_identity()  # type: ignore[attr-defined]
    return identity["Account"], identity["Arn"].rpartition("/")[2]
