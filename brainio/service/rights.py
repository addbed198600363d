"""What a request may see: the one place that decides it. Every resource asks here, and knows no token.

All catalogs are public so far.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends


@dataclass(frozen=True, slots=True)
class Sight:
    """The catalogs that somebody may see; None: all of them.

    Examples
    --------
    >>> Sight().sees("lab"), Sight(frozenset({"demo"})).sees("lab")
    (True, False)
    """

    catalogs: frozenset[str] | None = None

    def sees(self, catalog: str) -> bool:
        """Whether a catalog may be seen: its entries, its files, that it is there."""
        return self.catalogs is None or catalog in self.catalogs


_EVERYTHING = Sight()


async def sight_of() -> Sight:
    """Return what the request at hand may see."""
    return _EVERYTHING


Sees = Annotated[Sight, Depends(sight_of)]
