"""How many wrong tokens come from one address: whoever guesses is told to wait.

That keeps logs and processors free; no rate of guessing finds a token of 256 random bits. So the right tokens of others
behind the same address are never refused.
"""

import math
import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

MOST = 20  # wrong tokens within a window
WINDOW = 60.0  # seconds
_ADDRESSES = 10_000  # that are counted at once; the one that began first is forgotten first


class WrongTokenLimiter:
    """Wrong tokens by address, as one process sees them.

    Examples
    --------
    >>> guesses = WrongTokenLimiter()
    >>> [guesses.note("192.0.2.1", 100.0) for _ in range(MOST)] == [0] * MOST
    True
    >>> guesses.note("192.0.2.1", 110.5), guesses.note("192.0.2.2", 110.5), guesses.note("192.0.2.1", 160.0)
    (50, 0, 0)
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, address: str, now: float | None = None) -> int:
        """Count a wrong token, and return how many seconds its sender has to wait; 0 where there were few.

        Parameters
        ----------
        address : str
            Where it came from. Of IPv6 the first 64 bits count, since one client has all addresses behind them.
        now : float, optional
            Seconds of any clock that never goes back, by default that of the machine.
        """
        now = time.monotonic() if now is None else now
        key = _client(address)
        begin, count = self._counts.pop(key, (now, 0))
        if now - begin >= WINDOW:
            begin, count = now, 0
        self._counts[key] = begin, count + 1
        while len(self._counts) > _ADDRESSES:
            self._counts.popitem(last=False)
        return math.ceil(begin + WINDOW - now) if count >= MOST else 0


def _client(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> 64)
    return address
