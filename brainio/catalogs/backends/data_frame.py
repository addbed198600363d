"""Catalogs that an installed function returns as a DataFrame without a file; they are read-only."""

from typing import TYPE_CHECKING, ClassVar, Self

from brainio.catalogs.backends.base import ChangeText, Sidecars
from brainio.catalogs.backends.csv_base import CsvBackend
from brainio.catalogs.csv_format import EMPTY, line_of
from brainio.errors import CatalogError, ReadOnlyCatalogError, TransferError

if TYPE_CHECKING:
    import pandas as pd

_frames: dict[str, "pd.DataFrame"] = {}


class NoSidecars(Sidecars):
    """The sidecars of a catalog that has neither cards nor a publications table."""

    base = ""

    def __init__(self, error: ReadOnlyCatalogError) -> None:
        self._error = error

    def publications_token(self) -> None:
        """Return None: there is never a table."""

    def read_publications(self) -> None:
        """Return None: there is no table."""

    def rewrite_publications(self, change: ChangeText, empty: str) -> None:
        """Raise the error of a read-only backend."""
        del change, empty
        raise self._error

    def read_card(self, place: str) -> bytes:
        """Raise TransferError: there is no card."""
        raise TransferError(f"there is no card {place}: the catalog is a DataFrame of an installed function")

    def has_card(self, place: str) -> bool:
        """Return False."""
        del place
        return False

    def write_card(self, place: str, data: bytes) -> None:
        """Raise the error of a read-only backend."""
        del place, data
        raise self._error


class DataFrameBackend(CsvBackend):
    """A catalog that is a DataFrame in the memory of this process.

    Its location is `entry-point://IDENTIFIER`. Relative locations of its entries start at the working folder.
    """

    SCHEME: ClassVar[str] = "entry-point"
    is_read_only: ClassVar[bool] = True
    base = ""

    def __init__(self, location: str) -> None:
        self.location = location
        self.identifier = location.removeprefix(f"{self.SCHEME}://")

    @classmethod
    def store(cls, identifier: str, frame: "pd.DataFrame") -> str:
        """Store the DataFrame of a catalog, and return the catalog's location."""
        location = f"{cls.SCHEME}://{identifier}"
        _frames[location] = frame
        return location

    @classmethod
    def from_location(cls, location: str) -> Self:
        """Return the backend of a location that `store` returned."""
        return cls(location)

    @classmethod
    def sidecars_at(cls, base: str) -> NoSidecars:
        """Return sidecars without content."""
        return NoSidecars(cls(base).read_only_error())

    @property
    def frame(self) -> "pd.DataFrame | None":
        """The stored DataFrame."""
        return _frames.get(self.location)

    def version_token(self) -> None:
        """Return None: the DataFrame is converted once."""

    def read(self) -> str:
        """Return the DataFrame as CSV."""
        frame = self.frame
        if frame is None:
            raise CatalogError(f"no installed function offers the catalog {self}. Install its distribution")
        cells = frame.astype(object).where(frame.notna(), "").itertuples(index=False, name=None)
        header = [str(name) for name in frame.columns]
        return "".join(line_of(list(map(_format_cell, row)), "\n") for row in (header, *cells))

    def read_current(self) -> str:
        """Return the DataFrame as CSV."""
        return self.read()

    def read_only_error(self) -> ReadOnlyCatalogError:
        """Return the error of every method that writes."""
        return ReadOnlyCatalogError(
            f"the catalog {self.identifier!r} is a DataFrame of an installed function and is read-only; nothing was "
            f"changed. Write its rows to a CSV file, and offer that file instead"
        )

    def check_writable(self) -> None:
        """Raise the error of a read-only backend."""
        raise self.read_only_error()

    def rewrite(self, change: ChangeText, empty: str = EMPTY) -> None:
        """Raise the error of a read-only backend."""
        del change, empty
        raise self.read_only_error()


def _format_cell(value: object) -> str:
    """Return a cell as in a CSV catalog: pandas turns a column of sizes with gaps into floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
