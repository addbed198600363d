"""Verification of a cache: finds and repairs damage, and lists everything that it did not check, with the reason.

It may run while other processes read and fetch. `brainio.cache.pruning` removes unused files.
"""

import os
import re
import secrets
import sqlite3
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from brainio.cache.archive import open_archive, safe_members
from brainio.cache.content_store import RECORD, ContentStore, read_record
from brainio.cache.files import WRITE_BITS, read_json, safe_name
from brainio.cache.inventory import PROFILE_FAILURE, Item, list_items
from brainio.cache.sqlite_files import open_read_only
from brainio.cache.unpacked_archives import (
    find_archive,
    find_incomplete_members,
    manifest_path,
    read_manifest,
    restore_members,
    times_record,
)
from brainio.errors import ArchiveError, CacheError
from brainio.local_files import Fingerprint

Depth: TypeAlias = Literal["quick", "normal", "deep"]

_SHA1 = re.compile(r"[0-9a-f]{40}")
_MAX_NAMES = 5  # maximum number of files in a message
_KNOWN_NAMES = {"content", "unpacked", "refs", "notes", "partial", "quarantine", "profiles", "CACHEDIR.TAG"}
_COPIES = {
    "catalogs": "copies of catalogs, which have no expected hash; each row is checked when they are read",
    "index": "search indexes, which are checked when they are opened, and rebuilt if they are damaged",
}


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The result for one item.

    Attributes
    ----------
    item : Item
        The item.
    fault : str
        The damage and its repair; empty if the item is sound.
    notes : tuple of str
        Harmless observations, and impossible checks with the reason.
    unread : int
        Number of files that were not read, since their sizes and times match their records.
    """

    item: Item
    fault: str = ""
    notes: tuple[str, ...] = ()
    unread: int = 0


def verify(root: Path, *, deep: bool = False, quick: bool = False) -> Iterator[VerificationResult]:
    """Check everything in a cache, item by item, and repair it where possible.

    All content is hashed; a file with a wrong hash is moved to ``quarantine/``, and the next load fetches it again.
    Members of unpacked archives whose size or times changed are compared with their checksums, and wrong ones are
    unpacked again. Records, manifests, references, profiles, modes and names are checked, and unexpected files are
    reported.

    Parameters
    ----------
    root : Path
        The cache. If it is read-only, damage is reported but not repaired.
    deep : bool, default False
        Also compare the checksum of every member of every unpacked archive.
    quick : bool, default False
        Compare only sizes, times, modes and lists; read no whole file and repair nothing.

    Yields
    ------
    Checked

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from brainio.cache import Cache
    >>> cache = Cache(pathlib.Path(tempfile.mkdtemp()))
    >>> path = cache.add([b"abc"], name="a.txt")
    >>> [(checked.fault, checked.unread) for checked in verify(cache.root)]
    [('', 0)]
    >>> [(checked.fault, checked.unread) for checked in verify(cache.root, quick=True)]
    [('', 1)]
    """
    depth: Depth = "quick" if quick else "deep" if deep else "normal"
    unreadable: list[VerificationResult] = []
    for item in list_items(root, lambda path, error: unreadable.append(_unreadable_result(path, error))):
        with suppress(FileNotFoundError):
            yield _check_item(root, item, depth)
    yield from unreadable
    yield from _find_strays(root)


def list_unverified(root: Path, shared: Iterable[Path] = ()) -> list[str]:
    """List everything that `verify` does not check, with the reasons.

    Parameters
    ----------
    root : Path
        The cache.
    shared : iterable of Path
        The shared caches in use.
    """
    reasons = [f"{root / name}: {reason}" for name, reason in _COPIES.items() if (root / name).is_dir()]
    if (root / "refs").is_dir():
        reasons.append(f"{root / 'refs'}: whether locations still return the same bytes, which requires the network")
    other_names = (
        sorted(path.name for path in root.iterdir() if path.name not in {*_KNOWN_NAMES, *_COPIES})
        if root.is_dir()
        else []
    )
    if other_names:
        reasons.append(
            f"{_format_names(other_names)} in {root}: not part of the cache (brainscore-brainio stores files there)"
        )
    return [*reasons, *(f"{place}: a shared cache; verify it with BRAINIO_HOME={place}" for place in shared)]


def _check_item(root: Path, item: Item, depth: Depth) -> VerificationResult:
    check = _CHECKS[item.kind]
    try:
        return check(root, item, depth)
    except FileNotFoundError:
        raise
    except OSError as error:
        return _unreadable_result(item.path, error, item)


def _unreadable_result(path: Path, error: OSError, item: Item | None = None) -> VerificationResult:
    item = item or Item("stray", "", (path.name,), 0, 0.0, path)
    return VerificationResult(item, f"{path} was not checked, since it cannot be read: {error.strerror or error}")


def _check_content(root: Path, item: Item, depth: Depth) -> VerificationResult:
    if _SHA1.fullmatch(item.sha1) is None or item.path.parent.name != item.sha1[:2]:
        return VerificationResult(item, f"{item.path} is not named after a sha1 and its first two digits; remove it")
    store, unread = ContentStore(root, root), 0
    faults: list[str] = []
    notes: list[str] = []
    known, files = read_record(item.path / RECORD), store.names(item.sha1)
    if not known:
        notes.append(f"{item.path / RECORD} is missing, damaged, or from a previous version")
    for path in _unique_files(files):
        if depth != "quick":
            faults += _fault_of_file(store, path, item.sha1)
        elif Fingerprint.of(path) in known:
            unread += 1
        elif known and path.stat().st_size not in {print_.size for print_ in known}:
            sizes = ", ".join(f"{print_.size:,}" for print_ in known)
            faults.append(f"{path.name} has {path.stat().st_size:,} bytes, but was verified with {sizes}")
        else:
            notes.append(f"{path.name} changed since it was verified, or was never verified; --quick does not read it")
    with os.scandir(item.path) as entries:  # entries know their kind, even if they are removed meanwhile
        other_names = sorted(entry.name for entry in entries if entry.name != RECORD and not entry.is_file())
    if other_names:
        faults.append(f"{_format_names(other_names)} in {item.path} are not files; remove them")
    return VerificationResult(item, "; ".join(faults), (*notes, *_notes_on_files(store.names(item.sha1))), unread)


def _fault_of_file(store: ContentStore, path: Path, sha1: str) -> list[str]:
    try:
        is_sound = store.verify(path, sha1)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{path.name} cannot be read: {error}"]
    return [] if is_sound else [f"{path.name} no longer has that sha1"]


def _notes_on_files(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        if path.name != safe_name(path.name):
            yield f"{path.name!r} is a name that brainio never uses"
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & WRITE_BITS:
                yield f"{path.name} has the mode {mode:04o}, which allows programs to write to it"


def _unique_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield one path of each file, however many names it has."""
    inodes: set[tuple[int, int]] = set()
    for path in paths:
        with suppress(FileNotFoundError):
            status = path.stat()
            if (status.st_dev, status.st_ino) not in inodes:
                inodes.add((status.st_dev, status.st_ino))
                yield path


