"""Requests to S3: signed if credentials exist, unsigned if there are none or S3 refuses them.

Clients of boto3 are created for the current environment and cached until it changes. The variables and files of boto3
configure nearly everything: ``AWS_ENDPOINT_URL``, ``AWS_PROFILE``, regions, and the address style (botocore's 'auto':
path style for buckets with dots, which no HTTPS certificate covers). ``AWS_REQUEST_PAYER=requester`` pays for signed
requests to buckets that require it. If an endpoint other than that of AWS refuses a request, it is sent once more
without the checksums of newer clients. Errors of boto3 become errors of this package, with the next step.
"""

import os
import threading
from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import botocore.session
from boto3.session import Session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.loaders import JSONFileLoader

from brainio.errors import (
    AccessRefusedError,
    ChangedFileError,
    MissingFileError,
    ShorterFileError,
    TransferError,
)
from brainio.forks import guard
from brainio.stores.connections import CONNECT_TIMEOUT, READ_TIMEOUT, ca_bundle, metered_pools, minimum_speed, reason_of
from brainio.stores.location import Location
from brainio.stores.redaction import redact
from brainio.text import get_logger

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_s3 import S3Client


_CONNECTIONS = 32
AWS_REQUEST_PAYER = "AWS_REQUEST_PAYER"
_CHECKSUM_VARIABLES = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
_PROXY_VARIABLES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
_log = get_logger("brainio.stores")
T = TypeVar("T")
# S3 returns some of these with status 400, although they concern the credentials.
_REFUSED_CODES = frozenset(
    {"AuthorizationHeaderMalformed", "ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "RequestExpired"}
    | {"RequestTimeTooSkewed", "SignatureDoesNotMatch", "TokenRefreshRequired"}
)
# The responses of endpoints that do not support the checksums.
_CHECKSUM_STATUSES = frozenset({400, 411, 501})
_CHECKSUM_CODES = frozenset({"NotImplemented", "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch"})
_MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
# NoSuchUpload: another process completed the upload of the same file, or aborted it because another file exists.
_CONDITION_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "NoSuchUpload"})


