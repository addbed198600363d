"""Writes S3 through boto3: whole objects, large files in parts, and only on condition where that is asked.

A file in parts goes on with the parts that lie there from an upload that ended early, if they are the same bytes. S3
keeps such parts until the upload is completed or aborted; once the file lies there, nothing of them is left.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from brainio.errors import AccessRefusedError, ChangedFileError, TransferError
from brainio.stores.location import Location
from brainio.stores.s3 import call_any, code_of, explain, is_refusal
from brainio.stores.s3_clients import Access, access_to
from brainio.stores.transfer import Progress, Uploaded

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompleteMultipartUploadRequestTypeDef, PutObjectRequestTypeDef

T = TypeVar("T")
PART = 16 << 20
MOST_PARTS = 10_000
_CONNECTIONS = 4
# That an upload is gone means that somebody completed the same file, or aborted it since another lies there.
_CONDITION_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "NoSuchUpload"})


def upload(path: Path, location: Location, progress: Progress | None, *, replace: bool) -> Uploaded:
    """Write a file to an object; see `brainio.stores.upload`."""
    size = path.stat().st_size
    what = f"{path.name} was not sent to {location}"
    if size > PART:
        send = _Parts(path, location, progress or _no_progress).send
        return Uploaded(_write(location, what, partial(send, replace=replace)), size)
    version_id = _write(location, what, partial(_send_whole, path, location, replace=replace))
    if progress is not None:
        progress(size)
    return Uploaded(version_id, size)


def replace_if(location: Location, data: bytes, tag: str | None) -> None:
    """Write an object on condition; see `brainio.stores.replace_if`."""
    request: PutObjectRequestTypeDef = {"Bucket": location.bucket, "Key": location.key, "Body": data}
    if tag is None:
        request["IfNoneMatch"] = "*"
    else:
        request["IfMatch"] = tag.removeprefix("ETag ")
    _write(location, f"{location} was not written", lambda client: client.put_object(**request))


def end_uploads(path: Path, location: Location) -> None:
    """End uploads that were begun; see `brainio.stores.end_uploads`."""
    access = access_to(location)
    if access.signed is not None and path.stat().st_size > PART:
        with suppress(ClientError, BotoCoreError):
            _Parts(path, location, _no_progress).end_uploads(access.signed)


def is_tag_of(tag: str, path: Path) -> bool:
    """Whether an ETag is what S3 computes of a file that was written by this module.

    It is never that of other bytes. Where it is another, the bytes may be the same all the same: encrypted with a key
    of the bucket's owner, or sent in parts of another size.
    """
    size = path.stat().st_size
    if size <= PART:
        expected = _md5(path.read_bytes()).hexdigest()
    else:
        sums = [_md5(_block(path, number, part_size_of(size))).digest() for number in range(1, _count_of(size) + 1)]
        expected = f"{_md5(b''.join(sums)).hexdigest()}-{len(sums)}"
    return tag.removeprefix("ETag ").strip('"') == expected


def part_size_of(size: int) -> int:
    """Return the bytes of each part but the last of a file of that size."""
    return max(PART, -(-size // MOST_PARTS))


def _count_of(size: int) -> int:
    return -(-size // part_size_of(size))


def _write(location: Location, what: str, call: Callable[["S3Client"], T]) -> T:
    return call_any(location, lambda access: _write_by(access, what, call))


def _write_by(access: Access, what: str, call: Callable[["S3Client"], T]) -> T:
    if access.signed is None:
        raise AccessRefusedError(
            f"{what}: {access.no_credentials}, and writing needs some. "
            f"Run `aws configure`, or set AWS_PROFILE, and try again."
        )
    try:
        return call(access.signed)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and code_of(error) in _CONDITION_CODES:
            raise ChangedFileError(f"{what}: something was written there by others. Look at it again.") from error
        kind = AccessRefusedError if is_refusal(error) else TransferError
        raise kind(f"{what}: {explain(error, writing=True)}") from error


def _send_whole(path: Path, location: Location, client: "S3Client", *, replace: bool) -> str | None:
    with path.open("rb") as body:
        request: PutObjectRequestTypeDef = {"Bucket": location.bucket, "Key": location.key, "Body": body}
        if not replace:
            request["IfNoneMatch"] = "*"
        return client.put_object(**request).get("VersionId")


class _Parts:
    """One file that goes to S3 in parts, by hand: boto3's transfer manager neither goes on nor tells the version id."""

    def __init__(self, path: Path, location: Location, progress: Progress) -> None:
        self._path = path
        self._bucket, self._key = location.bucket, location.key
        self._progress = progress
        self._size = path.stat().st_size

    def send(self, client: "S3Client", *, replace: bool) -> str | None:
        """Send what does not lie there yet, complete the upload, and return the version id."""
        upload_id, etags = self._begun(client)
        missing = [number for number in range(1, _count_of(self._size) + 1) if number not in etags]
        with ThreadPoolExecutor(min(_CONNECTIONS, len(missing) or 1)) as pool:
            try:
                sent = pool.map(partial(self._send_part, client, upload_id), missing)
                etags |= dict(zip(missing, sent, strict=True))
            except BaseException:  # what was sent stays there, for the next call to go on
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        request: CompleteMultipartUploadRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._key,
            "UploadId": upload_id,
            "MultipartUpload": {"Parts": [{"ETag": etags[number], "PartNumber": number} for number in sorted(etags)]},
        }
        if not replace:
            request["IfNoneMatch"] = "*"
        version_id = client.complete_multipart_upload(**request).get("VersionId")
        if version_id == "null":  # so say some servers of a bucket without versions, and refuse to give that version
            version_id = client.head_object(Bucket=self._bucket, Key=self._key).get("VersionId")
        self.end_uploads(client)
        return version_id

    def end_uploads(self, client: "S3Client") -> None:
        """End what other calls left, whose parts are paid for: the file lies there."""
        for upload_id in self._open_uploads(client):
            with suppress(ClientError):
                client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=upload_id)

    def _begun(self, client: "S3Client") -> tuple[str, dict[int, str]]:
        """Return the upload to go on with, and the parts of it that lie there: number -> ETag."""
        for upload_id in self._open_uploads(client):
            etags = self._parts_there(client, upload_id)
            if etags:
                self._progress(sum(len(_block(self._path, number, part_size_of(self._size))) for number in etags))
                return upload_id, etags
        return client.create_multipart_upload(Bucket=self._bucket, Key=self._key)["UploadId"], {}

    def _open_uploads(self, client: "S3Client") -> list[str]:
        """List the uploads of this key that were begun and not ended; none, where they may not be listed."""
        try:
            pages = list(client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=self._key))
        except ClientError:
            return []
        return [one["UploadId"] for page in pages for one in page.get("Uploads", []) if one["Key"] == self._key]

    def _parts_there(self, client: "S3Client", upload_id: str) -> dict[int, str]:
        """Return the parts of an upload if all of them are of this file to the byte, else nothing."""
        try:
            pages = client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=self._key, UploadId=upload_id)
            parts = [part for page in pages for part in page.get("Parts", [])]
        except ClientError:  # it was ended meanwhile
            return {}
        etags = {}
        for part in parts:
            block = _block(self._path, part["PartNumber"], part_size_of(self._size))
            if len(block) != part["Size"] or _md5(block).hexdigest() != part["ETag"].strip('"'):
                return {}
            etags[part["PartNumber"]] = part["ETag"]
        return etags

    def _send_part(self, client: "S3Client", upload_id: str, number: int) -> str:
        block = _block(self._path, number, part_size_of(self._size))
        etag = client.upload_part(
            Bucket=self._bucket, Key=self._key, UploadId=upload_id, PartNumber=number, Body=block
        )["ETag"]
        self._progress(len(block))
        return etag


def _block(path: Path, number: int, part_size: int) -> bytes:
    """Read one part of a file; parts are counted from 1."""
    with path.open("rb") as file:
        file.seek((number - 1) * part_size)
        return file.read(part_size)


def _md5(data: bytes) -> "hashlib._Hash":
    return hashlib.md5(data, usedforsecurity=False)


def _no_progress(_count: int) -> None:
    """Tell nobody."""
