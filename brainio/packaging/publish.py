"""Publishes finished files as a transaction: sends them, reads them back, and only then adds card and entry.

Killed at any moment it can be run again: what lies in the store with the same bytes stays, and the entry is added in
one step. Knows files, stores and catalogs, but not what is in the files.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.cache import hash_file
from brainio.cards import write_card
from brainio.cards.facts import normalize_license
from brainio.catalogs.entries import REQUIRED_COLUMNS, STATUS_CURRENT, TYPE_STIMULUS_SET, part_of, row_problems
from brainio.catalogs.lifecycle import circle_of_successors, named_entry
from brainio.catalogs.publications import read_publications
from brainio.catalogs.writing import add_entry
from brainio.errors import LocationError, PackagingError, TransferError
from brainio.licenses import parse_license
from brainio.nearest import nearest
from brainio.packaging.checks import tell
from brainio.packaging.files import temporary_folder
from brainio.packaging.plan import Plan, already_listed, of_file
from brainio.packaging.set_users import describe_set_users
from brainio.packaging.storing import PackagedFile, Placed, place, send, store
from brainio.packaging.targets import (
    CatalogName,
    as_catalogs_write,
    folder_name,
    location_in,
    read_target,
    target_source,
)
from brainio.stores import Location, parse_location, stat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brainio.catalogs import CatalogSource, Entry, Listing
    from brainio.catalogs.cards import Card

DEFAULT_BUCKET = "brainio-temp"

_ROW_COLUMNS = (*REQUIRED_COLUMNS, "version_id", "sha256", "size")
_OWN_COLUMNS = (*_ROW_COLUMNS, "card")
_CARD_OPTIONS = {"doi": "--doi", "citation": "--citation", "authors": "--author", "species": "--species"}
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Package:
    """The finished files of one entry, its card, and what its rows in a catalog say."""

    lookup_type: str
    identifier: str
    files: Sequence[PackagedFile]
    card: Card
    stimulus_set_identifier: str = ""
    entry_facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Of the entry; empty where it has none."""
        return self.entry_facts.get("version", "")


@dataclass(frozen=True)
class Published:
    """Where the files of a package lie, in the words of `bucket_name`, the version id of each, and what was done."""

    bucket: str
    version_ids: Sequence[str | None]
    plan: str


def publish(
    package: Package, bucket_name: str | os.PathLike[str], catalog: CatalogName, *, dry_run: bool = False
) -> Published:
    """Upload the files of a package and add its entry to a catalog.

    A package that the catalog lists already with the same bytes is left as it is, wherever it lies; of its files, what
    does not lie there any more is stored again, and facts that the catalog states otherwise are told as a warning. A
    file that lies in its place already is not uploaded again, and then has no version id. A new version of an entry
    makes the one that was current superseded.

    Parameters
    ----------
    package : Package
        Its `entry_facts` may hold a `version`: then it stands beside other versions of the entry, and its files go
        below a folder of that name.
    bucket_name : str or path
        Where the files go; see `package_stimulus_set`.
    catalog : str, path or None
        To which the entry is added.
    dry_run : bool, default False
        Change nothing; the answer's `plan` says what would happen.

    Raises
    ------
    PackagingError
        A row of the entry would break the format; the catalog lists that version of the entry with other bytes; or
        other bytes lie where a file would go. Nothing was overwritten.
    CatalogError
        The catalog cannot be read or written. It is as it was.
    TransferError
        A file could not be stored, or does not lie there whole. The catalog is as it was.
    """
    source = None if catalog is None else target_source(catalog)
    _refuse_facts(package, source)
    locations = [location_in(bucket_name, package.version, file.path.name) for file in package.files]
    rows = [_row(package, one, where, source) for one, where in zip(package.files, locations, strict=True)]
    _refuse_rows(rows, package, source)
    listing = None if source is None else read_target(source)
    listed = None if listing is None else _listed(listing, package)
    bucket = folder_name(locations[0]) if package.version else os.fspath(bucket_name)
    if listed is not None:
        return _as_listed(listed, package, locations, bucket, dry_run=dry_run)
    placed = place(package.files, locations)
    users = [] if listing is None else _set_users(package, listing)
    plan = "\n".join([str(Plan(placed, source, listing, rows)), *users])
    if dry_run:
        return Published(bucket, [None] * len(placed), plan)
    if source is not None:
        source.backend.check_writable()
    versions = store(placed)
    if source is not None:
        if (meanwhile := _listed(read_target(source), package)) is not None:
            return _as_listed(meanwhile, package, locations, bucket, dry_run=False)
        own = {"card": write_card(package.card, source.backend.base)}
        add_entry(source, [row | own | {"version_id": one or ""} for row, one in zip(rows, versions, strict=True)])
    if users:
        tell(f"A new version of the stimulus set {package.identifier!r} was published. {'. '.join(users)}.")
    return Published(bucket, versions, plan)


