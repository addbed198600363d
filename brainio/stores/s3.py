"""Reads S3 through boto3: signed where credentials are found, unsigned where not or where they are refused.

`s3_access` has the clients. An endpoint other than that of AWS which refuses a request gets it once more without the
checksums that newer clients send. Bytes are not verified here, but that all announced ones came.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit, urlunsplit

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from urllib3.exceptions import HTTPError

from brainio.errors import (
    AccessRefusedError,
    ChangedFileError,
    InterruptedTransferError,
    ShorterFileError,
    TransferError,
)
from brainio.logs import get_logger
from brainio.stores.connections import minimum_speed, reason_of
from brainio.stores.location import Location
from brainio.stores.redaction import redacted
from brainio.stores.s3_clients import AWS_REQUEST_PAYER, Access, access_to, is_amazon_endpoint, replace_access
from brainio.stores.transfer import (
    CHUNK,
    Facts,
    Span,
    extent_of_part,
    hang_up,
    require_whole,
)

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, GetObjectRequestTypeDef, HeadObjectRequestTypeDef

_log = get_logger("brainio.stores")
T = TypeVar("T")
# S3 answers these with 400 as well, although the credentials are what is wrong.
_REFUSED_CODES = frozenset(
    {"AuthorizationHeaderMalformed", "ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "RequestExpired"}
    | {"RequestTimeTooSkewed", "SignatureDoesNotMatch", "TokenRefreshRequired"}
)
# How endpoints that do not know the checksums refuse them.
_CHECKSUM_STATUSES = frozenset({400, 411, 501})
_CHECKSUM_CODES = frozenset({"NotImplemented", "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch"})
_MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
_BODY_ERRORS = (BotoCoreError, HTTPError, OSError)


def call_any(location: Location, call: Callable[[Access], T]) -> T:
    """Call S3, and once more without checksums where an endpoint other than that of AWS may have refused these.

    Parameters
    ----------
    location
        The object.
    call
        Given the ways to ask, makes the whole request.
    """
    minimum_speed()  # a wrong setting is reported here; further down it would look like a broken connection
    access = access_to(location)
    try:
        return call(access)
    except TransferError as error:
        if not _may_be_of_checksums(error) or not access.may_omit_checksums:
            raise
        refusal = error
    plain = access.without_checksums()
    try:
        result = call(plain)
    except TransferError:
        raise refusal from refusal.__cause__
    _log.info("%s is asked without checksums, which it refuses: %s", location, refusal)
    replace_access(location, plain)
    return result


def _may_be_of_checksums(error: TransferError) -> bool:
    cause = error.__cause__
    return isinstance(cause, ClientError) and (
        (_status(cause) in _CHECKSUM_STATUSES and code_of(cause) not in _REFUSED_CODES)
        or code_of(cause) in _CHECKSUM_CODES
    )


@dataclass(frozen=True, slots=True)
class _ObjectReading:
    """The open body of one object."""

    location: Location
    facts: Facts
    body: "StreamingBody"

    def chunks(self, most: int = CHUNK) -> Iterator[bytes]:
        found = 0
        while True:
            try:
                block = self.body.read(most)
            except _BODY_ERRORS as error:
                raise InterruptedTransferError(
                    f"The transfer of {self.location} broke after {found} of {self.facts.length} bytes: "
                    f"{redacted(reason_of(error))}. Try again."
                ) from error
            if not block:
                break
            found += len(block)
            yield block
        require_whole(self.location, self.facts.length, found)

    def interrupt(self) -> None:
        hang_up(self.body._raw_stream)  # type: ignore[attr-defined]  # the body itself can only be closed


@contextmanager
def open_read(
    location: Location, version_id: str | None, span: Span, validator: str | None = None
) -> Iterator[_ObjectReading]:
    """Open an object, or a part of it; see `brainio.stores.open_read`."""
    request: GetObjectRequestTypeDef = {"Bucket": location.bucket, "Key": location.key}
    if version_id is not None:
        request["VersionId"] = version_id
    if not span.is_whole:
        request["Range"] = span.header
        if validator is not None:
            request["IfMatch"] = validator
    answer = _read(location, lambda client: client.get_object(**request), version_id)
    body = answer["Body"]
    try:
        yield _ObjectReading(location, _facts(location, span, answer), body)
    finally:
        body.close()


def _facts(location: Location, span: Span, answer: "GetObjectOutputTypeDef") -> Facts:
    """Return what a response states of the object; raises as `extent_of_part`, and for a response without an object."""
    status, headers = answer["ResponseMetadata"]["HTTPStatusCode"], answer["ResponseMetadata"]["HTTPHeaders"]
    length: int | None = answer.get("ContentLength")  # proxies may leave it out
    start, size = 0, length
    if status == 206:
        start, size, length = extent_of_part(location, span, answer.get("ContentRange"), length)
    elif status != 200:
        raise TransferError(
            f"{location} returned HTTP {status} and no object; expected HTTP 200. Check the location, and "
            f"AWS_ENDPOINT_URL if it is set."
        )
    etag = answer.get("ETag")
    return Facts(
        size,
        start,
        length,
        _tag(etag),
        answer.get("VersionId"),
        in_parts=True,
        validator=etag if etag and etag.startswith('"') else None,
        media_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        is_delimited=length is not None or "chunked" in headers.get("transfer-encoding", ""),
    )


def url_at_endpoint(location: Location, version_id: str | None) -> str | None:
    """Return the URL of an object, unsigned; see `brainio.stores.url_at_endpoint`."""
    client = access_to(location).unsigned
    if is_amazon_endpoint(client.meta.endpoint_url):
        return None
    params = {"Bucket": location.bucket, "Key": location.key}
    if version_id not in {None, "null"}:
        params["VersionId"] = str(version_id)
    url = urlsplit(client.generate_presigned_url("get_object", Params=params))
    return urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))  # without a name and password


def stat(location: Location, version_id: str | None) -> int | None:
    """Return the size of an object, None where there is none; see `brainio.stores.stat`."""
    facts = look(location, version_id)
    return None if facts is None else facts.size


def look(location: Location, version_id: str | None) -> Facts | None:
    """Return what S3 says of an object without giving its bytes; None where there is none."""
    request: HeadObjectRequestTypeDef = {"Bucket": location.bucket, "Key": location.key}
    if version_id is not None:
        request["VersionId"] = version_id
    try:
        answer = _read(location, lambda client: client.head_object(**request), version_id)
    except TransferError as error:
        if is_missing(error):
            return None
        raise
    size = answer.get("ContentLength")
    return Facts(size, 0, size, _tag(answer.get("ETag")), answer.get("VersionId"), in_parts=True)


def is_missing(error: TransferError) -> bool:
    """Whether an error of this module says that there is no such object."""
    return isinstance(error.__cause__, ClientError) and code_of(error.__cause__) in _MISSING_CODES


def _tag(etag: str | None) -> str | None:
    return f"ETag {etag}" if etag else None


def _read(location: Location, call: Callable[["S3Client"], T], version_id: str | None = None) -> T:
    """Ask signed where that can be, unsigned where it cannot be or was refused."""
    return call_any(location, lambda access: _read_by(access, location, call, version_id))


def _read_by(access: Access, location: Location, call: Callable[["S3Client"], T], version_id: str | None) -> T:
    signed_reason = access.no_credentials
    if access.signed is not None:
        try:
            return call(access.signed)
        except (ClientError, BotoCoreError) as error:
            if not is_refusal(error):
                raise _kind(error)(f"{location} was not read: {explain(error, version_id)}") from error
            signed_reason = f"with the credentials that were found S3 answered {_brief(error)}"
    try:
        return call(access.unsigned)
    except (ClientError, BotoCoreError) as error:
        reason = explain(error, version_id)
        if access.signed is None and not is_refusal(error):
            raise _kind(error)(f"{location} was not read: {reason}") from error
        kind = AccessRefusedError if is_refusal(error) else _kind(error)
        raise kind(f"{location} was not read: {signed_reason}; asked without credentials, {reason}") from error


def _kind(error: ClientError | BotoCoreError) -> type[TransferError]:
    status = _status(error) if isinstance(error, ClientError) else 0
    return {412: ChangedFileError, 416: ShorterFileError}.get(status, TransferError)


def is_refusal(error: ClientError | BotoCoreError) -> bool:
    """Whether asking with other credentials, or none, could end otherwise."""
    if isinstance(error, ClientError):
        return _status(error) in {401, 403} or code_of(error) in _REFUSED_CODES
    return not isinstance(error, HTTPClientError | BotoConnectionError)


def code_of(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _brief(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        status, code = str(_status(error)), code_of(error)
        message = error.response.get("Error", {}).get("Message", "no message")
        return f"{status} ({message})" if code == status else f"{status} {code} ({message})"
    return redacted(reason_of(error))


def explain(error: ClientError | BotoCoreError, version_id: str | None = None, *, writing: bool = False) -> str:
    """Say what happened, and the next step."""
    if not isinstance(error, ClientError):
        return f"{_brief(error)}. Check the network, and AWS_ENDPOINT_URL if it is set."
    code, brief = code_of(error), _brief(error)
    if _status(error) == 412:
        return f"the object is no longer the one that was opened: {brief}. Read it again."
    if code == "NoSuchBucket":
        return f"the bucket does not exist: {brief}. Check the location, and AWS_ENDPOINT_URL if it is set."
    if code in _MISSING_CODES:
        version = f" in version {version_id!r}" if version_id else ""
        return f"there is no such object{version}: {brief}. Check the location and the version id."
    if is_refusal(error) and writing:
        return (
            f"S3 answered {brief}. Get credentials that may write there (`aws configure`, AWS_PROFILE), or ask the "
            f"owner of the bucket for s3:PutObject and s3:GetObject, and try again."
        )
    if is_refusal(error):
        return (
            f"S3 answered {brief}. If the object is private, get credentials that may read it (`aws configure`, "
            f"AWS_PROFILE) and try again; if it should be public, ask the owner of the bucket.{_pay_advice()}"
        )
    if _status(error) in {301, 307}:
        region = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", "another")
        return f"the bucket lies in the region {region!r}: {brief}. Set AWS_DEFAULT_REGION to it and try again."
    if _status(error) in _CHECKSUM_STATUSES:
        return (
            f"the endpoint refused the request: {brief}. If it does not know the checksums of newer clients, set "
            f"AWS_REQUEST_CHECKSUM_CALCULATION=when_required and AWS_RESPONSE_CHECKSUM_VALIDATION=when_required."
        )
    return f"S3 answered {brief}. Try again later."


def _pay_advice() -> str:
    if os.environ.get(AWS_REQUEST_PAYER):
        return f" {AWS_REQUEST_PAYER} is set; the bucket refuses all the same."
    return f" If the bucket bills its readers (requester pays), set {AWS_REQUEST_PAYER}=requester."
