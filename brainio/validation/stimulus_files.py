"""Checks of stimulus files: existence, readability, and a common kind and image mode.

Pillow reads the header of an image, and decodes all of it only if its end is missing. Of other files, one byte is read.
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
from brainio.progress import show_progress
from brainio.text import share
from brainio.validation.report import Problem, problem
from brainio.views.decoders import open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import BinaryIO

_THREADS = 8  # reading files mostly waits for the disk or network
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
_MOST_PIXELS = 2**26  # 256 MiB for each decoding thread


class StimulusFile(Protocol):
    """Access to the bytes of a stimulus."""

    @property
    def name(self) -> str:
        """Name for messages, with its extension."""

    def size(self) -> int | None:
        """Return the size in bytes, None if the file is missing."""

    def open(self) -> BinaryIO:
        """Open the file for reading."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on disk."""

    path: Path

    @property
    def name(self) -> str:
        """Path of the file."""
        return str(self.path)

    def size(self) -> int | None:
        """Return the size in bytes, None if the file is missing."""
        return self.path.stat().st_size if self.path.is_file() else None

    def open(self) -> BinaryIO:
        """Open the file for reading."""
        return self.path.open("rb")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive; `info` is None if the archive lacks it."""

    name: str
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo | None

    def size(self) -> int | None:
        """Return the size in bytes, None if the file is missing."""
        return None if self.info is None else self.info.file_size

    def open(self) -> BinaryIO:
        """Open the file for reading."""
        return cast("BinaryIO", self.archive.open(cast("zipfile.ZipInfo", self.info)))


class RequiredFile(NamedTuple):
    """A file that a stimulus needs.

    Attributes
    ----------
    place : str
        The first row that names the file.
    locate : function
        Returns the file; raises BrainioError or OSError if it is unavailable.
    """

    place: str
    locate: Callable[[], StimulusFile]


class _Inspection(NamedTuple):
    """Problems of one file, its kind, and the mode of an image."""

    place: str
    problems: list[Problem]
    kind: str = ""
    mode: str = ""


def file_problems(required: Sequence[RequiredFile]) -> list[Problem]:
    """List the problems of each file, and differences of kind and mode between files."""
    Image.preinit()  # it is not safe in several threads at once
    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        warnings.simplefilter("ignore")  # Pillow warns about metadata
        results = list(show_progress(pool.map(_inspect, required), "checking files", len(required)))
    problems = [item for result in results for item in result.problems]
    problems += _minority_problems(
        "file-kind-mixed", [(result.place, result.kind) for result in results if result.kind]
    )
    return problems + _minority_problems(
        "image-mode-mixed", [(result.place, result.mode) for result in results if result.mode]
    )


def _inspect(required: RequiredFile) -> _Inspection:
    place = required.place
    try:
        file = required.locate()
        size = file.size()
        if size is None:
            kind = irregular_kind(file.path) if isinstance(file, LocalFile) else None
            found = f"no file {file.name}" if kind is None else f"{kind} at {file.name}, which is not a regular file"
            return _reject("file-missing", place, found)
        if size == 0:
            return _reject("file-empty", place, f"{file.name} has 0 bytes")
        suffix = PurePosixPath(file.name).suffix.lower()
        if suffix in _IMAGES:
            return _inspect_image(place, file, suffix)
        with file.open() as data:
            data.read(1)
    except FileNotFoundError as error:
        return _reject("file-missing", place, str(error))
    except (OSError, BrainioError, zipfile.BadZipFile, zlib.error) as error:
        return _reject("file-unreadable", place, str(error))
    return _Inspection(place, [], suffix or "without extension")


def _reject(code: str, place: str, found: str) -> _Inspection:
    return _Inspection(place, [problem(code, place, found)])


def _inspect_image(place: str, file: StimulusFile, suffix: str) -> _Inspection:
    try:
        with file.open() as data, open_image(data) as image:
            kind, mode = _SAME.get(image.format or "", image.format or ""), image.mode
            _require_end(image, data, kind)
    except UnidentifiedImageError:
        return _reject("file-unreadable", place, f"{file.name} is not an image that Pillow can read")
    except Exception as error:  # decoders raise exceptions of many types for damaged files
        return _reject("file-unreadable", place, f"{file.name}: {error}")
    if kind == _IMAGES[suffix]:
        return _Inspection(place, [], kind, mode)
    found = f"{kind} in {PurePosixPath(file.name).name}"
    wrong = problem("file-misnamed", place, found, expected=f"{_IMAGES[suffix]}, as its extension says")
    return _Inspection(place, [wrong], kind, mode)


def _require_end(image: Image.Image, data: BinaryIO, kind: str) -> None:
    """Decode all of an image without the usual last bytes: it is truncated, or has trailing bytes."""
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
        image.verify()  # decoding a PNG succeeds without its end
    elif image.width * image.height > _MOST_PIXELS:
        raise ValueError(
            f"its end is missing, and {image.width:,} x {image.height:,} pixels are too many to decode in order to "
            f"check them (at most {_MOST_PIXELS:,})"
        )
    else:
        image.load()


def _minority_problems(code: str, properties: Sequence[tuple[str, str]]) -> list[Problem]:
    """List the files, given as (place, property), whose property differs from that of most files."""
    counts = Counter(name for _, name in properties)
    if len(counts) < 2:
        return []
    usual, count = counts.most_common(1)[0]
    expected = f"{usual}, as {share(count, len(properties), 'file')}"
    return [problem(code, place, name, expected=expected) for place, name in properties if name != usual]
