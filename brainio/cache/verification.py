"""Verification of a cache: finds damage, repairs it, and lists everything that it did not check, with the reason.

Reads and repairs below one root while other processes read and fetch; knows no catalog. `brainio.cache.pruning` removes
files that nobody needs any more.
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
from brainio.cache.member_records import (
    find_archive,
    find_incomplete_members,
    manifest_path,
    read_manifest,
    times_record,
)
from brainio.cache.sqlite_files import open_read_only
from brainio.cache.unpacked_archives import mend
from brainio.errors import ArchiveError, CacheError
from brainio.local_files import Fingerprint

Depth: TypeAlias = Literal["quick", "normal", "deep"]

_SHA1 = re.compile(r"[0-9a-f]{40}")
_NAMED = 5  # files that a message names
_OURS = {"content", "unpacked", "refs", "notes", "partial", "quarantine", "profiles", "CACHEDIR.TAG"}
_COPIES = {
    "catalogs": "copies of catalogs, for which nobody promises a hash; they are checked row by row when they are read",
    "index": "search indexes, which are checked when they are opened and made again when they are damaged",
}


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The result for one item.

    Attributes
    ----------
    item : Item
        What was checked.
    fault : str
        The damage and its repair; empty: the checks found none.
    notes : tuple of str
        Harmless findings, and checks that were impossible, with the reason.
    unread : int
        Files whose bytes were not read, because their sizes and times are those under which they were verified.
    """

    item: Item
    fault: str = ""
    notes: tuple[str, ...] = ()
    unread: int = 0


