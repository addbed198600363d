"""Files -> their contents: the hash of the bytes, and a digest of what they show or sound like.

What is found out of the members of an archive is kept beside them in the cache, so that it is found out once. Memory
does not grow with the files, but for a few hundred bytes each.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import PIL
from PIL import Image

from brainio.cache.member_records import find_member_digests
from brainio.errors import StimulusFileError
from brainio.progress import counted
from brainio.relations.pixels import pixel_digest
from brainio.relations.samples import sample_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from brainio.cache.member_records import MemberDigests

# Other decoders may give other pixels of a JPEG, and know more kinds of sounds.
_FORM = f"1, Pillow {PIL.__version__}, Python {sys.version_info.major}.{sys.version_info.minor}"
_FIELDS = ("sha1", "kind", "digest", "fault")
_DECODERS: tuple[tuple[str, Callable[[BinaryIO], str | None]], ...] = (
    ("pixels", pixel_digest),
    ("samples", sample_digest),
)
_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_SOUNDS = (".wav",)
_AT_ONCE = 256  # files that are under way or wait for it
_BLOCK = 1 << 20
_DAMAGED = "its bytes are no longer those of its archive; run brainio cache verify --deep"


class Content(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    sha1 : str
        Of its bytes; empty where it cannot be read.
    kind : str
        `'pixels'` or `'samples'`, what was decoded; empty for other files, which are compared by their bytes.
    digest : str
        Of what was decoded.
    fault : str
        Why it could not be read or decoded.
    """

    sha1: str
    kind: str = ""
    digest: str = ""
    fault: str = ""


def contents_of(paths: Iterable[Path], home: Path) -> dict[Path, Content]:
    """Find out what files hold, in several threads, below a bar.

    Parameters
    ----------
    paths : iterable of Path
        The files.
    home : Path
        The cache of this machine, where findings about members of archives are kept; also when this is interrupted.

    Returns
    -------
    dict
        Path -> content.
    """
    archives = _Archives(home)
    found = {path: archives.known(path) for path in paths}
    unknown = [path for path, content in found.items() if content is None]
    try:
        for path, (content, crc) in zip(unknown, _looks(unknown), strict=True):
            found[path] = archives.learn(path, content, crc)
    finally:
        archives.keep()
    return {path: content for path, content in found.items() if content is not None}


def _looks(paths: Sequence[Path]) -> Iterator[tuple[Content, int]]:
    Image.preinit()  # not by several threads at once
    Image.init()
    pool = ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 1), "brainio-contents")
    blocks = (paths[start : start + _AT_ONCE] for start in range(0, len(paths), _AT_ONCE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of metadata and sizes
        try:
            yield from counted(
                (look for block in blocks for look in pool.map(_look, block)), "reading files", len(paths)
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _look(path: Path) -> tuple[Content, int]:
    """Return what a file holds, and the CRC-32 of its bytes."""
    try:
        with path.open("rb") as file:
            sha1, crc = hashlib.sha1(), 0
            while block := file.read(_BLOCK):
                sha1.update(block)
                crc = zlib.crc32(block, crc)
            return _decoded(path.suffix.lower(), file, sha1.hexdigest()), crc
    except OSError as error:
        return Content("", fault=str(error)), 0


def _decoded(suffix: str, file: BinaryIO, sha1: str) -> Content:
    for kind, digest_of in _DECODERS:
        file.seek(0)
        try:
            digest = digest_of(file)
        except StimulusFileError as error:
            return Content(sha1, fault=str(error))
        if digest is not None:
            return Content(sha1, kind, digest)
    if suffix in _IMAGES:
        return Content(sha1, fault="no image that can be read, whatever its name says")
    return Content(sha1, fault="no sound that can be read, whatever its name says" if suffix in _SOUNDS else "")


class _Archives:
    """What is known of the members of unpacked archives, and what becomes known."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._of_folder: dict[Path, _Archive | None] = {}
        self._of_parent: dict[Path, _Archive | None] = {}

    def known(self, path: Path) -> Content | None:
        archive = self._archive(path)
        return None if archive is None else archive.contents.get(archive.name_of(path))

    def learn(self, path: Path, content: Content, crc: int) -> Content:
        archive = self._archive(path)
        return content if archive is None else archive.learn(archive.name_of(path), content, crc)

    def keep(self) -> None:
        for archive in self._of_folder.values():
            if archive is not None:
                archive.keep()

    def _archive(self, path: Path) -> _Archive | None:
        parent = path.parent
        if parent not in self._of_parent:
            candidates = (self._open(folder) for folder in (parent, *parent.parents))
            self._of_parent[parent] = next((one for one in candidates if one is not None), None)
        return self._of_parent[parent]

    def _open(self, folder: Path) -> _Archive | None:
        if folder not in self._of_folder:
            members = find_member_digests(folder, self._home)
            self._of_folder[folder] = None if members is None else _Archive(members)
        return self._of_folder[folder]


class _Archive:
    """What is known of the members of one archive."""

    def __init__(self, members: MemberDigests) -> None:
        self._members = members
        self._learnt = False
        self.contents = _contents_in(members.read())

    def name_of(self, path: Path) -> str:
        return path.relative_to(self._members.folder).as_posix()

    def learn(self, name: str, content: Content, crc: int) -> Content:
        """Take over what was found out of a member, unless its bytes are not those of the archive; say so then."""
        member = self._members.manifest.get(name)
        if member is None or not content.sha1:
            return content
        if member[1] != crc:
            return content._replace(fault=_DAMAGED)
        self.contents[name] = content
        self._learnt = True
        return content

    def keep(self) -> None:
        if self._learnt:
            columns = dict(zip(_FIELDS, map(list, zip(*self.contents.values(), strict=True)), strict=True))
            self._members.write({"form": _FORM, "names": list(self.contents), **columns})


def _contents_in(findings: Mapping[str, Any]) -> dict[str, Content]:
    """Return what was kept in this form; nothing where it was in another, or is damaged."""
    if findings.get("form") != _FORM:
        return {}
    try:
        rows = zip(*(findings[column] for column in ("names", *_FIELDS)), strict=True)
        return {str(name): Content(*map(str, fields)) for name, *fields in rows}
    except (KeyError, TypeError, ValueError):
        return {}
