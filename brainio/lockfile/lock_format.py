"""The lock file format: TOML with one value per line in a fixed order, which people can read and git can merge.

`brainio.lockfile.sessions` relates the records to the entries of catalogs.
"""

import os
import platform
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from brainio.catalogs import LOOKUP_TYPES, EntryFile
from brainio.catalogs.entries import STATUS_CURRENT, in_words
from brainio.errors import LockfileError
from brainio.installation import DISTRIBUTION
from brainio.local_files import open_regular, write_file

VERSION = 1
_FIRST_LINES = (
    "# Written by brainio.record_lock. brainio.use_lock and `brainio get --locked` load these entries again.\n"
)
_DISTRIBUTIONS = {"brainio": DISTRIBUTION} | {name: name for name in ("numpy", "pandas", "xarray", "netCDF4")}
_FIELDS = ("kind", "identifier", "catalog", "version", "status", "class", "aliases", "stimulus_set", "files")
_LARGEST = 2**26  # bytes
_STRING = re.compile(rb"\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*")
_MOST_DOTS = 16  # per line, outside strings: the time to parse a dotted key is quadratic in its number of parts
_UNMERGED = ("<<<<<<<", "=======", ">>>>>>>")


@dataclass(frozen=True)
class FileRecord:
    """A file as recorded. `location` is the one in the catalog, without secrets."""

    part: str
    location: str
    sha1: str = ""
    sha256: str = ""
    size: int = 0
    version_id: str = ""

    def is_consistent_with(self, file: EntryFile) -> bool:
        """Return whether the hashes in a catalog do not contradict the recorded ones."""
        pairs = ((self.sha1, file.sha1), (self.sha256, file.sha256))
        return not any(own and other and own != other.lower() for own, other in pairs)


@dataclass(frozen=True)
class Record:
    """An entry as recorded.

    Attributes
    ----------
    kind, identifier, catalog, version, status, class_name, aliases
        As in `Entry`.
    stimulus_set : str
        For an assembly: the `name` of the stimulus set that was joined to it.
    files : tuple of FileRecord
    """

    kind: str
    identifier: str
    catalog: str
    files: tuple[FileRecord, ...]
    version: str = ""
    status: str = STATUS_CURRENT
    class_name: str = ""
    aliases: tuple[str, ...] = ()
    stimulus_set: str = ""

    @property
    def name(self) -> str:
        """A name that is unique among records of a kind: `catalog:identifier`, and `@version` if it has one."""
        return f"{self.catalog}:{self.identifier}{f'@{self.version}' if self.version else ''}"

    @property
    def sort_key(self) -> tuple[str, ...]:
        """The key by which records are sorted, unique within a file."""
        return self.kind, self.identifier, self.catalog, self.version

    def __str__(self) -> str:
        version = f" (version {self.version})" if self.version else ""
        return f"{in_words(self.kind)} {self.identifier!r}{version} of catalog {self.catalog!r}"

    def matches(self, kind: str, identifier: str, catalog: str | None, version: str | None) -> bool:
        """Return whether a lookup with these arguments means this entry."""
        if kind != self.kind or version not in (None, self.version) or catalog not in (None, self.catalog):
            return False
        names = {self.identifier, *self.aliases}
        return identifier in names or (catalog is None and identifier in {f"{self.catalog}:{name}" for name in names})

    @cached_property  # the file is rewritten for each new record
    def toml(self) -> str:
        """The record as TOML, without empty fields."""
        import tomli_w

        facts = asdict(self) | {"class": self.class_name, "aliases": list(self.aliases)}
        facts["status"] = "" if self.status == STATUS_CURRENT else self.status
        files = [tomli_w.dumps(_without_empty(asdict(file))) for file in self.files]
        own = tomli_w.dumps(_without_empty({name: facts[name] for name in _FIELDS if name != "files"}))
        return f"\n[[entry]]\n{own}" + "".join(f"\n[[entry.files]]\n{file}" for file in files)


@dataclass(frozen=True)
class Lockfile:
    """The content of a lock file: records in a fixed order, and the versions of the software that loaded them."""

    records: tuple[Record, ...]
    software: dict[str, str] = field(default_factory=dict)


@cache
def installed_software() -> dict[str, str]:
    """Return the versions of Python and of the packages that read data; name -> version."""
    versions = {"python": platform.python_version()}
    for name, distribution in _DISTRIBUTIONS.items():
        try:
            versions[name] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return versions


def write_lockfile(path: Path, records: Iterable[Record]) -> None:
    """Write a lock file atomically.

    Raises
    ------
    LockfileError
        The file is not writable; an existing file is unchanged.
    """
    text = lock_text(records, installed_software())
    try:
        write_file(path, text)
    except OSError as error:
        raise LockfileError(
            f"the lock file {path} cannot be written: {error}. Name a file in a folder that exists and is writable"
        ) from error


def check_writable(path: Path) -> None:
    """Raise LockfileError if a lock file is not writable, before hours of work; write nothing."""
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK) or path.is_dir():
        raise LockfileError(
            f"the lock file {path} is not writable. Name a file in a folder that exists and is writable"
        )


