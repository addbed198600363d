"""Records of entries in a lock file, and the search for the recorded entries in the active catalogs."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Any

from brainio.cache import hash_file
from brainio.catalogs import LOOKUP_TYPES, Entry, EntryFile, listings
from brainio.catalogs.backends import format_location
from brainio.catalogs.entries import STATUS_CURRENT, in_words
from brainio.errors import LockDriftError
from brainio.fetch.entry_files import ExpectedFile
from brainio.text import nearest

_FIELDS = ("kind", "identifier", "catalog", "version", "status", "class", "aliases", "stimulus_set", "files")


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


def record_of(entry: Entry, stimulus_set: Entry | None = None) -> Record:
    """Return the record of an entry that was just loaded or fetched; for an assembly, name its stimulus set."""
    files = tuple(_file_record(entry, file) for file in entry.files)
    return Record(
        kind=entry.lookup_type,
        identifier=entry.identifier,
        catalog=entry.catalog,
        files=files,
        version=entry.version,
        status=entry.status,
        class_name=entry.class_name,
        aliases=entry.aliases,
        stimulus_set="" if stimulus_set is None else record_name(stimulus_set),
    )


def record_name(entry: Entry) -> str:
    """Return the name of the record of an entry."""
    return Record(entry.lookup_type, entry.identifier, entry.catalog, (), entry.version).name


def _file_record(entry: Entry, file: EntryFile) -> FileRecord:
    """Return the record of a file; if its catalog gives no hash, with the hash of the fetched bytes."""
    sha1, size = file.sha1, file.size
    cached = None if (sha1 or file.sha256) and size is not None else ExpectedFile.from_entry(entry, file).find_cached()
    if cached is not None:
        sha1 = sha1 or ("" if file.sha256 else hash_file(cached))
        size = cached.stat().st_size
    return FileRecord(file.part, format_location(file.location), sha1, file.sha256, size or 0, file.version_id)


def parse_record(table: Any, where: str) -> Record:
    """Parse a record of a lock file; raise ValueError with its position if it is malformed."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} is not a table")  # noqa: TRY004 - read_lockfile handles one type
    texts = {name: _get_string(table, name, where) for name in ("kind", "identifier", "catalog")}
    if texts["kind"] not in LOOKUP_TYPES:
        raise ValueError(f"{where} has the kind {texts['kind']!r}; expected one of {', '.join(LOOKUP_TYPES)}")
    where = f"{where} ({texts['identifier']})"
    check_fields(table, _FIELDS, where)
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
    check_fields(table, FileRecord.__dataclass_fields__, f"a file of {where}")
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


def check_fields(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
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


def find_recorded(record: Record) -> Entry:
    """Find a recorded entry in the active catalogs, and return it with the recorded hashes, which fetching verifies.

    An entry with hashes in its catalog comes first, then the recorded catalog, then the recorded version. The same
    bytes in another catalog or version count as well.

    Raises
    ------
    LockDriftError
        No active catalog lists the recorded hashes any more.
    """
    candidates = list(_versions(record))
    matches = [entry for entry in candidates if _may_match(record, entry)]
    if not matches:
        raise LockDriftError(_explain_drift(record, candidates))
    entry = min(matches, key=partial(_distance, record))
    recorded = {file.part: file for file in record.files}
    files = tuple(_with_recorded_hashes(file, recorded[file.part], record.class_name) for file in entry.files)
    return replace(entry, files=files)


def _versions(record: Record) -> Iterator[Entry]:
    """Yield every version of the entries with a recorded identifier or alias in the active catalogs."""
    for listing in listings():
        entry = listing.find_by_name(record.kind, record.identifier)
        if entry is not None:
            yield from listing.all_versions(entry)


def _may_match(record: Record, entry: Entry) -> bool:
    """Return whether no hash contradicts a record, and hashes or the catalog and version confirm it."""
    recorded = {file.part: file for file in record.files}
    if recorded.keys() != {file.part for file in entry.files}:
        return False
    if not all(recorded[file.part].is_consistent_with(file) for file in entry.files):
        return False
    return _has_recorded_hashes(record, entry) or (entry.catalog, entry.version) == (record.catalog, record.version)


def _distance(record: Record, entry: Entry) -> tuple[bool, bool, bool]:
    """Return a sort key: the closest match to a record is smallest."""
    return not _has_recorded_hashes(record, entry), entry.catalog != record.catalog, entry.version != record.version


def _has_recorded_hashes(record: Record, entry: Entry) -> bool:
    """Return whether the catalog gives a recorded hash for each file."""
    recorded = {file.part: file for file in record.files}
    return all(
        (file.sha1 and file.sha1.lower() == recorded[file.part].sha1)
        or (file.sha256 and file.sha256.lower() == recorded[file.part].sha256)
        for file in entry.files
    )


def _with_recorded_hashes(file: EntryFile, recorded: FileRecord, class_name: str) -> EntryFile:
    return replace(
        file,
        class_name=(class_name or file.class_name) if file.class_name else "",
        sha1=recorded.sha1 or file.sha1,
        sha256=recorded.sha256 or file.sha256,
        size=recorded.size or file.size,
    )


def _explain_drift(record: Record, candidates: list[Entry]) -> str:
    """Return a message with the recorded hashes and those that the active catalogs list."""
    hashes = ", ".join(f"{file.part} {_hash(file)}" for file in record.files)
    recorded = f"{record} was recorded with {hashes or 'no files'}, but no active catalog lists that now"
    if candidates:
        listed = "\n".join(
            f"- catalog {entry.catalog!r}{f', version {entry.version}' if entry.version else ''} ({entry.status}): "
            + ", ".join(f"{file.part} {_hash(file)}" for file in entry.files)
            for entry in candidates
        )
        return (
            f"{recorded}. Under that identifier they list:\n{listed}\nRecord the lock file again with one of these, or "
            f"ask the owner of the catalog for the recorded one"
        )
    names = {name for listing in listings() for kind, name in listing.entries if kind == record.kind}
    near = ", ".join(map(repr, nearest(record.identifier, sorted(names))))
    active = ", ".join(listing.identifier for listing in listings()) or "none"
    similar = f"; similar identifiers: {near}" if near else ""
    return f"{recorded} (active catalogs: {active}){similar}. Add its catalog with brainio.add_catalog, or record again"


def _hash(file: EntryFile | FileRecord) -> str:
    hashes = [f"{name} {digest}" for name, digest in (("sha1", file.sha1), ("sha256", file.sha256)) if digest]
    return " ".join(hashes) or "without a hash"
