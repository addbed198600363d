"""Small pictures of image files, opened with care: a few formats, bounded pixels, no program run."""

from __future__ import annotations

import struct
import warnings
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from brainio.views.previews import Preview

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

# Not those that Pillow hands to other programs, such as EPS.
_REDUCED = 8
_SAFE = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "TGA", "ICO")


@cache
def _formats() -> list[str]:
    """Name the formats that this Pillow was built with."""
    Image.init()
    return [name for name in _SAFE if name in Image.OPEN]


def open_image(file: BinaryIO) -> Image.Image:
    """Read the header of an image, of any number of pixels; nothing is decoded.

    `PIL.Image.open` refuses images of more than 178,956,970 pixels, although size and mode need no memory. Whoever
    decodes the image has to compare its size with a bound.

    Parameters
    ----------
    file : binary file
        From its start. It stays open, and is needed to decode the image.

    Raises
    ------
    UnidentifiedImageError
        It is not an image of a format that is read here.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("L", (3, 2)).save(file, "PNG")
    >>> open_image(file).size
    (3, 2)
    """
    file.seek(0)
    start = file.read(16)
    for name in _formats():
        factory, accepts = Image.OPEN[name]
        if accepts is not None and accepts(start) is not True:
            continue
        file.seek(0)
        with suppress(SyntaxError, IndexError, TypeError, struct.error):  # how a plugin of Pillow rejects a file
            return factory(file, "")
    raise UnidentifiedImageError("not an image of a known format")


def is_image(path: Path) -> bool:
    """Tell whether the file is an image of a known format, whatever its name says."""
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            open_image(file)
            return True
    except UnidentifiedImageError:
        return False


def picture_of_image(path: Path, size: int, most_pixels: int) -> Preview:
    """Decode an image into a picture of at most `size` x `size` pixels, unless it has too many pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata
        with path.open("rb") as file, open_image(file) as image:
            dimensions = f"{image.width} x {image.height}"
            most = most_pixels
            if image.format == "JPEG" and not image.info.get("progressive"):
                most *= _REDUCED  # decoding at an eighth of the size takes little time and memory
            if image.width * image.height > most:
                return Preview(None, "image", f"{dimensions} pixels: too large to preview")
            image.draft("RGB", (2 * size, 2 * size))
            pixels = image.width * image.height
            if pixels > most_pixels:
                return Preview(None, "image", f"{dimensions} pixels: too large to preview")
            return Preview(reduced(image, size), "image", dimensions, pixels)


def reduced(image: Image.Image, size: int) -> Image.Image:
    """Give an image in mode RGB or RGBA, its longer side at most `size` pixels."""
    if image.mode.startswith(("I", "F")):
        image = _stretched(image)
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    picture = image.convert("RGBA" if has_alpha else "RGB")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture


def _stretched(image: Image.Image) -> Image.Image:
    """Bring numbers of more than 8 bits into the range of a picture: 16 bits as they are, others by their range."""
    values = np.asarray(image, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Image.new("L", image.size)
    low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else (float(np.min(finite)), float(np.max(finite)))
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0)
    return Image.fromarray(np.round(scaled * 255).clip(0, 255).astype(np.uint8))
