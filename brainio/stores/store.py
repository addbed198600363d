"""The protocol of a store: the operations on a location that every kind of storage implements.

A further store is one module with a subclass of `Store`, and one row in `brainio.stores.selection`. Its instances have
no state, so that threads and processes share them freely. `tests/stores/test_contract.py` tests every store alike.
"""

# ruff: noqa: ARG002, B027 (default implementations ignore their parameters)

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path

from brainio.errors import LocationError
from brainio.stores.location import Location
from brainio.stores.transfer import Facts, Progress, Reading, Span, UploadResult


class Store(ABC):
    """A kind of storage. Callers use the functions of `brainio.stores`, which select a store and document the errors.

    Attributes
    ----------
    is_read_only : bool
        Whether `upload` refuses every location.
    has_versions : bool
        Whether a file may have versions, which a version id selects.
    has_compare_and_swap : bool
        Whether `replace_if` works.
    """

    is_read_only = False
    has_versions = False
    has_compare_and_swap = False

    @abstractmethod
    def open_read(
        self, location: Location, span: Span, validator: str | None, version_id: str | None
    ) -> AbstractContextManager[Reading]:
        """Open a file, or a part of it; raise MissingFileError if there is none."""

    @abstractmethod
    def find(self, location: Location, version_id: str | None) -> Facts | None:
        """Return the facts about a file without its bytes; None if there is none."""

    def upload(self, path: Path, location: Location, progress: Progress | None, *, replace: bool) -> UploadResult:
        """Write a local file; raise ChangedFileError if `replace` is False and a file exists."""
        raise LocationError(
            f"{location} cannot be written over {location.location_type}. Give an S3 location or a folder."
        )

    def replace_if(self, location: Location, data: bytes, tag: str | None) -> None:
        """Write a small file if its current tag is the given one (None: if there is no file)."""
        raise LocationError(
            f"{location} cannot be replaced on condition: only S3 compares ETags. Give a location on S3, or a copy on "
            f"this machine."
        )

    def abort_uploads(self, path: Path, location: Location) -> None:
        """Remove the parts that killed uploads of a file left; by default, a store keeps none."""

    def is_copy(self, facts: Facts, path: Path) -> bool:
        """Whether the facts alone prove that a file has the bytes of a local file of the same size."""
        return False

    def public_url(self, location: Location, version_id: str) -> str:
        """Return the URL or path by which other programs find a file, without secrets."""
        return str(location)

    def request_url(self, location: Location, version_id: str, method: str, signed_seconds: int | None) -> str:
        """Return the URL for one request (``GET`` or ``HEAD``) by a client without credentials."""
        return location.url
