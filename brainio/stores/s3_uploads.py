"""Uploads to S3 in parts, which continue after an interruption.

A new upload continues with the parts of an earlier unfinished one if they contain the same bytes. S3 keeps parts, and
charges for them, until the upload is completed or aborted; after a successful upload none are left. boto3's transfer
manager neither continues uploads nor returns the version id.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from brainio.stores.location import Location
from brainio.stores.transfer import Progress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompleteMultipartUploadRequestTypeDef

PART = 16 << 20  # bytes of a part; smaller files are sent whole
MOST_PARTS = 10_000
_CONNECTIONS = 4


def is_sent_in_parts(size: int) -> bool:
    """Whether a file of that size in bytes is sent in parts."""
    return size > PART


def etag_of(path: Path) -> str:
    """Return the ETag that S3 computes of a file uploaded by this package, without quotes."""
    size = path.stat().st_size
    if not is_sent_in_parts(size):
        return _md5(path.read_bytes()).hexdigest()
    digests = [_md5(_block(path, number, part_size_of(size))).digest() for number in range(1, _count_of(size) + 1)]
    return f"{_md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def part_size_of(size: int) -> int:
    """Return the size in bytes of each part but the last of a file of that size."""
    return max(PART, -(-size // MOST_PARTS))


def _count_of(size: int) -> int:
    return -(-size // part_size_of(size))


class PartUpload:
    """The upload of one file in parts.

    Parameters
    ----------
    path : Path
        The local file.
    location : Location
        The object.
    progress : function, optional
        Called with the number of further bytes sent, possibly from other threads.
    """

    def __init__(self, path: Path, location: Location, progress: Progress | None = None) -> None:
        self._path = path
        self._bucket, self._key = location.bucket, location.key
        self._progress = progress or (lambda _count: None)
        self._size = path.stat().st_size

    def send(self, client: "S3Client", *, replace: bool) -> str | None:
        """Send the missing parts, complete the upload, and return the version id."""
        upload_id, etags = self._resume(client)
        missing = [number for number in range(1, _count_of(self._size) + 1) if number not in etags]
        with ThreadPoolExecutor(min(_CONNECTIONS, len(missing) or 1)) as pool:
            try:
                sent = pool.map(partial(self._send_part, client, upload_id), missing)
                etags |= dict(zip(missing, sent, strict=True))
            except BaseException:  # the next call continues with the sent parts
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
        if version_id == "null":  # from some servers, which then refuse requests for that version
            version_id = client.head_object(Bucket=self._bucket, Key=self._key).get("VersionId")
        self.abort_uploads(client)
        return version_id

    def abort_uploads(self, client: "S3Client") -> None:
        """Abort the unfinished uploads of this object."""
        for upload_id in self._open_uploads(client):
            with suppress(ClientError):
                client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=upload_id)

    def _resume(self, client: "S3Client") -> tuple[str, dict[int, str]]:
        """Return the id of an upload to continue, or a new one, and its existing parts: number -> ETag."""
        for upload_id in self._open_uploads(client):
            etags = self._find_parts(client, upload_id)
            if etags:
                self._progress(sum(len(_block(self._path, number, part_size_of(self._size))) for number in etags))
                return upload_id, etags
        return client.create_multipart_upload(Bucket=self._bucket, Key=self._key)["UploadId"], {}

    def _open_uploads(self, client: "S3Client") -> list[str]:
        """Return the ids of the unfinished uploads of this object; none if the credentials may not list them."""
        try:
            pages = list(client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=self._key))
        except ClientError:
            return []
        return [
            upload["UploadId"] for page in pages for upload in page.get("Uploads", []) if upload["Key"] == self._key
        ]

    def _find_parts(self, client: "S3Client", upload_id: str) -> dict[int, str]:
        """Return the parts of an upload; nothing unless all their bytes are those of this file."""
        try:
            pages = client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=self._key, UploadId=upload_id)
            parts = [part for page in pages for part in page.get("Parts", [])]
        except ClientError:  # completed or aborted meanwhile
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
    """Read one part of a file, counted from 1."""
    with path.open("rb") as file:
        file.seek((number - 1) * part_size)
        return file.read(part_size)


def _md5(data: bytes) -> "hashlib._Hash":
    return hashlib.md5(data, usedforsecurity=False)
