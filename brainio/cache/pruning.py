"""Pruning of a cache: removes unused or requested items, safely alongside other processes.

An item is renamed before it is deleted: an open file stays readable, and an unpacked folder disappears at once. A
process that has just found a file may lose it. It then fetches the file again under a hold (`brainio.cache.holds`);
meanwhile `prune` removes no content, and `remove` waits.
"""

import shutil
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from brainio.cache.files import new_partial, translate_write_errors
from brainio.cache.holds import PATIENCE, remove_dead_holds, wait_for_holds
from brainio.cache.inventory import Item, bytes_freed, list_items, lock_key, refresh_item
from brainio.cache.member_digests import digests_path
from brainio.cache.unpacked_archives import manifest_path, times_path
from brainio.locks import LOCK, try_acquire
from brainio.processes import owner_of

LEFTOVER_LIFETIME = 7 * 24 * 3600.0  # seconds for which `prune` keeps unfinished downloads and quarantined files
ORPHAN_AGE = 3600.0  # seconds after which an unlocked temporary file of an unknown process is abandoned
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Removal:
    """The removed items, or those of a dry run, and the disk space that this frees, in bytes."""

    items: tuple[Item, ...]
    freed: int


def remove(root: Path, sha1s: Collection[str], *, dry_run: bool = False) -> Removal:
    """Remove contents with all their names, unpacked members, profiles and references.

    Files that `brainscore-brainio` left in the same folder stay, and are adopted again at the next lookup. While
    another process holds the cache (`brainio.cache.holds`), this waits, up to 30 seconds in total.

    Parameters
    ----------
    root : Path
        The cache.
    sha1s : collection of str
        Digests in lower case; unknown ones are ignored.
    dry_run : bool
        Report the items without removing them.

    Raises
    ------
    CacheError
        The cache is not writable.
    """
    remover = _Remover(root, dry_run=dry_run, patience=PATIENCE)
    for item in list_items(root):
        if item.sha1 in sha1s and item.kind in {"content", "unpacked", "profile", "ref"}:
            remover.remove(item)
    return remover.report()


def prune(
    root: Path, older_than: float | None = None, max_size: int | None = None, *, dry_run: bool = False
) -> Removal:
    """Remove items that were unused for long or exceed a total size, the least recently used first.

    Unfinished downloads and quarantined files go first, and after a week (`LEFTOVER_LIFETIME`) in any case. Temporary
    files of processes that ended go at once. Files in use by a running process stay, and so does all content while a
    process holds the cache (`brainio.cache.holds`). If the clock was set back, less is removed, never more.

    Parameters
    ----------
    root : Path
        The cache.
    older_than : float, optional
        Maximum time since the last use in seconds; uses are recorded once an hour.
    max_size : int, optional
        Maximum total size in bytes.
    dry_run : bool
        Report the items without removing them.

    Raises
    ------
    CacheError
        The cache is not writable.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from brainio.cache import Cache
    >>> cache = Cache(pathlib.Path(tempfile.mkdtemp()))
    >>> path = cache.add([b"abc"], name="a.txt")
    >>> prune(cache.root, older_than=24 * 3600).items, len(prune(cache.root, max_size=0).items), path.exists()
    ((), 1, False)
    """
    items = list_items(root)
    last_use = _last_uses(items)
    candidates = [item for item in items if item.kind != "ref"]
    candidates.sort(key=lambda item: (not _is_junk(item), last_use[item.path], item.kind == "content"))
    total, now, remover = sum(item.size for item in candidates), time.time(), _Remover(root, dry_run=dry_run)
    for item in candidates:
        is_leftover = item.kind == "partial" and _is_owner_gone(item)
        limits = [limit for limit in (older_than, LEFTOVER_LIFETIME if _is_junk(item) else None) if limit is not None]
        is_too_old = any(now - last_use[item.path] > limit for limit in limits)
        is_too_large = max_size is not None and total > max_size
        if (is_leftover or is_too_old or is_too_large) and not _was_used(item) and remover.remove(item):
            total -= item.size
    remover.remove_references(items)
    return remover.report()


