"""Entries of catalogs: the objects that rows describe, found by identifier in the `Listing` of one catalog.

`set_hashes` identifies the version of the stimulus set with which an assembly was packaged: packaging stores the hashes
of the set's files in the assembly's file and on its card; loading looks up the version that has them. This module
reads and writes no files, and imports neither pandas nor stores.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard

from brainio.text import fault_of_text

TYPE_ASSEMBLY = "assembly"
TYPE_STIMULUS_SET = "stimulus_set"
LOOKUP_TYPES = (TYPE_STIMULUS_SET, TYPE_ASSEMBLY)

REQUIRED_COLUMNS = (
    "identifier",
    "lookup_type",
    "class",
    "location_type",
    "location",
    "sha1",
    "stimulus_set_identifier",
)
OPTIONAL_COLUMNS = (
    "version_id",
    "sha256",
    "size",
    "mirrors",
    "aliases",
    "version",
    "status",
    "successor",
    "publication",
    "license",
    "card",
)

STATUS_CURRENT = "current"
STATUS_SUPERSEDED = "superseded"
STATUS_DEPRECATED = "deprecated"
STATUS_UNAVAILABLE = "unavailable"
_STATUSES = (STATUS_CURRENT, STATUS_SUPERSEDED, STATUS_DEPRECATED, STATUS_UNAVAILABLE)

_FILE_PREFIXES = {"csv": "stimulus_", "zip": "stimulus_", "nc": "assy_"}
CARD_FIELD = "stimulus_set_hashes"  # of the card of an assembly
_DIGEST_NAMES = {40: "SHA-1", 64: "SHA-256"}  # by their hexadecimal digits
_HEX_DIGITS = frozenset("0123456789abcdef")
_HEX = {"sha1": re.compile(r"[0-9a-f]{40}"), "sha256": re.compile(r"[0-9a-f]{64}")}


@dataclass(frozen=True, slots=True)
class EntryFile:
    """One file of an entry: a row of its catalog.

    Attributes
    ----------
    part : str
        `'csv'` or `'zip'` of a stimulus set, `'nc'` of an assembly.
    class_name : str
        Name of the class that loads it; empty for a ZIP archive.
    location_type, location : str
        As in the catalog; `brainio.stores.parse_location` parses them.
    sha1, sha256 : str
        Lower-case hexadecimal digits; empty if the catalog gives no such hash.
    size : int or None
        Bytes; None if the catalog does not state the size.
    version_id : str
        Version id of S3. `'null'` is the version of an object without versioning; empty: not stated.
    mirrors : tuple of str
        Further locations of the same bytes.
    row : int
        Position in the catalog; 0 is the first row after the header.
    """

    part: str
    class_name: str
    location_type: str
    location: str
    sha1: str = ""
    sha256: str = ""
    size: int | None = None
    version_id: str = ""
    mirrors: tuple[str, ...] = ()
    row: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One stimulus set or assembly in a catalog.

    `base` is the folder of the catalog, its URL, or the URL of its database: relative locations start there.
    """

    catalog: str
    lookup_type: str
    identifier: str
    files: tuple[EntryFile, ...]
    stimulus_set_identifier: str = ""
    aliases: tuple[str, ...] = ()
    version: str = ""
    status: str = STATUS_CURRENT
    successor: str = ""
    publication: str = ""
    license: str = ""
    card: str = ""
    base: str = ""

    @property
    def kind(self) -> str:
        """The lookup type in words: `'stimulus set'` or `'assembly'`."""
        return in_words(self.lookup_type)

    @property
    def class_name(self) -> str:
        """Class of the object that the entry loads as, e.g. `'StimulusSet'`, `'NeuroidAssembly'`."""
        return next((file.class_name for file in self.files if file.class_name), "")

    def file(self, part: str) -> EntryFile | None:
        """Return the file that is this part (`'csv'`, `'zip'`, `'nc'`), or None."""
        return next((file for file in self.files if file.part == part), None)

    @property
    def content(self) -> frozenset[tuple[str, ...]]:
        """The hash of each part, or its location if there is no hash; equal for entries with the same files."""
        return frozenset((file.part, file.sha1 or file.sha256 or file.location) for file in self.files)


