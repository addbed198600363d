"""Unpacked archives: a folder that appears complete or not at all, and a manifest by which its members are checked.

The folder appears by one rename. Its members are not synced one by one, which would take several times as long as
unpacking them; what a loss of power, a bad disk or a person took from it shows when a member is asked for, and is
unpacked again.
"""

import json
import logging
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeAlias

from brainio.cache.archive import judged, member_blocks, opened
from brainio.cache.files import new_partial, partial_folder, read_json, sync_folder, write_in_one_step, writing
from brainio.cache.locks import Sign, take_turn
from brainio.cache.passed_over import say_once
from brainio.cache.records import note_use
from brainio.errors import ArchiveError, CacheError

_log = logging.getLogger("brainio.cache")
_BLOCK = 1024 * 1024


# Name -> (size in bytes, CRC-32) of each file of an archive.
Manifest: TypeAlias = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A complete unpacked archive.

    Attributes
    ----------
    folder : Path
        Holds the files under the names that they have in the archive.
    members : frozenset of str
        The names of all files, relative to ``folder``, with '/' between folders.
    """

    folder: Path
    members: frozenset[str]
    _manifest: Manifest = field(repr=False, compare=False)
    _zip_path: Path = field(repr=False, compare=False)
    _root: Path = field(repr=False, compare=False)

    def path(self, name: str) -> Path:
        """Return the path of a member, which is there and has its size; unpacks it again if it is not or has not.

        Parameters
        ----------
        name : str
            As in `members`.

        Raises
        ------
        ArchiveError
            The archive has no such member, or is gone or damaged when it is needed again.
        CacheError
            The cache cannot be written when it has to be.

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
        member = self._manifest.get(name)
        if member is None:
            raise ArchiveError(f"{self._zip_path} has no member {name!r}. It has {len(self.members)} others.")
        path = self.folder / name
        return path if _fits(path, member) else self._healed(name)

    def _healed(self, name: str) -> Path:
        """Unpack again whatever is missing or cut, and return the member that was asked for."""
        sha1 = self.folder.name
        own = folder_of(self._root, sha1)
        if self.folder == own:
            _log.warning("%s in %s is missing or not whole; it is unpacked again", name, own)
        else:
            say_once(self.folder, "cannot be read, or lacks files of its archive")
            if _fits(own / name, self._manifest[name]):
                note_use(manifest_of(self._root, sha1))
                return own / name
        zip_path = archive_of(self._root, sha1) or self._zip_path
        if self.folder == own and mend(zip_path, self._root, sha1, bad_members(own, self._manifest)):
            return own / name
        return _unpack(zip_path, sha1, self._root).path(name)


def unpack(zip_path: Path, sha1: str, root: Path, shared: Sequence[Path]) -> Unpacked:
    """Unpack below ``root/unpacked``, or take what is unpacked there or elsewhere; see `brainio.cache.Cache.unpack`."""
    for place in shared:
        try:
            manifest = read_manifest(place, sha1)
        except OSError as error:
            say_once(place, "cannot be read as a whole", f" ({error})")
            continue
        if manifest is not None:
            return Unpacked(folder_of(place, sha1), frozenset(manifest), manifest, zip_path, root)
    try:
        manifest = read_manifest(root, sha1)
    except OSError as error:
        raise CacheError(f"{root} cannot be read: {error}. Make it readable, or set BRAINIO_HOME.") from error
    if manifest is None:
        return _unpack(zip_path, sha1, root)
    note_use(manifest_of(root, sha1))
    return Unpacked(folder_of(root, sha1), frozenset(manifest), manifest, zip_path, root)


def folder_of(root: Path, sha1: str) -> Path:
    """Return where the members of an archive lie."""
    return root / "unpacked" / sha1[:2] / sha1


def manifest_of(root: Path, sha1: str) -> Path:
    """Return where it is written which members there are."""
    return root / "unpacked" / sha1[:2] / f"{sha1}.json"


def findings_of(root: Path, sha1: str) -> Path:
    """Return where it is written what was computed of the members; it goes when they go."""
    return root / "unpacked" / sha1[:2] / f"{sha1}.findings.json"


def archive_of(root: Path, sha1: str) -> Path | None:
    """Return the archive, if the cache has it."""
    return next((path for path in (root / "content" / sha1[:2] / sha1).glob("[!.]*") if path.is_file()), None)


def read_manifest(root: Path, sha1: str) -> Manifest | None:
    """Return the members of an unpacked archive by name; None where it is not unpacked, or that is not known."""
    if not folder_of(root, sha1).is_dir():
        return None
    try:
        columns = read_json(manifest_of(root, sha1))
        members = zip(columns["sizes"], columns["checksums"], strict=True)
        return dict(zip(columns["names"], members, strict=True))
    except (KeyError, TypeError, ValueError):
        return None