class _Remover:
    """Removes items one by one, and counts them."""

    def __init__(self, root: Path, *, dry_run: bool, patience: float = 0) -> None:
        self._root, self._dry_run = root, dry_run
        self._respects_holds = not patience
        self._deadline = time.monotonic() + patience
        self._items: list[Item] = []
        self._freed = 0

    def remove(self, item: Item) -> bool:
        """Remove an item unless a process is using it or removed it before."""
        if item.kind in {"content", "unpacked"} and self._is_blocked():
            return False
        key = lock_key(item.path) if item.kind == "partial" else ""
        try:
            lock = try_acquire(item.path.parent, key) if key else None
        except BlockingIOError:
            return False
        try:
            if item.kind == "partial" and lock is None and not _is_abandoned(item):
                return False
            with translate_write_errors(self._root, f"The removal of {item.path}"):
                return self._remove_item(item)
        finally:
            if lock is not None:
                lock.release()

    def _is_blocked(self) -> bool:
        is_free = self._dry_run or wait_for_holds(self._root, self._deadline - time.monotonic())
        return not is_free and self._respects_holds

    def _remove_item(self, item: Item) -> bool:
        try:
            freed = bytes_freed(item.path)
            if not self._dry_run:
                _delete(self._root, item)
        except FileNotFoundError:
            return False
        self._items.append(item)
        self._freed += freed
        return True

    def remove_references(self, items: Iterable[Item]) -> None:
        """Remove the references to removed contents."""
        gone = {item.sha1 for item in self._items if item.kind == "content"}
        for item in items:
            if item.kind == "ref" and item.sha1 in gone:
                self.remove(item)

    def report(self) -> Removal:
        """Return the result, and remove locks and holds of processes that ended."""
        if not self._dry_run:
            self._remove_dead_locks()
        return Removal(tuple(self._items), self._freed)

    def _remove_dead_locks(self) -> None:
        remove_dead_holds(self._root)
        for path in self._root.glob(f"partial/*{LOCK}"):
            with suppress(BlockingIOError):
                if (lock := try_acquire(path.parent, path.name.removesuffix(LOCK))) is not None:
                    lock.release()


def _delete(root: Path, item: Item) -> None:
    """Rename an item, then delete it; after a crash in between, no reader knows its new name."""
    trash = new_partial(root)
    item.path.rename(trash)
    if item.kind == "unpacked":
        manifest_path(root, item.sha1).unlink(missing_ok=True)
        digests_path(root, item.sha1).unlink(missing_ok=True)
        times_path(root, item.sha1).unlink(missing_ok=True)
    if not trash.is_dir():
        trash.unlink(missing_ok=True)
    for _ in range(_TRIES):
        if trash.is_dir():
            shutil.rmtree(trash, ignore_errors=True)  # another process may still write a record into it


def _last_uses(items: Iterable[Item]) -> dict[Path, float]:
    """Return the last use of each item; an archive is in use while its members are."""
    items = list(items)
    latest: dict[str, float] = {}
    for item in items:
        if item.kind in {"content", "unpacked"}:
            latest[item.sha1] = max(item.last_use, latest.get(item.sha1, item.last_use))
    return {item.path: latest[item.sha1] if item.kind == "content" else item.last_use for item in items}


def _was_used(item: Item) -> bool:
    """Return whether an item was used or removed since it was listed."""
    now = refresh_item(item)
    return now is None or now.last_use != item.last_use


def _is_owner_gone(item: Item) -> bool:
    owner = owner_of(item.path)
    return owner is not None and owner.is_gone


def _is_abandoned(item: Item) -> bool:
    """Return whether a temporary file is abandoned: its process ended, or is unknown and the file was idle for long."""
    owner = owner_of(item.path)
    if owner is None or not owner.is_on_this_kernel:
        return time.time() - item.last_use > ORPHAN_AGE
    return owner.is_gone


def _is_junk(item: Item) -> bool:
    return item.kind in {"partial", "quarantine"}