def _check_unpacked(root: Path, item: Item, depth: Depth) -> VerificationResult:
    before, manifest = _identity(item.path), read_manifest(root, item.sha1)
    if manifest is None:
        fault = "its list of members is missing; brainio writes it again at the next use of the archive"
        return VerificationResult(item, "" if _identity(item.path) is None else fault)
    archive, times = find_archive(root, item.sha1), times_record(root, item.sha1, manifest, root)
    notes: list[str] = []
    changed = times.find_changed()
    if depth == "quick":
        bad = find_incomplete_members(item.path, manifest)
        if unread := len(changed) - len(bad):
            notes.append(f"{unread} members changed since they were unpacked; --quick does not read them")
    else:
        bad = times.compare(manifest if depth == "deep" else changed)
    if _identity(item.path) != before:  # another process removed the folder meanwhile
        return VerificationResult(item)
    fault = _fault_of_manifest(root, item.sha1, archive, depth) or _fault_of_members(root, item, bad, depth)
    if archive is None:
        notes.append("its archive is not in the cache: its members were not compared with it, only with their list")
    extra_files = _find_extra_files(item.path, manifest)
    if extra_files:
        notes.append(f"{_format_names(extra_files)} in {item.path} are not in the archive")
    return VerificationResult(item, fault, tuple(notes), 0 if depth == "deep" else len(manifest) - len(changed))


def _fault_of_manifest(root: Path, sha1: str, archive: Path | None, depth: Depth) -> str:
    """Compare the manifest with the list of members in the archive; reads no member."""
    if archive is None:
        return ""
    try:
        with open_archive(archive) as file:
            listed = {name: (info.file_size, info.CRC) for name, info in safe_members(archive, file).items()}
    except ArchiveError as error:
        return str(error)
    if listed == read_manifest(root, sha1) or not manifest_path(root, sha1).exists():
        return ""
    fault = "its list of members differs from that of the archive"
    if depth == "quick":
        return fault
    with suppress(OSError):
        manifest_path(root, sha1).unlink()
        return f"{fault}; it was removed; brainio writes it again at the next use of the archive"
    return fault


def _fault_of_members(root: Path, item: Item, bad: list[str], depth: Depth) -> str:
    manifest = read_manifest(root, item.sha1)
    if not bad or manifest is None:
        return ""
    fault = f"{len(bad)} of {len(manifest)} members were missing or damaged ({_format_names(bad)}); "
    if depth == "quick":
        return f"{fault}they are unpacked again at their next use, or by verification without --quick"
    archive = find_archive(root, item.sha1)
    try:
        if archive is not None and restore_members(archive, root, item.sha1, bad):
            times_record(root, item.sha1, manifest, root).record_times(bad)
            return f"{fault}they were unpacked again"
    except (ArchiveError, CacheError) as error:
        fault += f"{error} "
    try:
        _quarantine_members(root, item, bad)
    except OSError as error:
        return f"{fault}they could neither be unpacked again nor moved to quarantine: {error}"
    return f"{fault}they were moved to quarantine, and are unpacked again at their next use if the archive is available"


