"""Unpacked archives: complete folders of members, verified against records.

A folder appears by one atomic rename. Its members are not synced one by one, which would take several times as long as
unpacking. Damage by a power failure, a bad disk or a person is detected when a member is requested; the member is then
unpacked again.

The manifest of an archive states the size and CRC-32 of each member. The times are its modification time and ctime when
it was unpacked or last compared with its checksum; they reveal a changed member without reading it. Times may be lost,
damaged or overwritten by another process at any time: the cost is reading the members once more, never a wrong answer.
"""

import json
import os
import shutil
import stat
import zipfile
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeAlias

from brainio.cache.archive import iter_member_blocks, open_archive, safe_members
from brainio.cache.files import (
    log_once,
    new_partial,
    partial_folder,
    read_json,
    record_use,
    translate_write_errors,
    write_atomically,
)
from brainio.errors import ArchiveError, CacheError
from brainio.local_files import atomic_path, sync_folder
from brainio.locks import Heartbeat, acquire
from brainio.member_names import MemberNames
from brainio.text import get_logger

# Name -> (size in bytes, CRC-32) of each file of an archive.
Manifest: TypeAlias = Mapping[str, tuple[int, int]]
Times: TypeAlias = tuple[int, int]  # modification time and ctime, in ns

_BATCH_SIZE = 64 * 1024 * 1024  # bytes of members that are compared per write of the record
_BLOCK = 1024 * 1024
_log = get_logger("brainio.cache")


def unpacked_folder(root: Path, sha1: str) -> Path:
    """Return the folder of the members of an archive."""
    return root / "unpacked" / sha1[:2] / sha1


def manifest_path(root: Path, sha1: str) -> Path:
    """Return the path of the manifest."""
    return root / "unpacked" / sha1[:2] / f"{sha1}.json"


def times_path(root: Path, sha1: str, is_shared: bool = False) -> Path:
    """Return the path of the times record; for members in a shared cache, it is in ``notes/`` of the own root."""
    return root / ("notes" if is_shared else "unpacked") / sha1[:2] / f"{sha1}.times"


def find_archive(root: Path, sha1: str) -> Path | None:
    """Return the archive if the cache has it."""
    return next((path for path in (root / "content" / sha1[:2] / sha1).glob("[!.]*") if path.is_file()), None)


def read_manifest(root: Path, sha1: str) -> Manifest | None:
    """Return the size and CRC-32 of each member by name, None if the archive is not unpacked or its manifest lost."""
    if not unpacked_folder(root, sha1).is_dir():
        return None
    try:
        columns = read_json(manifest_path(root, sha1))
        members = zip(columns["sizes"], columns["checksums"], strict=True)
        return dict(zip(columns["names"], members, strict=True))
    except (KeyError, TypeError, ValueError):
        return None


def find_incomplete_members(folder: Path, manifest: Manifest) -> list[str]:
    """Return the members that are missing or have another size."""
    return [name for name, member in manifest.items() if _read_times_if_complete(folder / name, member) is None]


