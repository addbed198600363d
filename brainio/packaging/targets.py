"""Where a package goes: the catalog it is added to, and the locations of its files, as people and catalogs write them.

Reads catalogs; stores and changes nothing.
"""

from __future__ import annotations

import os

from brainio.catalogs import CatalogSource, Listing, catalog_source
from brainio.catalogs.listing import read_listing
from brainio.catalogs.sources import source_from
from brainio.errors import LocationError
from brainio.stores import Location, parse_location
from brainio.stores.location import is_opaque

CatalogName = str | os.PathLike[str] | None
"""A catalog in force by its identifier, the `Path` or S3 location of a catalog's CSV file, or no catalog."""


def target_source(catalog: str | os.PathLike[str]) -> CatalogSource:
    """Return the catalog to which entries are added.

    Parameters
    ----------
    catalog : str or path
        A catalog in force by its identifier, or any by the `Path` or the URL of its CSV file.

    Raises
    ------
    UnknownCatalogError
        No catalog in force has that identifier.
    ReadOnlyCatalogError
        The catalog can only be read.
    """
    if isinstance(catalog, os.PathLike) or "://" in catalog:
        return source_from(os.fspath(catalog))
    source = catalog_source(catalog)
    if source.backend.is_read_only:
        raise source.backend.read_only_error()
    return source


def target_listing(catalog: str | os.PathLike[str]) -> Listing:
    """Return what the catalog to which entries are added lists at this moment; see `target_source`, `read_target`."""
    return read_target(target_source(catalog))


def read_target(source: CatalogSource) -> Listing:
    """Return what a catalog lists at this moment: nothing, where it does not exist yet.

    Raises
    ------
    CatalogError
        It cannot be read.
    """
    text = source.backend.read_current()
    return Listing(source.identifier) if text is None else read_listing(source.identifier, text, source.location)


def location_in(bucket_name: str | os.PathLike[str], version: str, file_name: str) -> Location:
    """Tell where a file goes: below a bucket, 'bucket/folder', a local folder, or any location that a store knows.

    Files of a version go below a folder of that name, unless `bucket_name` ends with it.

    Raises
    ------
    LocationError
        The name is a DOI or the like, to which nothing can be uploaded, or a location of an unknown kind.

    >>> location_in("lab-bucket/set", "", "a.csv").url, location_in("lab-bucket/set", "2", "a.csv").url
    ('s3://lab-bucket/set/a.csv', 's3://lab-bucket/set/2/a.csv')
    """
    folder = os.fspath(bucket_name).rstrip("/")
    if isinstance(bucket_name, str):
        require_store(folder)
    is_bucket = isinstance(bucket_name, str) and "://" not in folder and not folder.startswith(("/", "~"))
    below = f"{version}/" if version and folder.rpartition("/")[2] != version else ""
    return parse_location(f"{'s3://' if is_bucket else ''}{folder}/{below}{file_name}")


def require_store(bucket_name: str) -> None:
    """Refuse a DOI or the like, which names a record and no store.

    Raises
    ------
    LocationError

    Examples
    --------
    >>> require_store("lab-bucket/set")
    """
    if "://" not in bucket_name and is_opaque(bucket_name):
        scheme = bucket_name.partition(":")[0]
        name = "a DOI" if scheme.lower() == "doi" else f"an identifier of the kind {scheme!r}"
        raise LocationError(
            f"{bucket_name!r} is {name}, not a store to which files can be uploaded. Pass a folder, a bucket "
            f"(BUCKET/FOLDER) or a URL such as s3://BUCKET/FOLDER. For files of an existing record, upload them there "
            f"yourself and list their https URLs in the catalog."
        )


def folder_name(location: Location) -> str:
    """Name the place of a file as `bucket_name` names it.

    >>> folder_name(parse_location("s3://lab-bucket/set/a.csv"))
    'lab-bucket/set'
    """
    if location.local_path is not None:
        return str(location.local_path.parent)
    return location.url.rpartition("/")[0].removeprefix("s3://")


def as_catalogs_write(location: Location, source: CatalogSource | None) -> str:
    """Write a location as catalogs have it: S3 as an https URL, local files beside the catalog by relative path."""
    local_path = location.local_path
    folder = None if source is None else source.backend.folder
    if folder is not None and local_path is not None and local_path.is_relative_to(folder):
        path = local_path.relative_to(folder).as_posix()
        return f"./{path}" if is_opaque(path) else path
    return location.catalog_text
