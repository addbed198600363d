"""Catalogs that are CSV files, wherever the file is stored: every change is a function from text to text.

Subclasses read and replace the text of one file; the sidecars are files in its folder.
"""

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.catalogs.backends.base import (
    LARGEST_CARD,
    CatalogBackend,
    CatalogContents,
    CellsOf,
    ChangeText,
    Sidecars,
)
from brainio.catalogs.csv_format import (
    EMPTY,
    Row,
    read_rows,
    read_table,
    with_cells_set,
    with_rows_added,
    with_rows_behind,
)
from brainio.errors import CatalogError, LocationError
from brainio.local_files import Fingerprint
from brainio.processes import temporary_folder

if TYPE_CHECKING:
    from brainio.stores import Location

PUBLICATIONS_FILE = "publications.csv"
_LARGEST_TABLE = 2**26  # bytes


class CsvBackend(CatalogBackend):
    """A catalog that is one CSV file."""

    @abstractmethod
    def rewrite(self, change: ChangeText, empty: str = EMPTY) -> None:
        """Replace the text of the file by the result of `change`, atomically; an equal text is not written.

        Parameters
        ----------
        change : callable
            Given the current text, returns the new one; called again if another writer was faster.
        empty : str
            The text that `change` gets if the file does not exist.

        Raises
        ------
        CatalogError
            The file cannot be read or written, or `change` raised the error. Nothing is changed.
        """

    def add_rows(self, rows: Sequence[Mapping[str, str]], cells_of: CellsOf | None = None) -> None:
        """Add rows, as `CatalogBackend.add_rows`."""

        def change(text: str) -> str:
            added = with_rows_added(text, rows, str(self))
            return added if cells_of is None or added == text else with_cells_set(added, cells_of, str(self))

        self.rewrite(change)

    def set_cells(self, cells_of: CellsOf) -> None:
        """Set cells, as `CatalogBackend.set_cells`."""
        if self.is_read_only:
            raise self.read_only_error()
        if self.read_current() is None:
            raise self.missing_error()
        self.rewrite(lambda text: with_cells_set(text, cells_of, str(self)))

    def write_contents(self, contents: CatalogContents) -> None:
        """Write the text of a copied catalog after its sidecars, so that the rows never name missing cards."""

        def replace(before: str) -> str:
            self.check_listed([row for _, row in read_rows(before, str(self))], contents)
            return contents.text

        replace(self.read_current() or EMPTY)
        for place, data in contents.cards.items():
            self.sidecars.write_card(place, data)
        publications = contents.publications
        if publications is not None:
            self.sidecars.rewrite_publications(lambda before: _merge_publications(before, publications), "")
        self.rewrite(replace)


def _merge_publications(before: str, added: str) -> str:
    """Return a publications table, which the catalogs of a folder share, with the rows of another one."""
    if not before:
        return added
    known = {frozenset(row.items()) for row in _publication_rows(before)}
    missing = [row for row in _publication_rows(added) if frozenset(row.items()) not in known]
    return with_rows_behind(before, missing) if missing else before


def _publication_rows(text: str) -> list[Row]:
    return read_table(text, PUBLICATIONS_FILE, "publication")


class FolderSidecars(Sidecars):
    """Cards and publications table as files in the folder of a catalog.

    Parameters
    ----------
    base : str
        Path or URL of the folder.
    table : CsvBackend
        The file of the publications table.
    folder : Path, optional
        The folder, if it is on this machine.
    """

    def __init__(self, base: str, table: CsvBackend, folder: Path | None = None) -> None:
        self.base, self.folder, self._table = base, folder, table

    @property
    def has_slow_cards(self) -> bool:
        """Whether the folder is remote."""
        return not self._location("x").is_local

    def publications_token(self) -> Hashable:
        """Return the fingerprint of a local file; None for a remote one, which is read once per process."""
        return None if self.folder is None else Fingerprint.find(self._table.location)

    def read_publications(self) -> str | None:
        """Return the text of `publications.csv`; None if there is no such file."""
        from brainio.stores import read_whole, stat

        location = self._location(PUBLICATIONS_FILE)
        if stat(location) is None:
            return None
        try:
            return read_whole(location, _LARGEST_TABLE).decode("utf-8")
        except UnicodeDecodeError as error:
            raise CatalogError(f"{location} is not UTF-8: {error}") from error

    def rewrite_publications(self, change: ChangeText, empty: str) -> None:
        """Rewrite `publications.csv` as its backend rewrites a catalog."""
        self._table.rewrite(change, empty)

    def read_card(self, place: str) -> bytes:
        """Return the bytes of the card's file."""
        from brainio.stores import read_whole

        return read_whole(self._location(place), LARGEST_CARD)

    def has_card(self, place: str) -> bool:
        """Whether the card's file exists."""
        from brainio.stores import stat

        return stat(self._location(place)) is not None

    def write_card(self, place: str, data: bytes) -> None:
        """Upload the card's file."""
        from brainio.stores import upload

        if self._table.is_read_only:
            raise self._table.read_only_error()
        try:
            location = self._location(place)
            if not location.url.startswith(self._location("x").url[:-1]):
                raise CatalogError(f"{place!r} is not below the folder {self} of the catalog; the card was not written")
            with temporary_folder() as folder:
                written = folder / "card.json"
                written.write_bytes(data)
                upload(written, location)
        except LocationError as error:
            raise CatalogError(f"the card {place} was not written to {self}: {error}") from error

    def _location(self, place: str) -> "Location":
        from brainio.stores import parse_location

        return parse_location(place, base=self.base)