class MemberTimes:
    """The times record of one unpacked archive, read when the first member is checked.

    Parameters
    ----------
    folder : Path
        The folder of the members.
    manifest : mapping
        Name -> (size, CRC-32) of each member.
    home : Path
        The own root, for temporary files.
    record : Path
        The path of the record to write.
    shared : Path, optional
        The path of the record in the shared cache of the members; only read.
    """

    def __init__(self, folder: Path, manifest: Manifest, home: Path, record: Path, shared: Path | None = None) -> None:
        self._folder, self._manifest, self._home, self._record, self._shared = folder, manifest, home, record, shared
        self._times: dict[str, Times] | None = None
        self._pending: list[str] = []  # mismatches not compared yet

    def __reduce__(self) -> tuple[type["MemberTimes"], tuple[object, ...]]:
        return MemberTimes, (self._folder, self._manifest, self._home, self._record, self._shared)

    def find(self, name: str) -> Path | None:
        """Return the path of a member if it has the bytes of the archive, None otherwise.

        A member whose size and times match the record is not read. Any other is compared with its checksum, together
        with further mismatches, so that the record is written once for many members.
        """
        path = self._folder / name
        # This runs for every returned path, so each function call matters.
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return path if name in self._compare(name) else None
        known = (self._times or self._load()).get(name)
        if (status.st_mtime_ns, status.st_ctime_ns) == known and status.st_size == self._manifest[name][0]:
            return path
        self._times = self._read()  # another process may have compared this member
        return path if self._matches(name, path) or name in self._compare(name) else None

    def find_changed(self) -> list[str]:
        """Return the members whose size or times do not match the record, without reading them."""
        return [name for name in self._manifest if not self._matches(name, self._folder / name)]

    def compare(self, names: Iterable[str]) -> list[str]:
        """Compare members with their checksums, record the times of good ones, and return the bad ones."""
        sound, bad = {}, []
        for name in names:
            member, path = self._manifest[name], self._folder / name
            times = _read_times_if_complete(path, member)
            if times is not None and compute_crc32(path) == member[1]:
                sound[name] = times
            else:
                bad.append(name)
        if any(self._load().get(name) != times for name, times in sound.items()):
            self._write(sound)
        return bad

    def record_times(self, names: Iterable[str]) -> None:
        """Record the current times of members that were just unpacked."""
        times = {name: _read_times_if_complete(self._folder / name, self._manifest[name]) for name in names}
        self._write({name: known for name, known in times.items() if known is not None})

    def _matches(self, name: str, path: Path) -> bool:
        times = _read_times_if_complete(path, self._manifest[name])
        return times is not None and times == self._load().get(name)

    def _compare(self, first: str) -> set[str]:
        """Compare one member, and a batch of other mismatches; return the good ones."""
        pending = [name for name in self._pending or self.find_changed() if name != first]
        batch, size = {first}, self._manifest[first][0]
        while pending and size < _BATCH_SIZE:
            batch.add(name := pending.pop())
            size += self._manifest[name][0]
        self._pending = pending
        return batch.difference(self.compare(batch))

    def _load(self) -> Mapping[str, Times]:
        if self._times is None:
            self._times = self._read()
        return self._times

    def _read(self) -> dict[str, Times]:
        times = _read_times(self._record, self._manifest)
        return times if self._shared is None else _read_times(self._shared, self._manifest) | times

    def _write(self, times: Mapping[str, Times]) -> None:
        self._times = {**self._load(), **self._read(), **times}
        with suppress(OSError):
            self._record.parent.mkdir(parents=True, exist_ok=True)
            write_times(self._home, self._record, self._manifest, self._times)


def times_record(cache_root: Path, sha1: str, manifest: Manifest, root: Path) -> MemberTimes:
    """Return the times record of an archive unpacked in a cache; for a shared cache, it is written to the own root."""
    shared = None if cache_root == root else times_path(cache_root, sha1)
    return MemberTimes(
        unpacked_folder(cache_root, sha1), manifest, root, times_path(root, sha1, shared is not None), shared
    )


def _read_times(path: Path, manifest: Manifest) -> dict[str, Times]:
    """Read a times record; return an empty one if it is missing or does not match the manifest."""
    times = array("q")
    try:
        times.frombytes(path.read_bytes())
        return dict(zip(manifest, zip(times[::2], times[1::2], strict=True), strict=True))
    except (OSError, ValueError):
        return {}


def write_times(root: Path, path: Path, manifest: Manifest, times: Mapping[str, Times]) -> None:
    """Write a times record: 64-bit integers in the order of the manifest, 0 for unknown members.

    JSON would take as long to parse as a tenth of loading a stimulus set.
    """
    pairs = (times.get(name, (0, 0)) for name in manifest)
    write_atomically(root, path, array("q", chain.from_iterable(pairs)).tobytes())


