"""Packages: the finished files of an entry, its facts and rows, checked for the target that gets them.

The target is a catalog, with the entries that it lists now. Reads catalogs; changes neither catalogs nor stores.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from brainio.cache import hash_file
from brainio.cards.facts import normalize_license
from brainio.catalogs import CatalogSource, Listing, catalog_source
from brainio.catalogs.entries import REQUIRED_COLUMNS, row_problems
from brainio.catalogs.lifecycle import circle_of_successors, named_entry
from brainio.catalogs.listing import read_listing
from brainio.catalogs.publications import read_publications
from brainio.catalogs.registry import source_from
from brainio.errors import LocationError, PackagingError
from brainio.licenses import parse_license
from brainio.stores import Location, parse_location
from brainio.stores.location import is_opaque, is_url
from brainio.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from brainio.catalogs.cards import Card

_ROW_COLUMNS = (*REQUIRED_COLUMNS, "version_id", "sha256", "size")
_RESERVED_COLUMNS = (*_ROW_COLUMNS, "card")
_CARD_OPTIONS = {"doi": "--doi", "citation": "--citation", "authors": "--author", "species": "--species"}
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
CatalogName = str | os.PathLike[str] | None
"""Identifier of an active catalog, `Path` or URL of a catalog, or None: no catalog."""


@dataclass(frozen=True)
class PackagedFile:
    """A finished local file of an entry; `class_name` is empty for an archive."""

    path: Path
    class_name: str
    sha1: str


@dataclass(frozen=True)
class Package:
    """The finished files of an entry, its card, and the facts for its rows in a catalog.

    Attributes
    ----------
    entry_facts
        Further columns of the rows: column -> text. A `version` makes this a version of its own, whose files get a
        folder of that name.
    """

    lookup_type: str
    identifier: str
    files: Sequence[PackagedFile]
    card: Card
    stimulus_set_identifier: str = ""
    entry_facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The version of the entry; empty if the entry has no version."""
        return self.entry_facts.get("version", "")

    def rows(self, locations: Sequence[Location], target: Target | None) -> list[dict[str, str]]:
        """Return the row of each file; `version_id` and `card` are set after the files were uploaded."""
        return [self._row(file, location, target) for file, location in zip(self.files, locations, strict=True)]

    def _row(self, file: PackagedFile, location: Location, target: Target | None) -> dict[str, str]:
        cells = (
            self.identifier,
            self.lookup_type,
            file.class_name,
            location.location_type,
            _format_location_cell(location, target),
            file.sha1,
            self.stimulus_set_identifier,
            "",  # version_id
            hash_file(file.path, "sha256"),
            str(file.path.stat().st_size),
        )
        return dict(zip(_ROW_COLUMNS, cells, strict=True)) | dict(self.entry_facts)


def canonical_facts(entry_facts: Mapping[str, str] | None) -> dict[str, str]:
    """Return the facts of an entry with the licence in canonical form; invalid values are returned unchanged."""
    facts = dict(entry_facts or {})
    licence = facts.get("license")
    return facts | {"license": normalize_license(licence)} if isinstance(licence, str) and licence else facts


