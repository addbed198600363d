"""The inventory of a cache: a list of items, built from names, sizes and small records."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from brainio.cache.content_store import RECORD
from brainio.cache.files import read_json
from brainio.cache.holds import HOLD
from brainio.cache.sqlite_files import SUFFIX
from brainio.cache.unpacked_archives import manifest_path, read_manifest
from brainio.errors import CacheError
from brainio.locks import LOCK

PROFILE_FAILURE = ".failed.json"  # suffix of a record of the reason why a profile could not be built
Kind = Literal["content", "unpacked", "profile", "partial", "quarantine", "ref", "stray"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a cache.

    Attributes
    ----------
    kind : str
        ``'content'`` (a verified file), ``'unpacked'`` (the members of an archive), ``'profile'`` (data for pages, or
        the reason why they could not be built), ``'partial'`` (unfinished work), ``'quarantine'`` (damaged bytes),
        ``'ref'`` (the recorded content of a location) or ``'stray'`` (an unexpected file or folder, reported by
        verification only).
    sha1 : str
        Digest of the content, or of its archive or main file; empty if unknown.
    names : tuple of str
        The names of the content; empty for an unpacked archive.
    size : int
        Size in bytes; a file with several names counts once.
    last_use : float
        Time in seconds since 1970, with a precision of one hour.
    path : Path
        The file or folder.
    """

    kind: Kind
    sha1: str
    names: tuple[str, ...]
    size: int
    last_use: float
    path: Path


def list_items(root: Path, on_error: Callable[[Path, OSError], object] | None = None) -> list[Item]:
    """List all items of a cache, also of a read-only one; reads no content.

    Parameters
    ----------
    root : Path
        The cache.
    on_error : function, optional
        Called with the path and error of each unreadable item, which is then omitted. By default, it is an error.

    Raises
    ------
    CacheError
        An item is unreadable.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from brainio.cache import Cache
    >>> cache = Cache(pathlib.Path(tempfile.mkdtemp()))
    >>> path = cache.add([b"abc"], name="a.txt")
    >>> [(item.kind, item.names, item.size) for item in list_items(cache.root)]
    [('content', ('a.txt',), 3)]
    """
    items = []
    for kind, (pattern, read) in _READERS.items():
        for path in sorted(root.glob(pattern)):
            try:
                if (item := read(kind, path)) is not None:
                    items.append(item)
            except FileNotFoundError:  # removed by another process
                continue
            except OSError as error:
                if on_error is None:
                    raise CacheError(
                        f"{path} cannot be read: {error.strerror or error}. Run brainio cache verify to list all "
                        f"unreadable items; make them readable, or set BRAINIO_HOME to another folder."
                    ) from error
                on_error(path, error)
    return items


def refresh_item(item: Item) -> Item | None:
    """Return the current state of an item, None if it was removed."""
    try:
        return _READERS[item.kind][1](item.kind, item.path)
    except FileNotFoundError:
        return None


def lock_key(path: Path) -> str:
    """Return the lock key of a temporary file, empty if it has no lock."""
    key = path.name.partition(".")[0]
    return key if key.startswith(("sha1-", "sha256-", "unpack-", "profile-")) else ""


def _content(kind: Kind, folder: Path) -> Item | None:
    files = [entry for entry in _entries(folder) if entry.name != RECORD and entry.is_file()]
    if not files:
        return None
    sizes = {entry.inode(): entry.stat().st_size for entry in files}
    record = folder / RECORD
    last_use = (record if record.exists() else folder).stat().st_mtime
    return Item(kind, folder.name, tuple(entry.name for entry in files), sum(sizes.values()), last_use, folder)


def _unpacked_item(kind: Kind, folder: Path) -> Item | None:
    if not folder.is_dir():
        return None
    root, sha1 = folder.parents[2], folder.name
    manifest = read_manifest(root, sha1)
    if manifest is None:
        return Item(kind, sha1, (), _tree_size(folder), folder.stat().st_mtime, folder)
    size = sum(size for size, _ in manifest.values())
    return Item(kind, sha1, (), size, manifest_path(root, sha1).stat().st_mtime, folder)


def _profile(kind: Kind, path: Path) -> Item | None:
    if not path.name.endswith((SUFFIX, PROFILE_FAILURE)):
        return None
    status = path.stat()
    return Item(kind, path.name.partition("-")[0], (), status.st_size, status.st_atime, path)


def _partial(kind: Kind, path: Path) -> Item | None:
    if path.name.endswith((LOCK, HOLD)):
        return None
    sha1 = lock_key(path).split("-")[1] if lock_key(path) and not path.name.startswith("sha256-") else ""
    return Item(kind, sha1, (path.name,), _tree_size(path), path.stat().st_mtime, path)


def _quarantined_item(kind: Kind, path: Path) -> Item:
    status = path.stat()
    return Item(kind, path.name.partition("-")[0], (path.name,), status.st_size, status.st_ctime, path)


def _reference(kind: Kind, path: Path) -> Item:
    reference, status = read_json(path), path.stat()
    sha1, name = str(reference.get("sha1", "")), str(reference.get("name", ""))
    return Item(kind, sha1, (name,), status.st_size, status.st_mtime, path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _files(path: Path) -> Iterator[os.stat_result]:
    """Yield the status of a file, or of all files in a folder."""
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        yield status
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                yield Path(folder, name).lstat()


def _tree_size(path: Path) -> int:
    return sum(status.st_size for status in _files(path))


def bytes_freed(path: Path) -> int:
    """Return the disk space that deleting a file or folder frees: bytes that have no other name."""
    names: Counter[tuple[int, int]] = Counter()
    files = {}
    for status in _files(path):
        names[status.st_dev, status.st_ino] += 1
        files[status.st_dev, status.st_ino] = status
    return sum(status.st_size for key, status in files.items() if names[key] >= status.st_nlink)


_READERS: dict[Kind, tuple[str, Callable[[Kind, Path], Item | None]]] = {
    "content": ("content/*/*", _content),
    "unpacked": ("unpacked/*/*", _unpacked_item),
    "profile": ("profiles/*", _profile),
    "partial": ("partial/*", _partial),
    "quarantine": ("quarantine/*", _quarantined_item),
    "ref": ("refs/*/*.json", _reference),
}
