"""What messages may show of a URL, and which addresses a catalog from the network may lead to.

Judges texts and addresses; asks no network and opens nothing. `brainio.stores.location` keeps the rules for locations,
`brainio.stores.guard` those for connections.
"""

import os
import re
from ipaddress import IPv6Address, IPv6Network, ip_address

BRAINIO_ALLOW_PRIVATE = "BRAINIO_ALLOW_PRIVATE"
# A name and password before a host; the second form holds characters that would have to be quoted, but no port.
_USER = re.compile(r"(?<=://)(?:[^\s/?#]*@|[^\s/?#@:\[\]]+:(?!\d*(?:[/?#\s]|$))\S*@)")
_WORD = re.compile(r"\S+")
_QUERY = re.compile(r"(?<=\S)([?#])(\S+)")
_NAME = re.compile(r"[\w.-]{1,64}")
_TOKEN = re.compile(r"brainio_[0-9A-Fa-f]{16,}")  # also what is left of one that was cut
_NAT64 = IPv6Network("64:ff9b::/96")


def redacted(text: str) -> str:
    """Return a text without the names, passwords, tokens and signatures that URLs in it may hold.

    Of a query the names stay and the values go, since any of them may be a secret. Tokens of a catalog service go
    wherever they stand.

    Parameters
    ----------
    text : str
        A URL, or a message that quotes some.

    Examples
    --------
    >>> redacted("https://me:secret@lab.org/a.csv?X-Amz-Expires=60&X-Amz-Signature=ab12 was refused")
    'https://lab.org/a.csv?X-Amz-Expires=...&X-Amz-Signature=... was refused'
    """
    without = _WORD.sub(_without_user, text) if "@" in text else text
    return without_tokens(_QUERY.sub(lambda query: query[1] + "&".join(map(_named, query[2].split("&"))), without))


def _without_user(word: re.Match[str]) -> str:
    """Cut names and passwords out of a word; no text behind its last "@" can be one."""
    end = word[0].rfind("@") + 1
    return _USER.sub("", word[0][:end]) + word[0][end:]


def without_tokens(text: str) -> str:
    """Return a text without tokens of a catalog service; all else of it stays.

    Examples
    --------
    >>> without_tokens(f"is brainio_{'0f' * 32} right?")
    'is brainio_... right?'
    """
    return _TOKEN.sub("brainio_...", text) if "brainio_" in text else text


def _named(part: str) -> str:
    name, _, value = part.partition("=")
    return f"{name}=..." if value.strip("=") and _NAME.fullmatch(name) else "..."


def allows_private() -> bool:
    """Whether the environment variable `BRAINIO_ALLOW_PRIVATE` lets catalogs from the network name private addresses.

    '', '0', 'false' and 'no' do not.
    """
    return os.environ.get(BRAINIO_ALLOW_PRIVATE, "").strip().lower() not in {"", "0", "false", "no"}


def is_public(address: str) -> bool:
    """Whether an IP address lies in the public internet: no loopback, private, link-local, shared or reserved one.

    Parameters
    ----------
    address : str
        IPv4 or IPv6. What holds an IPv4 address is as public as that one; tunnels (6to4, Teredo) are not.

    Examples
    --------
    >>> [is_public(one) for one in ("52.216.0.1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1%eth0")]
    [True, False, False, False, False]
    """
    judged = ip_address(address.partition("%")[0])
    if isinstance(judged, IPv6Address):
        if judged.sixtofour is not None or judged.teredo is not None:
            return False
        if judged.ipv4_mapped is not None or judged in _NAT64:
            judged = ip_address(int(judged) & 0xFFFFFFFF)
    return judged.is_global and not judged.is_multicast and not judged.is_reserved
