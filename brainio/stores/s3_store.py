"""The store of objects on S3 and S3-compatible servers.

The store verifies that all announced bytes arrive, but no hash. `brainio.stores.s3_requests` chooses between signed and
unsigned requests, `brainio.stores.s3_uploads` sends large files.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from brainio.errors import InterruptedTransferError, MissingFileError, TransferError
from brainio.stores.connections import reason_of
from brainio.stores.location import Location
from brainio.stores.redaction import redacted
from brainio.stores.s3_clients import access_to, is_amazon_endpoint
from brainio.stores.s3_requests import read_call, write_call
from brainio.stores.s3_uploads import PartUpload, etag_of, is_sent_in_parts
from brainio.stores.store import Store
from brainio.stores.transfer import CHUNK, Facts, Progress, Span, UploadResult, extent_of_part, require_whole, shut_down

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectOutputTypeDef,
        GetObjectRequestTypeDef,
        HeadObjectRequestTypeDef,
        PutObjectRequestTypeDef,
    )

_BODY_ERRORS = (BotoCoreError, HTTPError, OSError)
_ANY_SECONDS = 3600  # ignored in unsigned URLs


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
                    f"{redacted(reason_of(error))}. Try again."
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
        if is_sent_in_parts(size):
            send = PartUpload(path, location, progress).send
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
        if access.signed is not None and is_sent_in_parts(path.stat().st_size):
            with suppress(ClientError, BotoCoreError):
                PartUpload(path, location).abort_uploads(access.signed)

    def is_copy(self, facts: Facts, path: Path) -> bool:
        """Whether the ETag equals the ETag that S3 computes of a file uploaded by this package.

        A different ETag proves nothing: the object may be encrypted, or have been sent in parts of another size.
        """
        return facts.tag is not None and facts.tag.removeprefix("ETag ").strip('"') == etag_of(path)

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
