"""What every store hands out: the vocabulary that S3 and fsspec share. Knows no store."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from brainio.errors import TransferError
from brainio.stores.location import Location

CHUNK = 1024 * 1024
Progress = Callable[[int], object]


class Reading(Protocol):
    """An open body.

    ``size`` is the number of bytes that the store announced (None: it did not say). ``chunks()`` yields the bytes once,
    in blocks of up to 1 MiB, and raises TransferError when the connection breaks or the body ends too early.
    """

    @property
    def size(self) -> int | None:
        """Announced number of bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the body."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What a store answered to an upload: the version that S3 gave (None: no versioning), and the bytes sent."""

    version_id: str | None
    size: int


def require_whole(location: Location, expected: int | None, found: int) -> None:
    """Raise TransferError unless all announced bytes came."""
    if expected is not None and found < expected:
        raise TransferError(
            f"{location} was cut short: {expected} bytes were announced, {found} came. Try again; if it stays so, the "
            f"server or a proxy on the way is at fault."
        )
