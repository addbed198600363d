"""When the members of an unpacked archive last changed: a record by which a changed member is noticed without reading.

The manifest holds the size of a member. This record adds modification time and ctime, as they were when the member
was unpacked, or was last compared with its checksum. It may be lost, damaged or overwritten by another process at any
time: that costs reading the members once, never a wrong answer.
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

_READ_AT_ONCE = 64 * 1024 * 1024  # bytes of members that are compared before the record is written once
_BLOCK = 1024 * 1024


def unpacked_folder(root: Path, sha1: str) -> Path:
    """Return where the members of an archive lie."""
    return root / "unpacked" / sha1[:2] / sha1


def manifest_path(root: Path, sha1: str) -> Path:
    """Return where it is written which members there are."""
    return root / "unpacked" / sha1[:2] / f"{sha1}.json"


def times_path(root: Path, sha1: str, is_shared: bool = False) -> Path:
    """Return where it is written when the members last changed; of members in a shared cache, in the own root."""
    return root / ("notes" if is_shared else "unpacked") / sha1[:2] / f"{sha1}.times"


def digests_path(root: Path, sha1: str) -> Path:
    """Return where it is written what was computed of the members; it goes when they go."""
    return root / "unpacked" / sha1[:2] / f"{sha1}.findings.json"


def find_archive(root: Path, sha1: str) -> Path | None:
    """Return the archive, if the cache has it."""
    return next((path for path in (root / "content" / sha1[:2] / sha1).glob("[!.]*") if path.is_file()), None)


def read_manifest(root: Path, sha1: str) -> Manifest | None:
    """Return the members of an unpacked archive by name; None where it is not unpacked, or that is not known."""
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
    return [name for name, member in manifest.items() if read_times_if_complete(folder / name, member) is None]


class MemberTimes:
    """The record of one unpacked archive, read when the first member is checked.

    Parameters
    ----------
    folder : Path
        Holds the members.
    manifest : mapping
        Name -> (size, CRC-32) of each member.
    home : Path
        The own root, below which the record is written.
    record : Path
        The record that is written.
    shared : Path, optional
        The record of a shared cache in which the members lie; only read.
    """

    def __init__(self, folder: Path, manifest: Manifest, home: Path, record: Path, shared: Path | None = None) -> None:
        self._folder, self._manifest, self._home, self._record, self._shared = folder, manifest, home, record, shared
        self._times: dict[str, Times] | None = None
        self._pending: list[str] = []  # members that did not fit when others were compared

    def __reduce__(self) -> tuple[type["MemberTimes"], tuple[object, ...]]:
        return MemberTimes, (self._folder, self._manifest, self._home, self._record, self._shared)

    def find(self, name: str) -> Path | None:
        """Return the path of a member that has the bytes of the archive, None if it has not.

        A member that fits the record is not read. Another is compared by its checksum, along with others that do not
        fit, so that the record is written once for many.
        """
        path = self._folder / name
        # This is done for each path that is handed out, so calls of functions count.
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return path if name in self._compare(name) else None
        known = (self._times or self._known()).get(name)
        if (status.st_mtime_ns, status.st_ctime_ns) == known and status.st_size == self._manifest[name][0]:
            return path
        self._times = self._read()  # another process may have compared it
        return path if self._fits(name, path) or name in self._compare(name) else None

    def changed(self) -> list[str]:
        """Return the members that do not fit the record, in the order of the manifest; reads none of their bytes."""
        return [name for name in self._manifest if not self._fits(name, self._folder / name)]

    def compare(self, names: Iterable[str]) -> list[str]:
        """Compare members with their checksums, record the times of those that are sound, and return the others."""
        sound, bad = {}, []
        for name in names:
            member, path = self._manifest[name], self._folder / name
            times = read_times_if_complete(path, member)
            if times is not None and compute_crc32(path) == member[1]:
                sound[name] = times
            else:
                bad.append(name)
        if any(self._known().get(name) != times for name, times in sound.items()):
            self._write(sound)
        return bad

    def renew(self, names: Iterable[str]) -> None:
        """Record the times that members have now, which were just unpacked."""
        times = {name: read_times_if_complete(self._folder / name, self._manifest[name]) for name in names}
        self._write({name: known for name, known in times.items() if known is not None})

    def _fits(self, name: str, path: Path) -> bool:
        times = read_times_if_complete(path, self._manifest[name])
        return times is not None and times == self._known().get(name)

    def _compare(self, first: str) -> set[str]:
        """Compare one member, and as many others that do not fit as are worth writing the record for."""
        pending = [name for name in self._pending or self.changed() if name != first]
        batch, size = {first}, self._manifest[first][0]
        while pending and size < _READ_AT_ONCE:
            batch.add(name := pending.pop())
            size += self._manifest[name][0]
        self._pending = pending
        return batch.difference(self.compare(batch))

    def _known(self) -> Mapping[str, Times]:
        if self._times is None:
            self._times = self._read()
        return self._times

    def _read(self) -> dict[str, Times]:
        times = read_times(self._record, self._manifest)
        return times if self._shared is None else read_times(self._shared, self._manifest) | times

    def _write(self, times: Mapping[str, Times]) -> None:
        self._times = {**self._known(), **self._read(), **times}
        with suppress(OSError):
            self._record.parent.mkdir(parents=True, exist_ok=True)
            write_times(self._home, self._record, self._manifest, self._times)


def times_record(place: Path, sha1: str, manifest: Manifest, root: Path) -> MemberTimes:
    """Return the record of an archive that is unpacked in a cache; of a shared one, it is written in the own root."""
    shared = None if place == root else times_path(place, sha1)
    return MemberTimes(unpacked_folder(place, sha1), manifest, root, times_path(root, sha1, shared is not None), shared)


def read_times(path: Path, manifest: Manifest) -> dict[str, Times]:
    """Read a record; empty where there is none, or one that does not fit the manifest."""
    times = array("q")
    try:
        times.frombytes(path.read_bytes())
        return dict(zip(manifest, zip(times[::2], times[1::2], strict=True), strict=True))
    except (OSError, ValueError):
        return {}


def write_times(root: Path, path: Path, manifest: Manifest, times: Mapping[str, Times]) -> None:
    """Write a record: both times as 64-bit integers, in the order of the manifest, 0 for members that are not known.

    As JSON, it takes as long to read as a tenth of a stimulus set.
    """
    pairs = (times.get(name, (0, 0)) for name in manifest)
    write_atomically(root, path, array("q", chain.from_iterable(pairs)).tobytes())


def read_times_if_complete(path: Path, member: tuple[int, int]) -> Times | None:
    """Return the times of a member; None where it is missing, has another size, or is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    is_whole = status.st_size == member[0] and stat.S_ISREG(status.st_mode)
    return (status.st_mtime_ns, status.st_ctime_ns) if is_whole else None


