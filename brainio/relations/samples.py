"""One sound: a digest of its samples, which is the same whatever else the file holds beside them. WAV files only."""

from __future__ import annotations

import hashlib
import wave
from typing import TYPE_CHECKING

import numpy as np

from brainio.errors import StimulusFileError

if TYPE_CHECKING:
    from typing import BinaryIO

_FRAMES = 1 << 16


def sample_digest(file: BinaryIO) -> str | None:
    """Return a digest of rate, channels and samples of a sound; None where it is no WAV file.

    Samples of fewer bits are equal to those of more bits whose lower bits are 0.

    Parameters
    ----------
    file : binary file
        From its start.

    Raises
    ------
    StimulusFileError
        It is cut short, or its samples are not integers (PCM).

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
            return _digest_of_frames(sound)
    except (wave.Error, EOFError, ValueError, RuntimeError) as error:
        raise StimulusFileError(f"no sound that can be read: {error}" if str(error) else "cut short") from error


def _digest_of_frames(sound: wave.Wave_read) -> str:
    digest, left = hashlib.blake2b(digest_size=20), sound.getnframes()
    channels, width = sound.getnchannels(), sound.getsampwidth()
    digest.update(f"{sound.getframerate()} Hz, {channels}, {left};".encode())
    while left:
        block = sound.readframes(min(left, _FRAMES))
        count, rest = divmod(len(block), channels * width)
        if count == 0 or rest:
            raise StimulusFileError(f"cut short: {left:,} frames are missing")
        digest.update(_of_32_bits(block, width))
        left -= count
    return digest.hexdigest()


def _of_32_bits(block: bytes, width: int) -> bytes:
    """Return little-endian samples of so many bytes as such of four, the added ones being 0."""
    parts = np.frombuffer(block, np.uint8).reshape(-1, width)
    wide = np.zeros((len(parts), 4), np.uint8)
    wide[:, 4 - width :] = parts if width > 1 else parts ^ 0x80  # those of one byte count from 128
    return wide.tobytes()
