"""The entries of one catalog, read from its CSV form, and the writer that adds to it.

Knows one catalog at a time and no pandas; which catalogs are in force is the business of `in_force`.
"""

import csv
import io
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from brainio.catalogs.entries import (
    REQUIRED_COLUMNS,
    STATUS_CURRENT,
    Entry,
    EntryFile,
    file_of,
    part_of,
    row_problems,
)
from brainio.errors import CatalogError, CatalogRowError, CatalogWarning

Key = tuple[str, str]
"""(lookup_type, identifier)"""

_ENTRY_COLUMNS = ("stimulus_set_identifier", "status", "successor", "publication", "license", "card")


@dataclass
class Listing:
    """The parsed entries of one catalog.

    Attributes
    ----------
    identifier : str
        Of the catalog.
    source : str
        Path or URL that it was read from; empty for a catalog that exists in memory only.
    entries : dict
        (lookup_type, identifier) -> the current version of that entry.
    versions : dict
        (lookup_type, identifier) -> all versions, only of entries that have more than one.
    aliases : dict
        (lookup_type, alias) -> identifier.
    """

    identifier: str
    source: str = ""
    entries: dict[Key, Entry] = field(default_factory=dict)
    versions: dict[Key, tuple[Entry, ...]] = field(default_factory=dict)
    aliases: dict[Key, str] = field(default_factory=dict)

    def find(self, lookup_type: str, identifier: str, version: str | None = None) -> Entry | None:
        """Return the entry of that exact identifier, its current version unless another is named."""
        entry = self.entries.get((lookup_type, identifier))
        if entry is None or version is None:
            return entry
        return next((one for one in self.all_versions(entry) if one.version == version), None)

    def all_versions(self, entry: Entry) -> tuple[Entry, ...]:
        """Return every version of an entry, in the order of the catalog."""
        return self.versions.get((entry.lookup_type, entry.identifier), (entry,))


def read_listing(identifier: str, text: str, source: str = "") -> Listing:
    """Read the CSV form of a catalog.

    A malformed row is left out with a `CatalogWarning` that names file and line; the others still serve.

    Parameters
    ----------
    identifier : str
        Of the catalog.
    text : str
        The whole file, with any line ending, with or without a byte order mark.
    source : str
        Path or URL it came from, for messages and for relative locations.

    Raises
    ------
    CatalogError
        There is no header, or it lacks columns of the format.

    Examples
    --------
    >>> header = 'identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier'
    >>> row = 'lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/assy_lab_Doe2026.nc,,lab.Doe2026'
    >>> listing = read_listing('lab', chr(10).join([header, row]))
    >>> listing.entries['assembly', 'lab.Doe2026'].class_name
    'NeuroidAssembly'
    """
    return listing_from_rows(identifier, _rows(text, source or identifier), source)


def listing_from_rows(identifier: str, rows: Iterable[tuple[int, Mapping[str, str]]], source: str = "") -> Listing:
    """Build a listing from numbered rows (line number, column -> text)."""
    files: dict[tuple[str, str, str], dict[str, EntryFile]] = {}
    facts: dict[tuple[str, str, str], dict[str, str]] = {}
    for number, (line, row) in enumerate(rows):
        try:
            _take_row(row, number, files, facts)
        except CatalogRowError as error:
            _leave_out(source or identifier, line, str(error))
    listing = Listing(identifier, source)
    base = folder_of(source)
    for (lookup_type, name, version), parts in files.items():
        fact = facts[lookup_type, name, version]
        entry = Entry(
            catalog=identifier,
            lookup_type=lookup_type,
            identifier=name,
            files=tuple(parts.values()),
            aliases=tuple(fact["aliases"].split()),
            version=version,
            base=base,
            **{column: fact[column] for column in _ENTRY_COLUMNS},
        )
        _list_entry(listing, entry)
    return listing


def folder_of(source: str) -> str:
    """Return the folder of a path or URL, the start of a catalog's relative locations.

    Examples
    --------
    >>> folder_of('https://lab.org/data/lab.csv')
    'https://lab.org/data'
    """
    return source.rpartition("/")[0] if "://" in source else str(Path(source).absolute().parent) if source else ""


