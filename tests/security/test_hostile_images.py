"""Images of any size: every header is read, and only images that fit into memory are decoded."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from PIL import Image

import brainio
from brainio.cards.stimulus_sets import read_image_header
from brainio.errors import PackagingError, StimulusFileError
from brainio.packaging import check_experiment_stimulus_set
from brainio.relations.media_digests import pixel_digest
from brainio.stimuli import StimulusSet
from brainio.views.decoders import open_image
from brainio.views.previews import build_preview

WIDTH, HEIGHT = 15_000, 13_000  # 195 million pixels: more than `PIL.Image.open` opens


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *more: bytes, rows: int | None = None) -> bytes:
    """Return a black PNG of one bit per pixel; with `rows`, one that ends early."""
    packer = zlib.compressobj(1)
    line = bytes(1 + -(-width // 8))
    body = b"".join(packer.compress(line) for _ in range(height if rows is None else rows)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "large.png"
    path.write_bytes(png(WIDTH, HEIGHT))
    return path


def stimuli_of(path: Path) -> StimulusSet:
    stimuli = StimulusSet({"stimulus_id": ["a"]})
    stimuli.stimulus_paths = {"a": path}
    return stimuli


def test_pillow_refuses_the_large_picture_by_default(large: Path) -> None:
    with pytest.raises(Image.DecompressionBombError):
        Image.open(large)


def test_a_picture_of_195_million_pixels_is_valid_here(large: Path) -> None:
    assert brainio.validate(stimuli_of(large)).errors == []


def test_a_card_has_the_size_of_a_picture_of_195_million_pixels(large: Path) -> None:
    assert read_image_header(large) == (WIDTH, HEIGHT, "1")


def test_the_pixels_of_a_picture_of_195_million_pixels_are_compared(large: Path) -> None:
    with large.open("rb") as file:
        assert pixel_digest(file) is not None


def test_a_preview_names_the_size_of_a_picture_that_it_does_not_decode(large: Path) -> None:
    preview = build_preview(large)
    assert (preview.picture, preview.note) == (None, "15000 x 13000 pixels: too large to preview")


def test_a_large_jpeg_is_previewed_at_a_reduced_size(tmp_path: Path) -> None:
    Image.new("RGB", (7000, 6000), (200, 10, 10)).save(tmp_path / "a.jpg")
    preview = build_preview(tmp_path / "a.jpg", size=64)
    assert preview.picture is not None
    assert preview.note == "7000 x 6000"
    assert preview.pixels < 25_000_000


@pytest.mark.parametrize(("width", "height"), [(2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (30_000, 30_000)])
def test_a_header_with_a_size_beyond_memory_is_refused_with_that_size(tmp_path: Path, width: int, height: int) -> None:
    body = (
        png(width, height, rows=0)
        if width < 10**6
        else png(8, 8).replace(
            chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 1, 0, 0, 0, 0)),
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
        )
    )
    (tmp_path / "a.png").write_bytes(body)
    tracemalloc.start()
    with pytest.raises(StimulusFileError, match=f"^{width:,} x {height:,} pixels are too many to decode"):
        pixel_digest(io.BytesIO(body))
    assert build_preview(tmp_path / "a.png").note == f"{width} x {height} pixels: too large to preview"
    assert open_image(io.BytesIO(body)).size == (width, height)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_compressed_text_of_a_png_is_unpacked_only_up_to_a_limit(tmp_path: Path) -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300_000_000)))
    (tmp_path / "a.png").write_bytes(png(8, 8, bomb))
    tracemalloc.start()
    errors = brainio.validate(stimuli_of(tmp_path / "a.png")).errors
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [problem.code for problem in errors] == ["file-unreadable"]
    assert build_preview(tmp_path / "a.png").picture is None
    assert peak < 20_000_000


def test_a_jpeg_without_its_end_is_decoded_only_if_it_is_small(tmp_path: Path) -> None:
    small, large = tmp_path / "small.jpg", tmp_path / "large.jpg"
    Image.effect_noise((64, 64), 50).save(small)
    body = small.read_bytes()
    small.write_bytes(body[:-200])
    start = body.index(b"\xff\xc0") + 5
    large.write_bytes(body[:start] + struct.pack(">HH", 65_000, 65_000) + body[start + 4 : -200])
    assert [problem.code for problem in brainio.validate(stimuli_of(small)).errors] == ["file-unreadable"]
    errors = brainio.validate(stimuli_of(large)).errors
    assert [problem.code for problem in errors] == ["file-unreadable"]
    assert "65,000 x 65,000 pixels are too many to decode" in errors[0].found


def test_an_svg_file_is_never_rendered(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>')
    assert build_preview(tmp_path / "a.svg").picture is None
    assert brainio.validate(stimuli_of(tmp_path / "a.svg")).errors == []


@pytest.mark.parametrize("frames", [3000])
def test_only_the_first_frame_of_an_animation_is_decoded(tmp_path: Path, frames: int) -> None:
    first, *others = [Image.new("P", (8, 8), shade % 250) for shade in range(frames)]
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    assert build_preview(tmp_path / "a.gif").pixels == 64


def test_packaging_refuses_a_damaged_image(tmp_path: Path) -> None:
    (tmp_path / "im_1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 50)
    stimuli = StimulusSet({"stimulus_id": ["a"]})
    stimuli.stimulus_paths = {"a": tmp_path / "im_1.png"}
    with pytest.raises(PackagingError, match=r"im_1\.png of the stimulus 'a' cannot be read"):
        check_experiment_stimulus_set(stimuli)
    stimuli.stimulus_paths = {"a": tmp_path / "im_1.jpg"}
    with pytest.raises(PackagingError, match="cannot be read"):
        check_experiment_stimulus_set(stimuli)


@pytest.mark.parametrize("size", [2**32 - 1, 0, 3])
def test_a_sound_with_a_false_size_is_drawn_up_to_its_end(tmp_path: Path, size: int) -> None:
    body = b"RIFF\0\0\0\0WAVE" + b"fmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    (tmp_path / "a.wav").write_bytes(body + b"data" + struct.pack("<I", size) + bytes(4000))
    tracemalloc.start()
    assert build_preview(tmp_path / "a.wav").kind == "sound"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60_000_000
