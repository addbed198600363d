"""What a lock file says of an entry, and which entry of the catalogs in force that is."""

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
from brainio.nearest import nearest

_FIELDS = ("kind", "identifier", "catalog", "version", "status", "class", "aliases", "stimulus_set", "files")


@dataclass(frozen=True)
class FileRecord:
    """A file as it was when it was recorded. `location` is as the catalog writes it, without secrets."""

    part: str
    location: str
    sha1: str = ""
    sha256: str = ""
    size: int = 0
    version_id: str = ""

    def fits(self, file: EntryFile) -> bool:
        """Whether a catalog does not promise other bytes than were recorded."""
        pairs = ((self.sha1, file.sha1), (self.sha256, file.sha256))
        return not any(own and other and own != other.lower() for own, other in pairs)


@dataclass(frozen=True)
class Record:
    """An entry as it was when it was recorded.

    Attributes
    ----------
    kind, identifier, catalog, version, status, class_name, aliases
        As in `Entry`.
    stimulus_set : str
        Of an assembly: the `name` of the stimulus set that it came with.
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
        """Which entry of its kind it is: `catalog:identifier`, and `@version` where it has one."""
        return f"{self.catalog}:{self.identifier}{f'@{self.version}' if self.version else ''}"

    @property
    def order(self) -> tuple[str, ...]:
        """By which records are sorted; no two of a file have the same."""
        return self.kind, self.identifier, self.catalog, self.version

    def __str__(self) -> str:
        version = f" (version {self.version})" if self.version else ""
        return f"{in_words(self.kind)} {self.identifier!r}{version} of catalog {self.catalog!r}"

    def answers(self, kind: str, identifier: str, catalog: str | None, version: str | None) -> bool:
        """Whether it is what somebody asks for."""
        if kind != self.kind or version not in (None, self.version) or catalog not in (None, self.catalog):
            return False
        names = {self.identifier, *self.aliases}
        return identifier in names or (catalog is None and identifier in {f"{self.catalog}:{name}" for name in names})

    @cached_property  # a file that grows is written again and again
    def toml(self) -> str:
        """How a lock file writes it, what says nothing left out."""
        import tomli_w

        facts = asdict(self) | {"class": self.class_name, "aliases": list(self.aliases)}
        facts["status"] = "" if self.status == STATUS_CURRENT else self.status
        files = [tomli_w.dumps(_said(asdict(file))) for file in self.files]
        own = tomli_w.dumps(_said({name: facts[name] for name in _FIELDS if name != "files"}))
        return f"\n[[entry]]\n{own}" + "".join(f"\n[[entry.files]]\n{file}" for file in files)


def record_of(entry: Entry, stimuli: Entry | None = None) -> Record:
    """Record an entry that was just loaded or fetched, and the stimulus set that an assembly came with."""
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
        stimulus_set="" if stimuli is None else record_name(stimuli),
    )


def record_name(entry: Entry) -> str:
    """Return the name that the record of an entry has."""
    return Record(entry.lookup_type, entry.identifier, entry.catalog, (), entry.version).name


def _file_record(entry: Entry, file: EntryFile) -> FileRecord:
    """Record a file; one whose catalog promises no hash gets that of the bytes that came."""
    sha1, size = file.sha1, file.size
    cached = None if (sha1 or file.sha256) and size is not None else ExpectedFile.from_entry(entry, file).find_cached()
    if cached is not None:
        sha1 = sha1 or ("" if file.sha256 else hash_file(cached))
        size = cached.stat().st_size
    return FileRecord(file.part, format_location(file.location), sha1, file.sha256, size or 0, file.version_id)


def record_from(table: Any, where: str) -> Record:
    """Read a record of a lock file; what is malformed is a ValueError that says where."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} is no table")  # noqa: TRY004 - one kind for the reader
    texts = {name: _text(table, name, where) for name in ("kind", "identifier", "catalog")}
    if texts["kind"] not in LOOKUP_TYPES:
        raise ValueError(f"{where} is of the kind {texts['kind']!r}; expected one of {', '.join(LOOKUP_TYPES)}")
    where = f"{where} ({texts['identifier']})"
    require_known(table, _FIELDS, where)
    aliases, files = table.get("aliases", []), table.get("files", [])
    if not (isinstance(aliases, list) and isinstance(files, list) and all(isinstance(one, str) for one in aliases)):
        raise ValueError(f"{where} has aliases that are no list of texts, or files that are no list of tables")
    return Record(
        **texts,
        files=tuple(_file_from(file, where) for file in files),
        version=_text(table, "version", where, ""),
        status=_text(table, "status", where, STATUS_CURRENT),
        class_name=_text(table, "class", where, ""),
        aliases=tuple(aliases),
        stimulus_set=_text(table, "stimulus_set", where, ""),
    )