def verify(root: Path, *, deep: bool = False, quick: bool = False) -> Iterator[VerificationResult]:
    """Check everything in a cache, item by item, and repair what can be repaired.

    Content is hashed; what no longer has its hash goes to ``quarantine/``, so that the next fetch brings it again. Of
    unpacked archives every member whose size or times changed is compared by its checksum, and a wrong one is
    unpacked again. Records, manifests, references, profiles, modes and names are checked, and files that do not belong
    there are reported.

    Parameters
    ----------
    root : Path
        The cache. Of one that cannot be written, everything is reported and nothing changed.
    deep : bool, default False
        Also compare the checksum of every member of every unpacked archive.
    quick : bool, default False
        Read no file as a whole: only sizes, times, modes and lists are compared. Nothing is repaired.

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
    for item in list_items(root, lambda path, error: unreadable.append(_unreadable(path, error))):
        with suppress(FileNotFoundError):
            yield _checked(root, item, depth)
    yield from unreadable
    yield from _strays(root)


def list_unverified(root: Path, shared: Iterable[Path] = ()) -> list[str]:
    """List what `verify` does not check, with the reasons.

    Parameters
    ----------
    root : Path
        The cache.
    shared : iterable of Path
        The shared caches that are read along with it.
    """
    reasons = [f"{root / name}: {reason}" for name, reason in _COPIES.items() if (root / name).is_dir()]
    if (root / "refs").is_dir():
        reasons.append(f"{root / 'refs'}: whether locations still give the same bytes; that needs the network")
    others = (
        sorted(path.name for path in root.iterdir() if path.name not in {*_OURS, *_COPIES}) if root.is_dir() else []
    )
    if others:
        reasons.append(f"{_some(others)} in {root}: not of this cache (brainscore-brainio keeps its files so)")
    return [*reasons, *(f"{place}: a shared cache; verify it with BRAINIO_HOME={place}" for place in shared)]


def _checked(root: Path, item: Item, depth: Depth) -> VerificationResult:
    check = _CHECKS[item.kind]
    try:
        return check(root, item, depth)
    except FileNotFoundError:
        raise
    except OSError as error:
        return _unreadable(item.path, error, item)


def _unreadable(path: Path, error: OSError, item: Item | None = None) -> VerificationResult:
    item = item or Item("stray", "", (path.name,), 0, 0.0, path)
    return VerificationResult(item, f"{path} was not checked, since it cannot be read: {error.strerror or error}")


def _check_content(root: Path, item: Item, depth: Depth) -> VerificationResult:
    if _SHA1.fullmatch(item.sha1) is None or item.path.parent.name != item.sha1[:2]:
        return VerificationResult(
            item, f"{item.path} is not named by the first two digits of a sha1 and the sha1; remove it"
        )
    shelf, unread = ContentStore(root, root), 0
    faults: list[str] = []
    notes: list[str] = []
    known, files = read_record(item.path / RECORD), shelf.names(item.sha1)
    if not known:
        notes.append(f"{item.path / RECORD} is missing, damaged, or of an earlier version")
    for path in _once(files):
        if depth != "quick":
            faults += _fault_of_file(shelf, path, item.sha1)
        elif Fingerprint.of(path) in known:
            unread += 1
        elif known and path.stat().st_size not in {print_.size for print_ in known}:
            sizes = ", ".join(f"{print_.size:,}" for print_ in known)
            faults.append(f"{path.name} has {path.stat().st_size:,} bytes, and was verified with {sizes}")
        else:
            notes.append(f"{path.name} changed since it was verified, or was never; --quick does not read it")
    with os.scandir(item.path) as entries:  # which knows the kind of each, also of those that are removed meanwhile
        others = sorted(entry.name for entry in entries if entry.name != RECORD and not entry.is_file())
    if others:
        faults.append(f"{_some(others)} in {item.path} are no files; remove them")
    return VerificationResult(item, "; ".join(faults), (*notes, *_notes_on_files(shelf.names(item.sha1))), unread)


def _fault_of_file(shelf: ContentStore, path: Path, sha1: str) -> list[str]:
    try:
        sound = shelf.verified(path, sha1)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{path.name} cannot be read: {error}"]
    return [] if sound else [f"{path.name} no longer has the bytes with that sha1"]


def _notes_on_files(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        if path.name != safe_name(path.name):
            yield f"{path.name!r} is a name that this package never gives"
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & WRITE_BITS:
                yield f"{path.name} has the mode {mode:04o}, by which programs can write to it"


def _once(paths: Iterable[Path]) -> Iterator[Path]:
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
        fault = "its list of members is lost; it is written again when the archive is next used"
        return VerificationResult(item, "" if _identity(item.path) is None else fault)
    archive, times = find_archive(root, item.sha1), times_record(root, item.sha1, manifest, root)
    notes: list[str] = []
    changed = times.changed()
    if depth == "quick":
        bad = find_incomplete_members(item.path, manifest)
        if unread := len(changed) - len(bad):
            notes.append(f"{unread} members changed since they were unpacked; --quick does not read them")
    else:
        bad = times.compare(manifest if depth == "deep" else changed)
    if _identity(item.path) != before:  # another process took the folder away meanwhile
        return VerificationResult(item)
    fault = _fault_of_manifest(root, item.sha1, archive, depth) or _fault_of_members(root, item, bad, depth)
    if archive is None:
        notes.append("its archive is not in the cache: its members were not compared with it, only with their list")
    strangers = _strangers(item.path, manifest)
    if strangers:
        notes.append(f"{_some(strangers)} in {item.path} are not in the archive")
    return VerificationResult(item, fault, tuple(notes), 0 if depth == "deep" else len(manifest) - len(changed))


def _fault_of_manifest(root: Path, sha1: str, archive: Path | None, depth: Depth) -> str:
    """Compare the list of members with that in the archive, of which no member is read."""
    if archive is None:
        return ""
    try:
        with open_archive(archive) as file:
            listed = {name: (info.file_size, info.CRC) for name, info in safe_members(archive, file).items()}
    except ArchiveError as error:
        return str(error)
    if listed == read_manifest(root, sha1) or not manifest_path(root, sha1).exists():
        return ""
    fault = "its list of members is not that of the archive"
    if depth == "quick":
        return fault
    with suppress(OSError):
        manifest_path(root, sha1).unlink()
        return f"{fault}; it was removed and is written again when the archive is next used"
    return fault


def _fault_of_members(root: Path, item: Item, bad: list[str], depth: Depth) -> str:
    manifest = read_manifest(root, item.sha1)
    if not bad or manifest is None:
        return ""
    fault = f"{len(bad)} of {len(manifest)} members were missing or damaged ({_some(bad)}); "
    if depth == "quick":
        return f"{fault}they are unpacked again when they are next used, or by verification without --quick"
    archive = find_archive(root, item.sha1)
    try:
        if archive is not None and mend(archive, root, item.sha1, bad):
            times_record(root, item.sha1, manifest, root).renew(bad)
            return f"{fault}they were unpacked again"
    except (ArchiveError, CacheError) as error:
        fault += f"{error} "
    try:
        _quarantine_members(root, item, bad)
    except OSError as error:
        return f"{fault}they can neither be unpacked again nor be moved away: {error}"
    return f"{fault}they were moved away, and are unpacked again when they are asked for and the archive is there"


def _strangers(folder: Path, manifest: Collection[str]) -> list[str]:
    """Return the files below an unpacked folder that are not in its archive."""
    start, names = len(os.fspath(folder)) + 1, []
    for place, _, files in os.walk(folder):
        names += [name for file in files if (name := f"{place}/{file}"[start:]) not in manifest]
    return sorted(names)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another that has its name later; None where there is none."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _quarantine_members(root: Path, item: Item, names: Iterable[str]) -> None:
    """Move damaged members away: a reader notices a missing one, but not a damaged one."""
    folder = root / "quarantine"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        with suppress(FileNotFoundError):
            (item.path / name).replace(folder / f"{item.sha1}-{secrets.token_hex(4)}")


def _check_profile(_root: Path, item: Item, depth: Depth) -> VerificationResult:
    if item.path.name.endswith(PROFILE_FAILURE):
        return VerificationResult(item)  # a damaged one counts as none
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
        return VerificationResult(
            item, f"it is damaged ({answer}); it was removed and is made again when it is next used"
        )
    return VerificationResult(item, f"it is damaged ({answer}) and cannot be removed; remove {item.path}")


def _check_reference(root: Path, item: Item, depth: Depth) -> VerificationResult:
    if _SHA1.fullmatch(item.sha1) and item.names[0]:
        is_gone = not ContentStore(root, root).has(item.sha1)
        return VerificationResult(item, notes=("the content that it leads to is not in the cache",) if is_gone else ())
    fault = f"{item.path} is damaged, so that what its location gave is fetched again"
    if depth != "quick":
        with suppress(OSError):
            item.path.unlink()
            fault += "; it was removed"
    return VerificationResult(item, fault)


def _check_partial(_root: Path, item: Item, _depth: Depth) -> VerificationResult:
    text = "unfinished work, in progress or left by a process that ended; brainio cache prune removes leftovers"
    return VerificationResult(item, notes=(text,))


def _check_quarantine(_root: Path, item: Item, _depth: Depth) -> VerificationResult:
    return VerificationResult(
        item, notes=("bytes that were damaged; nothing reads them, and brainio cache prune removes them",)
    )


def _strays(root: Path) -> Iterator[VerificationResult]:
    """Report files in places where nothing looks for them, and folders that cannot be read."""
    for name, problem_of in _PLACES.items():
        for folder in [root / name, *_listed(root / name)]:
            try:
                entries = sorted(folder.iterdir()) if folder.is_dir() else []
            except FileNotFoundError:
                continue
            except OSError as error:
                yield _unreadable(folder, error)
                continue
            for path in entries:
                with suppress(OSError):  # gone, or reported already since it cannot be read
                    if (problem := problem_of(path, folder == root / name)) is not None:
                        yield VerificationResult(_stray(path), notes=(problem,))


def _listed(folder: Path) -> list[Path]:
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
    return None if path.with_name(sha1).is_dir() else f"{path} was left of an archive that is no longer unpacked"


def _stray_among_records(path: Path, is_top: bool) -> str | None:
    if is_top:
        return None if path.is_dir() else f"{path} is unexpected"
    if path.suffix not in {".json", ".times"}:
        return f"{path} is unexpected"
    is_sound = path.suffix == ".times" or read_json(path)
    return None if is_sound else f"{path} is damaged; it is written again when it is needed"


_CHECKS: dict[str, Callable[[Path, Item, Depth], VerificationResult]] = {
    "content": _check_content,
    "unpacked": _check_unpacked,
    "profile": _check_profile,
    "ref": _check_reference,
    "partial": _check_partial,
    "quarantine": _check_quarantine,
}
_PLACES: dict[str, Callable[[Path, bool], str | None]] = {
    "content": _stray_in_content,
    "unpacked": _stray_in_unpacked,
    "notes": _stray_among_records,
    "refs": lambda path, is_top: (
        None if (path.is_dir() if is_top else path.suffix == ".json") else f"{path} is unexpected"
    ),
}


def _some(names: Collection[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(repr, list(names)[:_NAMED])) + more
