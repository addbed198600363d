"""Previews of stimulus files: pictures of images, sounds and videos, excerpts of texts, and thumbnails for pages.

Opens only regular files on this machine, and reads no more than a small picture needs. A damaged or unsupported file is
not an error: the preview states the reason instead.
"""

from __future__ import annotations

import base64
import io
import stat
from pathlib import Path  # noqa: TC003 - examples name it
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, UnidentifiedImageError

from brainio.progress import readable_size
from brainio.views.decoders import Preview, decode_first_frame, decode_image, draw_wav, is_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOUNDS = frozenset({".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aif", ".aiff"})
VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"})
TEXTS = frozenset({".txt", ".md", ".csv", ".tsv", ".json"})
MAX_PIXELS = 25_000_000  # of a decoded image: half a second
MAX_BYTES = 150_000  # of all thumbnails of a view, in base64
_MAX_VIEW_PIXELS = 100_000_000  # decoded for a view
_EXCERPT_LENGTH = 160
_QUALITIES = (80, 50, 20)  # of WebP


def build_preview(path: Path | None, size: int = 128, max_pixels: int = MAX_PIXELS) -> Preview:
    """Build a preview of a file with a picture of at most `size` x `size` pixels.

    Parameters
    ----------
    path : Path or None
        None if the file is not on this machine.
    size : int, default 128
        Longer side of the picture in pixels. The picture keeps its proportions and is never enlarged.
    max_pixels : int, default 25,000,000
        Limit for decoding an image or video frame; of larger ones the preview only states the size.

    Returns
    -------
    Preview
        If the file cannot be read, the note states why; no error is raised.

    Examples
    --------
    >>> build_preview(Path("nowhere.png")).note
    'the file is missing'
    """
    if path is None:
        return Preview(None, "file", "not on this machine yet")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Preview(None, "file", "not a regular file")
        return _decode(path, size, max_pixels, status.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return Preview(None, "file", "the file is missing")
    except UnidentifiedImageError:
        return Preview(None, "file", "not an image of a known format")
    except Exception as error:  # a damaged or hostile file can raise anything in a decoder
        return Preview(None, _kind_by_suffix(path), f"cannot be read ({type(error).__name__})")


def _decode(path: Path, size: int, max_pixels: int, file_size: int) -> Preview:
    kind = _kind_by_suffix(path)
    if kind == "sound" and path.suffix.lower() == ".wav":
        return draw_wav(path, size)
    if kind == "video":
        return decode_first_frame(path, size, max_pixels, file_size)
    if kind == "text":
        with path.open("rb") as file:
            text = file.read(4 * _EXCERPT_LENGTH).decode("utf-8", "replace")
        return Preview(None, kind, text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH] + "…")
    if kind != "sound" and (kind == "image" or is_image(path)):
        return decode_image(path, size, max_pixels)
    return Preview(None, kind, f"{path.suffix.lower().lstrip('.') or 'no extension'}, {readable_size(file_size)}")


def _kind_by_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    kinds = {"sound": SOUNDS, "video": VIDEOS, "text": TEXTS, "image": Image.registered_extensions()}
    return next((kind for kind, suffixes in kinds.items() if suffix in suffixes), "file")


class Thumbnail(NamedTuple):
    """An encoded picture; `data` is empty if there is no picture.

    `width` and `height` are in pixels; `kind` and `note` are those of the `Preview`.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    kind: str
    note: str

    @property
    def uri(self) -> str:
        """The picture as a data URI, for the `img` elements of a self-contained page."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}" if self.data else ""


def build_thumbnails(paths: Sequence[Path | None], size: int = 128, max_bytes: int = MAX_BYTES) -> Iterator[Thumbnail]:
    """Yield thumbnails of files within a budget of bytes and pixels for all of them.

    Parameters
    ----------
    paths : sequence of Path or None
        None for a file that is not on this machine. A file is opened once, when its thumbnail is requested.
    size : int, default 128
        Maximum length of the longer side in pixels.
    max_bytes : int, default 150,000
        Budget of all pictures in base64, of which each may use an equal share of the remainder. A picture that exceeds
        its share at the lowest quality is omitted.

    Examples
    --------
    >>> [thumbnail.note for thumbnail in build_thumbnails([None])]
    ['not on this machine yet']
    """
    remaining_bytes, remaining_pixels = max_bytes, _MAX_VIEW_PIXELS
    for number, path in enumerate(paths):
        preview = build_preview(path, size, min(remaining_pixels, MAX_PIXELS))
        thumbnail = encode_thumbnail(preview, remaining_bytes // (len(paths) - number))
        remaining_bytes -= len(thumbnail.uri)
        remaining_pixels -= preview.pixels
        yield thumbnail


def encode_thumbnail(preview: Preview, max_bytes: int = MAX_BYTES) -> Thumbnail:
    """Encode a preview in at most `max_bytes` bytes of base64; omit the picture if it does not fit."""
    if preview.picture is not None:
        for quality in _QUALITIES:
            data, media_type = _encode_picture(preview.picture, quality)
            thumbnail = Thumbnail(data, media_type, *preview.picture.size, preview.kind, preview.note)
            if len(thumbnail.uri) <= max_bytes:
                return thumbnail
    return Thumbnail(b"", "", 0, 0, preview.kind, preview.note)


def _encode_picture(picture: Image.Image, quality: int) -> tuple[bytes, str]:
    from PIL import features

    file = io.BytesIO()
    if features.check("webp"):
        picture.save(file, "WEBP", quality=quality, method=4)
        return file.getvalue(), "image/webp"
    picture.save(file, "PNG", optimize=True)
    return file.getvalue(), "image/png"
