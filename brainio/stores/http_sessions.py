"""HTTP sessions that restrict the addresses of requests and the credentials in them.

A location that the user chose may have any address. A location from a catalog on the network may have public addresses
only: the check reads the address of the open connection, so that neither name resolution nor a redirect bypasses it.
Behind a proxy, the proxy resolves names, and nothing is checked.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import ClassVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_auth_from_url, get_netrc_auth
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InvalidHeader
from urllib3.poolmanager import ProxyManager
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from brainio.errors import LocationError
from brainio.stores.connections import CertificateFolders, MeteredConnection, metered_pools
from brainio.stores.location import Location
from brainio.stores.redaction import redact
from brainio.stores.store import pausing

Credentials = tuple[str, str] | Callable[[requests.PreparedRequest], requests.PreparedRequest]
BRAINIO_ALLOW_PRIVATE = "BRAINIO_ALLOW_PRIVATE"
_NAT64 = IPv6Network("64:ff9b::/96")
_CONNECTIONS = 32
# The addresses at which the user's own requests reached hosts. A catalog may name its own host at such an address, but
# at no other: its owner could direct the name of a public host into the user's network.
_reached: set[tuple[str, str]] = set()


def allows_private() -> bool:
    """Whether the environment variable `BRAINIO_ALLOW_PRIVATE` lets remote catalogs name private addresses.

    '', '0', 'false' and 'no' do not.
    """
    return os.environ.get(BRAINIO_ALLOW_PRIVATE, "").strip().lower() not in {"", "0", "false", "no"}


def is_public(address: str) -> bool:
    """Whether an IP address is public: not a loopback, private, link-local, shared or reserved one.

    Parameters
    ----------
    address : str
        IPv4 or IPv6. An IPv6 address that contains an IPv4 address is as public as that one; tunnels (6to4, Teredo)
        are not public.

    Examples
    --------
    >>> [is_public(ip) for ip in ("52.216.0.1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1%eth0")]
    [True, False, False, False, False]
    """
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        if parsed.sixtofour is not None or parsed.teredo is not None:
            return False
        if parsed.ipv4_mapped is not None or parsed in _NAT64:
            parsed = ip_address(int(parsed) & 0xFFFFFFFF)
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _redact(record: logging.LogRecord) -> bool:
    record.msg, record.args = redact(record.getMessage()), ()
    return True


# They log complete URLs, also in warnings about broken connections, which appear even without logging set up.
for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_redact)


class _CheckedConnection:
    """A mixin for connections of urllib3 that checks the address of the server."""

    host: str
    port: int
    catalog_host: ClassVar[str | None] = None
    """The host of the remote catalog that named the location; None if the user chose it."""

    def _new_conn(self) -> socket.socket:
        if self.catalog_host is not None:  # a host with private addresses only is not even connected to
            self._require_allowed(_addresses(self.host, self.port))
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        address = str(connected.getpeername()[0])
        if self.catalog_host is None:
            _reached.add((self.host.lower(), address))
            return connected
        try:
            self._require_allowed([address])  # a name may resolve differently the second time
        except LocationError:
            connected.close()
            raise
        return connected

    def _require_allowed(self, addresses: Sequence[str]) -> None:
        if addresses and not any(self._is_allowed(address) for address in addresses):
            raise LocationError(
                f"{self.host} has the address {addresses[0]} of a private network, to which a remote catalog may not "
                f"send requests. Set {BRAINIO_ALLOW_PRIVATE}=1 if you trust the catalog"
            )

    def _is_allowed(self, address: str) -> bool:
        host = self.host.lower()
        return is_public(address) or allows_private() or (host == self.catalog_host and (host, address) in _reached)


def _addresses(host: str, port: int) -> list[str]:
    """Resolve a name; return nothing on failure, which connecting reports better."""
    try:
        return [str(info[4][0]) for info in socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


class _Adapter(HTTPAdapter):
    """Creates connections that check the address of the server."""

    def __init__(self, catalog_host: str | None) -> None:
        self._catalog_host = catalog_host
        super().__init__(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS, max_retries=_retry())

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]  # passed on
        self.poolmanager.pool_classes_by_scheme = {
            "http": self._pool_class(HTTPConnectionPool, HTTPConnection),
            "https": self._pool_class(HTTPSConnectionPool, HTTPSConnection),
        }

    def _pool_class(self, pool: type[HTTPConnectionPool], connection: type[HTTPConnection]) -> type[HTTPConnectionPool]:
        """Create a subclass of a pool, whose connections check the address of the server."""
        parents = (_CheckedConnection, MeteredConnection, CertificateFolders, connection)
        checked = type(connection.__name__, parents, {"catalog_host": self._catalog_host})
        return type(pool.__name__, (pool,), {"ConnectionCls": checked})

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: object) -> ProxyManager:
        """Return the manager of connections through a proxy, which resolves names: only their speed is checked."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = metered_pools(manager.pool_classes_by_scheme)
        return manager


class _Session(requests.Session):
    """Sends no credentials to the target of a redirect, unless it has the same host, port and scheme."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Close the body of a redirect, which requests would read to its end."""
        target = super().get_redirect_target(resp)
        if target is not None:
            resp.close()
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Remove the credentials from a redirect to another server, without another lookup in ``.netrc``."""
        before, after = response.request.url or "", prepared_request.url or ""
        if "Authorization" in prepared_request.headers and self.should_strip_auth(before, after):
            del prepared_request.headers["Authorization"]


class _Retry(Retry):
    """Ignores an unreadable header ``Retry-After``."""

    def parse_retry_after(self, retry_after: str) -> float:
        try:
            return super().parse_retry_after(retry_after)
        except InvalidHeader:
            return 0

    def sleep_for_retry(self, response: BaseHTTPResponse) -> bool:
        """Wait as long as the server requests; the caller can end the wait every second."""
        left = self.get_retry_after(response) or 0
        waits = left > 0
        while left > 0:
            pausing.get()()
            time.sleep(min(left, 1))
            left -= 1
        return waits


def _retry() -> _Retry:
    return _Retry(
        total=3,
        connect=1,
        redirect=0,  # requests follows those
        backoff_factor=0.5,
        backoff_jitter=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        retry_after_max=60,
        raise_on_status=False,
    )


def session_for(location: Location) -> requests.Session:
    """Return the session for a location: one for all locations of the user, one for each host of remote catalogs."""
    return _session(os.getpid(), _host(location.origin) if location.origin else None)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


@lru_cache(maxsize=64)
def _session(_process: int, catalog_host: str | None) -> requests.Session:
    """Return a session of this process; a forked process must not use its parent's connections."""
    session = _Session()
    adapter = _Adapter(catalog_host)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    # The stored bytes, of which the catalog states size and hash.
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "brainio"})
    return session


def credentials_for(location: Location) -> Credentials:
    """Return the name and password of a URL, else those that ``.netrc`` has for its host.

    For a location that a remote catalog named, those of ``.netrc`` are sent only to the server of the catalog.
    """
    given = get_auth_from_url(location.url)
    if any(given):
        return given
    if location.origin and _server(location.origin) != _server(location.url):
        return _nothing
    return get_netrc_auth(location.url) or _nothing


def _nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add no credentials; requests looks for some if it is given none."""
    return request


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
