"""Decoders that turn stimulus files into small pictures, within bounds on bytes and pixels.

Reads images of a few safe formats, the first frame of a video (extra `video`), and WAV files of integers or floats,
which the `wave` of the standard library only partly supports. No decoder starts another program or opens another file.
"""

from __future__ import annotations

import importlib.util
import struct
import warnings
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from brainio.progress import readable_size

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


_JPEG_REDUCTION = 8  # JPEG decoders can skip to an eighth of the size
# Without formats for which Pillow starts other programs, such as EPS.
_SAFE_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "TGA", "ICO")


class Preview(NamedTuple):
    """A small picture of a file, or the reason why there is none.

    Attributes
    ----------
    picture : PIL.Image.Image or None
        In mode RGB or RGBA.
    kind : str
        `image`, `sound`, `video`, `text` or `file`.
    note : str
        Dimensions, duration, an excerpt of a text, or the reason why there is no picture.
    pixels : int, default 0
        The number of pixels that were decoded.
    """

    picture: Image.Image | None
    kind: str
    note: str
    pixels: int = 0


@cache
def _available_formats() -> list[str]:
    """Return the safe formats that this build of Pillow supports."""
    Image.init()
    return [name for name in _SAFE_FORMATS if name in Image.OPEN]


def open_image(file: BinaryIO) -> Image.Image:
    """Read the header of an image of any size without decoding it.

    `PIL.Image.open` refuses images of more than 178,956,970 pixels, although reading the size and mode needs no memory.
    Compare the size with a limit before you decode the image.

    Parameters
    ----------
    file : binary file
        Read from its start. Keep it open until the image is decoded.

    Raises
    ------
    UnidentifiedImageError
        The file is not an image of a supported format.

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
    for name in _available_formats():
        factory, accepts = Image.OPEN[name]
        if accepts is not None and accepts(start) is not True:
            continue
        file.seek(0)
        with suppress(SyntaxError, IndexError, TypeError, struct.error):  # how a Pillow plugin rejects a file
            return factory(file, "")
    raise UnidentifiedImageError("not an image of a known format")


def is_image(path: Path) -> bool:
    """Return whether a file is an image of a known format, regardless of its name."""
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            open_image(file)
            return True
    except UnidentifiedImageError:
        return False


def decode_image(path: Path, size: int, max_pixels: int) -> Preview:
    """Decode an image into a picture of at most `size` x `size` pixels, unless it exceeds `max_pixels`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata
        with path.open("rb") as file, open_image(file) as image:
            dimensions = f"{image.width} x {image.height}"
            limit = max_pixels
            if image.format == "JPEG" and not image.info.get("progressive"):
                limit *= _JPEG_REDUCTION
            if image.width * image.height > limit:
                return Preview(None, "image", f"{dimensions} pixels: too large to preview")
            image.draft("RGB", (2 * size, 2 * size))
            pixels = image.width * image.height
            if pixels > max_pixels:
                return Preview(None, "image", f"{dimensions} pixels: too large to preview")
            return Preview(_shrink(image, size), "image", dimensions, pixels)


def _shrink(image: Image.Image, size: int) -> Image.Image:
    """Convert an image to RGB or RGBA, and shrink its longer side to at most `size` pixels."""
    if image.mode.startswith(("I", "F")):
        image = _scale_to_8_bits(image)
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    picture = image.convert("RGBA" if has_alpha else "RGB")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture


def _scale_to_8_bits(image: Image.Image) -> Image.Image:
    """Scale values of more than 8 bits: 16-bit integers by their full range, others by the range of the values."""
    values = np.asarray(image, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Image.new("L", image.size)
    low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else (float(np.min(finite)), float(np.max(finite)))
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0)
    return Image.fromarray(np.round(scaled * 255).clip(0, 255).astype(np.uint8))


# The extension selects the format, not the content: a playlist posing as a video may name other files.
_VIDEO_FORMATS = {"mp4": "mov", "m4v": "mov", "mov": "mov", "avi": "avi", "mkv": "matroska", "webm": "matroska"}
_VIDEO_FORMATS |= {"mpg": "mpeg", "mpeg": "mpeg"}


def decode_first_frame(path: Path, size: int, max_pixels: int, file_size: int) -> Preview:
    """Decode the first frame of a video, unless it exceeds `max_pixels`; without PyAV, return a note only."""
    suffix = path.suffix.lower().lstrip(".")
    if importlib.util.find_spec("av") is None:
        return Preview(None, "video", f"{suffix}, {readable_size(file_size)}")
    import av

    options = {"protocol_whitelist": "file"}
    with av.open(str(path), format=_VIDEO_FORMATS[suffix], options=options) as container:
        stream = container.streams.video[0]
        dimensions = f"{stream.width} x {stream.height}"
        if stream.width * stream.height > max_pixels:
            return Preview(None, "video", f"{dimensions} pixels: too large to preview")
        frame = next(container.decode(stream))
        length = f", {container.duration / av.time_base:.3g} s" if container.duration else ""
        pixels = stream.width * stream.height
        return Preview(_shrink(frame.to_image(), size), "video", dimensions + length, pixels)


