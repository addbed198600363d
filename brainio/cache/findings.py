"""What was computed of the members of unpacked archives, such as hashes: kept beside them, by the hash of the archive.

A record may be lost, damaged or overwritten by another process at any time: that costs work, never a wrong answer. What
stands in it is the business of others.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainio.cache.files import read_json, write_in_one_step
from brainio.cache.unpacked import Manifest, findings_of, folder_of, read_manifest
from brainio.errors import CacheError


@dataclass(frozen=True, slots=True)
class Members:
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
            write_in_one_step(self._home, self._place, json.dumps(findings))
            if not self.folder.is_dir():  # pruned meanwhile
                self._place.unlink(missing_ok=True)


def members_below(folder: Path, home: Path) -> Members | None:
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
    >>> members = members_below(Cache(root).unpack(root / "a.zip").folder, root)
    >>> members.keep({"letters": 3})
    >>> list(members.manifest), members.findings()
    (['a.txt'], {'letters': 3})
    """
    if len(folder.parents) < 3:
        return None
    root, sha1 = folder.parents[2], folder.name
    if folder != folder_of(root, sha1):
        return None
    manifest = read_manifest(root, sha1)
    if manifest is None:
        return None
    own = root == home
    place = findings_of(home, sha1) if own else home / "notes" / sha1[:2] / findings_of(home, sha1).name
    return Members(folder, manifest, place, home)
