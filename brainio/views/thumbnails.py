"""Pictures of stimuli as they are embedded in a page: small WebP or PNG files, of which all together are bounded."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, NamedTuple

from brainio.views.previews import MOST_PIXELS, Preview, preview_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from PIL import Image

MOST_BYTES = 150_000  # of all thumbnails of one view, as base64
_MOST_PIXELS = 100_000_000  # that are decoded for one view
_QUALITIES = (80, 50, 20)


class Thumbnail(NamedTuple):
    """An encoded picture, empty where there is none; `kind` and `note` as of `Preview`. Sizes are in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int
    kind: str
    note: str

    @property
    def uri(self) -> str:
        """The picture as a data URI, for an `img` of a page that stands alone."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}" if self.data else ""


def thumbnails_of(paths: Sequence[Path | None], size: int = 128, most_bytes: int = MOST_BYTES) -> Iterator[Thumbnail]:
    """Make thumbnails of files, one after the other, within a budget of bytes and of pixels for all.

    Parameters
    ----------
    paths : sequence of Path or None
        None: the file is not on this machine. Each is looked at once, when its thumbnail is asked for.
    size : int, default 128
        Longer side of a picture at most, in pixels.
    most_bytes : int, default 150,000
        Of all pictures together, as base64: each may take its share of what is left. One that does not fit, even at
        the lowest quality, comes without picture.

    Examples
    --------
    >>> [thumbnail.note for thumbnail in thumbnails_of([None])]
    ['not on this machine yet']
    """
    left, pixels = most_bytes, _MOST_PIXELS
    for number, path in enumerate(paths):
        preview = preview_of(path, size, min(pixels, MOST_PIXELS))
        thumbnail = encoded(preview, left // (len(paths) - number))
        left -= len(thumbnail.uri)
        pixels -= preview.pixels
        yield thumbnail


def encoded(preview: Preview, most_bytes: int = MOST_BYTES) -> Thumbnail:
    """Encode a preview in at most that many bytes of base64; without its picture where that is impossible."""
    if preview.picture is not None:
        for quality in _QUALITIES:
            data, media_type = _file_of(preview.picture, quality)
            thumbnail = Thumbnail(data, media_type, *preview.picture.size, preview.kind, preview.note)
            if len(thumbnail.uri) <= most_bytes:
                return thumbnail
    return Thumbnail(b"", "", 0, 0, preview.kind, preview.note)


def _file_of(picture: Image.Image, quality: int) -> tuple[bytes, str]:
    from PIL import features

    file = io.BytesIO()
    if features.check("webp"):
        picture.save(file, "WEBP", quality=quality, method=4)
        return file.getvalue(), "image/webp"
    picture.save(file, "PNG", optimize=True)
    return file.getvalue(), "image/png"
