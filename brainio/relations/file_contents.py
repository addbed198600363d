"""Contents of stimulus files: the hash of their bytes, and a digest of their decoded pixels or samples.

The contents of an archive's members are stored in the cache next to the unpacked archive, so each member is read once.
Memory use is a few hundred bytes per file, independent of file size.
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

from brainio.cache.member_digests import find_member_digests
from brainio.errors import StimulusFileError
from brainio.progress import show_progress
from brainio.relations.media_digests import pixel_digest, sample_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from brainio.cache.member_digests import MemberDigests

# Another version may decode other pixels from a JPEG, or support more formats of sounds.
_DECODER_VERSIONS = f"1, Pillow {PIL.__version__}, Python {sys.version_info.major}.{sys.version_info.minor}"
_FIELDS = ("sha1", "kind", "digest", "fault")
_DECODERS: tuple[tuple[str, Callable[[BinaryIO], str | None]], ...] = (
    ("pixels", pixel_digest),
    ("samples", sample_digest),
)
_IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_SOUND_SUFFIXES = (".wav",)
_FILES_PER_BATCH = 256  # limits the results that wait in memory
_BLOCK_SIZE = 1 << 20  # bytes
_DAMAGED_MEMBER = "its bytes differ from those in the archive; run brainio cache verify --deep"


class Content(NamedTuple):
    """Content of a file, as far as comparisons need it.

    Attributes
    ----------
    sha1 : str
        Hash of the bytes; empty if the file cannot be read.
    kind : str
        `'pixels'` or `'samples'`: the type of the decoded data. Empty for other files, which are compared by bytes.
    digest : str
        Digest of the decoded data; empty for other files.
    fault : str
        Reason why the file cannot be read or decoded; empty otherwise.
    """

    sha1: str
    kind: str = ""
    digest: str = ""
    fault: str = ""


def read_contents(paths: Iterable[Path], home: Path) -> dict[Path, Content]:
    """Read and decode files in several threads, with a progress bar.

    Parameters
    ----------
    paths : iterable of Path
        The files.
    home : Path
        The own cache, which stores the contents of archive members; also if the call is interrupted.

    Returns
    -------
    dict
        Path -> content.
    """
    archives = _ArchiveContents(home)
    contents = {path: archives.find(path) for path in paths}
    unknown = [path for path, content in contents.items() if content is None]
    try:
        for path, (content, crc) in zip(unknown, _read_in_threads(unknown), strict=True):
            contents[path] = archives.add(path, content, crc)
    finally:
        archives.save()
    return {path: content for path, content in contents.items() if content is not None}


def _read_in_threads(paths: Sequence[Path]) -> Iterator[tuple[Content, int]]:
    """Yield the result of `_read_content` for each path, in order."""
    Image.preinit()  # loading Pillow's plugins is not thread-safe
    Image.init()
    pool = ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 1), "brainio-contents")
    batches = (paths[start : start + _FILES_PER_BATCH] for start in range(0, len(paths), _FILES_PER_BATCH))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings about metadata and image sizes
        try:
            results = (result for batch in batches for result in pool.map(_read_content, batch))
            yield from show_progress(results, "reading files", len(paths))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read_content(path: Path) -> tuple[Content, int]:
    """Return the content of a file, and the CRC-32 of its bytes."""
    try:
        with path.open("rb") as file:
            sha1, crc = hashlib.sha1(), 0
            while block := file.read(_BLOCK_SIZE):
                sha1.update(block)
                crc = zlib.crc32(block, crc)
            return _decode(path.suffix.lower(), file, sha1.hexdigest()), crc
    except OSError as error:
        return Content("", fault=str(error)), 0


def _decode(suffix: str, file: BinaryIO, sha1: str) -> Content:
    """Return the content of a file from the first decoder that recognizes its format."""
    for kind, compute_digest in _DECODERS:
        file.seek(0)
        try:
            digest = compute_digest(file)
        except StimulusFileError as error:
            return Content(sha1, fault=str(error))
        if digest is not None:
            return Content(sha1, kind, digest)
    if suffix in _IMAGE_SUFFIXES:
        return Content(sha1, fault=f"not a readable image, despite its extension {suffix}")
    if suffix in _SOUND_SUFFIXES:
        return Content(sha1, fault=f"not a readable sound, despite its extension {suffix}")
    return Content(sha1)


class _ArchiveContents:
    """Stored contents of the members of all unpacked archives that a comparison reads."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._by_folder: dict[Path, _MemberContents | None] = {}
        self._by_parent: dict[Path, _MemberContents | None] = {}

    def find(self, path: Path) -> Content | None:
        """Return the stored content of a file; None if it is not stored, or not a member of an archive."""
        members = self._find_archive(path)
        return None if members is None else members.contents.get(members.name(path))

    def add(self, path: Path, content: Content, crc: int) -> Content:
        """Record the content of a file, if it is a member of an archive; see `_MemberContents.add`."""
        members = self._find_archive(path)
        return content if members is None else members.add(members.name(path), content, crc)

    def save(self) -> None:
        """Store the changed contents in the cache."""
        for members in self._by_folder.values():
            if members is not None:
                members.save()

    def _find_archive(self, path: Path) -> _MemberContents | None:
        """Return the stored contents of the archive that a file was unpacked from; None for any other file."""
        parent = path.parent
        if parent not in self._by_parent:
            candidates = (self._load(folder) for folder in (parent, *parent.parents))
            self._by_parent[parent] = next((members for members in candidates if members is not None), None)
        return self._by_parent[parent]

    def _load(self, folder: Path) -> _MemberContents | None:
        """Read the stored contents of the archive that was unpacked into a folder; None for any other folder."""
        if folder not in self._by_folder:
            digests = find_member_digests(folder, self._home)
            self._by_folder[folder] = None if digests is None else _MemberContents(digests)
        return self._by_folder[folder]


class _MemberContents:
    """Stored contents of the members of one unpacked archive."""

    def __init__(self, digests: MemberDigests) -> None:
        self._digests = digests
        self._has_changed = False
        self.contents = _parse_contents(digests.read())

    def name(self, path: Path) -> str:
        """Return the name of a member from the path of its file."""
        return path.relative_to(self._digests.folder).as_posix()

    def add(self, name: str, content: Content, crc: int) -> Content:
        """Record the content of a member; if its bytes differ from the archive, return it with that fault instead."""
        member = self._digests.manifest.get(name)
        if member is None or not content.sha1:
            return content
        if member[1] != crc:
            return content._replace(fault=_DAMAGED_MEMBER)
        self.contents[name] = content
        self._has_changed = True
        return content

    def save(self) -> None:
        """Store the contents in the cache, if they changed."""
        if self._has_changed:
            columns = dict(zip(_FIELDS, map(list, zip(*self.contents.values(), strict=True)), strict=True))
            self._digests.write({"form": _DECODER_VERSIONS, "names": list(self.contents), **columns})


def _parse_contents(record: Mapping[str, Any]) -> dict[str, Content]:
    """Return the stored contents; empty if they are damaged, or come from other versions of the decoders."""
    if record.get("form") != _DECODER_VERSIONS:
        return {}
    try:
        rows = zip(*(record[column] for column in ("names", *_FIELDS)), strict=True)
        return {str(name): Content(*map(str, fields)) for name, *fields in rows}
    except (KeyError, TypeError, ValueError):
        return {}
