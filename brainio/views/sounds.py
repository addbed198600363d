"""Small pictures of sounds: the waveform above, the spectrogram below. Reads WAV files of integers and of floats.

The `wave` of the standard library refuses floats, which many stimuli are, so that the two chunks needed are read here.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from brainio.views.previews import Preview

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 16 << 20
_DYNAMIC_RANGE = 60.0  # dB below the loudest that are shown
_WINDOW = 512  # samples
_INTEGERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE  # formats of samples
_MOST_CHUNKS = 1000  # before the samples
# From dark to light, evenly by brightness.
_COLOURS = np.array([[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]])


class _Sound(NamedTuple):
    format: int
    channels: int
    rate: int
    width: int  # bytes of a sample
    size: int  # bytes of all samples


def picture_of_wav(path: Path, size: int) -> Preview:
    """Draw the first 16 MiB of a sound; the note tells its duration in s and its sampling rate in kHz."""
    with path.open("rb") as file:
        sound = _header(file)
        frame = sound.width * sound.channels
        raw = file.read(min(sound.size, _MOST_BYTES) // frame * frame)
    note = f"{sound.size / frame / max(sound.rate, 1):.3g} s, {sound.rate / 1000:.3g} kHz"
    raw = raw[: len(raw) // frame * frame]
    signal = np.nan_to_num(_samples(raw, sound).reshape(-1, sound.channels).mean(axis=1))
    if not signal.size:
        return Preview(None, "sound", f"{note}: empty")
    upper = size // 3
    lower = 2 * size // 3 - upper
    rows = [_waveform(signal, size, upper), _spectrogram(signal, size, lower)]
    return Preview(Image.fromarray(np.concatenate(rows)), "sound", note)


def _header(file: BinaryIO) -> _Sound:
    """Read up to the first sample."""
    riff, _, kind = struct.unpack("<4sI4s", file.read(12))
    if (riff, kind) != (b"RIFF", b"WAVE"):
        raise ValueError("not a WAV file")
    described: tuple[int, int, int, int] | None = None
    for _ in range(_MOST_CHUNKS):
        name, size = struct.unpack("<4sI", file.read(8))
        if name == b"data" and described is not None:
            return _Sound(*described, size)
        start = file.tell()
        if name == b"fmt ":
            code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", file.read(16))
            if code == _EXTENSIBLE:
                code = struct.unpack("<8xH", file.read(10))[0]
            described = code, channels, rate, bits // 8
        file.seek(start + size + size % 2)
    raise ValueError("no samples")


def _samples(raw: bytes, sound: _Sound) -> np.ndarray:
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


def _waveform(signal: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Draw from the lowest to the highest value in each column."""
    edges = np.linspace(0, signal.size, columns + 1).astype(np.intp)
    starts = np.minimum(edges[:-1], signal.size - 1)
    low, high = np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)
    loudest = max(float(np.abs(signal).max()), 1e-9)
    heights = np.linspace(1, -1, rows)[:, np.newaxis]
    half = 1 / max(rows - 1, 1)
    drawn = (heights <= high / loudest + half) & (heights >= low / loudest - half)
    return np.where(drawn[..., np.newaxis], _COLOURS[4], _COLOURS[0]).astype(np.uint8)


def _spectrogram(signal: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Draw power in dB by time and by the root of frequency, up to half of the sampling rate."""
    padded = np.pad(signal, (0, max(0, _WINDOW - signal.size)))
    starts = np.linspace(0, padded.size - _WINDOW, columns).astype(np.intp)
    windows = padded[starts[:, np.newaxis] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(windows, axis=1))[:, 1:] ** 2
    edges = np.linspace(0, 1, rows + 1)[:-1] ** 2 * power.shape[1]  # low frequencies get more room
    bands = np.maximum.reduceat(power, edges.astype(np.intp), axis=1)
    decibels = 10 * np.log10(bands / max(float(bands.max()), 1e-30) + 1e-12)
    levels = np.clip(1 + decibels / _DYNAMIC_RANGE, 0, 1).T[::-1]
    anchors = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(levels, anchors, channel) for channel in _COLOURS.T], axis=-1).astype(np.uint8)
