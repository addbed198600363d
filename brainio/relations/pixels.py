"""One image: a digest of its pixels, which is the same whatever file format, without loss, they are stored in.

Equal digests mean equal pixels, bit for bit. Names, metadata, colour profiles and the resolution in dpi do not count;
an orientation that is noted in metadata is not applied.
"""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageSequence, UnidentifiedImageError

from brainio.errors import StimulusFileError
from brainio.views.decoders import open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

_Box: TypeAlias = tuple[int, int, int, int]

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_OF_8_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
_CUT_TO_8_BITS = re.compile(r";16[BLN]")  # what Pillow does with colours of 16 bits
MOST_PIXELS = 2**28
"""Pixels of an image or frame that is decoded: 1 GiB of memory. One of more than 2**24 is decoded at a time."""
_LARGE = 2**24  # pixels
_MOST_IN_FRAMES = 2**31  # pixels of all frames together
_BAND = 2**22  # pixels that are converted at once
_large = threading.Lock()


def pixel_digest(file: BinaryIO) -> str | None:
    """Return a digest of the size and pixels of all frames of an image; None where it is none of these formats.

    Grey, palette and RGB images are compared as RGB, and as RGBA where something is transparent. Images of more than 8
    bits a channel, and of other colour spaces, are equal to those of their own mode only.

    Parameters
    ----------
    file : binary file
        From its start.

    Raises
    ------
    StimulusFileError
        It cannot be decoded, or has more than 268,435,456 pixels; the message names its size.

    Examples
    --------
    >>> import io
    >>> files = [io.BytesIO() for _ in range(3)]
    >>> Image.new("L", (3, 2), 7).save(files[0], "PNG")
    >>> Image.new("RGB", (3, 2), (7, 7, 7)).save(files[1], "BMP")
    >>> Image.new("L", (2, 3), 7).save(files[2], "PNG")
    >>> digests = [pixel_digest(file) for file in files]
    >>> digests[0] == digests[1], digests[0] == digests[2]
    (True, False)
    """
    try:
        with open_image(file) as image:
            if image.format not in FORMATS:
                return None
            _require_decodable(image)
            with _large if image.width * image.height > _LARGE else nullcontext():
                return _digest_of_frames(image)
    except UnidentifiedImageError:
        return None
    except StimulusFileError:
        raise
    except Exception as error:  # decoders stumble over damage in ways of their own
        raise StimulusFileError(str(error) or type(error).__name__) from error


def _require_decodable(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise StimulusFileError(
            f"{image.width:,} x {image.height:,} pixels are too many to decode; at most {MOST_PIXELS:,} are (1 GiB)"
        )


def _digest_of_frames(image: Image.Image) -> str:
    digest, pixels = hashlib.blake2b(digest_size=20), 0
    for frame in ImageSequence.Iterator(image):
        _require_decodable(frame)
        pixels += frame.width * frame.height
        if pixels > _MOST_IN_FRAMES:
            raise StimulusFileError(
                f"its frames have {pixels:,} pixels and more together; at most {_MOST_IN_FRAMES:,} are decoded"
            )
        _update(digest, frame)
    return digest.hexdigest()


def _update(digest: hashlib.blake2b, frame: Image.Image) -> None:
    """Add a frame, a band of rows at a time: no second copy of a large one is made."""
    rows = max(1, _BAND // max(frame.width, 1))
    boxes = [(0, top, frame.width, min(top + rows, frame.height)) for top in range(0, frame.height, rows)]
    normal = _normalizer(frame, boxes)
    for number, box in enumerate(boxes):
        band = normal(frame.crop(box))
        if number == 0:
            digest.update(f"{band.mode} {frame.width}x{frame.height};".encode())
        digest.update(band.tobytes())


def _normalizer(frame: Image.Image, boxes: Sequence[_Box]) -> Callable[[Image.Image], Image.Image]:
    """Return what brings bands of a frame into the mode in which it is compared; nothing of its pixels is lost."""
    if frame.mode.startswith("I;16"):
        return lambda band: band.convert("I")
    if frame.mode not in _OF_8_BITS:
        return lambda band: band
    if any(_CUT_TO_8_BITS.search(str(tile)) for tile in getattr(frame, "tile", ())):
        raise StimulusFileError("colours of 16 bits a channel, of which only 8 can be read")
    if not frame.has_transparency_data:
        return lambda band: band.convert("RGB")
    if all(frame.crop(box).convert("RGBA").getchannel("A").getextrema() == (255, 255) for box in boxes):
        return lambda band: band.convert("RGBA").convert("RGB")
    return lambda band: band.convert("RGBA")
