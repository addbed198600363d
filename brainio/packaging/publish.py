"""Publishes finished files: uploads them, verifies that they lie there, and only then adds the entry to a catalog.

Knows files, stores and catalogs, but not what is in the files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from brainio.cache import hash_file
from brainio.catalogs import TYPE_STIMULUS_SET, CatalogSource, Entry, Listing, append_rows, catalog_source
from brainio.catalogs.entries import part_of
from brainio.errors import PackagingError, TransferError
from brainio.stores import Location, parse_location, stat, upload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_BUCKET = "brainio-temp"

CatalogName = str | os.PathLike[str] | None
"""A catalog in force by its identifier, any catalog on this machine by the `Path` of its CSV file, or no catalog."""


@dataclass(frozen=True)
class PackagedFile:
    """One finished file of an entry; `class_name` is empty for an archive."""

    path: Path
    class_name: str
    sha1: str


@dataclass(frozen=True)
class Package:
    """The finished files of one entry, and what its rows in a catalog say."""

    lookup_type: str
    identifier: str
    files: Sequence[PackagedFile]
    stimulus_set_identifier: str = ""
    entry_facts: Mapping[str, str] = field(default_factory=dict)


def publish(package: Package, bucket_name: str | os.PathLike[str], catalog: CatalogName) -> dict[str, str | None]:
    """Upload the files of a package and add its entry to a catalog.

    A package that the catalog lists already with the same bytes is left as it is.

    Returns
    -------
    dict
        Name of the file -> version id that the store gave it (None: it has no versions).

    Raises
    ------
    PackagingError
        The catalog lists the identifier with other bytes, or another entry where a file would go. Nothing was uploaded.
    TransferError
        A file could not be stored, or lies there with another size. The catalog is as it was.
    """
    locations = [_location_in(bucket_name, file.path.name) for file in package.files]
    if catalog is None:
        return {
            file.path.name: _store(file.path, location) for file, location in zip(package.files, locations, strict=True)
        }
    catalog_file = _catalog_file(catalog)
    listing = _listing(catalog_file)
    listed = _listed(listing, package)
    if listed is not None:
        return _versions_of(listed, package)
    _refuse_taken(listing, locations)
    versions = [_store(file.path, location) for file, location in zip(package.files, locations, strict=True)]
    stored = list(zip(package.files, locations, versions, strict=True))
    append_rows(catalog_file, [_row(package, *one, catalog_file) for one in stored])
    return {file.path.name: version for file, _, version in stored}


def _catalog_file(catalog: str | os.PathLike[str]) -> Path:
    if isinstance(catalog, os.PathLike):
        return Path(catalog).absolute()
    source = catalog_source(catalog)
    if not isinstance(source, CatalogSource):
        raise PackagingError(f"the catalog {catalog!r} has no file on this machine; pass the Path of its CSV file")
    return source.path


def _listing(catalog_file: Path) -> Listing:
    if not catalog_file.exists():
        return Listing(catalog_file.stem)
    return CatalogSource(catalog_file.stem, str(catalog_file)).read()


def _listed(listing: Listing, package: Package) -> Entry | None:
    """Return the entry that the catalog has under that key, which must be the package to the byte."""
    entry = listing.find(package.lookup_type, package.identifier)
    if entry is None:
        return None
    for file in package.files:
        known = entry.file(part_of(package.lookup_type, file.class_name))
        if known is None or known.sha1 != file.sha1:
            raise PackagingError(
                f"{listing.source} lists the {entry.kind} {package.identifier!r} already, with other bytes: "
                f"{file.path.name} has the SHA-1 {file.sha1}, the catalog says {known.sha1 if known else 'nothing'}. "
                f"Published identifiers do not change; choose another one."
            )
    return entry


def _refuse_taken(listing: Listing, locations: Sequence[Location]) -> None:
    """Dots become underscores in file names, so that two identifiers may want one name; no entry may lose its bytes."""
    for entry in listing.entries.values():
        for file in entry.files:
            for location in locations:
                # The name is compared first: reading every location of a large catalog takes its time.
                if not file.location.endswith(location.name):
                    continue
                if parse_location(file.location, file.location_type, entry.base) == location:
                    raise PackagingError(
                        f"{location} is where {listing.source} lists a file of the {entry.kind} {entry.identifier!r}; "
                        f"choose another identifier or another place"
                    )


def _versions_of(entry: Entry, package: Package) -> dict[str, str | None]:
    listed = {file.path.name: entry.file(part_of(package.lookup_type, file.class_name)) for file in package.files}
    return {name: file.version_id or None if file else None for name, file in listed.items()}


def _location_in(bucket_name: str | os.PathLike[str], file_name: str) -> Location:
    """Tell where a file goes: below a bucket, 'bucket/folder', a local folder, or any location that a store knows.

    >>> _location_in("lab-bucket/set", "a.csv").url
    's3://lab-bucket/set/a.csv'
    """
    folder = os.fspath(bucket_name)
    is_bucket = isinstance(bucket_name, str) and "://" not in folder and not folder.startswith(("/", "~"))
    return parse_location(f"{'s3://' if is_bucket else ''}{folder.rstrip('/')}/{file_name}")


def _store(path: Path, location: Location) -> str | None:
    """Upload a file, verify that it lies there whole, and return the version id that the store gave it."""
    version_id = upload(path, location).version_id
    expected, found = path.stat().st_size, stat(location, version_id)
    if found != expected:
        raise TransferError(
            f"{location} was uploaded, but {'is not there' if found is None else f'has {found} bytes'}; expected "
            f"{expected} bytes. No catalog was changed; check the store and package again."
        )
    return version_id


def _as_catalogs_write(location: Location, catalog_file: Path) -> str:
    """Write a location as catalogs have it: S3 as an https URL, local files beside the catalog by relative path."""
    if location.location_type == "S3":
        return f"https://{location.bucket}.s3.amazonaws.com/{quote(location.key)}"
    if location.location_type == "file" and location.path.is_relative_to(catalog_file.parent):
        return location.path.relative_to(catalog_file.parent).as_posix()
    return location.url


def _row(
    package: Package, file: PackagedFile, location: Location, version_id: str | None, catalog_file: Path
) -> dict[str, str]:
    return {
        "identifier": package.identifier,
        "lookup_type": package.lookup_type,
        "class": file.class_name,
        "location_type": location.location_type,
        "location": _as_catalogs_write(location, catalog_file),
        "sha1": file.sha1,
        "stimulus_set_identifier": package.stimulus_set_identifier,
        "version_id": version_id or "",
        "sha256": hash_file(file.path, "sha256"),
        "size": str(file.path.stat().st_size),
        **package.entry_facts,
    }


def file_name(lookup_type: str, identifier: str, extension: str) -> str:
    """Return the published name of a file.

    >>> file_name("assembly", "dicarlo.MajajHong2015", "nc")
    'assy_dicarlo_MajajHong2015.nc'
    """
    prefix = "stimulus" if lookup_type == TYPE_STIMULUS_SET else "assy"
    return f"{prefix}_{identifier.replace('.', '_')}.{extension}"


def upload_to_s3(source_file_path: str | os.PathLike[str], bucket_name: str, target_s3_key: str) -> dict[str, object]:
    """Upload one file to S3 and verify that it lies there whole.

    Returns
    -------
    dict
        `ContentLength` in bytes, and `VersionId` where the bucket has versions, as S3 calls them.

    Raises
    ------
    TransferError
        The file could not be stored, or lies there with another size.
    """
    path = Path(source_file_path)
    version_id = _store(path, parse_location(f"s3://{bucket_name.rstrip('/')}/{target_s3_key}"))
    properties: dict[str, object] = {"ContentLength": path.stat().st_size}
    return properties if version_id is None else {**properties, "VersionId": version_id}


def get_user_info(sts_client: object) -> tuple[str, str]:
    """Return the account and the user name behind an STS client of boto3 (`boto3.client("sts")`)."""
    identity = sts_client.get_caller_identity()  # type: ignore[attr-defined]
    return identity["Account"], identity["Arn"].rpartition("/")[2]
