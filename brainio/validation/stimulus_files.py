"""The files of a stimulus set: that each is there and can be read, and that all are of one kind and mode.

Of images the header is read, by Pillow, and all of one only where its end is missing; of other files the first byte.
"""

from __future__ import annotations

import os
import warnings
import zipfile
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from PIL import Image, UnidentifiedImageError

from brainio.errors import BrainioError
from brainio.local_files import irregular_kind
from brainio.progress import counted
from brainio.text import share
from brainio.validation.report import Problem, problem
from brainio.views.decoders import open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import BinaryIO

_THREADS = 8  # files wait for the disk, most of all for one on the network
_IMAGES = {
    ".bmp": "BMP",
    ".gif": "GIF",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
_SAME = {"MPO": "JPEG"}  # what cameras write into .jpg
_ENDS = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
_TAIL = 64  # bytes
_MOST_PIXELS = 2**26  # that are decoded by one thread: 256 MiB


class StimulusFile(Protocol):
    """Where the bytes of a stimulus are."""

    @property
    def name(self) -> str:
        """How people know it, with its extension."""

    def size(self) -> int | None:
        """Return its bytes, None where there is no such file."""

    def open(self) -> BinaryIO:
        """Open it for reading."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of its own."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    def size(self) -> int | None:
        """Return its bytes, None where there is no such file."""
        return self.path.stat().st_size if self.path.is_file() else None

    def open(self) -> BinaryIO:
        """Open it for reading."""
        return self.path.open("rb")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, or one that should be there (`info` is None then)."""

    name: str
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo | None

    def size(self) -> int | None:
        """Return its bytes, None where there is no such file."""
        return None if self.info is None else self.info.file_size

    def open(self) -> BinaryIO:
        """Open it for reading."""
        return cast("BinaryIO", self.archive.open(cast("zipfile.ZipInfo", self.info)))


class Wanted(NamedTuple):
    """A file that a stimulus needs.

    Attributes
    ----------
    place : str
        Of the first row that needs it.
    file : function
        Gives the file, or raises a BrainioError or OSError if it cannot be had.
    """

    place: str
    file: Callable[[], StimulusFile]


class _Look(NamedTuple):
    """What is seen of one file: what is wrong with it, its kind, and its mode if it is an image."""

    place: str
    problems: list[Problem]
    kind: str = ""
    mode: str = ""


def file_problems(wanted: Sequence[Wanted]) -> list[Problem]:
    """List what is wrong with files, by themselves and beside each other."""
    Image.preinit()  # not by several threads at once
    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        warnings.simplefilter("ignore")  # what Pillow says about metadata
        looks = list(counted(pool.map(_look, wanted), "checking files", len(wanted)))
    problems = [one for look in looks for one in look.problems]
    problems += _odd_ones("file-kind-mixed", [(look.place, look.kind) for look in looks if look.kind])
    return problems + _odd_ones("image-mode-mixed", [(look.place, look.mode) for look in looks if look.mode])


def _look(wanted: Wanted) -> _Look:
    place = wanted.place
    try:
        file = wanted.file()
        size = file.size()
        if size is None:
            kind = irregular_kind(file.path) if isinstance(file, LocalFile) else None
            found = f"no file {file.name}" if kind is None else f"{kind} at {file.name}, which is no regular file"
            return _faulty("file-missing", place, found)
        if size == 0:
            return _faulty("file-empty", place, f"{file.name} has 0 bytes")
        suffix = PurePosixPath(file.name).suffix.lower()
        if suffix in _IMAGES:
            return _look_at_image(place, file, suffix)
        with file.open() as data:
            data.read(1)
    except FileNotFoundError as error:
        return _faulty("file-missing", place, str(error))
    except (OSError, BrainioError, zipfile.BadZipFile, zlib.error) as error:
        return _faulty("file-unreadable", place, str(error))
    return _Look(place, [], suffix or "without extension")


def _faulty(code: str, place: str, found: str) -> _Look:
    return _Look(place, [problem(code, place, found)])


def _look_at_image(place: str, file: StimulusFile, suffix: str) -> _Look:
    try:
        with file.open() as data, open_image(data) as image:
            kind, mode = _SAME.get(image.format or "", image.format or ""), image.mode
            _require_end(image, data, kind)
    except UnidentifiedImageError:
        return _faulty("file-unreadable", place, f"{file.name} is no image that Pillow knows")
    except Exception as error:  # decoders stumble over damage in ways of their own
        return _faulty("file-unreadable", place, f"{file.name}: {error}")
    if kind == _IMAGES[suffix]:
        return _Look(place, [], kind, mode)
    found = f"{kind} in {PurePosixPath(file.name).name}"
    wrong = problem("file-misnamed", place, found, expected=f"{_IMAGES[suffix]}, as its extension says")
    return _Look(place, [wrong], kind, mode)


def _require_end(image: Image.Image, data: BinaryIO, kind: str) -> None:
    """Read all of an image whose last bytes are not there: it is cut short, or carries something behind its end."""
    if kind not in _ENDS:
        return
    position = data.tell()
    data.seek(0, os.SEEK_END)
    data.seek(max(0, data.tell() - _TAIL))
    has_end = _ENDS[kind] in data.read(_TAIL)
    data.seek(position)
    if has_end:
        return
    if kind == "PNG":
        image.verify()  # decoding one would be content with its pixels
    elif image.width * image.height > _MOST_PIXELS:
        raise ValueError(
            f"its end is missing, and {image.width:,} x {image.height:,} pixels are too many to decode in order to "
            f"check them (at most {_MOST_PIXELS:,})"
        )
    else:
        image.load()


def _odd_ones(code: str, seen: Sequence[tuple[str, str]]) -> list[Problem]:
    """List what is unlike the most."""
    counts = Counter(what for _, what in seen)
    if len(counts) < 2:
        return []
    usual, count = counts.most_common(1)[0]
    expected = f"{usual}, as {share(count, len(seen), 'file')}"
    return [problem(code, place, what, expected=expected) for place, what in seen if what != usual]
