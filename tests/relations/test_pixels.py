"""Promises of digests of pictures and sounds: equal if and only if pixels or samples are, whatever the file."""

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
from brainio.relations import pixels
from brainio.relations.pixels import pixel_digest
from brainio.relations.samples import sample_digest

LOSSLESS = ["PNG", "BMP", "TIFF", "WEBP"]


def encoded(image: Image.Image, kind: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}), **options)
    return io.BytesIO(file.getvalue())


def digest(image: Image.Image, kind: str = "PNG", **options: object) -> str:
    found = pixel_digest(encoded(image, kind, **options))
    assert found is not None
    return found


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
def test_encoding_without_loss_changes_nothing(image: Image.Image, kind: str) -> None:
    if kind == "BMP" and image.mode == "RGBA":
        kind = "TIFF"
    assert digest(image, kind) == digest(image)


@given(images(), images())
@settings(deadline=None)
def test_digests_are_equal_if_and_only_if_pixels_are(one: Image.Image, other: Image.Image) -> None:
    same = one.size == other.size and one.convert("RGBA").tobytes() == other.convert("RGBA").tobytes()
    assert (digest(one) == digest(other)) == same


def test_one_bit_of_one_pixel_makes_another_picture() -> None:
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    other = image.copy()
    other.putpixel((3, 3), (10, 20, 31))
    assert digest(image) != digest(other)


def test_modes_that_say_the_same_are_the_same_picture() -> None:
    grey = Image.new("L", (3, 3), 7)
    palette = grey.convert("RGB").quantize(4)
    opaque = grey.convert("RGBA")
    assert digest(grey) == digest(palette) == digest(palette, "GIF") == digest(opaque) == digest(grey.convert("LA"))
    clear = Image.new("RGBA", (3, 3), (7, 7, 7, 0))
    assert digest(grey) != digest(clear)
    assert digest(grey, transparency=7) == digest(clear)


def test_metadata_does_not_count() -> None:
    image = Image.new("RGB", (3, 3), (1, 2, 3))
    assert digest(image, dpi=(300, 300)) == digest(image, optimize=True)


def test_all_frames_count() -> None:
    frames = [Image.new("L", (3, 3), shade) for shade in (0, 100, 200)]
    both = digest(frames[0], "TIFF", save_all=True, append_images=frames[1:2])
    assert both == digest(frames[0], "PNG", save_all=True, append_images=frames[1:2], default_image=False)
    assert len({both, digest(frames[0]), digest(frames[0], "TIFF", save_all=True, append_images=frames[2:])}) == 3


def test_grey_of_sixteen_bits_is_compared_in_all_bits() -> None:
    dark, darker = (Image.fromarray(np.full((2, 2), value, np.uint16)) for value in (1000, 1001))
    assert digest(dark) == digest(dark, "TIFF") != digest(darker)
    assert digest(dark) != digest(Image.new("L", (2, 2), 3))


def test_colours_of_sixteen_bits_are_refused_rather_than_cut() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">HHH", 1000, 2000, 3000))
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    with pytest.raises(StimulusFileError, match="16 bits"):
        pixel_digest(io.BytesIO(file))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_picture_that_is_cut_short_is_an_error(kind: str) -> None:
    content = encoded(Image.effect_noise((32, 32), 50).convert("RGB"), kind).getvalue()
    with pytest.raises(StimulusFileError):
        pixel_digest(io.BytesIO(content[: len(content) // 2]))


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encoded(Image.new("1", (100, 200)), "PNG")
    monkeypatch.setattr(pixels, "MOST_PIXELS", 1000)
    with pytest.raises(StimulusFileError, match=r"^100 x 200 pixels are too many to decode; at most 1,000 are"):
        pixel_digest(file)


def test_a_bomb_of_many_frames_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.new("L", (30, 30), shade) for shade in range(20)]
    file = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(pixels, "_MOST_IN_FRAMES", 16_000)
    with pytest.raises(StimulusFileError, match=r"^its frames have 16,200 pixels and more together; at most 16,000"):
        pixel_digest(file)


@pytest.mark.parametrize("digest_of", [pixel_digest, sample_digest])
@pytest.mark.parametrize("content", [b"", b"text", b"RIFF....AVI ", b"\0" * 100])
def test_other_files_have_no_digest(digest_of: Callable[[io.BytesIO], str | None], content: bytes) -> None:
    assert digest_of(io.BytesIO(content)) is None


def sound(samples: np.ndarray, width: int = 2, rate: int = 8000, more: bytes = b"") -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, width, rate, 0, "NONE", ""))
        whole = (samples.astype(np.int64) << 8 * (width - 2)) if width > 2 else samples >> 8 * (2 - width)
        wide = (whole + (128 if width == 1 else 0)).astype("<i4").view(np.uint8).reshape(-1, 4)
        writer.writeframes(wide[:, :width].tobytes())
    content = file.getvalue() + (more and b"LIST" + struct.pack("<I", len(more)) + more)
    return io.BytesIO(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=20), st.integers(1, 4))
def test_samples_are_the_same_in_any_number_of_bytes(values: list[int], width: int) -> None:
    samples = np.array(values) * 256
    assert sample_digest(sound(samples, width)) == sample_digest(sound(samples))


def test_sounds_differ_by_samples_and_rate_and_not_by_what_is_noted_beside_them() -> None:
    samples = np.arange(100) * 256
    first = sample_digest(sound(samples))
    assert first == sample_digest(sound(samples, more=b"INFO"))
    assert len({first, sample_digest(sound(samples[::-1])), sample_digest(sound(samples, rate=16000))}) == 3


def test_a_sound_that_is_cut_short_is_an_error() -> None:
    content = sound(np.arange(100)).getvalue()
    with pytest.raises(StimulusFileError, match="cut short"):
        sample_digest(io.BytesIO(content[:-10]))
    with pytest.raises(StimulusFileError):
        sample_digest(io.BytesIO(content[:20]))


def test_a_sound_of_floating_point_samples_is_an_error_that_says_so() -> None:
    content = bytearray(sound(np.arange(4), 4).getvalue())
    content[20:22] = struct.pack("<H", 3)
    with pytest.raises(StimulusFileError, match="format"):
        sample_digest(io.BytesIO(bytes(content)))
