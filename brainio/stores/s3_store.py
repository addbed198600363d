"""The store of objects on S3 and S3-compatible servers.

Large files are sent in parts. A new upload continues with the parts of an earlier unfinished one if they contain the
same bytes. S3 keeps parts, and charges for them, until the upload is completed or aborted; after a successful upload
none are left. boto3's transfer manager neither continues uploads nor returns the version id.

The store verifies that all announced bytes arrive, but no hash. `brainio.stores.s3_requests` chooses between signed and
unsigned requests.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from brainio.errors import InterruptedTransferError, MissingFileError, TransferError
from brainio.stores.connections import extent_of_part, reason_of, shut_down
from brainio.stores.location import Location
from brainio.stores.redaction import redact
from brainio.stores.s3_requests import access_to, is_amazon_endpoint, is_unmet_condition, read_call, write_call
from brainio.stores.store import CHUNK, Facts, Progress, Span, Store, UploadResult, require_whole

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CompleteMultipartUploadRequestTypeDef,
        GetObjectOutputTypeDef,
        GetObjectRequestTypeDef,
        HeadObjectRequestTypeDef,
        PutObjectRequestTypeDef,
    )


_BODY_ERRORS = (BotoCoreError, HTTPError, OSError)
_ANY_SECONDS = 3600  # ignored in unsigned URLs
PART = 16 << 20  # bytes of a part; smaller files are sent whole
_MOST_PARTS = 10_000
_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class _ObjectReading:
    """The open body of one object."""

    location: Location
    facts: Facts
    body: "StreamingBody"

    def chunks(self, most: int = CHUNK) -> Iterator[bytes]:
        count = 0
        while True:
            try:
                block = self.body.read(most)
            except _BODY_ERRORS as error:
                raise InterruptedTransferError(
                    f"The transfer of {self.location} broke after {count} of {self.facts.length} bytes: "
                    f"{redact(reason_of(error))}. Try again."
                ) from error
            if not block:
                break
            count += len(block)
            yield block
        require_whole(self.location, self.facts.length, count)

    def interrupt(self) -> None:
        shut_down(self.body._raw_stream)  # type: ignore[attr-defined]  # the body itself can only be closed


class S3Store(Store):
    """Objects with versions, conditional writes, and uploads that continue after an interruption."""

    has_versions = True
    has_compare_and_swap = True

    @contextmanager
    def open_read(
        self, location: Location, span: Span, validator: str | None = None, version_id: str | None = None
    ) -> Iterator[_ObjectReading]:
        """Open an object, or a part of it; a changed one is an error."""
        request: GetObjectRequestTypeDef = {"Bucket": location.bucket, "Key": location.key}
        if version_id:
            request["VersionId"] = version_id
        if not span.is_whole:
            request["Range"] = span.header
            if validator is not None:
                request["IfMatch"] = validator
        response = read_call(location, lambda client: client.get_object(**request), version_id)
        body = response["Body"]
        try:
            yield _ObjectReading(location, _facts(location, span, response), body)
        finally:
            body.close()

    def find(self, location: Location, version_id: str | None = None) -> Facts | None:
        """Send a HEAD request."""
        request: HeadObjectRequestTypeDef = {"Bucket": location.bucket, "Key": location.key}
        if version_id:
            request["VersionId"] = version_id
        try:
            response = read_call(location, lambda client: client.head_object(**request), version_id)
        except MissingFileError:
            return None
        size = response.get("ContentLength")
        return Facts(size, 0, size, _tag(response.get("ETag")), response.get("VersionId"), in_parts=True)

    def upload(self, path: Path, location: Location, progress: Progress | None, *, replace: bool) -> UploadResult:
        """Send a file, in parts if it is large."""
        size = path.stat().st_size
        failure = f"{path.name} was not sent to {location}"
        if _is_sent_in_parts(size):
            send = _PartUpload(path, location, progress).send
            return UploadResult(write_call(location, failure, partial(send, replace=replace)), size)
        version_id = write_call(location, failure, partial(_send_whole, path, location, replace=replace))
        if progress is not None:
            progress(size)
        return UploadResult(version_id, size)

    def replace_if(self, location: Location, data: bytes, tag: str | None) -> None:
        """Send an object with the condition ``If-Match`` or ``If-None-Match``."""
        request: PutObjectRequestTypeDef = {"Bucket": location.bucket, "Key": location.key, "Body": data}
        if tag is None:
            request["IfNoneMatch"] = "*"
        else:
            request["IfMatch"] = tag.removeprefix("ETag ")
        write_call(location, f"{location} was not written", lambda client: client.put_object(**request))

    def abort_uploads(self, path: Path, location: Location) -> None:
        """Abort the unfinished uploads of a large file; S3 charges for their parts."""
        access = access_to(location)
        if access.signed is not None and _is_sent_in_parts(path.stat().st_size):
            with suppress(ClientError, BotoCoreError):
                _PartUpload(path, location).abort_uploads(access.signed)

    def is_copy(self, facts: Facts, path: Path) -> bool:
        """Whether the ETag equals the ETag that S3 computes of a file uploaded by this package.

        A different ETag proves nothing: the object may be encrypted, or have been sent in parts of another size.
        """
        return facts.tag is not None and facts.tag.removeprefix("ETag ").strip('"') == _etag_of(path)

    def public_url(self, location: Location, version_id: str) -> str:
        """Return the unsigned HTTPS URL at AWS, or at the endpoint that the environment configures."""
        version_id = "" if version_id == "null" else version_id
        client = access_to(location).unsigned
        if not is_amazon_endpoint(client.meta.endpoint_url):
            url = urlsplit(_url_by(client, location, version_id, "GET", None))
            return urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))  # without a name and password
        query = f"?versionId={quote(version_id, safe='')}" if version_id else ""
        if "." in location.bucket:  # the certificates of S3 cover names without dots
            return f"https://s3.amazonaws.com/{location.bucket}/{quote(location.key)}{query}"
        return f"https://{location.bucket}.s3.amazonaws.com/{quote(location.key)}{query}"

    def request_url(self, location: Location, version_id: str, method: str, signed_seconds: int | None) -> str:
        """Return a URL for one request, signed on demand."""
        access = access_to(location)
        client = access.unsigned if signed_seconds is None else access.signed
        if client is None:
            raise TransferError(
                f"links into the bucket {location.bucket} cannot be signed: {access.no_credentials}. Run `aws "
                f"configure`, or set AWS_PROFILE, and try again."
            )
        return _url_by(client, location, version_id, method, signed_seconds)


def _url_by(client: "S3Client", location: Location, version_id: str, method: str, seconds: int | None) -> str:
    params = {"Bucket": location.bucket, "Key": location.key}
    if version_id:
        params["VersionId"] = version_id
    operation = {"GET": "get_object", "HEAD": "head_object"}[method]
    return client.generate_presigned_url(operation, Params=params, ExpiresIn=seconds or _ANY_SECONDS)


def _facts(location: Location, span: Span, response: "GetObjectOutputTypeDef") -> Facts:
    """Return the facts about an object in a response; raise TransferError if the response contains no object."""
    status, headers = response["ResponseMetadata"]["HTTPStatusCode"], response["ResponseMetadata"]["HTTPHeaders"]
    length: int | None = response.get("ContentLength")  # proxies may leave it out
    start, size = 0, length
    if status == 206:
        start, size, length = extent_of_part(location, span, response.get("ContentRange"), length)
    elif status != 200:
        raise TransferError(
            f"{location} returned HTTP {status} and no object; expected HTTP 200. Check the location, and "
            f"AWS_ENDPOINT_URL if it is set."
        )
    etag = response.get("ETag")
    return Facts(
        size,
        start,
        length,
        _tag(etag),
        response.get("VersionId"),
        in_parts=True,
        validator=etag if etag and etag.startswith('"') else None,
        media_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        is_delimited=length is not None or "chunked" in headers.get("transfer-encoding", ""),
    )


def _tag(etag: str | None) -> str | None:
    return f"ETag {etag}" if etag else None


def _send_whole(path: Path, location: Location, client: "S3Client", *, replace: bool) -> str | None:
    with path.open("rb") as body:
        request: PutObjectRequestTypeDef = {"Bucket": location.bucket, "Key": location.key, "Body": body}
        if not replace:
            request["IfNoneMatch"] = "*"
        return client.put_object(**request).get("VersionId")


def _is_sent_in_parts(size: int) -> bool:
    """Whether a file of that size in bytes is sent in parts."""
    return size > PART


def _etag_of(path: Path) -> str:
    """Return the ETag that S3 computes of a file uploaded by this package, without quotes."""
    size = path.stat().st_size
    if not _is_sent_in_parts(size):
        return _md5(path.read_bytes()).hexdigest()
    digests = [_md5(_block(path, number, _part_size_of(size))).digest() for number in range(1, _part_count(size) + 1)]
    return f"{_md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def _part_size_of(size: int) -> int:
    """Return the size in bytes of each part but the last of a file of that size."""
    return max(PART, -(-size // _MOST_PARTS))


def _part_count(size: int) -> int:
    return -(-size // _part_size_of(size))


class _PartUpload:
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
        missing = [number for number in range(1, _part_count(self._size) + 1) if number not in etags]
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
        try:
            version_id = client.complete_multipart_upload(**request).get("VersionId")
        except ClientError as error:
            if is_unmet_condition(error):  # nobody can complete this upload any more; S3 charges for its parts
                self._abort(client, [upload_id])
            raise
        if version_id == "null":  # from some servers, which then refuse requests for that version
            version_id = client.head_object(Bucket=self._bucket, Key=self._key).get("VersionId")
        self.abort_uploads(client)
        return version_id

    def abort_uploads(self, client: "S3Client") -> None:
        """Abort the unfinished uploads of this object."""
        self._abort(client, self._open_uploads(client))

    def _abort(self, client: "S3Client", upload_ids: Iterable[str]) -> None:
        for upload_id in upload_ids:
            with suppress(ClientError):
                client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=upload_id)

    def _resume(self, client: "S3Client") -> tuple[str, dict[int, str]]:
        """Return the id of an upload to continue, or a new one, and its existing parts: number -> ETag."""
        for upload_id in self._open_uploads(client):
            etags = self._find_parts(client, upload_id)
            if etags:
                self._progress(sum(len(_block(self._path, number, _part_size_of(self._size))) for number in etags))
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
            block = _block(self._path, part["PartNumber"], _part_size_of(self._size))
            if len(block) != part["Size"] or _md5(block).hexdigest() != part["ETag"].strip('"'):
                return {}
            etags[part["PartNumber"]] = part["ETag"]
        return etags

    def _send_part(self, client: "S3Client", upload_id: str, number: int) -> str:
        block = _block(self._path, number, _part_size_of(self._size))
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
