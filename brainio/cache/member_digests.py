"""Digests of the members of unpacked archives, which callers compute and the cache stores.

They are removed together with the members. They may be lost, damaged or overwritten by another process at any time: the
cost is reading the members once more, never a wrong answer.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainio.cache.files import read_json, write_atomically
from brainio.cache.unpacked_archives import Manifest, read_manifest, unpacked_folder
from brainio.errors import CacheError


def digests_path(root: Path, sha1: str) -> Path:
    """Return the path of the digests, which are removed together with the members."""
    return root / "unpacked" / sha1[:2] / f"{sha1}.findings.json"


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
        """Return the stored digests, from the own cache or else from the shared one; empty if neither has them."""
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