def _file_from(table: Any, where: str) -> FileRecord:
    if not isinstance(table, dict):
        raise ValueError(f"{where} has a file that is no table")  # noqa: TRY004 - one kind for the reader
    require_known(table, FileRecord.__dataclass_fields__, f"a file of {where}")
    size = table.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{where} has a file of the size {size!r}; expected a number of bytes")
    texts = {name: _text(table, name, where, "").lower() for name in ("sha1", "sha256")}
    for name, digits in (("sha1", 40), ("sha256", 64)):
        if texts[name] and (len(texts[name]) != digits or not set(texts[name]) <= set("0123456789abcdef")):
            raise ValueError(
                f"{where} has a file with the {name} {texts[name]!r}; expected {digits} hexadecimal digits"
            )
    part, location = _text(table, "part", where), _text(table, "location", where, "")
    return FileRecord(part, location, size=size, version_id=_text(table, "version_id", where, ""), **texts)


def require_known(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raise ValueError where a table has a field that there is none: a hash that is misspelt would not be verified."""
    strange = [name for name in table if name not in known]
    if strange:
        raise ValueError(f"{where} has the unknown field {strange[0]!r}; expected some of {', '.join(known)}")


def _text(table: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = table.get(name, default)
    if value is None:
        raise ValueError(f"{where} has no {name}")
    if not isinstance(value, str):
        raise ValueError(f"{where} has the {name} {value!r}, no text")  # noqa: TRY004 - one kind for the reader
    return value


def _said(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in ("", 0, [], ())}


def entry_of(record: Record) -> Entry:
    """Return the entry of the catalogs in force that is the recorded one, its files with the recorded hashes.

    Fetching it verifies these. Its catalog goes first; then any that lists the same bytes under that identifier, also
    as an older version.

    Raises
    ------
    LockDriftError
        No catalog in force lists it any more.
    """
    candidates = list(_versions(record))
    fitting = [entry for entry in candidates if _fits(record, entry)]
    if not fitting:
        raise LockDriftError(_drift(record, candidates))
    entry = min(fitting, key=partial(_distance, record))
    recorded = {file.part: file for file in record.files}
    files = tuple(_pinned(file, recorded[file.part], record.class_name) for file in entry.files)
    return replace(entry, files=files)


def _versions(record: Record) -> Iterator[Entry]:
    """Yield every version of what has the identifier of a record, maybe as an alias, in any catalog in force."""
    for one in listings():
        found = one.find_by_name(record.kind, record.identifier)
        if found is not None:
            yield from one.all_versions(found)


def _fits(record: Record, entry: Entry) -> bool:
    """Whether an entry may be the recorded one: no hash speaks against it, and something speaks for it."""
    recorded = {file.part: file for file in record.files}
    if recorded.keys() != {file.part for file in entry.files}:
        return False
    if not all(recorded[file.part].fits(file) for file in entry.files):
        return False
    return _promises(record, entry) or (entry.catalog, entry.version) == (record.catalog, record.version)


def _distance(record: Record, entry: Entry) -> tuple[bool, bool, bool]:
    """Say how far an entry is from a recorded one; the nearest of several is taken."""
    return not _promises(record, entry), entry.catalog != record.catalog, entry.version != record.version


def _promises(record: Record, entry: Entry) -> bool:
    """Whether a catalog promises a recorded hash for each file."""
    recorded = {file.part: file for file in record.files}
    return all(
        (file.sha1 and file.sha1.lower() == recorded[file.part].sha1)
        or (file.sha256 and file.sha256.lower() == recorded[file.part].sha256)
        for file in entry.files
    )


def _pinned(file: EntryFile, recorded: FileRecord, class_name: str) -> EntryFile:
    return replace(
        file,
        class_name=(class_name or file.class_name) if file.class_name else "",
        sha1=recorded.sha1 or file.sha1,
        sha256=recorded.sha256 or file.sha256,
        size=recorded.size or file.size,
    )


def _drift(record: Record, candidates: list[Entry]) -> str:
    """Say what was recorded, and what there is instead."""
    hashes = ", ".join(f"{file.part} {_hash(file)}" for file in record.files)
    said = f"{record} was recorded with {hashes or 'no files'}, and no active catalog lists that now"
    if candidates:
        there = "\n".join(
            f"- catalog {one.catalog!r}{f', version {one.version}' if one.version else ''} ({one.status}): "
            + ", ".join(f"{file.part} {_hash(file)}" for file in one.files)
            for one in candidates
        )
        return (
            f"{said}. Under that identifier there is:\n{there}\nRecord again with one of these, or ask for the old one"
        )
    names = {name for one in listings() for kind, name in one.entries if kind == record.kind}
    near = ", ".join(map(repr, nearest(record.identifier, sorted(names))))
    active = ", ".join(one.identifier for one in listings()) or "none"
    near = f"; near it are {near}" if near else ""
    return f"{said} (active catalogs: {active}){near}. Add its catalog with brainio.add_catalog, or record again"


def _hash(file: EntryFile | FileRecord) -> str:
    hashes = [f"{name} {digest}" for name, digest in (("sha1", file.sha1), ("sha256", file.sha256)) if digest]
    return " ".join(hashes) or "without a hash"