def compute_crc32(path: Path) -> int | None:
    """Return the CRC-32 of a file, None where it cannot be read."""
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
    """The members of one unpacked archive, here or in a shared cache.

    Attributes
    ----------
    folder : Path
        Where they lie.
    manifest : mapping
        Name -> (size in bytes, CRC-32).
    """

    folder: Path
    manifest: Manifest
    _place: Path
    _home: Path

    def findings(self) -> dict[str, Any]:
        """Return what was kept of these members, here or by the shared cache that they lie in; empty: nothing."""
        return read_json(self._place) or read_json(self.folder.with_name(self._place.name))

    def keep(self, findings: Mapping[str, Any]) -> None:
        """Keep what was computed of these members in place of what was kept before, where that can be written."""
        with suppress(OSError, CacheError):
            self._place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._home, self._place, json.dumps(findings))
            if not self.folder.is_dir():  # pruned meanwhile
                self._place.unlink(missing_ok=True)


def find_member_digests(folder: Path, home: Path) -> MemberDigests | None:
    """Return the members of the archive that a folder was unpacked from; None where it is no such folder.

    Parameters
    ----------
    folder : Path
        As `Unpacked.folder`.
    home : Path
        The own root: of members in a shared cache, findings are kept in its ``notes/``.

    Examples
    --------
    >>> import pathlib, tempfile, zipfile
    >>> from brainio.cache import Cache
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(root / "a.zip", "w") as archive:
    ...     archive.writestr("a.txt", "abc")
    >>> members = find_member_digests(Cache(root).unpack(root / "a.zip").folder, root)
    >>> members.keep({"letters": 3})
    >>> list(members.manifest), members.findings()
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
    own = root == home
    place = digests_path(home, sha1) if own else home / "notes" / sha1[:2] / digests_path(home, sha1).name
    return MemberDigests(folder, manifest, place, home)
