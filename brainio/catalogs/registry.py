"""Which catalogs are in force, each as it is now; `resolving` says what an identifier leads to over all of them.

In force are, in this order: what `add_catalog` added, what `BRAINIO_CATALOGS` names, what installed distributions
offer. Catalog files that change while the program runs are read again at the next look-up.
"""

import os
import threading
import time
import warnings
from typing import NamedTuple

from brainio.catalogs.listing import Listing, shown
from brainio.catalogs.sources import (
    BRAINIO_CATALOGS,
    CatalogSource,
    Source,
    installed_sources,
    named_sources,
    source_from,
)
from brainio.errors import CatalogError, CatalogWarning, OfflineCatalogError, UnknownCatalogError
from brainio.forks import guard

_SECONDS_BEFORE_ASKING_AGAIN = 60.0

_lock = guard(threading.RLock(), "the active catalogs")
_added: dict[str, CatalogSource] = {}
_readings: dict[str, "_Reading"] = {}
_sources_for: tuple[str, dict[str, CatalogSource], dict[str, Source]] | None = None


def add_catalog(location: str | os.PathLike[str], identifier: str | None = None) -> str:
    """Put a catalog in force for the running program, before all others.

    Parameters
    ----------
    location : str or path
        Path or URL of its CSV file, or URL of the database that it lives in: `sqlite:////PATH/lab.db`,
        `postgresql://USER@HOST/lab`.
    identifier : str, optional
        Of the catalog; by default the file name without its ending.

    Returns
    -------
    str
        The identifier of the catalog.

    Raises
    ------
    CatalogError
        Nothing can be read there, or it is no catalog; or the identifier is taken by another one.

    Examples
    --------
    >>> from brainio_catalogs import brainio_demo
    >>> add_catalog(brainio_demo.location)
    'brainio_demo'
    """
    source = source_from(os.fspath(location), identifier)
    with _lock:
        taken = _sources().get(source.identifier)
        if taken is not None and taken != source:
            raise CatalogError(_doubled(source.identifier, taken, source))
        _readings.pop(source.identifier, None)
        _read(source)
        _added[source.identifier] = source
    return source.identifier


def sources() -> dict[str, Source]:
    """Return the sources of the catalogs in force: catalog identifier -> source.

    Raises
    ------
    CatalogError
        Two different catalogs claim one identifier.
    """
    return dict(_sources())


def listings() -> list[Listing]:
    """Return the catalogs in force, each as it is now; one that cannot be read is left out with a `CatalogWarning`."""
    found = []
    for source in _sources().values():
        try:
            found.append(_read(source))
        except CatalogError as error:
            warnings.warn(f"{error}; this catalog is left out", CatalogWarning, stacklevel=3)
    return found


def catalog_source(identifier: str) -> Source:
    """Return the source of one catalog in force.

    Raises
    ------
    UnknownCatalogError
        No catalog in force has that identifier.
    """
    known = _sources()
    if identifier not in known:
        raise UnknownCatalogError(
            f"no catalog {identifier!r} is active (active catalogs: {', '.join(known) or 'none'}); "
            f"name its file in {BRAINIO_CATALOGS} or call brainio.add_catalog"
        )
    return known[identifier]


def listing(identifier: str) -> Listing:
    """Return one catalog in force as it is now.

    Raises
    ------
    UnknownCatalogError, CatalogError
        No catalog in force has that identifier; or it cannot be read.
    """
    return _read(catalog_source(identifier))


def list_catalogs() -> list[str]:
    """Return the sorted identifiers of the catalogs in force."""
    return sorted(_sources())


def is_forbidden(name: str) -> bool:
    """Whether a catalog was not read because `BRAINIO_OFFLINE` is set."""
    reading = _readings.get(name)
    return reading is not None and isinstance(reading.result, OfflineCatalogError)


def _sources() -> dict[str, Source]:
    global _sources_for
    setting = os.environ.get(BRAINIO_CATALOGS, "")
    with _lock:
        if _sources_for is None or _sources_for[0] != setting or _sources_for[1] != _added:
            _sources_for = setting, dict(_added), _gather(setting)
        return _sources_for[2]


def _gather(setting: str) -> dict[str, Source]:
    gathered: dict[str, Source] = {}
    for source in (*_added.values(), *named_sources(setting), *installed_sources()):
        known = gathered.setdefault(source.identifier, source)
        if known != source:
            raise CatalogError(_doubled(source.identifier, known, source))
    return gathered


def _doubled(identifier: str, first: Source, second: Source) -> str:
    places = [one.location if isinstance(one, CatalogSource) else "an installed function" for one in (first, second)]
    return (
        f"two catalogs claim the identifier {identifier!r}: {shown(places[0])} and {shown(places[1])}; "
        f"rename the file of one, or leave it out of {BRAINIO_CATALOGS}"
    )


def _read(source: Source) -> Listing:
    """Read a catalog unless it was read and has not changed; one that failed is not asked again for a minute."""
    known = _readings.get(source.identifier)
    if known is None or not known.is_fresh(source):
        with _lock:
            known = _readings.get(source.identifier)
            if known is None or not known.is_fresh(source):
                known = _readings[source.identifier] = _Reading.of(source)
    if isinstance(known.result, CatalogError):
        raise known.result
    return known.result


class _Reading(NamedTuple):
    """What reading a source gave, under which fingerprint, and when (seconds of a clock that never goes back)."""

    source: Source
    fingerprint: object
    time: float
    result: Listing | CatalogError

    @classmethod
    def of(cls, source: Source) -> "_Reading":
        fingerprint = source.fingerprint()
        try:
            return cls(source, fingerprint, time.monotonic(), source.read())
        except CatalogError as error:
            return cls(source, fingerprint, time.monotonic(), error)

    def is_fresh(self, source: Source) -> bool:
        if self.fingerprint != source.fingerprint() or (self.source is not source and self.source != source):
            return False
        return isinstance(self.result, Listing) or time.monotonic() - self.time < _SECONDS_BEFORE_ASKING_AGAIN
