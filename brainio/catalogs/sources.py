"""Catalog sources: identifiers with locations, from calls, `BRAINIO_CATALOGS` and installed distributions."""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.catalogs.backends import CatalogBackend, DataFrameBackend, backend_of, format_location
from brainio.catalogs.listing import Listing, read_listing
from brainio.errors import CatalogError, CatalogWarning

if TYPE_CHECKING:
    from brainio.catalogs.frame import Catalog

ENTRYPOINT = "brainio_lookups"
BRAINIO_CATALOGS = "BRAINIO_CATALOGS"


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """The identifier and the location of a catalog: the path or URL of its CSV file, or the URL of its database.

    A distribution offers one as an entry point of the group `brainio_lookups`. By the contract of that group, calling
    it returns the `Catalog`; brainio itself reads the location, which needs no pandas.

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

        frame = self.backend.frame
        return Catalog.from_files(self.identifier, self.location) if frame is None else Catalog(frame)

    def __str__(self) -> str:
        """Return the location without the secrets that a URL may contain, for messages."""
        return format_location(self.location)

    @property
    def backend(self) -> CatalogBackend:
        """The storage of the catalog."""
        return backend_of(self.location)

    def read(self) -> Listing:
        """Read the entries of the catalog.

        Raises
        ------
        CatalogError
            The catalog cannot be read, or is malformed.
        """
        return read_listing(self.identifier, self.backend.read(), self.location)


AnyCatalog = CatalogSource | str | os.PathLike[str]
"""A source, the path or URL of a catalog's CSV file, or the URL of the database that contains the catalog."""


def source_of(catalog: AnyCatalog) -> CatalogSource:
    """Return the source of a catalog that is given by its source, path or URL."""
    return catalog if isinstance(catalog, CatalogSource) else source_from(os.fspath(catalog))


def source_from(location: str, identifier: str | None = None) -> CatalogSource:
    """Return the source of the catalog at a path or URL.

    Parameters
    ----------
    location : str
        Path or URL.
    identifier : str, optional
        By default the stem of the file name, or the name of the catalog in its database.

    Raises
    ------
    CatalogError
        The location does not name a catalog.

    Examples
    --------
    >>> source_from('https://lab.org/catalogs/lab.csv').identifier
    'lab'
    """
    backend = backend_of(location)
    if not (identifier or backend.identifier):
        raise CatalogError(
            f"{backend!s} does not name a catalog file; expected a location such as https://HOST/my_lab.csv"
        )
    return CatalogSource(identifier or backend.identifier, backend.location)


def named_sources(setting: str) -> Iterator[CatalogSource]:
    """Parse the value of `BRAINIO_CATALOGS`: paths or URLs, separated by commas."""
    for location in setting.split(","):
        if location.strip():
            yield source_from(location.strip())


@cache
def installed_sources() -> tuple[CatalogSource, ...]:
    """Find the catalogs that installed distributions offer; a broken one is left out with a CatalogWarning."""
    sources = []
    for point in sorted(metadata.entry_points(group=ENTRYPOINT), key=lambda point: point.name):
        try:
            sources.append(_offered_source(point.name, point.load()))
        # An error in the code of one distribution must not disable the catalogs of others.
        except Exception as error:
            warnings.warn(
                f"catalog {point.name!r} ({point.value}) is left out: {type(error).__name__}: {error}",
                CatalogWarning,
                stacklevel=2,
            )
    return tuple(sources)


def _offered_source(identifier: str, offered: CatalogSource | Callable[[], "Catalog"]) -> CatalogSource:
    """Return the source that an entry point is, or that its function returns as a DataFrame."""
    if isinstance(offered, CatalogSource):
        return offered
    catalog = offered()
    path = catalog.attrs.get("source_path")
    if path is not None and Path(path).is_file():
        return CatalogSource(identifier, str(Path(path).absolute()))
    return CatalogSource(identifier, DataFrameBackend.store(identifier, catalog))