_MAX_SOUND_BYTES = 16 << 20
_DYNAMIC_RANGE = 60.0  # dB below the maximum
_WINDOW = 512  # samples
_INTEGERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE  # format codes of samples
_MAX_CHUNKS = 1000  # before the samples
# From dark to light with evenly increasing brightness.
_COLOUR_MAP = np.array([[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]])


class _Sound(NamedTuple):
    """The layout of the samples in a WAV file."""

    format: int
    channels: int
    rate: int
    width: int  # bytes of a sample
    size: int  # bytes of all samples


def draw_wav(path: Path, size: int) -> Preview:
    """Draw the waveform of the first 16 MiB of a WAV file above its spectrogram.

    The note states the duration in s and the sampling rate in kHz.
    """
    with path.open("rb") as file:
        sound = _read_wav_header(file)
        frame = sound.width * sound.channels
        raw = file.read(min(sound.size, _MAX_SOUND_BYTES) // frame * frame)
    note = f"{sound.size / frame / max(sound.rate, 1):.3g} s, {sound.rate / 1000:.3g} kHz"
    raw = raw[: len(raw) // frame * frame]
    signal = np.nan_to_num(_decode_samples(raw, sound).reshape(-1, sound.channels).mean(axis=1))
    if not signal.size:
        return Preview(None, "sound", f"{note}: empty")
    upper = size // 3
    lower = 2 * size // 3 - upper
    rows = [_draw_waveform(signal, size, upper), _draw_spectrogram(signal, size, lower)]
    return Preview(Image.fromarray(np.concatenate(rows)), "sound", note)


def _read_wav_header(file: BinaryIO) -> _Sound:
    """Read the chunks before the first sample."""
    riff, _, kind = struct.unpack("<4sI4s", file.read(12))
    if (riff, kind) != (b"RIFF", b"WAVE"):
        raise ValueError("not a WAV file")
    layout: tuple[int, int, int, int] | None = None
    for _ in range(_MAX_CHUNKS):
        name, size = struct.unpack("<4sI", file.read(8))
        if name == b"data" and layout is not None:
            return _Sound(*layout, size)
        start = file.tell()
        if name == b"fmt ":
            code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", file.read(16))
            if code == _EXTENSIBLE:
                code = struct.unpack("<8xH", file.read(10))[0]
            layout = code, channels, rate, bits // 8
        file.seek(start + size + size % 2)
    raise ValueError("no samples")


def _decode_samples(raw: bytes, sound: _Sound) -> np.ndarray:
    width = sound.width
    if sound.format == _FLOATS:
        return np.frombuffer(raw, {4: "<f4", 8: "<f8"}[width]).astype(np.float64)
    if sound.format != _INTEGERS:
        raise ValueError("compressed samples")
    if width == 3:
        parts = np.frombuffer(raw, np.uint8).reshape(-1, 3).astype(np.int32)
        return ((parts[:, 0] << 8) | (parts[:, 1] << 16) | (parts[:, 2] << 24)) / 2.0**31
    values = np.frombuffer(raw, {1: "u1", 2: "<i2", 4: "<i4"}[width]).astype(np.float64)
    return (values - 128) / 128 if width == 1 else values / 2.0 ** (8 * width - 1)


def _draw_waveform(signal: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Draw a line from the lowest to the highest value in each column."""
    edges = np.linspace(0, signal.size, columns + 1).astype(np.intp)
    starts = np.minimum(edges[:-1], signal.size - 1)
    low, high = np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)
    loudest = max(float(np.abs(signal).max()), 1e-9)
    heights = np.linspace(1, -1, rows)[:, np.newaxis]
    half = 1 / max(rows - 1, 1)
    drawn = (heights <= high / loudest + half) & (heights >= low / loudest - half)
    return np.where(drawn[..., np.newaxis], _COLOUR_MAP[4], _COLOUR_MAP[0]).astype(np.uint8)


def _draw_spectrogram(signal: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Draw the power in dB over time (x) and the square root of frequency (y), up to half the sampling rate."""
    padded = np.pad(signal, (0, max(0, _WINDOW - signal.size)))
    starts = np.linspace(0, padded.size - _WINDOW, columns).astype(np.intp)
    windows = padded[starts[:, np.newaxis] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(windows, axis=1))[:, 1:] ** 2
    edges = np.linspace(0, 1, rows + 1)[:-1] ** 2 * power.shape[1]  # more rows for low frequencies
    bands = np.maximum.reduceat(power, edges.astype(np.intp), axis=1)
    decibels = 10 * np.log10(bands / max(float(bands.max()), 1e-30) + 1e-12)
    levels = np.clip(1 + decibels / _DYNAMIC_RANGE, 0, 1).T[::-1]
    anchors = np.linspace(0, 1, len(_COLOUR_MAP))
    return np.stack([np.interp(levels, anchors, channel) for channel in _COLOUR_MAP.T], axis=-1).astype(np.uint8)
