"""Tests of digests of images and sounds: they are equal if and only if the pixels or samples are equal."""

import io
import struct
import wave
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from brainio.errors import StimulusFileError
from brainio.relations import media_digests
from brainio.relations.media_digests import pixel_digest, sample_digest

LOSSLESS = ["PNG", "BMP", "TIFF", "WEBP"]


def encode(image: Image.Image, kind: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}), **options)
    return io.BytesIO(file.getvalue())


def digest(image: Image.Image, kind: str = "PNG", **options: object) -> str:
    value = pixel_digest(encode(image, kind, **options))
    assert value is not None
    return value


@st.composite
def images(draw: st.DrawFn) -> Image.Image:
    mode = draw(st.sampled_from(["L", "RGB", "RGBA", "1"]))
    width, height = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    bands = {"L": 1, "1": 1, "RGB": 3, "RGBA": 4}[mode]
    data = draw(st.binary(min_size=width * height * bands, max_size=width * height * bands))
    if mode == "1":
        return Image.frombytes("L", (width, height), data).convert("1", dither=Image.Dither.NONE)
    return Image.frombytes(mode, (width, height), data)


@given(images(), st.sampled_from(LOSSLESS))
@settings(deadline=None)
def test_lossless_encoding_does_not_change_the_digest(image: Image.Image, kind: str) -> None:
    if kind == "BMP" and image.mode == "RGBA":
        kind = "TIFF"
    assert digest(image, kind) == digest(image)


@given(images(), images())
@settings(deadline=None)
def test_digests_are_equal_if_and_only_if_the_pixels_are(first: Image.Image, second: Image.Image) -> None:
    same = first.size == second.size and first.convert("RGBA").tobytes() == second.convert("RGBA").tobytes()
    assert (digest(first) == digest(second)) == same


def test_one_bit_of_one_pixel_changes_the_digest() -> None:
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    other = image.copy()
    other.putpixel((3, 3), (10, 20, 31))
    assert digest(image) != digest(other)


def test_modes_with_the_same_colours_have_the_same_digest() -> None:
    grey = Image.new("L", (3, 3), 7)
    palette = grey.convert("RGB").quantize(4)
    opaque = grey.convert("RGBA")
    assert digest(grey) == digest(palette) == digest(palette, "GIF") == digest(opaque) == digest(grey.convert("LA"))
    clear = Image.new("RGBA", (3, 3), (7, 7, 7, 0))
    assert digest(grey) != digest(clear)
    assert digest(grey, transparency=7) == digest(clear)


def test_metadata_do_not_change_the_digest() -> None:
    image = Image.new("RGB", (3, 3), (1, 2, 3))
    assert digest(image, dpi=(300, 300)) == digest(image, optimize=True)


def test_all_frames_contribute_to_the_digest() -> None:
    frames = [Image.new("L", (3, 3), shade) for shade in (0, 100, 200)]
    both = digest(frames[0], "TIFF", save_all=True, append_images=frames[1:2])
    assert both == digest(frames[0], "PNG", save_all=True, append_images=frames[1:2], default_image=False)
    assert len({both, digest(frames[0]), digest(frames[0], "TIFF", save_all=True, append_images=frames[2:])}) == 3


def test_grey_images_of_16_bits_are_compared_in_all_bits() -> None:
    dark, darker = (Image.fromarray(np.full((2, 2), value, np.uint16)) for value in (1000, 1001))
    assert digest(dark) == digest(dark, "TIFF") != digest(darker)
    assert digest(dark) != digest(Image.new("L", (2, 2), 3))


def test_colours_of_16_bits_are_refused_instead_of_truncated() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">HHH", 1000, 2000, 3000))
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    with pytest.raises(StimulusFileError, match="16 bits"):
        pixel_digest(io.BytesIO(file))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_truncated_image_raises_an_error(kind: str) -> None:
    content = encode(Image.effect_noise((32, 32), 50).convert("RGB"), kind).getvalue()
    with pytest.raises(StimulusFileError):
        pixel_digest(io.BytesIO(content[: len(content) // 2]))


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encode(Image.new("1", (100, 200)), "PNG")
    monkeypatch.setattr(media_digests, "MOST_PIXELS", 1000)
    with pytest.raises(StimulusFileError, match=r"^100 x 200 pixels are too many to decode; the limit is 1,000"):
        pixel_digest(file)


def test_a_bomb_of_many_frames_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.new("L", (30, 30), shade) for shade in range(20)]
    file = encode(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(media_digests, "_MOST_PIXELS_IN_FRAMES", 16_000)
    with pytest.raises(StimulusFileError, match=r"^its frames have at least 16,200 pixels .* limit is 16,000"):
        pixel_digest(file)


@pytest.mark.parametrize("digest_of", [pixel_digest, sample_digest])
@pytest.mark.parametrize("content", [b"", b"text", b"RIFF....AVI ", b"\0" * 100])
def test_other_files_have_no_digest(digest_of: Callable[[io.BytesIO], str | None], content: bytes) -> None:
    assert digest_of(io.BytesIO(content)) is None


def sound(samples: np.ndarray, width: int = 2, rate: int = 8000, extra_chunk: bytes = b"") -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, width, rate, 0, "NONE", ""))
        whole = (samples.astype(np.int64) << 8 * (width - 2)) if width > 2 else samples >> 8 * (2 - width)
        wide = (whole + (128 if width == 1 else 0)).astype("<i4").view(np.uint8).reshape(-1, 4)
        writer.writeframes(wide[:, :width].tobytes())
    content = file.getvalue() + (extra_chunk and b"LIST" + struct.pack("<I", len(extra_chunk)) + extra_chunk)
    return io.BytesIO(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=20), st.integers(1, 4))
def test_the_number_of_bytes_per_sample_does_not_change_the_digest(values: list[int], width: int) -> None:
    samples = np.array(values) * 256
    assert sample_digest(sound(samples, width)) == sample_digest(sound(samples))


def test_samples_and_rate_change_the_digest_but_metadata_do_not() -> None:
    samples = np.arange(100) * 256
    first = sample_digest(sound(samples))
    assert first == sample_digest(sound(samples, extra_chunk=b"INFO"))
    assert len({first, sample_digest(sound(samples[::-1])), sample_digest(sound(samples, rate=16000))}) == 3


def test_a_truncated_sound_raises_an_error() -> None:
    content = sound(np.arange(100)).getvalue()
    with pytest.raises(StimulusFileError, match="truncated"):
        sample_digest(io.BytesIO(content[:-10]))
    with pytest.raises(StimulusFileError):
        sample_digest(io.BytesIO(content[:20]))


def test_a_sound_with_floating_point_samples_raises_an_error_about_the_format() -> None:
    content = bytearray(sound(np.arange(4), 4).getvalue())
    content[20:22] = struct.pack("<H", 3)
    with pytest.raises(StimulusFileError, match="format"):
        sample_digest(io.BytesIO(bytes(content)))
