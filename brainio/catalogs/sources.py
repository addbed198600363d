"""Where catalogs are read from: installed distributions, `BRAINIO_CATALOGS`, and the running program.

Finds sources and reads their text; what the text lists is the business of `listing`.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brainio.catalogs.backends.sql.location import is_database, place_of
from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.catalogs.listing import Listing, listing_from_rows, read_listing, shown
from brainio.errors import CatalogError, CatalogWarning, LocationError, OfflineCatalogError, OfflineError
from brainio.home import absolute_path
from brainio.local_files import Fingerprint, read_regular
from brainio.text import fault_of_text

if TYPE_CHECKING:
    from brainio.catalogs.frame import Catalog

ENTRYPOINT = "brainio_lookups"
BRAINIO_CATALOGS = "BRAINIO_CATALOGS"
LARGEST = 2**26  # bytes of a catalog from elsewhere: several hundred thousand files
MOST_LINES = 1_000_000  # of such a catalog, which take half a minute
_times_written: Counter[str] = Counter()  # of each remote catalog, by this process


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """A catalog's identifier and the path or URL of its CSV file, or the URL of the database that it lives in.

    A distribution offers one as an entry point of the group `brainio_lookups`: called, it returns the `Catalog`, as
    that group wants; read by brainio itself, it needs no pandas, so that the command line answers at once.

    Examples
    --------
    In the package that offers the catalog::

        my_lab = CatalogSource("my_lab", str(Path(__file__).parent / "my_lab.csv"))
    """

    identifier: str
    location: str

    def __call__(self) -> "Catalog":
        """Return the catalog as a DataFrame."""
        from brainio.catalogs.frame import Catalog

        return Catalog.from_files(self.identifier, self.location)

    @property
    def is_remote(self) -> bool:
        """Whether the catalog is read over a network; such a catalog may name no local files."""
        return "://" in self.location and not self.location.startswith("sqlite:")

    @property
    def is_database(self) -> bool:
        """Whether the catalog lives in a database."""
        return is_database(self.location)

    @property
    def path(self) -> Path:
        """The CSV file, or the SQLite file, of a catalog on this machine.

        Raises
        ------
        CatalogError
            The catalog lies elsewhere.
        """
        if self.is_remote:
            raise CatalogError(
                f"catalog {self.identifier!r} lies at {shown(self.location)}, where entries cannot be added; "
                f"add them to a copy on this machine"
            )
        database = place_of(self.location).path if self.is_database else None
        return Path(self.location) if database is None else database

    def fingerprint(self) -> object:
        """Return what changes when the file or the database does.

        Catalogs of other URLs are read once, and again when this process writes.
        """
        if self.is_database:
            from brainio.catalogs.sql_form import state_of

            return state_of(self.location)
        if self.is_remote:
            return _times_written[self.location]
        return Fingerprint.find(self.location)

    def read(self) -> Listing:
        """Read the catalog's entries.

        Raises
        ------
        CatalogError
            There is nothing to read, or it is no catalog.
        """
        return read_listing(self.identifier, self.text(), self.location)

    def text(self) -> str:
        """Return the CSV form; raises as `read` does.

        Of a catalog elsewhere that cannot be read, that is the last good copy of it, with a `CatalogWarning`.
        """
        if not self.is_remote:
            return self._text_there()
        from brainio.catalogs.backends.fallback_copies import text_or_copy

        # What this process wrote it has to find again, also where that takes long.
        # Of a database the driver knows how long to wait.
        is_patient = self.is_database or _times_written[self.location] > 0
        return text_or_copy(self.location, self._text_there, patient=is_patient)

    def _text_there(self) -> str:
        try:
            if self.is_database:
                from brainio.catalogs.sql_form import read_text

                return read_text(self.location)
            if self.is_remote:
                return self._bounded(_read_remote(self.location)).decode("utf-8")
            return read_regular(self.path).decode("utf-8")
        except UnicodeDecodeError as error:
            raise CatalogError(
                f"catalog {self.identifier!r} at {shown(self.location)} is not UTF-8: {error}"
            ) from error
        except OfflineError as error:
            raise OfflineCatalogError(f"catalog {self.identifier!r} cannot be read: {error}") from error
        except (OSError, LocationError) as error:
            raise CatalogError(
                f"catalog {self.identifier!r} cannot be read (named in {BRAINIO_CATALOGS} or by a call): {error}"
            ) from error

    def _bounded(self, data: bytes) -> bytes:
        """Refuse a text of so many lines that they would take minutes to read."""
        count = max(data.count(b"\n"), data.count(b"\r"))
        if count > MOST_LINES:
            raise CatalogError(
                f"catalog {self.identifier!r} at {shown(self.location)} has {count:,} lines; brainio reads at most "
                f"{MOST_LINES:,} over a network. Copy it into a database: brainio catalog copy"
            )
        return data


def note_written(source: CatalogSource) -> None:
    """Have a remote catalog read again at the next look-up, since this process wrote to it."""
    _times_written[source.location] += 1


@dataclass(frozen=True, slots=True, eq=False)
class FrameSource:
    """A `Catalog` that a distribution's function made and that has no file."""

    identifier: str
    catalog: "Catalog"

    def fingerprint(self) -> None:
        """Return None: what was made in memory is converted once."""

    def read(self) -> Listing:
        """Convert the rows of the DataFrame.

        Raises
        ------
        CatalogError
            It lacks columns of the format.
        """
        missing = [column for column in REQUIRED_COLUMNS if column not in self.catalog.columns]
        if missing:
            raise CatalogError(f"catalog {self.identifier!r} of an installed function lacks {', '.join(missing)}")
        frame = self.catalog.astype(object).where(self.catalog.notna(), "")
        rows = ({str(name): _as_text(value) for name, value in record.items()} for record in frame.to_dict("records"))
        return listing_from_rows(self.identifier, enumerate(rows, start=2))


