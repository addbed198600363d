"""Publishes finished files: uploads them, verifies that they lie there, and only then adds the entry to a catalog.

Knows files, stores and catalogs, but not what is in the files.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from brainio.cache import hash_file
from brainio.catalogs import CatalogSource, Entry, Listing, append_rows, catalog_source
from brainio.catalogs.entries import REQUIRED_COLUMNS, part_of, row_problems
from brainio.errors import CatalogError, PackagingError, TransferError
from brainio.progress import TransferBar
from brainio.stores import Location, open_read, parse_location, stat, upload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_BUCKET = "brainio-temp"

_OWN_COLUMNS = (*REQUIRED_COLUMNS, "version_id", "sha256", "size")

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


@dataclass(frozen=True)
class Published:
    """Where the files of a package lie, in the words of `bucket_name`, and the version id that the store gave each."""

    bucket: str
    version_ids: Sequence[str | None]


def publish(package: Package, bucket_name: str | os.PathLike[str], catalog: CatalogName) -> Published:
    """Upload the files of a package and add its entry to a catalog.

    A package that the catalog lists already with the same bytes is left as it is, wherever it lies. A file that lies in
    its place already is not uploaded again, and then has no version id.

    Parameters
    ----------
    package : Package
        Its `entry_facts` may hold a `version`: then it stands beside other versions of the entry.
    bucket_name : str or path
        Where the files go; see `package_stimulus_set`.
    catalog : str, path or None
        To which the entry is added.

    Raises
    ------
    PackagingError
        A row of the entry would break the format; the catalog lists that version of the entry with other bytes; or
        other bytes lie where a file would go. Nothing was uploaded.
    CatalogError
        The catalog cannot be read, or its folder cannot be made. Nothing was uploaded.
    TransferError
        A file could not be stored, or lies there with another size. The catalog is as it was.
    """
    locations = [_location_in(bucket_name, file.path.name) for file in package.files]
    bucket = os.fspath(bucket_name)
    if catalog is None:
        return Published(bucket, _store_all(package.files, locations))
    path = _catalog_file(catalog)
    rows = [_row(package, file, location, path) for file, location in zip(package.files, locations, strict=True)]
    _refuse_rows(rows, package)
    listed = _listed(target_listing(catalog), package)
    if listed is not None:
        return _as_listed(listed, package, locations, bucket)
    _make_folder(path)
    versions = _store_all(package.files, locations)
    append_rows(path, [row | {"version_id": version or ""} for row, version in zip(rows, versions, strict=True)])
    return Published(bucket, versions)


def target_listing(catalog: str | os.PathLike[str]) -> Listing:
    """Return what the catalog lists now to which entries are added: nothing, where its file does not exist yet.

    Parameters
    ----------
    catalog : str or path
        A catalog in force by its identifier, or any by the `Path` of its CSV file.

    Raises
    ------
    UnknownCatalogError, CatalogError
        No catalog in force has that identifier; or it cannot be read.
    """
    path = _catalog_file(catalog)
    return CatalogSource(path.stem, str(path)).read() if path.exists() else Listing(path.stem)


def _catalog_file(catalog: str | os.PathLike[str]) -> Path:
    if isinstance(catalog, os.PathLike):
        return Path(catalog).absolute()
    source = catalog_source(catalog)
    if not isinstance(source, CatalogSource):
        raise PackagingError(f"the catalog {catalog!r} has no file on this machine; pass the Path of its CSV file")
    return source.path


def _make_folder(catalog_file: Path) -> None:
    try:
        catalog_file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(
            f"the folder of the catalog {catalog_file} cannot be made ({error}); nothing was stored. Correct the path"
        ) from error


def _refuse_rows(rows: Sequence[Mapping[str, str]], package: Package) -> None:
    """Whatever the catalog would not take must be said before the first byte is stored."""
    own = sorted({*package.entry_facts} & {*_OWN_COLUMNS})
    problems = [f"entry_facts may not say {column!r}: packaging does" for column in own]
    problems += [
        f"entry_facts says {column!r} is {value!r}; expected a text"
        for column, value in package.entry_facts.items()
        if not isinstance(value, str)
    ]
    problems += dict.fromkeys(problem for row in rows for problem in row_problems(row))
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise PackagingError(f"the entry {package.identifier!r} cannot be added; nothing was stored:{listed}")


def _listed(listing: Listing, package: Package) -> Entry | None:
    """Return the entry that the catalog has under that key and version, which must be the package to the byte."""
    version = package.entry_facts.get("version", "")
    entry = listing.find(package.lookup_type, package.identifier, version)
    if entry is None and not version:
        entry = listing.find(package.lookup_type, package.identifier)
    if entry is None:
        return None
    for file in package.files:
        known = entry.file(part_of(package.lookup_type, file.class_name))
        if known is None or known.sha1 != file.sha1:
            raise PackagingError(
                f"{listing.source} lists the {entry.kind} {package.identifier!r} already"
                f"{f' (version {entry.version!r})' if entry.version else ''}, with other bytes: {file.path.name} has "
                f"the SHA-1 {file.sha1}, the catalog says {known.sha1 if known else 'nothing'}. What is published does "
                f"not change: choose another identifier, or publish a new version with entry_facts={{'version': ...}} "
                f"and a bucket or folder of its own."
            )
    return entry


def _as_listed(entry: Entry, package: Package, wanted: Sequence[Location], bucket: str) -> Published:
    files = [entry.file(part_of(package.lookup_type, file.class_name)) for file in package.files]
    listed = [file for file in files if file is not None]
    places = [parse_location(file.location, file.location_type, entry.base) for file in listed]
    return Published(
        bucket if places == list(wanted) else _folder_of(places[0]), [f.version_id or None for f in listed]
    )


def _folder_of(location: Location) -> str:
    """Name the place of a file as `bucket_name` names it.

    >>> _folder_of(parse_location("s3://lab-bucket/set/a.csv"))
    'lab-bucket/set'
    """
    if location.location_type == "file":
        return str(location.path.parent)
    return location.url.rpartition("/")[0].removeprefix("s3://")


def _location_in(bucket_name: str | os.PathLike[str], file_name: str) -> Location:
    """Tell where a file goes: below a bucket, 'bucket/folder', a local folder, or any location that a store knows.

    >>> _location_in("lab-bucket/set", "a.csv").url
    's3://lab-bucket/set/a.csv'
    """
    folder = os.fspath(bucket_name)
    is_bucket = isinstance(bucket_name, str) and "://" not in folder and not folder.startswith(("/", "~"))
    return parse_location(f"{'s3://' if is_bucket else ''}{folder.rstrip('/')}/{file_name}")


def _store_all(files: Sequence[PackagedFile], locations: Sequence[Location]) -> list[str | None]:
    """Upload what does not lie in its place yet; ask for all places before the first upload."""
    pairs = list(zip(files, locations, strict=True))
    there = [_lies_there(file, location) for file, location in pairs]
    return [None if is_there else _store(one.path, where) for is_there, (one, where) in zip(there, pairs, strict=True)]


def _lies_there(file: PackagedFile, location: Location) -> bool:
    """Tell whether the file lies in its place already. Other bytes there belong to whoever published them."""
    if stat(location) is None:
        return False
    found = hashlib.sha1(usedforsecurity=False)
    with open_read(location) as reading:
        for chunk in reading.chunks():
            found.update(chunk)
    if found.hexdigest() == file.sha1:
        return True
    raise PackagingError(
        f"other bytes lie at {location} already: their SHA-1 is {found.hexdigest()}, that of {file.path.name} is "
        f"{file.sha1}. Published files are not overwritten, and nothing was stored. Choose another identifier, or "
        f"another bucket or folder (a new version needs one of its own)."
    )


def _store(path: Path, location: Location) -> str | None:
    """Upload a file, verify that it lies there whole, and return the version id that the store gave it."""
    expected = path.stat().st_size
    with TransferBar(path.name, expected) as bar:
        version_id = upload(path, location, bar.add).version_id
    found = stat(location, version_id)
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


def _row(package: Package, file: PackagedFile, location: Location, catalog_file: Path) -> dict[str, str]:
    own = (
        package.identifier,
        package.lookup_type,
        file.class_name,
        location.location_type,
        _as_catalogs_write(location, catalog_file),
        file.sha1,
        package.stimulus_set_identifier,
        "",  # the version id, which the store gives later
        hash_file(file.path, "sha256"),
        str(file.path.stat().st_size),
    )
    return dict(zip(_OWN_COLUMNS, own, strict=True)) | dict(package.entry_facts)


def upload_to_s3(source_file_path: str | os.PathLike[str], bucket_name: str, target_s3_key: str) -> dict[str, object]:
    """Upload one file to S3 and verify that it lies there whole. What lies there already is replaced.

    Parameters
    ----------
    source_file_path : path
        The local file.
    bucket_name : str
        The bucket, or `'bucket/folder'`.
    target_s3_key : str
        The key below that.

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
    """Return the account and the user name behind an STS client of boto3.

    Parameters
    ----------
    sts_client : boto3 client
        `boto3.client("sts")`.

    Returns
    -------
    tuple of str
        Account and user name.
    """
    identity = sts_client.get_caller_identity()  # type: ignore[attr-defined]
    return identity["Account"], identity["Arn"].rpartition("/")[2]