def _take_row(
    row: Mapping[str, str],
    number: int,
    files: dict[tuple[str, str, str], dict[str, EntryFile]],
    facts: dict[tuple[str, str, str], dict[str, str]],
) -> None:
    problems = row_problems(row)
    if problems:
        raise CatalogRowError("; ".join(problems))
    key = (row["lookup_type"], row["identifier"], row.get("version", ""))
    file = file_of(row, number)
    parts = files.setdefault(key, {})
    known = parts.setdefault(file.part, file)
    if known is not file and (known.sha1, known.location) != (file.sha1, file.location):
        raise CatalogRowError(
            f"{key[0]} {key[1]!r} has a second {file.part} file ({file.location}; the first is {known.location}); "
            f"give the newer one a version of its own"
        )
    fact = facts.setdefault(key, dict.fromkeys((*_ENTRY_COLUMNS, "aliases"), ""))
    for column in fact:
        fact[column] = fact[column] or row.get(column, "")
    fact["status"] = fact["status"] or STATUS_CURRENT


def _list_entry(listing: Listing, entry: Entry) -> None:
    key = (entry.lookup_type, entry.identifier)
    known = listing.entries.get(key)
    if known is not None:
        listing.versions[key] = (*listing.versions.get(key, (known,)), entry)
        if known.status == STATUS_CURRENT and entry.status != STATUS_CURRENT:
            return
    listing.entries[key] = entry
    for alias in entry.aliases:
        listing.aliases[entry.lookup_type, alias] = entry.identifier


def _leave_out(source: str, line: int, problem: str) -> None:
    warnings.warn(f"{source}, line {line}: {problem}; this row is left out", CatalogWarning, stacklevel=2)


def _rows(text: str, source: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row) of each row that has as many fields as the header."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header = next(reader, [])
    missing = [column for column in REQUIRED_COLUMNS if column not in header]
    if missing:
        raise CatalogError(
            f"{source} is no catalog: its header lacks {', '.join(missing)} (found: {', '.join(header) or 'nothing'})"
        )
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _leave_out(source, reader.line_num, f"not readable as CSV ({error})")
            continue
        if not fields:
            continue
        if len(fields) != len(header):
            _leave_out(source, reader.line_num, f"{len(fields)} fields; the header has {len(header)}")
            continue
        yield reader.line_num, dict(zip(header, fields, strict=True))


def append_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Add rows to a catalog's CSV file, all or none, while other processes do the same.

    Rows that are there already with the same hash are not added again. Existing rows and columns, also unknown ones and
    malformed ones, stay as they are. A file that does not exist is made.

    Raises
    ------
    CatalogError
        A key is there already with another hash, or the file is no catalog. Nothing is changed.
    """
    from filelock import FileLock

    with FileLock(path.with_name(f".{path.name}.lock")):
        text = path.read_bytes().decode("utf-8") if path.exists() else ",".join(REQUIRED_COLUMNS) + "\n"
        wanted = _rows_to_add(text, rows, str(path))
        if not wanted and path.exists():
            return
        _replace(path, _with_rows(text, wanted))


def _rows_to_add(text: str, rows: Iterable[Mapping[str, str]], source: str) -> list[Mapping[str, str]]:
    known: dict[tuple[str, ...], Mapping[str, str]] = {_row_key(row): row for _, row in _rows(text, source)}
    wanted: list[Mapping[str, str]] = []
    for row in rows:
        problems = row_problems(row)
        if problems:
            raise CatalogRowError(f"this row may not be added to {source}: {'; '.join(problems)}")
        same = known.setdefault(_row_key(row), row)
        if same is row:
            wanted.append(row)
        elif same["sha1"].lower() != row["sha1"].lower():
            raise CatalogError(
                f"{source} lists the {row['lookup_type'].replace('_', ' ')} {row['identifier']!r} already, with other "
                f"bytes (sha1 {same['sha1']}, now {row['sha1']}); published identifiers do not change: choose another"
            )
    return wanted


def _row_key(row: Mapping[str, str]) -> tuple[str, ...]:
    return row["lookup_type"], row["identifier"], row.get("version", ""), part_of(row["lookup_type"], row["class"])


def _with_rows(text: str, rows: Sequence[Mapping[str, str]]) -> str:
    """Return the text of a catalog with rows added; only new columns make it write the old rows again."""
    records = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    header = records[0]
    columns = [*header, *dict.fromkeys(column for row in rows for column in row if column not in header)]
    newline = "\r\n" if "\r\n" in text else "\n"
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=newline)
    if columns == header:
        out.write(text if text.endswith("\n") else text + newline)
    else:
        added = [""] * (len(columns) - len(header))
        writer.writerow(columns)
        writer.writerows([*fields, *added] if len(fields) == len(header) else fields for fields in records[1:])
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return out.getvalue()


def _replace(path: Path, text: str) -> None:
    """Write a file so that every reader sees all of the old text or all of the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
