"""Catalog backends: the storage behind catalogs, chosen by the text of a location.

`CatalogBackend` is the protocol; CSV files on this machine, on S3 and over HTTP, SQL databases and DataFrames implement
it. A further backend is a subclass that `register_backend` makes known for its URL scheme.
"""

import threading

from brainio.catalogs.backends.base import CatalogBackend, CatalogContents, Sidecars
from brainio.catalogs.backends.csv_file import CsvFile
from brainio.catalogs.backends.csv_remote import CsvOnS3, CsvOverHttp
from brainio.catalogs.backends.data_frame import DataFrameBackend
from brainio.catalogs.backends.sql.location import SCHEMES, folder_of
from brainio.errors import LocationError
from brainio.forks import guard
from brainio.stores.location import is_url, register_database

__all__ = [
    "CatalogBackend",
    "CatalogContents",
    "DataFrameBackend",
    "Sidecars",
    "backend_of",
    "format_location",
    "register_backend",
    "sidecars_at",
]

_registered: dict[str, type[CatalogBackend]] = {DataFrameBackend.SCHEME: DataFrameBackend}
# By canonical location: a relative path may mean another file after the working folder changed.
_backends: dict[str, CatalogBackend] = {}
_sidecars: dict[str, Sidecars] = {}
_lock = guard(threading.Lock(), "the catalog backends")
for _scheme in SCHEMES:
    register_database(_scheme, folder_of)


def register_backend(scheme: str, backend: type[CatalogBackend]) -> None:
    """Use a backend for all catalogs whose locations have a URL scheme; call it before the first use of such a URL.

    Parameters
    ----------
    scheme : str
        For example `'redis'` for `redis://HOST/lab`.
    backend : type
        A subclass of `CatalogBackend`.

    Examples
    --------
    >>> from brainio.catalogs.backends.csv_remote import CsvOverHttp
    >>> register_backend("webdav", CsvOverHttp)
    >>> backend_of("webdav://lab.org/lab.csv").is_read_only
    True
    """
    _registered[scheme] = backend


def backend_of(location: str) -> CatalogBackend:
    """Return the backend of the catalog at a location: one object for each canonical location.

    Parameters
    ----------
    location : str
        Path or URL.

    Raises
    ------
    CatalogError
        The location is malformed.

    Examples
    --------
    >>> backend_of("/data/lab.csv").base, backend_of("https://lab.org/data/lab.csv").is_read_only
    ('/data', True)
    """
    backend = _backends.get(location)
    if backend is None:
        made = _class_of(location).from_location(location)
        with _lock:
            backend = _backends.setdefault(made.location, made)
    return backend


def sidecars_at(base: str) -> Sidecars:
    """Return the cards and publications of catalogs by the `base` of their entries."""
    sidecars = _sidecars.get(base)
    if sidecars is None:
        made = _class_of(base).sidecars_at(base)
        with _lock:
            sidecars = _sidecars.setdefault(made.base, made)
    return sidecars


def format_location(location: str) -> str:
    """Return the path or URL of a catalog for messages, without the secrets that a URL may contain.

    Examples
    --------
    >>> format_location('https://me:secret@lab.org/lab.csv')
    'https://lab.org/lab.csv'
    """
    return _class_of(location).format_location(location)


def _class_of(location: str) -> type[CatalogBackend]:
    """Return the class of the backend of a location or base: the only place that decides this."""
    scheme, colon, _ = location.partition(":")
    if colon and scheme in _registered:
        return _registered[scheme]
    if colon and scheme in SCHEMES:
        from brainio.catalogs.backends.sql.backend import SqlBackend  # SQLAlchemy takes a third of a second

        return SqlBackend
    if not is_url(location) or scheme == "file":
        return CsvFile
    return CsvOnS3 if _is_on_s3(location) else CsvOverHttp


def _is_on_s3(location: str) -> bool:
    from brainio.stores import parse_location

    try:
        return parse_location(location).location_type == "S3"
    except LocationError:  # reading raises it again, with the reason
        return location.startswith("s3:")
