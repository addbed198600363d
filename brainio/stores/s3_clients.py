"""The clients that ask S3: made by boto3 for the environment as it is, kept for as long as that stays.

boto3's own variables and files decide nearly everything: ``AWS_ENDPOINT_URL``, ``AWS_PROFILE``, regions, and the
address style (botocore's 'auto': buckets with dots are asked for in path style, since no https certificate covers
them). ``AWS_REQUEST_PAYER=requester`` pays for signed requests to buckets that ask for it.
"""

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
from boto3.session import Session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from brainio.errors import TransferError
from brainio.forks import guard
from brainio.stores.connections import ca_bundle, metered_pools
from brainio.stores.location import Location
from brainio.stores.redaction import redacted
from brainio.stores.transfer import CONNECT_TIMEOUT, READ_TIMEOUT

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_s3 import S3Client

_CONNECTIONS = 32
AWS_REQUEST_PAYER = "AWS_REQUEST_PAYER"
_CHECKSUM_VARIABLES = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
_PROXY_VARIABLES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})


class Access:
    """The ways to ask S3 under one environment. ``signed`` is None where ``no_credentials`` says why."""

    def __init__(self, region: str | None, *, checksums: bool = True) -> None:
        self._region, self._config = region, _config(checksums=checksums)
        self.no_credentials = "no credentials were found"
        self.signed: S3Client | None = None
        pays = _is_requester_paying()
        try:
            session = botocore.session.Session()
            if session.get_credentials() is not None:
                self.signed = _client(session, region, self._config)
                if pays:
                    self.signed.meta.events.register("before-parameter-build.s3", _pay)
        except BotoCoreError as error:  # a profile that is not there, half a key pair, an SSO login that ended, ...
            self.no_credentials = f"the credentials cannot be used ({redacted(str(error))})"

    @cached_property
    def unsigned(self) -> "S3Client":
        """The client that needs neither credentials nor a sound configuration."""
        try:
            return self._unsigned_client(botocore.session.Session())
        except BotoCoreError:  # AWS_PROFILE or a file of the configuration is broken: go on without them
            nothing = {
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
            return self._unsigned_client(botocore.session.Session(session_vars=nothing))

    def _unsigned_client(self, core: botocore.session.Session) -> "S3Client":
        return _client(core, self._region, self._config.merge(Config(signature_version=UNSIGNED)))

    def without_checksums(self) -> "Access":
        """Return the ways to ask without the checksums that newer clients send."""
        return Access(self._region, checksums=False)

    @property
    def may_omit_checksums(self) -> bool:
        """Whether an endpoint other than that of AWS is asked, with checksums that the user did not ask for."""
        meta = (self.signed or self.unsigned).meta
        is_amazon = is_amazon_endpoint(meta.endpoint_url)
        is_set = any(name in os.environ for name in _CHECKSUM_VARIABLES)
        calculation = meta.config.request_checksum_calculation  # type: ignore[attr-defined]
        return not is_amazon and not is_set and calculation == "when_supported"


def is_amazon_endpoint(url: str) -> bool:
    """Whether the endpoint of a client is that of AWS.

    Examples
    --------
    >>> is_amazon_endpoint("https://s3.eu-west-1.amazonaws.com"), is_amazon_endpoint("https://minio.lab.org")
    (True, False)
    """
    return (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _client(core: botocore.session.Session, region: str | None, config: Config) -> "S3Client":
    verify = None if core.get_config_variable("ca_bundle") else ca_bundle()
    client = Session(botocore_session=core).client("s3", region_name=region, config=config, verify=verify)
    # botocore offers no other way to watch a connection. The manager of connections has the same dictionary.
    pools = client._endpoint.http_session._pool_classes_by_scheme  # type: ignore[attr-defined]
    pools.update(metered_pools(pools))
    return client


def _is_requester_paying() -> bool:
    """Whether the environment sets that the sender of a request pays for it.

    Raises
    ------
    TransferError
        The variable has another value than the one that S3 knows.
    """
    value = os.environ.get(AWS_REQUEST_PAYER, "").strip().lower()
    if value not in {"", "requester"}:
        raise TransferError(f"{AWS_REQUEST_PAYER} is {value!r}; S3 knows only 'requester'. Correct or unset it.")
    return value == "requester"


def _pay(params: dict[str, Any], model: "OperationModel", **_: object) -> None:
    """Add to a request that its sender pays, if the operation has the parameter for that."""
    if model.input_shape is not None and "RequestPayer" in model.input_shape.members:
        params.setdefault("RequestPayer", "requester")


def _config(*, checksums: bool) -> Config:
    return Config(
        # None: what the environment says, else the default.
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
    """Return the clients for the environment as it is now; threads share them."""
    key = _environment(location.region)
    with _lock:
        if key not in _accesses:
            _accesses[key] = Access(location.region or None)
        return _accesses[key]


def _environment(region: str) -> tuple[object, ...]:
    """Return all that decides how S3 is asked."""
    names = (name for name in os.environ if name.startswith("AWS_") or name.upper() in _PROXY_VARIABLES)
    settings = tuple(sorted((name, os.environ[name]) for name in names))
    # A forked process must not talk on its parent's connections.
    return os.getpid(), region, os.environ.get("HOME"), ca_bundle(), settings


def replace_access(location: Location, access: Access) -> None:
    """Use these clients for a location from now on, as long as the environment stays as it is."""
    with _lock:
        _accesses[_environment(location.region)] = access
