"""The selection of a store: the one place that maps the type of a location to its implementation.

boto3, requests and fsspec are imported when the first location needs them.
"""

import os
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from brainio.errors import LocationError, OfflineError
from brainio.stores.location import S3, Location

if TYPE_CHECKING:
    from brainio.stores.store import Store

BRAINIO_OFFLINE = "BRAINIO_OFFLINE"
_STORES = {
    S3: ("s3_store", "S3Store"),
    "http": ("http_store", "HttpStore"),
    "https": ("http_store", "HttpStore"),
    "file": ("filesystem_store", "LocalStore"),
}
_OTHERS = ("filesystem_store", "FsspecStore")


def store_of(location: Location) -> "Store":
    """Return the store that reads and writes a location."""
    return _store(location.location_type)


def store_for_request(location: Location, version_id: str | None = None) -> "Store":
    """Return the store of a location after checking that a request to it is allowed.

    Raises
    ------
    OfflineError
        The store needs the network, and `BRAINIO_OFFLINE` is set.
    LocationError
        A version id is given, and the store keeps no versions.
    """
    require_online(location)
    store = store_of(location)
    if version_id and not store.has_versions:
        raise LocationError(
            f"The version {version_id!r} of {location} was requested, but only S3 keeps versions. Leave version_id "
            f"empty."
        )
    return store


@cache
def _store(location_type: str) -> "Store":
    module, name = _STORES.get(location_type, _OTHERS)
    store: Store = getattr(import_module(f"brainio.stores.{module}"), name)()
    return store


def is_offline() -> bool:
    """Whether the environment variable `BRAINIO_OFFLINE` forbids every request; '', '0', 'false' and 'no' do not."""
    return os.environ.get(BRAINIO_OFFLINE, "").strip().lower() not in {"", "0", "false", "no"}


def require_online(location: Location) -> None:
    """Raise OfflineError if the environment forbids requests for a location."""
    if is_offline() and not location.is_local:
        raise OfflineError(
            f"{location} was not requested, since {BRAINIO_OFFLINE} is set. Unset it to use the network."
        )
