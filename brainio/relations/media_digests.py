"""Digests of decoded media: the pixels of an image and the samples of a WAV sound, independent of the file format.

Equal digests mean equal pixels or samples, bit for bit. File names, metadata, colour profiles and resolution in dpi do
not count; an orientation that is noted in metadata is not applied.
"""

from __future__ import annotations

import hashlib
import re
import threading
import wave
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from brainio.errors import StimulusFileError
from brainio.views.decoders import open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

_Box: TypeAlias = tuple[int, int, int, int]

IMAGE_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
MOST_PIXELS = 2**28
"""Maximum number of pixels of an image or frame: 1 GiB of memory."""
_LARGE_IMAGE = 2**24  # pixels
_MOST_PIXELS_IN_FRAMES = 2**31  # of all frames together
_PIXELS_PER_BAND = 2**22
_MODES_OF_8_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
_TRUNCATED_TO_8_BITS = re.compile(r";16[BLN]")  # Pillow's raw modes for colours of 16 bits, which it reads as 8 bits
_large_image_lock = threading.Lock()  # one large image is decoded at a time, to limit memory
_FRAMES_PER_BLOCK = 1 << 16  # of a sound


def pixel_digest(file: BinaryIO) -> str | None:
    """Return a digest of the size and pixels of all frames of an image; None for other kinds of files.

    Grey, palette and RGB images are compared as RGB, or as RGBA if a pixel is transparent. Images with more than 8 bits
    per channel or in another colour space only equal images of the same mode.

    Parameters
    ----------
    file : binary file
        Positioned at its start.

    Raises
    ------
    StimulusFileError
        The image cannot be decoded, or has more than 268,435,456 pixels; the message states its size.

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
            if image.format not in IMAGE_FORMATS:
                return None
            _check_size(image)
            with _large_image_lock if image.width * image.height > _LARGE_IMAGE else nullcontext():
                return _digest_image(image)
    except UnidentifiedImageError:
        return None
    except StimulusFileError:
        raise
    except Exception as error:  # each decoder raises its own exceptions for damaged data
        raise StimulusFileError(str(error) or type(error).__name__) from error


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise StimulusFileError(
            f"{image.width:,} x {image.height:,} pixels are too many to decode; the limit is {MOST_PIXELS:,} (1 GiB)"
        )


def _digest_image(image: Image.Image) -> str:
    digest, pixels = hashlib.blake2b(digest_size=20), 0
    for frame in ImageSequence.Iterator(image):
        _check_size(frame)
        pixels += frame.width * frame.height
        if pixels > _MOST_PIXELS_IN_FRAMES:
            raise StimulusFileError(
                f"its frames have at least {pixels:,} pixels together; the limit is {_MOST_PIXELS_IN_FRAMES:,}"
            )
        _add_frame(digest, frame)
    return digest.hexdigest()


def _add_frame(digest: hashlib.blake2b, frame: Image.Image) -> None:
    """Add a frame in bands of rows, so that a large frame is never copied as a whole."""
    rows = max(1, _PIXELS_PER_BAND // max(frame.width, 1))
    boxes = [(0, top, frame.width, min(top + rows, frame.height)) for top in range(0, frame.height, rows)]
    normalize = _normalizer(frame, boxes)
    for number, box in enumerate(boxes):
        band = normalize(frame.crop(box))
        if number == 0:
            digest.update(f"{band.mode} {frame.width}x{frame.height};".encode())
        digest.update(band.tobytes())


def _normalizer(frame: Image.Image, boxes: Sequence[_Box]) -> Callable[[Image.Image], Image.Image]:
    """Return a function that converts bands of a frame to the mode of the comparison, without loss."""
    if frame.mode.startswith("I;16"):
        return lambda band: band.convert("I")
    if frame.mode not in _MODES_OF_8_BITS:
        return lambda band: band
    if any(_TRUNCATED_TO_8_BITS.search(str(tile)) for tile in getattr(frame, "tile", ())):
        raise StimulusFileError("its colours have 16 bits a channel, of which Pillow reads only 8")
    if not frame.has_transparency_data:
        return lambda band: band.convert("RGB")
    if all(frame.crop(box).convert("RGBA").getchannel("A").getextrema() == (255, 255) for box in boxes):
        return lambda band: band.convert("RGBA").convert("RGB")
    return lambda band: band.convert("RGBA")


def sample_digest(file: BinaryIO) -> str | None:
    """Return a digest of the rate, channels and samples of a WAV sound; None for other kinds of files.

    Samples of fewer bits equal samples of more bits whose lower bits are 0.

    Parameters
    ----------
    file : binary file
        Positioned at its start.

    Raises
    ------
    StimulusFileError
        The sound is truncated, or its samples are not integers (PCM).

    Examples
    --------
    >>> import io
    >>> def sound(width, samples):
    ...     file = io.BytesIO()
    ...     with wave.open(file, "wb") as writer:
    ...         writer.setparams((1, width, 8000, 0, "NONE", ""))
    ...         writer.writeframes(samples)
    ...     return io.BytesIO(file.getvalue())
    >>> sample_digest(sound(1, bytes([128, 129]))) == sample_digest(sound(2, bytes([0, 0, 0, 1])))
    True
    """
    start = file.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        return None
    file.seek(0)
    try:
        with wave.open(file) as sound:
            return _digest_sound(sound)
    except (wave.Error, EOFError, ValueError, RuntimeError) as error:
        raise StimulusFileError(f"not a readable sound: {error}" if str(error) else "the file is truncated") from error


def _digest_sound(sound: wave.Wave_read) -> str:
    digest, remaining = hashlib.blake2b(digest_size=20), sound.getnframes()
    channels, width = sound.getnchannels(), sound.getsampwidth()
    digest.update(f"{sound.getframerate()} Hz, {channels}, {remaining};".encode())
    while remaining:
        block = sound.readframes(min(remaining, _FRAMES_PER_BLOCK))
        count, rest = divmod(len(block), channels * width)
        if count == 0 or rest:
            raise StimulusFileError(f"the file is truncated: {remaining:,} frames are missing")
        digest.update(_widen_samples(block, width))
        remaining -= count
    return digest.hexdigest()


def _widen_samples(block: bytes, width: int) -> bytes:
    """Convert little-endian samples of `width` bytes to samples of 4 bytes, whose lower bytes are 0."""
    narrow = np.frombuffer(block, np.uint8).reshape(-1, width)
    wide = np.zeros((len(narrow), 4), np.uint8)
    wide[:, 4 - width :] = narrow if width > 1 else narrow ^ 0x80  # samples of 1 byte are unsigned, all others signed
    return wide.tobytes()
