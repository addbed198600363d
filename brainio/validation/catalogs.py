"""Checks of a whole catalog: its rows, references, cards and files.

The checks read files at their locations, without storing them in the cache; of the archives of stimulus sets, only the
lists of members. `subjects` validates the data in the files.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from brainio.cache.archive import open_archive, safe_members
from brainio.catalogs import (
    TYPE_ASSEMBLY,
    TYPE_STIMULUS_SET,
    CatalogSource,
    catalog_source,
    listings,
    resolve,
    stimulus_set_of,
)
from brainio.catalogs.backends import format_location
from brainio.catalogs.cards import has_card, is_card_slow, read_card
from brainio.catalogs.entries import STATUS_UNAVAILABLE, describe_hashes, hashes_on_card
from brainio.catalogs.lifecycle import circle_of_successors
from brainio.catalogs.publications import read_publications
from brainio.catalogs.registry import source_from
from brainio.errors import (
    AmbiguousEntryError,
    ArchiveError,
    BrainioError,
    CatalogWarning,
    EntryLookupError,
    LocationError,
    OfflineError,
    StimulusSetFormatError,
    TransferError,
)
from brainio.fetch.content_signatures import EXPECTED_CONTENT, HEAD_SIZE, detect_substitute
from brainio.licenses import is_license, license_ref, nearest_licenses, parse_license
from brainio.local_files import absolute_path
from brainio.member_names import MemberNames
from brainio.progress import show_progress
from brainio.stimuli import FILENAME, STIMULUS_ID, StimulusSet
from brainio.stores import Span, open_read, parse_location, stat
from brainio.stores.location import is_url
from brainio.text import quantity, some
from brainio.validation.report import Problem, Report, problem

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from brainio.catalogs import Entry, EntryFile, Listing
    from brainio.stores import Location

Files = Literal["none", "sizes", "sample", "all"]
_SAMPLE = 20  # files whose bytes are read
_THREADS = 8
_LIST_BYTES = 1 << 16, 1 << 27  # at the end of an archive; the second for many members

_DESCRIPTIONS = {
    "set-unstated": "",
    "set-unlisted": "in no catalog",
    "set-ambiguous": "of other bytes in other catalogs",
}


def check_catalog(catalog: str | os.PathLike[str], *, files: Files = "sample") -> Report:
    """Check the rows, references, cards and files of a catalog.

    Parameters
    ----------
    catalog : str or path
        The identifier of an active catalog, or the path or URL of a CSV file.
    files : str, default 'sample'
        How files are checked. `'none'`: not at all. `'sizes'`: each file exists with its size at its location and its
        mirrors, and each card exists. `'sample'`: also verify the hashes of 20 random files. `'all'`: verify all
        hashes, and check that the archive of each stimulus set contains the files that its table names.

    Returns
    -------
    Report

    Raises
    ------
    UnknownCatalogError, CatalogError
        The catalog does not exist, or cannot be read.

    Examples
    --------
    >>> check_catalog("brainio_demo", files="all").ok
    True
    """
    source = _source(catalog)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CatalogWarning)
        listing = source.read()
        problems = [problem("catalog-row", "catalog", str(warning.message)) for warning in caught]
        entries = [version for entry in listing.entries.values() for version in listing.all_versions(entry)]
        problems += [item for entry in entries for item in _entry_problems(entry)]
        problems += reference_problems(entries, listing, all_publications=True)
    if files != "none":
        problems += card_problems(entries)
        problems += set_version_problems(entries, listing)
        of_files = _file_problems([(entry, file) for entry in entries for file in entry.files], files)
        problems += of_files
    if files == "all":
        faulty = {item.place.rpartition(",")[0] for item in of_files}
        problems += _set_problems([entry for entry in entries if _describe(entry) not in faulty])
    return Report.of(f"the catalog {listing.identifier!r} ({quantity(len(entries), 'entry', 'entries')})", problems)


def _source(catalog: str | os.PathLike[str]) -> CatalogSource:
    if isinstance(catalog, str) and is_url(catalog):
        return source_from(catalog)
    if isinstance(catalog, str):
        return catalog_source(catalog)
    return CatalogSource(Path(catalog).stem, str(absolute_path(catalog)))


def _entry_problems(entry: Entry) -> list[Problem]:
    place = _describe(entry)
    problems = []
    if entry.lookup_type == TYPE_STIMULUS_SET:
        lacking = [part for part in ("csv", "zip") if entry.file(part) is None]
        if lacking and entry.status != STATUS_UNAVAILABLE:
            problems.append(problem("entry-incomplete", place, f"no row for its {' and '.join(lacking)} file"))
    unhashed = [file.part for file in entry.files if not (file.sha1 or file.sha256)]
    if unhashed:
        problems.append(problem("file-without-hash", place, f"no hash for its {' and '.join(unhashed)} file"))
    if entry.license and (not is_license(entry.license) or parse_license(entry.license) != entry.license):
        choices = [parse_license(entry.license)] if is_license(entry.license) else nearest_licenses(entry.license)
        fix = f"write {' or '.join(choices)}, or {license_ref(entry.license)} for terms of your own"
        problems.append(problem("license-unknown", place, f"the licence {entry.license!r}", fix=fix))
    return problems


def reference_problems(entries: Iterable[Entry], listing: Listing, *, all_publications: bool = False) -> list[Problem]:
    """List the references of entries to unlisted stimulus sets, successors and publications; fetch nothing.

    Parameters
    ----------
    entries : iterable of Entry
        Entries of the catalog.
    listing : Listing
        The catalog.
    all_publications : bool, default False
        Check all rows of the publications table, also those of keys that none of the entries names.
    """
    entries = list(entries)
    fault_of = cache(partial(_fault_of_reference, listing=listing))
    problems = []
    for entry in entries:
        place, named = _describe(entry), entry.stimulus_set_identifier
        if entry.lookup_type == TYPE_ASSEMBLY:
            fault = fault_of(TYPE_STIMULUS_SET, named) if named else "set-unstated"
            if fault:
                problems.append(problem(fault, place, f"stimulus set {named!r} {_DESCRIPTIONS[fault]}".rstrip()))
        if entry.successor and fault_of(entry.lookup_type, entry.successor) == "set-unlisted":
            problems.append(problem("successor-unlisted", place, f"{entry.kind} {entry.successor!r} in no catalog"))
        elif circle := circle_of_successors(entry.lookup_type, entry.identifier, entry.successor, listing):
            problems.append(problem("successor-circular", place, circle))
    for base in dict.fromkeys(entry.base for entry in entries):
        problems += _publication_problems([entry for entry in entries if entry.base == base], base, all_publications)
    return problems


def _publication_problems(entries: list[Entry], base: str, all_rows: bool) -> list[Problem]:
    """List publication keys without a row, and rows of the publications table with an invalid DOI or a duplicate."""
    named = [entry for entry in entries if entry.publication]
    if not base or not (named or all_rows):
        return []
    try:
        table = read_publications(base)
    except OfflineError:
        return []
    except BrainioError as error:
        return [problem("publications-unreadable", "publications", str(error))]
    problems = [
        problem(
            "publication-unlisted", _describe(entry), f"publication {entry.publication!r}, which {table.name} lacks"
        )
        for entry in named
        if entry.publication not in table.papers
    ]
    keys = {entry.publication for entry in named}
    for fault in table.faults:
        place = f"{table.name}, line {fault.line}, publication {fault.key!r}"
        if not all_rows and fault.key not in keys:
            continue
        if fault.is_duplicate:
            problems.append(problem("publication-duplicate", place, f"one publication in {fault.found}"))
        else:
            problems.append(problem("publication-doi", place, f"the DOI {fault.found!r}"))
    return problems


def set_version_problems(entries: Iterable[Entry], listing: Listing, *, only_here: bool = False) -> list[Problem]:
    """List the assemblies whose card names an unlisted version of their stimulus set; read cards.

    Parameters
    ----------
    entries : iterable of Entry
        Entries of one catalog.
    listing : Listing
        That catalog, which need not be active.
    only_here : bool, default False
        Skip cards that are not on this machine.
    """
    others = [each for each in listings() if each.identifier != listing.identifier]
    problems = []
    for entry in entries:
        if entry.lookup_type != TYPE_ASSEMBLY or (only_here and not _is_card_here(entry)):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CatalogWarning)  # `card_problems` lists missing cards
            hashes = hashes_on_card(read_card(entry))
        if not hashes:
            continue
        try:
            stimulus_set_of(entry, [listing, *others], hashes)
        except EntryLookupError:
            found = f"stimulus set {entry.stimulus_set_identifier!r}: {describe_hashes(hashes)}"
            problems.append(problem("set-version-unlisted", _describe(entry), found))
    return problems


def _fault_of_reference(lookup_type: str, identifier: str, *, listing: Listing) -> str:
    """Return the code of the problem with a reference; empty if it resolves to one entry."""
    if (lookup_type, identifier) in listing.entries or (lookup_type, identifier) in listing.aliases:
        return ""
    try:
        resolve(lookup_type, identifier)
    except AmbiguousEntryError:
        return "set-ambiguous"
    except EntryLookupError:
        return "set-unlisted"
    return ""


def card_problems(entries: Iterable[Entry], *, only_here: bool = False) -> list[Problem]:
    """List the entries whose card is not at the location in the catalog; read no card.

    Parameters
    ----------
    entries : iterable of Entry
        Entries to check.
    only_here : bool, default False
        Skip cards that are not on this machine.
    """
    named = [entry for entry in entries if entry.card]
    with ThreadPoolExecutor(_THREADS) as pool:
        results = pool.map(partial(_find_card_problems, only_here=only_here), named)
        return [item for problems in show_progress(results, "looking for cards", len(named)) for item in problems]


def _find_card_problems(entry: Entry, *, only_here: bool) -> list[Problem]:
    place = f"{_describe(entry)}, card"
    try:
        if (only_here and is_card_slow(entry)) or has_card(entry):
            return []
    except BrainioError as error:
        return [problem("card-unreachable", place, str(error))]
    missing = f"no card {format_location(entry.card)} in {format_location(entry.base)}"
    return [problem("card-gone", place, missing)]


def _is_card_here(entry: Entry) -> bool:
    try:
        return not is_card_slow(entry)
    except LocationError:
        return False


def _file_problems(listed: list[tuple[Entry, EntryFile]], files: Files) -> list[Problem]:
    """Check files concurrently; `'sample'` draws other files at each call, so that repeated checks cover all."""
    available = [(entry, file) for entry, file in listed if entry.status != STATUS_UNAVAILABLE]
    total = len(available)
    sample = set(random.sample(range(total), {"all": total, "sample": min(_SAMPLE, total)}.get(files, 0)))
    with ThreadPoolExecutor(_THREADS) as pool:
        results = pool.map(lambda number: _copy_problems(*available[number], is_read=number in sample), range(total))
        return [item for problems in show_progress(results, "checking files", total) for item in problems]


def _set_problems(entries: Iterable[Entry]) -> list[Problem]:
    sets = [entry for entry in entries if entry.lookup_type == TYPE_STIMULUS_SET and entry.status != STATUS_UNAVAILABLE]
    with ThreadPoolExecutor(_THREADS) as pool:
        results = pool.map(_published_set_problems, sets)
        return [
            item
            for problems in show_progress(results, "comparing tables with archives", len(sets))
            for item in problems
        ]


def _copy_problems(entry: Entry, file: EntryFile, *, is_read: bool) -> list[Problem]:
    copies = [(file.location, file.location_type, file.version_id)] + [(mirror, "", "") for mirror in file.mirrors]
    return [item for copy in copies for item in _check_copy(entry, file, copy, is_read=is_read)]


def _check_copy(entry: Entry, file: EntryFile, copy: tuple[str, str, str], *, is_read: bool) -> list[Problem]:
    """List how a copy of a file, at its location or at a mirror, differs from the catalog."""
    text, location_type, version_id = copy
    place = f"{_describe(entry)}, {file.part} file"
    try:
        location = parse_location(text, location_type, entry.base)
        size = stat(location, version_id or None)
        if size is None:
            return [problem("file-gone", place, f"nothing at {location}")]
        if file.size is not None and size != file.size:
            found = f"{size} bytes at {location}"
            return [problem("file-changed", place, found, expected=f"{file.size} bytes, as the catalog says")]
        if not is_read:
            return []
        wrong = _differences(file, location, version_id)
    except BrainioError as error:
        return [problem("file-unreachable", place, str(error))]
    return [problem("file-changed", place, f"{found} at {location}", expected=expected) for expected, found in wrong]


def _differences(file: EntryFile, location: Location, version_id: str) -> list[tuple[str, str]]:
    """Read a file at its location, and return its differences from the catalog as (expected, found)."""
    expected_hashes = {"sha1": file.sha1, "sha256": file.sha256}
    digests = {kind: hashlib.new(kind) for kind, value in expected_hashes.items() if value}
    head, size = b"", 0
    with open_read(location, version_id or None) as reading:
        for block in reading.chunks():
            head += block[: HEAD_SIZE - len(head)]
            size += len(block)
            for digest in digests.values():
                digest.update(block)
    found = {kind: digest.hexdigest() for kind, digest in digests.items()}
    wrong = [
        (f"the {kind} {expected_hashes[kind]}", f"{kind} {found[kind]}")
        for kind in found
        if found[kind] != expected_hashes[kind]
    ]
    substitute = detect_substitute(head, size) if wrong or not digests else None
    return [(EXPECTED_CONTENT[file.part], f"{substitute} of {size:,} bytes")] if substitute else wrong


def _describe(entry: Entry) -> str:
    return f"{entry.kind} {entry.identifier}" + (f", version {entry.version}" if entry.version else "")


def _published_set_problems(entry: Entry) -> list[Problem]:
    """List the files that the table of a stimulus set names and its archive lacks.

    Parameters
    ----------
    entry : Entry
        The entry of a stimulus set.

    Returns
    -------
    list of Problem
        Empty if a file is unreachable.
    """
    place = _describe(entry)
    table, archive = entry.file("csv"), entry.file("zip")
    if table is None or archive is None:
        return []
    with tempfile.TemporaryDirectory(prefix="brainio-check-") as folder:
        csv_path, zip_path = Path(folder) / "stimuli.csv", Path(folder) / "stimuli.zip"
        try:
            csv_path.write_bytes(_read(_location(table, entry), table.version_id, Span()))
            stimuli = StimulusSet.from_files(csv_path, folder)
            members = _members(_location(archive, entry), archive.version_id, zip_path)
        except StimulusSetFormatError as error:
            return [problem("table-unreadable", f"{place}, csv file", str(error).replace(str(csv_path), "it"))]
        except ArchiveError as error:
            return [problem("archive-unreadable", f"{place}, zip file", str(error).replace(str(zip_path), "it"))]
        except BrainioError:
            return []
    pairs = zip(stimuli[STIMULUS_ID].tolist(), stimuli[FILENAME].tolist(), strict=True)
    missing = [f"{name} (stimulus_id {stimulus_id})" for stimulus_id, name in pairs if members.find(name) is None]
    if not missing:
        return []
    found = f"{len(missing):,} of {len(stimuli):,} files that the table names are not in the archive: {some(missing)}"
    fix = "publish a new version whose archive holds the files"
    return [problem("file-missing", f"{place}, zip file", found, fix=fix)]


def _location(file: EntryFile, entry: Entry) -> Location:
    return parse_location(file.location, file.location_type, entry.base)


def _read(location: Location, version_id: str, span: Span) -> bytes:
    with open_read(location, version_id or None, span) as reading:
        content = b"".join(reading.chunks())
        return content[max(0, span.start - reading.facts.start) :]


def _members(location: Location, version_id: str, path: Path) -> MemberNames:
    """Read the members of an archive from the end of its file, copied to a sparse file."""
    size = stat(location, version_id or None)
    if size is None:
        raise TransferError(f"there is nothing at {location}")
    for length in _LIST_BYTES:
        start = max(0, size - length)
        with path.open("wb") as copy:
            copy.seek(start)
            copy.write(_read(location, version_id, Span(start)))
        try:
            with open_archive(path) as archive:
                return MemberNames(safe_members(path, archive))
        except ArchiveError:
            if start == 0 or length == _LIST_BYTES[-1]:
                raise
    raise AssertionError("unreachable")