def _find_extra_files(folder: Path, manifest: Collection[str]) -> list[str]:
    """Return the files in an unpacked folder that its archive does not have."""
    start, names = len(os.fspath(folder)) + 1, []
    for place, _, files in os.walk(folder):
        names += [name for file in files if (name := f"{place}/{file}"[start:]) not in manifest]
    return sorted(names)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return device and inode of a folder, None if it does not exist."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _quarantine_members(root: Path, item: Item, names: Iterable[str]) -> None:
    """Move damaged members to quarantine: readers detect a missing member, but not a damaged one."""
    folder = root / "quarantine"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        with suppress(FileNotFoundError):
            (item.path / name).replace(folder / f"{item.sha1}-{secrets.token_hex(4)}")


def _check_profile(_root: Path, item: Item, depth: Depth) -> VerificationResult:
    if item.path.name.endswith(PROFILE_FAILURE):
        return VerificationResult(item)  # a damaged record is ignored
    if depth == "quick":
        return VerificationResult(item, unread=1)
    try:
        with closing(open_read_only(item.path)) as connection:
            answer = str(connection.execute("PRAGMA quick_check").fetchone()[0])
    except sqlite3.Error as error:
        answer = str(error)
    if answer == "ok":
        return VerificationResult(item)
    with suppress(OSError):
        item.path.unlink()
        return VerificationResult(item, f"it is damaged ({answer}); it was removed, and is built again at its next use")
    return VerificationResult(item, f"it is damaged ({answer}) and cannot be removed; remove {item.path}")


def _check_reference(root: Path, item: Item, depth: Depth) -> VerificationResult:
    if _SHA1.fullmatch(item.sha1) and item.names[0]:
        is_gone = not ContentStore(root, root).has(item.sha1)
        return VerificationResult(item, notes=("its content is not in the cache",) if is_gone else ())
    fault = f"{item.path} is damaged, so the file of its location is fetched again"
    if depth != "quick":
        with suppress(OSError):
            item.path.unlink()
            fault += "; it was removed"
    return VerificationResult(item, fault)


def _check_partial(_root: Path, item: Item, _depth: Depth) -> VerificationResult:
    text = "unfinished work, in progress or left by a process that ended; brainio cache prune removes leftovers"
    return VerificationResult(item, notes=(text,))


def _check_quarantine(_root: Path, item: Item, _depth: Depth) -> VerificationResult:
    return VerificationResult(item, notes=("damaged bytes, no longer used; brainio cache prune removes them",))


def _find_strays(root: Path) -> Iterator[VerificationResult]:
    """Report unexpected files and unreadable folders."""
    for name, problem_of in _STRAY_CHECKS.items():
        for folder in [root / name, *_list_folder(root / name)]:
            try:
                entries = sorted(folder.iterdir()) if folder.is_dir() else []
            except FileNotFoundError:
                continue
            except OSError as error:
                yield _unreadable_result(folder, error)
                continue
            for path in entries:
                with suppress(OSError):  # removed, or already reported as unreadable
                    if (problem := problem_of(path, folder == root / name)) is not None:
                        yield VerificationResult(_stray(path), notes=(problem,))


def _list_folder(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _stray(path: Path) -> Item:
    status = path.lstat()
    return Item("stray", "", (path.name,), status.st_size, status.st_mtime, path)


def _stray_in_content(path: Path, is_top: bool) -> str | None:
    belongs = path.is_dir() and (not is_top or re.fullmatch(r"[0-9a-f]{2}", path.name))
    return None if belongs else f"{path} is unexpected"


def _stray_in_unpacked(path: Path, is_top: bool) -> str | None:
    sha1, _, ending = path.name.partition(".")
    if is_top or path.is_dir():
        return (
            None
            if path.is_dir() and re.fullmatch(r"[0-9a-f]{2}([0-9a-f]{38})?", path.name)
            else f"{path} is unexpected"
        )
    if ending not in {"json", "times", "findings.json"}:
        return f"{path} is unexpected"
    return None if path.with_name(sha1).is_dir() else f"{path} belongs to an archive that is no longer unpacked"


def _stray_in_notes(path: Path, is_top: bool) -> str | None:
    if is_top:
        return None if path.is_dir() else f"{path} is unexpected"
    if path.suffix not in {".json", ".times"}:
        return f"{path} is unexpected"
    is_sound = path.suffix == ".times" or read_json(path)
    return None if is_sound else f"{path} is damaged; brainio writes it again when needed"


_CHECKS: dict[str, Callable[[Path, Item, Depth], VerificationResult]] = {
    "content": _check_content,
    "unpacked": _check_unpacked,
    "profile": _check_profile,
    "ref": _check_reference,
    "partial": _check_partial,
    "quarantine": _check_quarantine,
}
_STRAY_CHECKS: dict[str, Callable[[Path, bool], str | None]] = {
    "content": _stray_in_content,
    "unpacked": _stray_in_unpacked,
    "notes": _stray_in_notes,
    "refs": lambda path, is_top: (
        None if (path.is_dir() if is_top else path.suffix == ".json") else f"{path} is unexpected"
    ),
}


def _format_names(names: Collection[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(map(repr, list(names)[:_MAX_NAMES])) + more
