"""A catalog backend in the memory of one process: all that a new backend has to implement, in one file."""

import secrets
from threading import RLock
from typing import Self

from brainio.catalogs.backends import Sidecars, register_backend
from brainio.catalogs.backends.base import ChangeText
from brainio.catalogs.backends.csv_base import CsvBackend
from brainio.catalogs.csv_format import EMPTY
from brainio.errors import CatalogError, TransferError

SCHEME = "catalog-memory"


class MemorySidecars(Sidecars):
    """Cards and publications table of a `MemoryCatalog`."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._lock = RLock()
        self._cards: dict[str, bytes] = {}
        self._publications: str | None = None
        self._token = ""

    def publications_token(self) -> str:
        return self._token

    def read_publications(self) -> str | None:
        return self._publications

    def rewrite_publications(self, change: ChangeText, empty: str) -> None:
        with self._lock:
            self._publications = change(empty if self._publications is None else self._publications)
            self._token = secrets.token_hex(8)

    def read_card(self, place: str) -> bytes:
        if place not in self._cards:
            raise TransferError(f"{self} has no card {place}. Create it: brainio card build")
        return self._cards[place]

    def has_card(self, place: str) -> bool:
        return place in self._cards

    def write_card(self, place: str, data: bytes) -> None:
        if ".." in place or place.startswith("/"):
            raise CatalogError(f"{place!r} is not a path below the catalog; the card was not written")
        self._cards[place] = data

    def list_cards(self) -> list[str]:
        return list(self._cards)


_sidecars: dict[str, MemorySidecars] = {}


class MemoryCatalog(CsvBackend):
    """A catalog at `catalog-memory://NAME`."""

    def __init__(self, location: str) -> None:
        self.location = self.base = location
        self.identifier = location.rpartition("/")[2]
        self._lock = RLock()
        self._text: str | None = None
        self._token = ""

    @classmethod
    def from_location(cls, location: str) -> Self:
        return cls(location)

    @classmethod
    def sidecars_at(cls, base: str) -> MemorySidecars:
        return _sidecars.setdefault(base, MemorySidecars(base))

    def version_token(self) -> str:
        return self._token

    def read(self) -> str:
        if self._text is None:
            raise CatalogError(f"the catalog {self} does not exist. Check the location")
        return self._text

    def read_current(self) -> str | None:
        return self._text

    def check_writable(self) -> None:
        pass

    def rewrite(self, change: ChangeText, empty: str = EMPTY) -> None:
        with self._lock:
            after = change(empty if self._text is None else self._text)
            if after != self._text:
                self._text, self._token = after, secrets.token_hex(8)


register_backend(SCHEME, MemoryCatalog)