def combine_card_facts(entry_facts: Mapping[str, str], card_facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the facts of a card that data cannot provide; the licence is taken from the facts of the entry."""
    return {"license": entry_facts.get("license"), **(card_facts or {})}


@dataclass(frozen=True)
class Target:
    """A catalog that gets an entry, with the entries that it lists at this moment; none if it does not exist yet."""

    source: CatalogSource
    listing: Listing

    def read_again(self) -> Target:
        """Return the same catalog with the entries that it lists now."""
        return _read_target(self.source)


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
    return None if catalog is None else _read_target(resolve_source(catalog))


def resolve_source(catalog: str | os.PathLike[str]) -> CatalogSource:
    """Return the source of the catalog that gets an entry; see `resolve_target`."""
    if isinstance(catalog, os.PathLike) or is_url(catalog):
        return source_from(os.fspath(catalog))
    source = catalog_source(catalog)
    if source.backend.is_read_only:
        raise source.backend.read_only_error()
    return source


def _read_target(source: CatalogSource) -> Target:
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


def _format_location_cell(location: Location, target: Target | None) -> str:
    """Return a location as catalogs store it: S3 as an https URL, local files next to the catalog as relative path."""
    local_path = location.local_path
    folder = None if target is None else target.source.backend.folder
    if folder is not None and local_path is not None and local_path.is_relative_to(folder):
        path = local_path.relative_to(folder).as_posix()
        return f"./{path}" if is_opaque(path) else path
    return location.catalog_text


def check_facts(package: Package, target: Target | None) -> None:
    """Check the facts of an entry.

    Raises
    ------
    PackagingError
        Packaging sets a column itself, or a value is invalid; all problems are listed.
    """
    facts = package.entry_facts
    reserved = sorted({*facts} & {*_RESERVED_COLUMNS})
    problems = [f"entry_facts may not set {column!r}: packaging sets it" for column in reserved]
    problems += [
        f"entry_facts may not set {column!r}: it is a fact of the card; pass it in card_facts (on the command line: "
        f"{option})"
        for column, option in _CARD_OPTIONS.items()
        if column in facts
    ]
    problems += [
        f"entry_facts[{column!r}] is {value!r}; expected a text"
        for column, value in facts.items()
        if not isinstance(value, str)
    ]
    texts = {name: value for name, value in facts.items() if isinstance(value, str)}
    problems += [*_version_problems(texts.get("version", "")), *_license_problems(texts.get("license", ""))]
    if target is not None:
        problems += _publication_problems(texts.get("publication", ""), target)
        problems += _successor_problems(package, texts.get("successor", ""), target)
    _raise_for_problems(package, problems)


def _version_problems(version: str) -> Iterator[str]:
    """Yield a problem if a version cannot name a folder."""
    if version and (not _VERSION.fullmatch(version) or ".." in version):
        yield (
            f"entry_facts['version'] is {version!r}; expected 1 to 100 letters, digits, dots, underscores or hyphens, "
            f"such as '2': it names the folder of the files"
        )


def _license_problems(licence: str) -> Iterator[str]:
    try:
        if licence:
            parse_license(licence)
    except ValueError as error:
        yield f"entry_facts['license'] is {licence!r}; {error}"


def _publication_problems(key: str, target: Target) -> Iterator[str]:
    if not key:
        return
    table = read_publications(target.source.backend.base)
    if key not in table.papers:
        near = nearest(key, filter(None, table.papers), 3)
        listed = f"; it has {', '.join(map(repr, near))}" if near else ""
        yield (
            f"entry_facts['publication'] is {key!r}, a key that {table.name} lacks{listed}. Correct the key, or "
            f"add the row first, for example with brainio.catalogs.add_publication"
        )


def _successor_problems(package: Package, successor: str, target: Target) -> Iterator[str]:
    if not successor:
        return
    circle = circle_of_successors(package.lookup_type, package.identifier, successor, target.listing)
    if circle:
        yield f"entry_facts['successor'] is {successor!r}; successors form a circle: {circle}"
    elif named_entry(package.lookup_type, successor, target.listing) is None:
        yield f"entry_facts['successor'] is {successor!r}, which no catalog lists. Package it first, or correct it"


def check_rows(rows: Sequence[Mapping[str, str]], package: Package, target: Target | None) -> None:
    """Check the rows of an entry against the format of catalogs.

    Raises
    ------
    PackagingError
        A catalog would reject a row, or other machines could not reach a location; all problems are listed.
    """
    problems = list(dict.fromkeys(problem for row in rows for problem in row_problems(row)))
    if target is not None and target.source.backend.folder is None:
        problems += _unreachable_locations(rows, target.source.backend.base)
    _raise_for_problems(package, problems)


def _unreachable_locations(rows: Sequence[Mapping[str, str]], base: str) -> list[str]:
    """List the locations that a remote catalog may not contain, such as paths of this machine."""
    problems = []
    for row in rows:
        try:
            parse_location(row["location"], row["location_type"], base)
        except LocationError as error:
            problems.append(f"{error} Or give a bucket on S3 as bucket_name.")
    return problems


def _raise_for_problems(package: Package, problems: Sequence[str]) -> None:
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise PackagingError(f"the entry {package.identifier!r} cannot be added; nothing was stored:{listed}")