def lock_text(records: Iterable[Record], software: dict[str, str]) -> str:
    """Return the text of a lock file, independent of the order of the records."""
    import tomli_w

    head = tomli_w.dumps({"version": VERSION, "software": software})
    entries = "".join(record.toml for record in sorted(records, key=lambda record: record.sort_key))
    return f"{_FIRST_LINES}{head}{entries}"


def read_lockfile(path: Path) -> Lockfile:
    """Read a lock file.

    Raises
    ------
    LockfileError
        The file is missing or malformed, or its version is not supported.
    """
    try:
        with open_regular(path) as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise LockfileError(
            f"the lock file {path} cannot be read: {error}. brainio.record_lock({str(path)!r}) records one"
        ) from error
    if len(raw) > _LARGEST:
        raise LockfileError(f"{path} is not a lock file: it has more than {_LARGEST} bytes")
    if any(line.count(b".") > _MOST_DOTS for line in _STRING.sub(b"", raw).splitlines()):
        raise LockfileError(f"{path} is not a lock file: it has a key of more than {_MOST_DOTS} parts")
    try:
        return _parse(tomllib.loads(_decode(raw)))
    except (ValueError, RecursionError) as error:  # including invalid UTF-8 and TOML
        raise LockfileError(
            f"the lock file {path} is malformed: {error}. Correct it, or record it again with brainio.record_lock"
        ) from error


def _decode(raw: bytes) -> str:
    text = raw.decode("utf-8-sig")
    marked = next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith(_UNMERGED)), None)
    if marked is not None:
        raise ValueError(f"line {marked} is a conflict marker of an unfinished merge; keep one side")
    return text


def _parse(content: dict[str, Any]) -> Lockfile:
    version = content.get("version")
    if version is None:
        raise ValueError("it has no field 'version'")
    if version != VERSION:
        raise ValueError(f"its version is {version!r}, but this brainio reads {VERSION}; use the brainio that wrote it")
    _check_fields(content, ("version", "software", "entry"), "it")
    tables, software = content.get("entry", []), content.get("software", {})
    if not isinstance(tables, list) or not isinstance(software, dict):
        raise ValueError("'entry' is not a list of tables, or 'software' is not a table")  # noqa: TRY004 - read_lockfile handles one type
    records = [_parse_record(table, f"entry {number}") for number, table in enumerate(tables, 1)]
    keys: set[tuple[str, ...]] = set()
    for record in records:
        if record.sort_key in keys:
            raise ValueError(f"{record} is recorded twice; keep one")
        keys.add(record.sort_key)
    return Lockfile(tuple(records), {str(name): str(version) for name, version in software.items()})


def _parse_record(table: Any, where: str) -> Record:
    """Parse a record of a lock file; raise ValueError with its position if it is malformed."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} is not a table")  # noqa: TRY004 - read_lockfile handles one type
    texts = {name: _get_string(table, name, where) for name in ("kind", "identifier", "catalog")}
    if texts["kind"] not in LOOKUP_TYPES:
        raise ValueError(f"{where} has the kind {texts['kind']!r}; expected one of {', '.join(LOOKUP_TYPES)}")
    where = f"{where} ({texts['identifier']})"
    _check_fields(table, _FIELDS, where)
    aliases, files = table.get("aliases", []), table.get("files", [])
    if not (isinstance(aliases, list) and isinstance(files, list) and all(isinstance(alias, str) for alias in aliases)):
        raise ValueError(f"'aliases' of {where} is not a list of strings, or 'files' is not a list of tables")
    return Record(
        **texts,
        files=tuple(_parse_file(file, where) for file in files),
        version=_get_string(table, "version", where, ""),
        status=_get_string(table, "status", where, STATUS_CURRENT),
        class_name=_get_string(table, "class", where, ""),
        aliases=tuple(aliases),
        stimulus_set=_get_string(table, "stimulus_set", where, ""),
    )


def _parse_file(table: Any, where: str) -> FileRecord:
    if not isinstance(table, dict):
        raise ValueError(f"a file of {where} is not a table")  # noqa: TRY004 - read_lockfile handles one type
    _check_fields(table, FileRecord.__dataclass_fields__, f"a file of {where}")
    size = table.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{where} has a file with the size {size!r}; expected a number of bytes")
    texts = {name: _get_string(table, name, where, "").lower() for name in ("sha1", "sha256")}
    for name, digits in (("sha1", 40), ("sha256", 64)):
        if texts[name] and (len(texts[name]) != digits or not set(texts[name]) <= set("0123456789abcdef")):
            raise ValueError(
                f"{where} has a file with the {name} {texts[name]!r}; expected {digits} hexadecimal digits"
            )
    part, location = _get_string(table, "part", where), _get_string(table, "location", where, "")
    return FileRecord(part, location, size=size, version_id=_get_string(table, "version_id", where, ""), **texts)


def _check_fields(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raise ValueError if a table has an unknown field: a misspelt hash would not be verified."""
    unknown = [name for name in table if name not in known]
    if unknown:
        raise ValueError(f"{where} has the unknown field {unknown[0]!r}; expected some of {', '.join(known)}")


def _get_string(table: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = table.get(name, default)
    if value is None:
        raise ValueError(f"{where} has no field {name!r}")
    if not isinstance(value, str):
        raise ValueError(f"{where} has the {name} {value!r}; expected a string")  # noqa: TRY004 - read_lockfile handles one type
    return value


def _without_empty(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in ("", 0, [], ())}
