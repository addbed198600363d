"""First frames of videos, where PyAV is installed (extra `video`); else videos are told in words."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from brainio.progress import readable_size
from brainio.views.images import reduced
from brainio.views.previews import Preview

if TYPE_CHECKING:
    from pathlib import Path

# The format is told by the name, not by the content: a playlist that calls itself a video may name other files.
_FORMATS = {"mp4": "mov", "m4v": "mov", "mov": "mov", "avi": "avi", "mkv": "matroska", "webm": "matroska"}
_FORMATS |= {"mpg": "mpeg", "mpeg": "mpeg"}


def first_frame(path: Path, size: int, most_pixels: int, file_size: int) -> Preview:
    """Decode the first frame, unless it has too many pixels."""
    suffix = path.suffix.lower().lstrip(".")
    if importlib.util.find_spec("av") is None:
        return Preview(None, "video", f"{suffix}, {readable_size(file_size)}")
    import av

    options = {"protocol_whitelist": "file"}
    with av.open(str(path), format=_FORMATS[suffix], options=options) as container:
        stream = container.streams.video[0]
        dimensions = f"{stream.width} x {stream.height}"
        if stream.width * stream.height > most_pixels:
            return Preview(None, "video", f"{dimensions} pixels: too large to preview")
        frame = next(container.decode(stream))
        length = f", {container.duration / av.time_base:.3g} s" if container.duration else ""
        pixels = stream.width * stream.height
        return Preview(reduced(frame.to_image(), size), "video", dimensions + length, pixels)
