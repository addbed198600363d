"""The protocol of catalog backends: how the rest of brainio reads and writes the storage of a catalog.

A new kind of storage is one subclass of `CatalogBackend`, made known by `brainio.catalogs.backends.register_backend`.
The protocol transports rows as the text of a CSV file; `brainio.catalogs.csv_format` defines that text.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from brainio.catalogs.csv_format import Row
from brainio.errors import CatalogError, ReadOnlyCatalogError
from brainio.stores.location import is_url
from brainio.stores.redaction import redact

if TYPE_CHECKING:
    import pandas as pd

LARGEST_CARD = 2**20  # bytes
CellsOf = Callable[[Row], Mapping[str, str]]
"""Given a row, returns the cells to set (column -> text); may be called several times for one row."""
ChangeText = Callable[[str], str]
"""Given the current text of a table, returns its new text; may be called several times."""


@dataclass(frozen=True, slots=True)
class CatalogContents:
    """Everything that a catalog consists of, for copying.

    Attributes
    ----------
    text : str
        The catalog as CSV.
    rows : tuple of dict
        The rows of `text`: column -> text.
    publications : str or None
        The publications table as CSV; None if the catalog has none.
    cards : dict
        Path of a card relative to the catalog -> its bytes.
    """

    text: str
    rows: tuple[Row, ...]
    publications: str | None
    cards: dict[str, bytes]


class Sidecars(ABC):
    """The cards and the publications table that belong to a catalog.

    Several catalogs of one folder share the sidecars of that folder.

    Attributes
    ----------
    base : str
        `Entry.base` of the entries whose sidecars these are.
    folder : Path or None
        The folder of this machine that contains them as files; None if they are stored elsewhere.
    """

    base: str
    folder: Path | None = None

    def __str__(self) -> str:
        """Return the base without the secrets that a URL may contain, for messages."""
        return redact(self.base)

    @property
    def has_slow_cards(self) -> bool:
        """Whether reading a card takes a network request of its own; such cards are read once per process."""
        return False

    @abstractmethod
    def publications_token(self) -> Hashable:
        """Return a token that changes when the publications table does; None if that cannot be observed."""

    @abstractmethod
    def read_publications(self) -> str | None:
        """Return the publications table as CSV; None if the catalog has no such table.

        Raises
        ------
        CatalogError, TransferError, LocationError
            The storage does not respond, or the table is not UTF-8.
        """

    @abstractmethod
    def rewrite_publications(self, change: ChangeText, empty: str) -> None:
        """Replace the publications table by the result of `change`, atomically.

        Parameters
        ----------
        change : callable
            Given the current text of the table, returns the new one.
        empty : str
            The text that `change` gets if there is no table yet.

        Raises
        ------
        CatalogError
            The table cannot be written, or `change` raised the error. Nothing is changed.
        """

    @abstractmethod
    def read_card(self, place: str) -> bytes:
        """Return a card as it is stored now.

        Parameters
        ----------
        place : str
            Its path relative to the catalog, as in the column `card`.

        Raises
        ------
        TransferError, LocationError
            There is no such card, or the storage does not respond.
        """

    @abstractmethod
    def has_card(self, place: str) -> bool:
        """Whether a card exists; raises a BrainioError if the storage does not respond."""

    @abstractmethod
    def write_card(self, place: str, data: bytes) -> None:
        """Write a card, replacing an existing one.

        Raises
        ------
        CatalogError, TransferError
            The path leads out of the catalog, or the card cannot be written.
        """

    def read_cards(self, places: Collection[str]) -> dict[str, bytes] | None:
        """Return those of several cards that exist, read by one query; None if the storage has no such query.

        Raises
        ------
        CatalogError
            The storage does not respond.
        """
        del places
        return None

    def list_cards(self) -> list[str]:
        """Return the paths of all cards, as far as the storage can list them without the rows that name them."""
        return []


class CatalogBackend(ABC):
    """The storage of one catalog.

    Writing is atomic and safe for concurrent writers: other threads, processes and machines lose no change, and
    readers get the old rows or the new ones. A failed write leaves the catalog as it was.

    Attributes
    ----------
    location : str
        Path or URL of the catalog, including the secrets that a URL may contain.
    identifier : str
        The identifier that the catalog gets by default.
    base : str
        `Entry.base` of its entries: the start of relative locations, and the argument of `sidecars_at`.
    folder : Path or None
        The folder of this machine at which relative locations start. None: the catalog is remote, and its entries may
        name no local files.
    is_read_only : bool
        Whether all methods that write raise ReadOnlyCatalogError.
    has_shared_token : bool
        Whether the version token means the same in other processes and on other machines.
    """

    location: str
    identifier: str
    base: str
    folder: Path | None = None
    is_read_only: ClassVar[bool] = False
    has_shared_token: ClassVar[bool] = False

    def __str__(self) -> str:
        """Return the location without the secrets that a URL may contain, for messages."""
        return self.format_location(self.location)

    @classmethod
    @abstractmethod
    def from_location(cls, location: str) -> Self:
        """Return the backend of the catalog at a path or URL; does not access the storage.

        Raises
        ------
        CatalogError
            The location is malformed.
        """

    @classmethod
    @abstractmethod
    def sidecars_at(cls, base: str) -> Sidecars:
        """Return the sidecars of the catalogs whose entries have this base."""

    @staticmethod
    def format_location(location: str) -> str:
        """Return a location for messages: without the secrets that a URL may contain."""
        return redact(location) if is_url(location) else location

    @property
    def sidecars(self) -> Sidecars:
        """The sidecars of this catalog."""
        return self.sidecars_at(self.base)

    @property
    def is_away(self) -> bool:
        """Whether the storage failed to respond within the last minute: its version token is that of the last read."""
        return False

    @property
    def frame(self) -> "pd.DataFrame | None":
        """The DataFrame that the catalog consists of; None if it is read from text."""
        return None

    @abstractmethod
    def version_token(self) -> Hashable:
        """Return the catalog's version token, which changes on every write; None if the catalog cannot be read.

        Every lookup calls this method, so it takes microseconds if possible. A storage that cannot be observed cheaply
        returns a token that changes on the writes of this process and on `refresh`.
        """

    def persistent_token(self) -> str | None:
        """Return a version token that later processes can compare; None if they have to compare the entries."""
        return None

    def refresh(self) -> None:  # noqa: B027 - most version tokens show the writes of others
        """Let the next lookup read the catalog again if its version token does not show the writes of others."""

    @abstractmethod
    def read(self) -> str:
        """Return the catalog as CSV for lookups; a remote backend may return a fallback copy with a CatalogWarning.

        Raises
        ------
        CatalogError
            The catalog does not exist or cannot be read.
        OfflineCatalogError
            `BRAINIO_OFFLINE` is set, the catalog is remote, and there is no copy of it.
        """

    @abstractmethod
    def read_current(self) -> str | None:
        """Return the catalog as CSV, as it is stored at this moment; None if it does not exist yet.

        Raises
        ------
        CatalogError
            It cannot be read.
        """

    @abstractmethod
    def check_writable(self) -> None:
        """Raise an error if it is known beforehand that rows cannot be written; create the folder of a new file.

        Raises
        ------
        CatalogError
            The catalog may not be written.
        ReadOnlyCatalogError
            The backend is read-only.
        """

    @abstractmethod
    def add_rows(self, rows: Sequence[Mapping[str, str]], cells_of: CellsOf | None = None) -> None:
        """Add rows, all or none; create the catalog if it does not exist.

        Parameters
        ----------
        rows : sequence of mapping
            Column -> text. Rows that are listed already with the same hash are not added again; unknown columns are
            stored.
        cells_of : callable, optional
            If any row was added, returns the cells to set in the rows of the same identifiers, in the same step.

        Raises
        ------
        CatalogError
            A row with the same key has another hash, or the catalog cannot be written. Nothing is changed.
        CatalogRowError
            A row violates the format. Nothing is changed.
        """

    @abstractmethod
    def set_cells(self, cells_of: CellsOf) -> None:
        """Set cells of existing rows, all or none; all other rows stay as they are, also malformed ones.

        Raises
        ------
        CatalogError
            The catalog does not exist, or cannot be written. Nothing is changed.
        """

    @abstractmethod
    def write_contents(self, contents: CatalogContents) -> None:
        """Write a copied catalog with its sidecars. Call `check_listed` on the rows that the catalog has before.

        Raises
        ------
        CatalogError
            The catalog lists something else, or cannot be written.
        """

    def upgrade(self) -> tuple[str | None, str]:
        """Upgrade the schema of the storage; return the revisions before (None: there was none) and after.

        Raises
        ------
        CatalogError
            The storage has no schema, or cannot be changed.
        """
        raise CatalogError(f"{self} has no schema to upgrade; pass the URL of a database")

    def check_listed(self, listed: Sequence[Row], contents: CatalogContents) -> None:
        """Raise CatalogError if this catalog lists rows, unless they are those of the contents to be written."""
        if listed and tuple(listed) != contents.rows:
            raise CatalogError(
                f"{self} lists {len(listed)} files already; nothing was copied. Choose another target, or remove that "
                f"catalog"
            )

    def missing_error(self) -> CatalogError:
        """Return the error for a change of a catalog that does not exist."""
        return CatalogError(f"the catalog {self} does not exist; nothing was changed. Check the location")

    def read_only_error(self) -> ReadOnlyCatalogError:
        """Return the error of every method that writes a read-only backend."""
        return ReadOnlyCatalogError(
            f"the catalog at {self} is read-only; nothing was changed. Change a copy that can be written: "
            f"brainio catalog copy FROM TO, where TO is a CSV file, an S3 location or a database"
        )


def check_writable_file(path: Path) -> None:
    """Create the folder of a catalog's file, and check that the file can be written.

    Raises
    ------
    CatalogError
        The folder cannot be created, or the file may not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(
            f"the folder of the catalog {path} cannot be created ({error}); nothing was stored. Correct the path"
        ) from error
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CatalogError(f"{path} is not writable; nothing was stored. Make it writable, or use a copy of it")