def _as_text(value: object) -> str:
    """Write a cell as the CSV form has it: pandas turns a column of sizes with gaps into floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


Source = CatalogSource | FrameSource


def _read_remote(url: str) -> bytes:
    from brainio.stores import parse_location, read_whole

    return read_whole(parse_location(url), LARGEST)


def source_from(location: str, identifier: str | None = None) -> CatalogSource:
    """Make the source of a catalog named by path or URL; its identifier is the file's stem unless given.

    Of one in a database it is the name that the catalog has there.

    Raises
    ------
    CatalogError
        The location names no file.

    Examples
    --------
    >>> source_from('https://lab.org/catalogs/lab.csv').identifier
    'lab'
    """
    if is_database(location):
        database = place_of(location)
        return CatalogSource(identifier or database.name, database.location)
    location = location.removeprefix("file://")
    place = location if "://" in location else str(absolute_path(location))
    try:
        name = identifier or PurePosixPath(urlsplit(place).path if "://" in place else place).stem
    except ValueError:  # of a malformed host
        name = ""
    if not name or ("://" in place and fault_of_text(place)):
        raise CatalogError(
            f"{shown(location)!r} names no catalog file; expected something like https://HOST/my_lab.csv"
        )
    return CatalogSource(name, place)


def named_sources(setting: str) -> Iterator[CatalogSource]:
    """Read the value of `BRAINIO_CATALOGS`: paths or URLs, separated by commas."""
    for location in setting.split(","):
        if location.strip():
            yield source_from(location.strip())


@cache
def installed_sources() -> tuple[Source, ...]:
    """Find the catalogs that installed distributions offer; a broken one is left out with a `CatalogWarning`."""
    sources = []
    for point in sorted(metadata.entry_points(group=ENTRYPOINT), key=lambda point: point.name):
        try:
            offered = point.load()
            sources.append(offered if isinstance(offered, CatalogSource) else _from_function(point.name, offered))
        # Whatever the code of another distribution raises, its neighbours' catalogs still serve.
        except Exception as error:
            warnings.warn(
                f"catalog {point.name!r} ({point.value}) is left out: {type(error).__name__}: {error}",
                CatalogWarning,
                stacklevel=2,
            )
    return tuple(sources)


def _from_function(identifier: str, function: Callable[[], "Catalog"]) -> Source:
    catalog = function()
    path = catalog.attrs.get("source_path")
    if path is not None and Path(path).is_file():
        return CatalogSource(identifier, str(Path(path).absolute()))
    return FrameSource(identifier, catalog)