class Access:
    """The clients for one environment. If ``signed`` is None, ``no_credentials`` contains the reason."""

    def __init__(self, region: str | None, *, checksums: bool = True) -> None:
        self._region, self._config = region, _config(checksums=checksums)
        self.no_credentials = "no credentials were found"
        self.signed: S3Client | None = None
        pays = _is_requester_paying()
        try:
            session = botocore.session.Session()
            if session.get_credentials() is not None:
                self.signed = _create_client(session, region, self._config)
                if pays:
                    self.signed.meta.events.register("before-parameter-build.s3", _pay)
        except BotoCoreError as error:  # a missing profile, half a key pair, an expired SSO login, ...
            self.no_credentials = f"the credentials cannot be used ({redact(str(error))})"

    @cached_property
    def unsigned(self) -> "S3Client":
        """The client that needs neither credentials nor a valid configuration."""
        try:
            return self._unsigned_client(botocore.session.Session())
        except BotoCoreError:  # AWS_PROFILE or a configuration file is broken: ignore them
            empty = {
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
            return self._unsigned_client(botocore.session.Session(session_vars=empty))

    def _unsigned_client(self, core: botocore.session.Session) -> "S3Client":
        return _create_client(core, self._region, self._config.merge(Config(signature_version=UNSIGNED)))

    def without_checksums(self) -> "Access":
        """Return clients that do not send the checksums of newer clients."""
        return Access(self._region, checksums=False)

    @property
    def may_omit_checksums(self) -> bool:
        """Whether the endpoint is not that of AWS, and the user did not configure the checksums."""
        meta = (self.signed or self.unsigned).meta
        is_amazon = is_amazon_endpoint(meta.endpoint_url)
        is_set = any(name in os.environ for name in _CHECKSUM_VARIABLES)
        calculation = meta.config.request_checksum_calculation  # type: ignore[attr-defined]
        return not is_amazon and not is_set and calculation == "when_supported"


def is_amazon_endpoint(url: str) -> bool:
    """Whether an endpoint is that of AWS.

    Examples
    --------
    >>> is_amazon_endpoint("https://s3.eu-west-1.amazonaws.com"), is_amazon_endpoint("https://minio.lab.org")
    (True, False)
    """
    return (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


class _ApiDescriptions(JSONFileLoader):
    """Reads botocore's description of S3 once per process; for each new client, that would take 0.1 s of CPU time."""

    def load_file(self, file_path: str) -> Any:
        return _read_description(file_path)


@cache
def _read_description(path: str) -> Any:
    return JSONFileLoader().load_file(path)


def _create_client(core: botocore.session.Session, region: str | None, config: Config) -> "S3Client":
    core.get_component("data_loader").file_loader = _ApiDescriptions()
    verify = None if core.get_config_variable("ca_bundle") else ca_bundle()
    client = Session(botocore_session=core).client("s3", region_name=region, config=config, verify=verify)
    # botocore offers no other way to replace its connections. Its pool manager uses the same dictionary.
    pools = client._endpoint.http_session._pool_classes_by_scheme  # type: ignore[attr-defined]
    pools.update(metered_pools(pools))
    return client


def _is_requester_paying() -> bool:
    """Whether the environment declares that the sender of a request pays for it.

    Raises
    ------
    TransferError
        The variable has a value that S3 does not know.
    """
    value = os.environ.get(AWS_REQUEST_PAYER, "").strip().lower()
    if value not in {"", "requester"}:
        raise TransferError(f"{AWS_REQUEST_PAYER} is {value!r}; S3 knows only 'requester'. Correct or unset it.")
    return value == "requester"


def _pay(params: dict[str, Any], model: "OperationModel", **_: object) -> None:
    """Declare in a request that its sender pays, if the operation has a parameter for that."""
    if model.input_shape is not None and "RequestPayer" in model.input_shape.members:
        params.setdefault("RequestPayer", "requester")


def _config(*, checksums: bool) -> Config:
    return Config(
        # None: the setting of the environment, else the default.
        request_checksum_calculation=None if checksums else "when_required",
        response_checksum_validation=None if checksums else "when_required",
        retries={"mode": "standard"},
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=_CONNECTIONS,
    )


_lock = guard(threading.RLock(), "the clients for S3")
_accesses: dict[tuple[object, ...], Access] = {}


def access_to(location: Location) -> Access:
    """Return the clients for the current environment; threads share them."""
    key = _environment(location.region)
    with _lock:
        if key not in _accesses:
            _accesses[key] = Access(location.region or None)
        return _accesses[key]


def _environment(region: str) -> tuple[object, ...]:
    """Return everything that configures the clients."""
    names = (name for name in os.environ if name.startswith("AWS_") or name.upper() in _PROXY_VARIABLES)
    settings = tuple(sorted((name, os.environ[name]) for name in names))
    # A forked process must not use its parent's connections.
    return os.getpid(), region, os.environ.get("HOME"), ca_bundle(), settings


def _replace_access(location: Location, access: Access) -> None:
    """Use these clients for a location until the environment changes."""
    with _lock:
        _accesses[_environment(location.region)] = access


def read_call(location: Location, call: Callable[["S3Client"], T], version_id: str | None = None) -> T:
    """Make a reading call, signed if that is possible, and unsigned if it is not or is refused.

    Raises
    ------
    MissingFileError
        There is no such object.
    TransferError
        S3 refused the request, or did not answer.
    """
    return _call(location, lambda access: _call_reading(access, location, call, version_id))


def _call_reading(access: Access, location: Location, call: Callable[["S3Client"], T], version_id: str | None) -> T:
    signed_reason = access.no_credentials
    if access.signed is not None:
        try:
            return call(access.signed)
        except (ClientError, BotoCoreError) as error:
            if not _is_refusal(error):
                raise _error_class(error)(f"{location} was not read: {_explain(error, version_id)}") from error
            signed_reason = f"with the available credentials, S3 returned {_brief(error)}"
    try:
        return call(access.unsigned)
    except (ClientError, BotoCoreError) as error:
        reason = _explain(error, version_id)
        if access.signed is None and not _is_refusal(error):
            raise _error_class(error)(f"{location} was not read: {reason}") from error
        error_class = AccessRefusedError if _is_refusal(error) else _error_class(error)
        raise error_class(f"{location} was not read: {signed_reason}; without credentials, {reason}") from error


def write_call(location: Location, failure: str, call: Callable[["S3Client"], T]) -> T:
    """Make a writing call, which must be signed.

    Parameters
    ----------
    location : Location
        The object.
    failure : str
        Start of the error message.
    call : function
        Called with a client.

    Raises
    ------
    ChangedFileError
        The condition of the request is not met.
    TransferError
        S3 refused the request, or did not answer.
    """
    return _call(location, lambda access: _call_writing(access, failure, call))


def _call_writing(access: Access, failure: str, call: Callable[["S3Client"], T]) -> T:
    if access.signed is None:
        raise AccessRefusedError(
            f"{failure}: {access.no_credentials}, and writing needs them. "
            f"Run `aws configure`, or set AWS_PROFILE, and try again."
        )
    try:
        return call(access.signed)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and is_unmet_condition(error):
            raise ChangedFileError(f"{failure}: another process wrote a file there. Read it again.") from error
        error_class = AccessRefusedError if _is_refusal(error) else TransferError
        raise error_class(f"{failure}: {_explain(error, writing=True)}") from error


def is_unmet_condition(error: ClientError) -> bool:
    """Return whether S3 refused a write because another process wrote the object, or ended the same upload."""
    return _error_code(error) in _CONDITION_CODES


def _call(location: Location, call: Callable[[Access], T]) -> T:
    """Call S3, and once more without checksums if an endpoint other than that of AWS may have refused them."""
    minimum_speed()  # report a wrong setting here: within a response it would look like a broken connection
    access = access_to(location)
    try:
        return call(access)
    except TransferError as error:
        if not _may_refuse_checksums(error) or not access.may_omit_checksums:
            raise
        refusal = error
    plain = access.without_checksums()
    try:
        result = call(plain)
    except TransferError:
        raise refusal from refusal.__cause__
    _log.info("requests for %s are sent without checksums, which the endpoint refuses: %s", location, refusal)
    _replace_access(location, plain)
    return result


def _may_refuse_checksums(error: TransferError) -> bool:
    cause = error.__cause__
    return isinstance(cause, ClientError) and (
        (_status(cause) in _CHECKSUM_STATUSES and _error_code(cause) not in _REFUSED_CODES)
        or _error_code(cause) in _CHECKSUM_CODES
    )


def _error_class(error: ClientError | BotoCoreError) -> type[TransferError]:
    if not isinstance(error, ClientError):
        return TransferError
    if _error_code(error) in _MISSING_CODES:
        return MissingFileError
    return {412: ChangedFileError, 416: ShorterFileError}.get(_status(error), TransferError)


def _is_refusal(error: ClientError | BotoCoreError) -> bool:
    """Whether the request could succeed with other credentials, or with none."""
    if isinstance(error, ClientError):
        return _status(error) in {401, 403} or _error_code(error) in _REFUSED_CODES
    return not isinstance(error, HTTPClientError | BotoConnectionError)


def _error_code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _brief(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        status, code = str(_status(error)), _error_code(error)
        message = error.response.get("Error", {}).get("Message", "no message")
        return f"{status} ({message})" if code == status else f"{status} {code} ({message})"
    return redact(reason_of(error))


def _explain(error: ClientError | BotoCoreError, version_id: str | None = None, *, writing: bool = False) -> str:
    """Return the failure and the next step, as text."""
    if not isinstance(error, ClientError):
        return f"{_brief(error)}. Check the network, and AWS_ENDPOINT_URL if it is set."
    code, brief = _error_code(error), _brief(error)
    if _status(error) == 412:
        return f"the object has changed since it was opened: {brief}. Read it again."
    if code == "NoSuchBucket":
        return f"the bucket does not exist: {brief}. Check the location, and AWS_ENDPOINT_URL if it is set."
    if code in _MISSING_CODES:
        version = f" in version {version_id!r}" if version_id else ""
        return f"there is no such object{version}: {brief}. Check the location and the version id."
    if _is_refusal(error) and writing:
        return (
            f"S3 returned {brief}. Get credentials that may write there (`aws configure`, AWS_PROFILE), or ask the "
            f"owner of the bucket for s3:PutObject and s3:GetObject, and try again."
        )
    if _is_refusal(error):
        return (
            f"S3 returned {brief}. If the object is private, get credentials that may read it (`aws configure`, "
            f"AWS_PROFILE) and try again; if it should be public, ask the owner of the bucket.{_pay_advice()}"
        )
    if _status(error) in {301, 307}:
        region = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", "another")
        return f"the bucket is in the region {region!r}: {brief}. Set AWS_DEFAULT_REGION to it and try again."
    if _status(error) in _CHECKSUM_STATUSES:
        return (
            f"the endpoint refused the request: {brief}. If it does not support the checksums of newer clients, set "
            f"AWS_REQUEST_CHECKSUM_CALCULATION=when_required and AWS_RESPONSE_CHECKSUM_VALIDATION=when_required."
        )
    return f"S3 returned {brief}. Try again later."


def _pay_advice() -> str:
    if os.environ.get(AWS_REQUEST_PAYER):
        return f" {AWS_REQUEST_PAYER} is set, and the bucket refuses the request nevertheless."
    return f" If the bucket bills its readers (requester pays), set {AWS_REQUEST_PAYER}=requester."