def _set_users(package: Package, listing: Listing) -> list[str]:
    is_current = package.entry_facts.get("status", STATUS_CURRENT) == STATUS_CURRENT
    if package.lookup_type != TYPE_STIMULUS_SET or not is_current:
        return []
    return describe_set_users(listing, package.identifier, package.version)


@contextmanager
def work_folder() -> Iterator[Path]:
    """Give a temporary folder for the files of a package.

    Raises
    ------
    PackagingError
        It cannot be written, or its disk is full. Nothing was stored.
    """
    with temporary_folder() as folder:
        yield folder


def canonical_facts(entry_facts: Mapping[str, str] | None) -> dict[str, str]:
    """Return further columns of an entry with the licence in its canonical form; others, and invalid ones, as is."""
    facts = dict(entry_facts or {})
    licence = facts.get("license")
    return facts | {"license": normalize_license(licence)} if isinstance(licence, str) and licence else facts


def _refuse_facts(package: Package, source: CatalogSource | None) -> None:
    own = sorted({*package.entry_facts} & {*_OWN_COLUMNS})
    problems = [f"entry_facts may not say {column!r}: packaging does" for column in own]
    problems += [
        f"entry_facts may not say {column!r}: it is a fact of the card; pass it in card_facts (on the command line: "
        f"{option})"
        for column, option in _CARD_OPTIONS.items()
        if column in package.entry_facts
    ]
    problems += [
        f"entry_facts says {column!r} is {value!r}; expected a text"
        for column, value in package.entry_facts.items()
        if not isinstance(value, str)
    ]
    texts = {name: value for name, value in package.entry_facts.items() if isinstance(value, str)}
    problems += [*_version_faults(texts.get("version", "")), *_license_faults(texts.get("license", ""))]
    if source is not None:
        problems += _publication_faults(texts.get("publication", ""), source)
        problems += _successor_faults(package, texts.get("successor", ""), source)
    _refuse(package, problems)


def _version_faults(version: str) -> Iterator[str]:
    if version and (not _VERSION.fullmatch(version) or ".." in version):
        yield (
            f"entry_facts says 'version' is {version!r}; expected a text of 1 to 100 letters, digits, dots, "
            f"underscores or hyphens, such as '2': it names the folder of the files"
        )


def _license_faults(licence: str) -> Iterator[str]:
    try:
        if licence:
            parse_license(licence)
    except ValueError as error:
        yield f"entry_facts says 'license' is {licence!r}; {error}"


def _publication_faults(key: str, source: CatalogSource) -> Iterator[str]:
    if not key:
        return
    table = read_publications(source.backend.base)
    if key not in table.papers:
        near = nearest(key, filter(None, table.papers), 3)
        listed = f"; it has {', '.join(map(repr, near))}" if near else ""
        yield (
            f"entry_facts says 'publication' is {key!r}, a key that {table.name} lacks{listed}. Correct the key, or "
            f"add the row first, for example with brainio.catalogs.add_publication"
        )


def _successor_faults(package: Package, successor: str, source: CatalogSource) -> Iterator[str]:
    if not successor:
        return
    listing = read_target(source)
    circle = circle_of_successors(package.lookup_type, package.identifier, successor, listing)
    if circle:
        yield f"entry_facts says 'successor' is {successor!r}; successors lead in a circle: {circle}"
    elif named_entry(package.lookup_type, successor, listing) is None:
        yield f"entry_facts says 'successor' is {successor!r}, which no catalog lists. Package it first, or correct it"


