"""Cross-site protection: which `Host`, `Origin` and `Sec-Fetch-Site` headers the service accepts.

Another site can let a name of its own resolve to this machine (DNS rebinding). Its pages would then have the origin of
the service, but the `Host` header of each request still contains the name of the other site.
"""

import re
import socket
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from brainio.service.errors import Rejection
from brainio.service.settings import PREFIX, Settings

ANY = "*"
_AUTHORITY = re.compile(r"(?P<name>[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?", re.ASCII)
_CACHED_VERDICTS = 256  # by Host header; a look-up is faster than parsing the header again
_LOCAL = ("localhost", "*.localhost")
_INTRANET = (".localhost", ".local", ".internal", ".home.arpa")
_BROWSER_HEADERS = {b"origin", b"sec-fetch-site"}
_OTHER_SITES = {"cross-site", "same-site"}  # values of Sec-Fetch-Site; other ports of this machine are the same site


class AllowedHosts:
    """The host names under which a service responds.

    IP addresses are always allowed: an address needs no DNS, so that only the service's own pages can have it as their
    origin.

    Parameters
    ----------
    settings : Settings
        Allowed are `allowed_hosts`, the host of `public_url`, `host`, the names of `localhost`, and, if the service
        listens to other machines, the name of this machine.

    Examples
    --------
    >>> hosts = AllowedHosts(Settings(public_url="https://data.lab.example", allowed_hosts=["*.cluster.example"]))
    >>> [hosts.allows(name) for name in ("data.lab.example", "DATA.lab.example.:443", "a.cluster.example", "[::1]:80")]
    [True, True, True, True]
    >>> hosts.allows("evil.example"), hosts.allows("data.lab.example.evil.example"), hosts.allows("cluster.example")
    (False, False, False)
    """

    def __init__(self, settings: Settings) -> None:
        names = [*_LOCAL, *settings.allowed_hosts, settings.public_host, settings.host]
        if not (settings.host == "localhost" or _is_loopback(settings.host)):
            machine = socket.gethostname()
            names += [machine, f"{machine}.local"]
        known = {_normalize_host(name) for name in names if name}
        self._allows_any = ANY in known
        self._names = frozenset(name for name in known if not name.startswith(ANY))
        self._domains = tuple(name.removeprefix(ANY) for name in known if name.startswith("*."))
        self._cached_rejection = lru_cache(_CACHED_VERDICTS)(self._rejection_of)

    def allows(self, authority: str) -> bool:
        """Whether the service responds under a host name, which may be followed by a port.

        Parameters
        ----------
        authority : str
            Value of a `Host` header.
        """
        parsed = _AUTHORITY.fullmatch(authority)
        if parsed is None:
            return False
        name = _normalize_host(parsed["name"])
        return self._allows_any or name in self._names or _is_address(name) or name.endswith(self._domains)

    def rejection(self, scope: Scope) -> Rejection | None:
        """Return the rejection of a request whose `Host` header is malformed or names another host."""
        values = tuple(value.decode("latin-1") for name, value in scope["headers"] if name == b"host")
        if not values and scope.get("http_version") == "1.0":  # probes of load balancers; never a browser
            return None
        return self._cached_rejection(values)

    def _rejection_of(self, values: tuple[str, ...]) -> Rejection | None:
        if len(values) != 1 or _AUTHORITY.fullmatch(values[0]) is None:
            received = ", ".join(map(repr, values))[:200] or "none"
            message = f"expected one Host header with a host name, got {received}"
            return Rejection(400, "bad_host", message, "See RFC 9112, section 3.2.")
        if self.allows(values[0]):
            return None
        return Rejection(
            421,
            "unknown_host",
            f"this service does not respond under the host name {values[0][:200]!r}",
            f"To allow it, the operator adds the name to the setting allowed_hosts ({PREFIX}ALLOWED_HOSTS). "
            f"A proxy must pass on the Host header that it received.",
        )


class CrossSitePolicy:
    """Which sites' pages may read a service.

    Parameters
    ----------
    settings : Settings
        If `origins` is not set, every site may read a service whose `public_url` names a public host, and no other site
        may read any other service, such as one on a laptop.

    Attributes
    ----------
    origins : list of str
        Origins whose pages may read the service; `*` is every site.
    is_open : bool
        Whether every site may read the service.
    """

    def __init__(self, settings: Settings) -> None:
        default = [ANY] if is_public(settings.public_host) else []
        self.origins = default if settings.origins is None else settings.origins
        self.is_open = ANY in self.origins
        self._public_url = settings.public_url

    def rejection(self, scope: Scope) -> Rejection | None:
        """Return the rejection of a request from a page of another site, unless it opens a page of the service.

        Programs pass: they send neither `Origin` nor `Sec-Fetch-Site`. The sign-in page checks forms itself.
        """
        if self.is_open or scope["method"] == "POST":
            return None
        names = {name for name, _ in scope["headers"]}
        if not names & _BROWSER_HEADERS:
            return None
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None:
            is_foreign = origin not in self.origins and not is_own_origin(origin, headers, self._public_url)
        else:
            is_foreign = headers.get("sec-fetch-site") in _OTHER_SITES and not _is_navigation(headers)
        if not is_foreign:
            return None
        return Rejection(
            403,
            "foreign_page",
            "pages of other sites may not read this service",
            f"To allow a site, the operator adds its origin to the setting origins ({PREFIX}ORIGINS).",
        )


def is_own_origin(origin: str, headers: Headers, public_url: str) -> bool:
    """Whether an `Origin` header names the service itself.

    Parameters
    ----------
    origin : str
        The header.
    headers : Headers
        All headers of the request. A proxy may have terminated TLS, so that both schemes match the `Host`.
    public_url : str
        The setting.
    """
    host, public = headers.get("host"), urlsplit(public_url)
    own = {f"http://{host}", f"https://{host}", *([f"{public.scheme}://{public.netloc}"] if public_url else [])}
    return origin in own


def _is_address(name: str) -> bool:
    """Whether a name is an IP address (IPv6 with or without brackets).

    Examples
    --------
    >>> _is_address("127.0.0.1"), _is_address("[::1]"), _is_address("2130706433"), _is_address("127.0.0.1.nip.io")
    (True, True, False, False)
    """
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    """Whether a name is a loopback address of this machine.

    Examples
    --------
    >>> _is_loopback("127.0.0.2"), _is_loopback("[::1]"), _is_loopback("0.0.0.0")
    (True, True, False)
    """
    return _is_address(name) and ip_address(name.removeprefix("[").removesuffix("]")).is_loopback


def is_public(name: str) -> bool:
    """Whether a host name belongs to the internet: a global address, or a name with a domain that is not reserved.

    Examples
    --------
    >>> [is_public(name) for name in ("data.lab.example", "8.8.8.8", "192.168.1.5", "labserver", "labserver.local", "")]
    [True, True, False, False, False, False]
    """
    if _is_address(name):
        return ip_address(name.removeprefix("[").removesuffix("]")).is_global
    name = _normalize_host(name)
    return "." in name and not name.endswith(_INTRANET)


def _is_navigation(headers: Headers) -> bool:
    """Whether a browser follows a link, so that the page of the other site cannot read the response."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"


def _normalize_host(name: str) -> str:
    """Return a host name in lower case, without a trailing dot, in its ASCII form (IDNA)."""
    name = name.lower().removesuffix(".")
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name
