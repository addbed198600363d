"""S3 clients of boto3 for the current environment, cached until the environment changes.

The variables and files of boto3 configure nearly everything: ``AWS_ENDPOINT_URL``, ``AWS_PROFILE``, regions, and the
address style (botocore's 'auto': path style for buckets with dots, which no HTTPS certificate covers).
``AWS_REQUEST_PAYER=requester`` pays for signed requests to buckets that require it.
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
    """The clients for one environment. If ``signed`` is None, ``no_credentials`` contains the reason."""

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
        except BotoCoreError as error:  # a missing profile, half a key pair, an expired SSO login, ...
            self.no_credentials = f"the credentials cannot be used ({redacted(str(error))})"

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
        return _client(core, self._region, self._config.merge(Config(signature_version=UNSIGNED)))

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


def _client(core: botocore.session.Session, region: str | None, config: Config) -> "S3Client":
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


def replace_access(location: Location, access: Access) -> None:
    """Use these clients for a location until the environment changes."""
    with _lock:
        _accesses[_environment(location.region)] = access
