"""Records of the members of unpacked archives: their manifest, times and digests.

The manifest states the size and CRC-32 of each member. The times are its modification time and ctime when it was
unpacked or last compared with its checksum; they reveal a changed member without reading it. The digests are computed
from the members by callers.

Times and digests may be lost, damaged or overwritten by another process at any time: the cost is reading the members
once more, never a wrong answer.
"""

import json
import os
import stat
import zlib
from array import array
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from brainio.cache.files import read_json, write_atomically
from brainio.errors import CacheError

# Name -> (size in bytes, CRC-32) of each file of an archive.
Manifest: TypeAlias = Mapping[str, tuple[int, int]]
Times: TypeAlias = tuple[int, int]  # modification time and ctime, in ns

_BATCH_SIZE = 64 * 1024 * 1024  # bytes of members that are compared per write of the record
_BLOCK = 1024 * 1024


def unpacked_folder(root: Path, sha1: str) -> Path:
    """Return the folder of the members of an archive."""
    return root / "unpacked" / sha1[:2] / sha1


def manifest_path(root: Path, sha1: str) -> Path:
    """Return the path of the manifest."""
    return root / "unpacked" / sha1[:2] / f"{sha1}.json"


def times_path(root: Path, sha1: str, is_shared: bool = False) -> Path:
    """Return the path of the times record; for members in a shared cache, it is in ``notes/`` of the own root."""
    return root / ("notes" if is_shared else "unpacked") / sha1[:2] / f"{sha1}.times"


def digests_path(root: Path, sha1: str) -> Path:
    """Return the path of the digests, which are removed together with the members."""
    return root / "unpacked" / sha1[:2] / f"{sha1}.findings.json"


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
class MemberDigests:
    """Digests of the members of one unpacked archive, in the own or a shared cache.

    Attributes
    ----------
    folder : Path
        The folder of the members.
    manifest : mapping
        Name -> (size in bytes, CRC-32).
    """

    folder: Path
    manifest: Manifest
    _path: Path
    _home: Path

    def read(self) -> dict[str, Any]:
        """Return the stored digests, from the own cache or else from the shared one; empty if there are none."""
        return read_json(self._path) or read_json(self.folder.with_name(self._path.name))

    def write(self, digests: Mapping[str, Any]) -> None:
        """Replace the stored digests, if the cache is writable."""
        with suppress(OSError, CacheError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._home, self._path, json.dumps(digests))
            if not self.folder.is_dir():  # pruned meanwhile
                self._path.unlink(missing_ok=True)


def find_member_digests(folder: Path, home: Path) -> MemberDigests | None:
    """Return the digests of the archive that a folder was unpacked from, None for any other folder.

    Parameters
    ----------
    folder : Path
        The folder of an unpacked archive (`UnpackedArchive.folder`).
    home : Path
        The own root; its ``notes/`` stores the digests of members in shared caches.

    Examples
    --------
    >>> import pathlib, tempfile, zipfile
    >>> from brainio.cache import Cache
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(root / "a.zip", "w") as archive:
    ...     archive.writestr("a.txt", "abc")
    >>> members = find_member_digests(Cache(root).unpack(root / "a.zip").folder, root)
    >>> members.write({"letters": 3})
    >>> list(members.manifest), members.read()
    (['a.txt'], {'letters': 3})
    """
    if len(folder.parents) < 3:
        return None
    root, sha1 = folder.parents[2], folder.name
    if folder != unpacked_folder(root, sha1):
        return None
    manifest = read_manifest(root, sha1)
    if manifest is None:
        return None
    is_own = root == home
    path = digests_path(home, sha1) if is_own else home / "notes" / sha1[:2] / digests_path(home, sha1).name
    return MemberDigests(folder, manifest, path, home)
