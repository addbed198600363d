"""What is wrong with a whole catalog: rows that do not serve, stimulus sets and files that are not there.

Files are asked for where they lie, and read without being kept.
"""

from __future__ import annotations

import hashlib
import random
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from brainio.catalogs import TYPE_STIMULUS_SET, CatalogSource, catalog_source, resolve
from brainio.catalogs.entries import STATUS_UNAVAILABLE
from brainio.errors import BrainioError, CatalogError, CatalogWarning, EntryLookupError
from brainio.progress import counted
from brainio.stores import open_read, parse_location, stat
from brainio.validation.problems import Problem, Report, problem

if TYPE_CHECKING:
    import os

    from brainio.catalogs import Entry, EntryFile, Listing
    from brainio.stores import Location

Files = Literal["none", "sizes", "sample", "all"]
_SAMPLE = 20  # files whose bytes are read
_AT_ONCE = 8


def check_catalog(catalog: str | os.PathLike[str], *, files: Files = "sample") -> Report:
    """Check that a catalog keeps what it promises.

    Parameters
    ----------
    catalog : str or path
        A catalog in force by its identifier, or any by the path of its CSV file.
    files : str, default 'sample'
        How closely files are looked at where they lie. `'none'`: not at all. `'sizes'`: each must be there, with its
        size. `'sample'`: also, 20 that are drawn by chance are read and hashed. `'all'`: all are.

    Returns
    -------
    Report

    Raises
    ------
    UnknownCatalogError, CatalogError
        There is no such catalog, or it cannot be read at all.

    Examples
    --------
    >>> check_catalog("brainio_demo", files="all").ok
    True
    """
    source = _source(catalog)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CatalogWarning)
        listing = source.read()
        problems = [problem("catalog-row", "catalog", str(one.message)) for one in caught]
        entries = [version for entry in listing.entries.values() for version in listing.all_versions(entry)]
        problems += [one for entry in entries for one in _entry_problems(entry, listing)]
    if files != "none":
        problems += _file_problems([(entry, file) for entry in entries for file in entry.files], files)
    return Report.of(f"the catalog {listing.identifier!r} ({len(entries)} entries)", problems)


def _source(catalog: str | os.PathLike[str]) -> CatalogSource:
    if isinstance(catalog, str):
        source = catalog_source(catalog)
        if isinstance(source, CatalogSource):
            return source
        raise CatalogError(f"the catalog {catalog!r} has no file; name the path of its CSV file")
    return CatalogSource(Path(catalog).stem, str(Path(catalog).absolute()))


def _entry_problems(entry: Entry, listing: Listing) -> list[Problem]:
    place = _named(entry)
    problems = []
    if entry.lookup_type == TYPE_STIMULUS_SET:
        lacking = [part for part in ("csv", "zip") if entry.file(part) is None]
        if lacking and entry.status != STATUS_UNAVAILABLE:
            problems.append(problem("entry-incomplete", place, f"no row for its {' and '.join(lacking)} file"))
    elif not _is_listed(entry.stimulus_set_identifier, listing):
        problems.append(problem("set-unlisted", place, f"stimulus set {entry.stimulus_set_identifier!r} in no catalog"))
    unhashed = [file.part for file in entry.files if not (file.sha1 or file.sha256)]
    if unhashed:
        problems.append(problem("file-without-hash", place, f"no hash for its {' and '.join(unhashed)} file"))
    return problems


def _is_listed(identifier: str, listing: Listing) -> bool:
    key = TYPE_STIMULUS_SET, identifier
    if key in listing.entries or key in listing.aliases:
        return True
    try:
        return bool(identifier) and resolve(*key) is not None
    except EntryLookupError:
        return False


def _file_problems(listed: list[tuple[Entry, EntryFile]], files: Files) -> list[Problem]:
    """Look at files several at a time; of `'sample'` the draw is another at each call, so that all are met in time."""
    wanted = [one for one in listed if one[0].status != STATUS_UNAVAILABLE]
    read = {"all": len(wanted), "sample": min(_SAMPLE, len(wanted))}.get(files, 0)
    drawn = set(random.sample(range(len(wanted)), read))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda one: _look(*wanted[one], is_read=one in drawn), range(len(wanted)))
        return [one for look in counted(found, "checking files", len(wanted)) for one in look]


def _look(entry: Entry, file: EntryFile, *, is_read: bool) -> list[Problem]:
    place = f"{_named(entry)}, {file.part} file"
    try:
        location = parse_location(file.location, file.location_type, entry.base)
        size = stat(location, file.version_id or None)
        if size is None:
            return [problem("file-gone", place, f"nothing at {location}")]
        if file.size is not None and size != file.size:
            found = f"{size} bytes at {location}"
            return [problem("file-changed", place, found, expected=f"{file.size} bytes, as the catalog says")]
        if not is_read:
            return []
        wrong = _wrong_digests(file, location)
    except BrainioError as error:
        return [problem("file-unreachable", place, str(error))]
    return [
        problem("file-changed", place, f"{kind} {found} at {location}", expected=f"the {kind} {promised}")
        for kind, promised, found in wrong
    ]


def _wrong_digests(file: EntryFile, location: Location) -> list[tuple[str, str, str]]:
    """Read a file where it lies, and return the promised hashes that it does not have."""
    promised = {"sha1": file.sha1, "sha256": file.sha256}
    digests = {kind: hashlib.new(kind) for kind, value in promised.items() if value}
    with open_read(location, file.version_id or None) as reading:
        for block in reading.chunks():
            for digest in digests.values():
                digest.update(block)
    found = {kind: digest.hexdigest() for kind, digest in digests.items()}
    return [(kind, promised[kind], value) for kind, value in found.items() if value != promised[kind]]


def _named(entry: Entry) -> str:
    return f"{entry.kind} {entry.identifier}" + (f", version {entry.version}" if entry.version else "")
