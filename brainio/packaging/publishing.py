"""Publishing: upload the files of a package, then add its entry to a catalog, as one transaction.

`publish` plans first. The plan is an object: its text is the output of a dry run, and its method `execute` does the
work. After an interruption at any moment the same call completes the work: files that are stored already are not sent
again, and the catalog gets the entry in one atomic step. Does not know the formats of files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainio.cards import write_card
from brainio.catalogs.cards import card_location, read_card
from brainio.catalogs.entries import (
    STATUS_CURRENT,
    STATUS_SUPERSEDED,
    TYPE_STIMULUS_SET,
    hashes_on_card,
    in_words,
    part_of,
)
from brainio.catalogs.writing import add_entry
from brainio.errors import PackagingError, TransferError
from brainio.packaging.checks import warn
from brainio.packaging.packages import (
    CatalogName,
    Package,
    Target,
    canonical_facts,
    check_facts,
    check_rows,
    file_location,
    format_bucket,
    resolve_target,
)
from brainio.packaging.uploads import Upload, execute_uploads, plan_uploads
from brainio.stores import Location, parse_location, stat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brainio.catalogs import Entry

DEFAULT_BUCKET = "brainio-temp"

_COLUMNS_NAMED_BEFORE = ("identifier", "lookup_type", "version")  # in the line above the rows


@dataclass(frozen=True)
class PublishResult:
    """The outcome of publishing a package.

    Attributes
    ----------
    bucket
        The folder of the files, in the form of `bucket_name`.
    version_ids
        The version id of each file; None if the store assigned none, or the file was stored already.
    plan
        The text of the plan.
    """

    bucket: str
    version_ids: Sequence[str | None]
    plan: str


def publish(
    package: Package, bucket_name: str | os.PathLike[str], catalog: CatalogName, *, dry_run: bool = False
) -> PublishResult:
    """Upload the files of a package and add its entry to a catalog.

    An entry that the catalog lists already with the same bytes stays as it is, wherever its files are stored; missing
    files are stored again. Facts that differ from the listed ones cause a warning. Files that are stored already are
    not uploaded, and get no version id. A new version of an entry marks the current one as superseded.

    Parameters
    ----------
    package : Package
        The finished files and facts of the entry.
    bucket_name : str or path
        The store of the files; see `package_stimulus_set`.
    catalog : str, path or None
        The catalog that gets the entry.
    dry_run : bool, default False
        Change nothing; the `plan` of the result describes the changes.

    Raises
    ------
    PackagingError
        A row of the entry would violate the format; the catalog lists this version of the entry with other bytes; or a
        location contains other bytes. Nothing was overwritten.
    CatalogError
        The catalog cannot be read or written. It is unchanged.
    TransferError
        A file could not be stored or read back. The catalog is unchanged.
    """
    target = resolve_target(catalog)
    check_facts(package, target)
    locations = [file_location(bucket_name, package.version, file.path.name) for file in package.files]
    rows = package.rows(locations, target)
    check_rows(rows, package, target)
    bucket = format_bucket(locations[0]) if package.version else os.fspath(bucket_name)
    plan = _plan(package, rows, locations, bucket, target)
    return plan.preview() if dry_run else plan.execute()


def _plan(
    package: Package,
    rows: Sequence[Mapping[str, str]],
    locations: Sequence[Location],
    bucket: str,
    target: Target | None,
) -> PublishPlan | RestorePlan:
    listed = None if target is None else _find_listed(package, target)
    if listed is not None:
        return _plan_restore(package, listed, locations, bucket)
    uploads = plan_uploads(package.files, locations)
    return PublishPlan(package, bucket, uploads, rows, target, _describe_set_users(package, target))


@dataclass(frozen=True)
class PublishPlan:
    """The changes that publish a new entry; as text, a line for each change.

    Attributes
    ----------
    rows
        The new rows of the catalog, still without `version_id` and `card`.
    target
        The catalog as it is before; None: no catalog gets the entry.
    notes
        Sentences about the assemblies that a new version of a stimulus set affects.
    """

    package: Package
    bucket: str
    uploads: Sequence[Upload]
    rows: Sequence[Mapping[str, str]]
    target: Target | None
    notes: Sequence[str]

    def __str__(self) -> str:
        return "\n".join([*map(str, self.uploads), *self._catalog_lines(), *self.notes])

    def preview(self) -> PublishResult:
        """Return the result of a dry run."""
        return PublishResult(self.bucket, [None] * len(self.uploads), str(self))

    def execute(self) -> PublishResult:
        """Upload the files and read them back; then write the card, and add the entry to the catalog."""
        if self.target is not None:
            self.target.source.backend.check_writable()
        version_ids = execute_uploads(self.uploads)
        if self.target is not None:
            # Another process may have published the same package during the upload.
            listed = _find_listed(self.package, self.target.read_again())
            if listed is not None:
                locations = [upload.location for upload in self.uploads]
                return _plan_restore(self.package, listed, locations, self.bucket).execute()
            self._add_entry(self.target, version_ids)
        if self.notes:
            identifier, notes = self.package.identifier, ". ".join(self.notes)
            warn(f"A new version of the stimulus set {identifier!r} was published. {notes}.")
        return PublishResult(self.bucket, version_ids, str(self))

    def _add_entry(self, target: Target, version_ids: Sequence[str | None]) -> None:
        card = {"card": write_card(self.package.card, target.source.backend.base)}
        rows = [
            row | card | {"version_id": version_id or ""}
            for row, version_id in zip(map(dict, self.rows), version_ids, strict=True)
        ]
        add_entry(target.source, rows)

    def _catalog_lines(self) -> Iterator[str]:
        if self.target is None:
            yield "no catalog is changed"
            return
        listing, package = self.target.listing, self.package
        size = f"it lists {len(listing.entries)} now" if listing.source else "a new catalog"
        version = f", version {package.version}" if package.version else ""
        entry = f"{in_words(package.lookup_type)} {package.identifier}{version}"
        yield f"add the {entry} to {self.target.source} ({size}):"
        for row in self.rows:
            cells = (f"{name}={value}" for name, value in row.items() if value and name not in _COLUMNS_NAMED_BEFORE)
            yield f"  row: {' '.join(cells)}"
        card = card_location(package.lookup_type, package.identifier, package.version)
        yield f"write its card next to the catalog: {card}"
        for superseded in _superseded_versions(package, self.target):
            yield f"mark {_format_entry(superseded)} as superseded"


@dataclass(frozen=True)
class RestorePlan:
    """The changes that restore the missing files of an entry that the catalog lists already; as text, a line each."""

    entry: Entry
    bucket: str
    version_ids: Sequence[str | None]
    uploads: Sequence[Upload]

    def __str__(self) -> str:
        known = f"the catalog {self.entry.catalog!r} lists {_format_entry(self.entry)} already, with the same bytes"
        summary = f"no catalog is changed: {known}" if self.uploads else f"nothing to do: {known}"
        return "\n".join([*map(str, self.uploads), summary])

    def preview(self) -> PublishResult:
        """Return the result of a dry run."""
        return PublishResult(self.bucket, self.version_ids, str(self))

    def execute(self) -> PublishResult:
        """Store the missing files again."""
        execute_uploads(self.uploads)
        return self.preview()


def _plan_restore(package: Package, entry: Entry, requested: Sequence[Location], bucket: str) -> RestorePlan:
    """Plan the upload of the missing files of a listed entry, and warn if the facts of the package differ."""
    files = [entry.file(part_of(package.lookup_type, file.class_name)) for file in package.files]
    listed = [file for file in files if file is not None]
    locations = [parse_location(file.location, file.location_type, entry.base) for file in listed]
    missing = [
        Upload(own, location, is_stored=False)
        for own, location, file in zip(package.files, locations, listed, strict=True)
        if _is_missing(location, file.version_id)
    ]
    _warn_of_differing_facts(entry, package)
    bucket = bucket if locations == list(requested) else format_bucket(locations[0])
    return RestorePlan(entry, bucket, [file.version_id or None for file in listed], missing)


def _find_listed(package: Package, target: Target) -> Entry | None:
    """Return the entry that the catalog lists under the key and version of a package; None if it lists no such entry.

    Raises
    ------
    PackagingError
        The entry has other bytes than the package.
    """
    listing = target.listing
    entry = listing.find(package.lookup_type, package.identifier, package.version)
    if entry is None and not package.version:
        entry = listing.find(package.lookup_type, package.identifier)
    if entry is None:
        return None
    for file in package.files:
        listed = entry.file(part_of(package.lookup_type, file.class_name))
        if listed is None or listed.sha1 != file.sha1:
            raise PackagingError(
                f"{listing.source} lists the {entry.kind} {package.identifier!r} already"
                f"{f' (version {entry.version!r})' if entry.version else ''}, with other bytes: {file.path.name} has "
                f"the SHA-1 {file.sha1}; the catalog lists {listed.sha1 if listed else 'no such file'}. Published data "
                f"never change: choose another identifier, or publish a new version with "
                f"entry_facts={{'version': '2'}} (on the command line: --version 2)."
            )
    return entry


def _is_missing(location: Location, version_id: str) -> bool:
    """Return whether a listed file no longer exists; False if its store does not respond.

    Raises
    ------
    PackagingError
        The missing file is one version of an S3 object, which cannot be stored again.
    """
    try:
        is_missing = stat(location, version_id or None) is None
    except TransferError:
        return False
    if is_missing and version_id:
        raise PackagingError(
            f"the catalog lists version {version_id} of {location}, which no longer exists. Restore it there, or "
            f"publish a new version of the entry with entry_facts={{'version': '2'}} (on the command line: "
            f"--version 2)."
        )
    return is_missing


def _warn_of_differing_facts(entry: Entry, package: Package) -> None:
    """Warn that publishing again does not change the facts of a listed entry."""
    differences = [
        f"{name} is {listed!r}, not {value!r}"
        for name, value in package.entry_facts.items()
        if isinstance(listed := getattr(entry, name, value), str) and canonical_facts({name: listed})[name] != value
    ]
    if differences:
        warn(
            f"the catalog {entry.catalog!r} lists the {entry.kind} {entry.identifier!r} already and was not changed: "
            f"{'; '.join(differences)}. Correct its rows there, then run `brainio card build {entry.identifier}`."
        )


def _is_current(package: Package) -> bool:
    return (package.entry_facts.get("status") or STATUS_CURRENT) == STATUS_CURRENT


def _superseded_versions(package: Package, target: Target) -> list[Entry]:
    """Return the listed versions that a package supersedes."""
    entry = target.listing.find(package.lookup_type, package.identifier)
    if entry is None or not _is_current(package):
        return []
    return [version for version in target.listing.all_versions(entry) if version.status == STATUS_CURRENT]


def _describe_set_users(package: Package, target: Target | None) -> list[str]:
    """Describe the assemblies that use an earlier version of the stimulus set in a package."""
    if target is None or package.lookup_type != TYPE_STIMULUS_SET or not _is_current(package):
        return []
    listing = target.listing
    known = listing.find(TYPE_STIMULUS_SET, package.identifier)
    if known is None:
        return []
    names = [package.identifier, *(alias for entry in listing.all_versions(known) for alias in entry.aliases)]
    users = [user for name in names for user in listing.users.get(name, []) if user.status != STATUS_SUPERSEDED]
    pinned = list(dict.fromkeys(user.identifier for user in users if hashes_on_card(read_card(user))))
    unpinned = list(dict.fromkeys(user.identifier for user in users if user.identifier not in pinned))
    sentences = []
    if pinned:
        sentences.append(f"These assemblies keep the version that they were packaged with: {', '.join(pinned)}")
    if unpinned:
        change = f"These assemblies name no version and will load with version {package.version!r}"
        sentences.append(f"{change}: {', '.join(unpinned)}")
    return sentences


def _format_entry(entry: Entry) -> str:
    return f"the {entry.kind} {entry.identifier}" + (f", version {entry.version}" if entry.version else "")
