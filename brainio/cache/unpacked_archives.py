"""Unpacked archives: complete folders of members, verified against a manifest.

A folder appears by one atomic rename. Its members are not synced one by one, which would take several times as long as
unpacking. Damage by a power failure, a bad disk or a person is detected when a member is requested
(`brainio.cache.member_records`); the member is then unpacked again.
"""

import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from brainio.cache.archive import iter_member_blocks, open_archive, safe_members
from brainio.cache.files import (
    log_once,
    new_partial,
    partial_folder,
    record_use,
    translate_write_errors,
    write_atomically,
)
from brainio.cache.member_records import (
    Manifest,
    MemberTimes,
    Times,
    find_archive,
    find_incomplete_members,
    manifest_path,
    read_manifest,
    times_path,
    times_record,
    unpacked_folder,
    write_times,
)
from brainio.errors import ArchiveError, CacheError
from brainio.local_files import atomic_path, sync_folder
from brainio.locks import Heartbeat, acquire
from brainio.member_names import MemberNames
from brainio.text import get_logger

_log = get_logger("brainio.cache")


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
        """Return the member for a name in any spelling (see `brainio.member_names`), None if there is none."""
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
