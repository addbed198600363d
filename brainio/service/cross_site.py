"""The `Host` header: the names under which the service answers.

Another site can let a name of its own resolve to this machine (DNS rebinding). Its pages would then count as those of
the service, but the `Host` header of each request still has the name of the other site.
"""

import re
import socket
from functools import lru_cache
from ipaddress import ip_address

from starlette.types import Scope

from brainio.service.errors import Refusal
from brainio.service.settings import PREFIX, Settings

ANY = "*"
_AUTHORITY = re.compile(r"(?P<name>[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?", re.ASCII)
_REMEMBERED = 256  # hosts whose verdict is kept, since parsing an address takes longer than finding it here
_LOCAL = ("localhost", "*.localhost")
_INTRANET = (".localhost", ".local", ".internal", ".home.arpa")


class AllowedHosts:
    """The host names under which a service answers.

    IP addresses are always allowed: an address resolves to nothing else, so that only the service's own pages can have
    it as their origin.

    Parameters
    ----------
    settings : Settings
        Allowed are `allowed_hosts`, the host of `public_url`, `host`, the names of `localhost`, and, if the service
        listens to other machines, the name of this one.

    Examples
    --------
    >>> hosts = AllowedHosts(Settings(public_url="https://data.lab.example", allowed_hosts=["*.cluster.example"]))
    >>> [hosts.allows(one) for one in ("data.lab.example", "DATA.lab.example.:443", "a.cluster.example", "[::1]:8000")]
    [True, True, True, True]
    >>> hosts.allows("evil.example"), hosts.allows("data.lab.example.evil.example"), hosts.allows("cluster.example")
    (False, False, False)
    """

    def __init__(self, settings: Settings) -> None:
        names = [*_LOCAL, *settings.allowed_hosts, settings.public_host, settings.host]
        if not (settings.host == "localhost" or is_loopback(settings.host)):
            machine = socket.gethostname()
            names += [machine, f"{machine}.local"]
        known = {_normalized(one) for one in names if one}
        self._allows_any = ANY in known
        self._names = frozenset(one for one in known if not one.startswith(ANY))
        self._domains = tuple(one.removeprefix(ANY) for one in known if one.startswith("*."))
        self._refused = lru_cache(_REMEMBERED)(self._judge)

    def allows(self, authority: str) -> bool:
        """Whether the service answers under a host name, which may be followed by a port.

        Parameters
        ----------
        authority : str
            Value of a `Host` header.
        """
        parsed = _AUTHORITY.fullmatch(authority)
        if parsed is None:
            return False
        name = _normalized(parsed["name"])
        return self._allows_any or name in self._names or is_address(name) or name.endswith(self._domains)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Return the refusal of a request whose `Host` header is malformed or names another host."""
        given = tuple(value.decode("latin-1") for name, value in scope["headers"] if name == b"host")
        if not given and scope.get("http_version") == "1.0":  # probes of load balancers; no browser does that
            return None
        return self._refused(given)

    def _judge(self, given: tuple[str, ...]) -> Refusal | None:
        if len(given) != 1 or _AUTHORITY.fullmatch(given[0]) is None:
            message = (
                f"expected one Host header with the name of a host, got {', '.join(map(repr, given))[:200] or 'none'}"
            )
            return Refusal(400, "bad_host", message, "See RFC 9112, section 3.2.")
        if self.allows(given[0]):
            return None
        return Refusal(
            421,
            "unknown_host",
            f"this service does not answer under the host name {given[0][:200]!r}",
            f"If it should, whoever runs it adds the name to the setting allowed_hosts ({PREFIX}ALLOWED_HOSTS). "
            f"A proxy has to pass on the Host header that it received.",
        )


def is_address(name: str) -> bool:
    """Whether a name is an IP address, that of IPv6 in brackets or without.

    Examples
    --------
    >>> is_address("127.0.0.1"), is_address("[::1]"), is_address("2130706433"), is_address("127.0.0.1.nip.io")
    (True, True, False, False)
    """
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether a name is an address of this machine that no other machine reaches.

    Examples
    --------
    >>> is_loopback("127.0.0.2"), is_loopback("[::1]"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    return is_address(name) and ip_address(name.removeprefix("[").removesuffix("]")).is_loopback


def is_public(name: str) -> bool:
    """Whether a host name is one of the internet: a global address, or a name with a domain that is not reserved.

    Examples
    --------
    >>> [is_public(one) for one in ("data.lab.example", "8.8.8.8", "192.168.1.5", "labserver", "labserver.local", "")]
    [True, True, False, False, False, False]
    """
    if is_address(name):
        return ip_address(name.removeprefix("[").removesuffix("]")).is_global
    name = _normalized(name)
    return "." in name and not name.endswith(_INTRANET)


def _normalized(name: str) -> str:
    """Return a name in one form: lower case, without the dot that ends it, and as DNS has it."""
    name = name.lower().removesuffix(".")
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name
