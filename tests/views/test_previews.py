"""Guarantees of previews: any file gives a picture or a note, quickly and without side effects."""

from __future__ import annotations

import os
import struct
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from brainio.views import build_preview, build_thumbnails
from tests.tiers import scaled_examples
from tests.views.pages import image


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
def test_images_of_every_mode_become_pictures(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    Image.new(mode, (50, 20)).save(path)
    preview = build_preview(path, 25)
    assert preview.picture is not None, preview.note
    assert (preview.picture.mode in ("RGB", "RGBA"), preview.picture.size, preview.note) == (True, (25, 10), "50 x 20")


def test_numbers_of_16_bits_are_shown_as_grey_levels(tmp_path: Path) -> None:
    values = np.array([[0, 32768], [65535, 16384]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    picture = build_preview(tmp_path / "a.png").picture
    assert picture is not None
    assert np.asarray(picture)[..., 0].tolist() == [[0, 128], [255, 64]]


def test_an_image_without_an_extension_is_an_image(tmp_path: Path) -> None:
    image(tmp_path / "a.png").rename(tmp_path / "a")
    assert build_preview(tmp_path / "a").kind == "image"


def test_large_images_are_not_decoded(tmp_path: Path) -> None:
    Image.new("1", (9000, 9000)).save(tmp_path / "large.png")
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    large, bomb = build_preview(tmp_path / "large.png"), build_preview(tmp_path / "bomb.png")
    assert (large.picture, large.pixels, large.note) == (None, 0, "9000 x 9000 pixels: too large to preview")
    assert (bomb.picture, bomb.note) == (None, "20000 x 20000 pixels: too large to preview")


def test_the_thumbnails_of_a_view_share_a_budget_of_pixels(tmp_path: Path) -> None:
    Image.new("L", (5000, 5000)).save(tmp_path / "a.png")
    assert [bool(thumbnail.uri) for thumbnail in build_thumbnails([tmp_path / "a.png"] * 5)] == [True] * 4 + [False]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("fifo.png", "folder.png"):
        assert build_preview(tmp_path / name).note == "not a regular file"
    assert build_preview(tmp_path / "gone.png").note == "the file is missing"
    assert build_preview(Path("nul\0.png")).picture is None


def test_no_program_is_started_for_postscript(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    assert build_preview(tmp_path / "a.png").note == "not an image of a known format"


@settings(max_examples=scaled_examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300),
    start=st.sampled_from([b"", b"RIFF\0\0\0\0WAVEfmt ", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0"]),
    suffix=st.sampled_from([".png", ".wav", ".mp4", ".txt", ".mp3", "", ".jpg"]),
)
def test_any_bytes_give_a_preview(content: bytes, start: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(start + content)
    preview = build_preview(path)
    assert preview.picture is not None or preview.note or suffix == ".txt"


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_truncated_images_have_a_note(keep: float, tmp_path: Path) -> None:
    content = image(tmp_path / "a.png", (200, 200)).read_bytes()
    (tmp_path / "a.png").write_bytes(content[: int(len(content) * keep)])
    assert build_preview(tmp_path / "a.png").note.startswith("cannot be read")


def tone(path: Path, width: int, channels: int = 1, hertz: float = 1000.0) -> Path:
    """Two seconds of a tone at 8 kHz, silent in the first."""
    time = np.arange(16000) / 8000
    signal = np.where(time < 1, 0, np.sin(2 * np.pi * hertz * time)) * 0.9
    scaled = np.round(signal * (2 ** (8 * width - 1) - 1)).astype(np.int32)
    raw = {1: (scaled + 128).astype(np.uint8), 2: scaled.astype("<i2"), 4: scaled.astype("<i4")}
    frames = raw[width] if width != 3 else scaled.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, 8000, 0, "NONE", ""))
        file.writeframes(np.repeat(frames.reshape(len(scaled), -1), channels, axis=0).tobytes())
    return path


def float_tone(path: Path) -> Path:
    time = np.arange(16000) / 8000
    raw = np.where(time < 1, 0, np.sin(2 * np.pi * 1000 * time)).astype("<f4").tobytes()
    chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 8000, 32000, 4, 32)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36 + len(raw)) + b"WAVE" + chunk + b"data" + struct.pack("<I", len(raw)) + raw
    )
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4, "float"])
def test_sounds_are_drawn_as_waveform_and_spectrogram(width: int | str, tmp_path: Path) -> None:
    path = float_tone(tmp_path / "a.wav") if isinstance(width, str) else tone(tmp_path / "a.wav", width)
    preview = build_preview(path, 128)
    assert (preview.kind, preview.note) == ("sound", "2 s, 8 kHz")
    assert preview.picture is not None
    light = np.asarray(preview.picture).sum(axis=2)
    waveform, spectrogram = light[:42], light[42:]
    assert (waveform[[5, -5], 100] > 300).all()
    assert (waveform[[5, -5], 20] < 10).all()
    # 1 of 4 kHz, drawn by its root: half way up
    assert abs(int(np.argmax(spectrogram[:, 100])) - len(spectrogram) // 2) <= 2
    assert spectrogram[:, 20].max() < spectrogram[:, 100].max()


def test_sounds_of_many_channels_are_averaged(tmp_path: Path) -> None:
    assert build_preview(tone(tmp_path / "a.wav", 2, channels=2)).picture is not None


def test_a_sound_with_a_wrong_length_is_read_to_its_end(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", 2)
    content = path.read_bytes()
    path.write_bytes(content[:40] + struct.pack("<I", 2**32 - 1) + content[44:])
    assert build_preview(path).picture is not None


def test_videos_are_shown_by_their_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 80, "yuv420p"
        for level in (250, 0, 0, 0, 0):
            frame = av.VideoFrame.from_ndarray(np.full((80, 160, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    preview = build_preview(path, 40)
    assert (preview.kind, preview.note) == ("video", "160 x 80, 0.5 s")
    assert preview.picture is not None
    assert preview.picture.size == (40, 20)
    assert np.asarray(preview.picture).min() > 230


def test_a_playlist_posing_as_a_video_opens_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n")
    assert build_preview(tmp_path / "a.mp4").note.startswith("cannot be read")


def test_without_pyav_a_video_has_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"0" * 2000)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert build_preview(tmp_path / "a.mp4").note == "mp4, 2.0 kB"
