"""Upkeep of a cache: what is in it, and what may go. Knows no catalog; `brainio.cache.verification` finds damage.

All of it may run while other processes read and fetch. What goes is renamed out of the readers' way in one step before
it is deleted: a file that is open stays readable, and an unpacked folder goes as a whole. A process that has only just
found a file can lose it. It then fetches the file again under a hold (`brainio.cache.holds`), during which `prune`
removes no content, and `remove` waits.
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
from brainio.cache.member_records import digests_path, manifest_path, times_path
from brainio.locks import LOCK, try_acquire
from brainio.processes import owner_of

LEFTOVER_LIFETIME = 7 * 24 * 3600.0  # seconds for which `prune` keeps unfinished downloads and quarantined files
ORPHAN_AGE = 3600.0  # seconds after which a temporary file of an unknown process that has no lock belongs to nobody
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Removal:
    """What was, or would be, removed, and how many bytes of the disk that frees."""

    items: tuple[Item, ...]
    freed: int


def remove(root: Path, sha1s: Collection[str], *, dry_run: bool = False) -> Removal:
    """Remove contents under all their names, what was made of them (unpacked files, profiles), and what remembers them.

    A file that `brainscore-brainio` left in the same folder stays, and is adopted again when it is asked for.
    While another process holds the cache (`brainio.cache.holds`), this waits, up to 30 seconds in all.

    Parameters
    ----------
    root : Path
        The cache.
    sha1s : collection of str
        Which contents, in lower case; those that are not there are passed over.
    dry_run : bool
        Only say what would go.

    Raises
    ------
    CacheError
        The cache cannot be written.
    """
    removed = _Removing(root, dry_run=dry_run, patience=PATIENCE)
    for item in list_items(root):
        if item.sha1 in sha1s and item.kind in {"content", "unpacked", "profile", "ref"}:
            removed.take(item)
    return removed.report()


def prune(
    root: Path, older_than: float | None = None, max_size: int | None = None, *, dry_run: bool = False
) -> Removal:
    """Remove what was not used for long, or as much as is too much, the least recently used first.

    Unfinished downloads and quarantined files go first, and after a week (`LEFTOVER_LIFETIME`) in any case. Temporary
    files of processes that ended go at once. Files in use by a running process stay, and so does all content while a
    process holds the cache (`brainio.cache.holds`). If the clock was set back, less is removed, never more.

    Parameters
    ----------
    root : Path
        The cache.
    older_than : float, optional
        Seconds: what was last used longer ago goes. The last use is noted once an hour.
    max_size : int, optional
        Bytes that may stay.
    dry_run : bool
        Only say what would go.

    Raises
    ------
    CacheError
        The cache cannot be written.

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
    left = [item for item in items if item.kind != "ref"]
    left.sort(key=lambda item: (not _is_junk(item), last_use[item.path], item.kind == "content"))
    total, now, removed = sum(item.size for item in left), time.time(), _Removing(root, dry_run=dry_run)
    for item in left:
        is_left = item.kind == "partial" and _is_owner_gone(item)
        limits = [limit for limit in (older_than, LEFTOVER_LIFETIME if _is_junk(item) else None) if limit is not None]
        too_old = any(now - last_use[item.path] > limit for limit in limits)
        too_much = max_size is not None and total > max_size
        if (is_left or too_old or too_much) and not _was_used(item) and removed.take(item):
            total -= item.size
    removed.take_references(items)
    return removed.report()


class _Removing:
    """Takes things away one by one, and counts them."""

    def __init__(self, root: Path, *, dry_run: bool, patience: float = 0) -> None:
        self._root, self._dry_run = root, dry_run
        self._respects_holds = not patience
        self._deadline = time.monotonic() + patience
        self._items: list[Item] = []
        self._freed = 0

    def take(self, item: Item) -> bool:
        """Take something away unless a process is at work on it or was first to."""
        if item.kind in {"content", "unpacked"} and self._is_held():
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
                return self._take(item)
        finally:
            if lock is not None:
                lock.release()

    def _is_held(self) -> bool:
        is_free = self._dry_run or wait_for_holds(self._root, self._deadline - time.monotonic())
        return not is_free and self._respects_holds

    def _take(self, item: Item) -> bool:
        try:
            freed = bytes_freed(item.path)
            if not self._dry_run:
                _delete(self._root, item)
        except FileNotFoundError:
            return False
        self._items.append(item)
        self._freed += freed
        return True

    def take_references(self, items: Iterable[Item]) -> None:
        """Take away what remembers the contents that are gone."""
        gone = {item.sha1 for item in self._items if item.kind == "content"}
        for item in items:
            if item.kind == "ref" and item.sha1 in gone:
                self.take(item)

    def report(self) -> Removal:
        """Return what was removed, and remove the locks and holds that dead processes left."""
        if not self._dry_run:
            self._remove_marks()
        return Removal(tuple(self._items), self._freed)

    def _remove_marks(self) -> None:
        remove_dead_holds(self._root)
        for path in self._root.glob(f"partial/*{LOCK}"):
            with suppress(BlockingIOError):
                if (lock := try_acquire(path.parent, path.name.removesuffix(LOCK))) is not None:
                    lock.release()


def _delete(root: Path, item: Item) -> None:
    """Rename out of the readers' way, then delete; what a crash leaves in between has no name that anyone reads."""
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
            shutil.rmtree(trash, ignore_errors=True)  # another process may finish writing a record into it


def _last_uses(items: Iterable[Item]) -> dict[Path, float]:
    """Return when each was last used; an archive is in use while its members are."""
    items = list(items)
    latest: dict[str, float] = {}
    for item in items:
        if item.kind in {"content", "unpacked"}:
            latest[item.sha1] = max(item.last_use, latest.get(item.sha1, item.last_use))
    return {item.path: latest[item.sha1] if item.kind == "content" else item.last_use for item in items}


def _was_used(item: Item) -> bool:
    """Whether something was used since it was listed, or is gone."""
    now = refresh_item(item)
    return now is None or now.last_use != item.last_use


def _is_owner_gone(item: Item) -> bool:
    owner = owner_of(item.path)
    return owner is not None and owner.is_gone


def _is_abandoned(item: Item) -> bool:
    """Whether nobody works on a temporary file: its process is gone, or unknown and the file was idle for long."""
    owner = owner_of(item.path)
    if owner is None or not owner.is_on_this_kernel:
        return time.time() - item.last_use > ORPHAN_AGE
    return owner.is_gone


def _is_junk(item: Item) -> bool:
    return item.kind in {"partial", "quarantine"}