def _read_times_if_complete(path: Path, member: tuple[int, int]) -> Times | None:
    """Return the times of a member; None if it is missing, has another size, or is not a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    is_whole = status.st_size == member[0] and stat.S_ISREG(status.st_mode)
    return (status.st_mtime_ns, status.st_ctime_ns) if is_whole else None


def compute_crc32(path: Path) -> int | None:
    """Return the CRC-32 of a file, None if it is unreadable."""
    crc = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                crc = zlib.crc32(block, crc)
    except OSError:
        return None
    return crc


@dataclass(frozen=True, slots=True)
class UnpackedArchive:
    """A complete unpacked archive.

    Attributes
    ----------
    folder : Path
        The folder of the members, under their names in the archive.
    members : frozenset of str
        The names of all files relative to ``folder``, with '/' as separator.
    """

    folder: Path
    members: frozenset[str]
    _manifest: Manifest = field(repr=False, compare=False)
    _zip_path: Path = field(repr=False, compare=False)
    _root: Path = field(repr=False, compare=False)
    _times: MemberTimes = field(repr=False, compare=False)

    def path(self, name: str) -> Path:
        """Return the path of a member; unpack it again if it is missing or changed.

        If size and times match the record, this costs one `stat`. Otherwise the checksum is compared.

        Parameters
        ----------
        name : str
            A name from `members`, or another spelling of it.

        Raises
        ------
        ArchiveError
            The archive has no such member, or it is needed again but missing or damaged.
        CacheError
            The member must be unpacked again, but the cache is not writable.

        Examples
        --------
        >>> import pathlib, tempfile, zipfile
        >>> from brainio.cache import Cache
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        ...     archive.writestr("a.txt", "abc")
        >>> unpacked = Cache(folder).unpack(folder / "a.zip")
        >>> unpacked.path("a.txt").unlink()
        >>> unpacked.path("a.txt").read_text()
        'abc'
        """
        member = self.find(name)
        if member is None:
            raise ArchiveError(f"{self._zip_path} has no member {name!r} among its {len(self.members)} members.")
        return self._times.find(member) or self._restore(member)

    def find(self, name: str) -> str | None:
        """Return the member for a name in any spelling (see `brainio.member_names`); None if no member matches."""
        return name if name in self._manifest else _names_of(self.members).find(name)

    def path_unless_changed(self, name: str) -> Path | None:
        """Return the path of a member, even if it is missing; None if it was changed. Unpacks nothing."""
        member = self.find(name)
        if member is None:
            return None
        path = self._times.find(member)
        return self.folder / member if path is None and not (self.folder / member).exists() else path

    def _restore(self, name: str) -> Path:
        """Unpack all missing, changed or cut members again, and return the requested one."""
        sha1 = self.folder.name
        own = unpacked_folder(self._root, sha1)
        zip_path = find_archive(self._root, sha1) or self._zip_path
        if self.folder != own:
            log_once(self.folder, "is unreadable or incomplete")
            return _own_copy(zip_path, sha1, self._root).path(name)
        _log.warning("%s in %s is missing, changed or incomplete; brainio unpacks it again", name, own)
        names = dict.fromkeys([name, *find_incomplete_members(own, self._manifest)])
        if restore_members(zip_path, self._root, sha1, names):
            self._times.record_times(names)
            return own / name
        return _unpack(zip_path, sha1, self._root).path(name)


@lru_cache(16)
def _names_of(members: frozenset[str]) -> MemberNames:
    return MemberNames(members)


@lru_cache(16)
def _own_copy(zip_path: Path, sha1: str, root: Path) -> UnpackedArchive:
    """Return the own copy of an archive whose members in a shared cache are damaged; called for each of them."""
    manifest = read_manifest(root, sha1)
    if manifest is None:
        return _unpack(zip_path, sha1, root)
    record_use(manifest_path(root, sha1))
    return _existing_copy(root, sha1, manifest, zip_path, root)


def _existing_copy(cache_root: Path, sha1: str, manifest: Manifest, zip_path: Path, root: Path) -> UnpackedArchive:
    """Return the copy that a cache already contains; its members are not read."""
    times = times_record(cache_root, sha1, manifest, root)
    return UnpackedArchive(unpacked_folder(cache_root, sha1), frozenset(manifest), manifest, zip_path, root, times)


def unpack(zip_path: Path, sha1: str, root: Path, shared: Sequence[Path]) -> UnpackedArchive:
    """Unpack below ``root/unpacked``, or return an existing unpacked copy; see `brainio.cache.Cache.unpack`."""
    for cache_root in shared:
        try:
            manifest = read_manifest(cache_root, sha1)
        except OSError as error:
            log_once(cache_root, "is not completely readable", f" ({error})")
            continue
        if manifest is not None:
            return _existing_copy(cache_root, sha1, manifest, zip_path, root)
    try:
        manifest = read_manifest(root, sha1)
    except OSError as error:
        raise CacheError(
            f"{root} is not readable: {error}. Make it readable, or set BRAINIO_HOME to another folder."
        ) from error
    if manifest is None:
        return _unpack(zip_path, sha1, root)
    record_use(manifest_path(root, sha1))
    return _existing_copy(root, sha1, manifest, zip_path, root)


def restore_members(zip_path: Path, root: Path, sha1: str, names: Iterable[str]) -> bool:
    """Unpack single members again, each atomically; return False if the whole folder is missing.

    Raises
    ------
    ArchiveError
        The archive is missing, damaged, or was replaced.
    CacheError
        The cache is not writable.
    """
    folder, manifest = unpacked_folder(root, sha1), read_manifest(root, sha1)
    if manifest is None:
        return False
    with open_archive(zip_path) as archive, translate_write_errors(root, f"A member of {zip_path.name}"):
        files = safe_members(zip_path, archive)
        for name in names:
            info = files.get(name)
            if info is None or (info.file_size, info.CRC) != manifest[name]:
                raise ArchiveError(
                    f"{name!r} in {folder} is damaged, and {zip_path} is not its original archive. "
                    f"Fetch the archive again."
                )
            try:
                _replace(zip_path, archive, info, folder / name, root)
            except FileNotFoundError:
                return False
    return True


def _replace(zip_path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, root: Path) -> None:
    with atomic_path(target, temporary=new_partial(root), durable=False) as temporary:
        with temporary.open("xb") as sink:
            for block in iter_member_blocks(zip_path, archive, info):
                sink.write(block)
        if not target.parent.is_dir():
            _make_subfolders(target, PurePosixPath(info.filename))


def _make_subfolders(target: Path, name: PurePosixPath) -> None:
    """Create the folders above a member, but not the unpacked folder: it would be incomplete."""
    for above in reversed(range(len(name.parts) - 1)):
        target.parents[above].mkdir(exist_ok=True)


def _unpack(zip_path: Path, sha1: str, root: Path) -> UnpackedArchive:
    with open_archive(zip_path) as archive:
        files = safe_members(zip_path, archive)
        manifest = {name: (info.file_size, info.CRC) for name, info in files.items()}
        with translate_write_errors(root, f"The unpacked {zip_path.name}"):
            lock = acquire(partial_folder(root), f"unpack-{sha1}")
            try:
                if read_manifest(root, sha1) is None:
                    _create(zip_path, archive, files, manifest, root, sha1)
            finally:
                if lock is not None:
                    lock.release()
    _log.debug("unpacked %s to %s", zip_path, unpacked_folder(root, sha1))
    return _existing_copy(root, sha1, manifest, zip_path, root)


def _create(
    zip_path: Path,
    archive: zipfile.ZipFile,
    files: Mapping[str, zipfile.ZipInfo],
    manifest: Manifest,
    root: Path,
    sha1: str,
) -> None:
    folder, partial = unpacked_folder(root, sha1), new_partial(root, f"unpack-{sha1}")
    try:
        if not folder.is_dir():  # otherwise only the manifest was lost
            times = _extract(zip_path, archive, files, partial)
            folder.parent.mkdir(parents=True, exist_ok=True)
            write_times(root, times_path(root, sha1), manifest, times)
        write_atomically(root, manifest_path(root, sha1), _as_json(manifest))
        if partial.is_dir():
            _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _as_json(manifest: Manifest) -> str:
    """Format a manifest as columns, which parse several times faster than a pair for each member."""
    sizes, checksums = [size for size, _ in manifest.values()], [crc for _, crc in manifest.values()]
    return json.dumps({"names": list(manifest), "sizes": sizes, "checksums": checksums})


def _extract(
    zip_path: Path, archive: zipfile.ZipFile, files: Mapping[str, zipfile.ZipInfo], folder: Path
) -> dict[str, Times]:
    """Write all members to a new folder, and return the times of each."""
    folder.mkdir()
    created, heartbeat, times = {folder}, Heartbeat(folder), {}
    for name, info in files.items():
        target = folder / name
        if target.parent not in created:
            target.parent.mkdir(parents=True, exist_ok=True)
            created.add(target.parent)
        with _create_file(zip_path, info, target) as sink:
            for block in iter_member_blocks(zip_path, archive, info):
                sink.write(block)
                heartbeat.beat()
        status = target.stat()
        times[name] = (status.st_mtime_ns, status.st_ctime_ns)
    return times


def _create_file(zip_path: Path, info: zipfile.ZipInfo, target: Path) -> BinaryIO:
    try:
        return target.open("xb")
    except FileExistsError as error:
        raise ArchiveError(
            f"{zip_path} is refused: the member {info.filename!r} has the same name as another member, since this "
            f"file system ignores case. Set BRAINIO_HOME to a folder on a case-sensitive file system."
        ) from error


def _publish(partial: Path, folder: Path) -> None:
    """Rename the finished folder to its final name, unless another process was first."""
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    sync_folder(folder.parent)