def bad_members(folder: Path, manifest: Manifest, *, deep: bool = False) -> list[str]:
    """Return the members that are missing or have another size; deep: also those with another checksum."""
    return [
        name
        for name, member in manifest.items()
        if not (_fits(folder / name, member) and (not deep or _checksum(folder / name) == member[1]))
    ]


def mend(zip_path: Path, root: Path, sha1: str, names: Iterable[str]) -> bool:
    """Unpack single members again, each in one step; False where the folder is gone as a whole.

    Raises
    ------
    ArchiveError
        The archive is gone, damaged, or another one.
    CacheError
        The cache cannot be written.
    """
    folder, manifest = folder_of(root, sha1), read_manifest(root, sha1)
    if manifest is None:
        return False
    with opened(zip_path) as archive, writing(root, f"A member of {zip_path.name}"):
        files = judged(zip_path, archive)
        for name in names:
            info = files.get(name)
            if info is None or (info.file_size, info.CRC) != manifest[name]:
                raise ArchiveError(
                    f"{name!r} in {folder} is damaged, and {zip_path} is no longer the archive that it came from. "
                    f"Fetch that again."
                )
            try:
                _replace(zip_path, archive, info, folder / name, root)
            except FileNotFoundError:
                return False
    return True


def _replace(zip_path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, root: Path) -> None:
    partial = new_partial(root)
    try:
        with partial.open("xb") as sink:
            for block in member_blocks(zip_path, archive, info):
                sink.write(block)
        if not target.parent.is_dir():
            _make_subfolders(target, PurePosixPath(info.filename))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _make_subfolders(target: Path, name: PurePosixPath) -> None:
    """Make the folders between the unpacked folder and a member, but never that: it would be there without the rest."""
    for above in reversed(range(len(name.parts) - 1)):
        target.parents[above].mkdir(exist_ok=True)


def _unpack(zip_path: Path, sha1: str, root: Path) -> Unpacked:
    with opened(zip_path) as archive:
        files = judged(zip_path, archive)
        manifest = {name: (info.file_size, info.CRC) for name, info in files.items()}
        with writing(root, f"The unpacked {zip_path.name}"):
            turn = take_turn(partial_folder(root), f"unpack-{sha1}")
            try:
                if read_manifest(root, sha1) is None:
                    _make(zip_path, archive, files, manifest, root, sha1)
            finally:
                if turn is not None:
                    turn.end()
    folder = folder_of(root, sha1)
    _log.debug("unpacked %s to %s", zip_path, folder)
    return Unpacked(folder, frozenset(manifest), manifest, zip_path, root)


def _make(
    zip_path: Path,
    archive: zipfile.ZipFile,
    files: Mapping[str, zipfile.ZipInfo],
    manifest: Manifest,
    root: Path,
    sha1: str,
) -> None:
    folder, partial = folder_of(root, sha1), new_partial(root, f"unpack-{sha1}")
    try:
        if not folder.is_dir():  # else only the manifest was lost
            _extract(zip_path, archive, files, partial)
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_in_one_step(root, manifest_of(root, sha1), _as_json(manifest))
        if partial.is_dir():
            _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _as_json(manifest: Manifest) -> str:
    """Write a manifest as columns, which are read several times faster than a pair for each member."""
    sizes, checksums = [size for size, _ in manifest.values()], [crc for _, crc in manifest.values()]
    return json.dumps({"names": list(manifest), "sizes": sizes, "checksums": checksums})


def _extract(zip_path: Path, archive: zipfile.ZipFile, files: Mapping[str, zipfile.ZipInfo], folder: Path) -> None:
    folder.mkdir()
    made, sign = {folder}, Sign(folder)
    for name, info in files.items():
        target = folder / name
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        with _created(zip_path, info, target) as sink:
            for block in member_blocks(zip_path, archive, info):
                sink.write(block)
                sign.show()


def _created(zip_path: Path, info: zipfile.ZipInfo, target: Path) -> BinaryIO:
    try:
        return target.open("xb")
    except FileExistsError as error:
        raise ArchiveError(
            f"{zip_path} is refused: the member {info.filename!r} has the name of another on this file system, "
            f"which does not tell upper from lower case. Set BRAINIO_HOME to one that does."
        ) from error


def _publish(partial: Path, folder: Path) -> None:
    """Give the finished folder its name; that another process was first is as good."""
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    sync_folder(folder.parent)


def _fits(path: Path, member: tuple[int, int]) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return status.st_size == member[0] and stat.S_ISREG(status.st_mode)


def _checksum(path: Path) -> int | None:
    """Return the CRC-32 of a file, None where it cannot be read."""
    crc = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                crc = zlib.crc32(block, crc)
    except OSError:
        return None
    return crc
