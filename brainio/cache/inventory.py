"""What lies in a cache: one record an item, from names, sizes and small files. Removes nothing, knows no catalog."""

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
from brainio.cache.member_records import manifest_path, read_manifest
from brainio.cache.sqlite_files import SUFFIX
from brainio.errors import CacheError
from brainio.locks import LOCK

PROFILE_FAILURE = ".failed.json"  # ends the name of a record of why a profile could not be made
Kind = Literal["content", "unpacked", "profile", "partial", "quarantine", "ref", "stray"]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that lies in a cache.

    Attributes
    ----------
    kind : str
        ``'content'`` (a verified file), ``'unpacked'`` (an archive's members), ``'profile'`` (what pages show of an
        entry, or why it could not be made), ``'partial'`` (unfinished), ``'quarantine'`` (bytes that went bad),
        ``'ref'`` (what a location gave) or ``'stray'`` (a file or folder that has no use there; reported by
        verification alone).
    sha1 : str
        Of the content, or of the archive or main file that it comes from; empty where that is not known.
    names : tuple of str
        The names of the content; for an unpacked archive none.
    size : int
        Bytes; one file under several names counts once.
    last_use : float
        Seconds since 1970, exact to the hour.
    path : Path
        The file or folder.
    """

    kind: Kind
    sha1: str
    names: tuple[str, ...]
    size: int
    last_use: float
    path: Path


def list_items(root: Path, failed: Callable[[Path, OSError], object] | None = None) -> list[Item]:
    """Return everything that lies in a cache, also a read-only one; reads no content.

    Parameters
    ----------
    root : Path
        The cache.
    failed : function, optional
        Called with each item that cannot be read, which is left out; default: that is an error.

    Raises
    ------
    CacheError
        An item cannot be read.

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
            except FileNotFoundError:  # another process took it away
                continue
            except OSError as error:
                if failed is None:
                    raise CacheError(
                        f"{path} cannot be read: {error.strerror or error}. brainio cache verify lists everything that "
                        f"cannot be read; make it readable, or set BRAINIO_HOME to another folder."
                    ) from error
                failed(path, error)
    return items


def refresh_item(item: Item) -> Item | None:
    """Return an item as it is now; None where it is gone."""
    try:
        return _READERS[item.kind][1](item.kind, item.path)
    except FileNotFoundError:
        return None


def lock_key(path: Path) -> str:
    """Return what the processes that work on a temporary file lock; empty where they lock nothing."""
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


def _unpacked(kind: Kind, folder: Path) -> Item | None:
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


def _quarantined(kind: Kind, path: Path) -> Item:
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
    """Yield what the disk says of a file, or of all files below a folder."""
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
    """Return how many bytes of the disk go with a file or folder: those that have no name elsewhere."""
    names: Counter[tuple[int, int]] = Counter()
    files = {}
    for status in _files(path):
        names[status.st_dev, status.st_ino] += 1
        files[status.st_dev, status.st_ino] = status
    return sum(status.st_size for key, status in files.items() if names[key] >= status.st_nlink)


_READERS: dict[Kind, tuple[str, Callable[[Kind, Path], Item | None]]] = {
    "content": ("content/*/*", _content),
    "unpacked": ("unpacked/*/*", _unpacked),
    "profile": ("profiles/*", _profile),
    "partial": ("partial/*", _partial),
    "quarantine": ("quarantine/*", _quarantined),
    "ref": ("refs/*/*.json", _reference),
}