def _refuse_rows(rows: Sequence[Mapping[str, str]], package: Package, source: CatalogSource | None) -> None:
    """Whatever the catalog would not take must be said before the first byte is stored."""
    problems = list(dict.fromkeys(problem for row in rows for problem in row_problems(row)))
    if source is not None and source.backend.folder is None:
        problems += _remote_problems(rows, source.backend.base)
    _refuse(package, problems)


def _refuse(package: Package, problems: Sequence[str]) -> None:
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise PackagingError(f"the entry {package.identifier!r} cannot be added; nothing was stored:{listed}")


def _remote_problems(rows: Sequence[Mapping[str, str]], base: str) -> list[str]:
    """List the locations that nobody else could reach, or would refuse to."""
    problems = []
    for row in rows:
        try:
            parse_location(row["location"], row["location_type"], base)
        except LocationError as error:
            problems.append(f"{error} Or give a bucket on S3 as bucket_name.")
    return problems


def _listed(listing: Listing, package: Package) -> Entry | None:
    """Return the entry that the catalog has under that key and version, which must be the package to the byte."""
    entry = listing.find(package.lookup_type, package.identifier, package.version)
    if entry is None and not package.version:
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
                f"not change: choose another identifier, or publish a new version with "
                f"entry_facts={{'version': '2'}} (on the command line: --version 2)."
            )
    return entry


def _as_listed(entry: Entry, package: Package, wanted: Sequence[Location], bucket: str, *, dry_run: bool) -> Published:
    """Leave an entry as it is, but for files of it that are gone: these are stored again."""
    files = [entry.file(part_of(package.lookup_type, file.class_name)) for file in package.files]
    listed = [file for file in files if file is not None]
    places = [parse_location(file.location, file.location_type, entry.base) for file in listed]
    placed = [
        Placed(own, where, is_there=not _is_gone(where, file.version_id))
        for own, where, file in zip(package.files, places, listed, strict=True)
    ]
    lost = [one for one in placed if not one.is_there]
    if not dry_run:
        store(lost)
    _tell_other_facts(entry, package)
    found = bucket if places == list(wanted) else folder_name(places[0])
    plan = "\n".join([*map(of_file, lost), already_listed(entry, is_whole=not lost)])
    return Published(found, [file.version_id or None for file in listed], plan)


def _is_gone(location: Location, version_id: str) -> bool:
    """Tell whether nothing lies at a listed location any more; not so, where nobody can say.

    Raises
    ------
    PackagingError
        What is gone is one version of an S3 object, which cannot be stored again.
    """
    try:
        is_gone = stat(location, version_id or None) is None
    except TransferError:
        return False
    if is_gone and version_id:
        raise PackagingError(
            f"the catalog lists version {version_id} of {location}, which is gone. Restore it there, or publish a new "
            f"version of the entry with entry_facts={{'version': '2'}} (on the command line: --version 2)."
        )
    return is_gone


def _tell_other_facts(entry: Entry, package: Package) -> None:
    """Warn of facts that a listed entry does not have: nothing was changed, although somebody may think so."""
    other = [
        f"{name} is {listed!r}, not {told!r}"
        for name, told in package.entry_facts.items()
        if isinstance(listed := getattr(entry, name, told), str) and canonical_facts({name: listed})[name] != told
    ]
    if other:
        tell(
            f"the catalog {entry.catalog!r} lists the {entry.kind} {entry.identifier!r} already and was not changed: "
            f"{'; '.join(other)}. Correct its rows there, then run `brainio card build {entry.identifier}`."
        )


def _row(package: Package, file: PackagedFile, location: Location, source: CatalogSource | None) -> dict[str, str]:
    own = (
        package.identifier,
        package.lookup_type,
        file.class_name,
        location.location_type,
        as_catalogs_write(location, source),
        file.sha1,
        package.stimulus_set_identifier,
        "",  # the version id, which the store gives later
        hash_file(file.path, "sha256"),
        str(file.path.stat().st_size),
    )
    return dict(zip(_ROW_COLUMNS, own, strict=True)) | dict(package.entry_facts)


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
        The file could not be stored, or does not lie there whole.
    """
    path = Path(source_file_path)
    version_id = send(path, parse_location(f"s3://{bucket_name.rstrip('/')}/{target_s3_key}"), replace=True)
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
