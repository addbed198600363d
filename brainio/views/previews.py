"""The picture of a stimulus file: an image, the spectrogram of a sound, the first frame of a video, or words.

Only regular files on this machine are opened, and only as far as a small picture takes. What cannot be shown is told in
words; nothing that a file holds is an error.
"""

from __future__ import annotations

import stat
from pathlib import Path  # noqa: TC003 - examples name it
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from brainio.progress import readable_size

SOUNDS = frozenset({".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aif", ".aiff"})
VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"})
TEXTS = frozenset({".txt", ".md", ".csv", ".tsv", ".json"})
MOST_PIXELS = 25_000_000  # of an image that is decoded: half a second
_EXCERPT = 160  # characters of a text


class Preview(NamedTuple):
    """A small picture in mode RGB or RGBA, or None; `kind` is image, sound, video, text or file, `note` says more.

    `pixels` is how many were decoded for it.
    """

    picture: Image.Image | None
    kind: str
    note: str
    pixels: int = 0


def preview_of(path: Path | None, size: int = 128, most_pixels: int = MOST_PIXELS) -> Preview:
    """Look at a file, as far as a picture of `size` x `size` pixels takes.

    Parameters
    ----------
    path : Path or None
        None: the file is not on this machine.
    size : int, default 128
        Pixels; the picture keeps its proportions and is not enlarged.
    most_pixels : int, default 25,000,000
        Of an image or video frame; of those that have more only the size is told.

    Returns
    -------
    Preview
        Never an error: the note says what is wrong with a file.

    Examples
    --------
    >>> preview_of(Path("nowhere.png")).note
    'the file is missing'
    """
    if path is None:
        return Preview(None, "file", "not on this machine yet")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Preview(None, "file", "not a regular file")
        return _preview(path, size, most_pixels, status.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return Preview(None, "file", "the file is missing")
    except UnidentifiedImageError:
        return Preview(None, "file", "not an image of a known format")
    except Exception as error:  # whatever a damaged or hostile file makes of a decoder
        return Preview(None, _kind(path), f"cannot be read ({type(error).__name__})")


def _preview(path: Path, size: int, most_pixels: int, file_size: int) -> Preview:
    kind = _kind(path)
    if kind == "sound" and path.suffix.lower() == ".wav":
        from brainio.views.sounds import picture_of_wav

        return picture_of_wav(path, size)
    if kind == "video":
        from brainio.views.videos import first_frame

        return first_frame(path, size, most_pixels, file_size)
    if kind == "text":
        with path.open("rb") as file:
            text = file.read(4 * _EXCERPT).decode("utf-8", "replace")
        return Preview(None, kind, text if len(text) <= _EXCERPT else text[:_EXCERPT] + "…")
    if kind != "sound":
        from brainio.views.images import is_image, picture_of_image

        if kind == "image" or is_image(path):
            return picture_of_image(path, size, most_pixels)
    return Preview(None, kind, f"{path.suffix.lower().lstrip('.') or 'no extension'}, {readable_size(file_size)}")


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    kinds = {"sound": SOUNDS, "video": VIDEOS, "text": TEXTS, "image": Image.registered_extensions()}
    return next((kind for kind, suffixes in kinds.items() if suffix in suffixes), "file")
