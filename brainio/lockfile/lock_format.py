"""The lock file format: TOML with one value per line in a fixed order, which people can read and git can merge."""

import os
import platform
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from brainio.errors import LockfileError
from brainio.installation import DISTRIBUTION
from brainio.local_files import open_regular, write_file
from brainio.lockfile.lock_records import Record, check_fields, parse_record

VERSION = 1
_FIRST_LINES = (
    "# Written by brainio.record_lock. brainio.use_lock and `brainio get --locked` load these entries again.\n"
)
_DISTRIBUTIONS = {"brainio": DISTRIBUTION} | {name: name for name in ("numpy", "pandas", "xarray", "netCDF4")}
_LARGEST = 2**26  # bytes
_STRING = re.compile(rb"\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*")
_MOST_DOTS = 16  # per line, outside strings: the time to parse a dotted key is quadratic in its number of parts
_UNMERGED = ("<<<<<<<", "=======", ">>>>>>>")


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
    check_fields(content, ("version", "software", "entry"), "it")
    tables, software = content.get("entry", []), content.get("software", {})
    if not isinstance(tables, list) or not isinstance(software, dict):
        raise ValueError("'entry' is not a list of tables, or 'software' is not a table")  # noqa: TRY004 - read_lockfile handles one type
    records = [parse_record(table, f"entry {number}") for number, table in enumerate(tables, 1)]
    keys: set[tuple[str, ...]] = set()
    for record in records:
        if record.sort_key in keys:
            raise ValueError(f"{record} is recorded twice; keep one")
        keys.add(record.sort_key)
    return Lockfile(tuple(records), {str(name): str(version) for name, version in software.items()})
