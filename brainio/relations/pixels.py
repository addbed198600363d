"""One image: a digest of its pixels, which is the same whatever file format, without loss, they are stored in.

Equal digests mean equal pixels, bit for bit. Names, metadata, colour profiles and the resolution in dpi do not count;
an orientation that is noted in metadata is not applied.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from PIL import Image, ImageSequence, UnidentifiedImageError

from brainio.errors import StimulusFileError

if TYPE_CHECKING:
    from typing import BinaryIO

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_OF_8_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
_CUT_TO_8_BITS = re.compile(r";16[BLN]")  # what Pillow does with colours of 16 bits
_MOST = 16  # times the pixels of one image that all frames together may have


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
        It cannot be decoded, or has more pixels than `PIL.Image.MAX_IMAGE_PIXELS` allows.

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
        with Image.open(file, formats=FORMATS) as image:
            return _digest_of_frames(image)
    except UnidentifiedImageError:
        return None
    except StimulusFileError:
        raise
    except Image.DecompressionBombError as error:
        raise StimulusFileError(str(error)) from error
    except Exception as error:  # decoders stumble over damage in ways of their own
        raise StimulusFileError(str(error) or type(error).__name__) from error


def _digest_of_frames(image: Image.Image) -> str:
    digest, pixels = hashlib.blake2b(digest_size=20), 0
    for frame in ImageSequence.Iterator(image):
        pixels += frame.width * frame.height
        if pixels > _MOST * (Image.MAX_IMAGE_PIXELS or pixels):
            raise StimulusFileError(f"its frames have {pixels:,} pixels and more, which could be a decompression bomb")
        normal = _normal(frame)
        digest.update(f"{normal.mode} {normal.width}x{normal.height};".encode())
        digest.update(normal.tobytes())
    return digest.hexdigest()


def _normal(frame: Image.Image) -> Image.Image:
    """Return a frame in the mode in which it is compared; nothing of its pixels is lost."""
    if frame.mode.startswith("I;16"):
        return frame.convert("I")
    if frame.mode not in _OF_8_BITS:
        return frame
    if any(_CUT_TO_8_BITS.search(str(tile)) for tile in getattr(frame, "tile", ())):
        raise StimulusFileError("colours of 16 bits a channel, of which only 8 can be read")
    if not frame.has_transparency_data:
        return frame.convert("RGB")
    colours = frame.convert("RGBA")
    return colours.convert("RGB") if colours.getchannel("A").getextrema() == (255, 255) else colours