Key = tuple[str, str]
"""(lookup_type, identifier)"""


@dataclass
class Listing:
    """The parsed entries of one catalog.

    Attributes
    ----------
    identifier : str
        Identifier of the catalog.
    source : str
        Path or URL of the catalog; empty if its rows come from memory.
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
        """Return the entry with exactly this identifier, by default its current version; None if it is not listed."""
        entry = self.entries.get((lookup_type, identifier))
        if entry is None or version is None:
            return entry
        return next((known for known in self.all_versions(entry) if known.version == version), None)

    def find_by_name(self, lookup_type: str, name: str, version: str | None = None) -> Entry | None:
        """Return the entry with this identifier, otherwise the entry with this alias; see `find`."""
        identifier = self.aliases.get((lookup_type, name), name)
        return self.find(lookup_type, name, version) or self.find(lookup_type, identifier, version)

    def all_versions(self, entry: Entry) -> tuple[Entry, ...]:
        """Return every version of an entry, in the order of the catalog."""
        return self.versions.get((entry.lookup_type, entry.identifier), (entry,))

    @cached_property
    def users(self) -> dict[str, list[Entry]]:
        """Identifier of a stimulus set, as assemblies name it -> all versions of these assemblies."""
        users: dict[str, list[Entry]] = {}
        for entry in self.entries.values():
            if entry.lookup_type == TYPE_ASSEMBLY:
                for version in self.all_versions(entry):
                    users.setdefault(version.stimulus_set_identifier, []).append(version)
        users.pop("", None)
        return users


def in_words(lookup_type: str) -> str:
    """Return a lookup type for messages: `'stimulus set'` for `'stimulus_set'`."""
    return lookup_type.replace("_", " ")


def part_of(lookup_type: str, class_name: str) -> str:
    """Return the part of an entry that a row lists; a row of a stimulus set without a class lists its archive."""
    if lookup_type == TYPE_ASSEMBLY:
        return "nc"
    return "csv" if class_name else "zip"


def row_problems(row: Mapping[str, str]) -> list[str]:
    """Return all problems of one row of a catalog, as texts for messages.

    Examples
    --------
    >>> row_problems({'identifier': 'x', 'lookup_type': 'movie', 'location': 's3://b/k', 'sha1': '12'})
    ["lookup_type is 'movie'; expected 'stimulus_set' or 'assembly'", "sha1 is '12'; expected 40 hexadecimal digits"]
    """
    problems = []
    if not row["identifier"]:
        problems.append("identifier is empty")
    if row["lookup_type"] not in LOOKUP_TYPES:
        problems.append(f"lookup_type is {row['lookup_type']!r}; expected 'stimulus_set' or 'assembly'")
    if not row["location"]:
        problems.append("location is empty")
    for column, pattern in _HEX.items():
        value = row.get(column, "")
        if value and not pattern.fullmatch(value.lower()):
            digits = 40 if column == "sha1" else 64
            problems.append(f"{column} is {value!r}; expected {digits} hexadecimal digits")
    size = row.get("size", "")
    if size and not (size.isascii() and size.isdigit() and len(size) < 19):
        problems.append(f"size is {size[:20]!r}; expected a number of bytes")
    status = row.get("status", "")
    if status and status not in _STATUSES:
        problems.append(f"status is {status!r}; expected one of {', '.join(_STATUSES)}")
    fault = fault_of_text("".join(row.values()))
    if fault is not None:
        problems.append(f"it holds {fault}")
    return problems


def file_of(row: Mapping[str, str], number: int) -> EntryFile:
    """Return the file that a row without problems lists."""
    size = row.get("size", "")
    return EntryFile(
        part=part_of(row["lookup_type"], row["class"]),
        class_name=row["class"],
        location_type=row["location_type"],
        location=row["location"],
        sha1=row["sha1"].lower(),
        sha256=row.get("sha256", "").lower(),
        size=int(size) if size else None,
        version_id=row.get("version_id", ""),
        mirrors=tuple(row.get("mirrors", "").split()),
        row=number,
    )


def cells_of(entry: Entry, file: EntryFile) -> dict[str, str]:
    """Return the row of a file of an entry: all columns of the format, in their order."""
    return {
        "identifier": entry.identifier,
        "lookup_type": entry.lookup_type,
        "class": file.class_name,
        "location_type": file.location_type,
        "location": file.location,
        "sha1": file.sha1,
        "stimulus_set_identifier": entry.stimulus_set_identifier,
        "version_id": file.version_id,
        "sha256": file.sha256,
        "size": "" if file.size is None else str(file.size),
        "mirrors": " ".join(file.mirrors),
        "aliases": " ".join(entry.aliases),
        **{name: getattr(entry, name) for name in OPTIONAL_COLUMNS[5:]},
    }


def file_name(identifier: str, part: str, prefix: str | None = None) -> str:
    """Return the file name under which a file is published.

    Parameters
    ----------
    identifier : str
        Identifier of the entry; its dots become underscores.
    part : str
        `'csv'` or `'zip'` of a stimulus set, `'nc'` of an assembly.
    prefix : str, optional
        Prefix instead of `stimulus_` or `assy_`; files from 2021 and before have `image_`.

    Examples
    --------
    >>> file_name("dicarlo.MajajHong2015", "nc")
    'assy_dicarlo_MajajHong2015.nc'
    """
    return f"{prefix or _FILE_PREFIXES[part]}{identifier.replace('.', '_')}.{part}"


def set_hashes(stimulus_set: Entry) -> dict[str, str]:
    """Return the hash of each file of a stimulus set; empty where its catalog gives none for one of them.

    Parameters
    ----------
    stimulus_set : Entry
        From a catalog.

    Returns
    -------
    dict of str to str
        Part (`'csv'`, `'zip'`) -> SHA-1, or SHA-256 where the catalog gives no SHA-1.
    """
    hashes = {file.part: file.sha1 or file.sha256 for file in stimulus_set.files}
    return hashes if all(hashes.values()) else {}


def has_hashes(stimulus_set: Entry, hashes: Mapping[str, str]) -> bool:
    """Whether a catalog lists the files of a stimulus set with these hashes."""
    listed = {file.part: (file.sha1, file.sha256) for file in stimulus_set.files}
    return all(digest in listed.get(part, ()) for part, digest in hashes.items())


def format_hashes(hashes: Mapping[str, str]) -> str:
    """Return hashes as the text that files of assemblies hold.

    Examples
    --------
    >>> format_hashes({"csv": "a" * 40, "zip": "b" * 40})[:8]
    'csv:aaaa'
    """
    return " ".join(f"{part}:{digest}" for part, digest in sorted(hashes.items()))


def parse_hashes(text: str) -> dict[str, str]:
    """Return the hashes that a file of an assembly holds.

    Raises
    ------
    ValueError
        The text has another form.

    Examples
    --------
    >>> sorted(parse_hashes(format_hashes({"csv": "a" * 40, "zip": "b" * 40})))
    ['csv', 'zip']
    """
    hashes = {part: digest.lower() for part, _, digest in (item.partition(":") for item in text.split())}
    if not _is_valid(hashes):
        raise ValueError(f"brainio_set_hashes is {text[:200]!r}; expected 'csv:SHA1 zip:SHA1' with hexadecimal digits")
    return hashes


def hashes_on_card(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes on the card of an assembly; empty where it has none, or a malformed field."""
    hashes = card.get(CARD_FIELD)
    return dict(hashes) if _is_valid(hashes) else {}


def _is_valid(value: object) -> TypeGuard[Mapping[str, str]]:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and {*value} <= {"csv", "zip"}
        and all(
            isinstance(text, str) and len(text) in _DIGEST_NAMES and _HEX_DIGITS.issuperset(text)
            for text in value.values()
        )
    )


def describe_hashes(hashes: Mapping[str, str]) -> str:
    """Return hashes as messages show them, such as `'csv file with the SHA-1 0beec7b5..., zip file ...'`."""
    return ", ".join(
        f"{part} file with the {_DIGEST_NAMES[len(digest)]} {digest}" for part, digest in sorted(hashes.items())
    )
