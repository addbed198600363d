"""Targets of publishing: the catalog that gets an entry, and the locations that its files get.

Reads catalogs; changes neither catalogs nor stores.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from brainio.catalogs import CatalogSource, Listing, catalog_source
from brainio.catalogs.listing import read_listing
from brainio.catalogs.sources import source_from
from brainio.errors import LocationError
from brainio.stores import Location, parse_location
from brainio.stores.location import is_opaque, is_url

CatalogName = str | os.PathLike[str] | None
"""Identifier of an active catalog, `Path` or URL of a catalog, or None: no catalog."""


@dataclass(frozen=True)
class Target:
    """A catalog that gets an entry, with the entries that it lists at this moment; none if it does not exist yet."""

    source: CatalogSource
    listing: Listing

    def read_again(self) -> Target:
        """Return the same catalog with the entries that it lists now."""
        return read_target(self.source)


def resolve_target(catalog: CatalogName) -> Target | None:
    """Return the catalog that gets an entry, with its current entries; None without a catalog.

    Parameters
    ----------
    catalog : str, path or None
        Identifier of an active catalog, or the `Path` or URL of any catalog.

    Raises
    ------
    UnknownCatalogError
        No active catalog has that identifier.
    ReadOnlyCatalogError
        The active catalog can only be read.
    CatalogError
        The catalog cannot be read.
    """
    return None if catalog is None else read_target(resolve_source(catalog))


def resolve_source(catalog: str | os.PathLike[str]) -> CatalogSource:
    """Return the source of the catalog that gets an entry; see `resolve_target`."""
    if isinstance(catalog, os.PathLike) or is_url(catalog):
        return source_from(os.fspath(catalog))
    source = catalog_source(catalog)
    if source.backend.is_read_only:
        raise source.backend.read_only_error()
    return source


def read_target(source: CatalogSource) -> Target:
    """Read the entries that a catalog lists at this moment; see `resolve_target`."""
    text = source.backend.read_current()
    if text is None:
        return Target(source, Listing(source.identifier))
    return Target(source, read_listing(source.identifier, text, source.location))


def file_location(bucket_name: str | os.PathLike[str], version: str, file_name: str) -> Location:
    """Return the location of a file in a bucket, a `bucket/folder`, a local folder, or below any URL of a store.

    Files of a version get a folder named after it, unless `bucket_name` ends with the version.

    Raises
    ------
    LocationError
        `bucket_name` is an identifier such as a DOI, to which nothing can be uploaded, or a malformed location.

    >>> file_location("lab-bucket/set", "", "a.csv").url, file_location("lab-bucket/set", "2", "a.csv").url
    ('s3://lab-bucket/set/a.csv', 's3://lab-bucket/set/2/a.csv')
    """
    folder = os.fspath(bucket_name).rstrip("/")
    if isinstance(bucket_name, str):
        check_store(folder)
    is_bucket = isinstance(bucket_name, str) and not is_url(folder) and not folder.startswith(("/", "~"))
    subfolder = f"{version}/" if version and folder.rpartition("/")[2] != version else ""
    return parse_location(f"{'s3://' if is_bucket else ''}{folder}/{subfolder}{file_name}")


def check_store(bucket_name: str) -> None:
    """Raise an error if a name identifies a record, such as a DOI, instead of a store.

    Raises
    ------
    LocationError

    Examples
    --------
    >>> check_store("lab-bucket/set")
    """
    if not is_url(bucket_name) and is_opaque(bucket_name):
        scheme = bucket_name.partition(":")[0]
        name = "a DOI" if scheme.lower() == "doi" else f"an identifier of the kind {scheme!r}"
        raise LocationError(
            f"{bucket_name!r} is {name}, not a store to which files can be uploaded. Pass a folder, a bucket "
            f"(BUCKET/FOLDER) or a URL such as s3://BUCKET/FOLDER. For files of an existing record, upload them there "
            f"yourself and list their https URLs in the catalog."
        )


def format_bucket(location: Location) -> str:
    """Return the folder of a file in the form of `bucket_name`.

    >>> format_bucket(parse_location("s3://lab-bucket/set/a.csv"))
    'lab-bucket/set'
    """
    if location.local_path is not None:
        return str(location.local_path.parent)
    return location.url.rpartition("/")[0].removeprefix("s3://")


def format_location_cell(location: Location, target: Target | None) -> str:
    """Return a location as catalogs store it: S3 as an https URL, local files next to the catalog as relative path."""
    local_path = location.local_path
    folder = None if target is None else target.source.backend.folder
    if folder is not None and local_path is not None and local_path.is_relative_to(folder):
        path = local_path.relative_to(folder).as_posix()
        return f"./{path}" if is_opaque(path) else path
    return location.catalog_text
