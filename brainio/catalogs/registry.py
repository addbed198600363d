"""The active catalogs, each read when it is first needed and again after its version token changes.

Active are, in this order: the catalogs that `add_catalog` added, those that `BRAINIO_CATALOGS` names, and those that
installed distributions offer. A `CatalogSource` refers to any catalog, active or not. `brainio.catalogs.resolution`
resolves identifiers in the active ones.
"""

import os
import threading
import time
import warnings
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brainio.catalogs.backends import CatalogBackend, DataFrameBackend, backend_of, format_location
from brainio.catalogs.entries import Listing
from brainio.catalogs.listing import read_listing
from brainio.errors import CatalogError, CatalogWarning, OfflineCatalogError, UnknownCatalogError
from brainio.forks import guard

if TYPE_CHECKING:
    from brainio.catalogs.frame import Catalog


ENTRYPOINT = "brainio_lookups"
BRAINIO_CATALOGS = "BRAINIO_CATALOGS"
_RETRY_SECONDS = 60.0  # after which a catalog that could not be read is tried again


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


_lock = guard(threading.RLock(), "the active catalogs")
_added: dict[str, CatalogSource] = {}
_reads: dict[str, "_CachedRead"] = {}
_sources_for: tuple[str, dict[str, CatalogSource], dict[str, CatalogSource]] | None = None


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


def add_catalog(location: str | os.PathLike[str], identifier: str | None = None) -> str:
    """Activate a catalog in the running program; it comes before all others.

    Parameters
    ----------
    location : str or path
        Path or URL of its CSV file, or URL of a database: `sqlite:////PATH/lab.db`, `postgresql://USER@HOST/lab`.
    identifier : str, optional
        Identifier of the catalog; by default the file name without its suffix.

    Returns
    -------
    str
        The identifier of the catalog.

    Raises
    ------
    CatalogError
        The catalog cannot be read or is malformed, or another active catalog has its identifier.

    Examples
    --------
    >>> from brainio_catalogs import brainio_demo
    >>> add_catalog(brainio_demo.location)
    'brainio_demo'
    """
    source = source_from(os.fspath(location), identifier)
    with _lock:
        other = _sources().get(source.identifier)
        if other is not None and other != source:
            raise CatalogError(_describe_conflict(source.identifier, other, source))
        _reads.pop(source.identifier, None)
        _listing_of(source)
        _added[source.identifier] = source
    return source.identifier


def sources() -> dict[str, CatalogSource]:
    """Return the sources of the active catalogs: catalog identifier -> source.

    Raises
    ------
    CatalogError
        Two different catalogs have one identifier.
    """
    return dict(_sources())


def listings() -> list[Listing]:
    """Return the active catalogs as they are now; a catalog that cannot be read is left out with a CatalogWarning."""
    readable = []
    for source in _sources().values():
        try:
            readable.append(_listing_of(source))
        except CatalogError as error:
            warnings.warn(f"{error}; this catalog is left out", CatalogWarning, stacklevel=3)
    return readable


def catalog_source(identifier: str) -> CatalogSource:
    """Return the source of one active catalog.

    Raises
    ------
    UnknownCatalogError
        No active catalog has that identifier.
    """
    active = _sources()
    if identifier not in active:
        raise UnknownCatalogError(
            f"no catalog {identifier!r} is active (active catalogs: {', '.join(active) or 'none'}); "
            f"name its file in {BRAINIO_CATALOGS} or call brainio.add_catalog"
        )
    return active[identifier]


def listing(identifier: str) -> Listing:
    """Return one active catalog as it is now.

    Raises
    ------
    UnknownCatalogError
        No active catalog has that identifier.
    CatalogError
        The catalog cannot be read.
    """
    return _listing_of(catalog_source(identifier))


def list_catalogs() -> list[str]:
    """Return the sorted identifiers of the active catalogs."""
    return sorted(_sources())


def is_offline_without_copy(identifier: str) -> bool:
    """Whether a catalog was not read because `BRAINIO_OFFLINE` is set and there is no fallback copy."""
    last = _reads.get(identifier)
    return last is not None and isinstance(last.result, OfflineCatalogError)


def _sources() -> dict[str, CatalogSource]:
    global _sources_for
    setting = os.environ.get(BRAINIO_CATALOGS, "")
    with _lock:
        if _sources_for is None or _sources_for[0] != setting or _sources_for[1] != _added:
            _sources_for = setting, dict(_added), _collect_sources(setting)
        return _sources_for[2]


def _collect_sources(setting: str) -> dict[str, CatalogSource]:
    collected: dict[str, CatalogSource] = {}
    for source in (*_added.values(), *named_sources(setting), *_installed_sources()):
        first = collected.setdefault(source.identifier, source)
        if first != source:
            raise CatalogError(_describe_conflict(source.identifier, first, source))
    return collected


def named_sources(setting: str) -> Iterator[CatalogSource]:
    """Parse the value of `BRAINIO_CATALOGS`: paths or URLs, separated by commas."""
    for location in setting.split(","):
        if location.strip():
            yield source_from(location.strip())


@cache
def _installed_sources() -> tuple[CatalogSource, ...]:
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


def _describe_conflict(identifier: str, first: CatalogSource, second: CatalogSource) -> str:
    return (
        f"two catalogs have the identifier {identifier!r}: {first} and {second}; "
        f"rename the file of one of them, or leave it out of {BRAINIO_CATALOGS}"
    )


def _listing_of(source: CatalogSource) -> Listing:
    """Return a catalog's listing, reading the catalog only if it changed; a failed read is retried after a minute."""
    last = _reads.get(source.identifier)
    if last is None or not last.is_fresh(source):
        with _lock:
            last = _reads.get(source.identifier)
            if last is None or not last.is_fresh(source):
                last = _reads[source.identifier] = _CachedRead.of(source)
    if isinstance(last.result, CatalogError):
        raise last.result
    return last.result


class _CachedRead(NamedTuple):
    """The result of reading a catalog, with its version token and the time (of the monotonic clock, in seconds)."""

    source: CatalogSource
    backend: CatalogBackend
    token: Hashable
    time: float
    result: Listing | CatalogError

    @classmethod
    def of(cls, source: CatalogSource) -> "_CachedRead":
        backend = source.backend
        token = backend.version_token()  # before reading, so that a write in between is noticed
        try:
            result: Listing | CatalogError = source.read()
        except CatalogError as error:
            result = error
        return cls(source, backend, token, time.monotonic(), result)

    def is_fresh(self, source: CatalogSource) -> bool:
        if self.token != self.backend.version_token() or (self.source is not source and self.source != source):
            return False
        return isinstance(self.result, Listing) or time.monotonic() - self.time < _RETRY_SECONDS
