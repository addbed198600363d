"""The form of a lock file: TOML, one fact a line, always in the same order, so that people read and git merges it."""

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
from brainio.lockfile.lock_records import Record, record_from, require_known

VERSION = 1
_FIRST_LINES = (
    "# Written by brainio.record_lock. brainio.use_lock and `brainio get --locked` load these entries again.\n"
)
_DISTRIBUTIONS = {"brainio": DISTRIBUTION} | {name: name for name in ("numpy", "pandas", "xarray", "netCDF4")}
_LARGEST = 2**26  # bytes
_STRING = re.compile(rb"\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*")
_MOST_DOTS = 16  # in a line, outside of strings: dotted keys take a time that grows with the square of their parts
_UNMERGED = ("<<<<<<<", "=======", ">>>>>>>")


@dataclass(frozen=True)
class Lockfile:
    """What a lock file holds: records in a fixed order, and the versions of the software that loaded them."""

    records: tuple[Record, ...]
    software: dict[str, str] = field(default_factory=dict)


@cache
def software_here() -> dict[str, str]:
    """Return the versions of Python and of the packages that read and hold data; name -> version."""
    versions = {"python": platform.python_version()}
    for name, distribution in _DISTRIBUTIONS.items():
        try:
            versions[name] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return versions


def write_lockfile(path: Path, records: Iterable[Record]) -> None:
    """Write a lock file in one step.

    Raises
    ------
    LockfileError
        It cannot be written; what was there is as it was.
    """
    text = lock_text(records, software_here())
    try:
        write_file(path, text)
    except OSError as error:
        raise LockfileError(
            f"the lock file {path} cannot be written: {error}. Name a file in a folder that exists and is writable"
        ) from error


def require_writable(path: Path) -> None:
    """Raise LockfileError where a lock file could not be written, before hours of work; nothing is written yet."""
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK) or path.is_dir():
        raise LockfileError(
            f"the lock file {path} could not be written. Name a file in a folder that exists and is writable"
        )


def lock_text(records: Iterable[Record], software: dict[str, str]) -> str:
    """Return the text of a lock file; the same for the same records in any order."""
    import tomli_w

    head = tomli_w.dumps({"version": VERSION, "software": software})
    entries = "".join(record.toml for record in sorted(records, key=lambda record: record.order))
    return f"{_FIRST_LINES}{head}{entries}"


def read_lockfile(path: Path) -> Lockfile:
    """Read a lock file.

    Raises
    ------
    LockfileError
        There is none, or it is no lock file of a version that is known here.
    """
    try:
        with open_regular(path) as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise LockfileError(
            f"the lock file {path} cannot be read: {error}. brainio.record_lock({str(path)!r}) records one"
        ) from error
    if len(raw) > _LARGEST:
        raise LockfileError(f"{path} is no lock file: it has more than {_LARGEST} bytes")
    if any(line.count(b".") > _MOST_DOTS for line in _STRING.sub(b"", raw).splitlines()):
        raise LockfileError(f"{path} is no lock file: it has a key of more than {_MOST_DOTS} parts")
    try:
        return _lockfile(tomllib.loads(_text(raw)))
    except (ValueError, RecursionError) as error:  # also what is no UTF-8 or no TOML
        raise LockfileError(
            f"{path} is no lock file that can be used: {error}. Correct it, or record it again with brainio.record_lock"
        ) from error


def _text(raw: bytes) -> str:
    text = raw.decode("utf-8-sig")
    merged = next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith(_UNMERGED)), None)
    if merged is not None:
        raise ValueError(f"line {merged} is a mark of a merge that was not finished; keep one side")
    return text


def _lockfile(content: dict[str, Any]) -> Lockfile:
    version = content.get("version")
    if version is None:
        raise ValueError("it has no field version")
    if version != VERSION:
        raise ValueError(f"its version is {version!r}, and this brainio reads {VERSION}; use the one that wrote it")
    require_known(content, ("version", "software", "entry"), "it")
    tables, software = content.get("entry", []), content.get("software", {})
    if not isinstance(tables, list) or not isinstance(software, dict):
        raise ValueError("entry is no list of tables, or software no table")  # noqa: TRY004 - one kind for the reader
    records = [record_from(table, f"entry {number}") for number, table in enumerate(tables, 1)]
    seen: set[tuple[str, ...]] = set()
    for record in records:
        if record.order in seen:
            raise ValueError(f"{record} is recorded twice; keep one")
        seen.add(record.order)
    return Lockfile(tuple(records), {str(name): str(version) for name, version in software.items()})
